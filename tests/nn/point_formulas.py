"""The equations of networks that act on points, written once more, one point at a time, for NumPy or JAX."""

from __future__ import annotations

from typing import Any

import numpy as np

from unideq.graph import Graph, variable
from unideq.nn import MLP, FourierFeatures, ModifiedMLP, Network, PirateNet

CURVES = {
    "tanh": lambda x, xp: xp.tanh(x),
    "sin": lambda x, xp: xp.sin(x),
    "swish": lambda x, xp: x * 0.5 * (1.0 + xp.tanh(0.5 * x)),
    "rbf": lambda x, xp: xp.exp(-x * x),
    "softplus": lambda x, xp: xp.log1p(xp.exp(x)),
    "identity": lambda x, xp: x,
}


def formula(network: Any, w: dict[str, Any], x: Any, xp: Any = np) -> Any:
    """Outputs (m,) at one point x (n,)."""
    if isinstance(network, FourierFeatures):
        phase = w["frequencies"] @ x
        return formula(network.network, w, xp.concatenate([xp.cos(phase), xp.sin(phase)]), xp)
    x = (x - np.asarray(network.input_shift)) / np.asarray(network.input_scale)
    y = BODIES[type(network)](network, w, x, xp)
    y = CURVES[network.output_activation](y, xp)
    return np.asarray(network.output_scale) * y + np.asarray(network.output_shift)


def affine(w: dict[str, Any], layer: str, x: Any, xp: Any) -> Any:
    if f"{layer}.scale" in w:
        return xp.diag(xp.exp(w[f"{layer}.scale"])) @ w[f"{layer}.direction"] @ x + w[f"{layer}.bias"]
    return w[f"{layer}.weight"] @ x + w[f"{layer}.bias"]


def mlp(net: MLP, w: dict[str, Any], x: Any, xp: Any) -> Any:
    for k in range(1, len(net.hidden) + 1):
        x = CURVES[net.activation](affine(w, f"layer_{k}", x, xp), xp)
    return affine(w, f"layer_{len(net.hidden) + 1}", x, xp)


def modified_mlp(net: ModifiedMLP, w: dict[str, Any], x: Any, xp: Any) -> Any:
    def phi(layer: str, value: Any) -> Any:
        return CURVES[net.activation](affine(w, layer, value, xp), xp)

    u, v = phi("encoder_u", x), phi("encoder_v", x)
    h = x if net.gate_first else phi("layer_1", x)
    for k in range(1 if net.gate_first else 2, len(net.hidden) + 1):
        z = phi(f"layer_{k}", h)
        h = (1 - z) * u + z * v
    return affine(w, f"layer_{len(net.hidden) + 1}", h, xp)


def pirate_net(net: PirateNet, w: dict[str, Any], x: Any, xp: Any) -> Any:
    def phi(layer: str, value: Any) -> Any:
        return CURVES[net.activation](affine(w, layer, value, xp), xp)

    if net.inputs != net.hidden:
        x = phi("embedding", x)
    u, v = phi("encoder_u", x), phi("encoder_v", x)
    for k in range(1, net.blocks + 1):
        f = phi(f"block_{k}.layer_1", x)
        z1 = f * u + (1 - f) * v
        g = phi(f"block_{k}.layer_2", z1)
        z2 = g * u + (1 - g) * v
        h = phi(f"block_{k}.layer_3", z2)
        alpha = w[f"block_{k}.alpha"]
        x = alpha * h + (1 - alpha) * x
    return affine(w, "output", x, xp)


BODIES = {MLP: mlp, ModifiedMLP: modified_mlp, PirateNet: pirate_net}


def random_weights(network: Network, seed: int = 0) -> dict[str, np.ndarray]:
    """Of every weight, those included that start at zero."""
    rng = np.random.default_rng(seed)
    return {name: 0.7 * rng.normal(size=shape) for name, shape in network.weight_shapes().items()}


def expanded(network: Network, weights: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """The network's graph, evaluated with NumPy at x (n,) or (M, n)."""
    inputs = {n: variable(n, np.shape(w)) for n, w in weights.items()}
    symbol = variable("x", np.shape(x))
    graph = Graph((symbol, *inputs.values()), {"y": network.expand(inputs, symbol)})
    return graph.evaluate({"x": x, **weights})["y"]
