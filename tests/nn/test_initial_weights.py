"""How networks of dense layers start: distributions of weights, factorisation, frequencies."""

import numpy as np
import pytest

import unideq as ude
from unideq.engine import Minimisation, get_engine
from unideq.nn import MLP, FourierFeatures, ModifiedMLP, Network, PirateNet
from unideq.stored import from_json

from .point_formulas import expanded

KINDS = [
    MLP(2, 1, hidden=(50, 50)),
    ModifiedMLP(2, 1, hidden=(50, 50)),
    PirateNet(2, 1, hidden=50, blocks=1),
]


def factorised(network, factors):
    return type(network)(**{**network.__dict__, "factorised": factors})


@pytest.mark.parametrize("network", KINDS[1:], ids=lambda n: n.kind)
def test_weights_are_glorot_normal_and_the_rest_is_zero(network):
    draws = [network.draw(np.random.default_rng(seed)) for seed in range(40)]
    for name, shape in network.weight_shapes().items():
        values = np.stack([d[name] for d in draws])
        if len(shape) < 2:
            assert (values == 0).all(), name
        else:
            wanted = np.sqrt(2.0 / sum(shape))
            assert values.std() == pytest.approx(wanted, rel=5 / np.sqrt(2 * values.size))
            assert abs(values.mean()) < 5 * wanted / np.sqrt(values.size)


@pytest.mark.parametrize("factors", [None, True])
def test_encoder_biases_may_be_drawn_and_change_no_other_weight(factors):
    plain, drawn = (
        ModifiedMLP(2, 1, hidden=(50, 50), encoder_bias=b, factorised=factors) for b in ("zeros", "glorot_normal")
    )
    without, found = (n.draw(np.random.default_rng(3)) for n in (plain, drawn))
    for name, values in without.items():
        assert (name in ("encoder_u.bias", "encoder_v.bias")) == (not np.array_equal(values, found[name])), name
    many = [drawn.draw(np.random.default_rng(seed)) for seed in range(40)]
    values = np.stack([d[f"encoder_{k}.bias"] for d in many for k in "uv"])
    assert values.std() == pytest.approx(np.sqrt(2.0 / 51), rel=5 / np.sqrt(2 * values.size))
    assert from_json(Network, drawn.to_json()) == drawn


@pytest.mark.parametrize("network", KINDS, ids=lambda n: n.kind)
def test_a_factorised_network_starts_as_the_plain_one_of_the_same_seed(network):
    other = factorised(network, (1.0, 0.1))
    plain, drawn = (n.draw(np.random.default_rng(7)) for n in (network, other))
    for name, weight in plain.items():
        layer, _, part = name.rpartition(".")
        if part == "weight":
            product = np.exp(drawn[f"{layer}.scale"])[:, None] * drawn[f"{layer}.direction"]
            np.testing.assert_allclose(product, weight, rtol=1e-14)
    points = np.random.default_rng(8).uniform(-1, 1, (6, 2))
    np.testing.assert_allclose(expanded(other, drawn, points), expanded(network, plain, points), rtol=1e-12, atol=1e-15)
    layers = sum(n.endswith(".direction") for n in drawn)
    assert other.size == network.size + sum(len(drawn[n]) for n in drawn if n.endswith(".scale"))
    assert layers == sum(n.endswith(".weight") for n in plain)


def test_scales_are_normal_with_the_given_mean_and_deviation():
    network = MLP(2, 1, hidden=(400, 400), factorised=(0.5, 0.3))
    drawn = network.draw(np.random.default_rng(0))
    scales = np.concatenate([v for n, v in drawn.items() if n.endswith(".scale")])
    assert scales.mean() == pytest.approx(0.5, abs=5 * 0.3 / np.sqrt(len(scales)))
    assert scales.std() == pytest.approx(0.3, rel=5 / np.sqrt(2 * len(scales)))
    assert factorised(network, True).factorised == (1.0, 0.1)


def test_frequencies_have_a_deviation_for_each_input():
    network = FourierFeatures(MLP(4000, 1, hidden=()), inputs=2, scale=(1.0, 5.0))
    frequencies = network.draw(np.random.default_rng(0))["frequencies"]
    assert frequencies.shape == (2000, 2)
    np.testing.assert_allclose(frequencies.std(axis=0), [1.0, 5.0], rtol=0.08)
    np.testing.assert_allclose(frequencies.mean(axis=0), 0.0, atol=0.5)


def test_fixed_frequencies_differ_between_seeds_and_training_leaves_them():
    network = FourierFeatures(MLP(8, 1, hidden=(4,)), inputs=1, scale=3.0)
    problem = ude.ResidualProblem(
        {"x": (0.0, 1.0)},
        {"u": network},
        {"slope": ude.Interior(lambda at, field: ude.d(field.u, at.x) - 1.0, points=8)},
    )
    entry = problem.layout["u.frequencies"]
    assert not entry.free
    free = problem.layout.free_mask
    assert free.sum() == len(free) - 4
    first, second = problem.initial_theta(0), problem.initial_theta(1)
    assert not np.allclose(first[~free], second[~free])
    objective = ude.Residual()
    optimizer = ude.Adam(1e-2, 5)
    run = Minimisation(objective.build(problem), first[None], optimizer, free, report_every=5)
    report = get_engine("jax").minimise(run, lambda _: True)
    trained = report.last.theta[0]
    np.testing.assert_array_equal(trained[~free], first[~free])
    assert (trained[free] != first[free]).any()
    again = ude.ResidualProblem(
        problem.domain, {"u": FourierFeatures(network.network, 1, trainable=True)}, dict(problem.terms)
    )
    assert again.layout.free_mask.all()
