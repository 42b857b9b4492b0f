"""Which numbers of a program are arguments of its compiled code, and what such code is told apart by.

Measured values, their scales, initial values and a user's own numbers stand in graphs as constants. Compiled as such
they would make another program of every bootstrap replica. Here they are taken out: programs that differ in them alone
have one key, and share one compiled function, which gets the values with each call.

    found = Arguments.of(objective)
    function = cache.get(found.key, lambda: jax.jit(found.binding(run)))
    function(theta, {**data, "constants": found.values})

While JAX traces `run`, `value_of(node)` gives a constant's argument; `lower` asks it for every constant.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import numpy as np

from ...errors import EngineError
from ...graph import Expression, Graph, partition
from ...graph.frozen import freeze
from ...objective.program import Given, Integration, Objective, Rollout, Source
from ..cache import HashedKey
from ..clock import clocked
from ..keys import graph_key, shapes_key
from .stepping import padded

__all__ = ["Arguments", "table_of", "value_of"]

TABLES = "piecewise_polynomial"
"""The operation whose attributes are data: forcings."""
COLUMNS = ("breaks", "anchors", "coefficients")

_bound: ContextVar[_Bound | None] = ContextVar("bound", default=None)


@dataclass(frozen=True)
class _Bound:
    """Constants with their arguments, and those that are compiled as they are, both by identity.

    `complete`: there are no others.
    """

    arguments: Mapping[int, Any]
    kept: frozenset[int]
    complete: bool


@dataclass(frozen=True)
class Arguments:
    """The numbers that are taken out of a program.

    Attributes
    ----------
    key
        Equal for programs that compiled code can be shared by.
    values
        One array an argument; three for a table.
    nodes, kept
        The expressions that they were taken from, in the same order, and the constants that stay. What is both stays:
        the key then has its value.
    complete
        Whether graphs are compiled as they were read; those of points are rewritten first.
    """

    key: HashedKey
    values: tuple[Any, ...]
    nodes: tuple[Expression, ...]
    kept: tuple[Expression, ...]
    complete: bool = True

    @classmethod
    def of(cls, program: Objective | Source) -> Arguments:
        """The numbers of an objective, or of one source; read once."""
        return _once(program, cls._read_program)

    @staticmethod
    def _read_program(program: Objective | Source) -> Arguments:
        reader = _Reader()
        if isinstance(program, Objective):
            keys: tuple = tuple(reader.source(s) for s in program.sources)
            return reader.result((*keys, reader.graph(program.loss, everything=True)))
        return reader.result((reader.source(program),))

    @classmethod
    def of_graph(cls, graph: Graph, *more: Any) -> Arguments:
        """The numbers of one graph, read once where nothing is given besides; `more` becomes part of the key."""
        return cls._read_graph(graph, *more) if more else _once(graph, cls._read_graph)

    @staticmethod
    def _read_graph(graph: Graph, *more: Any) -> Arguments:
        reader = _Reader()
        return reader.result((reader.field(graph), *more))

    def binding(self, function: Callable[..., Any], where: Callable[..., Any]) -> Callable[..., Any]:
        """The function, to be traced with the arguments bound that `where(*arguments)` finds among its own."""

        @wraps(function)
        def run(*arguments: Any) -> Any:
            # Identities mean something as long as the expressions live: until then `self` holds them.
            places = dict(zip(map(id, self.nodes), where(*arguments), strict=True))
            token = _bound.set(_Bound(places, frozenset(map(id, self.kept)), self.complete))
            try:
                return function(*arguments)
            finally:
                _bound.reset(token)

        return run


_read: dict[int, Arguments] = {}
"""What living programs and graphs were read as, by identity: neither changes once it is made."""


def _once(program: Any, read: Callable[[Any], Arguments]) -> Arguments:
    """What a program is read as. Reading costs as much as evaluating a small graph thousands of times."""
    place = id(program)
    if place not in _read:
        _read[place] = read(program)
        weakref.finalize(program, _read.pop, place, None)
    return _read[place]


def value_of(node: Expression) -> Any:
    """The argument that stands for a constant, or its value.

    Raises
    ------
    EngineError
        For a number that nobody took out: compiled in, it would be another program's, too.
    """
    bound = _bound.get()
    if bound is None or id(node) in bound.kept:
        return node.value
    found = bound.arguments.get(id(node))
    if found is None:
        if not bound.complete or _is_plain(node):
            return node.value
        raise EngineError(f"A constant of shape {node.shape} isn't among the program's arguments. Please report this.")
    return found


def table_of(node: Expression) -> dict[str, Any]:
    """The attributes of an operation, a table's columns being arguments."""
    bound = _bound.get()
    if node.operation != TABLES or bound is None or id(node) in bound.kept or id(node) not in bound.arguments:
        return node.attributes
    return {**node.attributes, **dict(zip(COLUMNS, bound.arguments[id(node)], strict=True))}


