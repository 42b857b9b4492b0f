"""Adjoints of the Julia engine, each against the others, finite differences and the JAX engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from unideq.errors import EngineUnsupported
from unideq.graph import Expression, Graph, apply, variable
from unideq.objective.program import LossProgram, SolverSettings

from ..problems import engine as jax_engine
from ..problems import integration, least_squares, ude_objective

EVERY = ("discrete", "forward", "gauss", "interpolating", "quadrature", "backsolve")
STIFF = ("gauss", "interpolating")


def solved_by(objective: LossProgram, **solver: Any) -> LossProgram:
    """The same objective with other settings of its solver."""
    settings = SolverSettings(**{"max_steps": 100_000, **solver})
    return replace(objective, sources=tuple(replace(s, solver=settings) for s in objective.sources))


@cache
def robertson() -> tuple[LossProgram, np.ndarray]:
    """Robertson's kinetics, two of its rates unknown, with a small neural term in the slow species."""
    size = 2 + 4 * (3 + 1) + 4 + 1

    def rhs(t: Expression, u: Expression, theta: Expression) -> Sequence[Any]:
        first, third = 0.04 * apply("exp", theta[0]), 1e4 * apply("exp", theta[1])
        hidden = np.tanh(theta[2:14].reshape(4, 3) @ np.stack([u[0], 2e4 * u[1], u[2]]) + theta[14:18])
        learned = 1e-3 * u[0] * ((theta[18:22] @ hidden) + theta[22])
        away, back, on = first * u[0], third * u[1] * u[2], 3e7 * u[1] * u[1]
        return [back - away - learned, away - back - on, on + learned]

    times = np.geomspace(0.1, 1000.0, 8)
    source = integration(rhs, [1.0, 0.0, 0.0], times, size)
    logs = np.log10(times + 1)
    data = np.stack([0.9 - 0.1 * logs, np.full(8, 3e-5), 0.1 * logs], axis=1)[None]
    found, theta = variable("sol.u", data.shape), source.vector_field.input("theta")
    residual = (found - data) * np.array([1.0, 2e4, 1.0])
    loss = Graph([found, theta], {"fit": np.mean(residual * residual)})
    start = 0.3 * np.random.default_rng(3).standard_normal(size)
    return LossProgram((source,), loss, {"fit": 1.0}), start


@cache
def references() -> dict[str, np.ndarray]:
    """Gradients by the JAX engine, which differentiates by itself, at tight tolerances."""
    objective, theta = ude_objective()
    stiff, start = robertson()
    tight = solved_by(objective, name="tsit5", rtol=1e-11, atol=1e-11)
    implicit = solved_by(stiff, name="kvaerno5", rtol=1e-10, atol=1e-14, max_steps=20_000)
    return {
        "smooth": jax_engine().value_and_gradient(tight, theta).gradient,
        "stiff": jax_engine().value_and_gradient(implicit, start).gradient,
    }


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("adjoint", EVERY)
def test_every_adjoint_has_jaxs_gradient_of_a_smooth_problem(julia, adjoint):
    objective, theta = ude_objective()
    tight = solved_by(objective, name="tsit5", rtol=1e-10, atol=1e-10, adjoint=adjoint)
    assert distance(julia.value_and_gradient(tight, theta).gradient, references()["smooth"]) < 1e-8


@pytest.mark.parametrize("adjoint", STIFF)
def test_adjoints_for_implicit_solvers_have_jaxs_gradient_of_a_stiff_problem(julia, adjoint):
    objective, theta = robertson()
    tight = solved_by(objective, name="rodas5p", rtol=1e-10, atol=1e-14, adjoint=adjoint)
    assert distance(julia.value_and_gradient(tight, theta).gradient, references()["stiff"]) < 1e-6


@pytest.mark.parametrize("solver", ["fbdf", "kencarp4"])
def test_the_default_adjoint_serves_every_implicit_solver(julia, solver):
    objective, theta = robertson()
    tight = solved_by(objective, name=solver, rtol=1e-8, atol=1e-12)
    assert distance(julia.value_and_gradient(tight, theta).gradient, references()["stiff"]) < 1e-6


