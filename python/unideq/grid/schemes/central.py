"""Central differences of 2nd, 4th and 6th order: symmetric stencils, without dissipation."""

from __future__ import annotations

from dataclasses import dataclass

from ...checks import known_arguments
from ...stored import stored
from .base import OfChosenOrder, StencilScheme, Weights, central_offsets, explicit_weights, one_of

__all__ = ["Central"]


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class Central(OfChosenOrder, StencilScheme):
    """Central differences.

    Parameters
    ----------
    accuracy
        Order of accuracy: 2, 4 (default) or 6, for every derivative from the first to the fourth.

    Raises
    ------
    OptionError
        If the order is another.

    Examples
    --------
    >>> import unideq as ude
    >>> coefficients, offsets = ude.schemes.Central(2).stencil(2)
    >>> coefficients.tolist(), offsets.tolist()
    ([1.0, -2.0, 1.0], [-1, 0, 1])
    """

    accuracy: int = 4

    def __post_init__(self) -> None:
        one_of("Central", self.accuracy, (2, 4, 6))

    def closure(self, derivative: int) -> int:
        """As many interior points as keep the order beside a boundary; fewer where that would be unstable.

        Advection by sixth-order differences grows with seven- and six-condition ghosts (largest real part of dx times
        the eigenvalues 0.070 and 0.0025), and decays with five: its first derivative has order 4 beside a boundary.
        """
        return 4 if (self.accuracy, derivative) == (6, 1) else super().closure(derivative)

    def weights(self, derivative: int) -> Weights:
        """The symmetric stencil of highest order with ⌊(m + 1)/2⌋ + order/2 − 1 neighbours a side."""
        radius = (derivative + 1) // 2 + self.accuracy // 2 - 1
        return explicit_weights(central_offsets(radius), derivative)
