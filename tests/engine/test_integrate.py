"""Solves: analytic and published solutions, orders of convergence, batches, padding, and what happens on failure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from diffrax import RESULTS

import unideq as ude
from unideq.engine.jax.solvers import GuardedController
from unideq.graph import Graph, constant, variable

from .problems import engine, integration, least_squares

TIMES = np.linspace(0.0, 2.0, 6)


def growth(t, u, theta):
    return [theta[0] * u[0] * (1.0 - u[0] / theta[1])]


def logistic(t: np.ndarray) -> np.ndarray:
    """Solution of u' = 1.5 u (1 − u / 2), u(0) = 0.1."""
    return 2.0 / (1.0 + (2.0 / 0.1 - 1.0) * np.exp(-1.5 * t))


def test_an_oscillator_as_second_order_system_keeps_phase_and_energy():
    problem = integration(
        lambda t, u, p: [u[1], -(p[0] ** 2) * u[0]], [1.0, 0.0], np.linspace(0, 10, 21), rtol=1e-10, atol=1e-10
    )
    found = engine().integrate(problem, np.array([2.0])).arrays["sol.u"][0]
    t = problem.times[0]
    np.testing.assert_allclose(found, np.stack([np.cos(2 * t), -2 * np.sin(2 * t)], axis=1), atol=1e-7)


@pytest.mark.parametrize(("name", "rtol", "atol"), [("kvaerno5", 1e-6, 1e-10), ("kencarp4", 1e-7, 1e-12)])
def test_robertsons_kinetics_meet_the_published_solution(name: str, rtol: float, atol: float):
    """Mazzia & Magherini, Test Set for IVP Solvers 2.4, gives y(1e11); CVODE's `cvRoberts_dns` prints y(0.4), y(40)."""

    def robertson(t, u, k):
        slow, back, fast = k[0] * u[0], k[1] * u[1] * u[2], k[2] * u[1] * u[1]
        return [-slow + back, slow - back - fast, fast]

    problem = integration(robertson, [1.0, 0.0, 0.0], [0.4, 40.0, 1e11], 3, name=name, rtol=rtol, atol=atol)
    found = engine().integrate(problem, np.array([0.04, 1e4, 3e7]))
    assert found.status.tolist() == [0]
    states = found.arrays["sol.u"][0]
    np.testing.assert_allclose(states[0], [9.8517e-01, 3.3864e-05, 1.4794e-02], rtol=5e-5)
    np.testing.assert_allclose(states[1], [7.1582e-01, 9.1850e-06, 2.8418e-01], rtol=5e-4)
    reference = [0.2083340149701255e-07, 0.8333360770334713e-13, 0.9999999791665050]
    np.testing.assert_allclose(states[2], reference, rtol=1e-4)
    assert found.statistics["steps"][0] < 700
    np.testing.assert_allclose(states.sum(axis=1), 1.0, rtol=1e-10)


@pytest.mark.slow
def test_stiff_van_der_pol_meets_the_published_solution():
    """Mazzia & Magherini, Test Set for IVP Solvers, problem VDPOL: μ = 1000 in u'' = μ (1 − u²) u' − u, t = 2000."""
    problem = integration(
        lambda t, u, p: [u[1], p[0] * (1 - u[0] ** 2) * u[1] - u[0]], [2.0, 0.0], [2000.0], name="kencarp4"
    )
    found = engine().integrate(problem, np.array([1000.0]))
    np.testing.assert_allclose(found.arrays["sol.u"][0, 0, 0], 0.1706167732170469e1, rtol=1e-4)


def test_initial_states_and_observables_come_from_theta():
    t, u, theta = variable("t"), variable("u", (1,)), variable("theta", (2,))
    problem = replace(
        integration(lambda t, u, p: [p[0] * u[0]], [[0.0], [0.0]], [[1.0], [1.0]], 2),
        initial=Graph([theta], {"u0": np.stack([theta[1:2], theta[1:2] * constant(2.0)])}),
        observe=Graph([t, u, theta], {"double": 2.0 * u[0], "clock": t + theta[0]}),
    )
    found = engine().integrate(problem, np.array([0.5, 3.0]))
    assert found.arrays["sol.double"].shape == (2, 1)
    np.testing.assert_allclose(found.arrays["sol.double"][:, 0], [6 * np.exp(0.5), 12 * np.exp(0.5)], rtol=1e-7)
    np.testing.assert_allclose(found.arrays["sol.clock"], 1.5)


