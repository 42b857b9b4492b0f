"""The linear part of a PDE: Fourier symbols traced from the user's function, and applied to fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError, UnideqError, unknown
from ..graph import Expression, Graph, apply, as_expression, irfft, rfft, variable
from ..graph.repeatable import check_finite
from .state import StateTable
from .trace import call
from .views import View

if TYPE_CHECKING:
    from .pde import PDE

__all__ = ["add_linear", "half_shape", "multiply", "operators_of", "symbols_of"]


def half_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the half spectrum of real fields of this shape."""
    return (*shape[:-1], shape[-1] // 2 + 1)


def symbols_of(
    linear: Any, grid: Any, states: StateTable, known: Mapping[str, Any], trainable: Sequence[str]
) -> dict[str, Expression]:
    """`FIELD.real` and `FIELD.imaginary` (half spectrum) of each field's linear part, as expressions.

    Parameters
    ----------
    linear
        As for `PDE`.
    known
        What `p` offers: fixed parameters and conditions.
    trainable
        Names that `p` refuses, with the reason.
    """
    for name in grid.dims:
        if not grid.axis(name).periodic:
            raise ModelError(
                f"`linear` is a Fourier symbol, which axis `{name}` can't have: it isn't periodic. Write the linear "
                'terms in the right-hand side, or make the axis `boundary="periodic"`.'
            )
    functions = linear if isinstance(linear, Mapping) else {states.names[0]: linear}
    if not isinstance(linear, Mapping) and len(states) > 1:
        raise ModelError(f"The model has {len(states)} fields: give `linear` as a dict field → function of (d, p).")
    result: dict[str, Expression] = {}
    half = half_shape(tuple(grid.shape))
    for name in functions:
        if name not in states.names:
            raise unknown("field of `linear`", name, states.names, ModelError)
    for name in states.names:
        real: Any = 0.0
        imaginary: Any = 0.0
        if name in functions:
            real, imaginary = _parts(functions[name], grid, _Known(known, trainable), name)
        for part, value in (("real", real), ("imaginary", imaginary)):
            check_finite(as_expression(value), f"`linear` of `{name}`")
            try:
                result[f"{name}.{part}"] = apply("broadcast_to", as_expression(value), shape=half)
            except UnideqError as error:
                raise ModelError(
                    f"`linear` of `{name}`: its symbol's {part} part doesn't fit the half spectrum {half}: {error}"
                ) from None
    return result


def _parts(function: Any, grid: Any, p: View, name: str) -> tuple[Any, Any]:
    symbol = call(function, {"d": grid.symbols, "p": p}, f"linear of {name}")
    if isinstance(symbol, (int, float, np.number, Expression)):
        return symbol, 0.0
    if not (hasattr(symbol, "real") and hasattr(symbol, "imaginary")):
        raise ModelError(
            f"`linear` of `{name}` returned {type(symbol).__name__}, not a symbol. It is written in derivatives, "
            "e.g. `lambda d, p: -d.x**2 - d.x**4`, and not applied to the field."
        )
    return symbol.real, symbol.imaginary


def operators_of(linear: Any, grid: Any, states: StateTable, known: Mapping[str, Any]) -> dict[str, Expression]:
    """Field → its linear part as an expression in `∂x`, `∂y`, for printing; empty where it isn't a plain formula."""
    functions = linear if isinstance(linear, Mapping) else {states.names[0]: linear}
    d = View("axis", {name: variable(f"∂{name}") for name in grid.dims})
    try:
        found = {
            n: as_expression(call(f, {"d": d, "p": View("parameter", known)}, "linear")) for n, f in functions.items()
        }
    except (UnideqError, AttributeError, TypeError, ValueError):  # methods of symbols that expressions don't have
        return {}
    return {n: e for n, e in found.items() if not e.shape}


class _Known(View):
    """`p` within `linear`: trainable parameters can't be read."""

    def __init__(self, known: Mapping[str, Any], trainable: Sequence[str]) -> None:
        super().__init__("parameter", known)
        self._trainable = tuple(trainable)

    def __getitem__(self, name: str) -> Any:
        if name in self._trainable:
            raise ModelError(
                f"`linear` reads the trainable parameter `{name}`: a scheme's coefficients are computed once, so the "
                f"linear part can't be learned. Fix it, `ude.Parameter(..., free=False)`, make it a `ude.Condition`, "
                "or move that term to the right-hand side."
            )
        return super().__getitem__(name)


def multiply(spectrum: Expression, real: Any, imaginary: Any = 0.0) -> Expression:
    """The complex product of Fourier coefficients (*half, 2) and a multiplier, arrays or expressions (*half)."""
    re, im = as_expression(real), as_expression(imaginary)
    product = spectrum * re.reshape(*re.shape, 1)
    if im.is_constant and not im.value.any():
        return product
    sides: Any = np.stack([-im, im], axis=-1)  # type: ignore[call-overload]
    return product + spectrum[..., ::-1] * sides


def add_linear(model: PDE, nonlinear: Graph, linear: Graph) -> Graph:
    """The vector field in named values: the non-linear part plus the linear one applied in Fourier space."""
    shape = tuple(model.grid.shape)
    rest = model.states.split(nonlinear.outputs["du"])
    values = model.states.split(model._u)
    parts: list[Any] = []
    for name in model.states.names:
        re, im = linear.outputs[f"{name}.real"], linear.outputs[f"{name}.imaginary"]
        total: Any = rest[name]
        if not all(e.is_constant and not e.value.any() for e in (re, im)):
            total = total + irfft(multiply(rfft(values[name], len(shape)), re, im), shape)
        parts.append(total.reshape(total.size))
    joined: Any = np.concatenate(parts)
    return model._named({"du": joined})
