"""Where trajectories rest before they begin: the steady state of the vector field at the start, and whether it is one.

Both engines follow the system from a guess by implicit Euler steps that grow (pseudo-transient continuation; Kelley &
Keyes 1998), none of which moves a state by more than half of its size, and end with Newton steps. So they end where the
system itself would, if it rests anywhere. Derivatives are those of the implicit function theorem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import SolveError, UnideqError
from ..graph.jacobian import jacobian
from ..graph.location import warn_user
from ..model.state import StateTable
from ..objective.program import Integration

__all__ = ["ATTEMPTS", "FIRST", "MOST", "NEAR", "REACHED", "check_steady", "settled"]

ATTEMPTS = 500
"""Steps after which none is reached."""
FIRST, MOST = 0.1, 0.5
"""Relative change of the first step, and the largest that is accepted."""
NEAR, REACHED = 1e-3, 1e-9
"""Relative changes from which steps are Newton's, and at which the last of them ends the search."""
SINGULAR = 1e-10
"""Ratio of the Jacobian's singular values below which it is singular."""

Function = Callable[[np.ndarray], np.ndarray]


def settled(slope: Function, jacobian: Function, guess: np.ndarray) -> tuple[np.ndarray, bool]:
    """The steady state (n,) that the system comes to from a guess, and whether it came to one."""
    u, size = guess.copy(), np.where(guess == 0.0, 1.0, np.abs(guess))
    rate = slope(u)
    inverse = np.max(np.abs(rate) / np.maximum(np.abs(u), size)) / FIRST
    newton = False
    for _ in range(ATTEMPTS):
        scale = np.maximum(np.abs(u), size)
        matrix = (0.0 if newton else inverse) * np.eye(len(u)) - jacobian(u)
        try:
            step = np.linalg.solve(matrix, rate)
        except np.linalg.LinAlgError:
            step = np.full_like(u, np.nan)
        change = np.max(np.abs(step) / scale, initial=0.0)
        moved = slope(u + step) if np.isfinite(change) else step
        if change <= MOST and np.isfinite(moved).all():
            u, rate = u + step, moved
            if newton and change <= REACHED:
                return u, True
            inverse /= 10.0 if change < FIRST else 2.0
            newton = bool(change <= NEAR)
        elif newton:
            newton = False
        else:
            inverse *= 4.0
    return u, False


def check_steady(integration: Integration, theta: np.ndarray, states: StateTable, labels: Sequence[Any]) -> None:
    """Look for each trajectory's steady state at θ (P,), with NumPy.

    Warns of those that aren't stable.

    Raises
    ------
    SolveError
        If a trajectory has none, or more than one because something is conserved: with its label.
    """
    if not integration.steady:
        return
    field = integration.vector_field
    matrix = jacobian(field, "u", "du")
    began = integration.initial.evaluate({"theta": theta})
    count, unstable = integration.steady, []
    for i, guess in enumerate(began["u0"]):
        known = {"t": integration.start[i], "theta": theta, **({"c": began["c"][i]} if "c" in began else {})}
        given = {n: v for n, v in known.items() if n in field.input_names}

        def slope(u: np.ndarray, given: Any = given, rest: np.ndarray = guess[count:]) -> np.ndarray:
            return field.evaluate({**given, "u": np.concatenate([u, rest])})["du"][:count]

        def slopes(u: np.ndarray, given: Any = given, rest: np.ndarray = guess[count:]) -> np.ndarray:
            values = matrix.graph.evaluate({**given, "u": np.concatenate([u, rest])})["values"]
            return matrix.dense(values)[:count, :count]

        try:
            with np.errstate(all="ignore"):
                u, reached = settled(slope, slopes, guess[:count])
                last = slopes(u)
        except UnideqError:  # an operation that NumPy doesn't know, e.g. a Lux network within
            return
        if not reached:
            raise SolveError(_why(u, slope(u), last, states, f"Trajectory {labels[i]!r}"))
        growth = np.linalg.eigvals(last).real
        if growth.max() > -1e-9 * np.abs(last).max():
            unstable.append((labels[i], growth.max()))
    if unstable:
        label, rate = unstable[0]
        fate = f"grows as exp({rate:.3g} t)" if rate > 1e-9 else "never dies out"
        more = f" ({len(unstable) - 1} more like it)" if len(unstable) > 1 else ""
        warn_user(
            f"The steady state of trajectory {label!r} isn't stable: a small deviation {fate}{more}. Nothing rests "
            "there by itself. Give another guess, `ude.Steady(guess)`, or initial values."
        )


def _why(u: np.ndarray, rate: np.ndarray, matrix: np.ndarray, states: StateTable, who: str) -> str:
    """Why nothing was reached from the guess."""
    if np.isfinite(matrix).all():
        left, values, _ = np.linalg.svd(matrix)
        weights = left[:, -1] / left[np.argmax(np.abs(left[:, -1])), -1]
        still = abs(weights @ rate) <= 1e-6 * np.abs(weights) @ np.abs(matrix) @ np.abs(u)
        if values[-1] <= SINGULAR * values[0] and still:
            names = [f"{s.name}" if s.size == 1 else f"{s.name}[{k}]" for s in states for k in range(s.size)]
            words = [
                n if abs(w - 1) < 1e-6 else f"{w:.3g} {n}" for n, w in zip(names, weights, strict=True) if abs(w) > 1e-6
            ]
            conserved = " + ".join(words).replace("+ -", "- ")
            return (
                f"{who} has no one steady state: the equations conserve `{conserved}` (their Jacobian is singular), so "
                "nothing decides its value. Write one of these states as the total less the others, or give initial "
                "values."
            )
    where = ", ".join(f"`{n}` = {v.ravel()[0]:.3g}" for n, v in list(states.split(u).items())[:4])
    return (
        f"{who} reaches no steady state from its guess: after {ATTEMPTS} steps it is at {where} and still moves. It "
        "may grow or oscillate for ever with these inputs and parameters. Look at `model.solve(...)` from initial "
        "values, begin nearer, `ude.Steady(guess)`, or estimate the initial values."
    )
