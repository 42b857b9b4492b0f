"""Residuals of the Helmholtz equation and their loss's gradient as JAX programmers write them, in several ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import jet

SCALE = np.sqrt(3.0)
"""Coordinates of the box [−1, 1]² are divided by their standard deviation before they enter the network."""

Weights = Mapping[str, jax.Array]
Network = Callable[[Weights, jax.Array], jax.Array]


def dense(p: Weights, name: str, x: jax.Array) -> jax.Array:
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def layers(p: Weights) -> int:
    return sum(name.startswith("layer_") and name.endswith(".weight") for name in p)


def mlp(p: Weights, x: jax.Array) -> jax.Array:
    last = layers(p)
    for k in range(1, last):
        x = jnp.tanh(dense(p, f"layer_{k}", x))
    return dense(p, f"layer_{last}", x)[..., 0]


def modified_mlp(p: Weights, x: jax.Array) -> jax.Array:
    u, v, last = jnp.tanh(dense(p, "encoder_u", x)), jnp.tanh(dense(p, "encoder_v", x)), layers(p)
    for k in range(1, last):
        z = jnp.tanh(dense(p, f"layer_{k}", x if k == 1 else h))  # noqa: F821 (bound in the turn before)
        h = z if k == 1 else u + z * (v - u)
    return dense(p, f"layer_{last}", h)[..., 0]


NETWORKS: dict[str, Network] = {"MLP": mlp, "ModifiedMLP": modified_mlp}


def field(network: Network) -> Callable[[Weights, jax.Array, jax.Array], jax.Array]:
    return lambda p, x, y: network(p, SCALE * jnp.stack([x, y], axis=-1))


# ---- Δu + k² u at all points, k = 1 ---------------------------------------------------------------------------------


def along(f: Callable[[jax.Array], jax.Array], x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """f and f″ by forward over forward mode; they share the value."""
    one = jnp.ones_like(x)
    (value, _), (_, second) = jax.jvp(lambda s: jax.jvp(f, (s,), (one,)), (x,), (one,))
    return value, second


def nested_point_by_point(network: Network) -> Callable[..., jax.Array]:
    whole = nested(network)
    return lambda p, x, y: jax.vmap(lambda a, b: whole(p, a, b))(x, y)


def nested(network: Network) -> Callable[..., jax.Array]:
    u = field(network)

    def residual(p: Weights, x: jax.Array, y: jax.Array) -> jax.Array:
        value, u_xx = along(lambda s: u(p, s, y), x)
        _, u_yy = along(lambda s: u(p, x, s), y)
        return u_xx + u_yy + value

    return residual


def taylor(network: Network) -> Callable[..., jax.Array]:
    u = field(network)

    def residual(p: Weights, x: jax.Array, y: jax.Array) -> jax.Array:
        series = ([jnp.ones_like(x), jnp.zeros_like(x)],)
        value, (_, u_xx) = jet.jet(lambda s: u(p, s, y), (x,), series)
        _, (_, u_yy) = jet.jet(lambda s: u(p, x, s), (y,), series)
        return u_xx + u_yy + value

    return residual


def hessian(network: Network) -> Callable[..., jax.Array]:
    u = field(network)

    def residual(p: Weights, x: jax.Array, y: jax.Array) -> jax.Array:
        def at(point: jax.Array) -> jax.Array:
            return jnp.trace(jax.hessian(lambda z: u(p, z[0], z[1]))(point)) + u(p, point[0], point[1])

        return jax.vmap(at)(jnp.stack([x, y], axis=-1))

    return residual


def forward_laplacian(network: Network) -> Callable[..., jax.Array]:
    """Value, slopes and Laplacian through the layers by hand (Li et al. 2023): four arrays a layer, not five."""

    def through(p: Weights, name: str, h: Any) -> Any:
        weight = p[f"{name}.weight"].T
        return (dense(p, name, h[0]), *(part @ weight for part in h[1:]))

    def activated(z: Any) -> Any:
        h = jnp.tanh(z[0])
        slope = 1 - h * h
        bend = -2 * h * slope
        return h, slope * z[1], slope * z[2], slope * z[3] + bend * (z[1] * z[1] + z[2] * z[2])

    def product(a: Any, b: Any) -> Any:
        cross = 2 * (a[1] * b[1] + a[2] * b[2])
        slopes = (a[0] * b[k] + a[k] * b[0] for k in (1, 2))
        return (a[0] * b[0], *slopes, a[0] * b[3] + a[3] * b[0] + cross)

    def residual(p: Weights, x: jax.Array, y: jax.Array) -> jax.Array:
        unit, zero = SCALE * jnp.ones_like(x), jnp.zeros_like(x)
        pairs = (SCALE * x, SCALE * y), (unit, zero), (zero, unit), (zero, zero)
        start = tuple(jnp.stack(pair, axis=-1) for pair in pairs)
        last = layers(p)
        h = activated(through(p, "layer_1", start))
        if network is modified_mlp:
            u, v = (activated(through(p, name, start)) for name in ("encoder_u", "encoder_v"))
            gate = tuple(b - a for a, b in zip(u, v, strict=True))
        for k in range(2, last):
            h = activated(through(p, f"layer_{k}", h))
            if network is modified_mlp:
                h = tuple(a + b for a, b in zip(u, product(h, gate), strict=True))
        value, _, _, laplacian = through(p, f"layer_{last}", h)
        return (laplacian + value)[..., 0]

    return residual


FORMS = {
    "nested jvp, vmap over points": nested_point_by_point,
    "nested jvp of the batch": nested,
    "jet (Taylor mode)": taylor,
    "vmap of jax.hessian": hessian,
    "forward Laplacian by hand": forward_laplacian,
}


def source(x: jax.Array, y: jax.Array) -> jax.Array:
    """Of the solution sin(πx) sin(4πy)."""
    return (1 - 17 * np.pi**2) * jnp.sin(np.pi * x) * jnp.sin(4 * np.pi * y)


def value_and_gradient(
    network: str, form: str, weights: Mapping[str, np.ndarray], points: Mapping[str, Any], wall_weight: float
) -> Callable[[], Any]:
    """A call that gives loss and gradient of ⟨(Δu + u − q)²⟩ + weight ⟨u²⟩, compiled at its first."""
    residual, u = FORMS[form](NETWORKS[network]), field(NETWORKS[network])

    def loss(p: Weights, inside: Any, walls: Any) -> jax.Array:
        r = residual(p, inside["x"], inside["y"]) - source(inside["x"], inside["y"])
        return jnp.mean(r * r) + wall_weight * jnp.mean(u(p, walls["x"], walls["y"]) ** 2)

    compiled = jax.jit(jax.value_and_grad(loss))
    arguments = jax.device_put((dict(weights), dict(points["pde"]), dict(points["walls"])))
    return lambda: compiled(*arguments)
