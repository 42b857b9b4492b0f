"""The vocabulary for settings: what each word takes, what it returns, and what it says of all else."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from unideq import checks
from unideq.errors import DataError, OptionError

NOT_NUMBERS = [
    None,
    True,
    np.bool_(True),
    "1",
    "x",
    [1],
    {},
    1j,
    np.nan,
    np.inf,
    np.array([1.0]),
    np.ma.masked,
    10**400,
]


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
@pytest.mark.parametrize("word", [checks.number, checks.whole])
def test_a_number_is_nothing_else(word, value):
    with pytest.raises(OptionError, match=r"`clip` needs a (whole )?number, not "):
        word(value, "clip")


@pytest.mark.parametrize("given", [3, np.int8(3), np.array(3), xr.DataArray(3)])
def test_numbers_of_numpy_become_plain_ones(given):
    assert checks.number(given, "n") == 3
    assert type(checks.number(given, "n")) is int
    assert type(checks.whole(given, "n")) is int


def test_floats_become_plain_ones_and_whole_floats_are_whole_numbers():
    assert (checks.number(np.float32(0.25), "n"), type(checks.number(np.float32(0.25), "n"))) == (0.25, float)
    assert (checks.whole(1e3, "n"), type(checks.whole(np.float64(1e3), "n"))) == (1000, int)
    with pytest.raises(OptionError, match=r"`n` needs a whole number, not 2.5"):
        checks.whole(2.5, "n")


@pytest.mark.parametrize(
    ("limits", "good", "bad", "words"),
    [
        ({"above": 0}, 1e-9, 0, "a number > 0, not 0"),
        ({"least": 0}, 0, -1e-9, "a number >= 0, not -1e-09"),
        ({"above": 0, "below": 1}, 0.5, 1, "a number > 0 and < 1, not 1"),
        ({"least": 0, "most": 1, "none": True}, 1, 1.5, "a number >= 0 and <= 1 or None, not 1.5"),
    ],
)
def test_bounds_are_kept_and_said(limits, good, bad, words):
    assert checks.number(good, "rate", "Warmup", **limits) == good
    with pytest.raises(OptionError, match=f"^`Warmup` needs `rate` as {words}.$"):
        checks.number(bad, "rate", "Warmup", **limits)


def test_text_that_is_a_number_is_told_its_remedy():
    with pytest.raises(OptionError, match=r"not '0.5'. Write it without quotes: `clip=0.5`."):
        checks.number("0.5", "clip", "Adam")
    with pytest.raises(OptionError, match=r"as True or False, not 'no'. Write `free=False`."):
        checks.flag("no", "free", "Parameter")


@pytest.mark.parametrize("value", [0, 1, "yes", None, [], np.array([True])], ids=repr)
def test_a_flag_is_true_or_false(value):
    assert checks.flag(np.bool_(True), "free") is True
    with pytest.raises(OptionError, match="`free` needs True or False, not"):
        checks.flag(value, "free")


@pytest.mark.parametrize(
    "value",
    ["1.5", ["1"], [True], True, 1j, [1, 2j], None, {}, np.datetime64("2020-01-01"), [1, [2, 3]], np.nan, [1, np.inf],
     np.ma.masked_array([1.0, 2.0], [False, True]), np.timedelta64(1, "s"), [1, None]],
    ids=repr,
)  # fmt: skip
def test_arrays_hold_real_finite_numbers(value):
    with pytest.raises(OptionError, match="`value` needs finite numbers"):
        checks.array(value, "value")


def test_arrays_of_all_sorts_of_numbers_become_floats():
    for given in (2, [2], np.float32([2]), np.ma.masked_array([2.0], [False]), np.array([2, np.int8(2)], object)):
        found = checks.array(given, "value")
        assert found.dtype == float
        assert (found == 2).all()
    with pytest.raises(DataError, match=r"`value` needs a sequence of numbers, not 1. Do \."):
        checks.array(1, "value", ndim=1, finite=False, error=DataError, hint="Do .")


def test_choices_are_listed_and_the_closest_is_named():
    with pytest.raises(OptionError, match=r"`update` of `BFGS` `bgfs`. Did you mean `bfgs`"):
        checks.choice("bgfs", "update", ("bfgs", "sr1"), "BFGS")
    with pytest.raises(OptionError, match=r'`BFGS` needs `update` as one of `"bfgs"`, `"sr1"` or None, not 1'):
        checks.choice(1, "update", ("bfgs", "sr1"), "BFGS", none=True)


@pytest.mark.parametrize("value", [5, None, b"x", "", "a\0b", ["x"], 1.5], ids=repr)
def test_files_are_named_by_text_or_paths(value):
    assert checks.path("x.nc") == checks.path(Path("x.nc")) == Path("x.nc")
    with pytest.raises(OptionError, match=r"`checkpoint` needs the name of a file, as text or a `pathlib.Path`"):
        checks.path(value, "checkpoint")


def test_sequences_have_an_order_and_mappings_have_names():
    assert checks.sequence(np.arange(3), "seeds", each=lambda s: checks.whole(s, "seeds")) == (0, 1, 2)
    for value in ({1, 2}, "ab", {"a": 1}, 5, np.array(5), iter([1])):
        with pytest.raises(OptionError, match="`seeds` needs a list, not"):
            checks.sequence(value, "seeds")
    assert checks.mapping(None, "loss", none=True) == {}
    for value in ([("a", 1)], {1: 2}, "x"):
        with pytest.raises(OptionError, match="`loss` needs a dict name → value"):
            checks.mapping(value, "loss")


def test_a_class_without_its_brackets_is_told():
    with pytest.raises(OptionError, match=r"`of` needs a fraction, not .*Add the brackets: `Fraction\(\)`"):
        checks.instance(Fraction, Fraction, "of", needs="a fraction")


def test_settling_keeps_plain_values_in_a_frozen_class():
    @dataclass(frozen=True)
    class Pace:
        every: int = 1

        def __post_init__(self) -> None:
            checks.settle(self, checks.whole, "every", least=1)

    assert type(Pace(np.int64(2)).every) is int
    with pytest.raises(OptionError, match="`Pace` needs `every` as a whole number >= 1, not 0"):
        Pace(0)


def test_long_values_are_shortened_in_messages():
    with pytest.raises(OptionError) as caught:
        checks.number(list(range(10_000)), "n")
    assert len(str(caught.value)) < 120
    with pytest.raises(OptionError, match=r"not an array of float64 of shape \(5,\)"):
        checks.number(np.zeros(5), "n")
