"""Scrambled Sobol points: a low-discrepancy sequence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from ...checks import known_arguments
from ...errors import ExtraMissing
from ...stored import stored
from .sampler import Sampler

__all__ = ["Sobol"]

BITS = 32


@stored
@known_arguments
@dataclass(frozen=True)
class Sobol(Sampler):
    """Sobol's sequence, scrambled anew in every draw: fills the region more evenly than independent points do.

    Any count works; powers of two balance best. Draws of other counts are the first points of the next power of two.

    Parameters
    ----------
    redraw
        Iterations for which the same points serve; 1: new ones in every iteration; None: fixed, drawn once.

    Raises
    ------
    ExtraMissing
        When drawing, if SciPy isn't installed.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> ude.samplers.Sobol().draw(100, 2, np.random.default_rng(0)).shape
    (100, 2)

    References
    ----------
    Sobol', USSR Comput. Math. Math. Phys. 7, 86 (1967); scrambling of Matoušek, J. Complexity 14, 527 (1998).
    """

    kind: ClassVar[str] = "sobol"

    def draw(self, count: int, dimensions: int, generator: np.random.Generator) -> np.ndarray:
        """Points (count, dimensions) of the unit cube."""
        digits = max(count - 1, 1).bit_length()
        return scrambled(sequence(digits, dimensions), digits, generator)[:count]


@lru_cache(maxsize=32)
def sequence(digits: int, dimensions: int) -> np.ndarray:
    """The first 2^digits points of the plain sequence as whole multiples of 2^−32, (2^digits, dimensions)."""
    try:
        from scipy.stats import qmc
    except ImportError as error:
        raise ExtraMissing(
            '`Sobol` points need SciPy. Type `pip install "unideq[jax]"`, or use `LatinHypercube()`.'
        ) from error
    points = qmc.Sobol(dimensions, scramble=False).random_base2(digits)
    return (points * 2.0**BITS).astype(np.uint32)


def scrambled(points: np.ndarray, digits: int, generator: np.random.Generator) -> np.ndarray:
    """Random linear scramble and digital shift; SciPy's own is the same, but takes a millisecond a draw.

    Each leading binary digit is replaced by itself and random digits behind it, and all digits are shifted (mod 2).
    """
    dimensions = points.shape[1]
    columns, shift = generator.integers(0, 2**BITS, (digits, dimensions)), generator.integers(0, 2**BITS, dimensions)
    result = np.broadcast_to(shift.astype(np.uint32), points.shape)
    for k in range(digits):
        own = 1 << (BITS - 1 - k)
        column = (columns[k] % own + own).astype(np.uint32)
        result = result ^ np.where(points & np.uint32(own), column, np.uint32(0))
    return result * 2.0**-BITS
