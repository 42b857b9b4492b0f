"""Expressions for people: as text, as LaTeX, and as a list of equations in which long repeated parts get symbols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .expression import Expression
from .operation import OPERATIONS
from .printing import Shown, array, identifier

__all__ = ["equations", "latex", "text"]

_LONGEST = 10_000  # a graph with sharing can print exponentially long: past this, parts become an ellipsis
_LAYOUT = frozenset({"reshape", "broadcast_to", "stop_gradient"})  # printed as what they lay out

Names = Mapping[Expression, str]


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
    >>> hare = variable("hare")
    >>> text(0.5 * hare * (1 - hare / 10))
    '0.5·hare·(1 - hare/10)'
    """
    return _limited(expression, names or {}, limit, False)


def latex(expression: Expression, names: Names | None = None, limit: int | None = None) -> str:
    r"""The expression as LaTeX mathematics, without dollar signs; see `text` for the parameters.

    Names print as words (`growth` → `\mathrm{growth}`), Greek ones as letters (`alpha` → `\alpha`). Elements count
    from 1.
    """
    return _limited(expression, names or {}, limit, True)


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
    names = names or {}
    order = _order(outputs.values(), names)
    uses = _uses(order, outputs.values(), names)
    letter = _free_letter([*outputs, *names.values()])
    shown: dict[int, Shown] = {}
    found: list[tuple[str, str]] = []
    for node in order:
        here = _show(node, names, shown, as_latex)
        length = len(here.text) if not as_latex else len(_plain(here.text))
        if uses.get(id(node), 0) > 1 and length > size and node not in names:
            symbol = _numbered(letter, len(found) + 1, as_latex)
            found.append((symbol, here.text))
            here = Shown(symbol)
        shown[id(node)] = here if len(here.text) <= _LONGEST else _ellipsis(as_latex)
    return found + [(identifier(name) if as_latex else name, shown[id(node)].text) for name, node in outputs.items()]


# ---- one expression ---------------------------------------------------------------------------------------------


def _limited(expression: Expression, names: Names, limit: int | None, as_latex: bool) -> str:
    longest = _LONGEST if limit is None else limit
    # Every operation adds at least a character, layout aside: what lies deeper than the limit can't be seen anyway.
    order = _order([expression], names, depth=2 * longest)
    part = longest
    while part > 0:
        shown: dict[int, Shown] = {}
        for node in order:
            here = _show(node, names, shown, as_latex)
            whole = len(here.text) <= (longest if node is expression else part)
            shown[id(node)] = here if whole else _ellipsis(as_latex)
        if shown[id(expression)] != _ellipsis(as_latex):
            return shown[id(expression)].text
        part //= 2
    return _ellipsis(as_latex).text


def _ellipsis(as_latex: bool) -> Shown:
    return Shown(r"\ldots" if as_latex else "…")


def _show(node: Expression, names: Names, shown: Mapping[int, Shown], as_latex: bool) -> Shown:
    name = names.get(node) or (node.name if node.operation == "input" else None)
    if name is not None:
        return Shown(identifier(name) if as_latex else name)
    if node.is_constant:
        return array(node.value, as_latex)
    arguments = [shown.get(id(i), _ellipsis(as_latex)) for i in node.inputs]
    return OPERATIONS[node.operation].show(arguments, node.attributes, as_latex)


# ---- walking ----------------------------------------------------------------------------------------------------


def _visible(node: Expression, names: Names) -> tuple[Expression, ...]:
    """The inputs that get printed: nothing under a name, and a network's arguments but not its insides."""
    if node in names:
        return ()
    return node.inputs[1:] if node.operation == "learned" else node.inputs


def _order(roots: Iterable[Expression], names: Names, depth: int | None = None) -> list[Expression]:
    """Visible expressions, each after those that it is printed from; none deeper than `depth`."""
    done: dict[int, Expression] = {}
    level: list[Expression] = list(roots)
    reached = 0
    while level and (depth is None or reached <= depth):
        reached += 1
        fresh = {id(node): node for node in level if id(node) not in done}
        done.update(fresh)
        level = [i for node in fresh.values() for i in _visible(node, names)]
    return sorted(done.values(), key=lambda node: node.serial)


def _uses(order: Iterable[Expression], outputs: Iterable[Expression], names: Names) -> dict[int, int]:
    """How often each expression is printed, where layout operations stand for what they lay out."""

    def bare(node: Expression) -> Expression:
        while node.operation in _LAYOUT and node not in names:
            node = node.inputs[0]
        return node

    count: dict[int, int] = {}
    for node in (*outputs, *(i for n in order if n.operation not in _LAYOUT for i in _visible(n, names))):
        node = bare(node)
        if not _is_call(node):
            count[id(node)] = count.get(id(node), 0) + 1
    return count


def _is_call(node: Expression) -> bool:
    """A network's value, or a part of it: it already is a symbol, `interaction(hare, lynx)[0]`."""
    while node.operation in ("slice", *_LAYOUT):
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
