"""Methods from outside: order of convergence, agreement with the engines' own, gradients, errors, files."""

from __future__ import annotations

import numpy as np
import pytest

import unideq as ude
from solvers.tableaus import BOGACKI_SHAMPINE, DOPRI5, KUTTA3, RALSTON, ROS2, ROS3P
from unideq.errors import EngineUnsupported
from unideq.solvers import ExplicitTableau, RosenbrockTableau, SolverSettings

from ..problems import integration, least_squares

TIMES = np.array([0.28 + 0.04 / 3, 1.04 + 0.04 / 3, 2.0])
"""The first two lie at a third of a step of 0.04, and of 0.01: dense output must not spoil the order."""
EXPLICIT = {"ralston": RALSTON, "kutta3": KUTTA3}
STIFF = {"ros2": ROS2, "ros3p": ROS3P}


def decaying(t, u, p):
    """Lotka and Volterra's equations, driven."""
    return [p[0] * u[0] - u[0] * u[1] + 0.3 * np.sin(3 * t), u[0] * u[1] - p[1] * u[1]]


START, THETA = [1.0, 1.5], np.array([1.1, 0.9])


def settings(given, **more):
    kind = RosenbrockTableau if "gamma" in given else ExplicitTableau
    tableau = kind(**given)
    return {"name": tableau.label.lower(), "tableau": tableau, **more}


def solved(engine, times=TIMES, **solver):
    found = engine.integrate(integration(decaying, START, times, 2, **solver), THETA)
    assert found.status.tolist() == [0]
    return found.arrays["sol.u"][0], found.statistics


@pytest.fixture(scope="module")
def exact(engine):
    return solved(engine, name="tsit5", rtol=1e-12, atol=1e-12, max_steps=10**5)[0]


def has(engine, given):
    if "gamma" in given and engine.name != "julia":
        with pytest.raises(
            EngineUnsupported, match="Engine `jax` lacks the solver `rosenbrock`; engine `julia` has it"
        ):
            solved(engine, **settings(given, dt=0.1))
        return False
    return True


@pytest.mark.parametrize("name", [*EXPLICIT, *STIFF])
def test_fixed_steps_converge_at_their_order(engine, exact, name):
    given = {**EXPLICIT, **STIFF}[name]
    if not has(engine, given):
        return
    coarse, fine = (np.abs(solved(engine, **settings(given, dt=dt))[0] - exact).max() for dt in (0.04, 0.01))
    np.testing.assert_allclose(np.log(coarse / fine) / np.log(4), given["order"], atol=0.2)


@pytest.mark.parametrize("given", [BOGACKI_SHAMPINE, DOPRI5], ids=["bs3", "dopri5"])
def test_tolerances_are_kept(engine, exact, given):
    loose, few = solved(engine, **settings(given, rtol=1e-5, atol=1e-5))
    tight, many = solved(engine, **settings(given, rtol=1e-9, atol=1e-9, max_steps=10**5))
    assert 1e-8 < np.abs(loose - exact).max() < 1e-3
    assert np.abs(tight - exact).max() < 1e-6
    assert many["accepted"][0] > 2 * few["accepted"][0]


