"""What a network's outputs are to a closure's term: the term, a flux, or part of an operator that conserves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import OptionError
from ..grid import Grid
from ..grid.schemes import Central, Fourier, Scheme
from .normalisation import by_own_deviation

__all__ = ["FORMS", "Form", "antisymmetric"]

FORMS = ("plain", "flux", "skew")
CENTRAL = Central(2)


def antisymmetric(grid: Grid) -> Scheme:
    """A scheme whose first derivative is antisymmetric on a periodic grid; the grid's own may look to one side."""
    return grid.scheme if isinstance(grid.scheme, Fourier) else Central(4)


class Form:
    """A form on a grid.

    Attributes
    ----------
    outputs
        Of the network, for each closed field.
    words
        What they are.

    Raises
    ------
    OptionError
        If an axis isn't periodic: through walls, something flows.
    """

    def __init__(self, name: str, grid: Grid, dissipation: bool) -> None:
        self.name, self.grid, self.dissipation = name, grid, dissipation
        d = len(grid.axes)
        self.outputs = {"plain": 1, "flux": d, "skew": (1, 3)[d - 1] + dissipation}[name]
        skew = ("b", "b of each axis, and the stream function,")[d - 1] + " and a of the dissipation" * dissipation
        self.words = {"plain": "the term", "flux": "a flux an axis", "skew": skew}[name]
        walls = next((a for a in grid.axes if not a.periodic), None)
        if walls is not None and name != "plain":
            raise OptionError(
                f'`form="{name}"` conserves on periodic grids, and axis `{walls.name}` has boundary '
                f'{walls.boundary!r}. Use `form="plain"`.'
            )
        self.scheme = antisymmetric(grid)

    def of(self, parts: Sequence[Any], field: Any) -> Any:
        """The term of a field (*lead, *grid) from the network's outputs for it."""
        if self.name == "plain":
            return parts[0]
        sizes = [axis.spacing for axis in self.grid.axes]
        if self.name == "flux":
            flux = tuple(part * h for part, h in zip(parts, sizes, strict=True))
            return self.grid.divergence(flux, self.scheme)
        own = by_own_deviation(field, len(sizes))
        slopes = [self._d(own, k) for k in range(len(sizes))]
        first, *others = (
            self._d(b * self._d(own, k, 2), k) + self._d(b * slope, k, 2)
            for k, (b, slope) in enumerate(zip(parts, slopes, strict=False))
        )
        term = sum(others, first)
        if len(sizes) == 2:
            term = term + self._d(parts[2] * slopes[1], 0) - self._d(parts[2] * slopes[0], 1)
        return term if not self.dissipation else term + self._dissipated(parts[-1], slopes)

    def _dissipated(self, a: Any, slopes: Sequence[Any]) -> Any:
        """∇·(a²∇û), whose product with û has the integral −∫a²|∇û|²."""
        first, *others = (self._d(a * a * slope, k) for k, slope in enumerate(slopes))
        return sum(others, first)

    def _d(self, field: Any, k: int, order: int = 1) -> Any:
        """A derivative along an axis, in cells: central differences, the first antisymmetric, the second symmetric."""
        axis = self.grid.axes[k]
        return self.grid.d(field, axis.name, order, CENTRAL) * axis.spacing**order
