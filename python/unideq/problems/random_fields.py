"""Random smooth periodic fields: what ready problems start from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import whole
from ..grid import Grid

__all__ = ["random_waves"]


def checked_draw(trajectories: Any, seed: Any) -> tuple[int, int]:
    """How many initial states, and the seed that they are drawn with."""
    return whole(trajectories, "trajectories", least=1), whole(seed, "seed", least=0)


def random_waves(
    grid: Grid, trajectories: int, seed: int, modes: int = 4, amplitude: float = 1.0, peak: int | None = None
) -> np.ndarray:
    """Sums of sine waves of all wave numbers up to `modes`, independent normal amplitudes, mean 0.

    Parameters
    ----------
    grid
        Periodic, 1-D or 2-D.
    trajectories, seed
        How many, and from which generator.
    modes
        Largest wave number along an axis.
    amplitude
        Standard deviation of a field over space, on average over fields.
    peak
        Wave number around which a 2-D spectrum is concentrated (width 2); None: white up to `modes`.

    Returns
    -------
    numpy.ndarray
        (trajectories, *grid). The same waves on every grid of the domain.
    """
    trajectories, seed = checked_draw(trajectories, seed)
    generator = np.random.default_rng(seed)
    axes = [2 * np.pi * np.arange(n) / n for n in grid.shape]
    mesh = np.meshgrid(*axes, indexing="ij")
    waves = np.stack(np.meshgrid(*[np.arange(-modes, modes + 1)] * len(axes), indexing="ij"), -1).reshape(-1, len(axes))
    waves = waves[np.array([tuple(w) > (0,) * len(axes) for w in waves])]  # one of k and −k, never 0
    weights = np.ones(len(waves))
    if peak is not None:
        weights = np.exp(-((np.linalg.norm(waves, axis=1) - peak) ** 2) / 8.0)
    weights = weights * amplitude / np.sqrt((weights**2).sum())
    result = np.zeros((trajectories, *grid.shape))
    cosines, sines = generator.standard_normal((2, trajectories, len(waves)))
    for k, wave in enumerate(waves):
        phase = sum(w * m for w, m in zip(wave, mesh, strict=True))
        lead = (slice(None), *(None,) * len(axes))
        result += weights[k] * (cosines[:, k][lead] * np.cos(phase) + sines[:, k][lead] * np.sin(phase))
    return result
