"""A conservation law u_t + ∂f(u) = 0 as flux schemes see it: its flux and its wave speed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...checks import number
from ...errors import ModelError, OptionError
from ...graph import Expression, apply, as_expression, constant, pushforward, rebuild, variable
from ...graph.repeatable import check_finite, trace_call

__all__ = ["ConservationLaw", "lax_friedrichs"]


class ConservationLaw:
    """Flux f(u) and wave speed |f′(u)|.

    Parameters
    ----------
    flux
        A function of the field, point by point, in NumPy.
    speed
        |f′(u)| as a function of the field, one number that bounds it, or None: derived from the flux.
    """

    def __init__(self, flux: Callable[[Any], Any], speed: Any = None) -> None:
        if not callable(flux):
            raise OptionError(f"`flux` is a function of the field such as `lambda u: u**2 / 2`, not {flux!r}.")
        self._flux, self._speed = flux, speed

    def flux(self, u: Expression) -> Expression:
        """f(u)."""
        return _traced(self._flux, u, "flux")

    def speed(self, u: Expression) -> Expression:
        """|f′(u)|, (); or of u's shape."""
        if self._speed is None:
            argument = variable("flux.argument", u.shape)
            value = _traced(self._flux, argument, "flux")
            (slope,) = pushforward([value], {argument: constant(np.ones(u.shape))})
            (slope,) = rebuild([slope], {argument: u})
            return np.abs(slope)  # type: ignore[return-value]
        if callable(self._speed):
            return np.abs(_traced(self._speed, u, "speed"))  # type: ignore[return-value]
        if not isinstance(self._speed, Expression):
            number(self._speed, "speed", above=0, hint="It bounds |f′(u)|.")
        bound = as_expression(self._speed)
        if bound.shape:
            raise OptionError(f"`speed` is a function of the field or one number, not an array of shape {bound.shape}.")
        return bound


def lax_friedrichs(law: Any, left: Expression, right: Expression) -> Expression:
    """The flux between two states: the mean of theirs, less ½ the larger wave speed times the jump (Rusanov 1961)."""
    larger = np.maximum(law.speed(left), law.speed(right))  # type: ignore[call-overload]
    return 0.5 * (law.flux(left) + law.flux(right)) - 0.5 * larger * (right - left)


def _traced(function: Callable[[Any], Any], u: Expression, what: str) -> Expression:
    result = trace_call(function, (u,), {}, what)
    if result is None:
        raise ModelError(f"The function `{what}` returned nothing. Write `return`, or a lambda.")
    value = as_expression(result)
    if value.shape != u.shape:
        try:
            fits = np.broadcast_shapes(value.shape, u.shape) == u.shape
        except ValueError:
            fits = False
        if not fits:
            raise ModelError(
                f"`{what}` of a field of shape {u.shape} has shape {value.shape}; it must act point by point. "
                "(Beside a boundary the field carries ghost values, so arrays of the grid's shape don't fit.)"
            )
        value = apply("broadcast_to", value, shape=u.shape)
    check_finite(value, f"`{what}`")
    return value
