"""Rollouts and one unrolled gradient, against exponax and hand-written JAX at equal error; goal: 1.1 times on JAX.

All sides compute the same numbers: the same scheme (ETDRK4), coefficients, dealiasing, network and start, in float64.
What is timed is the engine's whole call, NumPy arrays in and out; peers get and leave JAX arrays. `Stepper` rows run
the graphs that users get from `ude.Stepper` and `ude.nn.ResNet`: dealiasing keeps one mode more and the weights are
others there, so their numbers differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from _peers import Field, relative_error
from _steps import corrected_kuramoto_sivashinsky, drawn_weights, kolmogorov, kuramoto_sivashinsky, rollout_of

import unideq as ude
from unideq.engine import available, get_engine
from unideq.graph import Graph, variable
from unideq.harness import Study
from unideq.objective import Given, LossProgram, Rollout

GOAL = 1.1
POINTS, LENGTH, DT = 256, 100.0, 0.1
"""Kuramoto–Sivashinsky rollouts: every state is recorded."""
SIDE, FLOW_DT = 128, 0.01
"""Kolmogorov flow: the last state is recorded."""
COARSE, RING, COARSE_DT, CHANNELS, BLOCKS, BATCH, UNROLLED = 48, 16 * np.pi, 0.5, 26, 8, 16, 8
"""The unrolled gradient: 33 125 weights, and 8 steps of 48 points in 16 trajectories."""
CASES = ("KS rollout, batch 32", "KS rollout, batch 1", "unrolled gradient", "Kolmogorov rollout")


def waves(count: int, points: int, highest: int) -> np.ndarray:
    """Random smooth periodic starts (count, points)."""
    rng = np.random.default_rng(0)
    x = 2 * np.pi * np.arange(points) / points
    parts = [rng.standard_normal((count, 1)) * np.sin(k * x + rng.uniform(0, 6, (count, 1))) for k in range(1, highest)]
    return 0.3 * np.sum(parts, axis=0)


# ---- rollouts -----------------------------------------------------------------------------------------------------


def enter_rollout(field: Field, engine_name: str, rollout: Rollout, label: str = "") -> None:
    def make() -> Callable[[], Any]:
        engine = get_engine(engine_name)
        theta = np.zeros(sum(i.size for i in rollout.step.inputs if i.name == "theta"))
        return lambda: engine.rollout(rollout, theta)

    field.enter(f"unideq/{engine_name}{label}", make, lambda found: {"found": found.arrays["roll.u"][:, -1].ravel()})


def stepper(points: int, length: float, dt: float, **correction: Any) -> ude.Stepper:
    """Kuramoto–Sivashinsky as users write it."""
    scheme = ude.schemes.Fourier(dealias=True)
    grid = ude.Grid(ude.Axis("x", 0.0, length, points), scheme=scheme)

    def rhs(t: Any, state: Any) -> dict[str, Any]:
        return {"u": -0.5 * grid.d(grid.product(state.u, state.u))}

    model = ude.PDE(rhs, grid, ["u"], linear=lambda d: -(d.x**2) - d.x**4)
    return ude.Stepper(model, dt, "etdrk4", **correction)


def enter_exponax(field: Field, case: str, start: np.ndarray, steps: int) -> None:
    """The peer's own `rollout` (all states) or `repeat` (the last), compiled; a batch by `vmap`."""

    def make() -> Callable[[], Any]:
        import exponax
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        if case.startswith("Kolmogorov"):
            flow = exponax.stepper.KolmogorovFlowVorticity(2, 2 * np.pi, SIDE, FLOW_DT, order=4)
            run, first = jax.jit(exponax.repeat(flow, steps)), jnp.asarray(start.reshape(1, SIDE, SIDE))
            return lambda: run(first).block_until_ready()
        stepper = exponax.stepper.KuramotoSivashinskyConservative(
            1, LENGTH, POINTS, DT, single_channel=True, conservative=True, order=4
        )
        one = exponax.rollout(stepper, steps)
        run = jax.jit(one if len(start) == 1 else jax.vmap(one))
        first = jnp.asarray(start if len(start) == 1 else start[:, None])
        return lambda: run(first).block_until_ready()

    def facts(found: Any) -> dict[str, Any]:
        states = np.asarray(found)
        if not case.startswith("Kolmogorov"):
            states = states.reshape(len(start), steps, POINTS)[:, -1]
        return {"found": states.ravel()}

    field.enter("exponax", make, facts)


def race_of_rollouts(case: str, steps: int) -> Field:
    field = Field()
    if case.startswith("Kolmogorov"):
        start = waves(1, SIDE, 5)[0]
        start = (np.subtract.outer(start, start[::-1]) * 3).reshape(1, -1)
        ours = rollout_of(kolmogorov(SIDE, FLOW_DT), start, FLOW_DT, steps, every=steps)
    else:
        start = waves(32 if case.endswith("32") else 1, POINTS, 8)
        ours = rollout_of(kuramoto_sivashinsky(POINTS, LENGTH, DT), start, DT, steps)
    enter_exponax(field, case, start, steps)
    for engine_name in available():
        enter_rollout(field, engine_name, ours)
        if not case.startswith("Kolmogorov"):
            theirs = rollout_of(stepper(POINTS, LENGTH, DT).step, start, DT, steps)
            enter_rollout(field, engine_name, theirs, ", Stepper")
    return field


