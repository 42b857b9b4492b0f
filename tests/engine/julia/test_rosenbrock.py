"""The discrete adjoint and forward mode of Rosenbrock methods: exact for the steps taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unideq.engine import Engine, get_engine
from unideq.objective.program import LossProgram

from ..problems import integration, least_squares

pytestmark = pytest.mark.julia
TIMES = np.linspace(0.0, 2.0, 9)[1:]


def forced_oscillator(t, u, p):
    """Van der Pol with a small neural term, stiff and driven: f depends on t, and J on u and on every parameter."""
    learned = np.tanh(p[1] * u[0] + p[2] * u[1])
    return [u[1] + 0.1 * np.sin(3.0 * t * p[3]), 10.0 * p[0] * ((1.0 - u[0] ** 2) * u[1] - u[0]) + p[3] * learned]


def autonomous(t, u, p):
    """Robertson's reactions, scaled, with a product of parameters in the rates."""
    first, second, third = 0.04 * p[0] * u[0], 1e4 * p[1] * u[1] * u[2], 3e3 * p[0] * p[2] * u[1] ** 2
    return [second - first, first - second - third, third + 1e-3 * p[3] * u[0]]


def diffusion(t, u, p):
    """64 cells of diffusion and decay: a sparse Jacobian."""
    laplacian = np.roll(u, 1) - 2.0 * u + np.roll(u, -1)
    change = 400.0 * p[0] * laplacian - p[1] * u**3 + p[2] * np.cos(t) + p[3]
    return [change[i] for i in range(64)]


PROBLEMS = {
    "driven": (forced_oscillator, np.array([[2.0, 0.0], [1.0, 0.5]])),
    "autonomous": (autonomous, np.array([[1.0, 1e-4, 0.1]])),
    "sparse": (diffusion, 1.0 + np.sin(2 * np.pi * np.arange(64) / 64)[None]),
}
THETA = np.array([1.0, 0.3, -0.5, 0.7])


def problem(name: str, solver: str = "rodas5p", tolerance: float = 1e-8) -> LossProgram:
    rhs, start = PROBLEMS[name]
    times = np.tile(TIMES, (len(start), 1))
    source = integration(
        rhs, start, times, 4, name=solver, rtol=tolerance, atol=tolerance, max_steps=100_000, adjoint="discrete"
    )
    data = np.random.default_rng(0).normal(size=(*times.shape, start.shape[1]))
    return least_squares(source, data)


def theta_of(name: str) -> np.ndarray:
    return np.abs(THETA) if name == "autonomous" else THETA


@pytest.mark.parametrize("solver", ["rodas5p", "rodas4"])
@pytest.mark.parametrize("name", list(PROBLEMS))
def test_reverse_and_forward_mode_transpose_each_other(julia: Engine, name: str, solver: str):
    objective, theta = problem(name, solver, 1e-5), theta_of(name)  # coarse steps: exact all the same
    gradient = julia.value_and_gradient(objective, theta).gradient
    assert gradient is not None
    forward = [float(julia.jacobian_vector(objective, theta, e)) for e in np.eye(4)]
    np.testing.assert_allclose(gradient, forward, rtol=1e-9, atol=1e-12 * np.abs(gradient).max())


@pytest.mark.parametrize("name", list(PROBLEMS))
def test_gradients_are_those_of_the_jax_engine(julia: Engine, name: str):
    objective, theta = problem(name, tolerance=1e-10), theta_of(name)
    source = objective.sources[0]
    other = replace(source, solver=replace(source.solver, name="kvaerno5", adjoint="auto"))
    ours = julia.value_and_gradient(objective, theta)
    theirs = get_engine("jax").value_and_gradient(replace(objective, sources=(other,)), theta)
    np.testing.assert_allclose(ours.total, theirs.total, rtol=1e-7)
    assert ours.gradient is not None
    np.testing.assert_allclose(ours.gradient, theirs.gradient, rtol=1e-6, atol=1e-7 * np.abs(ours.gradient).max())


def test_an_observation_needs_no_step_of_its_own(julia: Engine):
    rhs, start = PROBLEMS["driven"]
    many = integration(rhs, start[:1], np.linspace(0.0, 2.0, 400), 4, name="rodas5p", rtol=1e-6, atol=1e-6)
    found = julia.integrate(many, THETA)
    assert found.statistics["steps"][0] < 150
    assert found.status[0] == 0
