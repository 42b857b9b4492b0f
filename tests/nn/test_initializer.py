"""Initial weights: the variances that the papers state, and the same bits for the same seed."""

import numpy as np
import pytest

from unideq.errors import OptionError
from unideq.nn import INITIALIZERS, MLP
from unideq.nn.initializer import draw_weight

OUT, IN = 300, 500

VARIANCES = {
    "glorot_uniform": 2 / (IN + OUT),
    "glorot_normal": 2 / (IN + OUT),
    "he_uniform": 2 / IN,
    "he_normal": 2 / IN,
    "lecun_uniform": 1 / IN,
    "lecun_normal": 1 / IN,
}


@pytest.mark.parametrize("name", sorted(VARIANCES))
def test_variance_is_the_published_one(name):
    w = draw_weight(name, (OUT, IN), np.random.default_rng(0))
    # 150 000 draws: the sample variance's relative deviation is at most sqrt(2 / 150 000) = 0.4 %
    assert w.var() == pytest.approx(VARIANCES[name], rel=0.02)
    assert abs(w.mean()) < 5 * np.sqrt(VARIANCES[name] / w.size)


@pytest.mark.parametrize("name", ["glorot_uniform", "he_uniform", "lecun_uniform"])
def test_uniform_draws_fill_their_interval(name):
    limit = np.sqrt(3 * VARIANCES[name])
    w = draw_weight(name, (OUT, IN), np.random.default_rng(1))
    assert np.abs(w).max() <= limit
    assert np.abs(w).max() > 0.999 * limit


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (4, 4)])
def test_orthogonal_weights_are_orthogonal(shape):
    w = draw_weight("orthogonal", shape, np.random.default_rng(2))
    gram = w @ w.T if shape[0] <= shape[1] else w.T @ w
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-12)


def test_scale_multiplies_and_zeros_are_zeros():
    one = draw_weight("he_normal", (3, 4), np.random.default_rng(3))
    three = draw_weight("he_normal", (3, 4), np.random.default_rng(3), scale=3.0)
    np.testing.assert_allclose(three, 3 * one, rtol=1e-15)
    assert not draw_weight("zeros", (3, 4), np.random.default_rng(3)).any()


@pytest.mark.parametrize("name", INITIALIZERS)
def test_a_seed_gives_the_same_bits(name):
    net = MLP(3, 2, hidden=(7,), initializer=name)
    first, second = net.draw(np.random.default_rng(5)), net.draw(np.random.default_rng(5))
    assert all(first[k].tobytes() == second[k].tobytes() for k in first)
    if name != "zeros":
        assert net.draw(np.random.default_rng(6))["layer_1.weight"].tobytes() != first["layer_1.weight"].tobytes()


def test_first_numbers_of_seed_zero_never_change():
    w = MLP(2, 1, hidden=(2,)).draw(np.random.default_rng(0))["layer_1.weight"]
    limit = np.sqrt(6 / 4)
    np.testing.assert_array_equal(w, np.sqrt(1 / 2) * np.sqrt(3) * np.random.default_rng(0).uniform(-1, 1, (2, 2)))
    assert w[0, 0] == pytest.approx(limit * (2 * 0.6369616873214543 - 1), rel=1e-12)


def test_last_layer_scale_shrinks_the_last_weights_only():
    plain = MLP(2, 2, hidden=(3,)).draw(np.random.default_rng(0))
    small = MLP(2, 2, hidden=(3,), last_layer_scale=0.01).draw(np.random.default_rng(0))
    np.testing.assert_array_equal(small["layer_1.weight"], plain["layer_1.weight"])
    np.testing.assert_allclose(small["layer_2.weight"], 0.01 * plain["layer_2.weight"], rtol=1e-14)


def test_unknown_initializer_names_the_closest():
    with pytest.raises(OptionError, match=r"Unknown `initializer` of `MLP` `he_norml`. Did you mean `he_normal`\?"):
        MLP(2, 1, initializer="he_norml")
    with pytest.raises(OptionError, match="Unknown initializer"):
        draw_weight("nothing", (1, 1), np.random.default_rng(0))
