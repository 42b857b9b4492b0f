"""Rollouts in Julia: values, gradients and forward mode against powers of numbers, differences and the JAX engine."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from unideq.engine import get_engine
from unideq.errors import ModelError
from unideq.graph import Graph, variable
from unideq.objective.program import Given, LossProgram, Rollout

PARAMETERS = 9
THETA = 0.4 * np.cos(1.3 * np.arange(PARAMETERS))
TANGENT = np.sin(0.7 + np.arange(PARAMETERS))
SETTINGS = {
    "full": {},
    "every": {"every": 3},
    "warmup": {"warmup": 4},
    "checkpoint": {"checkpoint": True},
    "checkpoint_every_warmup": {"checkpoint": True, "every": 2, "warmup": 1},
    "none": {"gradient": "none"},
    "none_every": {"gradient": "none", "every": 3, "warmup": 2},
    "none_checkpoint": {"gradient": "none", "checkpoint": True},
    "one_step": {"steps": 1},
}
each_setting = pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))


def nonlinear(batch: int = 3, conditions: bool = True, **settings: Any) -> Rollout:
    """A small network's flow, driven in time, with two observations; `conditions`: and with constants a trajectory."""
    t: Any = variable("t")
    u: Any = variable("u", (2,))
    c: Any = variable("c", (2,))
    theta: Any = variable("theta", (PARAMETERS,))
    rate = np.tanh(np.exp(theta[:4]).reshape(2, 2) @ u + theta[4:6] * np.cos(3 * t)) - theta[6] * u**2
    inputs, data = (
        [t, u, theta],
        {"start": np.linspace(-1, 1, 2 * batch).reshape(batch, 2), "t": np.arange(float(batch))},
    )
    if conditions:
        rate, inputs = rate * c[0] + c[1], [t, u, c, theta]
        data["c"] = np.stack([np.linspace(0.5, 1.5, batch), np.linspace(0, 0.3, batch)], axis=1)
    seen: dict[str, Any] = {"u": u, "level": theta[7] * np.sum(u) * np.sin(t) + np.exp(theta[8])}
    step, observe = Graph(inputs, {"u": u + 0.1 * rate}), Graph([t, u, theta], seen)
    return Rollout("r", step, observe, data, dt=0.1, **{"steps": 12, **settings})


def objective(rollout: Rollout) -> LossProgram:
    """Distance from a target, and the mean of the other observation."""
    states, level = (variable(name, shape) for name, shape in rollout.shapes.items())
    target: Any = variable("target.u", states.shape)
    terms: dict[str, Any] = {"fit": np.mean((states - target) ** 2), "level": np.mean(level)}
    loss = Graph([states, level, target], terms)
    values = np.sin(np.arange(float(np.prod(states.shape)))).reshape(states.shape)
    return LossProgram((rollout, Given("target", {"u": values})), loss, {"fit": 1.0, "level": 0.3})


def gradient_of(engine: Any, problem: LossProgram, theta: np.ndarray, **more: Any) -> np.ndarray:
    found = engine.value_and_gradient(problem, theta, **more).gradient
    assert found is not None
    return found


def both(julia: Any) -> tuple[Any, Any]:
    return julia, get_engine("jax")


# ---- a case with a formula ------------------------------------------------------------------------------------------


# ---- against the JAX engine -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [*SETTINGS.values(), {"conditions": False}], ids=[*SETTINGS, "without_conditions"])
def test_values_and_gradients_equal_those_of_jax(julia, settings: dict[str, Any]):
    problem = objective(nonlinear(**settings))
    ours, other = (engine.value_and_gradient(problem, THETA) for engine in both(julia))
    tolerance = 1e-12 if settings.get("steps") == 1 else 1e-10
    np.testing.assert_allclose(ours.total, other.total, rtol=tolerance)
    np.testing.assert_allclose(
        ours.gradient, other.gradient, rtol=tolerance, atol=tolerance * np.abs(other.gradient).max()
    )
    for term in problem.terms:
        np.testing.assert_allclose(ours.terms[term], other.terms[term], rtol=tolerance)


@each_setting
def test_rollouts_equal_those_of_jax(julia, settings: dict[str, Any]):
    rollout = nonlinear(**settings)
    thetas = np.stack([THETA, -THETA])
    ours, other = (engine.rollout(rollout, thetas) for engine in both(julia))
    assert ours.arrays["r.u"].shape == (2, *rollout.shapes["r.u"])
    for name, array in other.arrays.items():
        np.testing.assert_allclose(ours.arrays[name], array, rtol=1e-11, atol=1e-12)
    np.testing.assert_array_equal(ours.status, other.status)
    np.testing.assert_array_equal(ours.statistics["steps"], other.statistics["steps"])
    np.testing.assert_array_equal(julia.rollout(rollout, THETA).arrays["r.u"], ours.arrays["r.u"][0])


# ---- against itself -------------------------------------------------------------------------------------------------


