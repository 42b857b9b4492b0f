"""Derivatives of whole graphs, first and higher, against formulas on paper."""

from __future__ import annotations

from time import process_time

import numpy as np
import pytest

from unideq.errors import OptionError
from unideq.graph import Graph, apply, gradient, jvp, pullback, pushforward, variable, vjp

x = variable("x")
u = variable("u", (3,))
A = np.array([[2.0, -1.0, 0.5], [0.0, 1.5, 1.0], [1.0, 0.0, -2.0]])
POINT = np.array([0.3, -0.7, 1.1])


def nth(function, order: int):
    """The graph of the n-th derivative of a scalar function, reverse mode on reverse mode."""
    y = function(x)
    for _ in range(order):
        (y,) = gradient(y, [x])
    return Graph((x,), {"y": y})


@pytest.mark.parametrize("order", range(6))
def test_derivatives_of_the_sine_go_round(order: int):
    expected = np.sin(0.7 + order * np.pi / 2)
    np.testing.assert_allclose(nth(np.sin, order).evaluate({"x": 0.7})["y"], expected, rtol=1e-14)


@pytest.mark.parametrize("order", range(1, 6))
def test_derivatives_of_the_logarithm(order: int):
    expected = (-1.0) ** (order - 1) * float(np.prod(np.arange(1, order))) / 0.7**order
    np.testing.assert_allclose(nth(np.log, order).evaluate({"x": 0.7})["y"], expected, rtol=1e-13)


def test_derivatives_of_a_power_end_in_zero():
    orders = [nth(lambda x: x**4, k) for k in range(6)]
    found = [float(graph.evaluate({"x": 1.5})["y"]) for graph in orders]
    np.testing.assert_allclose(found, [1.5**4, 4 * 1.5**3, 12 * 1.5**2, 24 * 1.5, 24.0, 0.0], rtol=1e-15)
    assert orders[5].operation_count == 0


def test_second_derivative_of_the_hyperbolic_tangent():
    y = np.tanh(0.4)
    np.testing.assert_allclose(nth(np.tanh, 2).evaluate({"x": 0.4})["y"], -2 * y * (1 - y**2), rtol=1e-14)


def test_hessian_of_a_quadratic_form_is_its_symmetric_matrix():
    graph = Graph((u,), {"y": u @ A @ u})
    slope = vjp(graph, "u")
    curvature = jvp(slope, "u")
    seeds = {"u": POINT, "cotangent.y": 1.0}
    np.testing.assert_allclose(slope.evaluate(seeds)["u"], (A + A.T) @ POINT, rtol=1e-14)
    columns = [curvature.evaluate({**seeds, "tangent.u": e})["u"] for e in np.eye(3)]
    np.testing.assert_allclose(np.stack(columns, 1), A + A.T, rtol=1e-14)


def test_reverse_over_reverse_is_reverse_over_forward():
    graph = Graph((u,), {"y": np.sum(np.exp(A @ u) * np.sin(u))})
    slope = vjp(graph, "u")
    twice = vjp(slope, "u")
    mixed = jvp(slope, "u")
    assert twice.input_names == ("u", "cotangent.y", "cotangent.u")
    for e in np.eye(3):
        a = twice.evaluate({"u": POINT, "cotangent.y": 1.0, "cotangent.u": e})["u"]
        b = mixed.evaluate({"u": POINT, "cotangent.y": 1.0, "tangent.u": e})["u"]
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_third_composition_gets_fresh_seed_names():
    graph = Graph((x,), {"y": np.sin(x)})
    third = jvp(jvp(jvp(graph, "x"), "x"), "x")
    assert third.input_names == ("x", "tangent.x", "tangent.x.2", "tangent.x.3")
    seeds = {"tangent.x": 1.0, "tangent.x.2": 1.0, "tangent.x.3": 1.0}
    np.testing.assert_allclose(third.evaluate({"x": 0.7, **seeds})["y"], -np.cos(0.7), rtol=1e-14)
    back = vjp(vjp(vjp(graph, "x"), "x"), "x")
    assert back.input_names == ("x", "cotangent.y", "cotangent.x", "cotangent.x.2")
    found = back.evaluate({"x": 0.7, "cotangent.y": 1.0, "cotangent.x": 1.0, "cotangent.x.2": 1.0})["x"]
    np.testing.assert_allclose(found, -np.cos(0.7), rtol=1e-14)