def test_the_tableau_of_a_named_solver_is_that_solver(engine):
    at = np.array([2.0])  # its own dense output is of higher order
    # `dopri5` of Julia has a step-size control of its own.
    name, given = {"jax": ("dopri5", DOPRI5), "julia": ("bs3", BOGACKI_SHAMPINE)}[engine.name]
    ours, counts = solved(engine, at, **settings(given, rtol=1e-7, atol=1e-7))
    named, known = solved(engine, at, name=name, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(ours, named, rtol=1e-6)
    np.testing.assert_allclose(counts["accepted"], known["accepted"], atol=1)
    fixed = [solved(engine, at, name="ralston", dt=0.125)[0], solved(engine, at, **settings(RALSTON, dt=0.125))[0]]
    np.testing.assert_allclose(fixed[0], fixed[1], rtol=1e-13)


@pytest.mark.parametrize(
    ("given", "more"),
    [
        (RALSTON, {"dt": 0.1}),
        (BOGACKI_SHAMPINE, {"rtol": 1e-6, "atol": 1e-6}),
        (ROS2, {"dt": 0.1}),
        (ROS3P, {"dt": 0.1}),
    ],
    ids=["ralston", "bs3", "ros2", "ros3p"],
)
def test_gradients_are_those_of_the_steps_taken(engine, given, more):
    if not has(engine, given):
        return
    data = np.array([[[1.2, 1.4], [0.9, 1.1], [0.8, 0.9]]])
    objective = least_squares(integration(decaying, START, TIMES, 2, **settings(given, **more)), data)
    gradient = engine.value_and_gradient(objective, THETA).gradient
    step, seen = 1e-5, []
    for k in range(2):
        moved = step * np.eye(2)[k]
        high, low = (engine.value(objective, THETA + sign * moved).total for sign in (1, -1))
        seen.append((high - low) / (2 * step))
    # Fixed steps are differentiated exactly; a step's size that follows the error is held constant.
    np.testing.assert_allclose(gradient, seen, rtol=1e-7 if "dt" in more else 1e-4)


def test_a_stiff_problem_is_solved_in_few_steps(engine):
    if not has(engine, ROS3P):
        return
    problem = integration(
        lambda t, u, p: [-p[0] * (u[0] - np.cos(t)) - np.sin(t)], [1.0], [0.5, 1.0], **settings(ROS3P, dt=0.05)
    )
    found = engine.integrate(problem, np.array([1e5]))
    np.testing.assert_allclose(found.arrays["sol.u"][0, :, 0], np.cos([0.5, 1.0]), atol=1e-4)
    assert found.statistics["steps"].tolist() == [20]


def test_many_stiff_states_are_solved_with_sparse_factors(engine):
    if not has(engine, ROS2):
        return
    n = 40

    def diffusion(t, u, p):
        return [400 * (u[max(i - 1, 0)] - 2 * u[i] + u[min(i + 1, n - 1)]) for i in range(n)]

    start = 1 + np.cos(np.pi * (np.arange(n) + 0.5) / n)
    found = engine.integrate(integration(diffusion, start, [0.1], **settings(ROS2, dt=0.002)), np.zeros(1))
    rate = 1600 * np.sin(np.pi / (2 * n)) ** 2
    np.testing.assert_allclose(found.arrays["sol.u"][0, 0], 1 + (start - 1) * np.exp(-0.1 * rate), atol=1e-3)


def test_failures_are_told(engine):
    explosion = integration(lambda t, u, p: [u[0] ** 2], [1.0], [2.0], **settings(BOGACKI_SHAMPINE, max_steps=2000))
    assert engine.integrate(explosion, np.zeros(1)).status[0] in (1, 2, 3)
    short = integration(decaying, START, TIMES, 2, **settings(BOGACKI_SHAMPINE, max_steps=3))
    assert engine.integrate(short, THETA).status.tolist() == [1]
    fixed = integration(lambda t, u, p: [u[0] ** 3], [10.0], [1.0], **settings(RALSTON, dt=0.1))
    assert engine.integrate(fixed, np.zeros(1)).status.tolist() == [2]


def test_steps_end_where_the_equations_jump(engine):
    def switched(t, u, p):
        return [np.where(t < 0.37, 1.0, -1.0) + 0.0 * u[0]]

    problem = integration(switched, [0.0], [0.2, 1.0], **settings(BOGACKI_SHAMPINE, rtol=1e-6, atol=1e-6))
    found = engine.integrate(problem, np.zeros(1))
    np.testing.assert_allclose(found.arrays["sol.u"][0, :, 0], [0.2, 0.37 - 0.63], atol=1e-12)
    assert found.statistics["rejected"].tolist() == [0]


def test_a_fit_by_a_method_from_outside_is_kept_in_its_file(engine, tmp_path):
    times = np.linspace(0.0, 1.0, 6)
    solver = ude.ExplicitRungeKutta(**BOGACKI_SHAMPINE, rtol=1e-5)
    model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": 1.0})
    data = model.solve(times, {"x": 2.0}, {"rate": 0.7}, solver=solver, engine=engine.name).dataset
    fit = ude.fit(model, data, phases=ude.BFGS(15), solver=solver, progress=False, engine=engine.name)
    assert fit.parameters["rate"] == pytest.approx(0.7, rel=1e-4)
    fit.save(tmp_path / "fit.nc")
    loaded = ude.Fit.load(tmp_path / "fit.nc", engine=engine.name)
    assert loaded.record.settings == fit.record.settings
    assert loaded.record.settings.solver == SolverSettings(
        "explicitrungekutta", 1e-5, fit.record.settings.solver.atol, tableau=ExplicitTableau(**BOGACKI_SHAMPINE)
    )
    np.testing.assert_array_equal(loaded.predict(times)["x"], fit.predict(times)["x"])
    np.testing.assert_array_equal(loaded.predict(times, {"x": 1.0})["x"], fit.predict(times, {"x": 1.0})["x"])
