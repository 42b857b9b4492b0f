"""The size of a variable's measurements, which residuals are divided by: their standard deviation without outliers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .series import Series

__all__ = ["far_values", "far_words", "outliers", "scale_of"]

APART = 20.0
"""Standard deviations of the middle of the values beyond which a lone value is an outlier."""
MIDDLE = 0.9
"""Share of the values that is the middle."""
FEWEST = 10
"""Values below which there is no telling."""
LONGEST = 2
"""Measurements in a row that may be outliers."""
FAR = 1e6
"""Standard deviations of the rest of a variable's values beyond which some are told."""
USUAL_FILLS = (-99.0, -999.0, -9999.0, -99999.0, 9999.0, 99999.0, 1e20, -1e20, 1e30, -1e30, 9.96921e36)
"""Numbers that stand for missing values in files."""


def scale_of(values: np.ndarray) -> float:
    """Standard deviation of finite values; their size where they don't vary; 1 where they are zero or none."""
    if not values.size:
        return 1.0
    deviation, size = float(values.std()), float(np.abs(values).max())
    return deviation if deviation > 1e-9 * size else size or 1.0


def outliers(series: Sequence[Series], name: str) -> list[np.ndarray]:
    """For every trajectory, bool like its values: the gross outliers, which no curve through the others explains.

    A value is one where it lies more than 20 standard deviations of the middle 90 % of all values from their median,
    alone or beside one other such value, with measurements before and after it in its trajectory that don't. So a fast
    decay's first value, a pulse or a front isn't one. Where more than a tenth of the values would be, none is.
    """
    none = [np.zeros(s.values[name].shape, dtype=bool) for s in series]
    everything = np.concatenate([s.values[name] for s in series])
    finite = everything[np.isfinite(everything)]
    if len(finite) < FEWEST:
        return none
    centre = np.median(finite)
    distance = np.abs(finite - centre)
    middle = finite[distance <= np.quantile(distance, MIDDLE, method="inverted_cdf")]
    spread = float(middle.std())
    if spread <= 1e-9 * float(np.abs(middle).max()) or distance.max() <= APART * spread:
        return none
    found = [_lone(np.abs(s.values[name] - centre) > APART * spread, np.isfinite(s.values[name])) for s in series]
    return found if sum(int(f.sum()) for f in found) <= (1.0 - MIDDLE) * len(finite) else none


def _lone(far: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Of far values (K, *shape), those in short runs between measurements that aren't far."""
    result = np.zeros(far.shape, dtype=bool)
    flat, measured, lone = (a.reshape(len(far), -1) for a in (far, known, result))
    for column in np.flatnonzero(flat.any(axis=0)):
        rows = np.flatnonzero(measured[:, column])
        marks = np.concatenate([[True], flat[rows, column], [True]])  # the ends explain themselves
        edges = np.flatnonzero(np.diff(marks.astype(int)))
        # Runs of far values between two near ones: from a rise (odd edges) to the fall after it.
        for begin, end in zip(edges[1::2], edges[2::2], strict=False):
            if end - begin <= LONGEST:
                lone[rows[begin:end], column] = True
    return result


def far_values(finite: np.ndarray) -> np.ndarray:
    """Of finite values, the fewer ones that lie 10⁶ standard deviations of the others away from them.

    And numbers by which files say `missing`, where they lie ten standard deviations away.
    """
    if finite.size < 3:
        return finite[:0]
    usual = np.isin(finite, USUAL_FILLS) | np.isclose(np.abs(finite), 9.96921e36, rtol=1e-5, atol=0.0)
    if usual.any() and not usual.all():
        rest = finite[~usual]
        beyond = np.abs(finite - np.median(rest)) > 10.0 * scale_of(rest)
        outlying = np.abs(finite) > 3.0 * np.abs(rest).max()
        if (usual & beyond & outlying).any():
            return finite[usual & beyond & outlying]
    distance = np.abs(finite - np.median(finite))
    order = np.argsort(distance)
    ranked = distance[order]
    half = finite.size // 2
    steps = ranked[half + 1 :] / np.maximum(ranked[half:-1], 1e-300)
    if not steps.size:
        return finite[:0]
    cut = half + 1 + int(np.argmax(steps))  # where the values part
    rest, others = finite[order[:cut]], finite[order[cut:]]
    spread = float(rest.std())
    if spread > 0 and ranked[cut] > FAR * max(spread, 1e-9 * float(np.abs(rest).max())):
        return finite[np.isin(finite, others)]
    return finite[:0]


def far_words(name: str, finite: np.ndarray, far: np.ndarray, place: str = "") -> str:
    """What to tell of far values, the first of them at a place."""
    rest = finite[~np.isin(finite, far)]
    return (
        f"`{name}` holds {far.size} value{'s' * (far.size > 1)} far from all others, the first {far[0]:g}"
        f"{place and f' {place}'}; the other {rest.size} lie between {rest.min():g} and {rest.max():g}. They are "
        "trained on. If they mean that nothing was measured, write NaN, "
        f"`data.where(data[{name!r}] != {far[0]:g})`, or name them in the attribute `_FillValue` of `{name}`."
    )
