"""Graphs as readable Julia source: scalars are numbers, arrays have NumPy's shapes, indices count from 1.

One table entry an operation. Parts used more than once and long ones become local variables; the rest is written
inline.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ModelError
from .expression import Expression
from .julia_grid import GRID
from .julia_helpers import HELPERS, NEEDS
from .julia_names import Names
from .printing import ATOM, POWER, PRODUCT, SUM, UNARY, Shown

__all__ = ["JuliaSource", "julia_array", "julia_number"]

COMPARISON = SUM - 1
_LONGEST = 76
_WIDTH = 100


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
                if len(shown[node].text) > _LONGEST and len(shown[i].text) > _LONGEST // 4:
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
        rule = _TABLE.get(node.operation)
        if rule is None:
            more = " A Lux model is Julia source already." if node.operation.startswith("network") else ""
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


# ---- numbers and arrays -----------------------------------------------------------------------------------------


def julia_number(value: Any) -> Shown:
    """A literal, exact to the last bit."""
    if isinstance(value, bool | np.bool_):
        return Shown("true" if value else "false")
    value = float(value)
    text = repr(value).replace("inf", "Inf").replace("nan", "NaN")
    return Shown(text, UNARY if text.startswith("-") else ATOM)


def julia_array(value: np.ndarray) -> str:
    """An array of NumPy's shape: vectors with commas, matrices with one row a line."""
    numbers = [julia_number(v).text for v in value.reshape(-1)]
    if not value.size:
        return f"zeros({', '.join(map(str, value.shape))})"
    if value.ndim == 0:
        return numbers[0]
    if value.ndim == 1:
        return _wrapped(numbers, ", ", "[", "]")
    if value.ndim == 2:
        rows, columns = value.shape
        if columns == 1:
            return _wrapped(numbers, "; ", "[", ";;]")
        lines = [" ".join(numbers[i * columns : (i + 1) * columns]) for i in range(rows)]
        inline = f"[{'; '.join(lines)}]"
        return inline if len(inline) <= _LONGEST or rows == 1 else "[\n    " + "\n    ".join(lines) + "\n]"
    dims = ", ".join(map(str, reversed(value.shape)))
    vector = _wrapped(numbers, ", ", "[", "]")
    return f"permutedims(reshape({vector}, {dims}), {value.ndim}:-1:1)"


def _wrapped(parts: list[str], separator: str, opening: str, closing: str) -> str:
    inline = opening + separator.join(parts) + closing
    if len(inline) <= _WIDTH:
        return inline
    lines, line = [], ""
    for part in parts:
        if line and len(line) + len(part) > _WIDTH - 8:
            lines.append(line.rstrip())
            line = ""
        line += part + separator
    lines.append(line.rstrip().rstrip(separator.strip()))
    return opening + "\n    " + "\n    ".join(lines) + "\n" + closing


# ---- elementwise ------------------------------------------------------------------------------------------------

Shows = dict[Expression, Shown]


def _uniform(node: Expression) -> bool:
    return node.is_constant and node.size > 0 and bool((node.value == node.value.reshape(-1)[0]).all())


def _operands(source: JuliaSource, node: Expression, shown: Shows) -> list[Shown]:
    """Operands that Julia broadcasts as NumPy does: Julia aligns leading axes, NumPy trailing ones."""
    whole = {
        id(i) for i in node.inputs if i.shape == node.shape and not i.is_constant and i.operation != "broadcast_to"
    }
    result = []
    for i in node.inputs:
        if whole and id(i) not in whole and node.shape:
            while i.operation == "broadcast_to" and i not in source.known:
                i = i.inputs[0]
            if _uniform(i):
                result.append(julia_number(i.value.reshape(-1)[0]))
                continue
        result.append(_lifted(i, shown, node.ndim))
    return result


