"""What every engine offers: the verbs that the rest of Unideq calls, and what they hand back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..graph import Graph
from ..objective.program import Integration, LossProgram, Rollout
from ..optimise import Arrays

if TYPE_CHECKING:
    from .minimisation import Minimisation

__all__ = ["STATUS", "Engine", "Integrated", "Minimised", "Report", "Value"]

STATUS = {
    0: "success",
    1: "the step limit was reached",
    2: "the state became infinite or NaN",
    3: "the step size became too small (the problem may be stiff here)",
    4: "the implicit solver's Newton iteration didn't converge",
    5: "the solver failed",
    6: "an event happened again and again in no time (Zeno): give it a threshold, or make it rest",
}
"""Integration status code → text; 0 is success."""


@dataclass(frozen=True)
class Integrated:
    """Result of `Engine.integrate` and `Engine.rollout`.

    Attributes
    ----------
    arrays
        Observation name → (B, K, …), or (S, B, K, …) for S parameter vectors. NaN from where a solve failed on.
    status
        Code in `STATUS`, (B,) or (S, B).
    statistics
        `steps`, `accepted`, `rejected`, `evaluations` (where the engine knows): (B,) or (S, B).
    crossings
        Where functions crossed zero, (B, E, 2 + n) or (S, B, E, 2 + n): the time on the solver's clock, the number of
        the event, and the state before it; NaN behind the last one. None: nothing was looked for.
    """

    arrays: dict[str, np.ndarray]
    status: np.ndarray
    statistics: dict[str, np.ndarray]
    crossings: np.ndarray | None = None


@dataclass(frozen=True)
class Value:
    """Result of `Engine.value_and_gradient`: total (S,), terms name → (S,), gradient (S, P) or None.

    S is dropped for one θ. All are NaN where a solve failed.
    """

    total: np.ndarray
    terms: dict[str, np.ndarray]
    gradient: np.ndarray | None


@dataclass
class Report:
    """What `Engine.minimise` brings back every `report_every` iterations.

    `iteration` counts finished iterations of this phase. The logs hold the iterations since the last report: arrays
    (S, k); entry i refers to θ before update i, and is NaN after a seed has finished. `rejected` marks iterations that
    moved nowhere (Adam: loss, gradient or solve failed at this θ; BFGS, L-BFGS: the line search found no decrease).
    `theta` is where the next iteration begins: Adam hasn't evaluated it yet, unlike `best_theta`. Totals of moving
    weights can't be compared: with balancing, `best_theta` is the last θ that could be evaluated.
    `state` is all that the loop needs to go on, as named arrays; a `Minimisation` with it resumes bit for bit.
    """

    iteration: int
    total: np.ndarray
    terms: dict[str, np.ndarray]
    gradient_norm: np.ndarray
    learning_rate: np.ndarray
    rejected: np.ndarray
    theta: np.ndarray
    best_theta: np.ndarray
    best_total: np.ndarray
    finished: np.ndarray
    """(S,) int: 0 running; 1 converged (gradient below the tolerance, or no decrease that the values resolve);
    2 gave up (too many rejected steps in a row, or a start that can't be evaluated)."""
    state: Arrays = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    """Term → its weight in the total (S, k), where weights move or were given; else empty."""


@dataclass(frozen=True)
class Minimised:
    """Result of `Engine.minimise`: the last report, and whether the callback asked to stop."""

    last: Report
    stopped: bool


class Engine(Protocol):
    """One way to execute programs. θ is (P,) or, for an ensemble of S parameter vectors, (S, P); float64 throughout."""

    name: str

    def describe(self) -> dict[str, Any]:
        """Versions, devices, solvers, and what it can't do."""
        ...

    def integrate(self, integration: Integration, theta: np.ndarray) -> Integrated:
        """Solve all initial-value problems of the batch; never raises for a failed solve: see `Integrated.status`."""
        ...

    def rollout(self, rollout: Rollout, theta: np.ndarray) -> Integrated:
        """Roll out all trajectories of the batch; `status` is 2 where a state became infinite or NaN, and the arrays
        are NaN from there on. The only statistic is `steps`."""
        ...

    def evaluate(self, graph: Graph, values: Mapping[str, Any], mapped: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """Evaluate a graph; the inputs named in `mapped` carry an extra leading axis, and so do then all outputs."""
        ...

    def value(self, objective: LossProgram, theta: np.ndarray) -> Value:
        """Total and terms, without gradient."""
        ...

    def value_and_gradient(self, objective: LossProgram, theta: np.ndarray, per_term: bool = False) -> Value:
        """Total, terms and gradient in θ: of the total (S, P); with `per_term`, of each unweighted term (S, T, P)."""
        ...

    def jacobian_vector(self, objective: LossProgram, theta: np.ndarray, tangent: np.ndarray) -> np.ndarray:
        """Directional derivative of the total along `tangent` (P,), by forward mode where the solver allows it."""
        ...

    def minimise(self, minimisation: Minimisation, callback: Callable[[Report], bool]) -> Minimised:
        """Run the optimiser loop inside the engine.

        The callback gets a `Report` at every multiple of `report_every` iterations, and in between where those are
        slow; it returns whether to go on.
        """
        ...
