"""The multilayer perceptron against a NumPy loop, its settings, and its JSON."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unideq.errors import FileFormatError, OptionError
from unideq.graph import Graph, variable
from unideq.nn import MLP, Network
from unideq.stored import from_json

CURVES = {
    "tanh": np.tanh,
    "rbf": lambda x: np.exp(-x * x),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
}


def by_loop(net, weights, x):
    """One feature at a time, in plain Python loops."""
    value = [
        (x[i] - np.broadcast_to(net.input_shift, net.inputs)[i]) / np.broadcast_to(net.input_scale, net.inputs)[i]
        for i in range(net.inputs)
    ]
    layers = len(net.hidden) + 1
    for k in range(1, layers + 1):
        w, b = weights[f"layer_{k}.weight"], weights[f"layer_{k}.bias"]
        curve = CURVES[net.output_activation if k == layers else net.activation]
        value = [curve(b[i] + sum(w[i, j] * value[j] for j in range(w.shape[1]))) for i in range(w.shape[0])]
    scale, shift = np.broadcast_to(net.output_scale, net.outputs), np.broadcast_to(net.output_shift, net.outputs)
    return np.array([scale[i] * value[i] + shift[i] for i in range(net.outputs)])


def random_weights(net, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) for name, shape in net.weight_shapes().items()}


def expanded(net, weights, x):
    inputs = {n: variable(n, w.shape) for n, w in weights.items()}
    symbol = variable("x", np.shape(x))
    graph = Graph((symbol, *inputs.values()), {"y": net.expand(inputs, symbol)})
    return graph.evaluate({"x": x, **weights})["y"]


NETS = [
    MLP(2, 1, hidden=(3,)),
    MLP(3, 2, hidden=(4, 5), activation="rbf", output_activation="softplus"),
    MLP(1, 3, hidden=(), output_shift=(1.0, 2.0, 3.0)),
    MLP(2, 2, hidden=4, activation="relu", input_shift=(5.0, -1.0), input_scale=(10.0, 0.5), output_scale=7.0),
]


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_values_equal_a_numpy_loop(net):
    weights = random_weights(net)
    points = np.random.default_rng(1).normal(size=(6, net.inputs))
    expected = np.array([by_loop(net, weights, p) for p in points])
    np.testing.assert_allclose(expanded(net, weights, points), expected, rtol=1e-12)
    np.testing.assert_allclose(expanded(net, weights, points[0]), expected[0], rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 4), st.integers(1, 3), st.lists(st.integers(1, 5), max_size=3), st.sampled_from(sorted(CURVES)),
    st.integers(0, 1000),
)  # fmt: skip
def test_any_width_and_depth_equals_the_loop(inputs, outputs, hidden, name, seed):
    net = MLP(inputs, outputs, hidden=hidden, activation=name)
    weights = random_weights(net, seed)
    x = np.random.default_rng(seed).normal(size=inputs)
    np.testing.assert_allclose(expanded(net, weights, x), by_loop(net, weights, x), rtol=1e-10, atol=1e-12)
    assert net.size == sum(w.size for w in weights.values())
    assert from_json(Network, json.loads(json.dumps(net.to_json()))) == net


def test_hand_computed_value():
    # 1 -> 1 -> 1 with tanh: 3·tanh(2·x + 1) − 4 at x = 0.5 is 3·tanh(2) − 4
    weights = {"layer_1.weight": [[2.0]], "layer_1.bias": [1.0], "layer_2.weight": [[3.0]], "layer_2.bias": [-4.0]}
    weights = {k: np.array(v) for k, v in weights.items()}
    assert expanded(MLP(1, 1, hidden=(1,)), weights, np.array([0.5]))[0] == pytest.approx(3 * np.tanh(2) - 4, rel=1e-15)


def test_size_of_2_8_8_1_is_105():
    assert MLP(2, 1, hidden=(8, 8)).size == 105
    assert MLP(2, 1, hidden=(8, 8)).widths == (2, 8, 8, 1)


def test_linear_network_scaling_is_affine():
    net = MLP(1, 1, hidden=(), input_shift=10.0, input_scale=5.0, output_scale=2.0, output_shift=1.0)
    weights = {"layer_1.weight": np.array([[3.0]]), "layer_1.bias": np.array([0.5])}
    # 2·(3·(20 − 10)/5 + 0.5) + 1 = 14
    assert expanded(net, weights, np.array([20.0]))[0] == pytest.approx(14.0)


def test_repr_shows_only_what_differs_from_the_defaults():
    assert repr(MLP(2, 1)) == "MLP(2, 1)"
    assert repr(MLP(2, 1, hidden=8, activation="rbf")) == "MLP(2, 1, hidden=(8,), activation='rbf')"
    assert repr(MLP(1, 1, output_scale=[2.0])) == "MLP(1, 1, output_scale=(2.0,))"


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_repr_and_json_make_the_same_network(net):
    assert eval(repr(net)) == net
    assert from_json(Network, json.loads(json.dumps(net.to_json()))) == net


def test_numpy_widths_are_accepted_and_written_as_json():
    net = MLP(np.int64(2), 1, hidden=np.array([4, 4]))
    assert net == MLP(2, 1, hidden=(4, 4))
    assert json.loads(json.dumps(net.to_json()))["hidden"] == [4, 4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inputs": 0}, "`inputs` as a whole number >= 1, not 0"),
        ({"outputs": 1.5}, "`outputs` as a whole number >= 1, not 1.5"),
        ({"hidden": (8, -1)}, "`hidden` as a whole number >= 1, not -1"),
        ({"hidden": "88"}, "`hidden` as a whole number >= 1, not '88'"),
        ({"activation": "tahn"}, "Did you mean `tanh`"),
        ({"output_activation": "soft_plus"}, "Did you mean `softplus`"),
        ({"initializer": "glorot"}, "Unknown `initializer` of `MLP` `glorot`"),
        ({"input_scale": 0.0}, "`input_scale` as one finite number that isn't 0, or 2 of them, not 0.0"),
        ({"input_scale": (1.0, 2.0, 3.0)}, "`input_scale` as one finite number that isn't 0, or 2 of them"),
        ({"output_shift": float("nan")}, "`output_shift` as one finite number"),
        ({"input_shift": "a"}, "`input_shift` as one finite number, or 2 of them, not 'a'"),
        ({"last_layer_scale": float("inf")}, "`last_layer_scale` as a number, not inf"),
    ],
)
def test_bad_settings_say_what_is_needed(arguments, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        MLP(**{"inputs": 2, "outputs": 1, **arguments})


def test_damaged_json_is_a_file_format_error():
    with pytest.raises(FileFormatError, match=r"Unknown network `MPL`\. Did you mean `MLP`"):
        from_json(Network, {"kind": "MPL"})
    with pytest.raises(FileFormatError, match="damaged"):
        from_json(Network, {**MLP(2, 1).to_json(), "colour": "red"})
