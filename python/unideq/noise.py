"""Increments of Brownian motion, drawn in NumPy, so that both engines see the same paths.

`increments` are fresh for every iteration of a training; `brownian` are those of paths that stay the same where steps
are halved.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["brownian", "increments"]


def increments(
    seed: int | Sequence[int], iteration: int, shape: Sequence[int], dt: float | np.ndarray = 1.0
) -> np.ndarray:
    """Normal increments, mean 0 and variance `dt`, of that shape; they follow from the seed and the iteration alone.

    Parameters
    ----------
    seed
        One whole number >= 0 or several.
    iteration
        Whole number >= 0.
    shape
        Of what is drawn, e.g. (trajectories, steps, Brownian motions).
    dt
        Time of a step, in time units; an array that broadcasts to `shape` where steps differ.
    """
    return np.sqrt(dt) * _generator(*np.atleast_1d(seed), iteration).standard_normal(tuple(shape))


def brownian(
    seed: int, trajectories: int, steps: int, size: int, dt: float, halvings: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Brownian paths that stay the same, at the times that they share, whatever the number of halvings.

    A trajectory's path depends on the seed and its number, and its first steps don't depend on how many follow. Where
    steps are halved, increments and areas are drawn from their joint distribution given those of the whole step, so
    that both add up to them exactly.

    Parameters
    ----------
    seed
        Whole number >= 0.
    trajectories, steps, size
        How many paths, steps of a path before any is halved, and independent Brownian motions.
    dt
        Time of a step before it is halved, in time units.
    halvings
        How often all steps are halved.

    Returns
    -------
    (ΔW, A), each (trajectories, steps·2^halvings, size)
        Increments ΔW of each step, of length h, and areas A = ∫ (W − W₀) ds − h ΔW / 2 between the path and its chord.
    """
    drawn = [[_generator(seed, i, level) for i in range(trajectories)] for level in range(halvings + 1)]

    def normal(level: int, count: int) -> list[np.ndarray]:
        rows = np.stack(
            [generator.standard_normal((steps << max(level - 1, 0), count, size)) for generator in drawn[level]]
        )
        return [rows[:, :, k] for k in range(count)]

    w, a = normal(0, 2)
    w, a = np.sqrt(dt) * w, np.sqrt(dt**3 / 12) * a
    for level in range(1, halvings + 1):
        # Halves of length g with increments W₁, W₂ and areas A₁, A₂: W = W₁ + W₂, A = A₁ + A₂ + g (W₁ − W₂) / 2.
        g = dt / 2**level
        difference, *areas = normal(level, 3)
        difference, first, second = np.sqrt(2 * g) * difference, *(np.sqrt(g**3 / 12) * x for x in areas)
        missing = a - (first + second + g * difference / 2)  # Var A = 2 g³/3, Cov(W₁ − W₂, A) = g², Cov(A₁, A) = g³/12
        difference, first, second = difference + 1.5 / g * missing, first + missing / 8, second + missing / 8
        w = _alternating((w + difference) / 2, (w - difference) / 2)
        a = _alternating(first, second)
    return w, a


def _alternating(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """First and second halves of steps, one after the other, along axis 1."""
    return np.stack([first, second], axis=2).reshape(len(first), -1, first.shape[-1])


def _generator(*seeds: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([int(s) for s in seeds])))
