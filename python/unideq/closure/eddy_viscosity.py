"""Closures that brake as a viscosity does: of Smagorinsky and Leith, with a given, trained or dynamic coefficient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import flag, known_arguments, number, refused, settle
from ..errors import ModelError
from ..model import PDE, Parameter
from ..stored import stored
from .closure import Closure
from .resolved import Resolved

__all__ = ["DynamicLeith", "DynamicSmagorinsky", "Leith", "Smagorinsky"]


class EddyViscosity(Closure):
    """Π = ∇·(ν ∇q) with ν = (C Δ)ⁿ g, where g is a rate of the resolved field."""

    law: ClassVar[str] = ""
    power: ClassVar[int] = 0
    width: float | None

    @staticmethod
    def rate(seen: Resolved, q: Any) -> Any:
        """g."""
        raise NotImplementedError

    def resolved(self, model: PDE) -> Resolved:
        """What the closure sees of the model."""
        return Resolved(model, type(self).__name__, self.width)

    def unscaled(self, seen: Resolved, q: Any, stretched: float = 1.0) -> Any:
        """∇·(Δⁿ g ∇q): Π/Cⁿ, with Δ stretched."""
        rate, size = self.rate(seen, q), (stretched * seen.width) ** self.power
        return size * seen.divergence([rate * slope for slope in seen.slopes(q)])


class _Given(EddyViscosity):
    """With a coefficient that is given or trained."""

    coefficient: float | Parameter

    def __post_init__(self) -> None:
        if isinstance(self.coefficient, Parameter):
            if self.coefficient.array.shape or self.coefficient.per is not None:
                needs = "a number, or a `ude.Parameter` of one number for all"
                raise refused(self.coefficient, "coefficient", type(self).__name__, needs)
        else:
            settle(self, number, "coefficient", least=0)
        settle(self, number, "width", above=0, none=True)

    def stored_values(self) -> dict[str, Any]:
        size = self.coefficient
        return {**super().stored_values(), "coefficient": size.to_json() if isinstance(size, Parameter) else size}

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Any:
        found = values["coefficient"]
        return cls(**{**values, "coefficient": Parameter(**found) if isinstance(found, Mapping) else found})

    def parameters(self) -> Mapping[str, Parameter]:
        return {self.law: self.coefficient} if isinstance(self.coefficient, Parameter) else {}

    def term(self, model: PDE, state: Any, p: Any, net: Any) -> Mapping[str, Any]:
        seen = self.resolved(model)
        size = p[self.law] if isinstance(self.coefficient, Parameter) else self.coefficient
        return {seen.name: size**self.power * self.unscaled(seen, seen.kept(state[seen.name]))}


class _Dynamic(EddyViscosity):
    """With the coefficient that the resolved scales themselves ask for (Germano et al. 1991, Lilly 1992)."""

    ratio: float
    clip: bool

    def __post_init__(self) -> None:
        settle(self, number, "width", above=0, none=True)
        settle(self, number, "ratio", above=0)
        settle(self, flag, "clip")

    def term(self, model: PDE, state: Any, p: Any, net: Any) -> Mapping[str, Any]:
        seen = self.resolved(model)
        q = seen.kept(state[seen.name])
        tested, own = seen.smooth(q, self.ratio), self.unscaled(seen, q)
        lacking = seen.advection(tested) - seen.smooth(seen.advection(q), self.ratio)
        basis = self.unscaled(seen, tested, np.sqrt(1.0 + self.ratio**2)) - seen.smooth(own, self.ratio)
        size = np.mean(basis * basis)
        there = size > 0.0
        found = np.where(there, np.mean(lacking * basis) / np.where(there, size, 1.0), 0.0)  # type: ignore[call-overload]
        return {seen.name: (np.maximum(found, 0.0) if self.clip else found) * own}


class _ByStrain(EddyViscosity):
    law, power = "smagorinsky", 2

    @staticmethod
    def rate(seen: Resolved, q: Any) -> Any:
        return seen.strain(q)


class _BySteepness(EddyViscosity):
    law, power = "leith", 3

    @staticmethod
    def rate(seen: Resolved, q: Any) -> Any:
        return seen.steepness(q)

    def resolved(self, model: PDE) -> Resolved:
        seen = super().resolved(model)
        if not seen.plane:
            raise ModelError(
                f"`{type(self).__name__}` rests on the cascade of enstrophy in two dimensions, and this model has one. "
                "Take `ude.closures.Smagorinsky()`."
            )
        return seen


@stored
@known_arguments
@dataclass(frozen=True)
class Smagorinsky(_ByStrain, _Given):
    """Π = ∇·((C Δ)² |S| ∇q), of vorticity on a plane (|S|² = 2 SᵢⱼSᵢⱼ), or of velocity on a line (|S| = |∂u/∂x|).

    It always takes enstrophy from vorticity, and energy from velocity on a line.

    Parameters
    ----------
    coefficient
        C; a `ude.Parameter` is trained, under the name `smagorinsky`. The default is the usual 0.2 of one spacing, as Δ
        is two.
    width
        Δ, of the filter. Default: twice the grid's spacing, as for `ude.coarsen`.

    Raises
    ------
    ModelError
        When a model is closed: if it has other fields, walls, or a spacing wider than Δ.

    Notes
    -----
    J. Smagorinsky, Mon. Weather Rev. 91 (1963) 99-164.

    Examples
    --------
    >>> import unideq as ude
    >>> flow = ude.problems.KolmogorovFlow(points=16)
    >>> flow.model().closed(ude.closures.Smagorinsky(0.1)).observables
    {'vorticity': (16, 16), 'vorticity_subgrid': (16, 16)}
    """

    coefficient: float | Parameter = 0.1
    width: float | None = None


@stored
@known_arguments
@dataclass(frozen=True)
class Leith(_BySteepness, _Given):
    """Π = ∇·((C Δ)³ |∇ω| ∇ω), of vorticity on a plane: for the cascade of enstrophy.

    Parameters
    ----------
    coefficient
        C; a `ude.Parameter` is trained, under the name `leith`. The default is 1/(2π): Leith's 1/π of one spacing.
    width
        As for `Smagorinsky`.

    Raises
    ------
    ModelError
        As `Smagorinsky`, and if the model is of one dimension.

    Notes
    -----
    C. E. Leith, Physica D 98 (1996) 481-491.
    """

    coefficient: float | Parameter = 0.16
    width: float | None = None


@stored
@known_arguments
@dataclass(frozen=True)
class DynamicSmagorinsky(_ByStrain, _Dynamic):
    """`Smagorinsky` with C² of each snapshot by the procedure of Germano and Lilly.

    A test filter splits the resolved field once more, and what its coarser part lacks is known: L = û·∇q̂ − (u·∇q)^.
    With M the same difference of the closure, C² = ⟨L M⟩/⟨M M⟩ fits it best, averaged over the grid.

    Parameters
    ----------
    width
        As for `Smagorinsky`.
    ratio
        Width of the test filter, a Gaussian, in Δ. What has gone through both has the width Δ√(1 + ratio²).
    clip
        Whether a negative C² is taken as zero: it would give energy back, and runs may blow up.

    Notes
    -----
    M. Germano et al., Phys. Fluids A 3 (1991) 1760-1765; D. K. Lilly, Phys. Fluids A 4 (1992) 633-635; in vorticity
    form R. Maulik, O. San, Int. J. Comput. Fluid Dyn. 31 (2017) 81-108.
    """

    width: float | None = None
    ratio: float = 2.0
    clip: bool = True


@stored
@known_arguments
@dataclass(frozen=True)
class DynamicLeith(_BySteepness, _Dynamic):
    """`Leith` with C³ of each snapshot by the procedure of Germano and Lilly; as `DynamicSmagorinsky`.

    Parameters
    ----------
    width, ratio, clip
        As for `DynamicSmagorinsky`.
    """

    width: float | None = None
    ratio: float = 2.0
    clip: bool = True
