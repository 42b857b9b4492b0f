"""Lux networks on the Julia engine: our layers hold to Lux's, and a UDE with a Lux network trains, saves and loads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import EngineUnsupported, OptionError
from unideq.graph import Graph, jvp, variable, vjp
from unideq.graph.jacobian import jacobian
from unideq.objective.program import SolverSettings

from ...objective.building import problem, ready

RNG = np.random.default_rng(3)
PAIRS = {
    "tanh": (ude.nn.MLP(2, 3, (5, 4)), "Chain(Dense(2 => 5, tanh), Dense(5 => 4, tanh), Dense(4 => 3))"),
    "sigmoid": (ude.nn.MLP(3, 1, (4,), "sigmoid"), "Chain(Dense(3 => 4, sigmoid), Dense(4 => 1))"),
    "swish": (ude.nn.MLP(1, 2, (6,), "swish"), "Chain(Dense(1 => 6, swish), Dense(6 => 2))"),
    "rbf": (ude.nn.MLP(2, 2, (4,), "rbf"), "Chain(Dense(2 => 4, x -> exp(-x^2)), Dense(4 => 2))"),
    "softplus": (
        ude.nn.MLP(2, 1, (4,), output_activation="softplus"),
        "Chain(Dense(2 => 4, tanh), Dense(4 => 1, softplus))",
    ),
}
RICH = "Chain(Dense(2 => 4, gelu), SkipConnection(Dense(4 => 4, tanh), +), Dropout(0.4), BatchNorm(4), Dense(4 => 2))"


def graph_of(network: ude.nn.Network, samples: int) -> Graph:
    weights = {name: variable(name, shape) for name, shape in network.weight_shapes().items()}
    x = variable("x", (samples, network.inputs))
    return Graph([x, *weights.values()], {"y": network.expand(weights, x)})


def values_of(network: ude.nn.Network, samples: int) -> dict[str, np.ndarray]:
    weights = {name: RNG.normal(size=shape) for name, shape in network.weight_shapes().items()}
    return {"x": RNG.normal(size=(samples, network.inputs)), **weights}


def ude_model(network: ude.nn.Network) -> ude.ODE:
    def rhs(t, state, p, net):
        eaten, born = net.interaction(state.hare, state.lynx)
        return {"hare": p.growth * state.hare - eaten, "lynx": born - p.death * state.lynx}

    parameters = {"growth": ude.Parameter(0.6, positive=True), "death": ude.Parameter(0.8, positive=True)}
    return ude.ODE(rhs, states=["hare", "lynx"], parameters=parameters, networks={"interaction": network})


def observations() -> xr.Dataset:
    times = np.linspace(0.0, 3.0, 13)
    hare, lynx = 1.0 + 0.5 * np.sin(times), 1.2 * np.exp(-0.4 * times)
    return xr.Dataset({"hare": ("time", hare), "lynx": ("time", lynx)}, coords={"time": times})


@pytest.mark.parametrize("samples", [1, 7])
@pytest.mark.parametrize("name", PAIRS)
def test_our_layers_have_luxs_values_and_gradients(julia, name, samples):
    ours, source = PAIRS[name]
    theirs = ude.nn.Lux(source)
    assert theirs.weight_shapes() == ours.weight_shapes()
    values = values_of(ours, samples)
    cotangent = {"cotangent.y": RNG.normal(size=(samples, ours.outputs))}
    found, expected = (julia.evaluate(graph_of(n, samples), values)["y"] for n in (ours, theirs))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    wrt = list(values)
    found, expected = (julia.evaluate(vjp(graph_of(n, samples), wrt), {**values, **cotangent}) for n in (ours, theirs))
    for key in wrt:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-12, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("wrt", [["x"], ["layer_1.weight"], ["x", "layer_5.bias"]])
def test_forward_and_reverse_mode_agree_with_differences(julia, wrt):
    network = ude.nn.Lux(RICH)
    graph, values = graph_of(network, 3), values_of(network, 3)
    directions = {name: RNG.normal(size=values[name].shape) for name in wrt}
    cotangent = RNG.normal(size=(3, 2))
    moved = julia.evaluate(jvp(graph, wrt), {**values, **{f"tangent.{n}": d for n, d in directions.items()}})["y"]
    pulled = julia.evaluate(vjp(graph, wrt), {**values, "cotangent.y": cotangent})
    np.testing.assert_allclose(
        np.sum(moved * cotangent), sum(np.sum(pulled[n] * directions[n]) for n in wrt), rtol=1e-11
    )
    h = 1e-5
    low, high = (
        julia.evaluate(graph, {**values, **{n: values[n] + s * h * d for n, d in directions.items()}})["y"]
        for s in (-1, 1)
    )
    np.testing.assert_allclose(moved, (high - low) / (2 * h), rtol=1e-7, atol=1e-8)


def test_numpy_evaluation_is_julias_and_jacobians_are_sparse(julia):
    network = ude.nn.Lux(RICH)
    graph, values = graph_of(network, 3), values_of(network, 3)
    np.testing.assert_array_equal(graph.evaluate(values)["y"], julia.evaluate(graph, values)["y"])
    matrix = jacobian(graph, "x")
    assert matrix.n_colours == 2
    dense = matrix.dense(julia.evaluate(matrix.graph, values)["values"])
    step = 1e-6 * np.eye(6)
    columns = [
        (graph.evaluate({**values, "x": values["x"] + s})["y"] - graph.evaluate({**values, "x": values["x"] - s})["y"])
        for s in step.reshape(6, 3, 2)
    ]
    np.testing.assert_allclose(dense, np.stack(columns, -1).reshape(6, 6) / 2e-6, rtol=1e-6, atol=1e-8)


def test_weights_are_drawn_by_lux_from_the_seed():
    network = ude.nn.Lux("Chain(Dense(2 => 30, tanh), Dense(30 => 1))")
    first, again, other = (network.draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
    for name, shape in network.weight_shapes().items():
        assert first[name].shape == shape
        np.testing.assert_array_equal(first[name], again[name])
    assert not np.array_equal(first["layer_1.weight"], other["layer_1.weight"])
    # Kaiming uniform, with the gain of tanh.
    assert 1.0 < np.abs(first["layer_1.weight"]).max() <= 5 / 3 * np.sqrt(3 / 2)


@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        ("Chain(Dens(2 => 3))", {}, r"Dens.*not defined"),
        ("Chain(Dense(2 => 3)", {}, "ParseError"),
        ("Chain(Dense(2 => 3), Dense(4 => 1))", {}, "DimensionMismatch"),
        ("Dense(2 => 3)", {"inputs": 4}, "DimensionMismatch"),
        ("Dense(2 => 3)", {"outputs": 4}, "has 3 outputs, not 4"),
        ("WrappedFunction(x -> 2x)", {}, "say `inputs=`"),
        ("WrappedFunction(x -> x .- sum(x; dims = 2))", {"inputs": 2}, "mixes the samples"),
        ("1 + 1", {}, "not a Lux model"),
    ],
)
def test_bad_sources_are_refused_with_julias_reason(source, settings, message):
    with pytest.raises(OptionError, match=message):
        ude.nn.Lux(source, **settings)


def test_sizes_are_inferred_or_given():
    assert repr(ude.nn.Lux("Dense(3 => 2)")) == "Lux('Dense(3 => 2)', inputs=3, outputs=2)"
    doubled = ude.nn.Lux("WrappedFunction(x -> 2x)", inputs=2)
    assert (doubled.outputs, doubled.size) == (2, 0)


@pytest.mark.parametrize("solver", ["tsit5", "rodas5p"])
def test_the_gradient_through_a_solve_agrees_with_our_own_layers_and_differences(julia, solver):
    ours = ude.nn.MLP(2, 2, (5,))
    source = "Chain(Dense(2 => 5, tanh), Dense(5 => 2))"
    objectives = []
    for network in (ours, ude.nn.Lux(source)):
        made = problem(ude_model(network), observations())
        _, theta, program = ready(ude.Trajectory(), made)
        settings = SolverSettings(solver, 1e-9, 1e-9, adjoint="auto", max_steps=20_000)
        objectives.append(replace(program, sources=tuple(replace(s, solver=settings) for s in program.sources)))
    mine, luxs = (julia.value_and_gradient(objective, theta) for objective in objectives)
    np.testing.assert_allclose(luxs.total, mine.total, rtol=1e-10)
    np.testing.assert_allclose(luxs.gradient, mine.gradient, rtol=1e-7, atol=1e-9 * np.abs(mine.gradient).max())
    direction = RNG.normal(size=theta.shape)
    low, high = (float(julia.value(objectives[1], theta + s * 1e-4 * direction).total) for s in (-1, 1))
    np.testing.assert_allclose(luxs.gradient @ direction, (high - low) / 2e-4, rtol=1e-6)


def test_a_ude_with_a_lux_network_trains_saves_and_loads(julia, tmp_path):
    model = ude_model(ude.nn.Lux("Chain(Dense(2 => 5, tanh), Dense(5 => 2))"))
    fit = ude.fit(model, observations(), phases=[ude.Adam(1e-2, 60), ude.BFGS(20)], seeds=2, engine="julia")
    history = fit.tree["training"]["total"].values
    assert np.nanmin(history) < 0.1 * history[:, 0].min()
    fit.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc", engine="julia")
    labels = again.tree["weights"]["weight"].values
    assert [label for label in labels if label.startswith("interaction.layer_2.bias")] == [
        "interaction.layer_2.bias[0]",
        "interaction.layer_2.bias[1]",
    ]
    assert "interaction.layer_1.weight[4,1]" in labels
    for node in fit.tree.subtree:
        for name, variable_ in node.data_vars.items():
            np.testing.assert_array_equal(variable_.values, again.tree[node.path][name].values, err_msg=str(name))
    times = np.linspace(0.0, 3.0, 5)
    np.testing.assert_array_equal(fit.predict(times)["hare"].values, again.predict(times)["hare"].values)


def test_jax_refuses_a_lux_model(julia):
    model = ude_model(ude.nn.Lux("Dense(2 => 2)"))
    with pytest.raises(EngineUnsupported, match="julia"):
        model.solve(np.linspace(0, 1, 3), initial={"hare": 1.0, "lynx": 1.0}, engine="jax", solver="tsit5")
