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


class Robertson(eqx.Module):
    """Robertson's reaction, the second state in units of 1e-5; a 3-8-1 tanh network multiplies the first rate."""

    network: Network

    def __init__(self, theta: np.ndarray) -> None:
        self.network = Network((3, 8, 1), jnp.tanh, theta)

    def __call__(self, t: Any, u: Any, args: Any) -> Any:
        first = 0.04 * u[0] * (1.0 + self.network(u)[0])
        second, third = 3e-3 * u[1] ** 2, 0.1 * u[1] * u[2]
        return jnp.stack([third - first, 1e5 * (first - second - third), second])


class Hires(eqx.Module):
    """HIRES; a 2-8-1 tanh network multiplies the reaction 280 y₆ y₈."""

    network: Network

    def __init__(self, theta: np.ndarray) -> None:
        self.network = Network((2, 8, 1), jnp.tanh, theta)

    def __call__(self, t: Any, u: Any, args: Any) -> Any:
        y1, y2, y3, y4, y5, y6, y7, y8 = u
        bound = 280.0 * y6 * y8 * (1.0 + self.network(jnp.stack([y6, 200.0 * y8]))[0])
        return jnp.stack(
            [
                -1.71 * y1 + 0.43 * y2 + 8.32 * y3 + 0.0007,
                1.71 * y1 - 8.75 * y2,
                -10.03 * y3 + 0.43 * y4 + 0.035 * y5,
                8.32 * y2 + 1.71 * y3 - 1.12 * y4,
                -1.745 * y5 + 0.43 * y6 + 0.43 * y7,
                0.69 * y4 + 1.71 * y5 - 0.43 * y6 + 0.69 * y7 - bound,
                bound - 1.81 * y7,
                1.81 * y7 - bound,
            ]
        )


class Oscillator(eqx.Module):
    """x″ = −x, plus a 2-16-2 tanh network on both derivatives."""

    network: Network

    def __init__(self, theta: np.ndarray) -> None:
        self.network = Network((2, 16, 2), jnp.tanh, theta)

    def __call__(self, t: Any, u: Any, args: Any) -> Any:
        return jnp.stack([u[1], -u[0]]) + self.network(u)


def loss_of(
    field: eqx.Module,
    u0: np.ndarray,
    times: np.ndarray,
    data: np.ndarray,
    tolerance: float,
    max_steps: int,
    *,
    scale: np.ndarray | float = 1.0,
    stiff: bool = False,
) -> Any:
    """`(arrays, loss(arrays, start, target), start, target)`; u0 (n,) or (B, n), data (K, n) or (B, K, n).

    Misfits are divided by `scale` (n,). Stiff problems take Kvaerno5 with the controller that diffrax advises for them.
    """
    solver = diffrax.Kvaerno5() if stiff else diffrax.Tsit5()
    coefficients = {"pcoeff": 0.3, "icoeff": 0.4} if stiff else {}
    arrays, static = eqx.partition(field, eqx.is_array)
    grid = jnp.asarray(times)

    def solve(module: Any, initial: Any) -> Any:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, u, module: module(t, u, None)),
            solver,
            grid[0],
            grid[-1],
            None,
            initial,
            module,
            saveat=diffrax.SaveAt(ts=grid),
            stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance, **coefficients),
            max_steps=max_steps,
        )
        return solution.ys

    def loss(arrays: Any, start: Any, target: Any) -> Any:
        module = eqx.combine(arrays, static)
        found = solve(module, start) if start.ndim == 1 else jax.vmap(lambda one: solve(module, one))(start)
        return jnp.mean(((found - target) / scale) ** 2, axis=tuple(range(found.ndim - 1))).sum()

    return arrays, loss, jnp.asarray(u0), jnp.asarray(data)


def value_and_gradient(*problem: Any, **settings: Any) -> Callable[[], Any]:
    """A call without arguments that gives loss and gradient of `loss_of(*problem, **settings)`."""
    arrays, loss, start, target = loss_of(*problem, **settings)
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


def compiled_training(iterations: int, rate: float, *problem: Any) -> Callable[[], Any]:
    """The same Adam steps as one compiled loop: what an expert writes where nothing has to be seen in between."""
    arrays, loss, start, target = loss_of(*problem)
    optimizer = optax.adam(rate)

    @jax.jit
    def run(arrays: Any, start: Any, target: Any) -> Any:
        def step(carry: Any, _: Any) -> Any:
            arrays, state = carry
            value, gradient = jax.value_and_grad(loss)(arrays, start, target)
            updates, state = optimizer.update(gradient, state)
            return (eqx.apply_updates(arrays, updates), state), value

        return jax.lax.scan(step, (arrays, optimizer.init(arrays)), None, iterations)[1]

    return lambda: run(arrays, start, target)
