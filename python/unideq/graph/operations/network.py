"""A network that only the Julia engine can look into: a Lux model given as Julia source.

`network` maps x (…, inputs) and the flat weights to (…, outputs). Weights lie one array after the other in the order of
`structure`, each with its first axis fastest, as Julia stores them. Leading axes of x are a batch: samples don't mix.

Derivatives are operations of their own, computed by Julia. There are none of second order.
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

_evaluator: Evaluator | None = None


def set_evaluator(evaluator: Evaluator | None) -> None:
    """Say how NumPy evaluation computes these operations: an engine does it."""
    global _evaluator
    _evaluator = evaluator


def _evaluation(operation: str) -> Callable[..., np.ndarray]:
    def evaluate(*arrays: np.ndarray, **attributes: Any) -> np.ndarray:
        if _evaluator is None:
            raise EngineUnsupported(
                "NumPy can't evaluate a Lux network: Julia does. Start its engine with `ude.get_engine('julia')`."
            )
        return _evaluator(operation, arrays, attributes)

    return evaluate


# ---- shapes -----------------------------------------------------------------------------------------------------


def _infer_value(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    x, weights = inputs[:2]
    size = sum(math.prod(shape) for _, shape in attributes["structure"])
    if not x.ndim or x.shape[-1] != attributes["inputs"] or weights.shape != (size,):
        raise TraceError(
            f"The Lux network `{attributes['source']}` takes arrays with last axis {attributes['inputs']} and "
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


def _vjp(inputs: Any, attributes: dict, y: Expression, c: Expression) -> list[Expression | None]:
    x, weights = inputs
    both = apply("network_vjp", x, weights, c, **attributes)
    return [both[: x.size].reshape(x.shape), both[x.size :]]


def _jvp(inputs: Any, attributes: dict, y: Expression, tangents: Any) -> Expression | None:
    given = [t for t in tangents if t is not None]
    wrt = "both" if len(given) == 2 else "x" if tangents[0] is not None else "weights"
    return apply("network_jvp", *inputs, *given, **attributes, wrt=wrt)


def _no_second_order(inputs: Any, attributes: dict, y: Expression, moved: Any) -> Any:
    raise EngineUnsupported(
        f"The Lux network `{attributes['source']}` has no second derivatives. Use `ude.nn.MLP`, which has them "
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


def _show(arguments: Any, attributes: dict, latex: bool) -> Shown:
    head = r"\mathrm{Lux}" if latex else "Lux"
    inner = ", ".join(a.text for a in (arguments[0], *arguments[2:]))
    return Shown(rf"{head}\left({inner}\right)" if latex else f"{head}({inner})", head=head)


def _register(name: str, infer: Any, vjp: Any, jvp: Any, pattern: Any, **entry: Any) -> None:
    evaluate = _evaluation(name)
    rules = {"infer": infer, "evaluate": evaluate, "foldable": False, "vjp": vjp, "jvp": jvp, "pattern": pattern}
    register(Operation(name=name, family="network", show=_show, **rules, **entry))


_register("network", _infer_value, _vjp, _jvp, _pattern_value, arity=2, batch=shared_weights)
_register("network_vjp", _infer_vjp, _no_second_order, _no_second_order, _pattern_vjp, arity=3)
_register("network_jvp", _infer_jvp, _no_second_order, _no_second_order, _pattern_value, arity=None)