# ---- the unrolled gradient ----------------------------------------------------------------------------------------


def corrected() -> tuple[Graph, np.ndarray]:
    """The corrected step as users write it, and initial weights."""
    made = stepper(
        COARSE,
        RING,
        COARSE_DT,
        correction=lambda t, state, p, net: {"u": net.closure(state.u, p.number)},
        networks={"closure": ude.nn.ResNet(2, 1, CHANNELS, BLOCKS)},
        parameters={"number": ude.Condition(1.0)},
    )
    return made.step, made.initial_theta()


def unrolled(step: Graph) -> LossProgram:
    """Mean squared distance of all states from random targets."""
    rng = np.random.default_rng(1)
    data = {"c": rng.uniform(0.5, 1.5, (BATCH, 1))}
    source = rollout_of(step, waves(BATCH, COARSE, 5), COARSE_DT, UNROLLED, data=data)
    shape = (BATCH, UNROLLED, COARSE)
    target = Given("target", {"u": rng.standard_normal(shape)})
    distance = variable("roll.u", shape) - variable("target.u", shape)
    inputs = [variable("roll.u", shape), variable("target.u", shape), step.input("theta")]
    loss = Graph(inputs, {"fit": (distance * distance).mean()})
    return LossProgram((source, target), loss, {"fit": 1.0})


def enter_gradient(field: Field, engine_name: str, objective: LossProgram, theta: np.ndarray, label: str = "") -> None:
    def make() -> Callable[[], Any]:
        engine = get_engine(engine_name)
        return lambda: engine.value_and_gradient(objective, theta)

    field.enter(f"unideq/{engine_name}{label}", make, lambda found: {"found": found.gradient})


def enter_hand_written(field: Field, way: str, objective: LossProgram, theta: np.ndarray) -> None:
    def make() -> Callable[[], Any]:
        import jax
        from _hand_written_rollout import unrolled_gradient

        source, target = objective.sources
        assert isinstance(source, Rollout) and isinstance(target, Given)
        run = unrolled_gradient(way, COARSE, RING, COARSE_DT, UNROLLED, CHANNELS, BLOCKS)
        states = target.data["u"].swapaxes(0, 1)
        arguments = jax.device_put((theta, source.data["start"], source.data["c"], states))
        return lambda: jax.block_until_ready(run(*arguments))

    field.enter(f"JAX by hand, {way}", make, lambda found: {"found": np.asarray(found[1])})


def race_of_gradients() -> Field:
    field = Field()
    objective = unrolled(corrected_kuramoto_sivashinsky(COARSE, COARSE_DT, CHANNELS, BLOCKS))
    theta = drawn_weights(CHANNELS, BLOCKS, np.random.default_rng(2))
    step, initial = corrected()
    for way in ("lax.conv", "columns", "shifted products"):
        enter_hand_written(field, way, objective, theta)
    for engine_name in available():
        enter_gradient(field, engine_name, objective, theta)
        enter_gradient(field, engine_name, unrolled(step), initial, ", Stepper and ResNet")
    return field


# ---- all ----------------------------------------------------------------------------------------------------------


def main() -> None:
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={"rounds": 9, "steps": 100, "flow_steps": 10},
        full={"rounds": 40, "steps": 400, "flow_steps": 100},
    )
    ours = f"unideq/{study.engine}"
    for unit in study.units(case=list(CASES)):
        case = unit["case"]
        steps = study.settings["flow_steps" if case.startswith("Kolmogorov") else "steps"]
        field = race_of_gradients() if case == "unrolled gradient" else race_of_rollouts(case, steps)
        truth = next((entrant.facts["found"] for entrant in field.entrants.values()), None)
        for name, row in field.race(study.settings["rounds"], ours, sample_seconds=0.1).items():
            per_second = None if case == "unrolled gradient" else 1e3 * steps / row["median_ms"]
            error = relative_error(field.entrants[name].facts["found"], truth)
            study.record(peer=name, **row, steps_per_second=per_second, difference=error, note=None)
        for name, why in field.absent.items():
            study.record(peer=name, note=why)

    headline: dict[str, Any] = {}
    for case in CASES:
        rows = study.rows_where(case=case)
        peers = [row["ratio"] for row in rows if not row["peer"].startswith("unideq") and row.get("ratio")]
        if peers:
            headline[f"{case}: {ours} over the fastest peer"] = 1.0 / min(peers)
    study.finish(headline={**headline, "goal on JAX": GOAL})


if __name__ == "__main__":
    main()