# ---- failure -----------------------------------------------------------------------------------------------------


def test_a_field_that_becomes_nan_is_status_2():
    problem = integration(lambda t, u, p: [-np.sqrt(u[0]) - p[0]], [1.0], [0.1, 5.0])
    found = engine().integrate(problem, np.array([1.0]))
    assert found.status.tolist() == [2]
    assert found.statistics["steps"][0] < 1000


@pytest.mark.parametrize("trial", [np.inf, np.nan])
def test_a_trial_step_that_overflows_is_repeated_with_a_shorter_one(trial: float):
    controller = GuardedController(rtol=1e-6, atol=1e-6)
    state = ((np.array(1.0), np.array(1.0), False), np.array(1e-20))
    bad = np.array([1.0, trial])
    keep, t0, t1, _, _, result = controller.adapt_step_size(0.5, 0.6, np.ones(2), bad, None, bad, 5.0, state)
    assert not keep
    assert t0 == 0.5
    assert 0.5 < t1 < 0.6
    assert result == RESULTS.successful


@pytest.mark.parametrize("unit", [1.0, 1e-9])
def test_first_steps_fit_the_unit_of_time(unit: float):
    """The same decay in seconds and in nanoseconds takes the same steps."""
    problem = integration(lambda t, u, p: [-p[0] * u[0]], [1.0], [3.0 * unit], rtol=1e-6, atol=1e-9)
    found = engine().integrate(problem, np.array([1.0 / unit]))
    np.testing.assert_allclose(found.arrays["sol.u"][0, 0, 0], np.exp(-3.0), rtol=1e-5)
    assert 5 < found.statistics["steps"][0] < 20


# ---- settings ----------------------------------------------------------------------------------------------------


def test_the_same_program_with_other_times_isnt_compiled_again():
    problem = integration(growth, [0.1], TIMES, 2)
    engine().integrate(problem, np.array([1.5, 2.0]))
    before = len(engine()._cache)
    other = integration(growth, [0.1], TIMES * 0.7, 2)
    found = engine().integrate(other, np.array([1.5, 2.0])).arrays["sol.u"][0, :, 0]
    np.testing.assert_allclose(found, logistic(TIMES * 0.7), rtol=1e-6)
    assert len(engine()._cache) == before


@pytest.mark.parametrize("name", ["kvaerno5", "kencarp4"])
def test_stages_that_are_guessed_right_converge_also_beside_a_solve_that_fails(name: str):
    """x' = −0.3 √x: x = (√x₀ − 0.15 t)², whose slope is linear in time, until it would be negative."""
    starts, times = np.array([9.0, 4.0, 0.2]), np.linspace(0.0, 5.0, 6)
    model = ude.ODE(lambda t, state: {"x": -0.3 * np.sqrt(state.x)}, ["x"])
    solution = model.solve(times, {"x": starts}, solver=name, throw=False, engine="jax")
    exact = (np.sqrt(starts[:2, None]) - 0.15 * times) ** 2
    np.testing.assert_allclose(solution["x"][:2], exact, rtol=1e-9)
    assert [s == "success" for s in solution.status] == [True, True, False]
    assert (solution.statistics["steps"][:2] < 60).all()


@pytest.mark.parametrize("name", ["kvaerno5", "kencarp4"])
def test_derivatives_of_implicit_solves_that_fail_are_nan(name: str):
    """√x on its way below 0: a stage has no root there, and the linear systems of its derivative no solution."""
    problem = integration(lambda t, u, p: [-3.0 * p[0] * u[0] ** 0.5, -u[1]], [1.0, 1.0], TIMES[::2], name=name)
    found = engine().value_and_gradient(least_squares(problem, np.zeros((1, 3, 2))), np.array([[0.1], [1.0]]))
    assert np.isfinite(found.total).tolist() == [True, False]
    assert np.isfinite(found.gradient[:, 0]).tolist() == [True, False]
