"""Solutions: closed forms, every solver against the JAX engine, status codes, batches and ensembles."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import unideq as ude
from unideq.engine import get_engine
from unideq.graph import Graph, constant, variable
from unideq.objective.program import Integration, SolverSettings

from ..problems import integration, network_rhs

TIMES = np.linspace(0.0, 2.0, 9)


def growth(t, u, theta):
    return [theta[0] * u[0] * (1 - u[0] / theta[1])]


def logistic(t, u0, rate, capacity):
    return capacity / (1 + (capacity / u0 - 1) * np.exp(-rate * t))


def test_stages_stand_at_their_own_times(julia):
    """u' = −0.7 u + sin 3t: of third order, as with a stage at a wrong time, a method of fifth would take 790 steps."""
    rate, pulse, end = 0.7, 3.0, 9.0
    model = ude.ODE(lambda t, state: {"u": -rate * state.u + np.sin(pulse * t)}, ["u"])
    solution = model.solve([0.0, end], {"u": 1.0}, solver=ude.Kvaerno5(rtol=1e-10, atol=1e-10), engine=julia)
    forced = (rate * np.sin(pulse * end) - pulse * np.cos(pulse * end)) / (rate**2 + pulse**2)
    exact = forced + (1.0 + pulse / (rate**2 + pulse**2)) * np.exp(-rate * end)
    np.testing.assert_allclose(solution["u"][-1], exact, atol=3e-8)
    assert solution.statistics["steps"] < 300


@pytest.mark.parametrize("name", ["tsit5", "dopri5", "kvaerno5", "rk4"])
def test_both_engines_agree(julia, name):
    rhs, parameters = network_rhs()
    step = {"dt": 0.25} if name == "rk4" else {"rtol": 1e-9, "atol": 1e-9}
    problem = integration(rhs, [1.0, 1.2], np.linspace(0.0, 1.5, 7), parameters, name=name, **step)
    theta = 0.4 * np.random.default_rng(5).standard_normal(parameters)
    ours, other = julia.integrate(problem, theta), get_engine("jax").integrate(problem, theta)
    np.testing.assert_allclose(ours.arrays["sol.u"], other.arrays["sol.u"], rtol=1e-6)


def test_a_batch_has_its_own_starts_and_times(julia):
    starts, grids = np.array([[0.1], [0.5], [1.0]]), np.stack([TIMES + 1, 0.5 * TIMES + 1, 0 * TIMES + 1])
    problem = integration(growth, starts, grids, 2, start=np.ones(3), rtol=1e-10, atol=1e-10)
    found = julia.integrate(problem, np.array([1.5, 2.0]))
    exact = logistic(grids - 1, starts, 1.5, 2.0)
    np.testing.assert_allclose(found.arrays["sol.u"][..., 0], exact, rtol=1e-8)
    assert found.statistics["steps"][2] == 0


def test_an_ensemble_is_its_members(julia):
    problem = integration(growth, [[0.1], [0.2]], [TIMES, TIMES], 2)
    thetas = np.array([[1.5, 2.0], [0.5, 3.0], [1.0, 1.0]])
    together = julia.integrate(problem, thetas)
    for theta, states, steps in zip(thetas, together.arrays["sol.u"], together.statistics["steps"], strict=True):
        alone = julia.integrate(problem, theta)
        np.testing.assert_array_equal(alone.arrays["sol.u"], states)
        np.testing.assert_array_equal(alone.statistics["steps"], steps)


def test_observables_and_forcing_in_time(julia):
    t, u, theta = variable("t"), variable("u", (1,)), variable("theta", (1,))
    field = Graph([t, u, theta], {"du": theta[0] * np.cos(t) + 0.0 * u})
    observe = Graph([t, u, theta], {"twice": 2.0 * u[0] * theta[0], "when": np.stack([t, 1.0 + t])})
    solver = SolverSettings("tsit5", 1e-10, 1e-10)
    problem = Integration(
        "a", field, Graph([theta], {"u0": constant([[0.0]])}), np.zeros(1), TIMES[None], observe, solver
    )
    found = julia.integrate(problem, np.array([3.0])).arrays
    np.testing.assert_allclose(found["a.twice"][0], 18.0 * np.sin(TIMES), atol=1e-7)
    np.testing.assert_allclose(found["a.when"][0], np.stack([TIMES, 1 + TIMES], axis=-1), rtol=1e-15)


# ---- stiff and sparse ----------------------------------------------------------------------------------------------


