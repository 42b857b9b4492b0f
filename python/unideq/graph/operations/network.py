"""Networks that one engine alone can look into: `network`, a Lux model given as Julia source, and `module`, an Equinox
module.

Each maps x (…, inputs) and the flat weights to (…, outputs). Weights lie one array after the other in the order of
`structure`: Lux's each with its first axis fastest, as Julia stores them, Equinox's with the last. Leading axes of x
are a batch: samples don't mix.

Derivatives are operations of their own, computed by the library. There are none of second order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import EngineUnsupported, TraceError
from ..expression import Expression, apply
from ..location import user_line
from ..operation import Operation, register
from ..printing import Shown
from .batch_rules import shared_weights
from .building import union

__all__ = ["Evaluator", "set_evaluator"]

Evaluator = Callable[[str, tuple[np.ndarray, ...], dict[str, Any]], np.ndarray]
"""`(operation, arrays, attributes) -> array`."""

_LIBRARIES = {"network": "Lux", "module": "Equinox"}
"""Operation → the library whose networks it calls."""
_evaluators: dict[str, Evaluator | None] = {}


def set_evaluator(evaluator: Evaluator | None, operation: str = "network") -> None:
    """Say how NumPy evaluation computes an operation and its derivatives: the library does it."""
    _evaluators[operation] = evaluator


def _evaluation(operation: str) -> Callable[..., np.ndarray]:
    base = operation.partition("_")[0]

    def evaluate(*arrays: np.ndarray, **attributes: Any) -> np.ndarray:
        evaluator = _evaluators.get(base)
        if evaluator is None:
            raise EngineUnsupported(
                "NumPy can't evaluate a Lux network: Julia does. Start its engine with `ude.get_engine('julia')`."
                if base == "network"
                else "NumPy can't evaluate an Equinox module: JAX does. Give it back with `ude.nn.Equinox(module)`."
            )
        return evaluator(operation, arrays, attributes)

    return evaluate


# ---- shapes -----------------------------------------------------------------------------------------------------


def _named(attributes: dict) -> str:
    """The network in words."""
    kind = "Equinox module" if attributes.get("library") == "Equinox" else "Lux network"
    return f"{kind} `{attributes['source']}`"


def _infer_value(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    x, weights = inputs[:2]
    size = sum(math.prod(shape) for _, shape in attributes["structure"])
    if not x.ndim or x.shape[-1] != attributes["inputs"] or weights.shape != (size,):
        raise TraceError(
            f"The {_named(attributes)} takes arrays with last axis {attributes['inputs']} and "
            f"{size} weights, not shapes {x.shape} and {weights.shape}{user_line()}."
        )
    return (*x.shape[:-1], attributes["outputs"]), "float64"


def _infer_vjp(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    x, weights, cotangent = inputs
    shape, _ = _infer_value(inputs, attributes)
    if cotangent.shape != shape:
        raise TraceError(f"`network_vjp` needs a cotangent of shape {shape}, not {cotangent.shape}.")
    return (x.size + weights.size,), "float64"


def _infer_jvp(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    shapes = {"x": [inputs[0].shape], "weights": [inputs[1].shape], "both": [i.shape for i in inputs[:2]]}
    wanted, found = shapes.get(attributes["wrt"]), [i.shape for i in inputs[2:]]
    if wanted != found:
        raise TraceError(f"`network_jvp` by `{attributes['wrt']}` needs tangents of shapes {wanted}, not {found}.")
    return _infer_value(inputs, attributes)


# ---- derivatives ------------------------------------------------------------------------------------------------


def _derivatives(base: str) -> tuple[Any, Any]:
    """Reverse and forward rule of an operation, by those of its derivatives."""

    def vjp(inputs: Any, attributes: dict, y: Expression, c: Expression) -> list[Expression | None]:
        x, weights = inputs
        both = apply(f"{base}_vjp", x, weights, c, **attributes)
        return [both[: x.size].reshape(x.shape), both[x.size :]]

    def jvp(inputs: Any, attributes: dict, y: Expression, tangents: Any) -> Expression | None:
        given = [t for t in tangents if t is not None]
        wrt = "both" if len(given) == 2 else "x" if tangents[0] is not None else "weights"
        return apply(f"{base}_jvp", *inputs, *given, **attributes, wrt=wrt)

    return vjp, jvp


def _no_second_order(inputs: Any, attributes: dict, y: Expression, moved: Any) -> Any:
    raise EngineUnsupported(
        f"The {_named(attributes)} has no second derivatives. Use `ude.nn.MLP`, which has them "
        "on every engine, or an adjoint and an objective that need first derivatives only."
    )


# ---- dependencies -----------------------------------------------------------------------------------------------


def _pattern_value(inputs: Any, attributes: dict, masks: Any) -> Any:
    """Each sample depends on itself and on all weights."""
    x, weights = masks[:2]
    rows = union(x, (x.ndim - 1,), keepdims=True)
    everything = union(weights, (0,))
    for tangent, parent in zip(masks[2:], _parents(attributes), strict=True):
        if parent == "x":
            rows = np.bitwise_or(rows, union(tangent, (tangent.ndim - 1,), keepdims=True))
        else:
            everything = np.bitwise_or(everything, union(tangent, (0,)))
    return np.broadcast_to(np.bitwise_or(rows, everything), (*x.shape[:-1], attributes["outputs"]))


def _parents(attributes: dict) -> tuple[str, ...]:
    wrt = attributes.get("wrt")
    return () if wrt is None else ("x", "weights") if wrt == "both" else (wrt,)


def _pattern_vjp(inputs: Any, attributes: dict, masks: Any) -> Any:
    x, weights, cotangent = masks
    rows = np.bitwise_or(union(x, (x.ndim - 1,), keepdims=True), union(cotangent, (x.ndim - 1,), keepdims=True))
    everything = union(weights, (0,))
    by_x = np.broadcast_to(np.bitwise_or(rows, everything), x.shape).reshape(-1)
    by_weights = np.full(weights.shape, np.bitwise_or.reduce(by_x, initial=0), dtype=object)
    return np.concatenate([by_x, by_weights])


def _show(library: str) -> Any:
    def show(arguments: Any, attributes: dict, latex: bool) -> Shown:
        head = rf"\mathrm{{{library}}}" if latex else library
        inner = ", ".join(a.text for a in (arguments[0], *arguments[2:]))
        return Shown(rf"{head}\left({inner}\right)" if latex else f"{head}({inner})", head=head)

    return show


def _register(base: str, suffix: str, infer: Any, vjp: Any, jvp: Any, pattern: Any, **entry: Any) -> None:
    name = base + suffix
    rules = {"infer": infer, "evaluate": _evaluation(name), "vjp": vjp, "jvp": jvp, "pattern": pattern}
    register(Operation(name=name, family=base, show=_show(_LIBRARIES[base]), foldable=False, **rules, **entry))


for _base in _LIBRARIES:
    _register(_base, "", _infer_value, *_derivatives(_base), _pattern_value, arity=2, batch=shared_weights)
    _register(_base, "_vjp", _infer_vjp, _no_second_order, _no_second_order, _pattern_vjp, arity=3)
    _register(_base, "_jvp", _infer_jvp, _no_second_order, _no_second_order, _pattern_value, arity=None)
