"""Increments of Brownian motion, drawn in NumPy, so that both engines see the same paths.

`increments` are fresh for every iteration of a training; `brownian` are those of paths that stay the same where steps
are halved.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["brownian", "double_integrals", "increments"]


BLOCK = 32
"""Trajectories that share a generator, whose numbers come step by step: a new generator costs more than a path."""


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
    seed: int, trajectories: int | range, steps: int, size: int, dt: float, halvings: int = 0
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
        How many paths (or their numbers), steps of a path before any is halved, and independent Brownian motions.
    dt
        Time of a step before it is halved, in time units.
    halvings
        How often all steps are halved.

    Returns
    -------
    (ΔW, A), each (trajectories, steps·2^halvings, size)
        Increments ΔW of each step, of length h, and areas A = ∫ (W − W₀) ds − h ΔW / 2 between the path and its chord.
    """
    numbers = range(trajectories) if isinstance(trajectories, int) else trajectories
    blocks = range(numbers.start // BLOCK, -(-numbers.stop // BLOCK))

    def normal(level: int, count: int) -> list[np.ndarray]:
        shape = steps << max(level - 1, 0), BLOCK, count, size
        drawn = np.concatenate([_generator(seed, block, level).standard_normal(shape) for block in blocks], axis=1)
        kept = drawn[:, numbers.start - BLOCK * blocks.start :][:, : len(numbers)].swapaxes(0, 1)
        return [kept[:, :, k] for k in range(count)]

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


def double_integrals(w: np.ndarray, a: np.ndarray, dt: float, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Increments and double Itô integrals I_jk = ∫∫ dWʲ dWᵏ of steps made of so many equal parts.

    Within a part the antisymmetric half is what its increment and area tell of it (Foster, Lyons and Oberhauser 2020);
    the rest has a variance of h²/(12·parts) a pair.

    Parameters
    ----------
    w, a
        Increments and areas of the parts (trajectories, steps·parts, m), as `brownian` gives them.
    dt
        Time of a part.
    parts
        Parts a step.

    Returns
    -------
    (ΔW (trajectories, steps, m), I (trajectories, steps, m, m))
    """
    w, a = (x.reshape(len(x), -1, parts, x.shape[-1]) for x in (w, a))
    before = np.cumsum(w, axis=2) - w
    within = before + 0.5 * w + a / dt  # the mean of Wʲ over a part, where Wᵏ is taken along its chord
    found = np.einsum("bspj,bspk->bsjk", within, w) - np.einsum("bspj,bspk->bsjk", w, a / dt)
    return w.sum(axis=2), found - 0.5 * dt * parts * np.eye(w.shape[-1])


def _alternating(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """First and second halves of steps, one after the other, along axis 1."""
    return np.stack([first, second], axis=2).reshape(len(first), -1, first.shape[-1])


def _generator(*seeds: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([int(s) for s in seeds])))
