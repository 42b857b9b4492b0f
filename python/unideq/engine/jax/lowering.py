"""Graph → JAX: operations as JAX's functions of the same name, a table of the others, and `lower`, which walks a graph.

Constants are what `bound.value_of` says: arguments of the compiled code, or NumPy arrays. Exponents are always
NumPy arrays, so that their lowering can look at them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ...errors import EngineUnsupported
from ...graph import Expression, Graph
from . import convolution, spectra
from .bound import COLUMNS, TABLES, plain_value, table_of, value_of

__all__ = ["LOWERINGS", "check", "lower", "lowering", "rows_read"]


MANY_VIEWS = 32
"""Parts of a vector from which it is split at once."""


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, np.ndarray) and exponent.size == 1:
        number = float(exponent.reshape(-1)[0])
        if number.is_integer() and abs(number) <= 64:
            shape = np.broadcast_shapes(np.shape(base), exponent.shape)
            return jnp.broadcast_to(lax.integer_pow(jnp.asarray(base), int(number)), shape)
    return jnp.power(base, exponent)


def _matmul(a: Any, b: Any) -> Any:
    if b.shape[-1] == 1 and a.ndim == 2 and b.ndim == 2:  # a dense layer: matrix times vector
        return jnp.matmul(a, b[:, 0])[:, None]
    return jnp.matmul(a, b)


def _pad(x: Any, window: Any, shape: tuple[int, ...]) -> Any:
    x = jnp.asarray(x)
    if x.size == 0:
        return jnp.zeros(shape, x.dtype)
    edges = [
        (start, total - (start + (n - 1) * step + 1), step - 1)
        for (start, _, step), n, total in zip(window, x.shape, shape, strict=True)
    ]
    return lax.pad(x, jnp.zeros((), x.dtype), edges)


def _slice(x: Any, window: Any) -> Any:
    starts, stops, steps = zip(*window, strict=True) if window else ((), (), ())
    return lax.slice(jnp.asarray(x), starts, stops, steps)


def _gather(x: Any, indices: Any, axis: int) -> Any:
    indices = np.asarray(indices, dtype=int) % x.shape[axis]
    steps = np.diff(indices)
    if len(indices) > 1 and steps[0] != 0 and np.all(steps == steps[0]):
        # A progression is a slice, perhaps reversed: its adjoint is a pad, where a gather's is a slow scatter.
        low, high, step = int(indices.min()), int(indices.max()) + 1, abs(int(steps[0]))
        part = lax.slice_in_dim(jnp.asarray(x), low, high, step, axis)
        return lax.rev(part, (axis,)) if steps[0] < 0 else part
    return jnp.take(x, indices, axis=axis, mode="clip")


def _scatter_add(x: Any, indices: Any, axis: int, size: int) -> Any:
    moved = jnp.moveaxis(jnp.asarray(x), axis, 0)
    result = jnp.zeros((size, *moved.shape[1:]), moved.dtype)
    return jnp.moveaxis(result.at[np.asarray(indices, dtype=int) % size].add(moved), 0, axis)


def _stencil(x: Any, coefficients: Any, offsets: Any, axis: int, boundary: str) -> Any:
    """The array is extended once beyond its ends; every offset is then a plain slice, which XLA fuses."""
    x = jnp.asarray(x)
    n = x.shape[axis]
    pairs = []
    for c, o in zip(coefficients, offsets, strict=True):
        if boundary == "periodic":
            o = (o + n // 2) % n - n // 2
        elif boundary == "edge":
            o = int(np.clip(o, 1 - n, n - 1))
        elif abs(o) >= n:
            continue
        pairs.append((c, o))
    before = max([0, *(-o for _, o in pairs)])
    after = max([0, *(o for _, o in pairs)])
    widths = [(0, 0)] * x.ndim
    widths[axis] = (before, after)
    extended = jnp.pad(x, widths, mode={"periodic": "wrap", "edge": "edge", "zero": "constant"}[boundary])
    result = jnp.zeros_like(x)
    for c, o in pairs:
        result = result + c * lax.slice_in_dim(extended, before + o, before + o + n, axis=axis)
    return result


def _stencil_adjoint(x: Any, **attributes: Any) -> Any:
    x = jnp.asarray(x)
    (result,) = jax.linear_transpose(lambda v: _stencil(v, **attributes), x)(x)
    return result


def _piecewise_polynomial(t: Any, *row: Any, breaks: Any, anchors: Any, coefficients: Any, label: str = "") -> Any:
    t = jnp.asarray(t)
    if row:
        tables = (breaks, anchors, coefficients)
        if t.ndim:
            one = jax.vmap(lambda at, of: _piecewise_polynomial(at, **own_row(tables, of)))
            flat = one(t.reshape(-1), jnp.asarray(row[0]).reshape(-1))
            return flat.reshape(t.shape + flat.shape[1:])
        return _piecewise_polynomial(t, **own_row(tables, row[0]))
    # Comparing with all breaks is fastest for few; a loop inside the solver's loop would be slowest.
    method = "compare_all" if len(breaks) <= 64 else "scan_unrolled"
    piece = jnp.searchsorted(jnp.asarray(breaks), t, side="right", method=method)
    local = (t - jnp.asarray(anchors)[piece]).reshape(t.shape + (1,) * (coefficients.ndim - 2))
    rows = jnp.moveaxis(jnp.asarray(coefficients), 0, 1)[piece]  # t.shape + (degree + 1,) + value shape
    order = [lax.index_in_dim(rows, k, t.ndim, keepdims=False) for k in range(coefficients.shape[0])]
    result = order[-1]
    for coefficient in order[-2::-1]:
        result = result * local + coefficient
    return result


def own_row(tables: Sequence[Any], row: Any) -> dict[str, Any]:
    """The columns of one row's polynomial."""
    place = lax.stop_gradient(jnp.asarray(row)).astype(int)
    return {name: jnp.asarray(table)[place] for name, table in zip(COLUMNS, tables, strict=True)}


