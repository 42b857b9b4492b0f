"""Where trajectories begin that have no given state: the steady state, and algebraic states that fit the others.

Both engines follow the system from a guess by implicit Euler steps that grow (pseudo-transient continuation; Kelley &
Keyes 1998), none of which moves a state by more than half of its size, and end with Newton steps. So they end where the
system itself would, if it rests anywhere. Algebraic states, which nothing moves, are found by damped Newton steps.
Derivatives are those of the implicit function theorem. Here both are looked for with NumPy, before any compilation.
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

__all__ = ["ATTEMPTS", "FIRST", "MOST", "NEAR", "REACHED", "check_starts", "consistent", "settled"]

ATTEMPTS = 500
"""Steps after which none is reached."""
FIRST, MOST = 0.1, 0.5
"""Relative change of the first step, and the largest that is accepted."""
NEAR, REACHED = 1e-3, 1e-9
"""Relative changes from which steps are Newton's, and at which the last of them ends the search."""
SINGULAR = 1e-10
"""Ratio of the Jacobian's singular values below which it is singular."""

Function = Callable[[np.ndarray], np.ndarray]


def settled(slope: Function, jacobian: Function, guess: np.ndarray, mass: np.ndarray) -> tuple[np.ndarray, bool]:
    """The steady state (n,) that the system comes to from a guess, and whether it came to one.

    `mass` (n,) is 0 for algebraic states, which are consistent in the guess, else 1.
    """
    u, size = guess.copy(), np.where(guess == 0.0, 1.0, np.abs(guess))
    rate = slope(u)
    inverse = np.max(mass * np.abs(rate) / np.maximum(np.abs(u), size)) / FIRST
    newton = False
    for _ in range(ATTEMPTS):
        scale = np.maximum(np.abs(u), size)
        matrix = (0.0 if newton else inverse) * np.diag(mass) - jacobian(u)
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


def consistent(residual: Function, jacobian: Function, guess: np.ndarray) -> tuple[np.ndarray, bool]:
    """The zero (m,) of a residual that is found from a guess, and whether one was.

    By Newton steps; none of them moves a value by more than half of its size, or is made if it doesn't bring the end
    nearer.
    """
    z, size = guess.copy(), np.where(guess == 0.0, 1.0, np.abs(guess))
    right = residual(z)
    for _ in range(ATTEMPTS):
        try:
            inverse = np.linalg.inv(jacobian(z))
        except np.linalg.LinAlgError:
            return z, False
        step, scale = -inverse @ right, np.maximum(np.abs(z), size)
        change = np.max(np.abs(step) / scale)
        if not np.isfinite(change):
            return z, False
        if change <= REACHED:
            return z + step, True
        part, better = min(1.0, MOST / change), False
        while part > 1e-8 and not better:
            right = residual(z + part * step)
            left = np.max(np.abs(inverse @ right) / scale) if np.isfinite(right).all() else np.inf
            better = bool(left <= (1.0 - part / 4.0) * change)
            part = part if better else part / 2.0
        if not better:
            return z, False
        z = z + part * step
    return z, False


class _Start:
    """A trajectory's slopes and residuals where it begins, by NumPy, and their Jacobian; some states are tried."""

    def __init__(self, integration: Integration, i: int, began: dict[str, np.ndarray], theta: np.ndarray) -> None:
        self.field = integration.vector_field if integration.rest is None else integration.rest
        self.matrix = jacobian(self.field, "u", "du")
        known = {"t": integration.start[i], "theta": theta, **({"c": began["c"][i]} if "c" in began else {})}
        self.given = {n: v for n, v in known.items() if n in self.field.input_names}
        self.u = began["u0"][i].copy()

    def _with(self, which: np.ndarray, tried: np.ndarray) -> dict[str, Any]:
        u = self.u.copy()
        u[which] = tried
        return {**self.given, "u": u}

    def of(self, which: np.ndarray) -> tuple[Function, Function]:
        """Those rows as a function of these components, and its Jacobian."""

        def slope(tried: np.ndarray) -> np.ndarray:
            return self.field.evaluate(self._with(which, tried))["du"][which]

        def slopes(tried: np.ndarray) -> np.ndarray:
            values = self.matrix.graph.evaluate(self._with(which, tried))["values"]
            return self.matrix.dense(values)[np.ix_(which, which)]

        return slope, slopes


