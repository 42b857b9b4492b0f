"""Boundary conditions of an axis: periodic, a given value (Dirichlet) or a given slope (Neumann)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from ..checks import array, function, shown
from ..errors import FileFormatError, ModelError, unknown
from ..graph import Expression, Graph, as_expression, text, to_json, variable
from ..graph import from_json as graph_from_json
from ..graph.repeatable import check_finite, trace_call
from ..stored import Stored, from_json, stored

__all__ = ["Boundary", "Condition", "Dirichlet", "Neumann", "Periodic", "boundary_from_json", "boundary_of"]

Given = float | np.ndarray | Callable[[Any], Any] | Graph


class Periodic:
    """The axis is a circle: what leaves at one end enters at the other.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Axis("x", 0.0, 1.0, 4, boundary=ude.Periodic()).coordinates
    array([0.  , 0.25, 0.5 , 0.75])
    """

    kind = "periodic"

    def __repr__(self) -> str:
        return "Periodic()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Periodic)

    def __hash__(self) -> int:
        return hash("periodic")


class Condition(Stored):
    """One number (or profile) given at one end of an axis, perhaps as a function of time.

    Attributes
    ----------
    graph
        t → `value`, as traced.
    """

    family: ClassVar[str] = "boundary"
    rule = ""
    """What `unideq.grid.weights.ghost_weights` calls it."""

    def __init__(self, given: Given) -> None:
        self.graph = _graph(self.kind, given)

    @property
    def depends_on_time(self) -> bool:
        """Whether it needs t."""
        return any(node.operation == "input" for node in self.graph.nodes)

    @property
    def expression(self) -> Expression:
        """The given number as an expression of `variable("t")`: () or the shape of the boundary."""
        return self.graph.outputs["value"]

    def __repr__(self) -> str:
        value = self.expression
        if not value.is_constant:
            return f"{type(self).__name__}(t -> {text(value, limit=60)})"
        return f"{type(self).__name__}({value.value.item() if not value.shape else value.value.tolist()})"

    def __eq__(self, other: object) -> bool:
        # Equal expressions are one object, so this compares the traced functions.
        return type(other) is type(self) and other.expression is self.expression  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((self.kind, self.expression))

    def stored_values(self) -> dict[str, Any]:
        """A number, or the traced function of t."""
        value = self.expression
        if value.is_constant and not value.shape:
            return {"value": value.value.item()}
        return {"graph": to_json(self.graph)}

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        """See `Stored.from_values`."""
        given = graph_from_json(values.pop("graph")) if "graph" in values else values.pop("value")
        return cls(given, **values)


@stored
class Dirichlet(Condition):
    """The field's value at an end of the axis.

    Parameters
    ----------
    value
        A number, an array along the boundary (2-D grids), or a function of t written in NumPy that returns one of
        these. It is called with a symbolic t, when the boundary is made.

    Raises
    ------
    ModelError, TraceError
        If the value isn't a finite number or the function can't be traced.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> ude.Axis("x", 0.0, 1.0, 10, boundary=(ude.Dirichlet(lambda t: np.sin(t)), ude.Neumann(0.0))).boundary
    (Dirichlet(t -> sin(t)), Neumann(0.0))
    """

    kind = "dirichlet"
    rule = "value"

    def __init__(self, value: Given = 0.0) -> None:
        super().__init__(value)


@stored
class Neumann(Condition):
    """The field's slope ∂u/∂x at an end of the axis, in the axis' direction at both ends (not outwards).

    Parameters
    ----------
    slope
        A number, an array along the boundary (2-D grids), or a function of t written in NumPy, as for `Dirichlet`.

    Raises
    ------
    ModelError, TraceError
        If the slope isn't a finite number or the function can't be traced.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Neumann()
    Neumann(0.0)
    """

    kind = "neumann"
    rule = "slope"

    def __init__(self, slope: Given = 0.0) -> None:
        super().__init__(slope)


Boundary = Periodic | tuple[Condition, Condition]


def _graph(kind: str, given: Any) -> Graph:
    t = variable("t")
    if isinstance(given, Graph):
        return given
    value = given
    if callable(given):
        function(given, kind, needs="a number or a function of t", takes=1, error=ModelError)
        value = trace_call(given, (t,), {}, f"the function of t of a {kind} boundary")
        if value is None:
            raise ModelError(f"The function of t of a {kind} boundary returned nothing. Write `return`, or a lambda.")
    if not isinstance(value, (Expression, int, float, np.number, np.ndarray, list, tuple)) or isinstance(value, bool):
        raise ModelError(f"A {kind} boundary needs a number or a function of t, not {shown(given)}.")
    if not isinstance(value, Expression) and not _symbolic(value):
        array(value, f"{kind} boundary", error=ModelError)
    result = as_expression(value) * 1.0
    if result.ndim > 1:
        raise ModelError(f"A {kind} boundary needs a number or an array along the boundary, not shape {result.shape}.")
    if result.is_constant and not np.isfinite(result.value).all():
        raise ModelError(f"A {kind} boundary needs finite numbers, not {given!r}.")
    check_finite(result, f"A {kind} boundary")
    return Graph((t,), {"value": result})


def _symbolic(value: Any) -> bool:
    """Whether a list holds symbolic values."""
    return isinstance(value, (list, tuple)) and any(isinstance(v, Expression) for v in value)


def boundary_of(given: Any, axis: str = "x") -> Boundary:
    """What an `Axis` accepts, as `Periodic` or a pair of conditions (left, right).

    Raises
    ------
    OptionError, ModelError
        If the word is unknown, or `periodic` stands beside another condition.
    """
    if isinstance(given, (Periodic, Condition)):
        return given if isinstance(given, Periodic) else (given, given)
    if isinstance(given, str):
        if given == "periodic":
            return Periodic()
        raise unknown(f"boundary of axis `{axis}`", given, ("periodic", "Dirichlet(value)", "Neumann(slope)"))
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ModelError(
            f"The boundary of axis `{axis}` is `periodic`, one condition for both ends, or a pair (left, right) "
            f"such as `(Dirichlet(0.0), Neumann(0.0))`, not {given!r}."
        )
    ends = [end if isinstance(end, Condition) else boundary_of(end, axis) for end in given]
    periodic = [isinstance(end, Periodic) for end in ends]
    if all(periodic):
        return Periodic()
    if any(periodic):
        raise ModelError(
            f"Axis `{axis}` is periodic at one end and not at the other. "
            "Write `boundary=Periodic()` for both, or give a condition for each end."
        )
    left, right = ends
    if not (isinstance(left, Condition) and isinstance(right, Condition)):
        raise ModelError(f"Each end of axis `{axis}` takes one condition, not {given!r}.")
    return left, right


def boundary_from_json(data: Any) -> Boundary:
    """The boundary that `Axis.to_json` wrote."""
    if data == "periodic":
        return Periodic()
    if not isinstance(data, (list, tuple)) or len(data) != 2:
        raise FileFormatError(f"The description of a boundary is damaged: {data!r}.")
    left, right = (from_json(Condition, end) for end in data)
    return left, right