LOWERINGS: dict[str, Callable[..., Any]] = {
    "power": _power,
    "concatenate": lambda *arrays, axis: jnp.concatenate(arrays, axis=axis),
    "slice": _slice,
    "pad": _pad,
    "gather": _gather,
    "scatter_add": _scatter_add,
    "sum": lambda x, axes: jnp.sum(x, axis=axes),
    "amax": lambda x, axes: jnp.max(x, axis=axes),
    "matmul": _matmul,
    "stencil": _stencil,
    "stencil_adjoint": _stencil_adjoint,
    "rfft": spectra.rfft,
    "irfft": spectra.irfft,
    "convolution": convolution.convolution,
    "convolution_kernel": convolution.convolution_kernel,
    "piecewise_polynomial": _piecewise_polynomial,
    "stop_gradient": lax.stop_gradient,
    "learned": lambda value, *arguments, **attributes: value,
}
"""Operation name → `(*arrays, **attributes) -> array`, where it isn't JAX's own function of that name."""


def lowering(operation: str) -> Callable[..., Any] | None:
    """What computes an operation: the table's entry, else JAX's function of that name."""
    if operation.partition("_")[0] == "module":
        from ...nn.equinox_modules import OPERATIONS  # with Equinox, which a network like that has loaded

        return OPERATIONS.get(operation)
    for place in (jnp, jax.nn):
        found = LOWERINGS.get(operation) or getattr(place, operation, None)
        if found is not None:
            return found
    return getattr(importlib.import_module("jax.scipy.special"), operation, None)


def check(graph: Graph) -> None:
    """Raise `EngineUnsupported` if an operation has no lowering."""
    missing = {n.operation: n.entry.family for n in graph.nodes if n.inputs and lowering(n.operation) is None}
    if missing:
        lux = set(missing.values()) == {"network"}
        what = "can't run Lux networks" if lux else f"lacks the operation `{min(missing)}`"
        raise EngineUnsupported(f'Engine `jax` {what}. Use `engine="julia"`.')


