"""Damaged files are refused by name, in little time: whatever the damage, in the bytes or in what they say."""

from __future__ import annotations

import copy
import json
import random
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import unideq as ude
from training.specimens import heat
from unideq.errors import FileFormatError
from unideq.result.file import write_training
from unideq.result.limits import check_limits
from unideq.result.seal import LENGTH

from .growth import growth_data, growth_model, untrained

GRID = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 8))


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """A checkpoint: nothing is compiled for it."""
    path = tmp_path_factory.mktemp("damage") / "fit.nc"
    write_training(untrained(growth_model(), growth_data()).record, path)
    return path


# ---- bytes --------------------------------------------------------------------------------------------------------


def test_a_changed_bit_anywhere_is_found(file, tmp_path):
    """By the checksum, before HDF5 reads anything; in the numbers, nothing else would tell."""
    whole = file.read_bytes()
    for at in np.linspace(0, len(whole) - LENGTH - 1, 25).astype(int):
        changed = bytearray(whole)
        changed[at] ^= 4
        (tmp_path / "changed.nc").write_bytes(changed)
        with pytest.raises(FileFormatError, match="damaged: its content doesn't fit its checksum"):
            ude.Fit.load(tmp_path / "changed.nc")


def test_files_without_a_seal_are_read(file, tmp_path):
    """Those of earlier versions, and those that another program changed."""
    (tmp_path / "bare.nc").write_bytes(file.read_bytes()[:-LENGTH])
    assert ude.Fit.load(tmp_path / "bare.nc").seeds == (0,)
    shutil.copy(file, tmp_path / "changed.nc")
    with h5py.File(tmp_path / "changed.nc", "r+") as changed:
        changed["parameters/rate"][...] = 0.5
    assert ude.Fit.load(tmp_path / "changed.nc").seeds == (0,)


def test_a_heap_whose_object_has_no_length_is_refused(file, tmp_path):
    """HDF5 itself walks there for ever."""
    content = bytearray(file.read_bytes()[:-LENGTH])
    start = content.find(b"GCOL")
    end = start + int.from_bytes(content[start + 8 : start + 16], "little")
    content[start + 16 : end] = bytes(end - start - 16)
    (tmp_path / "heap.nc").write_bytes(content)
    with pytest.raises(FileFormatError, match="object without end"):
        ude.Fit.load(tmp_path / "heap.nc")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.__setitem__("training/again", f["training"]), "under another name already"),
        (lambda f: f.__setitem__("training/root", f["/"]), "under another name already"),
        (lambda f: f.__setitem__("twin", f["training"]), "under another name already"),
        (lambda f: f.__setitem__("training/total_2", f["training/total"]), "under another name already"),
        (lambda f: f.__setitem__("training/up", h5py.SoftLink("/")), "is a link elsewhere"),
        (lambda f: f.__setitem__("other", h5py.ExternalLink("elsewhere.nc", "/")), "is a link elsewhere"),
        (lambda f: f.create_group("/".join("abcdefghijkl")), "lies deeper"),
        (lambda f: f.create_dataset("huge", (10**9, 10**6), "f8", chunks=(1000, 1000)), "declares .* GB in a file of"),
    ],
)
def test_what_no_file_of_ours_holds_is_refused(file, tmp_path, change, words):
    shutil.copy(file, tmp_path / "odd.nc")
    with h5py.File(tmp_path / "odd.nc", "r+") as odd:
        change(odd)
    with pytest.raises(FileFormatError, match=words):
        ude.Fit.load(tmp_path / "odd.nc")
    check_limits(file)


# ---- what the bytes say -------------------------------------------------------------------------------------------


def ode() -> Any:
    return growth_model().with_theta({"rate": 0.5})


def stepper() -> Any:
    def burgers(t, state, p):
        return -state.u * GRID.d(state.u) + p.nu * GRID.laplacian(state.u)

    model = ude.PDE(burgers, GRID, ["u"], {"nu": 0.1, "kept": ude.Condition(0.2)})
    return ude.Stepper(model, 0.1, correction=lambda t, s, p, net: {"u": net.c(s.u)}, networks={"c": ude.nn.MLP(1, 1)})


DESCRIBED = {"ode": ode, "stepper": stepper, "residual": lambda: heat().with_theta({})}
WRONG = (None, "x", -1, 2.5, [], {}, [[]], {"a": 1}, True, 10**30)


def damage(description: Any, draw: random.Random) -> Any:
    """A copy with one entry, at any depth, that is another thing or is gone."""
    made = copy.deepcopy(description)
    place, steps = made, draw.randint(1, 5)
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw.choice(keys)
        inner = place[key]
        steps -= 1
        if steps and isinstance(inner, (dict, list)) and inner:
            place = inner
            continue
        if draw.random() < 0.25:
            del place[key]
        else:
            place[key] = draw.choice(WRONG)
        return made


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", list(DESCRIBED))
def test_a_damaged_description_is_read_or_refused_as_damaged(kind):
    """Never anything but a `FileFormatError`: 300 descriptions with a wrong or missing entry."""
    read = ude.ResidualProblem.from_json if kind == "residual" else ude.ODE.from_json
    description = json.loads(json.dumps(DESCRIBED[kind]().to_json()))
    read(description)
    refused = 0
    for seed in range(300):
        damaged = damage(description, random.Random(seed))
        try:
            read(damaged)
        except FileFormatError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("version", ["2", None, 1.5, True, -1])
def test_a_format_that_is_no_number_is_damage(tmp_path, version):
    path = tmp_path / "model.json"
    growth_model().save(path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "unideq_format": version}))
    with pytest.raises(FileFormatError, match=r"`unideq_format` is .*not a whole number"):
        ude.ODE.load(path)
