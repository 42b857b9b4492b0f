"""NumPy's ufuncs and functions on symbolic arrays: what each becomes in the graph, and what to write for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import TraceError
from .expression import Expression, apply, as_expression
from .location import user_line
from .numpy_layout import LAYOUT
from .numpy_products import PRODUCTS
from .numpy_reductions import REDUCTIONS
from .numpy_ufuncs import COMPOSED
from .operation import UFUNCS

__all__ = ["FUNCTIONS", "apply_function", "apply_ufunc", "supported_functions"]


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Expression:
    x = as_expression(a)
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if low is not None:
        x = apply("maximum", x, low)
    return x if high is None else apply("minimum", x, high)


def _where(condition: Any, *choices: Any) -> Expression:
    if len(choices) != 2:
        raise TraceError(
            f"`np.where(condition)` without values can't be recorded{user_line()}. Write `np.where(condition, a, b)`."
        )
    return apply("where", condition, *choices)


def _full(fill: float) -> Callable[..., Any]:
    # Plain arrays: what is the same for all values of the input needs no symbol.
    return lambda a, dtype=None, order="K", subok=True, shape=None, **_: np.full(
        a.shape if shape is None else shape, fill, dtype or float
    )


def _full_like(a: Any, fill_value: Any, *_: Any, **__: Any) -> Expression:
    return apply("broadcast_to", as_expression(fill_value), shape=np.shape(a))


_OTHER: dict[Any, Callable[..., Any]] = {
    np.clip: _clip,
    np.where: _where,
    np.zeros_like: _full(0.0),
    np.ones_like: _full(1.0),
    np.full_like: _full_like,
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a, axis=None: a.size if axis is None else a.shape[axis],
    np.iscomplexobj: lambda x: False,
    np.isrealobj: lambda x: True,
    np.copy: lambda a, order="K", subok=False: a,
    np.real: lambda val: val,
}

FUNCTIONS: dict[Any, Callable[..., Any]] = {**REDUCTIONS, **LAYOUT, **PRODUCTS, **_OTHER}
"""NumPy function → what computes it on symbolic arrays."""

_INSTEAD = {
    "einsum": "`np.matmul`, `np.dot` or `np.sum(a * b, axis=...)`",
    "tensordot": "`np.matmul`",
    "interp": "a `forcings=` entry of the model, which is interpolated at t",
    "gradient": "`np.roll` or slices for differences",
    "array_equal": "`np.where` on the compared values",
    "allclose": "`np.where` on the compared values",
    "isclose": "`np.abs(a - b) < tolerance`",
    "any": "`np.max(np.where(condition, 1.0, 0.0))`",
    "all": "`np.min(np.where(condition, 1.0, 0.0))`",
    "argmax": "`np.max`, or weights from `np.exp` (a soft maximum)",
    "argmin": "`np.min`, or weights from `np.exp` (a soft minimum)",
    "nan_to_num": "`np.where(np.isnan(x), 0.0, x)`",
    "nansum": "`np.sum(np.where(np.isnan(x), 0.0, x))`",
    "select": "nested `np.where`",
    "piecewise": "nested `np.where`",
    "empty_like": "the new array with `np.stack([...])` or `np.concatenate([...])`",
    "copyto": "the new array with `np.where(mask, new, old)`",
    "put": "the new array with `np.where(mask, new, old)`",
    "linspace": "`start + (stop - start) * np.linspace(0, 1, n)`",
    "isposinf": "a comparison",
    "isneginf": "a comparison",
    "rint": "`np.floor(x + 0.5)`",
    "round": "`np.floor(x + 0.5)`",
    "fmod": "`np.remainder`",
    "copysign": "`np.sign(b) * np.abs(a)`",
    "fft.rfft": "`unideq.graph.rfft`",
    "fft.irfft": "`unideq.graph.irfft`",
    "fft.fft": "`unideq.graph.rfft`",
    "fft.rfft2": "`unideq.graph.rfft` with `dims=2`",
    "fft.irfft2": "`unideq.graph.irfft`",
    "convolve": "`unideq.graph.convolve`",
    "linalg.solve": "the inverse of a constant matrix, computed outside of the function, with `@`",
    "linalg.inv": "the inverse of a constant matrix, computed outside of the function, with `@`",
}
_NO_DERIVATIVE = (
    "sort",
    "argsort",
    "unique",
    "searchsorted",
    "median",
    "percentile",
    "quantile",
    "digitize",
    "histogram",
)


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], settings: dict[str, Any]) -> Expression:
    """What `ufunc(*inputs)` becomes; `add.reduce`, `out=` and the like raise a `TraceError`."""
    name = ufunc.__name__
    if method != "__call__":
        instead = {
            "reduce": "`np.sum`, `np.prod`, `np.max` or `np.min`",
            "accumulate": "`np.cumsum`",
            "outer": "`np.outer`",
        }
        hint = f" Write {instead[method]} instead." if method in instead else " Build the new array with `np.where`."
        raise TraceError(f"`np.{name}.{method}` can't be recorded{user_line()}.{hint}")
    if settings.get("out") is not None:
        raise TraceError(
            f"`np.{name}` can't write into an array (`out=`, or `+=` on a plain array){user_line()}. "
            "Write `new = old + …`: the plain call, with its result assigned to a new name."
        )
    if "dtype" in settings and settings["dtype"] in (None, float, np.float64, "float64"):
        settings = {key: value for key, value in settings.items() if key != "dtype"}
    unknown = ", ".join(f"`{key}=`" for key in settings if key != "out")
    if unknown:
        raise TraceError(
            f"`np.{name}` with {unknown} can't be recorded{user_line()}. Write the plain call (and `np.where`)."
        )
    if ufunc in UFUNCS:
        return apply(UFUNCS[ufunc], *inputs)
    if ufunc in COMPOSED:
        return COMPOSED[ufunc](*(as_expression(i) for i in inputs))
    raise _unsupported(name)


def apply_function(function: Any, arguments: Sequence[Any], settings: dict[str, Any]) -> Any:
    """What `np.function(*arguments)` becomes, or a `TraceError` that names what to write instead."""
    name = _name(function)
    rule = FUNCTIONS.get(function)
    if rule is None:
        raise _unsupported(name)
    given = {k: v for k, v in settings.items() if v is not np._NoValue and not (k == "out" and v is None)}  # type: ignore[attr-defined]
    if "out" in given:
        raise TraceError(f"`np.{name}` with `out=` can't be recorded{user_line()}. Assign the result to a new name.")
    try:
        return rule(*arguments, **given)
    except TraceError:
        raise
    except (TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError) as error:
        raise TraceError(f"`np.{name}` got arguments that can't be recorded{user_line()}: {error}.") from error


def _name(function: Any) -> str:
    name = getattr(function, "__name__", str(function))
    module = getattr(function, "__module__", "") or ""
    return f"linalg.{name}" if "linalg" in module else f"fft.{name}" if "fft" in module else name


def _unsupported(name: str) -> TraceError:
    if name in _NO_DERIVATIVE:
        hint = " It has no useful derivative: work with the values themselves."
    elif name in _INSTEAD:
        hint = f" Write {_INSTEAD[name]} instead."
    else:
        hint = " See `unideq.graph.supported_functions()` for what can."
    return TraceError(f"`np.{name}` can't be recorded on symbolic values{user_line()}.{hint}")


def supported_functions() -> list[str]:
    """Names of the NumPy functions and ufuncs that can stand in a model, sorted."""
    return sorted({f"np.{f.__name__}" for f in (*UFUNCS, *COMPOSED)} | {f"np.{_name(f)}" for f in FUNCTIONS})
