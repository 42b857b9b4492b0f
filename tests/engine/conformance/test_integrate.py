"""Solves: closed forms by every solver, orders of convergence, batches, status codes, tolerances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unideq.errors import EngineUnsupported, OptionError
from unideq.solvers import SOLVERS

from ..problems import integration
from .cases import each, ours

TIMES = np.linspace(0.0, 2.0, 9)


def growth(t, u, p):
    return [p[0] * u[0] * (1 - u[0] / p[1])]


def logistic(t, u0=0.1, rate=1.5, capacity=2.0):
    """Solution of u' = rate u (1 − u / capacity)."""
    return capacity / (1 + (capacity / u0 - 1) * np.exp(-rate * t))


def settings_of(name):
    """Settings with which every solver should come within 1e-6; Euler within 2e-5."""
    if not SOLVERS[name].fixed:
        return {"name": name, "rtol": 1e-10, "atol": 1e-10, "max_steps": 200_000}
    return {"name": name, "dt": {1: 1e-5, 2: 5e-4, 3: 5e-3, 4: 1e-2}[SOLVERS[name].order], "max_steps": 10**6}


@each(ours())
def test_every_solver_follows_the_logistic_curve(engine, name):
    found = engine.integrate(integration(growth, [0.1], TIMES, 2, **settings_of(name)), np.array([1.5, 2.0]))
    assert found.status.tolist() == [0]
    within = {"euler": 2e-5, "trbdf2": 2e-5}.get(
        name, 1e-6 if engine.name == "julia" or SOLVERS[name].order == 2 else 1e-7
    )
    np.testing.assert_allclose(found.arrays["sol.u"][0, :, 0], logistic(TIMES), rtol=within)


@each(ours("euler", "heun", "midpoint", "ralston", "rk4"))
def test_fixed_steps_converge_at_their_order(engine, name):
    times = np.array([0.31, 1.07, 2.0])  # the first two lie between steps: interpolation must not spoil the order
    steps = np.array([0.04, 0.02, 0.01])
    errors = []
    for dt in steps:
        problem = integration(growth, [0.1], times, 2, name=name, dt=float(dt))
        found = engine.integrate(problem, np.array([1.5, 2.0])).arrays["sol.u"][0, :, 0]
        errors.append(np.abs(found - logistic(times)).max())
    orders = np.diff(np.log(errors)) / np.diff(np.log(steps))
    np.testing.assert_allclose(orders, SOLVERS[name].order, atol=0.2)


def test_a_forced_equation_knows_the_time(engine):
    # u' = cos t, from t = 1: u = u0 + sin t − sin 1.
    problem = integration(lambda t, u, p: [np.cos(t) + 0.0 * u[0]], [0.5], [1.0, 2.0, 4.0], start=[1.0])
    found = engine.integrate(problem, np.zeros(1)).arrays["sol.u"][0, :, 0]
    np.testing.assert_allclose(found, 0.5 + np.sin([1.0, 2.0, 4.0]) - np.sin(1.0), rtol=1e-7)


def test_a_batch_has_its_own_starts_times_and_lengths(engine):
    times = np.array([[0.0, 0.5, 1.0, 2.0], [1.0, 3.0, 3.0, 3.0], [2.5, 2.5, 2.5, 2.5]])
    starts, states = np.array([0.0, 1.0, 2.5]), np.array([[0.1], [0.5], [0.7]])
    problem = integration(lambda t, u, p: [p[0] * u[0]], states, times, start=starts)
    found = engine.integrate(problem, np.array([-0.7]))
    exact = states * np.exp(-0.7 * (times - starts[:, None]))
    np.testing.assert_allclose(found.arrays["sol.u"][..., 0], exact, rtol=1e-7)
    assert found.status.tolist() == [0, 0, 0]
    assert found.statistics["steps"][2] == 0


def test_fixed_steps_cope_with_padded_and_empty_rows(engine):
    times = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 1.0]])
    problem = integration(
        lambda t, u, p: [p[0] * u[0]], [[1.0], [1.0], [2.0]], times, start=[0.0, 0.0, 1.0], name="rk4", dt=0.01
    )
    found = engine.integrate(problem, np.array([1.0]))
    exact = np.array([[1.0, np.e], [np.exp(0.5)] * 2, [2.0, 2.0]])
    np.testing.assert_allclose(found.arrays["sol.u"][..., 0], exact, rtol=1e-8)


# ---- failure -------------------------------------------------------------------------------------------------------


def test_the_step_limit_is_status_1(engine):
    problem = integration(lambda t, u, p: [u[1], -p[0] * u[0]], [1.0, 0.0], [0.1, 10.0], max_steps=20)
    found = engine.integrate(problem, np.array([1e4]))
    assert found.status.tolist() == [1]
    assert found.statistics["steps"].tolist() == [20]
    assert np.isnan(found.arrays["sol.u"][0, 1]).all()


