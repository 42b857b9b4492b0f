"""Where gradients end: comparisons, `sign` and `floor` move in steps, and whatever enters them is felt by nobody.

A step is harmless where the value doesn't jump with it, as in `np.where(x > 0, x, 0)`; that is tried with numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from .expression import Expression, apply, variable
from .graph import Graph, topological
from .transform import rebuild

__all__ = ["felt_inputs", "jumps", "steps"]

_PAIRS = 12
_HALVINGS = 60
_JUMP = 1e-4
"""Smallest jump that counts, relative to the values at both sides: roots end at their zeros more steeply than numbers
can tell."""


def felt_inputs(outputs: Iterable[Expression]) -> set[Expression]:
    """Inputs that the outputs' gradients reach; those left out enter through steps alone, or not at all."""
    seen: set[Expression] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if not node.entry.flat:
            stack.extend(i for i in node.inputs if i.dtype != "bool")
    return {node for node in seen if node.operation == "input"}


def steps(outputs: Iterable[Expression]) -> list[Expression]:
    """Comparisons, signs and roundings that outputs are made with; not those within networks, which don't jump."""
    seen: set[Expression] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(node.inputs[1:] if node.operation == "learned" else node.inputs)
    return [n for n in topological(seen) if n in seen and n.entry.breaks in ("jump", "stairs") and not _is_validity(n)]


def _is_validity(node: Expression) -> bool:
    """`|x| < ∞`, which is how `np.isfinite` is recorded."""
    return any(i.is_constant and not np.isfinite(i.value).all() for i in node.inputs)


def jumps(outputs: list[Expression], step: Expression, draw: Callable[[], Mapping[str, np.ndarray]]) -> bool:
    """Whether the outputs jump where a step does.

    Between two random points on its two sides, the place where it switches is found by bisection; there the outputs
    are compared with the step's value before and after.

    Parameters
    ----------
    outputs, step
        What may jump, and the comparison, sign or rounding within it.
    draw
        Makes random values of all inputs.
    """
    inputs = [n for n in topological(outputs) if n.operation == "input"]
    own = Graph([n for n in topological([step]) if n.operation == "input"], {"step": step})
    shift = variable("step", step.shape)
    replacement = apply("less", 0.5, shift) if step.dtype == "bool" else shift
    moved = rebuild(outputs, {step: replacement})
    forced = Graph([*inputs, shift], {str(k): e for k, e in enumerate(moved)})
    for _ in range(_PAIRS):
        low, high = draw(), draw()
        before, after = (own.evaluate(at)["step"].astype(float).ravel() for at in (low, high))
        differ = np.flatnonzero(before != after)
        if not len(differ):
            continue
        element = int(differ[len(differ) // 2])
        far = [forced.evaluate({**at, "step": s.reshape(step.shape)}) for at, s in ((low, before), (high, after))]
        for _ in range(_HALVINGS):
            middle = {n: 0.5 * (low[n] + high[n]) for n in low}
            found = own.evaluate(middle)["step"].astype(float).ravel()
            low, high = (middle, high) if found[element] == before[element] else (low, middle)
        at = own.evaluate(high)["step"].astype(float).ravel()
        sides = []
        for value in (before[element], at[element]):
            at[element] = value
            sides.append(forced.evaluate({**high, "step": at.reshape(step.shape)}))
        for name, one in sides[0].items():
            with np.errstate(all="ignore"):
                scale = np.abs(far[0][name]) + np.abs(far[1][name]) + np.abs(one)
                if (np.abs(one - sides[1][name]) > _JUMP * scale).any():
                    return True
    return False
