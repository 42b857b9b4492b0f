"""Events where functions of the state cross zero: steps that end there, whatever the dense output's order.

What diffrax calls the state is here a pair: the state, and marks of the step that led to it, which the solver makes and
the controller reads. Where a function changed its sign within a step, the controller has the step made again up to the
crossing, as the dense output has it, and corrects that by Newton's rule until the state itself is there: it then has
the solver's order. The next step begins with what happens. Nothing of the search is differentiated; the change of the
state knows the moment's own sensitivity (`unideq.model.triggers`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .events import Known
from .stepping import AroundController, rounding

__all__ = ["CrossingController", "Watched", "marked_term", "with_crossings"]

LOOKS = 4
"""Fractions of a step at which crossings are looked for: this many, to its end."""
HALVINGS = 60
TRIES = 6
"""Corrections of a crossing."""
CLOSE = 1e-7
"""Part of a step from which on a crossing at its end is corrected by Newton's rule."""
CROWDED, MOST_CROWDED = 1e-10, 3
"""Crossings nearer than this, relative to a solve's times, are next to no time apart; so many in a row are endless."""

Marks = dict[str, Any]


class Watched(eqx.Module):
    """The functions that are watched, (m,) of them.

    Attributes
    ----------
    level, rate
        `(t, u, given) -> (m,)`: their values, and their derivatives along the solution.
    jump
        What happens, as `Known` has it.
    numbers, directions
        Which events they are, and the sign of the slope that counts (0: either).
    width
        Of what `jump` reads.
    span
        The largest of a solve's times.
    recorded
        How many crossings are written down.
    """

    span: Any
    level: Callable[..., Any] = eqx.field(static=True)
    rate: Callable[..., Any] = eqx.field(static=True)
    jump: Callable[..., Any] = eqx.field(static=True)
    numbers: tuple[int, ...] = eqx.field(static=True)
    directions: tuple[int, ...] = eqx.field(static=True)
    width: int = eqx.field(static=True)
    recorded: int = eqx.field(static=True)

    def marks(self, u: Any) -> Marks:
        """Those before the first step."""
        m = len(self.numbers)
        return {
            "sign": jnp.zeros(m),
            "fired": jnp.zeros(m),
            "known": jnp.ones(()),  # 0: the signs aren't known anew where a step begins
            "target": jnp.asarray(jnp.inf),
            "close": jnp.zeros(()),
            "latest": jnp.asarray(-jnp.inf),
            "crowded": jnp.zeros(()),
            "count": jnp.zeros(()),
            "found": jnp.full((self.recorded, 2 + u.size), jnp.nan),
        }

    def happen(self, t: Any, u: Any, marks: Marks, given: Any) -> tuple[Any, Marks]:
        """The state after the crossings at t, and the marks with these written down."""
        fired = marks["fired"] > 0.5
        found, count = marks["found"], marks["count"]
        for k, number in enumerate(self.numbers):
            if self.recorded:
                row = jnp.concatenate([jnp.stack([t, jnp.asarray(float(number))]), lax.stop_gradient(u)])
                place = jnp.minimum(count, self.recorded - 1).astype(int)
                found = jnp.where(fired[k] & (count < self.recorded), found.at[place].set(row), found)
            count = count + jnp.where(fired[k], 1.0, 0.0)
            e = np.zeros(self.width)
            e[0] = number
            u = jnp.where(fired[k], self.jump(t, u, e, given), u)
        any_fired = jnp.any(fired)
        near = t - marks["latest"] <= CROWDED * self.span
        crowded = jnp.where(any_fired, jnp.where(near, marks["crowded"] + 1.0, 0.0), marks["crowded"])
        latest = jnp.where(any_fired, t, marks["latest"])
        return u, {**marks, "found": found, "count": count, "crowded": crowded, "latest": latest}

    def sides(self, t: Any, u: Any, fired: Any, given: Any) -> Any:
        """On which sides of zero the functions are; one that just crossed, or is zero, is where it goes."""
        level, rate = self.level(t, u, given), self.rate(t, u, given)
        near = (level == 0.0) | ((fired > 0.5) & (jnp.abs(level) <= 1e-9 * self.span * jnp.abs(rate)))
        return jnp.where(near & (rate != 0.0), jnp.sign(rate), jnp.sign(level))

    def crossed(self, side: Any, level: Any) -> Any:
        """Which of them left that side in a direction that counts."""
        wanted = jnp.asarray(self.directions, float)
        return (side * level < 0.0) & ((wanted == 0.0) | (wanted == -side))

    def looked(self, t0: Any, t1: Any, side: Any, state: Callable[[Any], Any], u1: Any, same: Any, given: Any) -> Marks:
        """The marks of a step: `target`, where it should have ended; `close`, whether it ends at a crossing but for
        corrections; `fired`, which those are; and the `sign`s at its end."""
        step, target = t1 - t0, jnp.asarray(jnp.inf)
        before = level = side
        for k in range(1, LOOKS + 1):
            level = self.level(t0 + step * k / LOOKS, u1 if k == LOOKS else state(t0 + step * k / LOOKS), given)
            crossed = self.crossed(side, level) & ~jnp.isfinite(target)
            low = t0 + step * (k - 1) / LOOKS
            roots = jnp.where(crossed, self._roots(low, t0 + step * k / LOOKS, crossed, side, state, given), jnp.inf)
            if k == LOOKS:
                before = side
            target = jnp.minimum(target, jnp.min(roots))
            side = jnp.where(level == 0.0, side, jnp.sign(level))
        rate = self.rate(t1, u1, given)
        late = -level / jnp.where(rate == 0.0, 1.0, rate)
        wanted = jnp.asarray(self.directions, float)
        toward = (rate * before < 0.0) & ((wanted == 0.0) | (wanted == -before))
        away = jnp.where(toward, jnp.abs(late), jnp.inf)
        nearest = jnp.min(away)
        close = (nearest <= CLOSE * step + 4 * same) & (target >= t1 - CLOSE * step - 4 * same)
        tight = nearest <= 4 * same
        corrected = t1 + late[jnp.argmin(away)]
        fired = close & (away <= jnp.maximum(1.001 * nearest, 40 * same))
        return {
            "target": jnp.where(close, jnp.where(tight, jnp.inf, corrected), target),
            "close": close.astype(float),
            "fired": fired.astype(float),
            "sign": side,
        }

    def _roots(self, low: Any, high: Any, crossed: Any, side: Any, state: Callable[[Any], Any], given: Any) -> Any:
        """Where each of them crosses zero between two times, by bisection along the dense output."""

        def halve(bounds: Any) -> Any:
            low, high, left = bounds
            middle = 0.5 * (low + high)
            at = jax.vmap(lambda t: self.level(t, state(t), given))(middle)
            outside = side * jnp.diagonal(at) > 0.0
            return jnp.where(outside, middle, low), jnp.where(outside, high, middle), left - 1

        bounds = jnp.full(len(self.numbers), low), jnp.full(len(self.numbers), high)
        start = *bounds, jnp.where(jnp.any(crossed), HALVINGS, 0)
        return lax.while_loop(lambda bounds: bounds[2] > 0, halve, start)[1]


