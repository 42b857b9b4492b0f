"""Which numbers of a program are arguments of its compiled code, and what such code is told apart by.

Measured values, their scales, initial values and a user's own numbers stand in graphs as constants. Compiled as such
they would make another program of every bootstrap replica. Here they are taken out: programs that differ in them alone
have one key, and share one compiled function, which gets the values with each call.

    found = Arguments.of(objective)
    function = cache.get(found.key, lambda: jax.jit(found.binding(run)))
    function(theta, {**data, "constants": found.values})
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...graph import Expression, Graph, partition
from ...graph.frozen import freeze
from ...objective.program import LossProgram, Source, graph_key
from ..cache import HashedKey, IdentityCache
from .bound import COLUMNS, TABLES, bound, is_plain
from .programs import program_of

__all__ = ["Arguments", "Reader"]


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
    def of(cls, program: LossProgram | Source) -> Arguments:
        """The numbers of an objective, or of one source; read once."""
        return _once(program, cls._read_program)

    @staticmethod
    def _read_program(program: LossProgram | Source) -> Arguments:
        reader = Reader()
        if isinstance(program, LossProgram):
            keys = tuple(program_of(s).key(s, reader) for s in program.sources)
            return reader.result((*keys, reader.graph(program.loss, everything=True)))
        return reader.result((program_of(program).key(program, reader),))

    @classmethod
    def of_graph(cls, graph: Graph, *more: Any) -> Arguments:
        """The numbers of one graph, read once where nothing is given besides; `more` becomes part of the key."""
        return cls._read_graph(graph, *more) if more else _once(graph, cls._read_graph)

    @staticmethod
    def _read_graph(graph: Graph, *more: Any) -> Arguments:
        reader = Reader()
        return reader.result((reader.field(graph), *more))

    def binding(self, function: Callable[..., Any], where: Callable[..., Any]) -> Callable[..., Any]:
        """The function, to be traced with the arguments bound that `where(*arguments)` finds among its own."""
        return bound(function, where, self.nodes, self.kept, self.complete)


_read = IdentityCache()
"""What living programs and graphs were read as: neither changes once it is made."""


def _once(program: Any, read: Callable[[Any], Arguments]) -> Arguments:
    """What a program is read as. Reading costs as much as evaluating a small graph thousands of times."""
    return _read.get(program, lambda: read(program))


class Reader:
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
            return first, self.keep(rest)
        return first, self.graph(rest, everything=False)

    def keep(self, graph: Graph) -> tuple:
        """All constants stay."""
        self.kept.update({id(n): n for n in graph.nodes if n.operation in ("constant", TABLES)})
        return graph_key(graph)

    def rewritten(self, graph: Graph) -> tuple:
        """All constants stay, as they do in a graph that is rewritten before it is compiled."""
        self.complete = False
        return self.keep(graph)

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
            if not everything and is_plain(node):
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
