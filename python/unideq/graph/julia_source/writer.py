"""Writes expressions as Julia statements; collects the constants and helper functions that they need."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import ModelError
from ..expression import Expression
from ..julia_helpers import HELPERS, NEEDS
from ..julia_names import Names
from ..printing import ATOM, Shown
from .literals import LONGEST, julia_array, julia_number
from .writers import rule_of

__all__ = ["JuliaSource"]


class JuliaSource:
    """Writes expressions; collects the constants and helper functions that they need.

    Parameters
    ----------
    names
        Where local variables and constants get their names.
    known
        Expression → the Julia name that stands for it.
    functions
        Gives the Julia function that a network's call (a `learned` expression) calls; None: the network is written
        out.
    """

    def __init__(
        self,
        names: Names,
        known: Mapping[Expression, str],
        functions: Callable[[Expression], str] | None = None,
    ) -> None:
        self.names, self.known, self.functions = names, dict(known), functions
        self.constants: dict[str, str] = {}
        self.defined: dict[str, str] = {}
        self.helpers: set[str] = set()
        self._bind: Any = None  # of the function that is being written: makes an expression a local variable

    # ---- statements -------------------------------------------------------------------------------------------

    def write(self, outputs: Sequence[Expression]) -> tuple[list[str], list[str]]:
        """Statements, and one expression in terms of their variables for each output."""
        order = self._order(outputs)
        uses: dict[Expression, int] = {}
        for node in order:
            for i in self._inputs(node):
                uses[i] = uses.get(i, 0) + 1
        for node in outputs:
            uses[node] = uses.get(node, 0) + 1
        shown: dict[Expression, Shown] = {}
        statements: list[tuple[str, str, str]] = []
        local, outer = self.names.scope(), self._bind

        def bind(node: Expression) -> Shown:
            """The expression by a name: that of a new statement where it has none."""
            here = shown[node]
            if node.is_constant or re.fullmatch(r"\w+", here.text):
                return here
            stem = node.attributes["network"] if node.operation == "learned" else "x"
            name = local.numbered(f"{stem}__")  # numbered anew when it is known which are needed
            statements.append((name, here.text, stem))
            shown[node] = Shown(name)
            return shown[node]

        self._bind = bind
        for node in order:
            shown[node] = self._show(node, shown)
            for i in sorted(self._inputs(node), key=lambda i: -len(shown[i].text)):
                if len(shown[node].text) > LONGEST and len(shown[i].text) > LONGEST // 4:
                    bind(i)
                    shown[node] = self._show(node, shown)
            if uses.get(node, 0) > 1 and not re.fullmatch(r"[\w.]+(\[[\d, ]+\])?", shown[node].text):
                bind(node)
        self._bind = outer
        return _numbered(*_needed(statements, [shown[node].text for node in outputs]), self.names.scope())

    def _inputs(self, node: Expression) -> Sequence[Expression]:
        """What the source of an expression is made of: a network's call has its arguments."""
        if node in self.known:
            return ()
        return node.inputs[1:] if node.operation == "learned" and self.functions else node.inputs

    def _order(self, outputs: Sequence[Expression]) -> list[Expression]:
        seen: dict[int, Expression] = {}
        stack = list(outputs)
        while stack:
            node = stack.pop()
            if id(node) not in seen:
                seen[id(node)] = node
                stack.extend(self._inputs(node))
        return sorted(seen.values(), key=lambda node: node.serial)

    # ---- one expression ---------------------------------------------------------------------------------------

    def _show(self, node: Expression, shown: dict[Expression, Shown]) -> Shown:
        if node in self.known:
            return Shown(self.known[node])
        if node.is_constant:
            return self.constant(node.value)
        if node.operation == "learned" and self.functions:
            arguments = ", ".join(shown[a].text for a in node.inputs[1:])
            return Shown(f"{self.functions(node)}({arguments})")
        rule = rule_of(node)
        if rule is None:
            more = " A Lux model is Julia source already." if node.entry.family == "network" else ""
            raise ModelError(f"The operation `{node.operation}` can't be exported as Julia source.{more}")
        return rule(self, node, shown)

    def constant(self, value: np.ndarray) -> Shown:
        """A number, a short array in brackets, or the name of a constant."""
        if value.ndim == 0:
            return julia_number(value[()])
        text = julia_array(value)
        return Shown(text) if value.size <= 4 and "\n" not in text else Shown(self.store(text))

    def store(self, text: str, wish: str = "") -> str:
        """The name of a constant of that source."""
        for name, known in self.constants.items():
            if known == text:
                return name
        name = self.names.new(wish) if wish else self.names.numbered("C")
        self.constants[name] = text
        return name

    def function(self, wish: str, definition: str) -> str:
        """The name of a function of that definition, which begins with its arguments."""
        for name, known in self.defined.items():
            if known == definition:
                return name
        name = self.names.new(wish)
        self.defined[name] = definition
        return name

    def helper(self, name: str) -> str:
        """A helper function's name; its source is kept for the script."""
        self.helpers |= {name, *NEEDS.get(name, ())}
        return name

    def call(self, name: str, *arguments: str) -> Shown:
        """A call of a helper function."""
        return Shown(f"{self.helper(name)}({', '.join(arguments)})")

    def definitions(self) -> list[str]:
        """The helper functions' source."""
        return [source for name, source in HELPERS.items() if name in self.helpers]

    def bound(self, node: Expression, shown: dict[Expression, Shown]) -> str:
        """A name for an operand that mustn't be computed inside of another expression."""
        text = shown[node].text
        return text if shown[node].binding == ATOM and len(text) <= 30 else self._bind(node).text


def _needed(statements: list[tuple[str, str, str]], texts: list[str]) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Without statements whose variable nothing reads."""
    read = {word for text in texts for word in re.findall(r"\w+", text)}
    kept = []
    for name, text, stem in reversed(statements):
        if name in read:
            kept.append((name, text, stem))
            read |= set(re.findall(r"\w+", text))
    return kept[::-1], texts


def _numbered(statements: list[tuple[str, str, str]], texts: list[str], local: Names) -> tuple[list[str], list[str]]:
    """Statements and texts with variables that count from 1."""
    new = {name: local.numbered(stem) for name, _, stem in statements}

    def renamed(text: str) -> str:
        return re.sub(r"\w+", lambda word: new.get(word.group(), word.group()), text)

    return [f"{new[name]} = {renamed(text)}" for name, text, _ in statements], [renamed(text) for text in texts]
