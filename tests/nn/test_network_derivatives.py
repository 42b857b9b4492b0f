"""Derivatives of networks in their inputs to order 4: against JAX's, against analytic ones, and how large they get."""

from __future__ import annotations

from collections import Counter
from math import comb
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unideq.graph import Graph, pullback, variable
from unideq.graph.expression import constant
from unideq.graph.graph import topological
from unideq.nn import MLP, FourierFeatures, ModifiedMLP, Network, PirateNet
from unideq.residual import d

from .point_formulas import formula, random_weights

pytestmark = pytest.mark.usefixtures("double_precision")

ORDERS = [(0, 1), (1, 1), (2, 0), (3, 0), (4, 0), (2, 2)]
NETWORKS = [
    MLP(2, 2, hidden=(5, 4), input_shift=0.3, input_scale=(2.0, 0.5), output_scale=3.0),
    MLP(2, 1, hidden=(4, 4), activation="swish", factorised=True),
    ModifiedMLP(2, 1, hidden=(4, 4, 4)),
    ModifiedMLP(2, 1, hidden=(3, 3), activation="sin", gate_first=True, factorised=True),
    PirateNet(2, 1, hidden=3, blocks=1, factorised=True),
    FourierFeatures(MLP(6, 1, hidden=(5,)), inputs=2),
    FourierFeatures(ModifiedMLP(6, 1, hidden=(4, 4), output_activation="softplus"), inputs=2),
    FourierFeatures(PirateNet(4, 1, hidden=4, blocks=1), inputs=2),
]


def expansion(network: Network) -> tuple[list[Any], dict[str, Any], Any]:
    """The coordinates, the weights, and the sum of outputs as expressions in them."""
    at = [variable(f"x{k}") for k in range(network.inputs)]
    weights = {n: variable(n, s) for n, s in network.weight_shapes().items()}
    outputs: Any = network.expand(weights, np.stack(at))  # type: ignore[call-overload]
    return at, weights, np.sum(outputs)


def differentiated(value: Any, at: list[Any], orders: tuple[int, ...]) -> Any:
    for coordinate, order in zip(at, orders, strict=True):
        value = d(value, coordinate, order) if order else value
    return value


def in_jax(network: Network, orders: tuple[int, ...]) -> Any:
    """The same with JAX: nested forward mode of the formula."""

    def along(f: Any, direction: np.ndarray) -> Any:
        return lambda w, x: jax.jvp(lambda y: f(w, y), (x,), (jnp.asarray(direction),))[1]

    def f(w: Any, x: Any) -> Any:
        return jnp.sum(formula(network, w, x, jnp))

    for k, order in enumerate(orders):
        for _ in range(order):
            f = along(f, np.eye(len(orders))[k])
    return f


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_derivatives_to_order_four_equal_jax(network):
    at, inputs, value = expansion(network)
    outputs = {str(o): differentiated(value, at, o) for o in ORDERS}
    graph = Graph((*at, *inputs.values()), outputs)
    weights, x = random_weights(network, 3), np.array([0.3, -0.6])
    found = graph.evaluate({**dict(zip(("x0", "x1"), x, strict=True)), **weights})
    given = {n: jnp.asarray(w) for n, w in weights.items()}
    expected = jax.jit(lambda w, y: {str(o): in_jax(network, o)(w, y) for o in ORDERS})(given, x)
    size = max(abs(float(v)) for v in expected.values())
    for name, ours in found.items():
        np.testing.assert_allclose(ours, expected[name], rtol=1e-9, atol=1e-12 * size, err_msg=name)


SMALL = [
    ModifiedMLP(2, 1, hidden=(4, 4)),
    FourierFeatures(PirateNet(4, 1, hidden=4, blocks=1, factorised=True), inputs=2),
]


@pytest.mark.parametrize("network", SMALL, ids=repr)
def test_weight_gradients_of_a_laplacian_equal_jax(network):
    at, inputs, value = expansion(network)
    residual: Any = d(value, at[0], 2) + d(value, at[1], 2)
    parts = pullback([residual * residual], [constant(1.0)], list(inputs.values()))
    graph = Graph((*at, *inputs.values()), dict(zip(inputs, parts, strict=True)))
    weights, x = random_weights(network, 4), np.array([0.2, 0.5])
    found = graph.evaluate({**dict(zip(("x0", "x1"), x, strict=True)), **weights})
    given = {n: jnp.asarray(w) for n, w in weights.items()}
    loss = lambda w: (in_jax(network, (2, 0))(w, x) + in_jax(network, (0, 2))(w, x)) ** 2  # noqa: E731
    expected = jax.jit(jax.grad(loss))(given)
    size = max(float(jnp.abs(v).max()) for v in expected.values())
    for name, ours in found.items():
        np.testing.assert_allclose(ours, expected[name], rtol=1e-9, atol=1e-12 * size, err_msg=name)


# ---- one unit, by hand --------------------------------------------------------------------------------------------


def tanh_derivatives(slope: float, offset: float, x: float) -> list[float]:
    """Derivatives 0 to 4 of tanh(slope·x + offset)."""
    t = np.tanh(slope * x + offset)
    s = 1 - t * t
    plain = [t, s, -2 * t * s, s * (6 * t * t - 2), s * (16 * t - 24 * t**3)]
    return [slope**k * v for k, v in enumerate(plain)]