def _has_known_exponent(node: Expression) -> bool:
    return node.operation == "power" and node.inputs[1].is_constant


def _many_views(graph: Graph) -> dict[int, tuple[list[int], dict[int, int]]]:
    """Vectors of which many parts are read, none twice: sizes of all parts, gaps among them, and which slice is which.

    A part's cotangent is padded to the whole vector's length, and the parts' are added: of a hundred views into θ that
    is a hundred times its length. One split has one concatenation as its adjoint.
    """
    found = {}
    for vector in graph.inputs:
        parts = [n for n in graph.nodes if n.operation == "slice" and n.inputs[0] is vector and vector.ndim == 1]
        windows = sorted((*n.attributes["window"][0], id(n)) for n in parts)
        ends = [0, *(stop for _, stop, _, _ in windows)]
        whole = all(step == 1 and start >= end for (start, _, step, _), end in zip(windows, ends, strict=False))
        if len(windows) < MANY_VIEWS or not whole:
            continue
        cuts = sorted({0, len(vector), *(cut for start, stop, *_ in windows for cut in (start, stop))})
        number = {start: k for k, start in enumerate(cuts)}
        found[id(vector)] = [int(n) for n in np.diff(cuts)], {number[start]: place for start, _, _, place in windows}
    return found


def lower(graph: Graph, compiled_in: bool = False) -> Callable[[Mapping[str, Any]], dict[str, jax.Array]]:
    """The graph as a function of JAX arrays, `{input: array} -> {output: array}`, to jit, vmap and differentiate.

    Its constants are arguments of the compiled code (`arguments.value_of`), or `compiled_in`.

    Raises
    ------
    EngineUnsupported
        If an operation has no lowering.
    """
    check(graph)
    program = [(n, lowering(n.operation) if n.inputs else None, tuple(map(id, n.inputs))) for n in graph.nodes]
    exponents = {node: node.inputs[1].value for node in graph.nodes if _has_known_exponent(node)}
    outputs = tuple(graph.outputs.items())
    views = _many_views(graph)

    def run(values: Mapping[str, Any]) -> dict[str, jax.Array]:
        found: dict[int, Any] = {}
        own = values.get(TABLES, {})
        for node, function, inputs in program:
            if id(node) in found:
                continue
            if node.operation == "input":
                found[id(node)] = values[node.name]
                if id(node) in views:
                    sizes, places = views[id(node)]
                    parts = lax.split(jnp.asarray(found[id(node)]), sizes)
                    found.update({place: parts[k] for k, place in places.items()})
            elif function is None:
                found[id(node)] = plain_value(node) if compiled_in else value_of(node)
            elif node in exponents:
                found[id(node)] = function(found[inputs[0]], exponents[node])
            elif id(node) in own:
                found[id(node)] = function(found[inputs[0]], **own[id(node)])
            else:
                found[id(node)] = function(*(found[i] for i in inputs), **table_of(node))
        return {name: jnp.asarray(found[id(node)], bool if node.dtype == "bool" else float) for name, node in outputs}

    return run


def rows_read(graph: Graph) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """`(inputs of the row numbers) -> what `lower(graph)` takes besides`: the rows of tables that the graph reads.

    Taken once before a solve: inside, every evaluation would look for its row anew.
    """
    nodes = [node for node in graph.nodes if node.operation == TABLES and len(node.inputs) == 2]
    if not nodes:
        return lambda values: {}
    numbers = lower(Graph(graph.inputs, {str(k): node.inputs[1] for k, node in enumerate(nodes)}))

    def read(values: Mapping[str, Any]) -> dict[str, Any]:
        found, tables = numbers(values), [table_of(node) for node in nodes]
        rows = [own_row([t[name] for name in COLUMNS], found[str(k)]) for k, t in enumerate(tables)]
        return {TABLES: dict(zip(map(id, nodes), rows, strict=True))}

    return read
