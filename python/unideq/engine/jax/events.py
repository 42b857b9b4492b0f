"""Steps that begin with what happens there: jumps of the state at known times."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp

__all__ = ["Known", "with_events"]

Jump = Callable[[Any, Any, Any, Any], Any]
"""`(t, u, e, given) -> u` just after an event, `given` being what the vector field is given."""


class Known(eqx.Module):
    """Events at known times.

    Attributes
    ----------
    when, rows
        Their times (S,), increasing, and what they are (S, w); infinite times stand behind the last one.
    same
        Times nearer than this are one.
    jump
        What happens.
    most
        The largest number of events at one time.
    """

    when: Any
    rows: Any
    same: Any
    jump: Jump = eqx.field(static=True)
    most: int = eqx.field(static=True)

    def after(self, start: Any) -> Known:
        """Those after a solve's start."""
        past = jnp.where(self.when <= start + self.same, -jnp.inf, self.when)
        return Known(past, self.rows, self.same, self.jump, self.most)

    def __call__(self, t: Any, u: Any, given: Any) -> Any:
        """The state just after all that happens at t, one after the other; the state itself where nothing does."""
        index = jnp.sum(self.when < t - self.same)
        for k in range(self.most):
            place = jnp.minimum(index + k, len(self.when) - 1)
            here = jnp.abs(self.when[place] - t) <= self.same
            u = jnp.where(here & (index + k < len(self.when)), self.jump(t, u, self.rows[place], given), u)
        return u


def with_events(solver: Any, known: Known) -> diffrax.AbstractSolver:
    """The solver, whose steps begin with what happens at their start."""
    inside = {"margin": solver.margin} if hasattr(solver, "margin") else {}
    return _eventful(type(solver))(known=known, **inside)


@cache
def _eventful(kind: type) -> Any:
    class Eventful(kind):
        known: Any = None

        def step(self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any, *rest: Any, **named: Any) -> Any:
            return super().step(terms, t0, t1, self.known(t0, y0, args), args, *rest, **named)

    Eventful.__name__ = Eventful.__qualname__ = f"{kind.__name__}WithEvents"
    return Eventful