def _is_plain(node: Expression) -> bool:
    """Whether a constant comes from code rather than from data, and XLA may know it: one small number, or truth."""
    if node.dtype == "bool":
        return node.size == 1
    first = node.value.flat[0] if node.size else 0.0
    return bool(abs(first) <= 64 and float(2 * first).is_integer() and (node.value == first).all())


class _Reader:
    """Reads graphs, one after the other; a constant that several share is one argument."""

    def __init__(self) -> None:
        self.places: dict[int, int] = {}
        self.nodes: list[Expression] = []
        self.kept: dict[int, Expression] = {}
        self.complete = True

    def result(self, key: tuple) -> Arguments:
        both = tuple((place, self.kept[i]) for i, place in self.places.items() if i in self.kept)
        values = tuple(map(_numbers, self.nodes))
        return Arguments(HashedKey((key, both)), values, tuple(self.nodes), tuple(self.kept.values()), self.complete)

    # ---- programs ------------------------------------------------------------------------------------------------

    def source(self, source: Source) -> tuple:
        """Equal for sources that differ in their numbers only."""
        if isinstance(source, Given):
            return "given", source.name, shapes_key(source.arrays)
        if isinstance(source, Integration):
            settings = replace(source.solver, dt=None, rtol=1.0, atol=1.0)
            clock = clocked(source)
            graphs = self.field(clock.vector_field), self.graph(source.initial, everything=True)
            shapes = source.times.shape, padded(clock.stops).shape, padded(clock.jumps).shape
            return "integration", source.name, *graphs, self.field(source.observe), settings, shapes
        if isinstance(source, Rollout):
            graphs = self.field(source.step, body=False), self.field(source.observe, body=False)
            counts = source.steps, source.every, source.warmup
            return "rollout", source.name, graphs, counts, source.gradient, source.checkpoint, shapes_key(source.data)
        self.keep(source.graph)
        self.complete = False
        return "pointwise", source.name, graph_key(source.graph), shapes_key(source.points)

    def field(self, graph: Graph, body: bool = True) -> tuple:
        """A graph of θ and more: what θ alone decides has no number of its own, the rest keeps plain ones.

        Without `body` the rest keeps all: steps of rollouts have their data as inputs, and XLA makes use of the rest.
        """
        if "theta" in graph.input_names:
            once, rest = partition(graph, "theta")
            first = self.graph(once, everything=True)
        else:
            first, rest = (), graph
        if not body:
            self.keep(rest)
            return first, graph_key(rest)
        return first, self.graph(rest, everything=False)

    def keep(self, graph: Graph) -> None:
        """All constants stay."""
        self.kept.update({id(n): n for n in graph.nodes if n.operation in ("constant", TABLES)})

    # ---- one graph -----------------------------------------------------------------------------------------------

    def graph(self, graph: Graph, everything: bool) -> tuple:
        """The graph as plain data, numbers taken out; `everything`: those too that could come from code."""
        index: dict[int, int] = {}
        rows: list[tuple] = []
        for node in _in_order(graph.outputs.values()):
            index[id(node)] = len(rows)
            rows.append(self._row(node, index, everything))
        inputs = tuple((i.name, i.shape) for i in graph.inputs)
        return inputs, tuple(rows), tuple((name, index[id(node)]) for name, node in graph.outputs.items())

    def _row(self, node: Expression, index: Mapping[int, int], everything: bool) -> tuple:
        if node.operation == "input":
            return "input", node.name, node.shape
        if node.operation == "constant":
            if not everything and _is_plain(node):
                self.kept[id(node)] = node
                return "constant", node
            return "argument", self._place(node), node.shape, node.dtype
        inputs: tuple = tuple(index[id(i)] for i in node.inputs)
        if node.operation == TABLES:
            shapes = tuple(np.shape(node.attributes[name]) for name in COLUMNS)
            return node.operation, inputs, self._place(node), shapes
        if node.operation == "power" and node.inputs[1].is_constant:  # lowered by what the exponent is
            return node.operation, inputs, node.inputs[1]
        return node.operation, inputs, tuple((k, freeze(v)) for k, v in sorted(node.attributes.items())), node.shape

    def _place(self, node: Expression) -> int:
        if id(node) not in self.places:
            self.places[id(node)] = len(self.nodes)
            self.nodes.append(node)
        return self.places[id(node)]


def _numbers(node: Expression) -> Any:
    return node.value if node.is_constant else tuple(node.attributes[name] for name in COLUMNS)


def _in_order(outputs: Iterable[Expression]) -> list[Expression]:
    """What the outputs need, inputs before users, in an order that only the graph's form decides."""
    found: dict[int, Expression] = {}
    stack = list(outputs)[::-1]
    while stack:
        node = stack[-1]
        if id(node) in found:
            stack.pop()
            continue
        missing = [i for i in node.inputs if id(i) not in found]
        if missing:
            stack.extend(missing[::-1])
        else:
            found[id(node)] = stack.pop()
    return list(found.values())
