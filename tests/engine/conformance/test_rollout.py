"""Rollouts of steps: against NumPy loops and hand-computed derivatives, their options, their memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from unideq.engine import STATUS, Minimisation, Report
from unideq.errors import ModelError, OptionError
from unideq.graph import Expression, Graph, variable, vjp
from unideq.noise import increments
from unideq.objective.program import Given, LossProgram, Rollout
from unideq.optimise import Adam

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
    inputs_of_steps: int = 0,
    **options: Any,
) -> Rollout:
    """A rollout of `step(t, u, theta[, c][, w])` from starts (B, n), with random start times, constants and inputs."""
    states = np.atleast_2d(np.asarray(start, float))
    generator = np.random.default_rng(seed)
    t, u, theta = variable("t"), variable("u", states.shape[1:]), variable("theta", (parameters,))
    inputs = [t, u, theta]
    data = {"start": states, "t": generator.uniform(0, 1, len(states))}
    if constants:
        inputs.append(variable("c", (constants,)))
        data["c"] = generator.uniform(0.5, 1.5, (len(states), constants))
    observed = Graph(inputs, {"u": u} if observe is None else observe(*inputs))
    if inputs_of_steps:
        made = options.get("warmup", 0) + options["steps"]
        inputs = [*inputs, variable("w", (inputs_of_steps,))]
        data["w"] = generator.standard_normal((len(states), made, inputs_of_steps))
    return Rollout("sol", Graph(inputs, {"u": step(*inputs)}), observed, data, DT, **options)


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
            given = {"w": rollout.data["w"][i, k]} if "w" in rollout.data else {}
            u = rollout.step.evaluate({"t": t, "u": u, "theta": theta, **own, **given})["u"]
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


def by_hand(rollout: Rollout, theta: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The gradient of `fit`, step by step backwards with the step's own vjp."""
    pulled, found = vjp(rollout.step, ["u", "theta"]), np.zeros(len(theta))
    for i, u in enumerate(rollout.data["start"]):
        at, own = [], {name: rollout.data[name][i] for name in ("c",) if name in rollout.data}
        for k in range(rollout.warmup + rollout.steps):
            given = {"w": rollout.data["w"][i, k]} if "w" in rollout.data else {}
            at.append({"t": rollout.data["t"][i] + k * rollout.dt, "u": u, "theta": theta, **own, **given})
            u = rollout.step.evaluate(at[-1])["u"]
        adjoint = np.zeros_like(u)
        for k in reversed(range(rollout.warmup, len(at))):
            record, rest = divmod(k + 1 - rollout.warmup, rollout.every)
            if not rest:
                adjoint = adjoint + 4.0 * (u - target[i, record - 1]) / target.size
            back = pulled.evaluate({**at[k], "cotangent.u": adjoint})
            found += back["theta"] if not rest or rollout.gradient == "full" else 0.0
            adjoint, u = (np.zeros_like(u) if rollout.gradient == "none" else back["u"]), at[k]["u"]
    return found


@pytest.mark.parametrize(
    "options", [{}, {"every": 3}, {"warmup": 2}, {"checkpoint": True}, {"gradient": "none"}], ids=str
)
def test_gradients_are_those_composed_of_the_steps_own_adjoints(engine, options: dict[str, Any]):
    """The chain rule by hand, with the graph's vjp: λ ← λ·∂S/∂u + ∂L/∂u, and λ ← 0 behind every step for `none`."""
    rollout, theta = ring(**options)
    objective = fit(rollout)
    target = next(s for s in objective.sources if isinstance(s, Given)).data["u"]
    expected = by_hand(rollout, theta, target)
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


# ---- inputs of the steps --------------------------------------------------------------------------------------------


def kicked(batch: int = 3, constants: int = 1, **options: Any) -> tuple[Rollout, np.ndarray]:
    """Two states pulled back at a rate θ and kicked by their steps' inputs, each times what it depends on; and θ."""

    def step(t: Any, u: Any, theta: Any, *more: Any) -> Any:
        *c, w = more
        pulled = u - DT * theta[0] * (u - c[0] if c else u) + DT * np.cos(t)
        return pulled + theta[1:3] * (1 + 0.1 * u * u) * w[:2] + w[2] * theta[0] * u[::-1]

    start = np.linspace(-1, 1, 2 * batch).reshape(batch, 2)
    return make(step, start, 3, constants, inputs_of_steps=3, **{"steps": 6, **options}), np.array([0.8, 0.3, -0.2])


INPUTS = [{}, {"constants": 0}, {"batch": 1}, {"warmup": 2, "every": 3}, {"checkpoint": True, "steps": 7, "warmup": 1}]


@pytest.mark.parametrize("options", [*INPUTS, {"gradient": "none", "every": 2}], ids=str)
def test_every_step_is_made_with_its_own_inputs(engine, options: dict[str, Any]):
    """Values are those of the loop, derivatives those by hand, backwards and forwards."""
    rollout, theta = kicked(**options)
    found, expected = engine.rollout(rollout, theta), looped(rollout, theta)
    np.testing.assert_allclose(found.arrays["sol.u"], expected["sol.u"], rtol=1e-12, atol=1e-13)
    objective, direction = fit(rollout), np.array([0.3, -0.5, 0.8])
    slope = gradient(engine, objective, theta) @ direction
    np.testing.assert_allclose(engine.jacobian_vector(objective, theta, direction), slope, rtol=1e-12)
    target = next(s for s in objective.sources if isinstance(s, Given)).data["u"]
    np.testing.assert_allclose(slope, by_hand(rollout, theta, target) @ direction, rtol=1e-11)


def test_a_batch_may_bring_new_inputs_of_the_steps(engine):
    """As fresh noise does: every iteration's loss is that of its own inputs, and nothing is compiled for them."""
    rollout, theta = kicked(checkpoint=True)
    objective, asked = fit(rollout), []

    class Fresh:
        follows_theta = False

        def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
            asked.append(iteration)
            return [{"w": increments(5, iteration, rollout.data["w"].shape, DT)}, {}]

    reports: list[Report] = []
    task = Minimisation(objective, theta[None], Adam(0.05, 3), batches=Fresh(), report_every=1)
    engine.minimise(task, lambda report: reports.append(report) or True)
    assert asked == [0, 1, 2]
    at = theta
    for k, report in enumerate(reports):
        noise = increments(5, k, rollout.data["w"].shape, DT)
        alone = objective.with_data({"sol": {**rollout.data, "w": noise}})
        np.testing.assert_allclose(report.total[0, -1], engine.value(alone, at).total, rtol=1e-12)
        at = report.theta[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda data: {**data, "w": data["w"][:, :-1]},
            r"`w` of `sol` needs shape (B, 6, k), a row a step, B = 3, not",
        ),
        (lambda data: {**data, "w": data["w"][:2]}, "not (2, 6, 3)"),
        (lambda data: {n: v for n, v in data.items() if n != "w"}, "The step of `sol` reads `w`; give it in `data`"),
    ],
    ids=["too few steps", "too few trajectories", "none"],
)
def test_inputs_that_arent_one_row_a_step_are_refused(change: Callable[..., Any], says: str):
    rollout, _ = kicked()
    with pytest.raises(ModelError, match=re.escape(says)):
        replace(rollout, data=change(rollout.data))


def test_inputs_of_a_step_cant_be_observed():
    rollout, _ = kicked()
    w = rollout.step.input("w")
    with pytest.raises(ModelError, match="can't read `w`"):
        replace(rollout, observe=Graph([w], {"w": w}))