def check_starts(integration: Integration, theta: np.ndarray, states: StateTable, labels: Sequence[Any]) -> None:
    """Look for where each trajectory begins at θ (P,), with NumPy: its algebraic states, and its steady state.

    Warns of steady states that aren't stable.

    Raises
    ------
    SolveError
        If a trajectory has none, or more than one because something is conserved, or if the residuals don't decide the
        algebraic states: with its label.
    """
    if not integration.steady and not integration.algebraic:
        return
    began = integration.initial.evaluate({"theta": theta})
    algebraic, resting = np.array(integration.algebraic, int), np.arange(integration.steady)
    mass = 1.0 - np.isin(resting, algebraic)
    unstable = []
    for i, label in enumerate(labels):
        start, who = _Start(integration, i, began, theta), f"Trajectory {label!r}"
        try:
            with np.errstate(all="ignore"):
                if len(algebraic):
                    start.u[algebraic] = _decided(start, algebraic, states, who)
                if not len(resting):
                    continue
                slope, slopes = start.of(resting)
                u, reached = settled(slope, slopes, start.u[resting], mass)
                last = slopes(u)
        except SolveError:
            raise
        except UnideqError:  # an operation that NumPy doesn't know, e.g. a Lux network within
            return
        if not reached:
            raise SolveError(_why(u, slope(u), last, states, who))
        last = _reduced(last, mass > 0)
        growth = np.linalg.eigvals(last).real
        if growth.max() > -1e-9 * np.abs(last).max():
            unstable.append((label, growth.max()))
    if unstable:
        label, rate = unstable[0]
        fate = f"grows as exp({rate:.3g} t)" if rate > 1e-9 else "never dies out"
        more = f" ({len(unstable) - 1} more like it)" if len(unstable) > 1 else ""
        warn_user(
            f"The steady state of trajectory {label!r} isn't stable: a small deviation {fate}{more}. Nothing rests "
            "there by itself. Give another guess, `ude.Steady(guess)`, or initial values."
        )


def _reduced(matrix: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """The Jacobian of the states that time moves, algebraic ones following them."""
    if moving.all():
        return matrix
    own, rest = matrix[np.ix_(moving, moving)], matrix[np.ix_(moving, ~moving)]
    return own - rest @ np.linalg.solve(matrix[np.ix_(~moving, ~moving)], matrix[np.ix_(~moving, moving)])


def _decided(start: _Start, algebraic: np.ndarray, states: StateTable, who: str) -> np.ndarray:
    """The values of the algebraic states."""
    residual, slopes = start.of(algebraic)
    guess = start.u[algebraic]
    z, reached = consistent(residual, slopes, guess)
    names = [states.component_names[k] if k < states.size else f"u[{k}]" for k in algebraic]
    where = ", ".join(f"`{n}` = {v:.3g}" for n, v in list(zip(names, z, strict=True))[:4])
    again = f'`initial={{"{names[0].partition("[")[0]}": guess}}`'
    open_ones = _undecided(slopes(z if reached else guess), names)
    if open_ones:
        raise SolveError(
            f"{who}: at its start ({where}) the residuals don't decide {open_ones}: their Jacobian by the algebraic "
            "states is singular, so the equations are of index 2 or higher there. Differentiate the equation that "
            f"lacks an algebraic state by time, or begin the search elsewhere, {again}."
        )
    if not reached:
        raise SolveError(
            f"{who}: no values of the algebraic states are found that make their residuals zero at its start; the "
            f"search ended at {where}. Begin it nearer, {again}, and look whether the other initial values allow any."
        )
    return z


def _undecided(matrix: np.ndarray, names: Sequence[str]) -> str:
    """Which algebraic states a singular Jacobian of the residuals leaves open; empty where it is regular."""
    if not np.isfinite(matrix).all():
        return ""
    scaled = matrix / np.maximum(np.abs(matrix).max(axis=0), 1e-300)
    scaled = scaled / np.maximum(np.abs(scaled).max(axis=1, keepdims=True), 1e-300)
    _, values, right = np.linalg.svd(scaled)
    if values[-1] > SINGULAR * values[0]:
        return ""
    weights = np.abs(right[-1])
    return ", ".join([f"`{n}`" for n, w in zip(names, weights, strict=True) if w > 0.1 * weights.max()][:4])


def _why(u: np.ndarray, rate: np.ndarray, matrix: np.ndarray, states: StateTable, who: str) -> str:
    """Why nothing was reached from the guess."""
    if np.isfinite(matrix).all():
        left, values, _ = np.linalg.svd(matrix)
        weights = left[:, -1] / left[np.argmax(np.abs(left[:, -1])), -1]
        still = abs(weights @ rate) <= 1e-6 * np.abs(weights) @ np.abs(matrix) @ np.abs(u)
        if values[-1] <= SINGULAR * values[0] and still:
            names = states.component_names
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
