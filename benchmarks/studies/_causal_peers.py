"""Part of the study of causal rankings: an LSTM on JAX that is trained on the same series and the same rankings."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Recurrent(eqx.Module):
    """y(t) from y(0) and the inputs so far: an LSTM over the times, whose state begins as a linear map of y(0)."""

    begin: eqx.nn.Linear
    cell: eqx.nn.LSTMCell
    out: eqx.nn.Linear

    def __init__(self, width: int, key: jax.Array) -> None:
        keys = jax.random.split(key, 3)
        self.begin = eqx.nn.Linear(1, 2 * width, key=keys[0])
        self.cell = eqx.nn.LSTMCell(2, width, key=keys[1])
        self.out = eqx.nn.Linear(width, 1, key=keys[2])

    def __call__(self, first: jax.Array, inputs: jax.Array) -> jax.Array:
        """y (K,) from y(0) () and the inputs (K, 2)."""

        def step(state, x):
            state = self.cell(x, state)
            return state, self.out(state[0])[0]

        hidden, memory = jnp.split(self.begin(first[None]), 2)
        return jax.lax.scan(step, (jnp.tanh(hidden), memory), inputs)[1]


def train_lstm(
    y: np.ndarray,
    inputs: np.ndarray,
    alternatives: np.ndarray,
    best: np.ndarray,
    weight: float,
    sharpness: float,
    settings: dict[str, Any],
    seed: int,
) -> Any:
    """A function (y(0) (B,), inputs (B, K, 2)) → y (B, K).

    Parameters
    ----------
    y, inputs
        Training series (B, K) and (B, K, 2).
    alternatives
        Inputs under the two interventions of each (B, 2, K, 2).
    best
        Which of the two is believed to have the larger effect (B,).
    weight, sharpness
        Of the cross-entropy, and of its logits, in units of y's standard deviation.
    """
    jax.config.update("jax_enable_x64", True)
    size = float(y.std())
    scaled = jnp.asarray(y / size)
    model = Recurrent(settings["lstm_width"], jax.random.key(seed))
    arrays, static = eqx.partition(model, eqx.is_array)
    total = settings["lstm_iterations"]
    rule = optax.adam(optax.cosine_decay_schedule(settings["lstm_rate"], total, 0.01))

    def loss(arrays, y, inputs, alternatives, best):
        run = jax.vmap(eqx.combine(arrays, static))
        error = jnp.mean((run(y[:, 0], inputs) - y) ** 2)
        if weight == 0.0:
            return error
        under = [run(y[:, 0], alternatives[:, k]).mean(axis=1) for k in range(2)]
        logits = sharpness * jnp.stack(under, axis=1)
        return error + weight * optax.softmax_cross_entropy_with_integer_labels(logits, best).mean()

    @jax.jit
    def turn(arrays, state, rows):
        found = jax.grad(loss)(arrays, scaled[rows], inputs[rows], alternatives[rows], best[rows])
        change, state = rule.update(found, state)
        return optax.apply_updates(arrays, change), state

    inputs, alternatives, best = jnp.asarray(inputs), jnp.asarray(alternatives), jnp.asarray(best)
    batch = min(settings["batch"], len(y))
    draw = np.random.default_rng(seed)
    state = rule.init(arrays)
    for _ in range(total):
        arrays, state = turn(arrays, state, draw.choice(len(y), batch, replace=False))
    run = jax.jit(jax.vmap(eqx.combine(arrays, static)))
    return lambda first, inputs: size * np.asarray(run(jnp.asarray(first) / size, jnp.asarray(inputs)))