def test_lotka_volterra_jacobian_by_both_modes():
    theta = variable("theta", (4,))
    hare, lynx = variable("u", (2,))
    a, b, c, d = theta
    graph = Graph(
        (variable("u", (2,)), theta), {"du": np.stack([a * hare - b * hare * lynx, c * hare * lynx - d * lynx])}
    )
    h, l, p = 1.3, 0.6, np.array([0.5, 0.02, 0.03, 0.8])
    values = {"u": np.array([h, l]), "theta": p}
    by_u = np.array([[p[0] - p[1] * l, -p[1] * h], [p[2] * l, p[2] * h - p[3]]])
    by_theta = np.array([[h, -h * l, 0, 0], [0, 0, h * l, -l]])
    pulled = vjp(graph, ["u", "theta"])
    for i, c_ in enumerate(np.eye(2)):
        found = pulled.evaluate({**values, "cotangent.du": c_})
        np.testing.assert_allclose(found["u"], by_u[i], rtol=1e-14)
        np.testing.assert_allclose(found["theta"], by_theta[i], rtol=1e-14)
    moved = jvp(graph, ["u", "theta"])
    v, w = np.array([0.3, -1.0]), np.array([1.0, 2.0, 3.0, 4.0])
    found = moved.evaluate({**values, "tangent.u": v, "tangent.theta": w})["du"]
    np.testing.assert_allclose(found, by_u @ v + by_theta @ w, rtol=1e-14)


def test_names_and_shapes_of_derivative_graphs():
    graph = Graph((x, u), {"y": x * u, "z": np.sum(u), "positive": u > 0})
    back = vjp(graph, ["u", "x"])
    assert back.input_names == ("x", "u", "cotangent.y", "cotangent.z")  # conditions have no cotangent
    assert {n: e.shape for n, e in back.outputs.items()} == {"u": (3,), "x": ()}
    assert vjp(graph, "x", ["z"]).evaluate({"cotangent.z": 1.0})["x"] == 0.0
    forward = jvp(graph, "u")
    assert forward.input_names == ("x", "u", "tangent.u")
    assert {n: e.shape for n, e in forward.outputs.items()} == {"y": (3,), "z": (), "positive": (3,)}


def test_unknown_names_are_refused_with_the_list():
    graph = Graph((x,), {"y": np.sin(x)})
    with pytest.raises(OptionError, match="`x`"):
        vjp(graph, "xx")
    with pytest.raises(OptionError, match="`y`"):
        vjp(graph, "x", ["yy"])
    with pytest.raises(OptionError, match="`x`"):
        jvp(graph, "xx")
    with pytest.raises(ValueError, match="scalar"):
        gradient(u, [u])


def test_derivative_by_an_inner_expression():
    inner = x * x
    y = np.sin(inner) * x
    (by_inner,) = gradient(y, [inner])
    found = Graph((x,), {"y": by_inner}).evaluate({"x": 0.7})["y"]
    np.testing.assert_allclose(found, np.cos(0.49) * 0.7, rtol=1e-14)
    (moved,) = pushforward([y], {inner: apply("multiply", 1.0, x)})
    np.testing.assert_allclose(Graph((x,), {"y": moved}).evaluate({"x": 0.7})["y"], np.cos(0.49) * 0.49, rtol=1e-14)


def test_an_output_that_is_the_input_passes_its_cotangent_on():
    c = variable("c", (3,))
    (found,) = pullback([u, u], [c, 2.0 * c], [u])
    np.testing.assert_allclose(Graph((c,), {"y": found}).evaluate({"c": POINT})["y"], 3 * POINT)


def test_log_sum_exp_gradient_is_the_softmax():
    largest = np.max(u)
    y = largest + np.log(np.sum(np.exp(u - largest)))
    (slope,) = gradient(y, [u])
    expected = np.exp(POINT) / np.sum(np.exp(POINT))
    np.testing.assert_allclose(Graph((u,), {"y": slope}).evaluate({"u": POINT})["y"], expected, rtol=1e-14)


def test_network_gradient_equals_the_hand_written_one():
    rng = np.random.default_rng(0)
    w1, w2 = variable("w1", (5, 3)), variable("w2", (1, 5))
    y = np.sum((w2 @ np.tanh(w1 @ u)) ** 2)
    graph = vjp(Graph((u, w1, w2), {"y": y}), ["w1", "w2", "u"])
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(1, 5))
    found = graph.evaluate({"u": POINT, "w1": a, "w2": b, "cotangent.y": 1.0})
    hidden = np.tanh(a @ POINT)
    error = 2 * (b @ hidden)
    back = (b.T @ error) * (1 - hidden**2)
    np.testing.assert_allclose(found["w2"], np.outer(error, hidden), rtol=1e-13)
    np.testing.assert_allclose(found["w1"], np.outer(back, POINT), rtol=1e-13)
    np.testing.assert_allclose(found["u"], a.T @ back, rtol=1e-13)


def test_tracing_and_differentiating_a_thousand_operations_is_quick():
    theta, state = variable("theta", (40,)), variable("u", (4,))

    def build() -> Graph:
        parts = list(state)
        for k in range(125):
            i, j = k % 4, (k + 1) % 4
            rate = theta[k % 40]
            parts[i] = parts[i] + 0.01 * np.tanh(rate * parts[i] * parts[j] - parts[j] / (k + 1 + parts[i] ** 2))
        return Graph((state, theta), {"du": np.stack(parts)})

    start = process_time()
    graph = build()
    derived = vjp(graph, ["u", "theta"])
    elapsed = process_time() - start
    assert graph.operation_count > 1000
    assert derived.operation_count < 5 * graph.operation_count
    assert elapsed < 1.0
