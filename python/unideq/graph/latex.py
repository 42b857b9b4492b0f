"""Expressions for people: as text, as LaTeX, and as a list of equations in which long repeated parts get symbols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .expression import Expression
from .printing import Shown, array, identifier, show_first

__all__ = ["equations", "latex", "text"]

_LONGEST = 10_000  # a graph with sharing can print exponentially long: past this, parts become an ellipsis
_LISTED = 6  # vectors up to this long print as the list of their elements' names

Names = Mapping[Expression, str]
Symbols = Mapping[Expression, tuple[str, ...]]


def text(expression: Expression, names: Names | None = None, limit: int | None = None) -> str:
    """The expression as one line in Python's notation, `·` standing for `*`.

    Parameters
    ----------
    expression
        What to print.
    names
        Expression → symbol that stands for it, wherever it occurs.
    limit
        Longest text, in characters (default 10 000): inner parts of longer ones become `…`.

    Examples
    --------
    >>> from unideq.graph import text, variable
    >>> hare = variable("hare")
    >>> text(0.5 * hare * (1 - hare / 10))
    '0.5·hare·(1 - hare/10)'
    """
    return _limited(expression, _symbols(names), limit, False)


def latex(expression: Expression, names: Names | None = None, limit: int | None = None) -> str:
    r"""The expression as LaTeX mathematics, without dollar signs; see `text` for the parameters.

    Names print as words (`growth` → `\mathrm{growth}`), Greek ones as letters (`alpha` → `\alpha`). Elements count
    from 1.
    """
    return _limited(expression, _symbols(names), limit, True)


def equations(
    outputs: Mapping[str, Expression], names: Names | None = None, size: int = 24, as_latex: bool = False
) -> list[tuple[str, str]]:
    """Several expressions with their long common parts written only once.

    Parameters
    ----------
    outputs
        Name → expression.
    names
        Expression → symbol that stands for it.
    size
        Parts longer than this many characters that occur more than once get a symbol of their own: s₁, s₂, …
    as_latex
        Print LaTeX instead of text.

    Returns
    -------
    list
        Pairs (symbol, expression): the definitions of s₁, s₂, …, each needing only earlier ones, then the outputs.
    """
    symbols = _symbols(names)
    order = _order(outputs.values(), symbols)
    uses = _uses(order, outputs.values(), symbols)
    named = [node.name for node in order if node.operation == "input"]
    letter = _free_letter([*outputs, *named, *(name for parts in symbols.values() for name in parts)])
    shown: dict[int, Shown] = {}
    found: list[tuple[str, str]] = []
    for node in order:
        here = _show(node, symbols, shown, as_latex)
        length = len(here.text) if not as_latex else len(_plain(here.text))
        if uses.get(id(node), 0) > 1 and length > size and node not in symbols:
            symbol = _numbered(letter, len(found) + 1, as_latex)
            found.append((symbol, here.text))
            here = Shown(symbol)
        shown[id(node)] = here if len(here.text) <= _LONGEST else _ellipsis(as_latex)
    return found + [(identifier(name) if as_latex else name, shown[id(node)].text) for name, node in outputs.items()]


# ---- symbols ----------------------------------------------------------------------------------------------------


def _symbols(names: Names | None) -> Symbols:
    """The names, also for what differs from a named expression by layout only, and for vectors of named elements.

    A model names the scalars `u[0]` and `u[1]`; simplification may have left `u[0:1]`, or `u` where both were joined.
    """
    found: dict[Expression, tuple[str, ...]] = {node: (name,) for node, name in (names or {}).items()}
    elements: dict[Expression, dict[int, str]] = {}
    for node, name in (names or {}).items():
        while node.operation == "reshape":
            node = node.inputs[0]
        found.setdefault(node, (name,))
        if node.operation == "slice" and node.size == 1 and node.inputs[0].ndim == 1:
            elements.setdefault(node.inputs[0], {})[node.attributes["window"][0][0]] = name
    for vector, by_place in elements.items():
        if vector.operation == "input" and len(by_place) == vector.size <= _LISTED:
            found.setdefault(vector, tuple(by_place[i] for i in range(vector.size)))
    return found


# ---- one expression ---------------------------------------------------------------------------------------------


def _limited(expression: Expression, symbols: Symbols, limit: int | None, as_latex: bool) -> str:
    longest = _LONGEST if limit is None else limit
    # Every operation adds at least a character, layout aside: what lies deeper than the limit can't be seen anyway.
    order = _order([expression], symbols, depth=2 * longest)
    part = longest
    while part > 0:
        shown: dict[int, Shown] = {}
        for node in order:
            here = _show(node, symbols, shown, as_latex)
            whole = len(here.text) <= (longest if node is expression else part)
            shown[id(node)] = here if whole else _ellipsis(as_latex)
        if shown[id(expression)] != _ellipsis(as_latex):
            return shown[id(expression)].text
        part //= 2
    return _ellipsis(as_latex).text


def _ellipsis(as_latex: bool) -> Shown:
    return Shown(r"\ldots" if as_latex else "…")


def _show(node: Expression, symbols: Symbols, shown: Mapping[int, Shown], as_latex: bool) -> Shown:
    parts = symbols.get(node) or ((node.name,) if node.operation == "input" else ())
    if parts:
        words = [identifier(part) for part in parts] if as_latex else parts
        listed = ", ".join(words)
        return Shown(words[0] if len(words) == 1 else rf"\left[{listed}\right]" if as_latex else f"[{listed}]")
    if node.is_constant:
        return array(node.value, as_latex)
    arguments = [shown.get(id(i), _ellipsis(as_latex)) for i in node.inputs]
    return node.entry.show(arguments, node.attributes, as_latex)


# ---- walking ----------------------------------------------------------------------------------------------------


def _visible(node: Expression, symbols: Symbols) -> tuple[Expression, ...]:
    """The inputs that get printed: nothing under a name, and a network's arguments but not its insides."""
    if node in symbols:
        return ()
    return node.inputs[1:] if node.operation == "learned" else node.inputs


