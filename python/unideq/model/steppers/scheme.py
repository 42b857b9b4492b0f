"""What every time-stepping scheme offers: its order, its coefficients, and its step as a composition of graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...graph import Expression, rebuild, variable

if TYPE_CHECKING:
    from ..on_grid import OnGrid

__all__ = ["Scheme", "field_at"]

Coefficient = Callable[[str, str, Expression], Expression]
"""(coefficient, field, Fourier coefficients) → their product."""


class Scheme:
    """One scheme: u(t) → u(t + h).

    Attributes
    ----------
    name
        As `Stepper(scheme=...)` takes it.
    order
        Order of convergence in h.
    needs_linear
        Whether it treats a linear part given by its Fourier symbol.
    stability
        Coefficients of the stability polynomial R(z), lowest power first; empty where a linear part is treated apart.
    coefficient_names
        What `coefficients` returns for each field.
    """

    name: ClassVar[str]
    order: ClassVar[int]
    needs_linear: ClassVar[bool] = False
    stability: ClassVar[tuple[float, ...]] = ()
    coefficient_names: ClassVar[tuple[str, ...]] = ()

    def coefficients(self, symbol: np.ndarray, h: float) -> dict[str, np.ndarray]:
        """Multipliers on the half spectrum for a field's symbol L (complex, half): complex arrays by name."""
        return {}

    def advance(self, model: OnGrid, h: float, substeps: int, times: Coefficient) -> Expression:
        """The state (n,) after `substeps` steps from (t, u), in the model's named values."""
        raise NotImplementedError


def field_at(model: Any, t: Expression, u: Expression) -> Expression:
    """The vector field at another time and state."""
    graph = model.named_vector_field
    (du,) = rebuild([graph.outputs["du"]], _moved(model, t, u))
    return du


def _moved(model: Any, t: Expression, u: Expression) -> Mapping[Expression, Expression]:
    return {variable("t"): t, model._u: u}
