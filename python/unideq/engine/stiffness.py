"""What `solver="auto"` means: an explicit or a stiff solver, by a short pilot solve. Engine-independent, never raises.

The pilot integrates a few initial states with LSODA on the NumPy evaluator, which tells how many steps accuracy needs,
and takes the Jacobian's eigenvalues along the way, which tell how many steps stability would force on an explicit
method. Its budget is counted in evaluations, not seconds: the same model gets the same solver on every machine.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph import Graph, constant, partition, substitute
from .clock import own_clock

__all__ = ["EXPLICIT", "resolve_auto"]

EXPLICIT = "tsit5"
_ROWS = 3
_BUDGET = 120_000
"""NumPy operations that the pilot may spend on the vector field, and half as many on Jacobians: about 0.3 s."""
_REACH = 3.3
"""Tsit5 is stable on the negative real axis to about h·λ = −3.3."""
_RATIO = 10.0
"""Cost of a step of the stiff solver in steps of the explicit one, roughly."""
_WORTH = 500.0
"""Explicit steps below which stiffness isn't worth a stiff solver."""
_DENSE = 100
"""Number of states up to which eigenvalues are computed; beyond, Gershgorin's bound."""
_LARGEST = 2000
"""Number of states beyond which an implicit step with a dense Jacobian costs too much."""


class _SpentError(Exception):
    """The pilot's budget is spent."""


class _Slopes:
    """The vector field for one θ on the NumPy evaluator, with its Jacobian."""

    def __init__(self, graph: Graph, theta: np.ndarray, constants: np.ndarray | None = None) -> None:
        from ..graph.jacobian import jacobian

        if constants is not None:
            c = graph.input("c")
            graph = substitute(graph, {c: constant(constants)}, tuple(i for i in graph.inputs if i is not c))

        once, self.body = partition(graph, "theta")
        self.fixed = once.evaluate({"theta": theta})
        self.sparse = jacobian(graph, "u", "du")
        self.theta = theta
        self.size = self.sparse.shape[0]
        self.price = 1 + self.body.operation_count
        self.jacobian_price = 1 + self.sparse.graph.operation_count

    def at(self, t: float, u: np.ndarray) -> np.ndarray:
        return self.body.evaluate({"t": t, "u": u, **self.fixed})["du"]

    def entries(self, t: float, u: np.ndarray) -> np.ndarray:
        return self.sparse.graph.evaluate({"t": t, "u": u, "theta": self.theta})["values"]

    def decay(self, t: float, u: np.ndarray) -> float:
        """−min Re λ of the Jacobian, or Gershgorin's bound of it for many states; 0 where nothing decays."""
        values = self.entries(t, u)
        if not np.isfinite(values).all():
            return 0.0
        if self.size <= _DENSE:
            return max(0.0, float(-np.linalg.eigvals(self.sparse.dense(values)).real.min()))
        diagonal = self.sparse.rows == self.sparse.columns
        centre = np.bincount(self.sparse.rows[diagonal], values[diagonal], self.size)
        radius = np.bincount(self.sparse.rows[~diagonal], np.abs(values[~diagonal]), self.size)
        return max(0.0, float((radius - centre).max()))


class _Meter:
    """Counts what a pilot solve spends, and remembers some of the points where it was."""

    def __init__(self, slopes: _Slopes, budget: float) -> None:
        self.slopes = slopes
        self.left = budget
        self.calls = 0
        self.visited: list[tuple[float, np.ndarray]] = []

    def _pay(self, price: float) -> None:
        if self.left <= 0:
            raise _SpentError
        self.left -= price * (1 + self.slopes.size / 100)

    def slope(self, t: float, u: np.ndarray) -> np.ndarray:
        self._pay(self.slopes.price)
        if self.calls % 8 == 0:
            self.visited.append((t, u.copy()))
        self.calls += 1
        return self.slopes.at(t, u)

    def jacobian(self, t: float, u: np.ndarray) -> np.ndarray:
        self._pay(self.slopes.jacobian_price + self.slopes.size)
        return self.slopes.sparse.dense(self.slopes.entries(t, u))


@dataclass(frozen=True)
class _Pilot:
    """What a pilot solve found: steps that accuracy needs, steps that stability forces, and whether it got through."""

    needed: float
    forced: float
    through: bool


