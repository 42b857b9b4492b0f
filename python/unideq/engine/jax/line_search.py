"""A strong-Wolfe line search as a state machine: each turn takes one evaluation and says where to look next.

Nocedal & Wright 2006, algorithms 3.5 (bracketing) and 3.6 (zoom), with the approximate decrease condition of
Hager & Zhang 2005 near the minimum, where values no longer resolve the decrease. Being a state machine it lets every
seed of an ensemble search at its own pace: nobody waits for the longest search, and no evaluation is made twice.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...optimise import quasi_newton

__all__ = ["advance", "begin"]

Search = quasi_newton.Search[jax.Array]

DECREASE = 1e-4
CURVATURE = 0.9
NOISE = 1e-6
"""Relative rise of the value within which the slope decides (Hager & Zhang's ε)."""
EXPAND = 2.5
SHORTEST = 1e-5
"""Relative width of the bracket below which a point with sufficient decrease is good enough."""


def begin(total: Array, gradient: Array, terms: Array, slope: Array, step: Array) -> Search:
    """A search along a direction of negative `slope` from a point of known value; the first trial is `step`."""
    zero = jnp.zeros_like(total)
    return {
        "step": step,
        "turns": jnp.zeros_like(total, dtype=int),
        "bracketed": zero > 1,
        "broken": zero > 1,
        "slope": slope,
        "low": zero,
        "low_total": total,
        "low_slope": slope,
        "high": zero,
        "high_total": total,
        "high_slope": slope,
        "safe": zero,
        "safe_total": total,
        "safe_terms": terms,
        "safe_gradient": gradient,
    }


def _cubic(a: Array, fa: Array, da: Array, b: Array, fb: Array, db: Array) -> Array:
    """Minimiser of the cubic through two values and two slopes (Nocedal & Wright, equation 3.59)."""
    d1 = da + db - 3.0 * (fa - fb) / (a - b)
    root = jnp.sqrt(d1**2 - da * db) * jnp.sign(b - a)
    return b - (b - a) * (db + root - d1) / (db - da + 2.0 * root)


def _inside(low: Array, low_total: Array, low_slope: Array, high: Array, high_total: Array, high_slope: Array) -> Array:
    """Next trial within a bracket: the cubic's minimiser where it lies well inside, else the middle."""
    width = high - low
    fraction = (_cubic(low, low_total, low_slope, high, high_total, high_slope) - low) / width
    fraction = jnp.where((fraction > 0.05) & (fraction < 0.95), fraction, 0.5)
    # An end without a finite value tells nothing but that it is too far.
    return low + jnp.where(jnp.isfinite(high_total), fraction, 0.2) * width


def advance(
    search: Search,
    origin_total: Array,
    total: Array,
    terms: Array,
    gradient: Array,
    slope: Array,
    finite: Array,
    longest: int,
) -> tuple[Search, Any, Any, Any]:
    """Take the evaluation at `search["step"]`.

    Returns
    -------
    search, done, found, chosen
        `done`: the search is over; `found`: it ended at a point of sufficient decrease, which is
        `chosen` = (step, total, terms, gradient).
    """
    step, first = search["step"], search["slope"]
    total = jnp.where(finite, total, jnp.inf)
    slope = jnp.where(finite, slope, 0.0)
    enough = total <= origin_total + DECREASE * step * first
    near = (total <= origin_total + NOISE * jnp.abs(origin_total)) & (slope <= (2 * DECREASE - 1) * first)
    enough = finite & (enough | near)
    wolfe = enough & (jnp.abs(slope) <= CURVATURE * jnp.abs(first))

    too_far = ~enough | ((total >= search["low_total"]) & (search["turns"] > 0) & ~near)
    past = ~too_far & jnp.where(search["bracketed"], slope * (search["high"] - search["low"]) >= 0, slope >= 0)
    trial = (step, total, slope)
    low = (search["low"], search["low_total"], search["low_slope"])
    high = (search["high"], search["high_total"], search["high_slope"])
    new_high = tuple(jnp.where(too_far, t, jnp.where(past, lo, hi)) for t, lo, hi in zip(trial, low, high, strict=True))
    new_low = tuple(jnp.where(too_far, lo, t) for t, lo in zip(trial, low, strict=True))
    bracketed = search["bracketed"] | too_far | past

    safer = enough & ((search["safe"] == 0) | (total < search["safe_total"]))
    keep = lambda new, old: jnp.where(safer, new, old)  # noqa: E731
    turns = search["turns"] + 1
    width = jnp.abs(new_high[0] - new_low[0])
    has_safe = safer | (search["safe"] > 0)
    narrow = bracketed & (
        ((width <= SHORTEST * jnp.maximum(new_high[0], new_low[0])) & has_safe)
        | (width <= 1e-16 * (1 + search["step"]))
    )
    next_step = jnp.where(bracketed, _inside(*new_low, *new_high), EXPAND * step)
    new: Search = {
        "step": next_step,
        "turns": turns,
        "bracketed": bracketed,
        "broken": search["broken"] | ~finite,
        "slope": first,
        "low": new_low[0],
        "low_total": new_low[1],
        "low_slope": new_low[2],
        "high": new_high[0],
        "high_total": new_high[1],
        "high_slope": new_high[2],
        "safe": keep(step, search["safe"]),
        "safe_total": keep(total, search["safe_total"]),
        "safe_terms": keep(terms, search["safe_terms"]),
        "safe_gradient": keep(gradient, search["safe_gradient"]),
    }
    done = wolfe | narrow | (turns >= longest)
    pick = lambda here, safe: jnp.where(wolfe, here, safe)  # noqa: E731
    chosen = (
        pick(step, new["safe"]),
        pick(total, new["safe_total"]),
        pick(terms, new["safe_terms"]),
        pick(gradient, new["safe_gradient"]),
    )
    return new, done, wolfe | has_safe, chosen
