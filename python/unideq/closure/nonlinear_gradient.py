"""The nonlinear gradient model: the first term of what a filter takes from a product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..checks import known_arguments, number, settle
from ..model import PDE
from ..stored import stored
from .closure import Closure
from .resolved import Resolved

__all__ = ["NonlinearGradient"]


@stored
@known_arguments
@dataclass(frozen=True)
class NonlinearGradient(Closure):
    """Π = −∇·(Δ²/12 Σₖ ∂ₖu ∂ₖω), of vorticity on a plane; −∂/∂x (Δ²/24 (∂u/∂x)²), of velocity on a line.

    The leading term in Δ of the exact one for Gaussian and box filters; it has no free coefficient. It correlates well
    with the truth, and yet transfers no energy on a plane, so that runs with it alone pile energy up and blow up.

    Parameters
    ----------
    width
        Δ, of the filter. Default: twice the grid's spacing, as for `ude.coarsen`.

    Raises
    ------
    ModelError
        When a model is closed: if it has other fields, walls, or a spacing wider than Δ.

    Notes
    -----
    A. Leonard, Adv. Geophys. 18 (1974) 237-248; R. A. Clark et al., J. Fluid Mech. 91 (1979) 1-16; for the energy,
    K. Jakhar et al., J. Adv. Model. Earth Syst. 16 (2024) e2023MS003874.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.problems.Burgers(points=16).model().closed(ude.closures.NonlinearGradient()).observables
    {'u': (16,), 'u_subgrid': (16,)}
    """

    width: float | None = None

    def __post_init__(self) -> None:
        settle(self, number, "width", above=0, none=True)

    def term(self, model: PDE, state: Any, p: Any, net: Any) -> Mapping[str, Any]:
        seen = Resolved(model, type(self).__name__, self.width)
        q = seen.kept(state[seen.name])
        slopes, share = seen.slopes(q), 1.0 if seen.plane else 0.5
        flux = []
        for velocity in seen.velocities(q):
            products = zip(seen.slopes(velocity), slopes, seen.widths, strict=True)
            first, *others = ((-share * width**2 / 12.0) * a * b for a, b, width in products)
            flux.append(sum(others, first))
        return {seen.name: seen.divergence(flux)}
