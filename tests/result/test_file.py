"""Files: bit for bit there and back, whole at any moment, refused where they aren't ours; resuming changes nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import FileFormatError, OptionError
from unideq.result.file import read_training, write_training
from unideq.training import trainer

from .growth import SETTINGS, growth_data, growth_model, untrained


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("fit") / "fit.nc"
    fitted.save(path)
    return path


def python(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A Python of its own that finds the package and these tests."""
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, env=environment)


@pytest.fixture(autouse=True)
def save_always(monkeypatch):
    """Checkpoints at every report, not every five seconds."""
    monkeypatch.setattr(trainer, "SAVE_EVERY", 0.0)


def bits(tree: xr.DataTree) -> dict[str, bytes]:
    return {
        f"{node.path}/{name}": np.ascontiguousarray(v.values).tobytes()
        for node in tree.subtree
        for name, v in node.variables.items()
        if v.dtype.kind in "fib"
    }


def test_file_comes_back_bit_for_bit(fitted, saved):
    back = ude.Fit.load(saved)
    assert back.tree.identical(fitted.tree)
    assert bits(back.tree) == bits(fitted.tree)
    assert np.isnan(back.tree["/observations"]["double"].values).sum() == 1
    assert back.best_seed == fitted.best_seed
    assert back.status == fitted.status
    assert back.parameters == fitted.parameters
    assert repr(back) == repr(fitted)


def test_units_that_look_like_times_stay_units(saved):
    """`days` would be decoded to a timedelta by default."""
    time_axis = ude.Fit.load(saved).tree["/observations"]["time"]
    assert time_axis.dtype == float
    assert time_axis.attrs["units"] == "days"


def test_reading_a_file_starts_no_engine(saved):
    process = python(
        "import sys, unideq as ude\n"
        "fit = ude.Fit.load(sys.argv[1]); repr(fit); fit._repr_html_(); fit.tree; fit.plot()\n"
        "print('jax' in sys.modules)",
        str(saved),
    )
    assert process.communicate()[0] == b"False\n"


def test_attributes_of_any_kind_survive_as_numbers_or_text(tmp_path):
    data = growth_data()
    data.attrs |= {"nothing": None, "flag": True, "table": {"a": 1}, "list": [1.5, 2.5], "scale_factor": 3.0}
    data["x"].attrs["scale_factor"] = 10.0
    fit = untrained(growth_model(), data)
    write_training(fit.record, tmp_path / "odd.nc")
    back = read_training(tmp_path / "odd.nc").observations.dataset
    assert back.attrs["nothing"] == "None"
    assert back.attrs["flag"] == "True"
    assert list(back.attrs["list"]) == [1.5, 2.5]
    np.testing.assert_array_equal(back["x"].values[0], 10.0 * growth_data()["x"].values)  # by ten, but not again


def test_labels_of_trajectories_survive(tmp_path):
    data = xr.concat([growth_data(), 2 * growth_data()], dim="trajectory").assign_coords(trajectory=["thin", "thick"])
    fit = untrained(growth_model(), data)
    write_training(fit.record, tmp_path / "labels.nc")
    back = read_training(tmp_path / "labels.nc")
    assert back.observations.dataset["trajectory"].values.tolist() == ["thin", "thick"]
    assert [s.label for s in back.observations.series] == ["thin", "thick"]


# ---- resuming -----------------------------------------------------------------------------------------------------


class BrokenOff(Exception):
    pass


def breaks_after(reports: int) -> Any:
    seen = []

    def callback(report: Any) -> bool:
        seen.append(report)
        if len(seen) > reports:
            raise BrokenOff
        return True

    return callback


@pytest.mark.parametrize("reports", [1, 4])
def test_broken_run_resumes_to_the_same_losses_as_an_unbroken_one(fitted, tmp_path, reports):
    """Broken off in the first stage (Adam) and in the second (BFGS)."""
    path = tmp_path / "checkpoint.nc"
    with pytest.raises(BrokenOff):
        ude.fit(growth_model(), growth_data(), **SETTINGS, checkpoint=path, callback=breaks_after(reports))
    done = ude.Fit.load(path).record.history.iterations
    assert 0 < done < fitted.record.history.iterations
    again = ude.fit(growth_model(), growth_data(), **SETTINGS, checkpoint=path)
    assert again.status == "finished"
    one, two = (f.record.history.joined(3) for f in (fitted, again))
    for key in ("total", "gradient_norm", "learning_rate", "rejected", "stage", "held_total", "held_iteration"):
        np.testing.assert_array_equal(one[key], two[key], err_msg=key)
    np.testing.assert_array_equal(fitted.record.theta, again.record.theta)
    np.testing.assert_array_equal(fitted.record.held_theta, again.record.held_theta)


def test_resume_goes_on_from_the_file_alone(fitted, tmp_path):
    path = tmp_path / "checkpoint.nc"
    with pytest.raises(BrokenOff):
        ude.fit(growth_model(), growth_data(), **SETTINGS, checkpoint=path, callback=breaks_after(2))
    again = ude.resume(path, progress=False)
    assert again.status == "finished"
    np.testing.assert_array_equal(fitted.record.best_theta, again.record.best_theta)


def test_finished_checkpoint_is_handed_back_without_training(fitted, tmp_path):
    path = tmp_path / "checkpoint.nc"
    first = ude.fit(growth_model(), growth_data(), **SETTINGS, checkpoint=path)
    second = ude.fit(growth_model(), growth_data(), **SETTINGS, checkpoint=path, callback=breaks_after(0))
    assert second.record.seconds == first.record.seconds
    np.testing.assert_array_equal(second.theta, fitted.theta)


