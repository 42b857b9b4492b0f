"""Convolutional networks against NumPy sums, their symmetry, weight counts, settings and JSON."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unideq.errors import FileFormatError, OptionError, TraceError
from unideq.graph import Graph, sparsity, variable
from unideq.nn import CNN, Network, ResNet
from unideq.stored import from_json

CURVES = {
    "tanh": np.tanh,
    "identity": lambda x: x,
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "softplus": lambda x: np.log1p(np.exp(x)),
}
PADDING = {"periodic": "wrap", "zero": "constant", "edge": "edge"}


def layer(net, weights, name, x):
    """Σ_c Σ_j K[o, c, j] x[c, i + j − r] + b[o] on a padded array, tap by tap; x (channels, *space)."""
    kernel, dims = weights[f"{name}.weight"], net.dimensions
    rules = [net.boundary] * dims if isinstance(net.boundary, str) else net.boundary
    space, reach = x.shape[1:], net.kernel // 2
    for axis, rule in enumerate(rules, 1):
        widths = [(reach, reach) if a == axis else (0, 0) for a in range(x.ndim)]
        x = np.pad(x, widths, mode=PADDING[rule])
    total = np.zeros((len(kernel), *space)) + weights[f"{name}.bias"].reshape(-1, *(1,) * dims)
    for tap in np.ndindex(*kernel.shape[2:]):
        window = tuple(slice(j, j + n) for j, n in zip(tap, space, strict=True))
        total += np.einsum("oc,c...->o...", kernel[(slice(None), slice(None), *tap)], x[(slice(None), *window)])
    return total


def by_numpy(net, weights, x):
    def channelwise(value, count):
        return np.broadcast_to(value, count).reshape(-1, *(1,) * net.dimensions)

    curve = CURVES[net.activation]
    x = (x - channelwise(net.input_shift, net.inputs)) / channelwise(net.input_scale, net.inputs)
    if isinstance(net, CNN):
        count = len(net.channels) + 1
        for k in range(1, count):
            x = curve(layer(net, weights, f"layer_{k}", x))
        x = layer(net, weights, f"layer_{count}", x)
    else:
        x = curve(layer(net, weights, "lift", x))
        for k in range(1, net.blocks + 1):
            change = layer(net, weights, f"block_{k}.second", curve(layer(net, weights, f"block_{k}.first", x)))
            x = curve(x + change)
        x = layer(net, weights, "projection", x)
    x = CURVES[net.output_activation](x)
    return x * channelwise(net.output_scale, net.outputs) + channelwise(net.output_shift, net.outputs)


def random_weights(net, seed=0):
    rng = np.random.default_rng(seed)
    return {name: 0.5 * rng.normal(size=shape) for name, shape in net.weight_shapes().items()}


def expanded(net, weights, x):
    inputs = {n: variable(n, w.shape) for n, w in weights.items()}
    symbol = variable("x", np.shape(x))
    graph = Graph((symbol, *inputs.values()), {"y": net.expand(inputs, symbol)})
    return graph.evaluate({"x": x, **weights})["y"]


NETS = [
    CNN(1, 1),
    CNN(2, 3, channels=(4,), kernel=3, output_shift=(1.0, 2.0, 3.0), output_activation="softplus"),
    CNN(2, 1, channels=(), boundary="zero", input_shift=(5.0, -1.0), input_scale=(10.0, 0.5), output_scale=7.0),
    CNN(1, 2, channels=3, kernel=3, boundary="edge"),
    CNN(2, 1, channels=(3, 2), kernel=3, dimensions=2),
    CNN(1, 2, channels=(2,), kernel=3, dimensions=2, boundary=("edge", "periodic")),
    CNN(1, 1, channels=(2,), kernel=1, dimensions=2, boundary="edge"),
    ResNet(2, 1, channels=4, blocks=3),
    ResNet(1, 2, channels=3, blocks=1, kernel=5, boundary="zero", activation="tanh"),
    ResNet(1, 1, channels=2, blocks=2, dimensions=2, boundary=("zero", "edge")),
]


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_values_equal_sums_by_numpy(net):
    weights = random_weights(net)
    fields = np.random.default_rng(1).normal(size=(2, net.inputs, *(7, 6)[: net.dimensions]))
    expected = np.stack([by_numpy(net, weights, x) for x in fields])
    np.testing.assert_allclose(expanded(net, weights, fields[0]), expected[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(expanded(net, weights, fields), expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(1, 3), st.integers(1, 3), st.lists(st.integers(1, 3), max_size=2), st.sampled_from([1, 3, 5]),
       st.sampled_from([1, 2]), st.sampled_from(["periodic", "zero", "edge"]), st.integers(0, 1000))  # fmt: skip
def test_any_width_depth_and_boundary_equals_the_sums(inputs, outputs, channels, kernel, dimensions, boundary, seed):
    net = CNN(inputs, outputs, channels=channels, kernel=kernel, dimensions=dimensions, boundary=boundary)
    weights = random_weights(net, seed)
    x = np.random.default_rng(seed).normal(size=(inputs, *(5, 6)[:dimensions]))
    np.testing.assert_allclose(expanded(net, weights, x), by_numpy(net, weights, x), rtol=1e-11, atol=1e-12)
    assert net.size == sum(w.size for w in weights.values())
    assert from_json(Network, json.loads(json.dumps(net.to_json()))) == net


@pytest.mark.parametrize(("channels", "blocks", "size"), [(26, 8, 33_125), (52, 12, 196_457)])
def test_residual_networks_have_the_published_numbers_of_weights(channels, blocks, size):
    assert ResNet(2, 1, channels=channels, blocks=blocks, kernel=3).size == size


def test_a_convolutional_network_has_its_kernels_and_biases():
    assert CNN(2, 1, channels=(8,), kernel=3, dimensions=2).weight_shapes() == {
        "layer_1.weight": (8, 2, 3, 3),
        "layer_1.bias": (8,),
        "layer_2.weight": (1, 8, 3, 3),
        "layer_2.bias": (1,),
    }


@pytest.mark.parametrize("net", [n for n in NETS if n.boundary == "periodic"], ids=repr)
@pytest.mark.parametrize("shift", [1, -3])
def test_periodic_networks_do_not_know_where_they_are(net, shift):
    weights = random_weights(net)
    x = np.random.default_rng(1).normal(size=(net.inputs, *(7, 6)[: net.dimensions]))
    moved = expanded(net, weights, np.roll(x, shift, axis=-1))
    np.testing.assert_allclose(moved, np.roll(expanded(net, weights, x), shift, axis=-1), rtol=1e-13, atol=1e-13)


def test_fixed_boundaries_break_the_symmetry():
    x = np.random.default_rng(1).normal(size=(1, 8))
    for boundary in ("zero", "edge"):
        net = CNN(1, 1, channels=(2,), kernel=3, boundary=boundary)
        weights = random_weights(net)
        apart = expanded(net, weights, np.roll(x, 1, -1)) - np.roll(expanded(net, weights, x), 1, -1)
        assert np.abs(apart).max() > 1e-3


def test_a_networks_jacobian_is_as_wide_as_it_sees():
    net = CNN(1, 1, channels=(4, 4), kernel=3)  # 3·2 + 1 points
    inputs = {n: variable(n, s) for n, s in net.weight_shapes().items()}
    x = variable("x", (1, 20))
    rows, columns = sparsity(Graph((x, *inputs.values()), {"y": net.expand(inputs, x)}), "x")
    distance = (columns - rows + 10) % 20 - 10
    assert len(rows) == 20 * 7
    assert np.abs(distance).max() == 3


@pytest.mark.parametrize("boundary", ["zero", "edge"])
def test_a_constant_field_keeps_its_value_at_the_edge_only_by_repeating_it(boundary):
    net = CNN(1, 1, channels=(), kernel=5, boundary=boundary)
    mean = {"layer_1.weight": np.full((1, 1, 5), 0.2), "layer_1.bias": np.zeros(1)}
    value = expanded(net, mean, np.full((1, 9), 3.0))[0]
    np.testing.assert_allclose(value[2:-2], 3.0)
    np.testing.assert_allclose(value[0], 3.0 if boundary == "edge" else 1.8)


# ---- initial weights ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [("he_normal", 2 / (40 * 9)), ("lecun_uniform", 1 / (40 * 9)), ("glorot_normal", 2 / (40 * 9 + 50 * 9))],
)
def test_fans_count_the_kernels_points(initializer, variance):
    net = CNN(40, 50, channels=(), kernel=3, dimensions=2, initializer=initializer)
    drawn = net.draw(np.random.default_rng(0))
    # 18 000 draws: a relative deviation of sqrt(2 / 18 000) = 1 %
    assert drawn["layer_1.weight"].var() == pytest.approx(variance, rel=0.05)
    assert not drawn["layer_1.bias"].any()


def test_orthogonal_kernels_have_orthogonal_outputs():
    kernel = CNN(3, 4, channels=(), kernel=3, initializer="orthogonal").draw(np.random.default_rng(0))["layer_1.weight"]
    flat = kernel.reshape(4, 9)
    np.testing.assert_allclose(flat @ flat.T, np.eye(4), atol=1e-12)


def test_the_last_layer_starts_scaled():
    plain, small = (
        ResNet(1, 1, channels=4, blocks=2, last_layer_scale=s).draw(np.random.default_rng(0)) for s in (1.0, 0.01)
    )
    for name, value in plain.items():
        np.testing.assert_allclose(small[name], value * (0.01 if name == "projection.weight" else 1.0), rtol=1e-14)


@pytest.mark.parametrize("blocks", [1, 8, 24])
def test_deep_residual_networks_start_with_values_of_the_same_size(blocks):
    net = ResNet(1, 1, channels=26, blocks=blocks)
    x = np.random.default_rng(1).normal(size=(1, 64))
    sizes = [expanded(net, net.draw(np.random.default_rng(seed)), x).std() for seed in range(3)]
    assert 0.3 < np.median(sizes) < 6.0


# ---- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_repr_and_json_make_the_same_network(net):
    assert eval(repr(net)) == net
    assert from_json(Network, json.loads(json.dumps(net.to_json()))) == net


def test_numpy_counts_and_single_channels_are_accepted():
    assert CNN(np.int64(1), 1, channels=np.int64(4)) == CNN(1, 1, channels=(4,))
    assert CNN(1, 1, channels=np.array([4, 4])) == CNN(1, 1, channels=[4, 4])
    assert CNN(1, 1, dimensions=2, boundary=["zero", "zero"]) == CNN(1, 1, dimensions=2, boundary="zero")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel": 4}, "`CNN` needs an odd `kernel`, which has a middle, not 4"),
        ({"kernel": 0}, "`kernel` as a whole number >= 1, not 0"),
        ({"dimensions": 3}, "`dimensions` as a whole number >= 1 and <= 2, not 3"),
        ({"boundary": "periodc"}, "Did you mean `periodic`"),
        ({"boundary": ("zero", "zero")}, "with `dimensions=1` needs as many boundary rules"),
        ({"boundary": None}, "`boundary` as one of"),
        ({"channels": (8, -1)}, "`channels` as a whole number >= 1, not -1"),
        ({"channels": "88"}, "`channels` as a whole number >= 1, not '88'"),
        ({"activation": "tahn"}, "Did you mean `tanh`"),
        ({"initializer": "glorot"}, "Unknown `initializer` of `CNN` `glorot`"),
        ({"input_scale": (1.0, 2.0)}, "`input_scale` as one finite number that isn't 0, or 1 of them"),
        ({"last_layer_scale": float("inf")}, "`last_layer_scale` as a number, not inf"),
    ],
)
def test_bad_settings_say_what_is_needed(arguments, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        CNN(**{"inputs": 1, "outputs": 1, **arguments})


def test_bad_numbers_of_blocks_are_refused():
    with pytest.raises(OptionError, match="`ResNet` needs `blocks` as a whole number >= 1, not 0"):
        ResNet(1, 1, blocks=0)


def test_a_kernel_longer_than_the_grid_is_refused():
    net = CNN(1, 1, channels=(), kernel=7)
    with pytest.raises(TraceError, match=r"spans \(7,\) points, the grid has \(5,\)"):
        expanded(net, random_weights(net), np.zeros((1, 5)))


def test_damaged_json_is_a_file_format_error():
    with pytest.raises(FileFormatError, match="damaged"):
        from_json(Network, {**ResNet(1, 1).to_json(), "colour": "red"})
