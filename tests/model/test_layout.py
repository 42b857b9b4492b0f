"""The layout of θ: stored and real values, bounds, scales, labels, and views that mean the same in a graph."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unideq.errors import ModelError
from unideq.graph import Graph
from unideq.model import Entry, Layout, Parameter

LAYOUT = Layout(
    [
        Entry.of_parameter("growth", Parameter(0.5, positive=True, units="1/yr")),
        Entry.of_parameter("share", Parameter([0.2, 0.3], lower=0.0, upper=1.0)),
        Entry.of_parameter("capacity", Parameter(100.0, free=False)),
        Entry.of_parameter("ceiling", Parameter(-2.0, upper=1.0)),
        Entry("net.layer_1.weight", (2, 3), "network"),
    ]
)


def test_sizes_offsets_and_names():
    assert LAYOUT.size == 1 + 2 + 1 + 1 + 6
    assert LAYOUT.offsets == {"growth": 0, "share": 1, "capacity": 3, "ceiling": 4, "net.layer_1.weight": 5}
    assert "share" in LAYOUT and "shares" not in LAYOUT


def test_labels_name_every_element():
    assert LAYOUT.labels[:5] == ["growth", "share[0]", "share[1]", "capacity", "ceiling"]
    assert LAYOUT.labels[5:] == [f"net.layer_1.weight[{i},{j}]" for i in range(2) for j in range(3)]


def test_masks_select_kinds_and_free_entries():
    np.testing.assert_array_equal(LAYOUT.mask("network"), [False] * 5 + [True] * 6)
    np.testing.assert_array_equal(np.flatnonzero(~LAYOUT.free_mask), [3])


def test_scale_is_the_distance_of_the_initial_value_from_its_bound():
    assert LAYOUT["growth"].scale == 0.5
    assert LAYOUT["capacity"].scale == 100.0
    assert LAYOUT["ceiling"].scale == 3.0
    assert LAYOUT["share"].scale == 1.0
    assert Entry.of_parameter("zero", Parameter(0.0)).scale == 1.0


def test_stored_values_by_hand():
    values = {"growth": 0.5, "share": [0.5, 0.25], "capacity": 250.0, "ceiling": -2.0, "net.layer_1.weight": 1.5}
    theta = LAYOUT.pack(values)
    inverse_softplus_of_one = np.log(np.e - 1)
    assert theta[0] == pytest.approx(inverse_softplus_of_one)  # 0.5 = 0 + 0.5·softplus(r)
    np.testing.assert_allclose(theta[1:3], [0.0, np.log(1 / 3)], atol=1e-15)  # logit
    assert theta[3] == 2.5  # 250 / 100
    assert theta[4] == pytest.approx(inverse_softplus_of_one)  # −2 = 1 − 3·softplus(r)
    np.testing.assert_array_equal(theta[5:], 1.5)


@st.composite
def layouts(draw):
    entries, values = [], {}
    for k in range(draw(st.integers(1, 5))):
        shape = draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
        size = int(np.prod(shape, dtype=int))
        low = draw(st.sampled_from([None, 0.0, -3.0, 1e3]))
        span = draw(st.sampled_from([None, 1.0, 1e-3, 1e4]))
        high = None if span is None else (low or 0.0) + span
        inside = np.array(draw(st.lists(st.floats(1e-3, 1 - 1e-3), min_size=size, max_size=size))).reshape(shape)
        if low is not None and high is not None:
            value = low + (high - low) * inside
        elif low is not None:
            value = low + 10 * inside
        elif high is not None:
            value = high - 10 * inside
        else:
            value = 20 * inside - 10
        values[f"q{k}"] = value
        entries.append(Entry.of_parameter(f"q{k}", Parameter(value, lower=low, upper=high)))
    return Layout(entries), values


@settings(max_examples=60, deadline=None)
@given(layouts())
def test_pack_and_unpack_are_inverse(drawn):
    layout, values = drawn
    unpacked = layout.unpack(layout.pack(values))
    for name, value in values.items():
        np.testing.assert_allclose(unpacked[name], value, rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(layouts(), st.integers(0, 10_000))
def test_any_theta_lies_within_the_bounds_and_views_agree_with_unpack(drawn, seed):
    layout, _ = drawn
    theta = np.random.default_rng(seed).normal(scale=3, size=layout.size)
    symbol = layout.variable()
    graph = Graph((symbol,), {n: layout.view(symbol, n) for n in layout.names})
    seen = graph.evaluate({"theta": theta})
    for entry in layout.entries:
        value = layout.unpack(theta)[entry.name]
        np.testing.assert_allclose(seen[entry.name], value, rtol=1e-12)
        assert seen[entry.name].shape == entry.shape
        assert entry.lower is None or (value >= entry.lower).all()
        assert entry.upper is None or (value <= entry.upper).all()


def test_ensemble_of_thetas_unpacks_with_leading_axis():
    theta = np.random.default_rng(0).normal(size=(4, LAYOUT.size))
    unpacked = LAYOUT.unpack(theta)
    assert unpacked["growth"].shape == (4,)
    assert unpacked["net.layer_1.weight"].shape == (4, 2, 3)
    np.testing.assert_array_equal(unpacked["share"][2], LAYOUT.unpack(theta[2])["share"])


def test_very_small_and_very_large_positive_values_survive():
    layout = Layout([Entry.of_parameter("k", Parameter(1.0, positive=True))])
    for value in (1e-12, 1e-3, 700.0, 1e6):
        assert layout.unpack(layout.pack({"k": value}))["k"] == pytest.approx(value, rel=1e-10)


def test_json_round_trip():
    again = Layout.from_json(json.loads(json.dumps(LAYOUT.to_json())))
    assert again.entries == LAYOUT.entries


def test_pack_takes_what_is_left_out_from_base():
    base = np.arange(11.0)
    theta = LAYOUT.pack({"capacity": 300.0}, base)
    np.testing.assert_array_equal(np.flatnonzero(theta != base), [])
    assert LAYOUT.pack({"capacity": 500.0}, base)[3] == 5.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"groth": 1.0}, "Unknown parameter `groth`. Did you mean `growth`"),
        ({"growth": 0.0}, "`growth` must lie above 0, not at 0.0"),
        ({"share": [0.5, 1.0]}, "`share` must lie above 0 and below 1, not at"),
        ({"growth": np.nan}, "`growth` needs finite numbers, not nan"),
        ({"growth": "much"}, "`growth` needs finite numbers, not 'much'"),
        ({"share": [0.1, 0.2, 0.3]}, r"`share` needs shape \(2,\), not \(3,\)"),
        ({"growth": 1.0}, "No value for `share`, `capacity`, `ceiling`, `net.layer_1.weight`"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(ModelError, match=message):
        LAYOUT.pack(values)


def test_theta_of_the_wrong_length_and_repeated_names():
    with pytest.raises(ModelError, match=r"θ needs 11 values along its last axis; it has shape \(10,\)"):
        LAYOUT.unpack(np.zeros(10))
    with pytest.raises(ModelError, match="Two quantities share the name 'a'"):
        Layout([Entry("a", ()), Entry("a", (2,))])
