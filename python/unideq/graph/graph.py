"""A `Graph`: named inputs, named outputs, and the expressions between them; evaluated here with NumPy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import ModelError, unknown
from .expression import Expression
from .operation import OPERATIONS

__all__ = ["Graph", "topological"]


def topological(outputs: Iterable[Expression]) -> list[Expression]:
    """All expressions that the outputs need, inputs before users; dead code isn't among them."""
    seen: dict[int, Expression] = {}
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            stack.extend(node.inputs)
    return sorted(seen.values(), key=lambda node: node.serial)


class Graph:
    """An array function as data: named input variables and named output expressions.

    Parameters
    ----------
    inputs
        The input variables (`variable(name, shape)`), in order. Unused ones are allowed.
    outputs
        Name → expression.

    Raises
    ------
    ModelError
        If an output depends on a variable that isn't among the inputs, or two inputs share a name.
    """

    def __init__(self, inputs: Sequence[Expression], outputs: Mapping[str, Expression]) -> None:
        self.inputs = tuple(inputs)
        self.outputs = dict(outputs)
        names = [i.name for i in self.inputs]
        if len(set(names)) != len(names):
            raise ModelError(
                f"Two inputs of a graph share a name: {sorted(n for n in names if names.count(n) > 1)[0]!r}."
            )
        known = {id(i) for i in self.inputs}
        for node in self.nodes:
            if node.operation == "input" and id(node) not in known:
                raise ModelError(f"The graph uses `{node.name}` {node.shape}, which isn't among its inputs {names}.")

    @cached_property
    def nodes(self) -> list[Expression]:
        """Every expression in use, topologically sorted; inputs and constants included."""
        return topological(self.outputs.values())

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, in order."""
        return tuple(i.name for i in self.inputs)

    def input(self, name: str) -> Expression:
        """The input variable of that name."""
        for i in self.inputs:
            if i.name == name:
                return i
        raise unknown("graph input", name, self.input_names)

    @cached_property
    def operation_count(self) -> int:
        """Number of operations (neither inputs nor constants)."""
        return sum(bool(node.inputs) for node in self.nodes)

    def evaluate(self, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Evaluate with NumPy: the reference semantics of every operation.

        Parameters
        ----------
        values
            Input name → array of the input's shape. Inputs that aren't used may be left out.

        Returns
        -------
        dict
            Output name → float64 or bool array.
        """
        found: dict[int, Any] = {}
        with np.errstate(all="ignore"):
            for node in self.nodes:
                if node.operation == "input":
                    found[id(node)] = _given(node, values)
                elif node.operation == "constant":
                    found[id(node)] = node.value
                else:
                    arguments = [found[id(i)] for i in node.inputs]
                    found[id(node)] = OPERATIONS[node.operation].evaluate(*arguments, **node.attributes)
        return {name: np.array(found[id(node)], dtype=node.dtype) for name, node in self.outputs.items()}

    def __reduce__(self) -> Any:
        from .serialise import from_json, to_json

        return from_json, (to_json(self),)

    def __repr__(self) -> str:
        inputs = ", ".join(f"{i.name}{list(i.shape)}" for i in self.inputs)
        outputs = ", ".join(f"{name}{list(node.shape)}" for name, node in self.outputs.items())
        return f"Graph({inputs} -> {outputs}; {self.operation_count} operations)"


def _given(node: Expression, values: Mapping[str, Any]) -> np.ndarray:
    if node.name not in values:
        raise ModelError(f"No value for graph input `{node.name}`; it needs an array of shape {node.shape}.")
    array = np.asarray(values[node.name], dtype=float)
    if array.shape != node.shape:
        raise ModelError(f"Graph input `{node.name}` needs shape {node.shape}, not {array.shape}.")
    return array
