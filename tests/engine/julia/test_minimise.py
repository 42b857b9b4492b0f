"""Julia's optimiser loops go the way of the JAX engine's, report the same, and resume from each other's state."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from unideq.engine import Minimisation, Minimised, Report, loop
from unideq.errors import FileFormatError, ModelError
from unideq.objective.program import LossProgram

from ..problems import edge_objective, phase_of, quadratic, rosenbrock, ude_objective
from ..problems import engine as jax_engine

ADAM = {"learning_rate": 0.05, "iterations": 40}
QUASI = {"iterations": 40, "tolerance": 1e-9, "line_search": 20}
OPTIMIZERS = {
    "adam": ADAM,
    "adamw": {**ADAM, "weight_decay": 0.1, "clip": 1.0},
    "lbfgs": {**QUASI, "memory": 5},
    "bfgs": QUASI,
}
SCHEDULES = [
    {"schedule": "ExponentialDecay", "learning_rate": 0.1, "rate": 0.5, "every": 4},
    {"schedule": "CosineDecay", "learning_rate": 0.1, "final": 0.2},
    {"schedule": "PiecewiseConstant", "learning_rate": 0.1, "boundaries": [2, 4], "factors": [0.5, 0.1]},
    {"schedule": "Warmup", "learning_rate": 0.1, "iterations": 4, "final": 0.2},
]
STARTS = np.array([[-1.2, 1.0], [2.0, -1.0], [0.0, 0.5]])
LOGS = ("total", "gradient_norm", "learning_rate", "rejected")
each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


pytestmark = pytest.mark.usefixtures("only_full_reports")


class Recorder:
    """A callback that keeps the reports, and stops after some of them."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.reports: list[Report] = []
        self.stop_after = stop_after

    def __call__(self, report: Report) -> bool:
        self.reports.append(report)
        return len(self.reports) != self.stop_after

    def log(self, name: str) -> np.ndarray:
        return np.concatenate([getattr(r, name) for r in self.reports], axis=1)


def run(
    engine: Any,
    objective: LossProgram,
    theta: np.ndarray,
    name: str,
    settings: dict[str, Any],
    stop_after: int | None = None,
    **more: Any,
) -> tuple[Minimised, Recorder]:
    recorder = Recorder(stop_after)
    optimizer = phase_of(name, settings)
    result = engine.minimise(Minimisation(objective, theta, optimizer, **more), recorder)
    return result, recorder


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


# ---- minima -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lbfgs", "bfgs"])
def test_quasi_newton_methods_solve_rosenbrocks_valley(julia, name: str):
    result, log = run(julia, rosenbrock(), STARTS, name, {**OPTIMIZERS[name], "iterations": 100})
    np.testing.assert_allclose(result.last.theta, 1.0, atol=1e-8)
    assert result.last.finished.tolist() == [1, 1, 1]
    assert result.last.iteration <= 60
    assert np.nanmax(np.diff(log.log("total"), axis=1)) <= 0


def test_a_start_at_the_minimum_has_converged_without_an_iteration(julia):
    result, log = run(julia, rosenbrock(), np.ones((1, 2)), "bfgs", QUASI)
    assert result.last.finished.tolist() == [1]
    assert result.last.iteration == 0
    assert log.reports[0].total.shape == (1, 0)
    assert result.last.best_total.tolist() == [0.0]


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


def test_twenty_rejected_steps_in_a_row_end_a_seed_at_its_last_good_point(julia):
    settings = {"learning_rate": 1e9, "iterations": 100}
    result, log = run(julia, edge_objective(), np.array([[0.5]]), "adam", settings)
    assert result.last.finished.tolist() == [2]
    assert result.last.iteration == 21
    assert log.log("rejected")[0].tolist() == [False] + [True] * 20
    assert result.last.theta.tolist() == [[0.5]]


@pytest.mark.parametrize("name", ["adam", "bfgs"])
def test_a_start_that_cant_be_evaluated_ends_its_seed_only(julia, name: str):
    settings = {**OPTIMIZERS[name], **({"learning_rate": 0.01} if name == "adam" else {})}
    result, log = run(julia, edge_objective(), np.array([[-1.0], [0.4]]), name, settings)
    assert result.last.finished[0] == 2
    assert result.last.theta[0, 0] == -1.0
    assert np.isinf(result.last.best_total[0])
    assert result.last.finished[1] != 2
    assert np.isnan(log.log("total")[0, 1:]).all()


