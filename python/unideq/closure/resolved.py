"""What a classical closure sees of a model: the resolved field, slopes, products without aliases, a test filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ModelError
from ..grid import Symbol
from ..grid.filters import Gaussian
from ..grid.schemes import Fourier
from ..grid.stream_function import velocity
from ..model import PDE
from .forms import antisymmetric

__all__ = ["Resolved"]

TINY = 1e-24
"""Added under roots, whose derivative at zero is infinite."""


class Resolved:
    """A model's only field on a periodic grid: vorticity on a plane, or u of a Burgers-like equation, u_t = −u u_x + ….

    Parameters
    ----------
    model
        Which is closed.
    closure
        Its name, for messages.
    width
        Of the filter, Δ; None: twice the spacing, along each axis.

    Attributes
    ----------
    widths
        Δ along each axis.
    width
        Their geometric mean.

    Raises
    ------
    ModelError
        If the model is of another kind, or the filter narrower than its grid or wider than the domain.
    """

    def __init__(self, model: PDE, closure: str, width: float | None) -> None:
        self.grid, (self.name, *others) = model.grid, model.fields
        self.plane = len(self.grid.axes) == 2
        if others or (self.plane and self.name != "vorticity"):
            raise ModelError(
                f"`{closure}` closes an equation of one velocity on a line, or of a field `vorticity` on a plane; this "
                f"model has {', '.join(f'`{n}`' for n in model.fields)} over {', '.join(self.grid.dims)}."
            )
        for axis in self.grid.axes:
            if not axis.periodic:
                raise ModelError(f"`{closure}` is for periodic grids, and axis `{axis.name}` has {axis.boundary!r}.")
            if width is not None and not axis.spacing * (1.0 - 1e-9) <= width <= axis.length:
                raise ModelError(
                    f"`{closure}`: the filter's width is {width:g}; along `{axis.name}` the spacing is "
                    f"{axis.spacing:g} and the length {axis.length:g}, and it lies between them. 2 spacings are usual."
                )
        self.widths = [2.0 * a.spacing if width is None else width for a in self.grid.axes]
        self.width = float(np.prod(self.widths)) ** (1.0 / len(self.widths))
        self._spectral = isinstance(self.grid.scheme, Fourier)
        self._scheme = antisymmetric(self.grid)

    def kept(self, field: Any) -> Any:
        """The waves whose products have no aliases, where the grid's derivatives are in Fourier space."""
        return self.grid.dealias(field) if self._spectral else field

    def slopes(self, field: Any) -> list[Any]:
        """The derivatives along the axes."""
        return [self.grid.d(field, axis.name, scheme=self._scheme) for axis in self.grid.axes]

    def divergence(self, flux: Sequence[Any]) -> Any:
        """∇·F without aliases; its product with q has the integral −∫F·∇q to rounding."""
        first, *others = (
            self.grid.d(self.kept(part), axis.name, scheme=self._scheme)
            for part, axis in zip(flux, self.grid.axes, strict=True)
        )
        return sum(others, first)

    def velocities(self, q: Any) -> list[Any]:
        """Along the axes."""
        return list(velocity(self.grid, q)) if self.plane else [q]

    def advection(self, q: Any) -> Any:
        """u·∇q: of vorticity, or of velocity as ∂(u²/2)/∂x."""
        if not self.plane:
            return self.divergence([0.5 * q * q])
        return self.kept(sum(u * slope for u, slope in zip(self.velocities(q), self.slopes(q), strict=True)))

    def strain(self, q: Any) -> Any:
        """|S| = √(2 SᵢⱼSᵢⱼ) of the strain rate S; |∂u/∂x| on a line."""
        if not self.plane:
            return np.abs(self.slopes(q)[0])
        (along, across), (turned, _) = (self.slopes(u) for u in self.velocities(q))
        return np.sqrt(4.0 * along * along + (across + turned) * (across + turned) + TINY)

    def steepness(self, q: Any) -> Any:
        """|∇q|."""
        return np.sqrt(sum(slope * slope for slope in self.slopes(q)) + TINY)

    def smooth(self, field: Any, ratio: float) -> Any:
        """The field through the test filter: a Gaussian `ratio` times as wide as the grid's."""
        factors = Gaussian().transfer(self.grid.axes, [ratio * w for w in self.widths])
        return self.grid.fourier(field, Symbol(factors, 0.0, self.grid.shape))
