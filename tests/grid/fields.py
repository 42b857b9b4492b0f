"""What the tests of grids share: smooth fields with exact derivatives, and measured orders."""

import numpy as np

import unideq as ude


def circle(points, scheme=None, boundary="periodic"):
    """A grid on [0, 2π)."""
    axis = ude.Axis("x", 0.0, 2 * np.pi, points, boundary=boundary)
    return ude.Grid(axis) if scheme is None else ude.Grid(axis, scheme=scheme)


def smooth(x):
    """A 2π-periodic function with all waves, falling off fast."""
    return np.exp(np.sin(x))


def two_waves(x):
    """Long waves only, so that the leading error is nearly all of it."""
    return np.sin(x) + 0.3 * np.cos(2 * x)


def derivative(function, x, order, modes=30):
    """The derivative of a smooth 2π-periodic function at equidistant points, by its Fourier series."""
    n = 256
    fine = 2 * np.pi * np.arange(n) / n
    series = np.fft.rfft(function(fine)) / n
    k = np.arange(modes)
    waves = 2.0 * (1j * k) ** order * series[:modes]
    waves[0] /= 2.0
    return np.real(np.exp(1j * np.multiply.outer(x, k)) @ waves)


def slope(coarse, fine, ratio=2.0):
    """Measured order of accuracy from two errors."""
    return np.log(coarse / fine) / np.log(ratio)