def test_one_blow_up_leaves_its_neighbours_alone(engine):
    # u' = p u² from u0 = 1 is singular at t = 1/p.
    problem = integration(lambda t, u, p: [p[0] * u[0] ** 2], [[1.0], [0.1]], [[0.5, 3.0], [0.5, 3.0]])
    found = engine.integrate(problem, np.array([[1.0], [0.1], [-2.0]]))
    assert found.status.ravel()[1:].tolist() == [0] * 5
    assert found.status[0, 0] in ((3,) if engine.name == "jax" else (1, 2, 3))
    assert found.arrays["sol.u"].shape == (3, 2, 2, 1)
    np.testing.assert_allclose(found.arrays["sol.u"][0, 0, :, 0], [2.0, np.nan], rtol=1e-6)
    np.testing.assert_allclose(found.arrays["sol.u"][0, 1, :, 0], [0.1 / 0.95, 0.1 / 0.7], rtol=1e-6)
    np.testing.assert_allclose(found.arrays["sol.u"][2, :, :, 0], [[1 / 2, 1 / 7], [0.1 / 1.1, 0.1 / 1.6]], rtol=1e-6)
    # It gave up at the singularity instead of spending `max_steps` there.
    assert found.statistics["steps"][0, 0] < 1000


@each(ours("tsit5", "rodas5p", "kvaerno5"))
def test_a_failed_solve_keeps_what_it_had(engine, name):
    """x' = x² from 1 is 1 / (1 − t), which ends at t = 1; beside it a trajectory that gets through."""
    times = np.array([0.0, 0.5, 0.9, 1.5, 2.0])
    problem = integration(
        lambda t, u, p: [p[0] * u[0] ** 2],
        [[1.0], [0.25]],
        np.stack([times] * 2),
        start=[0.0, 0.0],
        name=name,
        **({"rtol": 1e-10, "atol": 1e-10} if engine.name == "julia" else {}),
    )
    found = engine.integrate(problem, np.array([1.0]))
    assert found.status[0] in ((2, 3) if engine.name == "jax" else (1, 2, 3)) and found.status[1] == 0
    states = found.arrays["sol.u"][..., 0]
    np.testing.assert_allclose(states[0, :3], [1.0, 2.0, 10.0], rtol=1e-5)
    assert np.isnan(states[0, 3:]).all()
    np.testing.assert_allclose(states[1], 1.0 / (4.0 - times), rtol=1e-6)


def test_a_start_that_is_nan_is_status_2(engine):
    problem = integration(lambda t, u, p: [p[0] * u[0]], [np.nan], [1.0])
    assert engine.integrate(problem, np.ones(1)).status.tolist() == [2]


def test_overflow_in_fixed_steps_is_status_2(engine):
    problem = integration(lambda t, u, p: [p[0] * u[0] ** 3], [10.0], [1.0], name="euler", dt=0.1)
    assert engine.integrate(problem, np.ones(1)).status.tolist() == [2]


# ---- settings ------------------------------------------------------------------------------------------------------


@each(ours("tsit5", "kvaerno5", "rodas5p", "fbdf"))
def test_every_state_has_a_tolerance_of_its_own(engine, name):
    problem = integration(
        lambda t, u, p: [-p[0] * u[0], -u[1]], [1e-7, 1.0], TIMES, name=name, rtol=1e-7, atol=(1e-14, 1e-7)
    )
    found = engine.integrate(problem, np.array([3.0])).arrays["sol.u"][0]
    np.testing.assert_allclose(found, np.stack([1e-7 * np.exp(-3 * TIMES), np.exp(-TIMES)], axis=1), rtol=2e-4)


def with_solver(**settings):
    problem = integration(growth, [0.1], TIMES, 2)
    return replace(problem, solver=replace(problem.solver, **settings))


def test_unknown_solvers_and_adjoints_are_named_with_the_choices(engine):
    with pytest.raises(OptionError, match=r"Unknown solver `tsit4`\. Did you mean `tsit5`"):
        engine.integrate(with_solver(name="tsit4"), np.ones(2))
    with pytest.raises(OptionError, match=r"Unknown adjoint `backsolv`\. Did you mean `backsolve`"):
        engine.integrate(with_solver(adjoint="backsolv"), np.ones(2))
    other, theirs = {"jax": ("julia", "gauss"), "julia": ("jax", "checkpointed")}[engine.name]
    with pytest.raises(EngineUnsupported, match=f"engine `{other}` has it"):
        engine.integrate(with_solver(adjoint=theirs), np.ones(2))


def test_fixed_steps_need_a_step(engine):
    with pytest.raises(OptionError, match="give it a positive `dt`"):
        engine.integrate(with_solver(name="rk4", dt=None), np.ones(2))
