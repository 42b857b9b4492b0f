"""Shells of wavenumbers, against Parseval's theorem and waves that can be written down."""

import numpy as np
import pytest

from unideq.grid.spectrum import Shells

SQUARE = (2 * np.pi, 2 * np.pi)


@pytest.mark.parametrize(
    ("shape", "lengths"), [((9,), (3.0,)), ((8,), (2.0,)), ((8, 12), SQUARE), ((7, 5), (2.0, 6.0))]
)
def test_products_of_modes_sum_to_the_mean_of_the_product(shape, lengths):
    shells = Shells(shape, lengths)
    a, b = np.random.default_rng(0).normal(size=(2, 3, *shape))
    space = tuple(range(-len(shape), 0))
    assert shells.product(a, b).sum(-1) == pytest.approx((a * b).mean(space), abs=1e-14)
    for power in (-2.0, 2.0):
        weighed = (shells.scaled(a, power) * b).mean(space)
        assert shells.product(a, b, power).sum(-1) == pytest.approx(weighed, rel=1e-9, abs=1e-13)


def test_a_wave_is_scaled_by_its_wavenumber_and_whole_shells_end_at_the_grids_last_mode():
    x, y = np.meshgrid(*[2 * np.pi * np.arange(16) / 16] * 2, indexing="ij")
    wave, shells = np.cos(3 * x + 4 * y), Shells((16, 16), SQUARE)
    np.testing.assert_allclose(shells.scaled(wave, -2.0), wave / 25, atol=1e-15)
    np.testing.assert_allclose(shells.scaled(1.0 + wave, 2.0), 25 * wave, atol=1e-12)
    assert shells.wavenumbers[shells.resolved].tolist() == list(range(1, 9))
    assert shells.product(wave, 2 * wave)[5] == pytest.approx(1.0)
