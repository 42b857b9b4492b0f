"""Spectra of fields on periodic grids: products of Fourier modes, summed over shells of |k|."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["Shells", "energy_spectrum"]


class Shells:
    """Fourier modes of a periodic grid of one or two dimensions, in shells of width 2π/L of the largest period.

    Parameters
    ----------
    shape
        Points along the axes.
    lengths
        Their periods.

    Attributes
    ----------
    wavenumbers
        (K,) of the shells: multiples of the smallest 2π/L.
    resolved
        (K,) True for those that lie whole within the grid's modes, without the mean.
    shell
        Of each mode of the half spectrum, flattened.
    counted
        How many modes of the whole spectrum each stands for; broadcasts over the half spectrum.
    """

    def __init__(self, shape: Sequence[int], lengths: Sequence[float]) -> None:
        self.shape, self.axes = tuple(shape), tuple(range(-len(shape), 0))
        half = self.shape[-1] // 2 + 1
        self.counted = np.full(half, 2.0)
        self.counted[0] = 1.0
        if self.shape[-1] % 2 == 0:
            self.counted[-1] = 1.0
        along = [2 * np.pi * n * np.fft.fftfreq(n) / length for n, length in zip(self.shape, lengths, strict=True)]
        along[-1] = 2 * np.pi * np.arange(half) / lengths[-1]
        self._size = np.sqrt(sum(k**2 for k in np.meshgrid(*along, indexing="ij")))
        step = 2 * np.pi / max(lengths)
        self.shell = shell = np.rint(self._size / step).astype(int).ravel()
        self.wavenumbers = step * np.arange(int(shell.max()) + 1)
        self._order = np.argsort(shell, kind="stable")
        self._present, self._first = np.unique(shell[self._order], return_index=True)
        largest = min(float(np.abs(k).max()) for k in along)
        self.resolved = (self.wavenumbers > 0) & (self.wavenumbers <= largest * (1 + 1e-9))

    def product(self, a: np.ndarray, b: np.ndarray, power: float = 0.0) -> np.ndarray:
        """Σ |k|^power Re(â* b̂) of every shell (…, K): with power 0 they sum to mean(a·b) (Parseval)."""
        with np.errstate(invalid="ignore", over="ignore"):
            one = np.fft.rfftn(a, axes=self.axes)
            two = one if b is a else np.fft.rfftn(b, axes=self.axes)
            found = (one.real * two.real + one.imag * two.imag) / np.prod(self.shape) ** 2
            return self._sums(found * self.counted * self._weights(power))

    def scaled(self, values: np.ndarray, power: float) -> np.ndarray:
        """The field with its modes times |k|^power: (−Δ)^(power/2); the mean of a negative power is zero."""
        if power == 0.0:
            return values
        modes = np.fft.rfftn(values, axes=self.axes) * self._weights(power)
        return np.fft.irfftn(modes, self.shape, axes=self.axes)

    def _weights(self, power: float) -> np.ndarray:
        if power == 0.0:
            return np.ones(())
        return np.where(self._size > 0, np.where(self._size > 0, self._size, 1.0) ** power, 0.0)

    def _sums(self, of_modes: np.ndarray) -> np.ndarray:
        flat = of_modes.reshape(*of_modes.shape[: of_modes.ndim - len(self.shape)], -1)
        summed = np.zeros((*flat.shape[:-1], len(self.wavenumbers)))
        summed[..., self._present] = np.add.reduceat(flat[..., self._order], self._first, axis=-1)
        return summed


def energy_spectrum(values: np.ndarray, lengths: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Energy per wavenumber of fields on a periodic grid; in two dimensions summed over shells of |k|.

    Parameters
    ----------
    values
        Fields (…, *space) of one or two space dimensions; they sum to ½ mean(u²) (Parseval).
    lengths
        Periods of the axes.

    Returns
    -------
    wavenumbers, energy
        (K,) multiples of the smallest 2π/L; (…, K).
    """
    shells = Shells(values.shape[values.ndim - len(lengths) :], lengths)
    return shells.wavenumbers, 0.5 * shells.product(values, values)
