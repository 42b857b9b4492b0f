"""Training steps of a Koopman autoencoder against a hand-written JAX loop; goal: at most 1.05 times its time on JAX.

Both minimise the same loss on the same windows by the same Adam, compiled as one loop of 200 iterations, in float64: a
generator of two rates, and a pair whose growth and frequency an auxiliary network gives at every one of 20 steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from _peers import Field

import unideq as ude
from unideq.engine import Minimisation, available, get_engine
from unideq.harness import Study
from unideq.result.sampling import problem_of

GOAL, ITERATIONS, RATE, DT, AHEAD, WIDTH = 1.05, 200, 1e-4, 0.1, 20, 32
CASES = ("generator", "parametrised")


def data(windows: int) -> xr.Dataset:
    t = DT * np.arange(AHEAD + 1)
    x, y = np.random.default_rng(0).uniform(-0.5, 0.5, (2, windows, 1))
    bent = (y - x**2) * np.exp(-t) + x**2 * np.exp(-0.1 * t)
    dims = ("trajectory", "time")
    return xr.Dataset({"x": (dims, x * np.exp(-0.05 * t)), "y": (dims, bent)}, {"time": t})


def problem(case: str, windows: int) -> tuple[ude.Koopman, Any, np.ndarray, np.ndarray]:
    """The model, the loss's program, θ, and the windows (B, L, 2) in units of their spread."""
    hidden = (WIDTH, WIDTH)
    more: dict[str, Any] = {"pairs": 0}
    if case == "parametrised":
        more = {"dynamics": "parametrised", "auxiliary": ude.nn.MLP(1, 2, (16,))}
    model = ude.Koopman(["x", "y"], DT, ude.nn.MLP(2, 2, hidden), ude.nn.MLP(2, 2, hidden), **more)
    given, objective = data(windows), ude.Linearity(AHEAD)
    unit = ude.SquaredError(scale={"x": 1.0, "y": 1.0})
    settings = {"objective": objective, "loss": unit, "phases": [ude.Adam(RATE, 1)], "progress": False}
    fit = ude.fit(model, given, engine="jax", **settings)
    program = objective.build(problem_of(fit.record))
    return model, program, model.initial_theta(), program.sources[0].data["x"]


def hand_written(model: ude.Koopman, theta: np.ndarray, windows: np.ndarray) -> Callable[[], Any]:
    """The same, as one would write it."""
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)
    values = {n: jnp.asarray(v) for n, v in model.layout.unpack(theta).items()}
    x = jnp.asarray(windows)

    def network(w: Any, name: str, depth: int, at: Any) -> Any:
        for k in range(1, depth):
            at = jnp.tanh(at @ w[f"{name}.layer_{k}.weight"].T + w[f"{name}.layer_{k}.bias"])
        return at @ w[f"{name}.layer_{depth}.weight"].T + w[f"{name}.layer_{depth}.bias"]

    def orbit(w: Any, y: Any) -> Any:
        if model.dynamics == "generator":
            return jnp.exp(w["rate"] * (DT * jnp.arange(1.0, AHEAD + 1))[:, None]) * y[:, None]

        def step(y: Any, _: Any) -> tuple[Any, Any]:
            growth, frequency = network(w, "auxiliary", 2, jnp.sum(y * y, axis=1, keepdims=True)).T
            size, turn = jnp.exp(DT * growth), DT * frequency
            cos, sin = size * jnp.cos(turn), size * jnp.sin(turn)
            after = jnp.stack([cos * y[:, 0] - sin * y[:, 1], sin * y[:, 0] + cos * y[:, 1]], axis=1)
            return after, after

        return jnp.moveaxis(jax.lax.scan(step, y, None, length=AHEAD)[1], 0, 1)

    def loss(w: Any) -> Any:
        y = network(w, "encoder", 3, x)
        moved = orbit(w, y[:, 0])
        errors = network(w, "decoder", 3, jnp.concatenate([y[:, :1], moved], axis=1)) - x
        return jnp.mean(errors[:, 0] ** 2) + jnp.mean(errors[:, 1:] ** 2) + jnp.mean((y[:, 1:] - moved) ** 2)

    rule = optax.adam(RATE)

    @jax.jit
    def run(w: Any, state: Any) -> Any:
        def turn(_: Any, now: Any) -> Any:
            w, state, _ = now
            value, gradient = jax.value_and_grad(loss)(w)
            moves, state = rule.update(gradient, state)
            return optax.apply_updates(w, moves), state, value

        return jax.lax.fori_loop(0, ITERATIONS, turn, (w, state, jnp.zeros(())))

    state = rule.init(values)
    return lambda: run(values, state)[2].block_until_ready()


def enter(field: Field, engine_name: str, program: Any, theta: np.ndarray) -> None:
    def make() -> Callable[[], Any]:
        engine = get_engine(engine_name)
        run = Minimisation(program, theta[None], ude.Adam(RATE, ITERATIONS), report_every=ITERATIONS)
        return lambda: engine.minimise(run, lambda _: True)

    field.enter(f"unideq/{engine_name}", make, lambda found: {"loss": float(found.last.total[0, -1])})


def main() -> None:
    study = Study.from_command_line(
        __file__, __doc__, quick={"rounds": 7, "windows": 128}, full={"rounds": 25, "windows": 512}
    )
    for unit in study.units(case=list(CASES)):
        model, program, theta, windows = problem(unit["case"], study.settings["windows"])
        field = Field()
        for engine_name in available():
            enter(field, engine_name, program, theta)
        field.enter("JAX by hand", partial(hand_written, model, theta, windows), lambda v: {"loss": float(v)})
        for name, row in field.race(study.settings["rounds"], "JAX by hand", sample_seconds=0.1).items():
            study.record(peer=name, **row, loss=field.entrants[name].facts["loss"], note=None)
        for name, why in field.absent.items():
            study.record(peer=name, note=why)
    headline: dict[str, Any] = {}
    for case in CASES:
        for row in study.rows_where(case=case):
            if row["peer"] != "JAX by hand":
                headline[f"{case}: {row['peer']} over JAX by hand"] = row.get("ratio")
    study.finish(headline={**headline, "goal on JAX": GOAL})


if __name__ == "__main__":
    main()
