"""Rollouts of steps: against NumPy loops and hand-computed derivatives, their options, their memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from unideq.engine import STATUS
from unideq.errors import OptionError
from unideq.graph import Expression, Graph, variable, vjp
from unideq.objective.program import Given, LossProgram, Rollout

pytestmark = pytest.mark.usefixtures("double_precision")

DT = 0.05
CELLS, BATCH, PARAMETERS = 6, 3, 8


def make(
    step: Callable[..., Any],
    start: Any,
    parameters: int = 1,
    constants: int = 0,
    observe: Callable[..., dict[str, Any]] | None = None,
    seed: int = 0,
    **options: Any,
) -> Rollout:
    """A rollout of `step(t, u, theta[, c])` from starts (B, n), with random start times and constants."""
    states = np.atleast_2d(np.asarray(start, float))
    generator = np.random.default_rng(seed)
    t, u, theta = variable("t"), variable("u", states.shape[1:]), variable("theta", (parameters,))
    inputs = [t, u, theta]
    data = {"start": states, "t": generator.uniform(0, 1, len(states))}
    if constants:
        inputs.append(variable("c", (constants,)))
        data["c"] = generator.uniform(0.5, 1.5, (len(states), constants))
    seen = {"u": u} if observe is None else observe(*inputs)
    return Rollout("sol", Graph(inputs, {"u": step(*inputs)}), Graph(inputs, seen), data, DT, **options)


def diffusion_with_a_network(t: Expression, u: Expression, theta: Expression, c: Expression) -> Expression:
    """Explicit Euler for a forced diffusion on a ring, its reaction a two-neuron network."""
    flow = c[0] * (np.roll(u, 1) - 2 * u + np.roll(u, -1)) + c[1] * np.sin(t)
    hidden = np.tanh(theta[:2, None] * u[None] + theta[2:4, None])
    return u + DT * (flow + theta[4:6] @ hidden + theta[6] * u**2 + theta[7])


def ring(**options: Any) -> tuple[Rollout, np.ndarray]:
    """Three trajectories of that step, the state and an energy recorded; and θ."""
    generator = np.random.default_rng(1)

    def observe(t: Any, u: Any, theta: Any, c: Any) -> dict[str, Any]:
        return {"u": u, "energy": theta[0] * np.sum(u * u) + t * c[0]}

    start = generator.standard_normal((BATCH, CELLS))
    made = make(diffusion_with_a_network, start, PARAMETERS, 2, observe, **{"steps": 6, **options})
    return made, 0.5 * generator.standard_normal(PARAMETERS)


def looped(rollout: Rollout, theta: np.ndarray) -> dict[str, np.ndarray]:
    """The rollout by `Graph.evaluate`, one step of one trajectory at a time."""
    recorded: dict[str, list[list[np.ndarray]]] = {key: [] for key in rollout.observe.outputs}
    for i, u in enumerate(rollout.data["start"]):
        own = {"c": rollout.data["c"][i]} if "c" in rollout.data else {}
        for values in recorded.values():
            values.append([])
        for k in range(rollout.warmup + rollout.steps):
            t = rollout.data["t"][i] + k * rollout.dt
            u = rollout.step.evaluate({"t": t, "u": u, "theta": theta, **own})["u"]
            if k >= rollout.warmup and (k + 1 - rollout.warmup) % rollout.every == 0:
                seen = rollout.observe.evaluate({"t": t + rollout.dt, "u": u, "theta": theta, **own})
                for key, value in seen.items():
                    recorded[key][-1].append(value)
    return {f"{rollout.name}.{key}": np.array(values) for key, values in recorded.items()}


def fit(rollout: Rollout, seed: int = 3) -> LossProgram:
    """Mean squared distance of the recorded states from given ones."""
    shape = rollout.shapes[f"{rollout.name}.u"]
    target = Given("target", {"u": np.random.default_rng(seed).standard_normal(shape)})
    found, wanted = variable(f"{rollout.name}.u", shape), variable("target.u", shape)
    distance = found - wanted
    loss = Graph([found, wanted, rollout.step.input("theta")], {"fit": (distance * distance).mean()})
    return LossProgram((rollout, target), loss, {"fit": 2.0})


def gradient(engine: Any, objective: LossProgram, theta: np.ndarray) -> np.ndarray:
    found = engine.value_and_gradient(objective, theta).gradient
    assert found is not None
    return found


# ---- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"every": 3}, {"warmup": 4}, {"steps": 1}, {"steps": 7, "checkpoint": True}, {"every": 2, "checkpoint": True}],
    ids=str,
)
def test_a_rollout_is_the_loop_of_its_step(engine, options: dict[str, Any]):
    rollout, theta = ring(**options)
    found, expected = engine.rollout(rollout, theta), looped(rollout, theta)
    assert found.arrays.keys() == expected.keys()
    for key, value in expected.items():
        assert found.arrays[key].shape == rollout.shapes[key]
        np.testing.assert_allclose(found.arrays[key], value, rtol=1e-12, atol=1e-12)
    assert found.status.tolist() == [0] * BATCH
    assert found.statistics["steps"].tolist() == [rollout.warmup + rollout.steps] * BATCH


def test_a_rollout_of_one_and_an_ensemble_are_those_of_the_batch(engine):
    rollout, theta = ring(every=2)
    several = np.stack([theta, -theta])
    whole = engine.rollout(rollout, several)
    assert whole.status.shape == whole.statistics["steps"].shape == (2, BATCH)
    for i in range(BATCH):
        alone = make_alone(rollout, i)
        for s in range(2):
            found = engine.rollout(alone, several[s])
            for key, value in whole.arrays.items():
                np.testing.assert_allclose(found.arrays[key][0], value[s, i], rtol=1e-12, atol=1e-12)


def make_alone(rollout: Rollout, i: int) -> Rollout:
    return replace(rollout, data={name: values[i : i + 1] for name, values in rollout.data.items()})


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("every", [1, 2])
def test_a_trajectory_that_blows_up_is_nan_from_there_on_and_says_so(engine, every: int, checkpoint: bool):
    """u ← u² from 10 overflows in step 9 (10^512), from 0.99 never; NaN is one from the first step on."""
    starts = np.array([10.0, 0.99, np.nan])
    rollout = make(lambda t, u, theta: u * u, starts[:, None], steps=12, every=every, checkpoint=checkpoint)
    found = engine.rollout(rollout, np.zeros(1))
    assert found.status.tolist() == [2, 0, 2]
    assert STATUS[2] == "the state became infinite or NaN"
    assert found.statistics["steps"].tolist() == [8, 12, 0]
    made = np.arange(every, 13, every)
    expected = [10.0**2.0 ** made[made <= 8], 0.99**2.0**made, made[:0]]
    for values, wanted in zip(found.arrays["sol.u"][..., 0], expected, strict=True):
        np.testing.assert_allclose(values[: len(wanted)], wanted, rtol=1e-12)
        assert np.isnan(values[len(wanted) :]).all()
    assert np.isnan(gradient(engine, fit(rollout), np.zeros(1))).all()


def test_a_state_that_comes_back_from_infinity_is_still_a_failure(engine):
    rollout = make(lambda t, u, theta: np.where(u > 0.5, 0.0, u / (u - 0.25)), [[0.25], [0.3]], steps=3)
    found = engine.rollout(rollout, np.zeros(1))
    assert found.status.tolist() == [2, 0]
    assert np.isnan(found.arrays["sol.u"][0]).all()
    blown = fit(rollout)
    assert np.isnan(engine.value(blown, np.zeros(1)).total)
    assert np.isnan(gradient(engine, blown, np.zeros(1))).all()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"steps": 0}, "`Rollout` needs `steps` as a whole number >= 1, not 0"),
        ({"steps": 5, "every": 2}, "5 isn't one of 2"),
        ({"warmup": -1}, "`Rollout` needs `warmup` as a whole number >= 0"),
        ({"gradient": "ful"}, "Unknown `gradient` of `Rollout` `ful`. Did you mean `full`"),
    ],
    ids=str,
)
def test_a_rollout_that_cant_be_is_refused(options: dict[str, Any], says: str):
    with pytest.raises(OptionError, match=re.escape(says)):
        ring(**options)


# ---- derivatives --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"every": 3}, {"warmup": 2}, {"checkpoint": True}, {"gradient": "none"}], ids=str
)
def test_gradients_are_those_composed_of_the_steps_own_adjoints(engine, options: dict[str, Any]):
    """The chain rule by hand, with the graph's vjp: λ ← λ·∂S/∂u + ∂L/∂u, and λ ← 0 behind every step for `none`."""
    rollout, theta = ring(**options)
    objective = fit(rollout)
    target = next(s for s in objective.sources if isinstance(s, Given)).data["u"]
    pulled = vjp(rollout.step, ["u", "theta"])
    expected = np.zeros(PARAMETERS)
    for i, u in enumerate(rollout.data["start"]):
        states, times, c = [u], [], rollout.data["c"][i]
        for k in range(rollout.warmup + rollout.steps):
            times.append(rollout.data["t"][i] + k * rollout.dt)
            states.append(rollout.step.evaluate({"t": times[-1], "u": states[-1], "theta": theta, "c": c})["u"])
        adjoint = np.zeros(CELLS)
        for k in reversed(range(rollout.warmup, rollout.warmup + rollout.steps)):
            made = k + 1 - rollout.warmup
            if made % rollout.every == 0:
                adjoint = adjoint + 2.0 * 2 * (states[k + 1] - target[i, made // rollout.every - 1]) / target.size
            values = {"t": times[k], "u": states[k], "theta": theta, "c": c, "cotangent.u": adjoint}
            found = pulled.evaluate(values)
            expected += found["theta"]
            adjoint = np.zeros(CELLS) if rollout.gradient == "none" else found["u"]
    np.testing.assert_allclose(gradient(engine, objective, theta), expected, rtol=1e-11, atol=1e-13)


def test_gradients_are_those_of_finite_differences_and_of_forward_mode(engine):
    for options in ({"every": 2, "steps": 4}, {"checkpoint": True, "every": 3, "steps": 9}):
        rollout, theta = ring(**options)
        objective = fit(rollout)
        found = gradient(engine, objective, theta)
        direction = found / np.linalg.norm(found) + 0.1 * np.random.default_rng(2).standard_normal(PARAMETERS)
        h = 1e-5
        values = [float(engine.value(objective, theta + s * h * direction).total) for s in (-1, 1)]
        np.testing.assert_allclose(found @ direction, (values[1] - values[0]) / (2 * h), rtol=1e-8)
        forwards = engine.jacobian_vector(objective, theta, direction)
        np.testing.assert_allclose(found @ direction, forwards, rtol=1e-12)


def derivatives_of_records(engine: Any, theta: float, start: float, **options: Any) -> np.ndarray:
    """dθ of every recorded state of u ← θ·u."""
    rollout = make(lambda t, u, th: th[0] * u, [[start]], **options)
    seen = variable("sol.u", rollout.shapes["sol.u"])
    terms = {f"record {k}": seen[0, k, 0] for k in range(seen.shape[1])}
    objective = LossProgram((rollout,), Graph([seen, rollout.step.input("theta")], terms), {})
    found = engine.value_and_gradient(objective, np.array([theta]), per_term=True).gradient
    assert found is not None
    for k, name in enumerate(terms):
        alone = replace(objective, weights={other: float(other == name) for other in terms})
        forwards = engine.jacobian_vector(alone, np.array([theta]), np.ones(1))
        np.testing.assert_allclose(found[k, 0], forwards, rtol=1e-13)
    return found[:, 0]


@pytest.mark.parametrize("checkpoint", [False, True])
def test_derivatives_of_a_linear_map_are_those_on_paper(engine, checkpoint: bool):
    """u_k = θᵏ u₀: all steps give k θᵏ⁻¹ u₀; the last one alone θᵏ⁻¹ u₀; after w steps of warm-up u₀ is θʷ u₀."""
    a, start, k = 1.2, 3.0, np.arange(1, 7)
    thirds, all_steps, last = [3 * a**2, 6 * a**5], k * a ** (k - 1), a ** (k - 1)
    cases: list[tuple[dict[str, Any], Any]] = [
        ({}, all_steps),
        ({"every": 3}, thirds),
        ({"warmup": 2, "every": 3, "gradient": "none"}, [a**4, a**7]),
    ]
    if not checkpoint:
        cases += [({"gradient": "none"}, last), ({"warmup": 4}, all_steps * a**4)]
    for options, expected in cases:
        found = derivatives_of_records(engine, a, start, steps=6, checkpoint=checkpoint, **options)
        np.testing.assert_allclose(found, np.multiply(expected, start), rtol=1e-13, err_msg=str(options))