def _fly(slopes: _Slopes, budget: float, u0: np.ndarray, span: tuple[float, float], tolerances: dict) -> _Pilot:
    from scipy.integrate import odeint

    meter = _Meter(slopes, budget)
    start, length = span[0], span[1] - span[0]
    times = start + length * np.unique(np.concatenate([[0.0], np.geomspace(1e-6, 1.0, 12), np.linspace(0.0, 1.0, 25)]))
    through, needed = False, np.inf
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            states, found = odeint(
                meter.slope, u0, times, Dfun=meter.jacobian, full_output=True, tfirst=True, mxstep=5000, **tolerances
            )
        through = bool(np.isfinite(states).all()) and "successful" in found["message"]
    except _SpentError:
        states, found = np.zeros((0, len(u0))), {}
    if through:
        needed = float(found["nst"][-1])
        seen = list(zip(times.tolist(), states, strict=True))
    else:
        seen = [(t, u) for t, u in meter.visited if np.isfinite(u).all()]
    points = int(np.clip(0.5 * budget / slopes.jacobian_price, 4, 40))
    seen = [seen[i] for i in np.unique(np.linspace(0, len(seen) - 1, points).astype(int))] if seen else []
    if not seen:
        return _Pilot(needed, 0.0, through)
    at = np.array([t for t, _ in seen])
    rates = np.array([slopes.decay(t, u) for t, u in seen])
    if through:
        forced = float(np.sum(0.5 * (rates[1:] + rates[:-1]) * np.diff(at)))
    else:  # what was seen stands for the whole
        forced = float(np.median(rates)) * length
    return _Pilot(needed, forced / _REACH, through)


def resolve_auto(
    model_vector_field: Graph,
    u0: np.ndarray,
    theta: np.ndarray,
    start: float | np.ndarray,
    end: float | np.ndarray,
    rtol: float = 1e-6,
    atol: float | Sequence[float] = 1e-6,
    stiff: str = "kvaerno5",
    constants: np.ndarray | None = None,
    beyond: Sequence[str] = (),
) -> tuple[str, str]:
    """Choose a solver.

    Parameters
    ----------
    model_vector_field
        Graph with inputs `t`, `u`, `theta` and output `du`.
    u0
        Initial states (B, n); at most three rows are tried.
    theta
        Parameters (P,), or (S, P), of which the first row counts.
    start, end
        Times, one each or (B,).
    rtol, atol
        Tolerances of the later solves; atol one for all, or one a state.
    stiff
        The engine's stiff solver (`unideq.solvers.stiff_solver`).
    constants
        What the vector field reads as `c` (B, q), where it does.
    beyond
        What it has that only some solvers have: `algebraic`, `delays`.

    Returns
    -------
    solver, reason
        `tsit5` or `stiff`, and a sentence that says why. Where the pilot fails, the answer is `tsit5`, and the
        reason says so.
    """
    if "algebraic" in beyond:
        return stiff, f"`{stiff}`: the model has algebraic states."
    if "delays" in beyond:
        return EXPLICIT, f"`{EXPLICIT}`: the model has delays."
    try:
        tolerances = {"rtol": rtol, "atol": np.asarray(atol)}
        return _resolve(model_vector_field, u0, theta, start, end, tolerances, stiff, constants)
    except Exception as error:
        return EXPLICIT, f"`{EXPLICIT}`: the pilot solve failed ({type(error).__name__}: {error})."


def _resolve(
    graph: Graph,
    u0: np.ndarray,
    theta: np.ndarray,
    start: object,
    end: object,
    tolerances: dict[str, Any],
    stiff: str,
    constants: np.ndarray | None,
) -> tuple[str, str]:
    rows = np.atleast_2d(np.asarray(u0, dtype=float))
    size = rows.shape[1]
    if size > _LARGEST:
        return EXPLICIT, f"`{EXPLICIT}`: with {size} states, a stiff solver's dense Jacobian would cost too much."
    starts = np.broadcast_to(np.asarray(start, dtype=float), len(rows))
    ends = np.broadcast_to(np.asarray(end, dtype=float), len(rows))
    theta = np.asarray(theta, dtype=float)
    theta = theta[0] if theta.ndim == 2 else theta

    chosen = [i for i in np.unique(np.linspace(0, len(rows) - 1, _ROWS).astype(int)) if ends[i] > starts[i]]
    if not chosen:
        return EXPLICIT, f"`{EXPLICIT}`: no time passes."
    graph, zero = own_clock(graph, starts)
    if constants is None:
        slopes = [_Slopes(graph, theta)] * len(chosen)
    else:
        slopes = [_Slopes(graph, theta, constants[i]) for i in chosen]
    spans = [(float(starts[i] - zero[i]), float(ends[i] - zero[i])) for i in chosen]
    pilots = [
        _fly(own, _BUDGET / len(chosen), rows[i], span, tolerances)
        for i, own, span in zip(chosen, slopes, spans, strict=True)
    ]
    for pilot in pilots:
        if pilot.through and pilot.forced > max(_WORTH, _RATIO * pilot.needed):
            return stiff, (
                f"`{stiff}`: stability would force about {pilot.forced:.1g} steps on an explicit solver, "
                f"accuracy needs about {pilot.needed:.0f} (stiff)."
            )
        if not pilot.through and pilot.forced > 4 * _WORTH:
            return (
                stiff,
                f"`{stiff}`: stability would force about {pilot.forced:.1g} steps on an explicit solver (stiff).",
            )
    if not all(pilot.through for pilot in pilots):
        return EXPLICIT, f"`{EXPLICIT}`: the pilot solve didn't get to the end, but saw no stiffness on its way."
    needed, forced = max(p.needed for p in pilots), max(p.forced for p in pilots)
    return EXPLICIT, (
        f"`{EXPLICIT}`: accuracy needs about {needed:.0f} steps, stability no more than {forced:.0f} (not stiff)."
    )