def test_checkpoint_of_another_call_is_refused(tmp_path):
    path = tmp_path / "checkpoint.nc"
    with pytest.raises(BrokenOff):
        ude.fit(growth_model(), growth_data(), **SETTINGS, checkpoint=path, callback=breaks_after(1))
    with pytest.raises(OptionError, match="belongs to another call"):
        ude.fit(growth_model(), growth_data() * 2, **SETTINGS, checkpoint=path)
    with pytest.raises(OptionError, match="belongs to another call"):
        ude.fit(growth_model(), growth_data(), **{**SETTINGS, "seeds": 2}, checkpoint=path)


def test_checkpoint_that_stops_working_costs_nothing(fitted, tmp_path, monkeypatch):
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("unideq.result.file.write_tree", full)
    fit = ude.fit(growth_model(), growth_data(), **SETTINGS, checkpoint=tmp_path / "checkpoint.nc")
    assert fit.status == "finished"
    assert any("No space left" in event for event in fit.record.events)
    np.testing.assert_array_equal(fit.theta, fitted.theta)


# ---- killed -------------------------------------------------------------------------------------------------------

WRITER = """
import sys
from unideq.result.file import read_training, write_training
record = read_training(sys.argv[1])
write_training(record, sys.argv[2])
print("going", flush=True)
while True:
    record.iteration += 1
    write_training(record, sys.argv[2])
"""


def test_killed_while_writing_leaves_a_whole_file(saved, tmp_path):
    """The process does nothing but write; it is killed at random moments."""
    path = tmp_path / "checkpoint.nc"
    chance = random.Random(0)
    for _ in range(4):
        process = python(WRITER, str(saved), str(path))
        assert process.stdout is not None
        assert process.stdout.readline() == b"going\n"
        time.sleep(chance.uniform(0.0, 0.4))
        process.kill()
        process.wait()
        process.stdout.close()
        assert ude.Fit.load(path).record.history.iterations == 52


TRAINER = """
import sys
import unideq as ude
from result.growth import SETTINGS, growth_data, growth_model
from unideq.training import trainer
trainer.SAVE_EVERY = 0.0
settings = {**SETTINGS, "phases": [ude.Adam(1e-3, 1_000_000)], "seeds": 1, "holdout": None}
ude.fit(
    growth_model(), growth_data(), **settings, checkpoint=sys.argv[1], callback=lambda r: print("going", flush=True)
)
"""


def test_training_killed_outright_leaves_a_loadable_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.nc"
    process = python(TRAINER, str(path))
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline() == b"going\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    back = ude.Fit.load(path)
    assert back.status == "running"
    assert back.record.history.iterations >= 30
    assert np.isfinite(back.record.best_total).all()


# ---- bad files ----------------------------------------------------------------------------------------------------


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileFormatError, match=r"no file .*nothing\.nc"):
        ude.Fit.load(tmp_path / "nothing.nc")


def test_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "text.nc"
    path.write_text("not netCDF")
    with pytest.raises(FileFormatError, match="can't be read as a netCDF-4 file"):
        ude.Fit.load(path)


def test_netcdf_of_somebody_else_is_refused(tmp_path):
    path = tmp_path / "theirs.nc"
    growth_data().to_netcdf(path, engine="h5netcdf")
    with pytest.raises(FileFormatError, match="isn't a Unideq file"):
        ude.Fit.load(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_cut_off_file_is_refused(saved, tmp_path, share):
    path = tmp_path / "cut.nc"
    whole = saved.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(FileFormatError):
        ude.Fit.load(path)


def altered(source: Path, target: Path, change: Any) -> Path:
    target.write_bytes(source.read_bytes())
    with h5py.File(target, "r+") as file:
        change(file)
    return target


def test_file_of_a_newer_version_is_refused_with_advice(saved, tmp_path):
    path = altered(saved, tmp_path / "newer.nc", lambda f: f.attrs.__setitem__("unideq_format", 99))
    with pytest.raises(FileFormatError, match=r"file format 99.*pip install --upgrade unideq"):
        ude.Fit.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.attrs.__setitem__("model", "{"),
        lambda f: f.attrs.__setitem__("model", json.dumps({"kind": "ODE"})),
        lambda f: f.attrs.__delitem__("settings"),
        lambda f: f.__delitem__("weights"),
        lambda f: f["weights"].__delitem__("theta_best"),
        lambda f: f.attrs.__setitem__("layout", "[]"),
    ],
)
def test_damaged_file_is_refused(saved, tmp_path, change):
    path = altered(saved, tmp_path / "damaged.nc", change)
    with pytest.raises(FileFormatError, match="damaged"):
        ude.Fit.load(path)


def test_checkpoint_that_isnt_ours_is_never_overwritten(tmp_path):
    path = tmp_path / "theirs.nc"
    growth_data().to_netcdf(path, engine="h5netcdf")
    before = path.read_bytes()
    with pytest.raises(FileFormatError, match="isn't a Unideq file"):
        ude.fit(growth_model(), growth_data(), **SETTINGS, checkpoint=path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("path", ["no/such/folder/c.nc", "."])
def test_unwritable_checkpoint_is_refused_before_training(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match="can't be written"):
        ude.fit(growth_model(), growth_data(), **SETTINGS, checkpoint=path)


def test_unwritable_file_is_named(fitted, tmp_path):
    with pytest.raises(OptionError, match="can't be written"):
        fitted.save(tmp_path / "no" / "folder.nc")
    assert list(tmp_path.iterdir()) == []
