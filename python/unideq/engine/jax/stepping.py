"""Steps that end where the vector field has a kink or jumps, and that see the side of a jump that they are on."""

from __future__ import annotations

from functools import cache
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..clock import ON_GRID
from ..stops import ROUNDING

__all__ = ["AroundController", "FixedSteps", "StoppingController", "between_jumps", "padded", "rounding"]

STRETCH = 0.1
"""A step is made longer by up to this part where it then ends at a stop."""


def padded(times: np.ndarray) -> np.ndarray:
    """Increasing times (S,), or a row a trajectory (B, S), with infinite ones behind them, in one of few sizes:
    programs of one form share their code."""
    count = times.shape[-1]
    size = 1 << (count - 1).bit_length() if count else 0
    return np.concatenate([times, np.full((*times.shape[:-1], size - count), np.inf)], axis=-1)


def rounding(start: Any, end: Any) -> Any:
    """Times nearer than this are one, in a solve between these."""
    return ROUNDING * jnp.maximum(jnp.abs(start), jnp.abs(end))


class AroundController(diffrax.AbstractAdaptiveStepSizeController):
    """Base of controllers around another one, whose tolerances they have."""

    controller: Any

    @property
    def rtol(self) -> Any:
        return self.controller.rtol

    @property
    def atol(self) -> Any:
        return self.controller.atol

    @property
    def norm(self) -> Any:
        return self.controller.norm


class StoppingController(AroundController):
    """A controller whose steps end at given times.

    diffrax's `ClipStepSizeController` looks for the next stop in loops, which cost more than a small vector field, and
    makes steps of any size, however small, before a stop.

    Attributes
    ----------
    controller
        What chooses the steps in between.
    stops, jumps
        Times (S,), increasing, and those at which slopes must be computed afresh (J,).
    """

    stops: jax.Array
    jumps: jax.Array

    def __init__(self, controller: Any, stops: jax.Array, jumps: jax.Array) -> None:
        self.controller, self.stops, self.jumps = controller, stops, jumps

    def wrap(self, direction: Any) -> StoppingController:
        stops, jumps = (jnp.sort(times * direction) for times in (self.stops, self.jumps))
        return StoppingController(self.controller.wrap(direction), stops, jumps)

    def init(self, terms: Any, t0: Any, t1: Any, y0: Any, dt0: Any, args: Any, func: Any, error_order: Any) -> Any:
        last, same = t1, rounding(t0, t1)
        t1, state = self.controller.init(terms, t0, t1, y0, dt0, args, func, error_order)
        return self._clipped(t0, t1, last, same), (state, last, same)

    def adapt_step_size(
        self,
        t0: Any,
        t1: Any,
        y0: Any,
        y1_candidate: Any,
        args: Any,
        y_error: Any,
        error_order: Any,
        controller_state: Any,
    ) -> Any:
        state, last, same = controller_state
        keep, next_t0, next_t1, jump, state, result = self.controller.adapt_step_size(
            t0, t1, y0, y1_candidate, args, y_error, error_order, state
        )
        if len(self.jumps):
            jump = jump | (keep & (_first_after(self.jumps, next_t0 - same) <= next_t0 + same))
        return keep, next_t0, self._clipped(next_t0, next_t1, last, same), jump, (state, last, same), result

    def _clipped(self, now: Any, proposed: Any, last: Any, same: Any) -> Any:
        stop = _first_after(self.stops, now + same)
        ends = (proposed + STRETCH * (proposed - now) > stop) & (stop < last - same)
        return jnp.where(ends, stop, proposed)


def _first_after(times: jax.Array, now: Any) -> Any:
    """The first of increasing times after `now`; infinity where there is none."""
    method = "compare_all" if len(times) <= 64 else "scan_unrolled"
    return jnp.append(times, jnp.inf)[jnp.searchsorted(times, now, side="right", method=method)]


class FixedSteps(diffrax.AbstractStepSizeController):
    """Steps of exactly the given size, the last one shorter where need be.

    Attributes
    ----------
    jumps
        Times (J,) at which slopes must be computed afresh where a step ends there.
    """

    jumps: jax.Array

    def wrap(self, direction: Any) -> FixedSteps:
        return FixedSteps(jnp.sort(self.jumps * direction))

    def init(self, terms: Any, t0: Any, t1: Any, y0: Any, dt0: Any, args: Any, func: Any, error_order: Any) -> Any:
        state = jnp.asarray(1.0), t0, dt0, t1
        return _grid_time(state), state

    def adapt_step_size(
        self,
        t0: Any,
        t1: Any,
        y0: Any,
        y1_candidate: Any,
        args: Any,
        y_error: Any,
        error_order: Any,
        controller_state: Any,
    ) -> Any:
        number, start, step, end = controller_state
        state = number + 1.0, start, step, end
        jump = False
        if len(self.jumps):
            near = ON_GRID * step + rounding(start, end)
            jump = _first_after(self.jumps, t1 - near) <= t1 + near
        return True, t1, _grid_time(state), jump, state, diffrax.RESULTS.successful


def _grid_time(state: Any) -> Any:
    number, start, step, end = state
    time = start + number * step
    return jnp.where(time > end - 1e-6 * step, end, time)


class _Between(diffrax.AbstractTerm):
    """A term that sees times inside an interval only."""

    term: Any
    low: Any
    high: Any

    def vf(self, t: Any, y: Any, args: Any) -> Any:
        return self.term.vf(jnp.clip(t, self.low, self.high), y, args)

    def contr(self, t0: Any, t1: Any, **kwargs: Any) -> Any:
        return self.term.contr(t0, t1, **kwargs)

    def prod(self, vf: Any, control: Any) -> Any:
        return self.term.prod(vf, control)


def between_jumps(solver: diffrax.AbstractSolver, margin: Any) -> diffrax.AbstractSolver:
    """The solver with stages evaluated strictly inside its steps, by that margin in time."""
    return _inside(type(solver))(margin=margin)


@cache
def _inside(kind: type) -> Any:
    class Inside(kind):
        margin: Any = 0.0

        def step(self, terms: Any, t0: Any, t1: Any, *rest: Any, **named: Any) -> Any:
            margin = jnp.minimum(self.margin, 0.25 * (t1 - t0))
            # Nothing of the steps' times is differentiated.
            low, high = lax.stop_gradient((t0 + margin, t1 - margin))
            return super().step(_Between(terms, low, high), t0, t1, *rest, **named)

    Inside.__name__ = Inside.__qualname__ = f"{kind.__name__}BetweenJumps"
    return Inside
