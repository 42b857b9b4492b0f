"""Brownian increments: their distribution, and that they are the same path at half the step."""

from __future__ import annotations

import numpy as np

from unideq.noise import brownian, increments


def test_increments_follow_from_the_seed_and_the_iteration_alone():
    first = increments(3, 7, (4, 50, 2), 0.04)
    np.testing.assert_array_equal(first, increments(3, 7, (4, 50, 2), 0.04))
    np.testing.assert_array_equal(2 * first, increments([3], 7, (4, 50, 2), 0.16))
    for other in (increments(3, 8, (4, 50, 2), 0.04), increments((3, 0), 7, (4, 50, 2), 0.04)):
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.2
    many = increments(0, 0, (40_000, 2), np.array([0.25, 4.0]))
    np.testing.assert_allclose(many.mean(axis=0) / [0.5, 2], 0, atol=4 / 200)
    np.testing.assert_allclose(many.var(axis=0), [0.25, 4.0], rtol=4 * np.sqrt(2) / 200)


def test_a_path_is_the_same_at_half_the_step():
    """W = W₁ + W₂, and ∫ W dt of a whole step is that of its halves: g (A₁ + A₂) with the chords between them."""
    coarse, area = brownian(5, 3, 6, 2, 0.5)
    for halvings in (1, 2, 3):
        h = 0.5 / 2**halvings
        fine, inside = brownian(5, 3, 6, 2, 0.5, halvings)
        assert fine.shape == inside.shape == (3, 6 * 2**halvings, 2)
        parts, within = (x.reshape(3, 6, -1, 2) for x in (fine, inside))
        np.testing.assert_allclose(parts.sum(axis=2), coarse, atol=1e-14)
        before = np.cumsum(parts, axis=2) - parts
        integral = (within + h * parts / 2 + h * before).sum(axis=2)
        np.testing.assert_allclose(integral - 0.25 * coarse, area, atol=1e-14)


def test_a_path_depends_on_its_number_and_not_on_what_is_drawn_beside_it():
    whole, few = brownian(1, 5, 8, 1, 0.1, 2), brownian(1, 2, 3, 1, 0.1, 2)
    for all_of_them, some in zip(whole, few, strict=True):
        np.testing.assert_array_equal(all_of_them[:2, :12], some)
    assert not np.allclose(whole[0], brownian(2, 5, 8, 1, 0.1, 2)[0])


def test_halves_are_independent_normal_with_their_own_variances():
    """Of 2¹⁶ quarters: variances h and h³/12, and no correlation between neighbours or between increment and area."""
    w, a = (x.ravel() for x in brownian(0, 64, 256, 1, 1.0, 2))
    n, h = w.size, 0.25
    np.testing.assert_allclose([w.var() / h, a.var() / (h**3 / 12)], 1, atol=4 * np.sqrt(2 / n))
    pairs = [(w, a), (w[1:], w[:-1]), (a[1:], a[:-1]), (w[1:], a[:-1]), (w[:-1], a[1:])]
    assert max(abs(np.corrcoef(x, y)[0, 1]) for x, y in pairs) < 4 / np.sqrt(n)
    assert abs((w**4).mean() / (3 * h**2) - 1) < 4 * np.sqrt(96 / 9 / n)
