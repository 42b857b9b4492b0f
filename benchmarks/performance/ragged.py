"""Loss and gradient of 500 trajectories of 5 to 200 points, against the same padded to one length by hand.

The neural Lotka-Volterra model, measured every 0.05, each trajectory to an end of its own. The peer is what a practised
user of diffrax writes: rows of times padded with their last one, a mask, `vmap`; all wait for the longest. What all
500 would cost if they had the mean length stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from _hand_written import LotkaVolterra
from _models import lotka_volterra, plain_values, scales_of
from _peers import Field, relative_error

import unideq as ude
from unideq.engine import available, get_engine
from unideq.harness import Study
from unideq.objective import LossProgram, Observations
from unideq.training import Trainer, kind_of

TRAJECTORIES, SPACING, TOLERANCE, MAX_STEPS = 500, 0.05, 1e-6, 4096
LENGTHS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "5 to 200 points": lambda rng: rng.integers(5, 201, TRAJECTORIES),
    "102 points": lambda rng: np.full(TRAJECTORIES, 102),
}
PEER = "diffrax + equinox, padded"
START = np.array([0.44249296, 4.6280594])


def drawn(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Initial states (B, 2), times (B, K) that repeat their last one, measurements (B, K, 2)."""
    rng = np.random.default_rng(1)
    u0 = START * rng.uniform(0.8, 1.2, (len(lengths), 2))
    times = SPACING * np.minimum(np.arange(lengths.max()), lengths[:, None] - 1)
    return u0, times, rng.normal(size=(*times.shape, 2))


def program(lengths: np.ndarray) -> tuple[LossProgram, np.ndarray, ude.ODE]:
    """Our loss, θ and model."""
    model, (u0, times, data) = lotka_volterra(), drawn(lengths)
    sets = [
        xr.Dataset(
            {"prey": ("time", values[:count, 0]), "predator": ("time", values[:count, 1])},
            {"time": row[:count], "prey_0": start[0], "predator_0": start[1]},
        )
        for start, row, values, count in zip(u0, times, data, lengths, strict=True)
    ]
    settings = kind_of(model).chosen(
        ude.Trajectory(), ude.Adam(), loss=ude.SquaredError(scale={"prey": 1.0, "predator": 1.0}),
        solver=ude.Tsit5(rtol=TOLERANCE, atol=TOLERANCE, max_steps=MAX_STEPS),
    )  # fmt: skip
    problem = Trainer(model, Observations.given(sets, model, None, None), settings, get_engine("jax")).task.problem
    return ude.Trajectory().build(problem), problem.initial_theta(0), model


def padded_by_hand(values: np.ndarray, lengths: np.ndarray) -> Callable[[], Any]:
    """A call that gives loss and gradient."""
    u0, times, data = map(jnp.asarray, drawn(lengths))
    mask = jnp.arange(times.shape[1]) < jnp.asarray(lengths)[:, None]
    arrays, static = eqx.partition(LotkaVolterra(values), eqx.is_array)

    def loss(arrays: Any, u0: Any, times: Any, data: Any) -> Any:
        module = eqx.combine(arrays, static)

        def solve(start: Any, grid: Any) -> Any:
            return diffrax.diffeqsolve(
                diffrax.ODETerm(lambda t, u, module: module(t, u, None)), diffrax.Tsit5(), grid[0], grid[-1], None,
                start, module, saveat=diffrax.SaveAt(ts=grid), max_steps=MAX_STEPS,
                stepsize_controller=diffrax.PIDController(rtol=TOLERANCE, atol=TOLERANCE),
            ).ys  # fmt: skip

        square = jnp.where(mask[..., None], (jax.vmap(solve)(u0, times) - data) ** 2, 0.0)
        return jnp.sum(square) / jnp.sum(mask)

    compiled = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(compiled(arrays, u0, times, data))


def main() -> None:
    study = Study.from_command_line(__file__, __doc__, quick={"rounds": 7}, full={"rounds": 30})
    for unit in study.units(lengths=list(LENGTHS)):
        lengths = LENGTHS[unit["lengths"]](np.random.default_rng(0))
        objective, theta, model = program(lengths)
        field = Field()
        for name in available():
            engine = get_engine(name)
            field.enter(
                f"unideq/{name}",
                lambda engine=engine, objective=objective, theta=theta: (
                    lambda: engine.value_and_gradient(objective, theta)
                ),
                lambda found, model=model: {"gradient": found.gradient / scales_of(model)},
            )
        field.enter(
            PEER,
            lambda model=model, theta=theta, lengths=lengths: padded_by_hand(plain_values(model, theta), lengths),
            lambda found: {"gradient": np.concatenate([np.ravel(part) for part in jax.tree.leaves(found[1])])},
        )
        rows = field.race(study.settings["rounds"], PEER, sample_seconds=0.2)
        for name, row in rows.items():
            error = relative_error(field.entrants[name].facts["gradient"], field.entrants[PEER].facts["gradient"])
            study.record(peer=name, **row, difference=error, note=None)
        for name, why in field.absent.items():
            study.record(peer=name, note=why)
    headline = {
        f"{case}: {row['peer']} over padding by hand": row["ratio"]
        for case in LENGTHS
        for row in study.rows_where(lengths=case, note=None)
        if row["peer"] != PEER
    }
    study.finish(headline=headline)


if __name__ == "__main__":
    main()
