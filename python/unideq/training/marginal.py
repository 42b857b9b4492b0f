"""`Laplace` phases: BFGS on the marginal likelihood, with an inner minimum over each group's deviations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine import Engine, Minimisation, Report
from ..engine.loop import empty_logs
from ..engine.loop import minimise as looped
from ..objective import EstimationProblem
from ..objective.laplace import MarginalPrograms, marginal_programs
from ..optimise import Arrays
from ..optimise.state import common

__all__ = ["MarginalRunner", "minimise_marginal"]

INNER, INNER_TOLERANCE = 60, 1e-9
"""Most steps to the groups' minima, and how large a step in deviations is none."""
SEARCH, DECREASE, CURVATURE = 20, 1e-4, 1e-10
"""Most halvings along a line, share of the expected decrease that is enough, and the least curvature that is learned
from."""


def minimise_marginal(
    engine: Engine, problem: EstimationProblem, run: Minimisation, report: Callable[[Report], bool]
) -> None:
    """Run the phase."""
    programs = marginal_programs(problem)
    looped(lambda asked, start: MarginalRunner(engine, problem, programs, asked, start), run, report)


class Marginal:
    """The marginal cost of one θ, its exact gradient, and the deviations that belong to it."""

    def __init__(self, engine: Engine, problem: EstimationProblem, programs: MarginalPrograms) -> None:
        self.engine, self.programs = engine, programs
        layout = problem.layout
        windows = [layout.window(f"deviation.{n}") for n in programs.effects]
        self.places = np.stack([np.arange(w.start, w.stop) for w in windows], axis=1)
        """Where θ has the deviations (G, d)."""

    def settled(self, theta: np.ndarray) -> np.ndarray | None:
        """θ with every group at the minimum of its own cost; None where there is none to be found."""
        theta, damping = theta.copy(), np.zeros(self.programs.groups)
        found = self._joint(theta)
        if found is None:
            return None
        slope, curvature = found
        identity = np.eye(slope.shape[1])
        for _ in range(INNER):
            scaled = curvature + damping[:, None, None] * identity
            step = -np.linalg.solve(scaled, slope[..., None])[..., 0]
            step *= np.minimum(1.0, 2.0 / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
            if np.abs(step).max() < INNER_TOLERANCE:
                return theta
            trial = theta.copy()
            trial[self.places] += step
            found = self._joint(trial)
            worse = (
                np.ones(len(slope), bool)
                if found is None
                else ~(np.abs(found[0]).max(axis=1) <= 1.5 * np.abs(slope).max(axis=1) + 1e-9)
            )
            damping = np.where(worse, np.maximum(4.0 * damping, 1.0), np.where(damping < 1e-3, 0.0, damping / 4.0))
            if found is None:
                continue
            kept = theta[self.places].copy()
            theta = trial
            slope, curvature = found
            if worse.any():
                theta[self.places[worse]] = kept[worse]
                back = self._joint(theta)
                if back is None:
                    return None
                slope, curvature = back
        return theta if np.abs(step).max() < 1e-5 else None

    def _joint(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Slopes (G, d) and curvatures (G, d, d) of the groups' costs; None where they can't be evaluated."""
        arrays = self.engine.integrate(self.programs.integration, theta).arrays
        found = self.programs.joint.evaluate({**arrays, "theta": theta})
        slope, curvature = found["slope"], found["curvature"]
        finite = np.isfinite(slope).all() and np.isfinite(curvature).all()
        return (slope, curvature) if finite else None

    def __call__(self, theta: np.ndarray) -> tuple[float, dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """Total, terms, gradient (P,) and θ with its deviations; a total of infinity where one is missing."""
        nothing = np.inf, {}, np.full(len(theta), np.nan), theta
        found = self.settled(theta)
        if found is None:
            return nothing
        # Deviations follow φ: dη̂/dφ = −A⁻¹ ∂²J/∂η∂φ, A the exact Hessian. What the cost feels of η is the determinant
        # alone, and its product with dη̂/dφ the derivative of a weighted sum of the slopes ∂J/∂η.
        names, parts = self.programs.slopes.terms, self.engine.value_and_gradient(self.programs.slopes, found, True)
        gradient = np.asarray(parts.gradient)
        columns = [gradient[names.index(f"slope.{k}")][self.places] for k in range(len(self.programs.effects))]
        felt = gradient[names.index("determinant")][self.places]
        try:
            weights = -np.linalg.solve(np.stack(columns, axis=1), felt[..., None])[..., 0]
        except np.linalg.LinAlgError:
            return nothing
        value = self.engine.value_and_gradient(self.programs.weighted(weights), found)
        total, gradient = float(value.total), np.array(value.gradient)
        gradient[self.places] = 0.0
        if not (np.isfinite(total) and np.isfinite(gradient).all()):
            return nothing
        return total, {n: np.asarray(v) for n, v in value.terms.items() if n != "adjoint"}, gradient, found


class MarginalRunner:
    """A run; see `unideq.engine.loop.Runner`."""

    def __init__(
        self, engine: Engine, problem: EstimationProblem, programs: MarginalPrograms, asked: Minimisation, start: Arrays
    ) -> None:
        self.cost = Marginal(engine, problem, programs)
        self.asked, self.state = asked, {n: np.array(v) for n, v in start.items()}
        self.free = np.flatnonzero(asked.free)
        self.tolerance = float(getattr(asked.optimizer, "tolerance", 0.0))
        self.logs = empty_logs(asked, start)
        self.now: list[Any] = [None] * asked.seeds

    def advance(self, base: int, target: int) -> bool:
        """See `Runner.advance`."""
        state = common(self.state)
        for seed in range(self.asked.seeds):
            while state["finished"][seed] == 0 and state["iteration"][seed] < target:
                self._turn(seed, int(state["iteration"][seed]) - base)
                state["iteration"][seed] += 1
        return bool(((state["finished"] == 0) & (state["iteration"] < self.asked.iterations)).any())

    def collect(self, count: int) -> tuple[Arrays, dict[str, np.ndarray]]:
        """See `Runner.collect`."""
        logs, self.logs = self.logs, empty_logs(self.asked, self.state)
        return {n: v.copy() for n, v in self.state.items()}, {n: v[:, :count] for n, v in logs.items()}

    def _turn(self, seed: int, column: int) -> None:
        """One step of BFGS with a backtracking line search (Nocedal & Wright 2006, algorithms 6.1 and 3.1)."""
        state, free = self.state, self.free
        if self.now[seed] is None:
            self.now[seed] = self.cost(state["theta"][seed])
        total, terms, gradient, theta = self.now[seed]
        slope = gradient[free]
        log = {name: array[seed] for name, array in self.logs.items()}
        log["total"][column] = total
        if not np.isfinite(total):
            state["finished"][seed], log["rejected"][column] = 2, True
            return
        log["terms"][column] = [float(terms[n]) for n in self.asked.objective.terms]
        log["gradient_norm"][column] = np.linalg.norm(slope)
        state["theta"][seed] = theta
        if total < state["best_total"][seed]:
            state["best_total"][seed], state["best_theta"][seed] = total, theta
        if not free.size or np.abs(slope).max() < self.tolerance:
            state["finished"][seed] = 1
            return
        inverse = state["inverse"][seed][np.ix_(free, free)]
        fresh = not np.isfinite(inverse).all() or slope @ inverse @ slope <= 0
        if fresh:
            inverse = np.eye(len(free)) * (0.3 / np.linalg.norm(slope))
        step = -inverse @ slope
        step *= min(1.0, 1.0 / np.abs(step).max())
        length, found = 1.0, None
        for _ in range(SEARCH):
            trial = theta.copy()
            trial[free] += length * step
            found = self.cost(trial)
            if found[0] <= total + DECREASE * length * float(slope @ step):
                break
            length, found = 0.5 * length, None
        if found is None:
            log["rejected"][column] = True
            state["inverse"][seed] = np.nan  # once more from the slope alone
            state["finished"][seed] = int(fresh)
            return
        log["learning_rate"][column] = length
        moved, change = found[3][free] - theta[free], found[2][free] - slope
        curved = float(moved @ change)
        if curved > CURVATURE * np.linalg.norm(moved) * np.linalg.norm(change):
            if fresh:
                inverse = np.eye(len(free)) * (curved / float(change @ change))
            left = np.eye(len(free)) - np.outer(moved, change) / curved
            inverse = left @ inverse @ left.T + np.outer(moved, moved) / curved
        whole = np.eye(len(theta))
        whole[np.ix_(free, free)] = inverse
        state["inverse"][seed], state["theta"][seed], self.now[seed] = whole, found[3], found
        if found[0] < state["best_total"][seed]:
            state["best_total"][seed], state["best_theta"][seed] = found[0], found[3]
