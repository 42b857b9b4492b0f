"""The peer of the gradient benchmarks: the same models as a practised user of diffrax and equinox would write them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

jax.config.update("jax_enable_x64", True)


class Network(eqx.Module):
    """Dense layers; the same weights as ours, taken from the flat vector."""

    layers: list[eqx.nn.Linear]
    activation: Callable[[Any], Any] = eqx.field(static=True)

    def __init__(self, widths: tuple[int, ...], activation: Callable[[Any], Any], flat: np.ndarray) -> None:
        self.activation = activation
        self.layers = []
        start = 0
        for n_in, n_out in pairwise(widths):
            weight = flat[start : start + n_in * n_out].reshape(n_out, n_in)
            bias = flat[start + n_in * n_out : start + n_in * n_out + n_out]
            start += n_in * n_out + n_out
            layer = eqx.nn.Linear(n_in, n_out, key=jax.random.PRNGKey(0))
            values = (jnp.asarray(weight), jnp.asarray(bias))
            self.layers.append(eqx.tree_at(lambda one: (one.weight, one.bias), layer, values))

    def __call__(self, x: Any) -> Any:
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


class LotkaVolterra(eqx.Module):
    """Growth and death known, the rest a 2-5-5-5-2 network with exp(−x²)."""

    growth: jax.Array
    death: jax.Array
    network: Network

    def __init__(self, theta: np.ndarray) -> None:
        self.growth, self.death = jnp.asarray(theta[0]), jnp.asarray(theta[1])
        self.network = Network((2, 5, 5, 5, 2), lambda x: jnp.exp(-x * x), theta[2:])

    def __call__(self, t: Any, u: Any, args: Any) -> Any:
        learned = self.network(u)
        return jnp.stack([self.growth * u[0] + learned[0], learned[1] - self.death * u[1]])


class Spiral(eqx.Module):
    """Neural ODE: a 2-50-2 tanh network of u³."""

    network: Network

    def __init__(self, theta: np.ndarray) -> None:
        self.network = Network((2, 50, 2), jnp.tanh, theta)

    def __call__(self, t: Any, u: Any, args: Any) -> Any:
        return self.network(u**3)


class Oscillator(eqx.Module):
    """x″ = −x, plus a 2-16-2 tanh network on both derivatives."""

    network: Network

    def __init__(self, theta: np.ndarray) -> None:
        self.network = Network((2, 16, 2), jnp.tanh, theta)

    def __call__(self, t: Any, u: Any, args: Any) -> Any:
        return jnp.stack([u[1], -u[0]]) + self.network(u)


def loss_of(
    field: eqx.Module, u0: np.ndarray, times: np.ndarray, data: np.ndarray, tolerance: float, max_steps: int
) -> Any:
    """`(arrays, loss(arrays, start, target), start, target)`; u0 (n,) or (B, n), data (K, n) or (B, K, n)."""
    arrays, static = eqx.partition(field, eqx.is_array)
    grid = jnp.asarray(times)

    def solve(module: Any, initial: Any) -> Any:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, u, module: module(t, u, None)),
            diffrax.Tsit5(),
            grid[0],
            grid[-1],
            None,
            initial,
            module,
            saveat=diffrax.SaveAt(ts=grid),
            stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
            max_steps=max_steps,
        )
        return solution.ys

    def loss(arrays: Any, start: Any, target: Any) -> Any:
        module = eqx.combine(arrays, static)
        found = solve(module, start) if start.ndim == 1 else jax.vmap(lambda one: solve(module, one))(start)
        return jnp.mean((found - target) ** 2, axis=tuple(range(found.ndim - 1))).sum()

    return arrays, loss, jnp.asarray(u0), jnp.asarray(data)


def value_and_gradient(*problem: Any) -> Callable[[], Any]:
    """A call without arguments that gives loss and gradient of `loss_of(*problem)`."""
    arrays, loss, start, target = loss_of(*problem)
    compiled = jax.jit(jax.value_and_grad(loss))
    return lambda: compiled(arrays, start, target)


def training(iterations: int, *problem: Any) -> Callable[[], Any]:
    """A call without arguments that makes so many Adam steps, compiled step by step as the libraries' examples do."""
    arrays, loss, start, target = loss_of(*problem)
    optimizer = optax.adam(1e-3)

    @jax.jit
    def step(arrays: Any, state: Any, start: Any, target: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(arrays, start, target)
        updates, state = optimizer.update(gradient, state)
        return eqx.apply_updates(arrays, updates), state, value

    def run() -> Any:
        current, state, value = arrays, optimizer.init(arrays), None
        for _ in range(iterations):
            current, state, value = step(current, state, start, target)
        return value

    return run
