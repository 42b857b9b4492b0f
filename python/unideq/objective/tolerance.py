"""Absolute tolerances that follow the states' sizes: a state of 1e-7 isn't solved to 1e-6."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import OptionError, UnideqWarning, unknown
from ..model.state import StateTable

__all__ = ["absolute_tolerances", "largest_values", "warn_below_tolerance"]

DIGITS = 10.0
"""A state whose values don't reach this many tolerances is noise."""


def absolute_tolerances(
    states: StateTable, given: Any, largest: Mapping[str, float], usual: float
) -> float | tuple[float, ...]:
    """Absolute tolerances of a solve: one number where all are equal, else one a component of the state vector (n,).

    Parameters
    ----------
    states
        Of the model.
    given
        What `unideq.solvers.checked_atol` returned. States that a dict leaves out get theirs by their sizes.
    largest
        State → largest absolute value known of it, 0 where nothing is known. `State.scale` comes before.
    usual
        The tolerance of a state of size one or more. Sizes below are rounded up to a power of ten, so what varies
        between 0.1 and 1 has it, too. A state of unknown size gets the least of the others'.

    Raises
    ------
    OptionError
        If `given` names no state of the model, or has another length than the state vector.
    """
    if isinstance(given, float):
        return given
    if isinstance(given, tuple):
        if len(given) != states.size:
            raise OptionError(f"`atol` needs one number, or {states.size} (one a state), not {len(given)}.")
        return given
    named = given or {}
    for name in named:
        if name not in states.names:
            raise unknown("state in `atol`", name, states.names)
    sizes = {s.name: s.scale or _rounded_up(largest.get(s.name, 0.0)) for s in states}
    least = min([1.0, *(size for size in sizes.values() if size)])
    each = {n: named.get(n, float(f"{usual * min(1.0, size or least):.6g}")) for n, size in sizes.items()}
    if len(set(each.values())) == 1:
        return next(iter(each.values()))
    return tuple(each[s.name] for s in states for _ in range(s.size))


def _rounded_up(size: float) -> float:
    """The power of ten that isn't below."""
    return 10.0 ** math.ceil(math.log10(size)) if 0.0 < size < math.inf else 0.0


def largest_values(states: StateTable, values: np.ndarray) -> dict[str, float]:
    """State → largest absolute value in an array (…, n); 0 where none is finite."""
    return {
        name: float(np.max(np.abs(part), initial=0.0, where=np.isfinite(part)))
        for name, part in states.split(values).items()
    }


def warn_below_tolerance(
    states: StateTable, atol: float | tuple[float, ...], largest: Mapping[str, float], stacklevel: int = 2
) -> None:
    """Warn of states whose known values all lie near or below their absolute tolerance: their solutions are noise."""
    tolerance = {name: float(part.min()) for name, part in states.split(np.broadcast_to(atol, (states.size,))).items()}
    low = [s.name for s in states if 0.0 < largest.get(s.name, 0.0) < DIGITS * tolerance[s.name]]
    if low:
        found = ", ".join(f"`{n}` (up to {largest[n]:.1g}, tolerance {tolerance[n]:.1g})" for n in low[:4])
        size = largest[low[0]]
        warnings.warn(
            f"Below the solver's absolute tolerance there is only noise, and there lies {found}. Tell the state's "
            f"size, `ude.State({low[0]!r}, scale={size:.0e})`, or write "
            f"`atol={{{low[0]!r}: {1e-6 * size:.0e}}}` in the solver.",
            UnideqWarning,
            stacklevel=stacklevel + 1,
        )