class _Unmarked(diffrax.AbstractTerm):
    """The term of the state alone."""

    term: Any
    marks: Any

    def vf(self, t: Any, y: Any, args: Any) -> Any:
        return self.term.vf(t, (y, self.marks), args)[0]

    def contr(self, t0: Any, t1: Any, **kwargs: Any) -> Any:
        return self.term.contr(t0, t1, **kwargs)

    def prod(self, vf: Any, control: Any) -> Any:
        return self.term.prod(vf, control)


def marked_term(field: Callable[[Any, Any, Any], Any]) -> diffrax.ODETerm:
    """The term of a vector field whose states have marks."""
    return diffrax.ODETerm(lambda t, y, given: (field(t, y[0], given), jax.tree.map(jnp.zeros_like, y[1])))


def with_crossings(solver: Any, watched: Watched, known: Known | None, same: Any) -> Any:
    """The solver for states with marks: its steps begin with what happens there, and are looked through."""
    inside = {"margin": solver.margin} if hasattr(solver, "margin") else {}
    return _watchful(type(solver))(watched=watched, known=known, same=same, **inside)


@cache
def _watchful(kind: type) -> Any:
    class Watchful(kind):
        watched: Any = None
        known: Any = None
        same: Any = 0.0

        def init(self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any) -> Any:
            return super().init(_Unmarked(terms, y0[1]), t0, t1, y0[0], args)

        def func(self, terms: Any, t0: Any, y0: Any, args: Any) -> Any:
            return terms.vf(t0, y0, args)

        def step(self, terms: Any, t0: Any, t1: Any, y0: Any, args: Any, *rest: Any, **named: Any) -> Any:
            u, marks = y0
            u, marks = self.watched.happen(t0, u, marks, args)
            happened = jnp.any(marks["fired"] > 0.5) | (marks["known"] > 0.5)
            if self.known is not None:
                happened = happened | jnp.any(jnp.abs(self.known.when - t0) <= self.known.same)
                u = self.known(t0, u, args)
            u1, error, dense, state, result = super().step(_Unmarked(terms, marks), t0, t1, u, args, *rest, **named)
            still = lax.stop_gradient((t0, t1, u, u1, dense, marks, args))
            t0, t1, u, end, inner, marks, given = still
            sides = jnp.where(happened, self.watched.sides(t0, u, marks["fired"], given), marks["sign"])
            course = self.interpolation_cls(t0=t0, t1=t1, **inner)
            seen = self.watched.looked(t0, t1, sides, course.evaluate, end, self.same, given)
            seen = {**marks, "known": jnp.zeros(()), **seen}
            return (u1, seen), (error, jax.tree.map(jnp.zeros_like, seen)), dense, state, result

    Watchful.__name__ = Watchful.__qualname__ = f"{kind.__name__}WithCrossings"
    return Watchful