@each_setting
def test_forward_and_reverse_mode_are_transposes(julia, settings: dict[str, Any]):
    problem = objective(nonlinear(**settings))
    along = julia.jacobian_vector(problem, THETA, TANGENT)
    np.testing.assert_allclose(gradient_of(julia, problem, THETA) @ TANGENT, along, rtol=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 5, 10])
@pytest.mark.parametrize("gradient", ["full", "none"])
def test_states_computed_again_change_no_bit(julia, steps: int, gradient: str):
    kept, again = (
        julia.value_and_gradient(objective(nonlinear(steps=steps, gradient=gradient, checkpoint=checkpoint)), THETA)
        for checkpoint in (False, True)
    )
    np.testing.assert_array_equal(kept.gradient, again.gradient)
    np.testing.assert_array_equal(kept.total, again.total)


def test_a_batch_is_its_trajectories(julia):
    together = nonlinear(batch=40)
    found = julia.rollout(together, THETA).arrays["r.u"]
    for i in (0, 17, 39):
        alone = replace(together, data={name: values[i : i + 1] for name, values in together.data.items()})
        np.testing.assert_array_equal(julia.rollout(alone, THETA).arrays["r.u"][0], found[i])


def test_gradients_of_terms_add_up_and_members_of_an_ensemble_are_alone(julia):
    problem = objective(nonlinear(checkpoint=True))
    thetas = np.stack([THETA, 0.5 * THETA, -THETA])
    together = julia.value_and_gradient(problem, thetas)
    each = gradient_of(julia, problem, THETA, per_term=True)
    np.testing.assert_allclose(each[0] + 0.3 * each[1], together.gradient[0], rtol=1e-12)
    for i, theta in enumerate(thetas):
        np.testing.assert_array_equal(gradient_of(julia, problem, theta), together.gradient[i])


def test_forward_mode_leaves_no_trace_in_a_gradient_of_a_loss_that_reads_less(julia):
    """`r.level` is recorded, and the loss doesn't read it."""
    rollout = nonlinear()
    states = variable("r.u", rollout.shapes["r.u"])
    problem = LossProgram((rollout,), Graph([states], {"square": np.sum(states**2)}), {"square": 1.0})
    before = gradient_of(julia, problem, THETA)
    julia.jacobian_vector(problem, THETA, TANGENT)
    np.testing.assert_array_equal(gradient_of(julia, problem, THETA), before)


# ---- data and failures ----------------------------------------------------------------------------------------------


def test_other_data_compile_nothing(julia):
    rollout = nonlinear()
    first = julia.rollout(rollout, THETA)
    before, handle = julia.value(objective(rollout), THETA), julia.prepared(objective(rollout)).handle
    moved = replace(rollout, dt=0.05, data={**rollout.data, "start": rollout.data["start"] + 0.1})
    assert not np.allclose(julia.rollout(moved, THETA).arrays["r.u"], first.arrays["r.u"])
    assert julia.value(objective(moved), THETA).total != before.total
    assert julia.prepared(objective(moved)).handle is handle
    np.testing.assert_array_equal(julia.rollout(rollout, THETA).arrays["r.u"], first.arrays["r.u"])


def test_a_step_without_its_constants_is_refused(julia):
    rollout = nonlinear()
    data = {name: values for name, values in rollout.data.items() if name != "c"}
    with pytest.raises(ModelError, match="`r` reads `c`"):
        julia.rollout(replace(rollout, data=data), THETA)


def test_a_step_without_parameters_has_the_gradient_of_its_observations(julia):
    u: Any
    theta: Any
    u, theta, t = variable("u", (2,)), variable("theta", (2,)), variable("t")
    data = {"start": np.array([[1.0, 2.0]]), "t": np.zeros(1)}
    step, observe = Graph([t, u, theta], {"u": 0.5 * u}), Graph([u, theta], {"v": theta @ u})
    for gradient, checkpoint in itertools.product(("full", "none"), (False, True)):
        rollout = Rollout("r", step, observe, data, 1.0, steps=3, gradient=gradient, checkpoint=checkpoint)
        values = variable("r.v", (1, 3))
        problem = LossProgram((rollout,), Graph([values], {"sum": np.sum(values)}), {"sum": 1.0})
        found = gradient_of(julia, problem, np.ones(2))
        np.testing.assert_allclose(found, 0.875 * np.array([1.0, 2.0]), rtol=1e-15)
        np.testing.assert_allclose(julia.jacobian_vector(problem, np.ones(2), np.array([1.0, 0.0])), 0.875, rtol=1e-15)


def test_a_step_without_parameters_rolls_out(julia):
    """u⁺ = u/2, three times."""
    u = variable("u", (2,))
    step = Graph((u,), {"u": 0.5 * u})
    rollout = Rollout("roll", step, Graph((u,), {"u": u}), {"start": np.array([[1.0, -2.0]]), "t": np.zeros(1)}, 1.0, 3)
    for theta in (np.zeros(0), np.zeros(4)):
        found = julia.rollout(rollout, theta).arrays["roll.u"]
        np.testing.assert_allclose(found[0], [[0.5, -1.0], [0.25, -0.5], [0.125, -0.25]], rtol=1e-15)
