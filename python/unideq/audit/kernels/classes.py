"""What convolution kernels let pass: low-, high- and band-pass, Gabor, by a rule on their spectra at the grid's size.

Ĝ(k) is the transform of the kernel in zeros, at the wavenumbers k of the grid in radians a cell; |k|∞ is the larger of
the components' sizes, and gains are relative to max |Ĝ|. The *mean's* gain is |Ĝ(0)|; the *edge's* is the root mean
square over |k|∞ = π, the shortest waves; the *middle's* that over 3π/8 ≤ |k|∞ ≤ 5π/8. What has a gain of ½ or more
passes. In this order a kernel is

1. `Gabor` where it is oriented, its maximum lies at π/4 ≤ |k|∞ ≤ 3π/4, and the edge doesn't pass;
2. `band-stop` where mean and edge pass and the middle doesn't; `all-pass` where they all do;
3. `low-pass` where the mean passes, `high-pass` where the edge does;
4. `band-pass` where neither does.

It is oriented, in two dimensions, where |Σ |Ĝ|² e^{2iφ}| ≥ ½ Σ |Ĝ|² over the directions φ of the wavenumbers about as
long as that of the maximum (within π/8). In one dimension there are no directions: what would be Gabor is `band-pass`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...checks import array, sequence, whole
from ...errors import OptionError

__all__ = ["CLASSES", "classes_of", "kernel_classes", "transforms"]

CLASSES = ("low-pass", "high-pass", "band-pass", "Gabor", "band-stop", "all-pass", "zero")
PASSES = 0.5
"""Gain from which a wavenumber passes, and share of power from which a kernel is oriented."""
AT_ONCE = 2_000_000
"""Numbers of spectra that are looked at together."""

Found = dict[str, np.ndarray]


def kernel_classes(kernels: np.ndarray, shape: Sequence[int]) -> Found:
    """What kernels let pass, by the rule of this module (`unideq.audit.kernels.classes`).

    Parameters
    ----------
    kernels
        (…, *k): convolution kernels of one or two dimensions, as many as `shape` has.
    shape
        Points of the grid along its axes, at least as many as the kernels'.

    Returns
    -------
    dict
        Arrays (…): `kind` (one of `low-pass`, `high-pass`, `band-pass`, `Gabor`, `band-stop`, `all-pass`, `zero`),
        `gain_mean`, `gain_edge`, `gain_middle`, `anisotropy` (0 … 1), `peak` (wavenumber of the largest |Ĝ|, radians a
        cell), `orientation` (of the direction that passes, degrees in [0, 180), NaN where there is none) and
        `bandwidth` (share of the wavenumbers that pass).

    Raises
    ------
    OptionError
        If the kernels have fewer axes than the grid, are larger, or hold NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from unideq.audit.kernels import kernel_classes
    >>> kernel_classes(np.array([[1.0, 2.0, 1.0], [-1.0, 2.0, -1.0], [1.0, 0.0, -1.0]]), (16,))["kind"].tolist()
    ['low-pass', 'high-pass', 'band-pass']
    """
    size = sequence(
        shape,
        "shape",
        "kernel_classes",
        needs="points along the axes",
        least=1,
        each=lambda n: whole(n, "shape", least=1),
    )
    given = array(kernels, "kernels", "kernel_classes")
    if len(size) > 2 or given.ndim < len(size):
        raise OptionError(f"`kernel_classes` needs kernels of one or two dimensions, not {given.shape} on {size}.")
    own = given.shape[given.ndim - len(size) :]
    if any(k > n for k, n in zip(own, size, strict=True)):
        raise OptionError(f"A kernel of {own} points doesn't fit a grid of {size}.")
    flat = given.reshape(-1, *own)
    step = max(1, AT_ONCE // int(np.prod(size)))
    parts = [classes_of(transforms(flat[k : k + step], size)) for k in range(0, max(len(flat), 1), step)]
    lead = given.shape[: given.ndim - len(size)]
    return {n: np.concatenate([p[n] for p in parts]).reshape(lead) for n in parts[0]}


def transforms(kernels: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """|Ĝ| (n, *shape) of kernels (n, *k) in zeros; wavenumbers as `np.fft.fftfreq` has them."""
    return np.abs(np.fft.fftn(kernels, s=tuple(shape), axes=tuple(range(1, 1 + len(shape)))))


def classes_of(magnitude: np.ndarray) -> Found:
    """The same from |Ĝ| (n, *shape)."""
    shape, dims = magnitude.shape[1:], magnitude.ndim - 1
    along = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in shape), indexing="ij")
    largest = np.max([np.abs(k) for k in along], axis=0).ravel()
    length = np.sqrt(sum(k**2 for k in along)).ravel()
    flat = magnitude.reshape(len(magnitude), -1)
    top = flat.max(axis=1)
    gains = flat / np.where(top > 0, top, 1.0)[:, None]

    def over(where: np.ndarray) -> np.ndarray:
        return np.sqrt((gains[:, where] ** 2).mean(axis=1)) if where.any() else np.zeros(len(gains))

    mean, edge = gains[:, 0], over(largest >= largest.max() - 1e-9)
    middle = over(np.abs(largest - np.pi / 2) <= np.pi / 8)
    at = gains.argmax(axis=1)
    anisotropy, orientation = np.zeros(len(gains)), np.full(len(gains), np.nan)
    if dims == 2:
        angle = np.arctan2(along[1], along[0]).ravel()
        ring = (np.abs(length - length[at][:, None]) <= np.pi / 8) & (length > 0)
        power = np.where(ring, gains**2, 0.0)
        moment = (power * np.exp(2j * angle)).sum(axis=1)
        anisotropy = np.abs(moment) / np.maximum(power.sum(axis=1), 1e-300)
        orientation = np.where(anisotropy >= 0.1, np.degrees(np.angle(moment)) / 2 % 180.0, np.nan)
    low, high, between = mean >= PASSES, edge >= PASSES, np.abs(largest[at] - np.pi / 2) <= np.pi / 4
    gabor = (anisotropy >= PASSES) & between & ~high
    kind = np.select(
        [top == 0, gabor, low & high & (middle < PASSES), low & high, low, high],
        ["zero", "Gabor", "band-stop", "all-pass", "low-pass", "high-pass"],
        "band-pass",
    )
    return {
        "kind": kind,
        "gain_mean": mean,
        "gain_edge": edge,
        "gain_middle": middle,
        "anisotropy": anisotropy,
        "peak": length[at],
        "orientation": orientation,
        "bandwidth": (gains >= PASSES).mean(axis=1),
    }
