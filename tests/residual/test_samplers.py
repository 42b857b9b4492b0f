"""Samplers of points in the unit cube: how evenly they fill it, that they repeat, and what they refuse."""

from __future__ import annotations

import json
import re
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import qmc

import unideq as ude
from unideq.errors import ExtraMissing, FileFormatError, OptionError
from unideq.residual.samplers import (
    LatinHypercube,
    ResidualAdaptive,
    Sampler,
    Sobol,
    TensorGrid,
    Uniform,
)
from unideq.residual.samplers.sobol import sequence
from unideq.stored import from_json, stored

SAMPLERS = [
    Uniform(),
    Uniform(redraw=100),
    LatinHypercube(redraw=None),
    Sobol(),
    TensorGrid(),
    ResidualAdaptive(),
    ResidualAdaptive(base=Sobol(redraw=None), every=500, candidates=4096, power=2.0, offset=0.0),
]


def draw(sampler, count, dimensions, seed=0):
    return sampler.draw(count, dimensions, np.random.default_rng(seed))


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_points_lie_in_the_unit_cube_and_repeat_with_the_seed(sampler):
    points = draw(sampler, 64, 3, seed=5)
    assert points.shape == (64, 3)
    assert points.dtype == np.float64
    assert (points >= 0).all()
    assert (points < 1).all()
    np.testing.assert_array_equal(points, draw(sampler, 64, 3, seed=5))
    if not isinstance(sampler, TensorGrid):
        assert not np.array_equal(points, draw(sampler, 64, 3, seed=6))


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
def test_json_makes_the_same_sampler(sampler):
    assert from_json(Sampler, json.loads(json.dumps(sampler.to_json()))) == sampler


def test_all_are_public():
    for name in ("Uniform", "LatinHypercube", "Sobol", "TensorGrid", "ResidualAdaptive"):
        assert name in dir(ude.samplers)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 100))
def test_each_slice_of_each_axis_holds_one_point_of_a_latin_hypercube(count, dimensions, seed):
    points = draw(LatinHypercube(), count, dimensions, seed)
    for column in points.T:
        np.testing.assert_array_equal(np.sort(np.floor(count * column)), np.arange(count))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("level", range(8))
def test_each_dyadic_box_of_volume_1_in_128_holds_one_sobol_point(level, seed):
    x, y = draw(Sobol(), 128, 2, seed).T
    boxes = np.floor(x * 2**level) * 2 ** (7 - level) + np.floor(y * 2 ** (7 - level))
    np.testing.assert_array_equal(np.sort(boxes), np.arange(128))


def test_even_samplers_have_less_discrepancy_than_uniform_points():
    found = {
        type(s).__name__: np.mean([qmc.discrepancy(draw(s, 128, 2, seed)) for seed in range(10)])
        for s in (Uniform(), LatinHypercube(), Sobol())
    }
    assert found["LatinHypercube"] < found["Uniform"] / 4
    assert found["Sobol"] < found["LatinHypercube"] / 3
    # As even as SciPy's own scrambled sequence.
    peer = np.mean([qmc.discrepancy(qmc.Sobol(2, seed=seed).random_base2(7)) for seed in range(10)])
    assert found["Sobol"] == pytest.approx(peer, rel=0.3)


def test_a_scrambled_point_is_uniform():
    # The first point of the plain sequence is the origin in every draw; scrambled it is anywhere.
    firsts = np.array([draw(Sobol(), 4, 2, seed)[0] for seed in range(400)])
    for column in firsts.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("count", [1, 2, 3, 100, 129])
def test_sobol_takes_any_count_without_a_warning(count):
    sequence.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw(Sobol(), count, 2).shape == (count, 2)


def test_sobol_without_scipy_names_what_to_install(monkeypatch):
    sequence.cache_clear()
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(ExtraMissing, match=re.escape('pip install "unideq[jax]"')):
        draw(Sobol(), 8, 2)


def test_a_grid_is_the_middles_of_equal_cells():
    np.testing.assert_allclose(draw(TensorGrid(), 3, 1), [[1 / 6], [1 / 2], [5 / 6]], rtol=1e-15)
    np.testing.assert_array_equal(draw(TensorGrid(), 4, 2), [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]])
    assert draw(TensorGrid(), 125, 3).shape == (125, 3)  # 125^(1/3) isn't 5 in floating point


# ---- residual-adaptive --------------------------------------------------------------------------------------------


def test_density_is_the_published_formula():
    norms = np.array([1.0, 2.0, 3.0, 6.0])
    for power, offset in ((1.0, 1.0), (2.0, 0.0), (0.5, 3.0), (0.0, 1.0)):
        raised = norms**power
        expected = raised / raised.mean() + offset
        found = ResidualAdaptive(power=power, offset=offset).density(norms)
        np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-14)


