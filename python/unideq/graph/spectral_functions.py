"""Fourier transforms and convolutions for people: on symbolic arrays they record, on NumPy arrays they compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .expression import Expression, apply

__all__ = ["convolve", "irfft", "rfft"]


def rfft(x: Any, dims: int = 1) -> Any:
    """Real Fourier transform over the last axes, unnormalised, as `numpy.fft.rfftn`.

    Parameters
    ----------
    x
        Array or expression (*lead, *space).
    dims
        How many axes at the end are space: 1 (default) or 2.

    Returns
    -------
    Expression or ndarray
        (*lead, *half, 2): half the modes (the last axis of space keeps n//2 + 1), and a last axis (real, imaginary).
        An array for arrays.

    Raises
    ------
    TraceError
        If the array has too few axes, or `dims` isn't 1 or 2.

    Examples
    --------
    >>> import numpy as np
    >>> from unideq.graph import irfft, rfft
    >>> x = 2 * np.pi * np.arange(8) / 8
    >>> k = np.arange(5.0)
    >>> spectrum = rfft(np.sin(x))
    >>> slope = spectrum[:, ::-1] * np.stack([-k, k], axis=-1)  # times ik
    >>> bool(np.allclose(irfft(slope, (8,)), np.cos(x)))
    True
    """
    return _computed(apply("rfft", x, dims=dims), x)


def irfft(spectrum: Any, shape: int | Sequence[int]) -> Any:
    """Inverse of `rfft`, with the factor 1/N, as `numpy.fft.irfftn`.

    Parameters
    ----------
    spectrum
        Array or expression (*lead, *half, 2), its last axis (real, imaginary).
    shape
        Lengths of the one or two axes of space; the last can't be told from the spectrum.

    Returns
    -------
    Expression or ndarray
        (*lead, *shape). Imaginary parts that no real array has (of wave number 0, and of the Nyquist mode, along the
        last axis) are dropped.

    Raises
    ------
    TraceError
        If the spectrum doesn't have the modes of `shape`, or no last axis of length 2.
    """
    return _computed(apply("irfft", spectrum, shape=shape), spectrum)


def convolve(x: Any, kernel: Any, boundary: str | Sequence[str] = "periodic") -> Any:
    """Convolution of channels on a grid: y[o, i] = Σ_c Σ_j K[o, c, j] x[c, i + j − r] with r = (size − 1)/2.

    Parameters
    ----------
    x
        Array or expression (*lead, C_in, *space), one or two axes of space.
    kernel
        (C_out, C_in, *size), of odd sizes not longer than the axes.
    boundary
        `periodic` (default) or `zero`, what lies outside; or one of them for each axis of space.

    Returns
    -------
    Expression or ndarray
        (*lead, C_out, *space). An array where both arguments are arrays.

    Raises
    ------
    TraceError
        If channels or sizes don't fit.

    Examples
    --------
    >>> import numpy as np
    >>> from unideq.graph import convolve
    >>> kernel = np.array([[[-0.5, 0.0, 0.5]]])  # central difference
    >>> convolve(np.arange(5.0)[None], kernel, "zero")[0]
    array([ 0.5,  1. ,  1. ,  1. , -1.5])
    """
    return _computed(apply("convolution", x, kernel, boundary=boundary), x, kernel)


def _computed(result: Expression, *arguments: Any) -> Any:
    """Arrays in, array out: constants have folded already."""
    symbolic = any(isinstance(a, Expression) for a in arguments)
    return result if symbolic or not result.is_constant else result.value.copy()
