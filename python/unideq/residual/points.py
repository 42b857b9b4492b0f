"""Points of terms: drawn in the unit cube by a sampler, cut into slices of time, placed, and kept where inside."""

from __future__ import annotations

import numpy as np

from ..errors import ModelError
from .domain import Domain, Points
from .samplers import Sampler
from .terms import Term

__all__ = ["Draws", "drawn", "even", "stratified"]

MOST = 2**20
"""Most candidates drawn for the points of one term in a domain of another shape than its box."""


class Draws:
    """The random numbers of one term: draw k always gets the same ones (Philox counters, a microsecond apart).

    Parameters
    ----------
    seed, salt, which
        Of the objective, the stage and the term.
    """

    def __init__(self, seed: int, salt: int, which: int) -> None:
        key = np.random.SeedSequence([seed, salt, which]).generate_state(2, np.uint64)
        self._bits = np.random.Philox(key=key)
        self._generator = np.random.Generator(self._bits)
        self._start = self._bits.state

    def generator(self, number: int) -> np.random.Generator:
        """At the beginning of a draw; the generator of the one before is then used up."""
        self._start["state"]["counter"][3] = number
        self._bits.state = self._start
        return self._generator


def drawn(
    term: Term, domain: Domain, sampler: Sampler, count: int, generator: np.random.Generator, chunks: int = 1
) -> Points:
    """Points of a term's region.

    Parameters
    ----------
    count
        M, a multiple of `chunks`.
    chunks
        Equal slices of time (`t`), in order, each with M / chunks points.

    Raises
    ------
    ModelError
        If hardly any point of the box is inside the domain.
    """
    dimensions = term.dimensions(domain)
    if not term.cut(domain):
        return term.place(domain, stratified(domain, sampler.draw(count, dimensions, generator), chunks))
    candidates = 2 * count
    while candidates <= max(MOST, 2 * count):
        unit = stratified(domain, sampler.draw(candidates, dimensions, generator), chunks)
        points = term.place(domain, unit)
        inside = np.flatnonzero(domain.contains(points))
        slices = np.split(inside, np.searchsorted(inside, np.arange(1, chunks) * (candidates // chunks)))
        if min(len(s) for s in slices) >= count // chunks:
            rows = np.concatenate([s[: count // chunks] for s in slices])
            return {n: values[rows] for n, values in points.items()}
        candidates *= 4
    raise ModelError(
        f"Of {candidates // 4} points that were drawn for {count}, {len(inside)} lie inside the domain. "
        "Choose intervals that fit its shape, or check `inside`."
    )


def stratified(domain: Domain, unit: np.ndarray, chunks: int) -> np.ndarray:
    """Points (M, d) of the cube in slices of time, in order, each with as many.

    Evenly spread points, which have as many in each slice already, stay where they are. Of others the first M/chunks
    are moved in time into the first slice, and so on: independent uniform points are that within every slice.
    """
    if chunks == 1:
        return unit
    time, each = domain.names.index("t"), len(unit) // chunks
    slices = np.minimum((unit[:, time] * chunks).astype(int), chunks - 1)
    if (np.bincount(slices, minlength=chunks) == each).all():
        return unit[np.argsort(slices, kind="stable")]
    moved = unit.copy()
    moved[:, time] = (np.repeat(np.arange(chunks), each) + unit[:, time]) / chunks
    return moved


def even(count: int, dimensions: int) -> np.ndarray:
    """Fixed points (count, dimensions) that fill the unit cube evenly.

    Roberts' R sequence: frac(1/2 + k α), αⱼ = φ⁻ʲ, φ the root of φ^(d+1) = φ + 1.
    """
    phi = 2.0
    for _ in range(60):
        phi = (1.0 + phi) ** (1.0 / (dimensions + 1))
    steps = phi ** -np.arange(1.0, dimensions + 1)
    return (0.5 + np.arange(1, count + 1)[:, None] * steps) % 1.0