def _lifted(node: Expression, shown: Shows, ndim: int) -> Shown:
    """An array with axes of length 1 put in front, where it has fewer axes."""
    if node.ndim == 0 or node.ndim == ndim:
        return shown[node]
    if (node.ndim, ndim) == (1, 2):
        return Shown(f"{shown[node].inside(ATOM, False)}'")
    return Shown(f"reshape({shown[node].text}, {_dims((*(1,) * (ndim - node.ndim), *node.shape))})")


def _dot(node: Expression) -> str:
    return "." if node.shape else ""


def _infix(symbol: str, binding: int, inner: tuple[int, int] | None = None) -> Callable[..., Shown]:
    """`a + b`; `inner` is how tightly the operands have to bind."""
    first, second = inner or (binding, binding + 1)

    def show(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
        left, right = _operands(source, node, shown)
        return Shown(f"{left.inside(first, False)} {_dot(node)}{symbol} {right.inside(second, False)}", binding)

    return show


def _function(name: str, helper: bool = False) -> Callable[..., Shown]:
    def show(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
        if helper:
            source.helper(name)
        arguments = ", ".join(a.text for a in _operands(source, node, shown))
        return Shown(f"{name}{_dot(node)}({arguments})")

    return show


def _negative(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    return Shown(f"-{_operands(source, node, shown)[0].inside(UNARY, False)}", SUM)


def _not(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    return Shown(f"{_dot(node)}!{_operands(source, node, shown)[0].inside(ATOM, False)}", UNARY)


def _power(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    exponent = node.inputs[1]
    if _uniform(exponent) and node.inputs[0].shape == node.shape:
        number = float(exponent.value.reshape(-1)[0])
        if number.is_integer() and 1 < abs(number) <= 64:
            base = shown[node.inputs[0]].inside(ATOM, False)
            return Shown(f"{base}{' .' if node.shape else ''}^{' ' if node.shape else ''}{int(number)}", POWER)
    return _function("power_or_nan", helper=True)(source, node, shown)


# ---- layout -----------------------------------------------------------------------------------------------------


def _dims(shape: Sequence[int]) -> str:
    return ", ".join(map(str, shape))


def _element(node: Expression) -> tuple[Expression, str] | None:
    """The array and the index that a slice of one element reads."""
    if node.operation != "slice" or node.size != 1:
        return None
    return node.inputs[0], ", ".join(str(start + 1) for start, _, _ in node.attributes["window"])


def _as_scalar(source: JuliaSource, node: Expression, shown: Shows) -> Shown | None:
    """An array of one element as a number."""
    if node in source.known:
        return Shown(f"only({shown[node].text})")
    if node.operation == "reshape" and node.inputs[0].ndim == 0:
        return shown[node.inputs[0]]
    element = _element(node)
    if element is not None:
        array, index = element
        return Shown(f"{source.bound(array, shown)}[{index}]")
    return None


def _product_of_vectors(source: JuliaSource, node: Expression, shown: Shows) -> Shown | None:
    """`A * x`, `A' * x` or `x' * y` where a matrix product with a vector was laid out as one of matrices."""
    (product,) = node.inputs
    if product.operation != "matmul" or product.ndim != 2 or product in source.known:
        return None
    a, b = product.inputs
    left, right = (_vector(i, axis) for i, axis in ((a, 1), (b, 0)))
    if node.ndim == 0 and left is not None and right is not None:
        return Shown(f"{source.bound(left, shown)}' * {source.bound(right, shown)}", PRODUCT)
    if node.ndim == 1 and right is not None and a.ndim == 2 and product.shape[1] == 1:
        return Shown(f"{source.bound(a, shown)} * {source.bound(right, shown)}", PRODUCT)
    if node.ndim == 1 and left is not None and b.ndim == 2 and product.shape[0] == 1:
        return Shown(f"{source.bound(b, shown)}' * {source.bound(left, shown)}", PRODUCT)
    return None


def _vector(node: Expression, axis: int) -> Expression | None:
    """The vector that a matrix of one row (axis 1) or one column (axis 0) was made of."""
    inner = node.inputs[0] if node.operation == "reshape" else None
    return inner if inner is not None and inner.ndim == 1 and node.shape[axis] == inner.size else None


def _reshape(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    (x,) = node.inputs
    found = _product_of_vectors(source, node, shown)
    if found is not None:
        return found
    text = shown[x].text
    if node.ndim == 0:
        return _as_scalar(source, x, shown) or Shown(f"only({text})")
    if x.ndim == 0:
        return Shown(f"[{text}]") if node.ndim == 1 else Shown(f"fill({text}, {_dims(node.shape)})")
    if [n for n in x.shape if n != 1] == [n for n in node.shape if n != 1]:
        return Shown(f"vec({text})" if node.ndim == 1 else f"reshape({text}, {_dims(node.shape)})")
    if node.ndim == 1:
        return source.call("flat_rows", text)
    return source.call("reshape_rows", text, _dims(node.shape))


def _transpose(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    (x,), axes = node.inputs, node.attributes["axes"]
    if x.ndim == 2:
        return Shown(f"permutedims({shown[x].text})")
    return Shown(f"permutedims({shown[x].text}, ({_dims([a + 1 for a in axes])}))")


def _broadcast_to(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    (x,) = node.inputs
    if x.ndim == 0:
        return Shown(f"fill({shown[x].text}, {_dims(node.shape)})")
    return source.call("stretch", _lifted(x, shown, node.ndim).text, _dims(node.shape))


def _concatenate(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    if node.ndim == 1:
        parts = [(_as_scalar(source, i, shown) if i.size == 1 else None) for i in node.inputs]
        texts = [shown[i].text if p is None else p.text for i, p in zip(node.inputs, parts, strict=True)]
        joined = ", ".join(texts)
        return Shown(f"[{joined}]" if all(p is not None for p in parts) else f"vcat({joined})")
    texts = ", ".join(shown[i].text for i in node.inputs)
    return Shown(f"cat({texts}; dims = {node.attributes['axis'] + 1})")


def _range(window: tuple[int, int, int], length: int) -> str:
    start, stop, step = window
    if (start, stop, step) == (0, length, 1):
        return ":"
    return f"{start + 1}:{stop}" if step == 1 else f"{start + 1}:{step}:{stop}"


def _slice(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    (x,) = node.inputs
    ranges = [_range(w, n) for w, n in zip(node.attributes["window"], x.shape, strict=True)]
    return Shown(f"{source.bound(x, shown)}[{', '.join(ranges)}]")


def _pad(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    ranges = [_range(w, n) for w, n in zip(node.attributes["window"], node.shape, strict=True)]
    return source.call("embed", shown[node.inputs[0]].text, f"({_dims(node.shape)},)", *ranges)


def _indices(source: JuliaSource, indices: np.ndarray) -> str:
    numbers = [str(int(i) + 1) for i in indices]
    return f"[{', '.join(numbers)}]" if len(numbers) <= 12 else source.store(_wrapped(numbers, ", ", "[", "]"))


def _gather(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    (x,), axis = node.inputs, node.attributes["axis"]
    picked = _indices(source, node.attributes["indices"]) if len(node.attributes["indices"]) else "1:0"
    index = ", ".join(picked if a == axis else ":" for a in range(x.ndim))
    return Shown(f"{source.bound(x, shown)}[{index}]")


def _scatter_add(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    at = node.attributes
    text = shown[node.inputs[0]].text
    return source.call("scatter_add", text, _indices(source, at["indices"]), str(at["axis"] + 1), str(at["size"]))


def _roll(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    (x,), axis, shift = node.inputs, node.attributes["axis"], node.attributes["shift"]
    by = str(shift) if x.ndim == 1 else f"({_dims([shift if a == axis else 0 for a in range(x.ndim)])})"
    return Shown(f"circshift({shown[x].text}, {by})")


# ---- the rest ---------------------------------------------------------------------------------------------------


def _reduction(name: str) -> Callable[..., Shown]:
    def show(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
        (x,), axes = node.inputs, node.attributes["axes"]
        text = shown[x].text
        if not axes:
            return shown[x]
        if len(axes) == x.ndim:
            return Shown(f"{name}({text})")
        dims = str(axes[0] + 1) if len(axes) == 1 else f"({_dims([a + 1 for a in axes])})"
        return Shown(f"dropdims({name}({text}; dims = {dims}); dims = {dims})")

    return show


def _matmul(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    a, b = node.inputs
    if a.ndim == b.ndim == 2:
        transposed = b.operation == "transpose" and b not in source.known
        right = f"{source.bound(b.inputs[0], shown)}'" if transposed else source.bound(b, shown)
        return Shown(f"{source.bound(a, shown)} * {right}", PRODUCT)
    return source.call("batched_product", *(_lifted(i, shown, node.ndim).text for i in (a, b)))


def _stencil(adjoint: bool) -> Callable[..., Shown]:
    def show(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
        at = node.attributes
        coefficients = julia_array(np.asarray(at["coefficients"], dtype=float))
        offsets = f"[{', '.join(map(str, at['offsets']))}]"
        more = "; adjoint = true" if adjoint else ""
        arguments = f"{shown[node.inputs[0]].text}, {coefficients}, {offsets}, {at['axis'] + 1}, :{at['boundary']}"
        return Shown(f"{source.helper('stencil')}({arguments}{more})")

    return show


def _polynomial(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    at, label = node.attributes, node.attributes["label"] or "interpolated"
    parts = ("breaks", "anchors", "coefficients")
    stored = [source.store(julia_array(np.asarray(at[k])), f"{label}_{k}") for k in parts]
    name = source.helper("piecewise_at" if node.inputs[0].ndim else "piecewise")
    function = source.function(label, f"(t) = {name}(t, {', '.join(stored)})")
    return Shown(f"{function}({shown[node.inputs[0]].text})")


def _first(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    return shown[node.inputs[0]]


_TABLE: dict[str, Callable[[JuliaSource, Expression, Shows], Shown]] = {
    "add": _infix("+", SUM),
    "subtract": _infix("-", SUM),
    "multiply": _infix("*", PRODUCT),
    "divide": _infix("/", PRODUCT),
    "power": _power,
    "negative": _negative,
    **{
        name: _function(name) for name in ("sign", "floor", "exp", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh")
    },
    **{name: _function(name, helper=True) for name in ("sigmoid", "softplus")},
    "absolute": _function("abs"),
    "log": _function("log_or_nan", helper=True),
    "log1p": _function("log1p_or_nan", helper=True),
    "sqrt": _function("sqrt_or_nan", helper=True),
    "arcsin": _function("asin_or_nan", helper=True),
    "arccos": _function("acos_or_nan", helper=True),
    "arctan": _function("atan"),
    "arctan2": _function("atan"),
    "maximum": _function("max"),
    "minimum": _function("min"),
    "less": _infix("<", COMPARISON, (SUM, SUM)),
    "less_equal": _infix("<=", COMPARISON, (SUM, SUM)),
    "equal": _infix("==", COMPARISON, (SUM, SUM)),
    "logical_and": _infix("&", COMPARISON, (ATOM, ATOM)),
    "logical_or": _infix("|", COMPARISON, (ATOM, ATOM)),
    "logical_not": _not,
    "where": _function("ifelse"),
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    "concatenate": _concatenate,
    "slice": _slice,
    "pad": _pad,
    "gather": _gather,
    "scatter_add": _scatter_add,
    "roll": _roll,
    "sum": _reduction("sum"),
    "amax": _reduction("maximum"),
    "matmul": _matmul,
    "stencil": _stencil(adjoint=False),
    "stencil_adjoint": _stencil(adjoint=True),
    **GRID,
    "piecewise_polynomial": _polynomial,
    "stop_gradient": _first,
    "learned": _first,
}