@pytest.mark.parametrize("name", ["lbfgs", "bfgs"])
def test_a_line_search_backs_off_from_where_the_loss_isnt_finite(julia, name: str):
    result, log = run(julia, edge_objective(), np.array([[0.5]]), name, OPTIMIZERS[name])
    assert result.last.finished.tolist() == [1]
    np.testing.assert_allclose(result.last.theta[0, 0], np.sqrt(0.0005), rtol=1e-6)
    assert np.isfinite(log.log("total")).all()


# ---- seeds --------------------------------------------------------------------------------------------------------


@each_optimizer
def test_seeds_go_the_same_way_together_as_alone_bit_for_bit(julia, name: str):
    together, log = run(julia, rosenbrock(), STARTS, name, OPTIMIZERS[name])
    for i, start in enumerate(STARTS):
        alone, own = run(julia, rosenbrock(), start[None], name, OPTIMIZERS[name])
        made = own.log("total").shape[1]
        np.testing.assert_array_equal(log.log("total")[i, :made], own.log("total")[0])
        np.testing.assert_array_equal(together.last.theta[i], alone.last.theta[0])
        assert np.isnan(log.log("total")[i, made:]).all()


# ---- reports and resuming -----------------------------------------------------------------------------------------


@each_optimizer
def test_resuming_is_bit_for_bit_whatever_the_chunks(julia, name: str):
    settings = OPTIMIZERS[name]
    unbroken, log = run(julia, rosenbrock(), STARTS, name, settings)
    first, head = run(julia, rosenbrock(), STARTS, name, settings, report_every=7, stop_after=2)
    saved = {key: np.array(value) for key, value in first.last.state.items()}
    second, tail = run(julia, rosenbrock(), np.full_like(STARTS, 9.0), name, settings, report_every=7, state=saved)
    assert second.last.iteration == unbroken.last.iteration
    for key in LOGS:
        both = np.concatenate([head.log(key), tail.log(key)], axis=1)
        np.testing.assert_array_equal(both, log.log(key))
    for key, value in unbroken.last.state.items():
        np.testing.assert_array_equal(second.last.state[key], value, err_msg=key)


def test_an_ode_objective_resumes_bit_for_bit_too(julia):
    objective, theta = ude_objective(rtol=1e-6, atol=1e-6)
    start, settings = theta[None], {"iterations": 12}
    unbroken, log = run(julia, objective, start, "bfgs", settings, report_every=4)
    first, head = run(julia, objective, start, "bfgs", settings, report_every=4, stop_after=1)
    second, tail = run(julia, objective, start, "bfgs", settings, report_every=4, state=first.last.state)
    np.testing.assert_array_equal(np.concatenate([head.log("total"), tail.log("total")], axis=1), log.log("total"))
    np.testing.assert_array_equal(second.last.theta, unbroken.last.theta)
    assert log.log("total")[0, -1] < 0.5 * log.log("total")[0, 0]


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


def test_a_state_of_another_phase_is_refused(julia):
    result, _ = run(julia, rosenbrock(), STARTS, "adam", ADAM, stop_after=1)
    with pytest.raises(ModelError, match="This optimiser state doesn't fit the phase: `known`"):
        run(julia, rosenbrock(), STARTS, "bfgs", QUASI, state=result.last.state)


def test_reports_come_every_k_iterations_and_change_nothing(julia, monkeypatch: pytest.MonkeyPatch):
    _, log = run(julia, rosenbrock(), STARTS, "adam", ADAM, report_every=15)
    assert [r.iteration for r in log.reports] == [15, 30, 40]
    assert [r.total.shape for r in log.reports] == [(3, 15), (3, 15), (3, 10)]
    monkeypatch.setattr(loop, "SILENCE", 0.0)
    _, more = run(julia, rosenbrock(), STARTS, "adam", ADAM, report_every=15)
    assert len(more.reports) > 3
    for key in LOGS:
        np.testing.assert_array_equal(more.log(key), log.log(key))


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


def test_unknown_optimizers_and_schedules_are_named(julia):
    with pytest.raises(FileFormatError, match=r"Unknown optimizer `adma`\. Did you mean `adam`"):
        run(julia, rosenbrock(), STARTS, "adma", ADAM)
    with pytest.raises(FileFormatError, match=r"Unknown schedule `CosineDekay`\. Did you mean `CosineDecay`"):
        run(julia, rosenbrock(), STARTS, "adam", {"learning_rate": {"schedule": "CosineDekay"}, "iterations": 3})


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
