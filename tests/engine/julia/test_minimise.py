"""Julia's optimiser loops go the way of the JAX engine's, report the same, and resume from each other's state."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from unideq.engine import Minimisation
from unideq.objective.program import LossProgram

from ..problems import edge_objective, phase_of, quadratic, rosenbrock, ude_objective
from ..problems import engine as jax_engine
from ..runs import LOGS, OPTIMIZERS, STARTS, each_optimizer, run

SCHEDULES = [
    {"schedule": "ExponentialDecay", "learning_rate": 0.1, "rate": 0.5, "every": 4},
    {"schedule": "CosineDecay", "learning_rate": 0.1, "final": 0.2},
    {"schedule": "PiecewiseConstant", "learning_rate": 0.1, "boundaries": [2, 4], "factors": [0.5, 0.1]},
    {"schedule": "Warmup", "learning_rate": 0.1, "iterations": 4, "final": 0.2},
]

pytestmark = pytest.mark.usefixtures("only_full_reports")


def agree(julia: Any, objective: LossProgram, theta: np.ndarray, name: str, settings: Any, rtol: float, **more: Any):
    """Run on both engines; the same histories, term by term."""
    ours, log = run(julia, objective, theta, name, settings, **more)
    theirs, expected = run(jax_engine(), objective, theta, name, settings, **more)
    for key in LOGS:
        np.testing.assert_allclose(log.log(key), expected.log(key), rtol=rtol, atol=1e-12, err_msg=key)
    for term in objective.terms:
        both = [np.concatenate([r.terms[term] for r in x.reports], axis=1) for x in (log, expected)]
        np.testing.assert_allclose(*both, rtol=rtol, atol=1e-12, err_msg=term)
    np.testing.assert_array_equal(ours.last.finished, theirs.last.finished)
    return ours, theirs


# ---- the JAX engine as witness ------------------------------------------------------------------------------------


@each_optimizer
def test_rosenbrocks_valley_is_walked_the_same_way(julia, name: str):
    # A search along a valley amplifies rounding: the last iterations of quasi-Newton methods are compared by their end.
    settings = {**OPTIMIZERS[name], "iterations": 40 if name.startswith("adam") else 15}
    agree(julia, rosenbrock(), STARTS, name, settings, 1e-8, decay=np.array([True, False]))


@each_optimizer
def test_a_quadratic_is_walked_the_same_way(julia, name: str):
    objective, _ = quadratic()
    settings = {**OPTIMIZERS[name], "iterations": 40 if name.startswith("adam") else 10}
    agree(julia, objective, np.repeat([[0.0], [0.3]], 4, axis=1), name, settings, 1e-8)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s["schedule"])
def test_schedules_are_the_same(julia, schedule: dict[str, Any]):
    agree(julia, rosenbrock(), STARTS, "adam", {"learning_rate": schedule, "iterations": 9}, 1e-10)


@each_optimizer
def test_fixed_entries_stay_exactly_and_the_others_go_the_same_way(julia, name: str):
    free = np.array([True, False])
    settings = {**OPTIMIZERS[name], "iterations": 8}
    ours, _ = agree(julia, rosenbrock(), STARTS, name, settings, 1e-8, free=free)
    np.testing.assert_array_equal(ours.last.theta[:, 1], STARTS[:, 1])


@each_optimizer
def test_a_ude_is_trained_the_same_way(julia, name: str):
    objective, theta = ude_objective(rtol=1e-10, atol=1e-10)
    settings = {**OPTIMIZERS[name], "iterations": 25 if name.startswith("adam") else 8}
    agree(julia, objective, np.stack([theta, 0.5 * theta]), name, settings, 1e-6)


# ---- rejected steps -----------------------------------------------------------------------------------------------


def test_rejected_steps_are_the_same(julia):
    settings = {"learning_rate": 0.4, "iterations": 60}
    _, log = run(julia, edge_objective(), np.array([[0.5]]), "adam", settings)
    _, expected = run(jax_engine(), edge_objective(), np.array([[0.5]]), "adam", settings)
    rejected = log.log("rejected")[0]
    assert rejected.any()
    np.testing.assert_array_equal(rejected, expected.log("rejected")[0])
    np.testing.assert_array_equal(np.isfinite(log.log("total")[0]), ~rejected)
    np.testing.assert_allclose(log.log("total"), expected.log("total"), rtol=1e-8)
    np.testing.assert_allclose(log.log("learning_rate"), expected.log("learning_rate"), rtol=1e-12)


# ---- reports and resuming -----------------------------------------------------------------------------------------


@each_optimizer
@pytest.mark.parametrize("to_julia", [True, False], ids=["jax_to_julia", "julia_to_jax"])
def test_a_run_of_one_engine_goes_on_with_the_other(julia, name: str, to_julia: bool):
    engines = (jax_engine(), julia) if to_julia else (julia, jax_engine())
    settings = {**OPTIMIZERS[name], "iterations": 14}
    unbroken, log = run(engines[0], rosenbrock(), STARTS, name, settings, report_every=7)
    first, _ = run(engines[0], rosenbrock(), STARTS, name, settings, report_every=7, stop_after=1)
    second, tail = run(engines[1], rosenbrock(), STARTS, name, settings, report_every=7, state=first.last.state)
    np.testing.assert_allclose(tail.log("total"), log.log("total")[:, 7:], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(second.last.theta, unbroken.last.theta, rtol=1e-6)
    assert {k: (v.shape, v.dtype) for k, v in second.last.state.items()} == {
        k: (v.shape, v.dtype) for k, v in unbroken.last.state.items()
    }


def test_a_callback_may_ask_for_other_data_of_the_same_program(julia):
    """Objectives that differ in data share compiled code: what a callback computes must not change the run."""
    objective, theta = ude_objective()
    other = LossProgram(objective.sources, objective.loss, {"fit": 3.0, "ridge": 0.5})
    settings = phase_of("adam", {"learning_rate": 0.01, "iterations": 20})
    ends = []
    for callback in (lambda report: True, lambda report: julia.value(other, report.theta) is not None):
        result = julia.minimise(Minimisation(objective, theta[None], settings, report_every=3), callback)
        ends.append(result.last.theta)
    np.testing.assert_array_equal(*ends)


def test_the_loop_around_the_iterations_costs_little(julia):
    """500 iterations with ten reports take hardly longer than with one: a report costs less than 0.3 ms."""
    objective, theta = ude_objective()
    settings = phase_of("adam", {"learning_rate": 1e-3, "iterations": 500})

    def seconds(report_every: int) -> float:
        begin = time.process_time()  # other processes may be busy
        julia.minimise(Minimisation(objective, theta[None], settings, report_every=report_every), lambda r: True)
        return time.process_time() - begin

    seconds(500)
    often, once = (min(seconds(k) for _ in range(10)) for k in (50, 500))
    assert often - once < 9 * 0.3e-3
