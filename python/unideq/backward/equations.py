"""Drift, diffusion, generator and terminal condition of a `BackwardProblem`, traced and checked by their shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..checks import array
from ..errors import ModelError
from ..graph import Expression, Graph, as_expression, variable
from ..model.trace import call, fitted, traced

__all__ = ["traced_equations"]


def traced_equations(
    dimension: int, generator: Callable[..., Any], terminal: Callable[..., Any], drift: Any, diffusion: Any
) -> dict[str, Graph]:
    """`drift`, `diffusion`, `generator` and `terminal` → graph with inputs of `t`, `x`, `y`, `z` and output `value`.

    Raises
    ------
    ModelError, TraceError
        If one can't be traced, or gives something of another shape than it must.
    """
    t, x = variable("t"), variable("x", (dimension,))
    found = {"drift": _forward(drift, "drift", t, x), "diffusion": _forward(diffusion, "diffusion", t, x)}
    found["drift"] = fitted(found["drift"], (dimension,), f"`drift` in {dimension} dimensions")
    sigma = found["diffusion"]
    if sigma.shape and (sigma.ndim > 2 or sigma.shape[0] != dimension):
        raise ModelError(
            f"`diffusion` has shape {sigma.shape}, and x₀ has {dimension} coordinates: it needs a number, "
            f"({dimension},) for a Brownian motion a coordinate, or ({dimension}, k)."
        )
    if sigma.is_constant and not np.any(sigma.value):
        raise ModelError("`diffusion` is 0: without noise all paths are one, and nothing says what u is beside it.")
    noises = sigma.shape[1] if sigma.ndim == 2 else dimension
    whole = {"t": t, "x": x, "y": variable("y"), "z": variable("z", (noises,))}
    found["generator"] = _scalar(call(generator, whole, "generator"), "generator", "f(t, x, y, z)")
    found["terminal"] = _scalar(call(terminal, {"x": x}, "terminal"), "terminal", "g(x)")
    read = {"drift": (t, x), "diffusion": (t, x), "generator": tuple(whole.values()), "terminal": (x,)}
    return {name: Graph(read[name], {"value": value}) for name, value in found.items()}


def _forward(given: Any, name: str, t: Expression, x: Expression) -> Expression:
    """A function of (t, x), or numbers."""
    if callable(given):
        return traced(call(given, {"t": t, "x": x}, name), f"`{name}`")
    if isinstance(given, (str, Mapping)) or given is None:
        raise ModelError(f"`{name}` needs a function of (t, x), a number or an array, not {given!r}.")
    return as_expression(array(given, name, "BackwardProblem", error=ModelError))


def _scalar(value: Any, name: str, written: str) -> Expression:
    found = traced(value, f"`{name}`")
    if found.shape:
        raise ModelError(
            f"`{name}` has shape {found.shape}, and {written} is one number, as u is. Sum over the coordinates, e.g. "
            "`np.sum(x**2)`."
        )
    return found
