"""A training step of a turbulence closure, and coupled steps, against JAX by hand; goal: 1.0 times on both engines.

The closure is a CNN of 7 layers with 16 channels, kernels 5 × 5 and 33 297 weights, on 64 × 64 periodic points; a
training step is loss, gradient and Adam's update on a batch of 16. By hand: `lax.conv_general_dilated` on padded
fields, channels last, and optax, compiled as one function. Coupled steps are ETDRK4 steps of the forced flow on 64²
points with that closure in every stage; beside them the flow itself on 256².
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from _peers import Field, relative_error

import unideq as ude
from unideq.engine import Minimisation, available, get_engine
from unideq.graph import Graph, variable
from unideq.harness import Study
from unideq.objective.program import Given, LossProgram, Pointwise

SIDE, BATCH, CHANNELS, FINE = 64, 16, (16,) * 6, 256
NETWORK = ude.nn.CNN(2, 1, CHANNELS, 5, dimensions=2, activation="relu")
PRECISIONS = ("float64", "float32")
TRAINING = {f"training step, {p}": p for p in PRECISIONS}
COUPLED = {f"coupled step, {p}": p for p in PRECISIONS}
TRUTH = "truth step, 256 × 256"
RATE = 1e-3


def drawn() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Weights, inputs (batch, 2, n, n) and targets (batch, 1, n, n)."""
    rng = np.random.default_rng(0)
    inputs, targets = (rng.standard_normal((BATCH, c, SIDE, SIDE)) for c in (2, 1))
    return NETWORK.draw(np.random.default_rng(1)), inputs, targets


# ---- a training step ----------------------------------------------------------------------------------------------


def objective() -> tuple[LossProgram, np.ndarray]:
    """Mean squared error of the network, and θ (1, P)."""
    weights, inputs, targets = drawn()
    theta = variable("theta", (sum(w.size for w in weights.values()),))
    named, at = {}, 0
    for name, array in weights.items():
        named[name] = theta[at : at + array.size].reshape(*array.shape)
        at += array.size
    x = variable("x", inputs.shape[1:])
    source = Pointwise("at", Graph((x, theta), {"y": NETWORK.expand(named, x)}), {"x": inputs})
    found, aim = variable("at.y", targets.shape), variable("aim.y", targets.shape)
    loss = Graph((found, aim, theta), {"fit": np.mean((found - aim) ** 2)})
    return LossProgram((source, Given("aim", {"y": targets})), loss, {"fit": 1.0}), np.concatenate(
        [w.ravel() for w in weights.values()]
    )[None]


def enter_ours(field: Field, engine_name: str, precision: str, steps: int) -> None:
    program, theta = objective()

    def make() -> Callable[[], Any]:
        engine = get_engine(engine_name)
        asked = Minimisation(program, theta, ude.Adam(RATE, steps, precision=precision), report_every=steps)
        return lambda: engine.minimise(asked, lambda report: True).last

    field.enter(f"unideq/{engine_name}", make, lambda found: {"found": found.theta[0]})


def enter_by_hand(field: Field, precision: str, steps: int) -> None:
    def make() -> Callable[[], Any]:
        import jax
        import jax.numpy as jnp
        import optax

        jax.config.update("jax_enable_x64", True)
        weights, *data = drawn()
        names = [name.removesuffix(".weight") for name in weights if name.endswith(".weight")]
        layers = [(weights[f"{n}.weight"].transpose(2, 3, 1, 0), weights[f"{n}.bias"]) for n in names]
        layers, data = jax.tree.map(
            lambda a: jnp.asarray(a, precision), (layers, [a.transpose(0, 2, 3, 1) for a in data])
        )

        def network(layers: Any, x: Any) -> Any:
            for k, (kernel, bias) in enumerate(layers):
                ring = jnp.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="wrap")
                form = ("NHWC", "HWIO", "NHWC")
                x = jax.lax.conv_general_dilated(ring, kernel, (1, 1), "VALID", dimension_numbers=form) + bias
                x = jax.nn.relu(x) if k < len(layers) - 1 else x
            return x

        optimiser = optax.adam(RATE)

        @jax.jit
        def step(layers: Any, state: Any) -> Any:
            gradient = jax.grad(lambda w: jnp.mean((network(w, data[0]) - data[1]) ** 2))(layers)
            change, state = optimiser.update(gradient, state)
            return optax.apply_updates(layers, change), state

        def run() -> Any:
            now, state = layers, optimiser.init(layers)
            for _ in range(steps):
                now, state = step(now, state)
            return jax.block_until_ready(now)

        return run

    def facts(found: Any) -> dict[str, Any]:
        parts = [
            np.ravel(a) for k, b in found for a in (np.asarray(k, float).transpose(3, 2, 0, 1), np.asarray(b, float))
        ]
        return {"found": np.concatenate(parts)}

    field.enter("JAX by hand, lax.conv", make, facts)


