"""Networks of dense layers against their equations, for any settings; their JSON, and what they refuse."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unideq.errors import OptionError
from unideq.graph import variable
from unideq.graph.graph import topological
from unideq.nn import CNN, MLP, FourierFeatures, ModifiedMLP, Network, PirateNet
from unideq.stored import from_json

from .point_formulas import CURVES, expanded, formula, random_weights

NAMES = st.sampled_from(sorted(CURVES))
WIDTHS = st.integers(1, 5)
SHARED = st.fixed_dictionaries(
    {"activation": NAMES, "output_activation": NAMES},
    optional={
        "factorised": st.sampled_from([True, (0.5, 0.3)]),
        "input_shift": st.floats(-2, 2),
        "input_scale": st.floats(0.5, 3),
        "output_scale": st.floats(0.5, 3),
        "output_shift": st.floats(-2, 2),
    },
)
COUNTS = st.integers(1, 4)


@st.composite
def networks(draw):
    inputs, outputs, width, shared = draw(COUNTS), draw(COUNTS), draw(WIDTHS), draw(SHARED)
    depth = draw(st.integers(1, 3))
    features = draw(st.booleans())
    n = 2 * inputs if features else inputs
    kind = draw(st.sampled_from(["mlp", "modified", "pirate"]))
    if kind == "mlp":
        network = MLP(n, outputs, hidden=draw(st.lists(WIDTHS, max_size=3)), **shared)
    elif kind == "modified":
        first = depth == 1 or draw(st.booleans())
        network = ModifiedMLP(n, outputs, hidden=(width,) * depth, gate_first=first, **shared)
    else:
        network = PirateNet(n, outputs, hidden=draw(st.sampled_from([n, width])), blocks=depth, **shared)
    return FourierFeatures(network, draw(COUNTS), scale=2.0) if features else network


@settings(max_examples=60, deadline=None)
@given(networks(), st.integers(0, 1000))
def test_any_network_equals_its_equations_at_one_point_and_at_many(network, seed):
    weights = random_weights(network, seed)
    points = np.random.default_rng(seed).normal(size=(4, network.inputs))
    expected = np.array([formula(network, weights, p) for p in points])
    np.testing.assert_allclose(expanded(network, weights, points), expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(expanded(network, weights, points[0]), expected[0], rtol=1e-10, atol=1e-10)


@settings(max_examples=60, deadline=None)
@given(networks(), st.integers(0, 1000))
def test_json_and_draws_describe_the_same_network(network, seed):
    again = from_json(Network, json.loads(json.dumps(network.to_json())))
    assert again == network
    first, second = (n.draw(np.random.default_rng(seed)) for n in (network, again))
    assert {n: w.shape for n, w in first.items()} == network.weight_shapes()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
    assert network.size == sum(w.size for w in first.values())
    assert network.fixed_weights() <= set(first)
    assert eval(repr(network)) == network


# ---- the modified perceptron --------------------------------------------------------------------------------------


def test_hand_computed_modified_perceptron():
    # One input, one unit, one gate: U = tanh(x), V = tanh(2x), Z = tanh(3x), y = 5·((1 − Z)·U + Z·V) − 1 at x = 0.3.
    weights = {"encoder_u.weight": 1.0, "encoder_v.weight": 2.0, "layer_1.weight": 3.0, "layer_2.weight": 5.0}
    weights = {n: np.array([[w]]) for n, w in weights.items()}
    weights |= {f"{n}.bias": np.zeros(1) for n in ("encoder_u", "encoder_v", "layer_1")}
    weights["layer_2.bias"] = np.array([-1.0])
    u, v, z = np.tanh([0.3, 0.6, 0.9])
    found = expanded(ModifiedMLP(1, 1, hidden=(1,), gate_first=True), weights, np.array([0.3]))
    assert found[0] == pytest.approx(5 * ((1 - z) * u + z * v) - 1, rel=1e-14)


def test_three_layers_of_fifty_have_the_plain_networks_weights_and_two_encoders():
    plain, modified = MLP(2, 1, hidden=(50,) * 3), ModifiedMLP(2, 1, hidden=(50,) * 3)
    own = {n: s for n, s in modified.weight_shapes().items() if not n.startswith("encoder")}
    assert own == plain.weight_shapes()
    assert modified.size == 5601 == plain.size + 2 * (2 * 50 + 50)
    assert ModifiedMLP(2, 1, hidden=(50,) * 3, gate_first=True).weight_shapes() == modified.weight_shapes()


@pytest.mark.parametrize(("first", "gates"), [(False, 2), (True, 3)])
def test_fifty_by_three_has_two_gates_or_with_the_first_one_three(first, gates):
    network = ModifiedMLP(2, 1, hidden=(50, 50, 50), gate_first=first)
    weights = {n: variable(n, s) for n, s in network.weight_shapes().items()}
    nodes = topological([network.expand(weights, variable("x", (2,)))])
    products = [n for n in nodes if n.operation == "multiply" and any(i.operation == "subtract" for i in n.inputs)]
    assert len(products) == gates


# ---- Fourier features ---------------------------------------------------------------------------------------------


def test_fourier_features_of_a_linear_network_are_a_trigonometric_sum():
    network = FourierFeatures(MLP(4, 1, hidden=()), inputs=1)
    weights = {
        "frequencies": np.array([[2.0], [5.0]]),
        "layer_1.weight": np.array([[1.0, 10.0, 100.0, 1000.0]]),
        "layer_1.bias": np.zeros(1),
    }
    x = 0.7
    expected = np.cos(2 * x) + 10 * np.cos(5 * x) + 100 * np.sin(2 * x) + 1000 * np.sin(5 * x)
    assert expanded(network, weights, np.array([x]))[0] == pytest.approx(expected, rel=1e-14)


# ---- PirateNet ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [1, 4])
def test_pirate_net_starts_as_a_linear_combination_of_its_embedding(blocks):
    network = FourierFeatures(PirateNet(8, 2, hidden=8, blocks=blocks, factorised=True), inputs=2, scale=3.0)
    weights = network.draw(np.random.default_rng(0))
    points = np.random.default_rng(1).normal(size=(5, 2))
    phase = points @ weights["frequencies"].T
    output = np.exp(weights["output.scale"])[:, None] * weights["output.direction"]
    expected = np.concatenate([np.cos(phase), np.sin(phase)], axis=1) @ output.T
    np.testing.assert_allclose(expanded(network, weights, points), expected, rtol=1e-12, atol=1e-14)


def test_a_dense_embedding_stands_in_where_inputs_are_few():
    assert "embedding.weight" in PirateNet(2, 1, hidden=8).weight_shapes()
    assert "embedding.weight" not in PirateNet(8, 1, hidden=8).weight_shapes()


# ---- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ModifiedMLP(2, 1, hidden=(50, 30)), "`ModifiedMLP` needs hidden layers of one width"),
        (lambda: ModifiedMLP(2, 1, hidden=()), "`ModifiedMLP` needs hidden layers of one width"),
        (lambda: ModifiedMLP(2, 1, hidden=(50,)), "two hidden layers, or `gate_first=True`"),
        (lambda: ModifiedMLP(2, 1, gate_first=1), "`gate_first` as True or False, not 1"),
        (lambda: ModifiedMLP(2, 1, encoder_bias="glorot"), "Unknown `encoder_bias` of `ModifiedMLP` `glorot`"),
        (lambda: ModifiedMLP(2, 1, activation="tahn"), "Did you mean `tanh`"),
        (lambda: PirateNet(2, 1, blocks=0), "`blocks` as a whole number >= 1, not 0"),
        (lambda: MLP(2, 1, factorised=(1.0, -0.1)), "`factorised` as True, or (mean, deviation >= 0)"),
        (lambda: MLP(2, 1, factorised="yes"), "`factorised` as True"),
        (lambda: MLP(2, 1, factorised=(1.0,)), "`factorised` as True"),
        (lambda: FourierFeatures(MLP(3, 1), 2), "an even number of inputs, such as 4, not 3"),
        (lambda: FourierFeatures(CNN(2, 1), 2), "a network that acts on points"),
        (lambda: FourierFeatures(64, 2), "a network that acts on points, such as `MLP(64, 1)`, not 64"),
        (lambda: FourierFeatures(FourierFeatures(MLP(4, 1), 2), 2), "a network that acts on points"),
        (lambda: FourierFeatures(MLP(4, 1), 0), "`inputs` as a whole number >= 1, not 0"),
        (
            lambda: FourierFeatures(MLP(4, 1), 2, scale=(1.0, 2.0, 3.0)),
            "`scale` as one finite number that isn't 0, or 2 of them",
        ),
        (lambda: FourierFeatures(MLP(4, 1), 2, scale=-1.0), "`scale` > 0, not -1.0"),
        (lambda: FourierFeatures(MLP(4, 1), 2, trainable="no"), "`trainable` as True or False"),
    ],
)
def test_bad_settings_say_what_is_needed(make, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        make()
