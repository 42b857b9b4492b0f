"""Fresh data for every iteration in Julia: the JAX engine's losses, whatever the chunks, and resumed bit for bit."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from unideq.engine import Minimisation, Report
from unideq.objective.program import Given, LossProgram, Rollout

from ..growing import STARTS, Following, growth
from ..problems import engine as jax_engine
from ..problems import phase_of
from .test_rollout import PARAMETERS, THETA, nonlinear, objective

ADAM = {"learning_rate": 0.02, "iterations": 30}
LOGS = ("total", "gradient_norm", "learning_rate", "rejected")


pytestmark = pytest.mark.usefixtures("only_full_reports")


class Shifted:
    """Other starts and targets for `nonlinear` every iteration; `broken` iterations start at infinity."""

    follows_theta = False

    def __init__(self, problem: LossProgram, broken: tuple[int, ...] = ()) -> None:
        rollout, given = problem.sources
        assert isinstance(rollout, Rollout)
        assert isinstance(given, Given)
        self.start, self.target = rollout.data["start"], given.data["u"]
        self.broken = broken

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        generator = np.random.default_rng(iteration)
        start = np.inf if iteration in self.broken else self.start
        return [
            {"start": start + 0.3 * generator.standard_normal(self.start.shape)},
            {"u": self.target + 0.1 * generator.standard_normal(self.target.shape)},
        ]


class Outliers(Shifted):
    """A target far away in some iterations."""

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        start, target = super().__call__(iteration)
        return [start, {"u": 100 + target["u"]} if iteration in (7, 8, 15) else target]


def run(engine: Any, problem: LossProgram, theta: np.ndarray, stop_after: int | None = None, **more: Any):
    reports: list[Report] = []

    def callback(report: Report) -> bool:
        reports.append(report)
        return len(reports) != stop_after

    optimizer = phase_of(more.pop("name", "adam"), more.pop("settings", ADAM))
    found = engine.minimise(Minimisation(problem, theta, optimizer, **more), callback)
    return found, {key: np.concatenate([getattr(r, key) for r in reports], axis=1) for key in LOGS}


def agree(julia: Any, problem: LossProgram, theta: np.ndarray, rtol: float = 1e-9, **more: Any):
    """The same run on both engines."""
    ours, log = run(julia, problem, theta, **more)
    theirs, expected = run(jax_engine(), problem, theta, **more)
    for key, values in expected.items():
        np.testing.assert_allclose(log[key], values, rtol=rtol, err_msg=key)
    np.testing.assert_array_equal(ours.last.finished, theirs.last.finished)
    return ours, log


# ---- the JAX engine as witness ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_a_rollout_is_trained_on_batches_the_same_way(julia, name: str):
    problem = objective(nonlinear())
    thetas = np.stack([THETA, -THETA])
    _, log = agree(julia, problem, thetas, name=name, batches=Shifted(problem), settings={**ADAM, "clip": 1.0})
    assert not log["rejected"].any()
    assert (np.diff(log["total"]) > 0).any()  # the data are others every time


def test_batches_that_fail_are_rejected_the_same_way_even_at_the_start(julia):
    problem = objective(nonlinear())
    settings = {**ADAM, "weight_decay": 0.1}
    batches = Shifted(problem, broken=(0, 1, 9))
    _, log = agree(julia, problem, THETA[None], name="adamw", batches=batches, settings=settings)
    assert np.flatnonzero(log["rejected"][0]).tolist() == [0, 1, 9]


def test_updates_with_large_gradients_are_left_out_the_same_way(julia):
    problem = objective(nonlinear())
    settings = {**ADAM, "skip": 5.0}
    found, log = agree(julia, problem, np.stack([THETA, 0.5 * THETA]), batches=Outliers(problem), settings=settings)
    assert np.flatnonzero(log["rejected"][0]).tolist() == [7, 8, 15]
    np.testing.assert_allclose(log["learning_rate"], 0.02)
    assert {"norm_mean", "norm_weight", "skipped"} <= found.last.state.keys()


def test_two_hundred_updates_left_out_in_a_row_end_a_seed(julia):
    class Further(Shifted):
        def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
            start, target = super().__call__(iteration)
            return [start, target if iteration < 3 else {"u": 1e3 + target["u"]}]

    problem = objective(nonlinear(steps=2))
    found, log = run(
        julia, problem, THETA[None], batches=Further(problem), settings={**ADAM, "iterations": 300, "skip": 5.0}
    )
    assert found.last.finished.tolist() == [2]
    assert log["rejected"][0, 3:].sum() == 200


def test_batches_may_follow_the_parameters(julia):
    ours, log = run(julia, growth(), STARTS[:1], batches=Following())
    _, expected = run(jax_engine(), growth(), STARTS[:1], batches=Following())
    np.testing.assert_allclose(log["total"], expected["total"], rtol=1e-9)
    assert ours.last.theta[0, 0] > STARTS[0, 0] + 0.3  # the target runs ahead of θ
    _, other = run(julia, growth(), STARTS[:1], batches=Following(), report_every=3)
    np.testing.assert_array_equal(other["total"], log["total"])


# ---- chunks, interruptions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [ADAM, {**ADAM, "skip": 5.0}], ids=["plain", "skip"])
def test_a_run_with_batches_resumes_bit_for_bit(julia, settings: dict[str, Any]):
    problem = objective(nonlinear())
    batches = Outliers(problem)
    unbroken, log = run(julia, problem, THETA[None], batches=batches, settings=settings)
    first, head = run(julia, problem, THETA[None], batches=batches, report_every=9, stop_after=1, settings=settings)
    state = {key: np.array(value) for key, value in first.last.state.items()}
    theta = np.zeros((1, PARAMETERS))
    second, tail = run(julia, problem, theta, batches=batches, report_every=9, state=state, settings=settings)
    for key, values in log.items():
        np.testing.assert_array_equal(np.concatenate([head[key], tail[key]], axis=1), values)
    for key, values in unbroken.last.state.items():
        np.testing.assert_array_equal(second.last.state[key], values, err_msg=key)


def test_a_run_of_one_engine_goes_on_with_the_other(julia):
    problem, settings = objective(nonlinear()), {**ADAM, "skip": 5.0}
    go_on = partial(run, problem=problem, theta=THETA[None], batches=Outliers(problem), settings=settings)
    _, log = go_on(julia)
    first, _ = go_on(jax_engine(), report_every=10, stop_after=1)
    _, tail = go_on(julia, state=first.last.state)
    np.testing.assert_allclose(tail["total"], log["total"][:, 10:], rtol=1e-9)


def test_a_callback_sees_the_objectives_own_data_and_changes_nothing(julia):
    problem = objective(nonlinear())
    own, seen, ends = julia.value(problem, THETA).total, [], []
    for look in (lambda: 0.0, lambda: seen.append(float(julia.value(problem, THETA).total))):
        optimizer = phase_of("adam", ADAM)
        run = Minimisation(problem, THETA[None], optimizer, report_every=8, batches=Shifted(problem))
        found = julia.minimise(run, lambda report, look=look: look() is None or True)
        ends.append(found.last.theta)
    np.testing.assert_array_equal(*ends)
    assert set(seen) == {float(own)}
    assert len(seen) == 4
    np.testing.assert_array_equal(julia.value(problem, THETA).total, own)
