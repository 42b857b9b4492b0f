"""Operators in Fourier space: multipliers along one axis, symbols over the whole grid, and the 2/3 rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import OptionError
from ..graph import Expression, irfft, rfft
from .axis import Axis
from .symbol import Symbol, wavenumbers

__all__ = ["along_axis", "applied", "kept", "require_periodic", "symbol_of_axis"]


def require_periodic(axes: tuple[Axis, ...], what: str) -> None:
    """Refuse Fourier methods where an axis isn't a circle."""
    for axis in axes:
        if not axis.periodic:
            raise OptionError(
                f"`{what}` works in Fourier space and needs a periodic axis; axis `{axis.name}` has boundary "
                f"{axis.boundary!r}. Use e.g. `Central(4)` there, or make the axis periodic."
            )


def symbol_of_axis(axes: tuple[Axis, ...], index: int) -> Symbol:
    """∂ along one axis of a periodic grid."""
    axis, last = axes[index], len(axes) - 1
    k = wavenumbers(axis.points, axis.length, index == last)
    return Symbol(0.0, k.reshape([-1 if a == index else 1 for a in range(len(axes))]), [a.points for a in axes])


def kept(axes: tuple[Axis, ...]) -> np.ndarray:
    """1 for modes that the 2/3 rule keeps, else 0, over the half spectrum.

    A mode |κ| ≤ K is free of aliases of products of two kept modes where 3K < n (Orszag 1971).
    """
    mask = np.ones(())
    for i, axis in enumerate(axes):
        n = axis.points
        numbers = np.arange(n // 2 + 1) if i == len(axes) - 1 else np.abs(np.rint(np.fft.fftfreq(n) * n))
        mask = np.multiply.outer(mask, np.where(numbers <= (n - 1) // 3, 1.0, 0.0))
    return mask


def applied(u: Expression, shape: tuple[int, ...], real: Any, imaginary: Any) -> Expression:
    """u multiplied in Fourier space; a part that is 0.0 costs nothing."""
    spectrum = rfft(u, dims=len(shape))
    return irfft(_multiplied(spectrum, real, imaginary), shape)


def _multiplied(spectrum: Any, real: Any, imaginary: Any) -> Any:
    """(real + i·imaginary) times a spectrum (*lead, *half, 2)."""
    terms = []
    if not (isinstance(real, float) and real == 0.0):
        terms.append(spectrum * _beside_parts(real))
    if not (isinstance(imaginary, float) and imaginary == 0.0) or not terms:
        turned = spectrum[..., ::-1]
        terms.append(turned * np.stack([-imaginary, imaginary], axis=-1))
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


def _beside_parts(part: Any) -> Any:
    """Shaped to multiply real and imaginary parts alike."""
    return part if isinstance(part, float) or not part.ndim else part[..., None]


def along_axis(
    u: Expression, axes: tuple[Axis, ...], index: int, transfer: np.ndarray, mask: bool = False
) -> Expression:
    """u multiplied by a transfer function of one axis' wavenumber.

    Parameters
    ----------
    transfer
        Complex values at the modes 0, …, n//2 of that axis.
    mask
        Whether the upper third of the spectrum is dropped as well.
    """
    axis, n = axes[index], axes[index].points
    values: Any = np.array(transfer, dtype=complex)
    values[0] = values[0].real
    if n % 2 == 0:  # the mean over ±K of conjugate values
        values[-1] = values[-1].real
    whole = all(a.periodic for a in axes)
    swap = -1
    if not whole:  # one transform along this axis alone
        axes, swap = (axis,), index - len(axes)
    elif index < len(axes) - 1:  # the first of two axes: negative wavenumbers are the conjugates
        negative = np.conj(values[1 : (n + 1) // 2])[::-1]
        values = np.concatenate([values, negative])[:, None]
    if mask:
        values = values * kept(axes)
    real = values.real if values.real.any() else 0.0
    imaginary = values.imag if values.imag.any() else 0.0
    shape = tuple(a.points for a in axes)
    if swap == -1:
        return applied(u, shape, real, imaginary)
    moved = np.swapaxes(u, swap, -1)  # type: ignore[call-overload]
    return np.swapaxes(applied(moved, shape, real, imaginary), swap, -1)  # type: ignore[call-overload, return-value]