def test_chosen_points_follow_the_density():
    # Residual |r| = x on [0, 1], k = 2, c = 1: density x²/(1/3) + 1 over 2, so a cell [a, b] gets (b³ − a³ + b − a)/2.
    sampler = ResidualAdaptive(power=2.0, offset=1.0)
    generator = np.random.default_rng(11)
    counts = np.zeros(10)
    for _ in range(100):
        candidates = sampler.draw(4000, 1, generator)[:, 0]
        kept = candidates[sampler.choose(candidates, 40, generator)]
        counts += np.histogram(kept, bins=10, range=(0, 1))[0]
    edges = np.linspace(0, 1, 11)
    share = np.diff(edges**3 + edges) / 2
    assert stats.chisquare(counts, share * counts.sum()).pvalue > 0.01
    # The test can tell: uniform points don't follow it.
    assert stats.chisquare(counts, np.full(10, counts.sum() / 10)).pvalue < 1e-10


def test_choice_is_without_repetition_and_repeats_with_the_seed():
    sampler = ResidualAdaptive(power=3.0, offset=0.0)
    norms = np.random.default_rng(0).exponential(size=50)
    chosen = sampler.choose(norms, 30, np.random.default_rng(1))
    assert len(set(chosen.tolist())) == 30
    assert chosen.dtype.kind == "i"
    np.testing.assert_array_equal(chosen, sampler.choose(norms, 30, np.random.default_rng(1)))
    np.testing.assert_array_equal(sampler.choose(norms, 50, np.random.default_rng(2)), np.arange(50))


def test_points_without_residual_come_last_where_the_offset_is_zero():
    norms = np.array([0.0, 1.0, 0.0, 2.0, 0.0])
    chosen = ResidualAdaptive(offset=0.0).choose(norms, 3, np.random.default_rng(0))
    assert {1, 3} < set(chosen.tolist())


@pytest.mark.parametrize("norms", [np.zeros(4), np.full(4, np.nan), np.full(4, 1e-320), np.full(4, 1e300)])
def test_equal_or_useless_residuals_make_all_points_alike(norms):
    found = ResidualAdaptive(power=2.0, offset=0.0).density(norms)
    np.testing.assert_allclose(found, 0.25, rtol=1e-12)


def test_a_residual_that_is_not_finite_counts_as_the_largest():
    found = ResidualAdaptive(offset=0.0).density([1.0, np.inf, 3.0, np.nan])
    np.testing.assert_allclose(found, [0.1, 0.3, 0.3, 0.3], rtol=1e-14)


def test_ten_candidates_a_point_unless_told_otherwise():
    assert ResidualAdaptive().candidate_count(128) == 1280
    assert ResidualAdaptive(candidates=200).candidate_count(128) == 200


# ---- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(redraw=0), "`Uniform` needs `redraw` as a whole number >= 1 or None, not 0"),
        (lambda: Sobol(redraw=True), "`redraw` as a whole number"),
        (lambda: LatinHypercube(redraw=2.5), "`redraw` as a whole number"),
        (lambda: TensorGrid(redraw=1), "leave `redraw` at None"),
        (lambda: draw(TensorGrid(), 10, 2), "10 isn't such a number. Ask for 9 or 16."),
        (lambda: ResidualAdaptive(redraw=5), "set `every`, not `redraw`"),
        (lambda: ResidualAdaptive(every=0), "`every` as a whole number >= 1, not 0"),
        (lambda: ResidualAdaptive(candidates=1.5), "`candidates` as a whole number >= 1"),
        (lambda: ResidualAdaptive(power=-1.0), "`power` as a number >= 0, not -1.0"),
        (lambda: ResidualAdaptive(offset=np.nan), "`offset` as a number >= 0, not nan"),
        (lambda: ResidualAdaptive(base=ResidualAdaptive()), "`base` as another sampler"),
        (lambda: ResidualAdaptive(base="uniform"), "`base` as another sampler"),
        (lambda: ResidualAdaptive(candidates=5).candidate_count(8), "can't choose 8 points of 5 candidates"),
        (lambda: ResidualAdaptive().choose(np.ones(5), 6, np.random.default_rng(0)), "can't choose 6 points of 5"),
    ],
)
def test_bad_settings_say_what_is_needed(make, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        make()


def test_damaged_json_is_a_file_format_error():
    with pytest.raises(FileFormatError, match="Did you mean `sobol`"):
        from_json(Sampler, {"kind": "soboll"})
    with pytest.raises(FileFormatError, match="damaged"):
        from_json(Sampler, {"kind": "uniform", "colour": "red"})


def test_a_sampler_of_ones_own_is_read_back():
    @stored
    class Corners(Uniform):
        kind = "corners_of_a_test"

    assert from_json(Sampler, Corners(redraw=None).to_json()) == Corners(redraw=None)
