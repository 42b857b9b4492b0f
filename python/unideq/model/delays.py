"""Delays: what the right-hand side reads of the past, `state.lag(2.0)`, as inputs `past.0`, … of its graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..checks import number
from ..errors import ModelError, TraceError
from ..graph import Expression, Graph, substitute, topological, variable
from ..graph.location import user_line
from .views import View

if TYPE_CHECKING:
    from .model import Model

__all__ = ["StateView", "check_delays", "is_past", "past_input", "past_name", "reads_past", "standing_still"]

PREFIX = "past."


class PastView(View):
    """All states of a while ago, by name; to calculate with them as if they were one is told."""

    def _as_number(self, *others: Any) -> Any:
        names = list(self.keys())
        raise TraceError(f"`state.lag(...)` is all states{user_line()}. Say which, e.g. `state.lag(...).{names[0]}`.")

    __array_ufunc__ = None
    __neg__ = __abs__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _as_number
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __float__ = _as_number


class StateView(View):
    """The states by name; in the right-hand side `lag(τ)` is how they were τ ago."""

    def __init__(self, values: Mapping[str, Any], past: Callable[[float], Mapping[str, Any]] | None = None) -> None:
        super().__init__("state", values)
        self._past = past

    def __getattr__(self, name: str) -> Any:
        return self._lag if name == "lag" and name not in self._values else super().__getattr__(name)

    def _lag(self, delay: Any) -> PastView:
        if self._past is None:
            raise ModelError(f"`state.lag` is for the right-hand side alone{user_line()}.")
        if isinstance(delay, Expression):
            raise TraceError(
                f"`state.lag` needs a number that is known, not an expression{user_line()}: `state.lag(2.0)`."
            )
        hint = "In time units, e.g. `state.lag(2.0).x`."
        known = number(delay, "delay", "state.lag", above=0, error=ModelError, hint=hint)
        return PastView("state", self._past(float(known)))


def past_input(k: int, size: int) -> Expression:
    """The graph input (n,) that is the state before the k-th delay."""
    return variable(past_name(k), (size,))


def past_name(k: int) -> str:
    """Its name."""
    return f"{PREFIX}{k}"


def is_past(node: Expression) -> bool:
    """Whether a node is such an input."""
    return node.operation == "input" and node.name.startswith(PREFIX)


def reads_past(value: Expression) -> bool:
    """Whether an expression depends on one."""
    return any(map(is_past, topological([value])))


def standing_still(graph: Graph) -> Graph:
    """The graph as it is where the state has always been what it is."""
    past = [i for i in graph.inputs if is_past(i)]
    if not past:
        return graph
    return substitute(graph, dict.fromkeys(past, graph.input("u")), tuple(i for i in graph.inputs if not is_past(i)))


def check_delays(model: Model) -> None:
    """Refuse what doesn't go with delays.

    Raises
    ------
    ModelError
        For events, algebraic states, and starts at a steady state.
    """
    if not model.delays:
        return
    reads = f"`state.lag({model.delays[0]:g})`"
    if model.triggers:
        raise ModelError(
            f"Events don't go with delays, and the model has both: `{model.triggers[0].name}` and {reads}."
        )
    found = next((s.name for s in model.states if s.algebraic), None)
    if found is not None:
        raise ModelError(f"Algebraic states don't go with delays, and the model has both: `{found}` and {reads}.")
    if model.begins_at_rest:
        raise ModelError(f'`initial="steady"` doesn\'t go with delays ({reads}). Give initial values.')
