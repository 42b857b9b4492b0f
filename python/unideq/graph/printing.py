"""How operations print themselves, as text or LaTeX, with as few brackets as precedence allows.

Text follows Python: `hare[0]` is the first element. LaTeX follows mathematics: there it is written with subscript 1.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

SUM, PRODUCT, UNARY, POWER, ATOM = range(5)


class Shown(NamedTuple):
    """A printed expression and how tightly its outermost operator binds.

    `head` is the part of the text that a LaTeX subscript attaches to: the function's name in a function's value.
    """

    text: str
    binding: int = ATOM
    head: str = ""

    def inside(self, binding: int, latex: bool) -> str:
        """The text, in brackets where an operator of that binding would tear it apart."""
        if self.binding >= binding:
            return self.text
        return rf"\left({self.text}\right)" if latex else f"({self.text})"


Show = Callable[[Sequence[Shown], dict[str, Any], bool], Shown]

# ---- names and numbers ------------------------------------------------------------------------------------------

_GREEK = frozenset(
    word
    for line in (
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi",
        "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega varepsilon vartheta varphi ell hbar",
    )
    for word in line.split()
)


def identifier(name: str) -> str:
    r"""A Python name as LaTeX: `growth` → `\mathrm{growth}`, `alpha` and `α` → `\alpha`, `x1` → `x_{1}`.

    What follows an underscore is a subscript: `k_on` → `k_{\mathrm{on}}`.
    Names that hold a backslash are taken to be LaTeX already.
    """
    if "\\" in name:
        return name
    if name.endswith("(t)"):  # a measured input
        return rf"{identifier(name[:-3])}\left(t\right)"
    if name.startswith("∂"):
        return rf"\partial_{{{identifier(name[1:])}}}"
    base, *rest = [part for part in name.split("_") if part] or [r"\_"]
    letters = base.rstrip("0123456789")
    if letters and letters != base and (len(letters) == 1 or letters in _GREEK):
        base, rest = letters, [base[len(letters) :], *rest]
    return _word(base) + (f"_{{{','.join(map(_word, rest))}}}" if rest else "")


def _word(word: str) -> str:
    if word in _GREEK:
        return rf"\{word}"
    if len(word) == 1:
        parts = unicodedata.name(word, "").split()  # "GREEK SMALL LETTER ALPHA"
        if len(parts) == 4 and parts[0] == "GREEK":
            letter = parts[3].lower().replace("lamda", "lambda")
            letter = letter if parts[1] == "SMALL" else letter.capitalize()
            return rf"\{letter}" if letter in _GREEK else word
    if len(word) == 1 or word.isdigit():
        return word
    return rf"\mathrm{{{word}}}"


def number(value: float, latex: bool = False) -> Shown:
    """A number in at most six digits and as few characters as possible: `0.5`, `1e-3`, `2.5 × 10⁻⁶` in LaTeX."""
    if not np.isfinite(value):
        word = "nan" if np.isnan(value) else ("inf" if value > 0 else "-inf")
        if latex:
            word = word.replace("inf", r"\infty") if "inf" in word else r"\mathrm{nan}"
        return Shown(word, PRODUCT if value < 0 else ATOM)
    plain, scientific = f"{value:.6g}", f"{value:.5e}"
    mantissa, exponent = scientific.split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    short = f"{mantissa}e{int(exponent)}"
    small_or_large = value != 0 and not 1e-2 <= abs(value) < 1e5
    if "e" not in plain and not (small_or_large and len(short) < len(plain)):
        return Shown(plain, PRODUCT if plain.startswith("-") else ATOM)
    if latex:
        factor = {"1": "", "-1": "-"}.get(mantissa, rf"{mantissa} \times ")
        return Shown(f"{factor}10^{{{int(exponent)}}}", PRODUCT if factor else POWER)
    return Shown(short, PRODUCT if short.startswith("-") else ATOM)


def array(value: np.ndarray, latex: bool) -> Shown:
    """A constant: arrays of one repeated number print as that number, short ones in full, others by their shape."""
    if value.size and np.array_equal(value, np.full_like(value, value.reshape(-1)[0]), equal_nan=True):
        first = value.reshape(-1)[0]
        return Shown(str(bool(first))) if value.dtype == np.bool_ else number(float(first), latex)
    if value.ndim == 1 and 0 < value.size <= 4:
        inner = ", ".join(str(bool(v)) if value.dtype == np.bool_ else number(float(v), latex).text for v in value)
        return Shown(rf"\left[{inner}\right]" if latex else f"[{inner}]")
    if latex:
        sizes = r" \times ".join(map(str, value.shape))
        return Shown(rf"\mathrm{{array}}_{{{sizes}}}")
    return Shown(f"array({', '.join(map(str, value.shape))})")


# ---- operators --------------------------------------------------------------------------------------------------


def infix(symbol: str, binding: int, latex_symbol: str | None = None, associative: bool = True) -> Show:
    """`a < b`."""

    def show(arguments: Sequence[Shown], attributes: dict[str, Any], latex: bool) -> Shown:
        left, right = arguments
        sign = (latex_symbol if latex_symbol is not None else symbol) if latex else symbol
        return Shown(
            f"{left.inside(binding, latex)}{sign}{right.inside(binding if associative else binding + 1, latex)}",
            binding,
        )

    return show


def function(name: str, latex_name: str | None = None, shown: Sequence[str] = ()) -> Show:
    """`exp(x)`; of the attributes, those named in `shown` follow the arguments."""

    def show(arguments: Sequence[Shown], attributes: dict[str, Any], latex: bool) -> Shown:
        inner = ", ".join([*(a.text for a in arguments), *(str(attributes[key]) for key in shown)])
        if latex:
            escaped = name.replace("_", r"\_")
            head = latex_name or rf"\operatorname{{{escaped}}}"
            return Shown(rf"{head}\left({inner}\right)")
        return Shown(f"{name}({inner})")

    return show


def around(name: str, opening: str, closing: str) -> Show:
    r"""`abs(x)`, in LaTeX between two signs: `\left|x\right|`."""

    def show(arguments: Sequence[Shown], attributes: dict[str, Any], latex: bool) -> Shown:
        inner = arguments[0].text
        return Shown(f"{opening}{inner}{closing}" if latex else f"{name}({inner})")

    return show


def show_add(arguments: Sequence[Shown], attributes: dict[str, Any], latex: bool) -> Shown:
    """`a + b`, or `a - b` where the second term begins with a minus sign."""
    left, right = arguments
    if right.text.startswith("-"):
        return Shown(f"{left.text} - {right.text[1:]}", SUM) if left.binding >= SUM else _sum(left, "+", right, latex)
    return _sum(left, "+", right, latex)


def show_subtract(arguments: Sequence[Shown], attributes: dict[str, Any], latex: bool) -> Shown:
    """`a - b`, or `a + b` where the second term begins with a minus sign."""
    left, right = arguments
    if right.text.startswith("-") and right.binding >= PRODUCT and left.binding >= SUM:
        return Shown(f"{left.text} + {right.text[1:]}", SUM)
    return _sum(left, "-", right, latex)


def _sum(left: Shown, sign: str, right: Shown, latex: bool) -> Shown:
    return Shown(f"{left.inside(SUM, latex)} {sign} {right.inside(SUM + (sign == '-'), latex)}", SUM)


def show_multiply(arguments: Sequence[Shown], attributes: dict[str, Any], latex: bool) -> Shown:
    """`a·b`; LaTeX leaves a thin space, and a dot between two numbers."""
    left, right = (a.inside(PRODUCT, latex) for a in arguments)
    if right.startswith("-"):
        right = rf"\left({right}\right)" if latex else f"({right})"
    if not latex:
        return Shown(f"{left}·{right}", PRODUCT)
    touching = (left[-1:].isdigit() and right[:1].isdigit()) or (left.endswith("}") and right[:1].isdigit())
    return Shown(rf"{left} \cdot {right}" if touching else rf"{left} \, {right}", PRODUCT)


def show_divide(arguments: Sequence[Shown], attributes: dict[str, Any], latex: bool) -> Shown:
    r"""`a/b`, `\frac{a}{b}`."""
    over, under = arguments
    if latex:
        return Shown(rf"\frac{{{over.text}}}{{{under.text}}}", UNARY)
    return Shown(f"{over.inside(PRODUCT, latex)}/{under.inside(UNARY, latex)}", PRODUCT)


def show_power(arguments: Sequence[Shown], attributes: dict[str, Any], latex: bool) -> Shown:
    """`a**b`, `a^{b}`."""
    base, exponent = arguments
    if latex:
        return Shown(f"{_braced(base.inside(ATOM, latex))}^{{{exponent.text}}}", POWER)
    return Shown(f"{base.inside(ATOM, latex)}**{exponent.inside(ATOM, latex)}", POWER)


def _braced(text: str) -> str:
    # TeX refuses two superscripts on one nucleus.
    return f"{{{text}}}" if "^" in text and not text.startswith((r"\left", "{")) else text


def show_negative(arguments: Sequence[Shown], attributes: dict[str, Any], latex: bool) -> Shown:
    """`-a`."""
    inner = arguments[0].inside(PRODUCT, latex)
    if inner.startswith("-"):
        inner = rf"\left({inner}\right)" if latex else f"({inner})"
    return Shown(f"-{inner}", SUM)


def show_first(arguments: Sequence[Shown], attributes: dict[str, Any], latex: bool) -> Shown:
    """Operations that change only the layout print as what they lay out."""
    return arguments[0]


def subscripted(base: Shown, text_index: str, latex_index: str, latex: bool) -> Shown:
    r"""An element or a part: `f(x)[0]`, in LaTeX `f_{1}\left(x\right)`."""
    if not latex:
        return Shown(f"{base.inside(ATOM, latex)}[{text_index}]")
    head, tail = (base.head, base.text[len(base.head) :]) if base.head else (base.inside(ATOM, latex), "")
    if "_" in head or "^" in head:  # TeX refuses a second subscript on one nucleus
        head = f"{{{head}}}"
    return Shown(f"{head}_{{{latex_index}}}{tail}")
