"""Loss and gradient through events, against diffrax by hand: 64 trajectories with forcings and 3 doses each; a ball.

Doses: one compartment with first-order absorption, an input of each trajectory's own in steps, and doses at times of
its own. The peer is what a practised user of diffrax writes: padded times, `vmap`, steps that end at doses and at steps
of the input (`ClipStepSizeController`), and a solver whose steps begin with what is dosed there. The ball bounces
twenty times; its gradient is compared with the derivative of the closed form, and there is no peer: diffrax ends at an
event. In Julia the peers are callbacks, differentiated by ForwardDiff and by SciMLSensitivity's adjoints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from _peers import Field, julia_peer, relative_error, versions_of

import unideq as ude
from unideq.engine import available, get_engine
from unideq.harness import Study
from unideq.objective import LossProgram, Observations
from unideq.training import Trainer, kind_of

jax.config.update("jax_enable_x64", True)

TRAJECTORIES, POINTS, DOSES, TOLERANCE, MAX_STEPS = 64, 24, 3, 1e-6, 4096
PEER = "diffrax, padded, steps end at doses"
RATES = np.array([1.5, 0.3])
GRAVITY, RESTITUTION, BOUNCES = 9.81, 0.9, 20


def drawn() -> dict[str, np.ndarray]:
    """Times (K,), measurements (B, K), doses and their times (B, 3), the input's steps and when they begin (B, 6)."""
    rng = np.random.default_rng(1)
    size = (TRAJECTORIES, DOSES)
    return {
        "times": np.linspace(0.0, 24.0, POINTS),
        "blood": rng.uniform(0.5, 2.0, (TRAJECTORIES, POINTS)),
        "dose": rng.uniform(1.0, 5.0, size),
        "dose_time": np.sort(rng.uniform(0.5, 23.0, size), axis=1),
        "feed": rng.uniform(0.0, 0.5, (TRAJECTORIES, 6)),
        "feed_time": np.concatenate(
            [np.zeros((TRAJECTORIES, 1)), np.sort(rng.uniform(1.0, 23.0, (TRAJECTORIES, 5)), axis=1)], axis=1
        ),
    }


def patients() -> tuple[LossProgram, np.ndarray]:
    """Our loss and θ."""
    model = ude.ODE(
        lambda t, s, p, net, forcing: {
            "gut": -p.absorbed * s.gut,
            "blood": p.absorbed * s.gut - p.cleared * s.blood + forcing.feed,
        },
        ["gut", "blood"],
        {"absorbed": RATES[0], "cleared": RATES[1]},
        forcings={"feed": ude.Forcing("previous")},
        initial={"gut": 0.0, "blood": 0.0},
        events=[ude.Dose("gut", amount="dose", at="dose_time")],
    )
    found = drawn()
    data = xr.Dataset(
        {"blood": (("trajectory", "time"), found["blood"]), "feed": (("trajectory", "feed_sample"), found["feed"])}
        | {name: (("trajectory", "number"), found[name]) for name in ("dose", "dose_time")},
        {"time": found["times"], "feed_time": (("trajectory", "feed_sample"), found["feed_time"])},
    )
    return _program(model, data)


def _program(model: ude.ODE, data: xr.Dataset, tolerance: float = TOLERANCE) -> tuple[LossProgram, np.ndarray]:
    names = [str(n) for n in data.data_vars if n in model.observables]
    settings = kind_of(model).chosen(
        ude.Trajectory(), ude.Adam(), loss=ude.SquaredError(scale=dict.fromkeys(names, 1.0)),
        solver=ude.Tsit5(rtol=tolerance, atol=tolerance, max_steps=MAX_STEPS),
    )  # fmt: skip
    problem = Trainer(model, Observations.given(data, model, None, None), settings, get_engine("jax")).task.problem
    return ude.Trajectory().build(problem), problem.initial_theta(0)


class Dosed(diffrax.Tsit5):
    """Steps that begin with the doses there."""

    when: Any = None
    amounts: Any = None

    def step(self, terms: Any, t0: Any, t1: Any, y0: Any, *rest: Any, **named: Any) -> Any:
        given = jnp.sum(jnp.where(jnp.abs(self.when - t0) < 1e-12, self.amounts, 0.0))
        return super().step(terms, t0, t1, y0.at[0].add(given), *rest, **named)