class CrossingController(AroundController):
    """A controller whose steps end at crossings; the `controller` chooses those in between."""

    def __init__(self, controller: Any) -> None:
        self.controller = controller

    def wrap(self, direction: Any) -> CrossingController:
        return CrossingController(self.controller.wrap(direction))

    def init(self, terms: Any, t0: Any, t1: Any, y0: Any, dt0: Any, args: Any, func: Any, error_order: Any) -> Any:
        u, marks = y0
        unmarked = lambda terms, t, u, args: func(terms, t, (u, marks), args)[0]  # noqa: E731
        tnext, state = self.controller.init(terms, t0, t1, u, dt0, args, unmarked, error_order)
        return tnext, (state, jnp.zeros(()), rounding(t0, t1))

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
        before, tries, same = controller_state
        (u0, _), (u1, marks), (error, _) = y0, y1_candidate, y_error
        keep, next_t0, next_t1, jump, state, result = self.controller.adapt_step_size(
            t0, t1, u0, u1, args, error, error_order, before
        )
        target, close = lax.stop_gradient((marks["target"], marks["close"] > 0.5))
        again = keep & jnp.isfinite(target) & ~(close & (tries >= TRIES))
        target = jnp.clip(target, jnp.where(close, t0 + 0.1 * (t1 - t0), t0), t1 + 0.5 * (t1 - t0))
        endless = (again & (target - t0 <= same)) | (keep & (marks["crowded"] >= MOST_CROWDED))
        state = jax.tree.map(lambda old, new: jnp.where(again, old, new), before, state)
        occurred: Any = diffrax.RESULTS.event_occurred
        return (
            keep & ~again,
            jnp.where(again, t0, next_t0),
            jnp.where(again, target, next_t1),
            jump | (keep & ~again & close),
            (state, jnp.where(again & close, tries + 1.0, 0.0), same),
            diffrax.RESULTS.where(endless, occurred, result),
        )
