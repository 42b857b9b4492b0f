"""Convolutional networks within models: how they are called, trained, read back, stored and replaced."""

from __future__ import annotations

import json
import re

import matplotlib
import numpy as np
import pytest

import unideq as ude
from unideq.errors import TraceError
from unideq.graph import Graph, constant
from unideq.result.learned import visited
from unideq.result.plot.learned import learned_panels, plot_learned

matplotlib.use("Agg")
N = 8
X = 2 * np.pi * np.arange(N) / N


def model(network: ude.nn.Network, rhs, shape: tuple[int, ...] = (N,), names: tuple[str, ...] = ("u",)) -> ude.ODE:
    states = [ude.State(name, shape=shape) for name in names]
    return ude.ODE(rhs, states, {"rate": 0.5}, {"closure": network})


def derivative(made: ude.ODE, theta: np.ndarray, u: np.ndarray) -> np.ndarray:
    graph = made.vector_field
    return graph.evaluate({"t": np.array(0.0), "u": u.reshape(-1), "theta": theta})["du"]


def weights_of(made: ude.ODE, theta: np.ndarray) -> dict:
    values = made.layout.unpack(theta)
    return {n: constant(values[f"closure.{n}"]) for n in made.networks["closure"].weight_shapes()}


def test_fields_and_numbers_are_channels():
    network = ude.nn.CNN(2, 1, channels=(3,), kernel=3)
    made = model(network, lambda t, state, p, net: {"u": net.closure(state.u, p.rate)})
    theta, u = made.initial_theta(seed=1), np.sin(X)
    x = constant(np.stack([u, np.full(N, 0.5)]))
    expected = Graph((), {"y": network.expand(weights_of(made, theta), x)}).evaluate({})["y"][0]
    np.testing.assert_allclose(derivative(made, theta, u), expected, rtol=1e-13)


def test_several_outputs_come_first():
    network = ude.nn.CNN(2, 2, channels=(), kernel=3, dimensions=2)

    def rhs(t, state, p, net):
        du, dv = net.closure(state.u, state.v)
        return {"u": du, "v": p.rate * dv}

    made = model(network, rhs, (3, 4), ("u", "v"))
    theta, u = made.initial_theta(seed=1), np.random.default_rng(0).normal(size=(2, 3, 4))
    expected = Graph((), {"y": network.expand(weights_of(made, theta), constant(u))}).evaluate({})["y"]
    found = derivative(made, theta, u).reshape(2, 3, 4)
    np.testing.assert_allclose(found, expected * np.array([1.0, 0.5]).reshape(2, 1, 1), rtol=1e-13)


def test_one_array_is_taken_as_its_fields():
    network = ude.nn.CNN(2, 1, channels=(), kernel=3)
    apart = model(network, lambda t, state, p, net: {"u": p.rate * net.closure(state.u, -state.u)})
    joined = model(network, lambda t, state, p, net: {"u": p.rate * net.closure(np.stack([state.u, -state.u]))})
    assert joined.vector_field.outputs["du"] is apart.vector_field.outputs["du"]


def test_leading_axes_are_a_batch():
    network = ude.nn.CNN(1, 1, channels=(2,), kernel=3)
    whole = model(network, lambda t, state, p, net: {"u": p.rate * net.closure(state.u)}, (3, N))
    single = model(network, lambda t, state, p, net: {"u": p.rate * net.closure(state.u)})
    theta, u = whole.initial_theta(seed=1), np.random.default_rng(0).normal(size=(3, N))
    rows = np.concatenate([derivative(single, theta, row) for row in u])
    np.testing.assert_allclose(derivative(whole, theta, u), rows, rtol=1e-13)


