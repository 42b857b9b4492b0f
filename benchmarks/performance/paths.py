"""An ensemble of paths, 1000 of 1000 steps of Euler–Maruyama, in a double well with a 2-16-1 network: value, gradient.

The peers are what a practised user writes: diffrax (`MultiTerm`, `VirtualBrownianTree`, `vmap`), which draws its noise
on the way, and a `lax.scan` by hand over the same noise as ours, with which values and gradients are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from _peers import Field, relative_error, versions_of

import unideq as ude
from unideq.engine import available, get_engine
from unideq.graph import Graph, variable
from unideq.harness import Study
from unideq.model.stochastic.schemes import scheme_of, stochastic_step
from unideq.noise import increments
from unideq.objective import LossProgram, Rollout

jax.config.update("jax_enable_x64", True)

STEPS, DT, SIGMA = 1000, 0.01, 0.5
BY_HAND, DIFFRAX = "lax.scan by hand", "diffrax, virtual Brownian tree"


def model() -> ude.SDE:
    return ude.SDE(
        lambda t, s, p, net: {"x": s.x - s.x**3 + net.force(s.x, np.cos(t))},
        lambda t, s: {"x": SIGMA},
        ["x"],
        networks={"force": ude.nn.MLP(2, 1, (16,))},
    )


def ours(paths: int) -> tuple[LossProgram, np.ndarray, np.ndarray]:
    """Mean square of the last states, θ, and the noise (paths, steps, 1)."""
    made = model()
    noise = increments(0, 0, (paths, STEPS, 1), DT)
    u = variable("u", (1,))
    data = {"start": np.ones((paths, 1)), "t": np.zeros(paths), "w": noise}
    step = stochastic_step(made, scheme_of(made, "euler_maruyama"), DT)
    rollout = Rollout("paths", step, Graph([u], {"x": u}), data, DT, STEPS, STEPS)
    last: Any = variable("paths.x", (paths, 1, 1))
    loss = Graph((last, made.layout.variable()), {"square": np.mean(last * last)})
    return LossProgram((rollout,), loss, {"square": 1.0}), made.initial_theta(0), noise


def drift(t: Any, x: Any, theta: Any) -> Any:
    """The same of one path (), θ in our layout: weights (16, 2), biases, weights (1, 16), bias."""
    hidden = jnp.tanh(theta[:32].reshape(16, 2) @ jnp.stack([x, jnp.cos(t)]) + theta[32:48])
    return x - x**3 + theta[48:64] @ hidden + theta[64]


def by_hand(theta: np.ndarray, noise: np.ndarray) -> Callable[[], Any]:
    rows, times = jnp.asarray(noise[:, :, 0].T), DT * jnp.arange(STEPS)

    def loss(theta: Any) -> Any:
        def step(x: Any, given: Any) -> tuple[Any, None]:
            t, dw = given
            return x + DT * jax.vmap(drift, (None, 0, None))(t, x, theta) + SIGMA * dw, None

        x, _ = jax.lax.scan(step, jnp.ones(rows.shape[1]), (times, rows))
        return jnp.mean(x * x)

    compiled = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(compiled(jnp.asarray(theta)))


def by_diffrax(theta: np.ndarray, paths: int) -> Callable[[], Any]:
    keys = jax.random.split(jax.random.PRNGKey(0), paths)

    def loss(theta: Any) -> Any:
        def solve(key: Any) -> Any:
            tree = diffrax.VirtualBrownianTree(0.0, STEPS * DT, tol=DT / 2, shape=(), key=key)
            terms = diffrax.MultiTerm(diffrax.ODETerm(drift), diffrax.ControlTerm(lambda t, x, theta: SIGMA, tree))
            return diffrax.diffeqsolve(
                terms, diffrax.Euler(), 0.0, STEPS * DT, DT, jnp.asarray(1.0), theta, max_steps=STEPS + 1
            ).ys[0]  # type: ignore[index]

        x = jax.vmap(solve)(keys)
        return jnp.mean(x * x)

    compiled = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(compiled(jnp.asarray(theta)))


def main() -> None:
    study = Study.from_command_line(
        __file__, __doc__, quick={"rounds": 5, "paths": 1000}, full={"rounds": 20, "paths": 1000}
    )
    for unit in study.units(case=["value", "value and gradient"]):
        field, (program, theta, noise) = Field(), ours(study.settings["paths"])
        both = unit["case"] != "value"
        for name in available():
            engine = get_engine(name)
            ask = engine.value_and_gradient if both else engine.value
            field.enter(
                f"unideq/{name}",
                lambda ask=ask, program=program, theta=theta: lambda: ask(program, theta),
                lambda found, both=both: {"found": found.gradient if both else np.atleast_1d(found.total)},
            )
        if both:
            paths = study.settings["paths"]
            field.enter(
                DIFFRAX, lambda theta=theta, paths=paths: by_diffrax(theta, paths), lambda found: {"found": None}
            )
            field.enter(BY_HAND, lambda theta=theta, noise=noise: by_hand(theta, noise),
                        lambda found: {"found": np.asarray(found[1])})  # fmt: skip
        first = DIFFRAX if both else f"unideq/{available()[0]}"
        rows = field.race(study.settings["rounds"], first, sample_seconds=0.2)
        wanted = field.entrants[BY_HAND if both else first].facts["found"]
        for name, row in rows.items():
            found = field.entrants[name].facts["found"]
            study.record(
                peer=name, **row, difference=None if found is None else relative_error(found, wanted), note=None
            )
        for name, why in field.absent.items():
            study.record(peer=name, note=why)
    headline = {
        f"{row['peer']} over diffrax": row["ratio"]
        for row in study.rows_where(case="value and gradient", note=None)
        if row["peer"] != DIFFRAX
    }
    study.finish(headline=headline | {"peers": versions_of()})


if __name__ == "__main__":
    main()