def product(a: list[float], b: list[float]) -> list[float]:
    """Leibniz' rule."""
    return [sum(comb(n, k) * a[k] * b[n - k] for k in range(n + 1)) for n in range(len(a))]


def derivatives(network: Network, weights: dict[str, Any], x: float) -> list[float]:
    at, inputs, value = expansion(network)
    outputs = {str(k): differentiated(value, at, (k,)) for k in range(5)}
    given = {n: np.reshape(weights[n], s) for n, s in network.weight_shapes().items()}
    found = Graph((*at, *inputs.values()), outputs).evaluate({"x0": np.asarray(x), **given})
    return [float(found[str(k)]) for k in range(5)]


def test_one_unit_of_a_plain_network():
    weights = {"layer_1.weight": 1.7, "layer_1.bias": 0.4, "layer_2.weight": -2.5, "layer_2.bias": 1.0}
    expected = [-2.5 * v for v in tanh_derivatives(1.7, 0.4, 0.3)]
    expected[0] += 1.0
    np.testing.assert_allclose(derivatives(MLP(1, 1, hidden=(1,)), weights, 0.3), expected, rtol=1e-13)


def test_one_gate_of_a_modified_network():
    slopes = {"encoder_u": (1.1, 0.2), "encoder_v": (-0.7, 0.5), "layer_1": (2.0, -0.3)}
    weights = {f"{n}.{p}": v for n, pair in slopes.items() for p, v in zip(("weight", "bias"), pair, strict=True)}
    weights |= {"layer_2.weight": 3.0, "layer_2.bias": 0.0}
    u, v, z = (tanh_derivatives(*pair, 0.3) for pair in slopes.values())
    one_less = [1 - z[0], *(-k for k in z[1:])]
    expected = 3.0 * (np.array(product(one_less, u)) + np.array(product(z, v)))
    found = derivatives(ModifiedMLP(1, 1, hidden=(1,), gate_first=True), weights, 0.3)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_one_frequency_of_fourier_features():
    network = FourierFeatures(MLP(2, 1, hidden=()), inputs=1)
    weights = {"frequencies": 2.5, "layer_1.weight": [3.0, -1.0], "layer_1.bias": 0.0}
    c, s, b = np.cos(2.5 * 0.3), np.sin(2.5 * 0.3), 2.5
    expected = [3 * c - s, b * (-3 * s - c), b**2 * (-3 * c + s), b**3 * (3 * s + c), b**4 * (3 * c - s)]
    np.testing.assert_allclose(derivatives(network, weights, 0.3), expected, rtol=1e-13)


def test_a_fresh_pirate_net_of_one_unit_differentiates_as_its_embedding():
    network = PirateNet(2, 1, hidden=1, blocks=3)
    weights = random_weights(network, 5) | {f"block_{k}.alpha": np.array(0.0) for k in (1, 2, 3)}
    at, inputs, value = expansion(network)
    graph = Graph((*at, *inputs.values()), {str(k): differentiated(value, at, (k, 0)) for k in range(1, 5)})
    found = graph.evaluate({"x0": np.asarray(0.3), "x1": np.asarray(-0.2), **weights})
    slope, other = weights["embedding.weight"][0]
    inner = tanh_derivatives(slope, -0.2 * other + weights["embedding.bias"][0], 0.3)
    expected = [weights["output.weight"][0, 0] * v for v in inner[1:]]
    np.testing.assert_allclose([found[str(k)] for k in range(1, 5)], expected, rtol=1e-12)


# ---- how large the graphs get -------------------------------------------------------------------------------------


def counted(network: Network, orders: list[tuple[int, int]]) -> Counter[str]:
    """Nodes by operation; `elementwise` counts those as wide as a layer."""
    at, _, value = expansion(network)
    nodes = topological([differentiated(value, at, o) for o in orders])
    elementwise = {"add", "subtract", "multiply", "negative", "tanh"}
    wide = sum(n.operation in elementwise and n.size > 1 for n in nodes)
    return Counter(n.operation for n in nodes) + Counter({"elementwise": wide})


LAPLACIAN = [(2, 0), (0, 2)]


@pytest.mark.parametrize(
    ("network", "products", "elementwise"),
    [
        # One product a layer for each of u (5), u_x and u_y (5 + 5), u_xx and u_yy (5 + 5, none for the first layer).
        (MLP(2, 1, (50,) * 5), 25, 76),
        # The encoders' values and constant slopes on top.
        (ModifiedMLP(2, 1, (50,) * 5), 31, 191),
        (ModifiedMLP(2, 1, (50,) * 5, gate_first=True), 31, 215),
    ],
    ids=["MLP", "ModifiedMLP", "all gated"],
)
def test_a_laplacian_multiplies_matrices_once_a_layer_and_derivative(network, products, elementwise):
    found = counted(network, LAPLACIAN)
    assert found["matmul"] == products
    assert found["tanh"] == len(network.hidden) + (2 if isinstance(network, ModifiedMLP) else 0)
    assert found["elementwise"] <= elementwise


def test_a_fourth_derivative_costs_no_more_than_seven_first_ones():
    # Four hidden layers: products grow linearly with the order, elementwise operations quadratically, not like 2^order.
    found = [counted(MLP(2, 1, (50,) * 4), [(k, 0)]) for k in range(1, 5)]
    assert [f["matmul"] for f in found] == [9, 12, 15, 18]
    assert all(f["elementwise"] <= bound for f, bound in zip(found, (20, 38, 73, 128), strict=True))
