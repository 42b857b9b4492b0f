"""Checkpoints of residual fits: resuming changes nothing, with redrawn and adaptive points and moving weights."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unideq as ude
from unideq.errors import OptionError
from unideq.training import trainer

from .specimens import BrokenOff, breaking_off, heat, poisson

ADAPTIVE = ude.Residual(sampler=ude.samplers.ResidualAdaptive(every=15))
SETTINGS: dict[str, Any] = {
    "phases": [ude.Adam(5e-3, 30), ude.Adam(2e-3, 40, objective=ADAPTIVE), ude.LBFGS(12)],
    "balance": [{"ends": 5.0}, ude.GradientNorm(every=10)],
    "seeds": 2,
    "report_every": 10,
    "progress": False,
}
CAUSAL: dict[str, Any] = {
    "phases": [ude.Adam(5e-3, 40)],
    "balance": [ude.Causal(chunks=4), ude.LearningRateAnnealing()],
    "report_every": 10,
    "progress": False,
}


@pytest.fixture(autouse=True)
def save_always(monkeypatch):
    """Checkpoints at every report, not every five seconds."""
    monkeypatch.setattr(trainer, "SAVE_EVERY", 0.0)


@pytest.fixture(scope="module")
def unbroken() -> Any:
    return ude.fit(poisson(), **SETTINGS)


def assert_same_course(one: Any, two: Any) -> None:
    """Everything that training left behind, but for what the clock says."""
    for group in ("training", "parameters", "weights", "snapshots", "points", "solution", "diagnostics"):
        for node in one.tree[group].subtree:
            left, right = node.to_dataset(), two.tree[node.path].to_dataset()
            assert left.identical(right), node.path


@pytest.mark.parametrize(("reports", "stage"), [(1, 0), (2, 0), (4, 1), (5, 1), (8, 2)])
def test_broken_run_resumes_to_the_same_end(unbroken, tmp_path, reports: int, stage: int):
    """While weights move, at a stage's end, between two choices of points, at one, and with frozen weights."""
    path = tmp_path / "checkpoint.nc"
    with pytest.raises(BrokenOff):
        ude.fit(poisson(), **SETTINGS, checkpoint=path, callback=breaking_off(reports))
    broken = ude.Fit.load(path)
    assert broken.status == "running"
    assert broken.record.stage == stage
    assert_same_course(unbroken, ude.resume(path, progress=False))


def test_causal_weights_resume_to_the_same_end(tmp_path):
    path = tmp_path / "checkpoint.nc"
    unbroken = ude.fit(heat(), **CAUSAL)
    with pytest.raises(BrokenOff):
        ude.fit(heat(), **CAUSAL, checkpoint=path, callback=breaking_off(1))
    again = ude.fit(heat(), **CAUSAL, checkpoint=path)
    assert_same_course(unbroken, again)
    training = again.tree["/training"].to_dataset()
    assert training["causal_weight"].dims == ("seed", "iteration", "causal_term", "chunk")
    np.testing.assert_array_equal(training["causal_weight"].values[..., 0], 1.0)  # nothing comes before the first
    assert (np.diff(training["causal_weight"].values, axis=-1) <= 0).all()
    assert list(training["term"].values) == ["heat", "ends", "data.u"]


def test_weights_move_in_first_order_stages_and_stay_in_the_last(unbroken):
    training = unbroken.tree["/training"].to_dataset()
    weights, stage = training["weight"].sel(term="ends").values, training["stage_number"].values
    assert (weights[:, 0] != 5.0).all()  # updated before the first step
    assert np.ptp(weights[:, stage < 2], axis=1).min() > 0
    last = weights[:, stage == 2]
    np.testing.assert_array_equal(last, np.repeat(last[:, :1], last.shape[1], axis=1))
    np.testing.assert_array_equal(last[:, 0], weights[:, stage == 1][:, -1])


def test_projections_leave_the_terms_their_weights():
    phases = [ude.Adam(5e-3, 20), ude.LBFGS(5)]
    fit = ude.fit(poisson(), phases=phases, balance=[{"ends": 5.0}, ude.ConFIG()], progress=False)
    logs = fit.record.history.joined(1)
    last = logs["stage"] == 1
    expected = logs["terms"]["pde"][:, last] + 5.0 * logs["terms"]["ends"][:, last]
    np.testing.assert_allclose(logs["total"][:, last], expected, rtol=1e-12)


def test_total_is_the_weighted_sum_of_the_terms(unbroken):
    training = unbroken.tree["/training"].to_dataset()
    total = (training["weight"] * training["term_value"]).sum("term")
    np.testing.assert_allclose(total.values, training["total"].values, rtol=1e-10)


def test_adaptive_points_lie_where_the_residual_is_large(tmp_path):
    sampler = ude.samplers.ResidualAdaptive(every=10, power=4.0, offset=0.0, candidates=400)
    problem = poisson()
    fit = ude.fit(problem, phases=[ude.Adam(1e-4, 20)], objective=ude.Residual(sampler=sampler), progress=False)
    points = fit.record.points["pde"]["x"]
    assert points.shape == (24,)
    everywhere = np.abs(fit.residuals(grid=401)["pde"].values)
    chosen = np.abs(fit.residuals({"x": points})["pde"].values)
    assert chosen.mean() > 1.3 * everywhere.mean()
    assert fit.tree["/points/pde"].attrs["adaptive"] == 1


def test_checkpoint_of_another_call_is_refused(tmp_path):
    path = tmp_path / "checkpoint.nc"
    quick: dict[str, Any] = {"phases": [ude.Adam(5e-3, 10)], "progress": False}
    ude.fit(poisson(), **quick, checkpoint=path)
    with pytest.raises(OptionError, match="belongs to another call"):
        ude.fit(poisson(), **quick, balance={"ends": 2.0}, checkpoint=path)
    with pytest.raises(OptionError, match="belongs to another call"):
        ude.fit(poisson((9,)), **quick, checkpoint=path)


KILLED = """
import sys
import unideq as ude
from training.specimens import poisson
from unideq.training import trainer
trainer.SAVE_EVERY = 0.0
ude.fit(poisson(), phases=[ude.Adam(5e-3, 3000)], report_every=100, progress=False, checkpoint=sys.argv[1],
        callback=lambda r: print("going", flush=True))
"""


@pytest.mark.slow
def test_training_killed_outright_goes_on_to_the_same_end(tmp_path):
    path = tmp_path / "checkpoint.nc"
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths}
    )
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline() == b"going\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    settings: dict[str, Any] = {"phases": [ude.Adam(5e-3, 3000)], "report_every": 100, "progress": False}
    assert 200 <= ude.Fit.load(path).record.history.iterations < 3000
    assert_same_course(ude.fit(poisson(), **settings), ude.fit(poisson(), **settings, checkpoint=path))
