"""Operations that lay whole arrays out anew, as Julia source; NumPy's are in row-major order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..expression import Expression
from ..printing import PRODUCT, Shown
from .literals import dims
from .operands import Rule, Shows, lifted

if TYPE_CHECKING:
    from .writer import JuliaSource

__all__ = ["STRUCTURE"]


def _element(node: Expression) -> tuple[Expression, str] | None:
    """The array and the index that a slice of one element reads."""
    if node.operation != "slice" or node.size != 1:
        return None
    return node.inputs[0], ", ".join(str(start + 1) for start, _, _ in node.attributes["window"])


def as_scalar(source: JuliaSource, node: Expression, shown: Shows) -> Shown | None:
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
        return as_scalar(source, x, shown) or Shown(f"only({text})")
    if x.ndim == 0:
        return Shown(f"[{text}]") if node.ndim == 1 else Shown(f"fill({text}, {dims(node.shape)})")
    if [n for n in x.shape if n != 1] == [n for n in node.shape if n != 1]:
        return Shown(f"vec({text})" if node.ndim == 1 else f"reshape({text}, {dims(node.shape)})")
    if node.ndim == 1:
        return source.call("flat_rows", text)
    return source.call("reshape_rows", text, dims(node.shape))


def _transpose(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    (x,), axes = node.inputs, node.attributes["axes"]
    if x.ndim == 2:
        return Shown(f"permutedims({shown[x].text})")
    return Shown(f"permutedims({shown[x].text}, ({dims([a + 1 for a in axes])}))")


def _broadcast_to(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    (x,) = node.inputs
    if x.ndim == 0:
        return Shown(f"fill({shown[x].text}, {dims(node.shape)})")
    return source.call("stretch", lifted(x, shown, node.ndim).text, dims(node.shape))


def _concatenate(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    if node.ndim == 1:
        parts = [(as_scalar(source, i, shown) if i.size == 1 else None) for i in node.inputs]
        texts = [shown[i].text if p is None else p.text for i, p in zip(node.inputs, parts, strict=True)]
        joined = ", ".join(texts)
        return Shown(f"[{joined}]" if all(p is not None for p in parts) else f"vcat({joined})")
    texts = ", ".join(shown[i].text for i in node.inputs)
    return Shown(f"cat({texts}; dims = {node.attributes['axis'] + 1})")


STRUCTURE: dict[str, Rule] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    "concatenate": _concatenate,
}
"""Operation → what writes it."""