@pytest.mark.parametrize("solver", ["vern7", "rock4"])
def test_a_continuous_adjoint_serves_other_explicit_solvers(julia, solver):
    objective, theta = ude_objective()
    tight = solved_by(objective, name=solver, rtol=1e-9, atol=1e-9, adjoint="gauss")
    assert distance(julia.value_and_gradient(tight, theta).gradient, references()["smooth"]) < 1e-6


@pytest.mark.parametrize("adjoint", ["gauss", "interpolating", "backsolve"])
def test_the_error_falls_with_the_tolerance(julia, adjoint):
    objective, theta = ude_objective()
    tolerances = (1e-6, 1e-8, 1e-10)
    errors = []
    for rtol in tolerances:
        found = julia.value_and_gradient(
            solved_by(objective, rtol=rtol, atol=rtol, name="tsit5", adjoint=adjoint), theta
        )
        errors.append(distance(found.gradient, references()["smooth"]))
    assert np.all(np.array(errors) < tolerances)
    assert np.all(np.diff(np.log10(errors)) < -1)


def test_the_gradient_of_a_stiff_problem_agrees_with_differences(julia):
    objective, theta = robertson()
    tight = solved_by(objective, name="rodas5p", rtol=1e-10, atol=1e-14)
    direction = np.random.default_rng(1).standard_normal(theta.shape)
    totals = [float(julia.value(tight, theta + k * 1e-3 * direction).total) for k in (-2, -1, 1, 2)]
    slope = np.dot([1.0, -8.0, 8.0, -1.0], totals) / 12e-3
    np.testing.assert_allclose(julia.value_and_gradient(tight, theta).gradient @ direction, slope, rtol=1e-6)


@pytest.mark.parametrize("adjoint", ["forward", "gauss", "interpolating"])
def test_repeated_times_times_at_the_start_and_batches_count_as_in_the_discrete_adjoint(julia, adjoint):
    starts = [[2.0, 1.0], [0.5, -1.0]]
    times = [[0.0, 1.0, 1.0, 2.5], [0.5, 3.0, 3.0, 3.0]]
    rhs = lambda t, u, p: [p[0] * u[1], -p[1] * u[0] - 0.1 * u[1] * np.cos(t)]  # noqa: E731
    source = integration(rhs, starts, times, 2, rtol=1e-10, atol=1e-10)
    objective = least_squares(source, np.random.default_rng(0).normal(size=(2, 4, 2)))
    theta = np.array([1.1, 0.7])
    expected, found = (
        julia.value_and_gradient(solved_by(objective, name="tsit5", rtol=1e-10, atol=1e-10, adjoint=a), theta, True)
        for a in ("discrete", adjoint)
    )
    np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-8, atol=1e-10)


def test_a_vector_field_without_parameters_has_a_gradient_by_its_initial_values(julia):
    source = integration(lambda t, u, p: [-u[0]], [1.0], [1.0, 2.0])
    theta = source.vector_field.input("theta")
    source = replace(source, initial=Graph([theta], {"u0": np.stack([theta * theta])}))
    objective = least_squares(source, np.zeros((1, 2, 1)))
    settings = {"name": "tsit5", "rtol": 1e-10, "atol": 1e-10, "adjoint": "gauss"}
    found = julia.value_and_gradient(solved_by(objective, **settings), np.array([1.5])).gradient
    decay = np.mean(np.exp(-2 * np.array([1.0, 2.0])))
    np.testing.assert_allclose(found, [4 * 1.5**3 * decay + 2e-4 * 1.5], rtol=1e-8)


@pytest.mark.parametrize("adjoint", ["quadrature", "backsolve", "forward"])
def test_what_does_not_go_with_an_implicit_solver_is_refused_with_a_way_out(julia, adjoint):
    objective, theta = robertson()
    with pytest.raises(EngineUnsupported, match="gauss"):
        julia.value_and_gradient(solved_by(objective, name="rodas5p", adjoint=adjoint), theta)


def test_a_solve_that_fails_gives_no_gradient_rather_than_a_wrong_one(julia):
    source = integration(lambda t, u, p: [p[0] * u[0] * u[0]], [1.0], [0.5, 2.0])
    objective = least_squares(source, np.zeros((1, 2, 1)))
    found = julia.value_and_gradient(solved_by(objective, name="tsit5", adjoint="gauss"), np.array([1.0]))
    assert np.isnan(found.total)
    assert np.isnan(found.gradient).all()
