"""Sweeps: labels, files, resuming, failures; in this process, in processes that are killed, without their scheduler."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import EngineError, OptionError

TIMES = np.linspace(0, 2, 9)
SLOW, FAST = ({"x": ("time", 3 * np.exp(-rate * TIMES))} for rate in (0.3, 0.7))
DATA = {"slow": xr.Dataset(SLOW, {"time": TIMES}), "fast": xr.Dataset(FAST, {"time": TIMES})}


def model(start=1.0):
    return ude.ODE(lambda t, s, p: {"x": -p.rate * s.x}, ["x"], {"rate": ude.Parameter(start, positive=True)})


def train(data, start, **run):
    return ude.fit(model(start), data, phases=ude.BFGS(30), engine="jax", **run)


OVER = {"data": DATA, "start": [0.5, 2.0]}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    return folder, ude.sweep(train, OVER, folder=folder, client=0, progress=False)


def test_results_have_the_dimensions_of_the_settings(swept):
    _, found = swept
    assert found.dataset["total"].dims == ("data", "start", "seed")
    assert found.dataset["data"].values.tolist() == ["slow", "fast"]
    assert (found.dataset["status"] == "finished").all()
    rates = found.tree["/parameters"]["rate"]
    np.testing.assert_allclose(rates.sel(data="slow"), 0.3, rtol=1e-5)
    np.testing.assert_allclose(rates.sel(data="fast"), 0.7, rtol=1e-5)
    assert found.scores == ["RMSE of x, training"]
    assert found.dataset["RMSE of x, training"].max() < 1e-5
    assert len(found.table()) == 4
    assert found.fits["fast", 2.0, 0].parameters["rate"] == pytest.approx(0.7, rel=1e-5)
    assert found.stacked("/solution")["x"].dims[:3] == ("data", "start", "seed")
    with pytest.raises(OptionError, match=r"Unknown group.*solutions"):
        found.stacked("/solutions")


def test_the_picture_has_a_line_a_value_of_the_second_setting(swept, tmp_path):
    _, found = swept
    figure = found.plot(tmp_path / "sweep.png", score="seconds")
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["start 0.5", "start 2.0"]
    assert ax.get_xlabel() == "data"
    with pytest.raises(OptionError, match="Unknown score"):
        found.plot(score="rsme")


def test_what_has_finished_is_not_fitted_again(swept):
    folder, found = swept
    files = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(files) == 4
    again = ude.sweep(train, OVER, folder=folder, client=0, progress=False)
    xr.testing.assert_identical(again.dataset, found.dataset)  # the times of training, too


def test_another_call_does_not_take_over_what_is_in_a_folder(swept):
    folder, _ = swept

    def other(data, start, **run):
        return ude.fit(model(start), data, phases=ude.BFGS(20), engine="jax", **run)

    with pytest.raises(OptionError, match="checkpoint"):
        ude.sweep(other, OVER, folder=folder, client=0, progress=False)


def test_a_fit_that_fails_is_a_row_that_says_why():
    def sometimes(start, **run):
        if start < 0:
            raise ValueError("no start below zero")
        return train(DATA["fast"], start, **run)

    with pytest.warns(ude.UnideqWarning, match=r"1 of 2 fits .* start=-1.0, seed=0: ValueError: no"):
        found = ude.sweep(
            sometimes, {"start": [0.5, -1.0]}, client=0, progress=False, score=lambda f: {"rate": f.parameters["rate"]}
        )
    assert found.dataset["status"].values.ravel().tolist() == ["finished", "failed: ValueError: no start below zero"]
    assert np.isnan(found.dataset["rate"].values[1, 0])
    assert list(found.fits) == [(0.5, 0)]
    with pytest.raises(OptionError, match="failed, see"):
        found.stacked("/solution")


def test_where_all_fail_the_first_error_is_raised():
    def never(start, **run):
        raise ZeroDivisionError("nothing works")

    with pytest.raises(ZeroDivisionError, match="nothing works"):
        ude.sweep(never, {"start": [1.0, 2.0]}, client=0, progress=False)


def learned(factor, kill=None, **run):
    """A network in the place of a known rate; it kills its own process once, in the middle of training."""

    def killed_once(report):
        if kill is not None and factor == 2.0 and report.iteration >= 60 and not os.path.exists(kill):
            open(kill, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)

    made = ude.ODE(
        lambda t, s, p, net: {"x": -factor * net.rate(s.x) * s.x}, ["x"], networks={"rate": ude.nn.MLP(1, 1, (4,))}
    )
    return ude.fit(
        made, DATA["fast"], phases=ude.Adam(1e-2, 100), report_every=20, callback=killed_once, engine="jax", **run
    )


def test_a_worker_that_is_killed_changes_nothing(tmp_path):
    pytest.importorskip("distributed")
    kill = str(tmp_path / "killed")

    def victim(factor, **run):
        return learned(factor, kill, **run)

    found = ude.sweep(victim, {"factor": [1.0, 2.0]}, seeds=2, folder=tmp_path / "fits", client=2, progress=False)
    assert os.path.exists(kill)
    alone = ude.sweep(learned, {"factor": [1.0, 2.0]}, seeds=2, client=0, progress=False)
    assert (found.dataset["status"] == "finished").all()
    np.testing.assert_allclose(found.dataset["total"], alone.dataset["total"], rtol=1e-12)


def test_without_its_scheduler_what_has_finished_is_there(tmp_path):
    pytest.importorskip("distributed")
    described, done = tmp_path / "scheduler.json", tmp_path / "factor=1.0,seed=0.nc"
    command = [sys.executable, "-m", "dask"]
    where = {"env": {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, "stderr": subprocess.DEVNULL}
    scheduler = subprocess.Popen(
        [*command, "scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(described)], **where
    )
    worker = subprocess.Popen(
        [*command, "worker", "--scheduler-file", str(described), "--nthreads", "1", "--no-dashboard"], **where
    )

    def train_slowly(factor, **run):
        if factor == 2.0:
            time.sleep(60)
        return learned(factor, **run)

    def kill_scheduler():
        while not done.exists():
            time.sleep(0.1)
        time.sleep(1.0)
        scheduler.kill()

    try:
        until(described.exists)
        address = json.loads(described.read_text())["address"]
        threading.Thread(target=kill_scheduler, daemon=True).start()
        with pytest.raises(EngineError, match=r"lost the scheduler with \d of 2 fits unfinished"):
            ude.sweep(train_slowly, {"factor": [1.0, 2.0]}, folder=tmp_path, client=address, progress=False)
    finally:
        for process in (worker, scheduler):
            process.kill()
            process.wait()
    assert ude.Fit.load(done).status == "finished"


def until(ready, seconds=30):
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        time.sleep(0.05)
    assert ready()