def _order(roots: Iterable[Expression], symbols: Symbols, depth: int | None = None) -> list[Expression]:
    """Visible expressions, each after those that it is printed from; none deeper than `depth`."""
    done: dict[int, Expression] = {}
    level: list[Expression] = list(roots)
    reached = 0
    while level and (depth is None or reached <= depth):
        reached += 1
        fresh = {id(node): node for node in level if id(node) not in done}
        done.update(fresh)
        level = [i for node in fresh.values() for i in _visible(node, symbols)]
    return sorted(done.values(), key=lambda node: node.serial)


def _uses(order: Iterable[Expression], outputs: Iterable[Expression], symbols: Symbols) -> dict[int, int]:
    """How often each expression is printed, where layout operations stand for what they lay out."""

    def bare(node: Expression) -> Expression:
        while _is_layout(node) and node not in symbols:
            node = node.inputs[0]
        return node

    count: dict[int, int] = {}
    for node in (*outputs, *(i for n in order if not _is_layout(n) for i in _visible(n, symbols))):
        node = bare(node)
        if not _is_call(node):
            count[id(node)] = count.get(id(node), 0) + 1
    return count


def _is_layout(node: Expression) -> bool:
    """Whether it is printed as what it lays out."""
    return node.entry.show is show_first


def _is_call(node: Expression) -> bool:
    """A network's value, or a part of it: it already is a symbol, `interaction(hare, lynx)[0]`."""
    while node.operation == "slice" or _is_layout(node):
        node = node.inputs[0]
    return node.operation == "learned"


def _free_letter(taken: Iterable[str]) -> str:
    used = {name[:1] for name in taken if name[1:].strip("_0123456789") == ""}
    return next((letter for letter in "sqrwz" if letter not in used), "s")


def _numbered(letter: str, number: int, as_latex: bool) -> str:
    return (
        f"{letter}_{{{number}}}"
        if as_latex
        else letter + str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
    )


def _plain(text: str) -> str:
    for word in (r"\left", r"\right", r"\mathrm", r"\operatorname", r"\,", "{", "}", "\\"):
        text = text.replace(word, "")
    return text
