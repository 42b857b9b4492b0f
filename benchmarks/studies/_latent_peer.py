"""Part of a study: a latent ODE as one writes it by hand with equinox, diffrax and optax, of the size of ours."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

__all__ = ["Peer"]


class Peer:
    """The same data, sizes, loss, solver and optimiser; the encoder scans a GRU over a series' rows, backwards.

    Parameters
    ----------
    rows, times, values
        What is read (series, K, features), times (series, K), and the values that are compared (series, K).
    size
        `latent`, `hidden`, `units`: as in the study's settings.
    sigma
        Standard deviation of the noise.
    """

    def __init__(
        self, rows: np.ndarray, times: np.ndarray, values: np.ndarray, size: dict[str, int], sigma: float, rtol: float,
        seed: int,
    ) -> None:  # fmt: skip
        import diffrax
        import equinox as eqx
        import jax
        import jax.numpy as jnp
        import optax

        jax.config.update("jax_enable_x64", True)
        self.data = [np.asarray(a) for a in (rows, times, values)]
        keys = jax.random.split(jax.random.PRNGKey(seed), 4)
        latent, hidden, units = size["latent"], size["hidden"], size["units"]
        field = eqx.nn.MLP(latent, latent, hidden, 1, jnp.tanh, key=keys[0])
        shown = eqx.nn.MLP(latent, 1, hidden, 1, jnp.tanh, key=keys[1])
        cell = eqx.nn.GRUCell(rows.shape[-1], units, key=keys[2])
        head = eqx.nn.Linear(units, 2 * latent, key=keys[3])
        head = eqx.tree_at(lambda h: h.weight, head, 0.1 * head.weight)
        self.model: Any = (field, shown, cell, head)
        controller = diffrax.PIDController(rtol=rtol, atol=rtol)

        def code(model: Any, rows: Any) -> Any:
            _, _, cell, head = model

            def read(memory: Any, row: Any) -> Any:
                return jnp.where(row[-1] > 0, cell(row, memory), memory), None

            memory, _ = jax.lax.scan(read, jnp.zeros(units), rows)
            return jnp.split(head(memory), 2)

        def shows(model: Any, start: Any, times: Any) -> Any:
            field, shown, _, _ = model
            solution = diffrax.diffeqsolve(
                diffrax.ODETerm(lambda t, z, args: field(z)), diffrax.Tsit5(), 0.0, times[-1], None, start,
                saveat=diffrax.SaveAt(ts=times), stepsize_controller=controller,
            )  # fmt: skip
            return jax.vmap(shown)(solution.ys)[:, 0]

        def loss(model: Any, rows: Any, times: Any, values: Any, noise: Any) -> Any:
            mean, spread = jax.vmap(lambda r: code(model, r))(rows)
            start = mean + jnp.exp(spread) * noise
            predicted = jax.vmap(lambda s, t: shows(model, s, t))(start, times)
            misfit = jnp.mean(0.5 * ((predicted - values) / sigma) ** 2)
            divergence = 0.5 * jnp.sum(jnp.exp(2 * spread) + mean**2 - 1 - 2 * spread)
            return misfit + divergence / values.size

        def prepared(rate: float) -> tuple[Any, Any]:
            optimiser = optax.adam(rate)

            @eqx.filter_jit
            def step(model: Any, state: Any, *batch: Any) -> Any:
                gradient = eqx.filter_grad(loss)(model, *batch)
                updates, state = optimiser.update(gradient, state)
                return eqx.apply_updates(model, updates), state

            return step, optimiser.init(eqx.filter(self.model, eqx.is_array))

        self._prepared = prepared
        self._predict = eqx.filter_jit(
            lambda model, rows, times: jax.vmap(lambda r, t: shows(model, code(model, r)[0], t))(rows, times)
        )
        self._latent, self._rng = latent, np.random.default_rng(seed)
        self.step: Any = None
        self.state: Any = None
        self._order = np.zeros(0, int)

    def train(self, iterations: int, batch: int, rate: float) -> float:
        """Processor time (s) of so many further steps of Adam; the first call compiles besides."""
        import jax

        if self.step is None:
            self.step, self.state = self._prepared(rate)
        began = time.process_time()
        for _ in range(iterations):
            if len(self._order) < batch:
                self._order = self._rng.permutation(len(self.data[0]))
            chosen, self._order = self._order[:batch], self._order[batch:]
            noise = self._rng.standard_normal((batch, self._latent))
            self.model, self.state = self.step(self.model, self.state, *(a[chosen] for a in self.data), noise)
        jax.block_until_ready(self.model[3].weight)
        return time.process_time() - began

    def predict(self, rows: np.ndarray, times: np.ndarray) -> np.ndarray:
        """What series show at other times (series, K)."""
        return np.asarray(self._predict(self.model, rows, times))