def by_hand() -> Callable[[], Any]:
    """A call that gives loss and gradient in the two rates."""
    found = {name: jnp.asarray(values) for name, values in drawn().items()}
    times = found["times"]

    def loss(rates: Any) -> Any:
        def solve(when: Any, amounts: Any, steps: Any, levels: Any) -> Any:
            def slope(t: Any, u: Any, rates: Any) -> Any:
                feed = levels[jnp.searchsorted(steps, t, side="right") - 1]
                return jnp.stack([-rates[0] * u[0], rates[0] * u[0] - rates[1] * u[1] + feed])

            jumps = jnp.sort(jnp.concatenate([when, steps[1:]]))
            controller = diffrax.ClipStepSizeController(
                diffrax.PIDController(rtol=TOLERANCE, atol=TOLERANCE), jump_ts=jumps
            )
            return diffrax.diffeqsolve(
                diffrax.ODETerm(slope), Dosed(when=when, amounts=amounts), 0.0, times[-1], None, jnp.zeros(2), rates,
                saveat=diffrax.SaveAt(ts=times), max_steps=MAX_STEPS, stepsize_controller=controller,
            ).ys[:, 1]  # fmt: skip

        blood = jax.vmap(solve)(found["dose_time"], found["dose"], found["feed_time"], found["feed"])
        return jnp.mean((blood - found["blood"]) ** 2)

    compiled = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(compiled(jnp.asarray(RATES)))


def ball() -> tuple[LossProgram, np.ndarray, np.ndarray]:
    """Our loss, θ, and its exact gradient there."""
    model = ude.ODE(
        lambda t, s, p: {"height": s.speed, "speed": -GRAVITY},
        ["height", "speed"],
        {"e": RESTITUTION},
        initial={"height": 1.0, "speed": 0.0},
        events=[
            ude.Event(
                lambda t, s, p: {"height": 0.0, "speed": -p.e * s.speed}, when=lambda t, s: s.height, direction="down"
            )
        ],
    )
    times = np.linspace(0.0, 7.5, 31)
    data = xr.Dataset({"height": ("time", np.zeros(31)), "speed": ("time", np.zeros(31))}, {"time": times})
    program, theta = _program(model, data, 1e-10)

    def loss(e: complex) -> Any:
        at, speed = np.sqrt(2.0 / GRAVITY) + 0j, np.sqrt(2.0 * GRAVITY) + 0j
        height, fall = 1.0 - GRAVITY * times**2 / 2, -GRAVITY * times
        for _ in range(BOUNCES):
            speed = e * speed
            later, since = times > at.real, times - at
            height = np.where(later, speed * since - GRAVITY * since**2 / 2, height)
            fall = np.where(later, speed - GRAVITY * since, fall)
            at = at + 2 * speed / GRAVITY
        return np.mean(height**2) + np.mean(fall**2)

    # The derivative without a difference (Squire & Trapp 1998).
    return program, theta, np.array([loss(RESTITUTION + 1e-30j).imag / 1e-30 * RESTITUTION])


def main() -> None:
    study = Study.from_command_line(__file__, __doc__, quick={"rounds": 7}, full={"rounds": 30})
    native = julia_peer("events.jl")
    for unit in study.units(case=["64 trajectories, 3 doses each", "a ball, 20 bounces"]):
        field = Field()
        dosed = unit["case"].startswith("64")
        if dosed:
            (program, theta), exact = patients(), None
        else:
            program, theta, exact = ball()
        for name in available():
            engine = get_engine(name)
            field.enter(
                f"unideq/{name}",
                lambda engine=engine, program=program, theta=theta: lambda: engine.value_and_gradient(program, theta),
                lambda found, dosed=dosed: {"gradient": found.gradient / (RATES if dosed else 1.0)},
            )
        if dosed:
            field.enter_peer(native, {**drawn(), "p": RATES, "tolerance": TOLERANCE}, "SciML")
            field.enter(PEER, by_hand, lambda found: {"gradient": np.asarray(found[1])})
        first = PEER if dosed else f"unideq/{available()[0]}"
        rows = field.race(study.settings["rounds"], first, sample_seconds=0.2)
        wanted = field.entrants[PEER].facts["gradient"] if exact is None else exact
        for name, row in rows.items():
            error = relative_error(field.entrants[name].facts["gradient"], wanted)
            study.record(peer=name, **row, difference=error, note=None)
        for name, why in field.absent.items():
            study.record(peer=name, note=why)
    headline = {
        f"{row['peer']} over diffrax by hand": row["ratio"]
        for row in study.rows_where(case="64 trajectories, 3 doses each", note=None)
        if row["peer"] != PEER
    }
    headline |= {
        f"a ball: error of the gradient, {row['peer']}": row["difference"]
        for row in study.rows_where(case="a ball, 20 bounces", note=None)
    }
    study.finish(headline=headline | {"peers": versions_of(native)})


if __name__ == "__main__":
    main()