@pytest.mark.parametrize(
    ("network", "call", "message"),
    [
        (ude.nn.CNN(1, 1), lambda n, u, p: n(p.rate) + u, "fields with 1 axis of space; its arguments have shape ()"),
        (ude.nn.CNN(1, 1, dimensions=2), lambda n, u, p: n(u), "fields with 2 axes of space"),
        (ude.nn.CNN(2, 1), lambda n, u, p: n(u), "takes 2 fields (or one array (2, *space)), not one of shape (8,)"),
        (ude.nn.CNN(1, 1), lambda n, u, p: n(u, u), "takes 1 field, not 2"),
        (ude.nn.CNN(2, 1), lambda n, u, p: n(u, u[1:]), "shapes (8,), (7,), which don't broadcast"),
        (ude.nn.CNN(1, 1, kernel=9), lambda n, u, p: n(u), "kernel spans (9,) points, the grid has (8,)"),
    ],
)
def test_arguments_that_do_not_fit_are_named(network, call, message):
    with pytest.raises(TraceError, match=re.escape(message)):
        model(network, lambda t, state, p, net: {"u": call(net.closure, state.u, p)})


def advection(network: ude.nn.Network) -> ude.ODE:
    return model(network, lambda t, state, p, net: {"u": -p.rate * state.u + net.closure(state.u)})


def test_the_model_reads_as_a_call_and_survives_json():
    made = advection(ude.nn.ResNet(1, 1, channels=3, blocks=1))
    assert made.learned["closure"].layout == "grid"
    assert "closure(u)" in str(made.equations())
    again = ude.ODE.from_json(json.loads(json.dumps(made.to_json())))
    assert again.networks == made.networks
    assert again.vector_field.outputs["du"] is made.vector_field.outputs["du"]


def test_a_formula_takes_the_networks_place():
    made = advection(ude.nn.CNN(1, 1, channels=(2,), kernel=3))
    slope = made.replace("closure", lambda p, u: 0.5 * (np.roll(u, -1) - np.roll(u, 1)))
    found = derivative(slope, slope.initial_theta(seed=0), np.sin(X))
    np.testing.assert_allclose(found, -0.5 * np.sin(X) + np.sin(X[1]) * np.cos(X), atol=1e-14)


def test_a_formula_of_several_outputs_returns_a_tuple_of_fields():
    def rhs(t, state, p, net):
        du, dv = net.closure(state.u, state.v)
        return {"u": du, "v": p.rate * dv}

    made = model(ude.nn.CNN(2, 2, channels=(), kernel=3), rhs, (N,), ("u", "v"))
    formula = made.replace("closure", lambda p, u, v: (v, 2.0 * u))
    found = derivative(formula, formula.initial_theta(seed=0), np.stack([np.sin(X), np.cos(X)])).reshape(2, N)
    np.testing.assert_allclose(found, [np.cos(X), np.sin(X)], atol=1e-15)


def test_a_linear_network_learns_the_central_difference():
    """du/dt = −u/2 + (u_{i+1} − u_{i−1})/2: a linear kernel of 3 points holds the answer, (−½, 0, ½)."""
    made = advection(ude.nn.CNN(1, 1, channels=(), kernel=3))
    truth = made.replace("closure", lambda p, u: 0.5 * (np.roll(u, -1) - np.roll(u, 1)))
    start = np.random.default_rng(0).normal(size=N)
    data = truth.solve(np.linspace(0.0, 2.0, 9), initial={"u": start}, engine="jax").dataset
    fit = ude.fit(made, data, phases=ude.LBFGS(200), engine="jax", progress=False)
    found = fit.record.layout.unpack(fit.record.chosen_theta[fit.record.best_seed])
    weight, rate = found["closure.layer_1.weight"].reshape(-1), found["rate"]
    # The decay can be written as −rate·u or as the kernel's middle: only their sum is known.
    np.testing.assert_allclose(weight - [0.0, rate, 0.0], [-0.5, -0.5, 0.5], atol=2e-3)
    seen = visited(fit, "closure")
    assert seen.arguments.shape[3:] == (N, 1)
    assert seen.outputs.shape == seen.arguments.shape
    assert learned_panels(fit) == [("closure", 0)]
    labels = plot_learned(fit).get_xlabel(), plot_learned(fit).get_ylabel()
    assert labels == ("u", "closure")