# ---- coupled steps ------------------------------------------------------------------------------------------------


def flow(points: int) -> Any:
    return ude.problems.KolmogorovFlow(reynolds=1000.0, points=points, dt=0.005)


def coupled() -> ude.Stepper:
    """The flow on the coarse grid, closed by the network in every stage."""
    problem = flow(SIDE)
    model = problem.model()
    grid = model.grid
    d = grid.symbols

    def closure(t: Any, state: Any, p: Any, net: Any) -> Any:
        stream = grid.fourier(state.vorticity, -1 / (d.x**2 + d.y**2))
        return 0.01 * net.closure(stream, state.vorticity / 5.0)

    return ude.Stepper(model.closed(closure, networks={"closure": NETWORK}), problem.dt, problem.scheme)


def enter_rollout(
    field: Field, stepper: ude.Stepper, start: np.ndarray, engine: str, precision: str, steps: int
) -> None:
    call = lambda: stepper.rollout({"vorticity": start}, steps, every=steps, engine=engine, precision=precision)  # noqa: E731
    field.enter(f"unideq/{engine}", lambda: call, lambda found: {"found": found.vorticity.values[-1].ravel()})


def enter_exponax(field: Field, start: np.ndarray, steps: int) -> None:
    def make() -> Callable[[], Any]:
        import exponax
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        problem = flow(FINE)
        stepper = exponax.stepper.KolmogorovFlowVorticity(
            2, 2 * np.pi, FINE, problem.dt, diffusivity=1 / problem.reynolds, drag=-problem.drag,
            injection_mode=problem.forcing, injection_scale=-1.0, order=4,
        )  # fmt: skip
        run, first = jax.jit(exponax.repeat(stepper, steps)), jnp.asarray(-start[None])  # it turns the other way
        return lambda: run(first).block_until_ready()

    field.enter("exponax", make, lambda found: {"found": -np.asarray(found).ravel()})


# ---- all ----------------------------------------------------------------------------------------------------------


def race_of(case: str, steps: int) -> Field:
    field = Field()
    if case in TRAINING:
        enter_by_hand(field, TRAINING[case], steps)
        for engine in available():
            enter_ours(field, engine, TRAINING[case], steps)
        return field
    stepper = coupled() if case in COUPLED else flow(FINE).stepper()
    start = flow(SIDE if case in COUPLED else FINE).initial()["vorticity"][0]
    if case == TRUTH:
        enter_exponax(field, start, steps)
    for engine in available():
        enter_rollout(field, stepper, start, engine, COUPLED.get(case, "float64"), steps)
    return field


def main() -> None:
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={"rounds": 3, "float64": 1, "float32": 5, "coupled": 20},
        full={"rounds": 9, "float64": 2, "float32": 10, "coupled": 100},
    )
    for unit in study.units(case=[*TRAINING, *COUPLED, TRUTH]):
        case = unit["case"]
        steps = study.settings[TRAINING.get(case, "coupled")]
        field = race_of(case, steps)
        reference = f"unideq/{study.engine}"
        truth = next((entrant.facts["found"] for entrant in field.entrants.values()), None)
        for name, row in field.race(study.settings["rounds"], reference, sample_seconds=0.1).items():
            error = relative_error(field.entrants[name].facts["found"], truth)
            study.record(peer=name, **row, steps_per_second=1e3 * steps / row["median_ms"], difference=error, note=None)
        for name, why in field.absent.items():
            study.record(peer=name, note=why)
    headline: dict[str, Any] = {}
    for case in (*TRAINING, TRUTH):
        rows = {row["peer"]: row for row in study.rows_where(case=case) if row.get("median_ms")}
        peers = [row["median_ms"] for name, row in rows.items() if not name.startswith("unideq")]
        ours = {name: row["median_ms"] for name, row in rows.items() if name.startswith("unideq")}
        if peers:
            headline |= {f"{case}: {name} over the peer": time / min(peers) for name, time in ours.items()}
    study.finish(headline=headline)


if __name__ == "__main__":
    main()
