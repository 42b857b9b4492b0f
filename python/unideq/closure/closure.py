"""`Closure`: what a closed model's further term is, as settings: the base of the kinds in `ude.closures`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ..stored import Stored

if TYPE_CHECKING:
    from ..model import PDE, Parameter
    from ..nn import Network

__all__ = ["Closure"]


class Closure(Stored):
    """Base of what `PDE.closed` takes: a frozen dataclass that says which term it is, in NumPy.

    A kind of its own is a subclass with `@stored` and `@dataclass(frozen=True)`; its term is traced once, as right-hand
    sides are, so that both engines, training and audits have it.
    """

    family: ClassVar[str] = "closure"

    def parameters(self) -> Mapping[str, Parameter]:
        """Name → what it reads as `p.NAME`."""
        return {}

    def networks(self) -> Mapping[str, Network]:
        """Name → what it calls as `net.NAME(...)`."""
        return {}

    def term(self, model: PDE, state: Any, p: Any, net: Any) -> Mapping[str, Any]:
        """Field → Π (*grid), what ∂u/∂t gains, for the model that is closed.

        Parameters
        ----------
        model
            Whose `grid` and `fields` it works on.
        state, p, net
            As of a right-hand side, symbolic.

        Raises
        ------
        ModelError
            If it isn't for such a model.
        """
        raise NotImplementedError