def robertson(t, u, theta):
    first, second = theta[0] * u[0], theta[1] * u[1] * u[2]
    third = theta[2] * u[1] * u[1]
    return [second - first, first - second - third, third]


@pytest.mark.parametrize("name", ["rodas5p", "rodas4", "fbdf", "qndf", "kencarp4", "kvaerno5", "radauiia5"])
def test_stiff_solvers_solve_robertsons_problem(julia, name):
    problem = integration(
        robertson, [1.0, 0.0, 0.0], [40.0, 400.0], 3, name=name, rtol=1e-8, atol=1e-11, max_steps=10**4
    )
    found = julia.integrate(problem, np.array([0.04, 1e4, 3e7]))
    # Hairer & Wanner, Solving ODEs II (1996), section IV.10.
    expected = [[0.7158270688, 9.185534765e-06, 0.2841637457], [0.4505186668, 3.223217e-06, 0.5494781101]]
    assert found.status.tolist() == [0]
    np.testing.assert_allclose(found.arrays["sol.u"][0], expected, rtol=1e-4)


def diffusion(name, cells=64, **solver):
    """Fisher's equation on a ring: a Jacobian with three entries a row."""
    t, u, theta = variable("t"), variable("u", (cells,)), variable("theta", (1,))
    laplacian = cells**2 * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
    field = Graph([t, u, theta], {"du": theta[0] * laplacian + u * (1 - u)})
    start = np.exp(-50 * (np.arange(cells) / cells - 0.5) ** 2)
    initial, observe = Graph([theta], {"u0": constant(start[None])}), Graph([t, u, theta], {"u": u})
    settings = SolverSettings(name, max_steps=10**5, **solver)
    return Integration("a", field, initial, np.zeros(1), np.array([[0.1, 0.2]]), observe, settings)


@pytest.mark.parametrize("name", ["rodas5p", "fbdf", "kencarp4", "rock4"])
def test_sparse_jacobians_and_stabilised_steps(julia, name):
    reference = julia.integrate(diffusion("vern7", rtol=1e-10, atol=1e-10), np.ones(1))
    found = julia.integrate(diffusion(name, rtol=1e-8, atol=1e-8), np.ones(1))
    np.testing.assert_allclose(found.arrays["a.u"], reference.arrays["a.u"], rtol=1e-5)
    assert found.statistics["steps"][0] < reference.statistics["steps"][0] / 2  # not bound by stability


# ---- failures ------------------------------------------------------------------------------------------------------


def test_the_step_limit_is_reported(julia):
    found = julia.integrate(integration(growth, [0.1], TIMES, 2, max_steps=2), np.array([1.5, 2.0]))
    assert found.status.tolist() == [1]
    assert found.statistics["steps"].tolist() == [2]
    assert found.arrays["sol.u"][0, 0, 0] == 0.1
    assert np.isnan(found.arrays["sol.u"][0, -1, 0])


def test_only_the_trajectory_that_blows_up_fails(julia):
    problem = integration(lambda t, u, theta: [theta[0] * u[0] ** 2], [[0.1], [10.0]], [TIMES, TIMES])
    found = julia.integrate(problem, np.ones(1))
    assert found.status[0] == 0 and found.status[1] in (1, 2, 3)
    np.testing.assert_allclose(found.arrays["sol.u"][0, :, 0], 1 / (10 - TIMES), rtol=1e-6)
    assert found.arrays["sol.u"][1, 0, 0] == 10.0  # at its start
    assert np.isnan(found.arrays["sol.u"][1, 1:]).all()


def test_new_times_compile_nothing(julia):
    problem = integration(growth, [0.1], TIMES, 2)
    julia.integrate(problem, np.array([1.5, 2.0]))
    before = repr(julia)
    later = julia.integrate(replace(problem, times=problem.times + 1.0), np.array([1.5, 2.0]))
    assert repr(julia) == before
    np.testing.assert_allclose(later.arrays["sol.u"][0, :, 0], logistic(TIMES + 1, 0.1, 1.5, 2.0), rtol=1e-6)


def test_the_stored_workload_is_what_python_writes(tmp_path):
    # In a new process: the order of a sum's operands depends on which expressions were made before.
    written = tmp_path / "workload.json"
    sources = str(Path(__file__).parents[3] / "python")  # tests also run in a checkout that isn't installed
    command = [sys.executable, "-m", "unideq.engine.julia.workload", str(written)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": sources})
    stored = next(f for p in Path(ude.__file__).parents if (f := p / "julia" / "src" / "workload.json").exists())
    assert stored.read_bytes() == written.read_bytes()
