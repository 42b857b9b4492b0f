"""Gradients: against the JAX engine, central differences and forward mode; single terms, ensembles, failures."""

from dataclasses import replace

import numpy as np
import pytest

from unideq.engine import get_engine
from unideq.errors import UnideqError
from unideq.graph import Graph, constant, variable
from unideq.objective.program import LossProgram

from ..problems import least_squares, quadratic, rosenbrock, ude_objective

TIGHT = {"rtol": 1e-10, "atol": 1e-10}


def jax():
    return get_engine("jax")


def differences(engine, objective, theta, step=1e-5):
    shifts = step * np.eye(len(theta))
    return (engine.value(objective, theta + shifts).total - engine.value(objective, theta - shifts).total) / (2 * step)


@pytest.mark.parametrize("name", ["tsit5", "dopri5"])
def test_gradient_equals_that_of_jax(julia, name):
    objective, theta = ude_objective(name=name, **TIGHT)
    ours, other = julia.value_and_gradient(objective, theta), jax().value_and_gradient(objective, theta)
    np.testing.assert_allclose(ours.total, other.total, rtol=1e-8)
    np.testing.assert_allclose(ours.gradient, other.gradient, rtol=1e-6, atol=1e-8)
    for term in ours.terms:
        np.testing.assert_allclose(ours.terms[term], other.terms[term], rtol=1e-8)


@pytest.mark.parametrize(
    "solver",
    [
        {"name": "tsit5", **TIGHT},
        {"name": "bs3", "rtol": 1e-9, "atol": 1e-9},
        {"name": "vern7", **TIGHT},
        {"name": "ssprk43", **TIGHT, "max_steps": 10**5},
        {"name": "rk4", "dt": 0.05},
        {"name": "heun", "dt": 0.05},
        {"name": "euler", "dt": 0.05},
        {"name": "midpoint", "dt": 0.07},
    ],
    ids=lambda solver: solver["name"],
)
def test_gradient_equals_central_differences(julia, solver):
    objective, theta = ude_objective(**solver)
    found = julia.value_and_gradient(objective, theta)
    np.testing.assert_allclose(found.gradient, differences(julia, objective, theta), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["tsit5", "dopri5", "bs3", "vern6", "vern7", "ssprk43"])
def test_forward_and_reverse_mode_agree_to_rounding(julia, name):
    objective, theta = ude_objective(name=name, rtol=1e-6, atol=1e-6)
    tangent = np.cos(np.arange(len(theta)))
    along = julia.jacobian_vector(objective, theta, tangent)
    np.testing.assert_allclose(julia.value_and_gradient(objective, theta).gradient @ tangent, along, rtol=1e-10)


def test_an_ensemble_is_its_members(julia):
    objective, theta = ude_objective()
    thetas = theta * np.array([[1.0], [0.5], [-0.3]])
    together = julia.value_and_gradient(objective, thetas)
    for i, one in enumerate(thetas):
        alone = julia.value_and_gradient(objective, one)
        np.testing.assert_array_equal(alone.gradient, together.gradient[i])
        np.testing.assert_array_equal(alone.total, together.total[i])


def test_several_trajectories(julia):
    objective, theta = ude_objective(**TIGHT)
    source = objective.sources[0]
    starts = np.array([[1.0, 1.2], [0.7, 0.9], [1.3, 0.4]])
    batch = replace(
        source,
        initial=Graph([source.initial.inputs[0]], {"u0": constant(starts) + 0.1 * source.initial.inputs[0][0]}),
        start=np.zeros(3),
        times=source.times * np.array([[1.0], [0.5], [0.0]]),
    )
    many = least_squares(batch, np.ones((3, source.times.shape[1], 2)))
    ours, other = julia.value_and_gradient(many, theta), jax().value_and_gradient(many, theta)
    np.testing.assert_allclose(ours.gradient, other.gradient, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("make", [rosenbrock, lambda: quadratic()[0]], ids=["rosenbrock", "quadratic"])
def test_pointwise_terms(julia, make):
    objective = make()
    theta = np.linspace(-0.5, 0.7, objective.loss.input("theta").size)
    ours, other = julia.value_and_gradient(objective, theta), jax().value_and_gradient(objective, theta)
    np.testing.assert_allclose(ours.total, other.total, rtol=1e-12)
    np.testing.assert_allclose(ours.gradient, other.gradient, rtol=1e-12)
    tangent = np.arange(1.0, len(theta) + 1)
    np.testing.assert_allclose(julia.jacobian_vector(objective, theta, tangent), ours.gradient @ tangent, rtol=1e-12)


def test_sources_beside_each_other(julia):
    first, theta = ude_objective(**TIGHT)
    points = quadratic(len(theta))[0]
    a, b = first.sources[0], points.sources[0]
    theta_in = variable("theta", theta.shape)
    loss = Graph(
        [*(variable(n, s) for n, s in {**a.shapes, **b.shapes}.items()), theta_in],
        {**first.loss.outputs, **points.loss.outputs},
    )
    both = LossProgram((b, a), loss, {"fit": 1.0, "ridge": 0.3, "square": 2.0})
    ours, other = julia.value_and_gradient(both, theta), jax().value_and_gradient(both, theta)
    np.testing.assert_allclose(ours.gradient, other.gradient, rtol=1e-6, atol=1e-8)


def test_a_failed_solve_is_nan_for_its_member_only(julia):
    objective, theta = ude_objective(max_steps=60)
    thetas = np.stack([theta, np.full_like(theta, np.nan)])
    found = julia.value_and_gradient(objective, thetas)
    assert np.isfinite(found.total[0]) and np.isfinite(found.gradient[0]).all()
    assert np.isnan(found.total[1]) and np.isnan(found.gradient[1]).all()
    assert all(np.isnan(v[1]) for v in found.terms.values())
    assert np.isnan(julia.jacobian_vector(objective, thetas, np.ones_like(theta))[1])


def test_adjoints_of_the_other_engine_are_refused(julia):
    objective, theta = ude_objective(adjoint="checkpointed")
    with pytest.raises(UnideqError, match="checkpointed"):
        julia.value_and_gradient(objective, theta)
