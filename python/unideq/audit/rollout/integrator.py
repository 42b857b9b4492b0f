"""A field, or its integrator? A network that is trained through a fixed step may learn the map that the step makes.

u⁺ = u + h·NN(u) is a residual network: it fits the data's flow map for any h, and NN is then (φ_h − id)/h, not du/dt. A
field gives the same solution by finer steps and by other schemes, a map doesn't (the convergence test of Krishnapriyan,
Queiruga, Erichson & Mahoney 2023, Communications Physics 6:319, arXiv:2202.08494).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr

from ...checks import known_arguments, number, settle, whole
from ...errors import DataError, ModelError
from ...model import Stepper
from ...model.steppers import SCHEMES
from ...objective import Unrolled
from ...solvers import SolverSettings
from ..check import Check, Outcome
from ..finding import Finding
from ..subject import StatesSubject, Subject
from .dynamics import Dynamics
from .plot_integrator import plot_integrator

__all__ = ["Integrator", "IntegratorOutcome"]

FINER = (1, 2, 4)
"""Into how many parts a step is divided."""
NUMBERS, FEWEST = 100_000, 8
"""Numbers that are compared: of large states fewer intervals, and so many at least."""
WORSE = 2.0
"""How many times as wrong as the training's steps finer ones are, where the map was learned; or the other way round."""


@dataclass(frozen=True, kw_only=True)
class IntegratorOutcome(Outcome):
    """What `Integrator` found.

    Attributes
    ----------
    findings
        One.
    dataset
        Over `integrator` (`SCHEME, h`, `SCHEME, h/2`, …): `interval_error`, root mean square of measured minus computed
        states one data interval later, and `from_own`, of the same minus those by the training's own steps, both
        relative to how far states move; `rollout_error` and `rollout_from_own` over the horizon, relative to the
        states' spread.
    """

    dataset: xr.Dataset


@known_arguments
@dataclass(frozen=True)
class Integrator(Check[StatesSubject]):
    """Did it learn a field, or the map of its integrator? The same field by finer steps and by another scheme.

    Of fits through fixed steps: `Stepper`, and solvers `euler`, `heun` and `rk4`.

    Attributes
    ----------
    steps
        Rollout length in data intervals; default: the longest trajectory's.
    conditions
        Largest number of trajectories to roll out.
    most
        Largest number of measured intervals to compare.
    tolerance
        Difference, relative to how far states move in an interval, below which two integrators say the same.

    Raises
    ------
    OptionError
        For impossible settings.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.audit.Integrator(tolerance=1e-3).most
    500
    """

    name = "integrator"
    needs = StatesSubject
    learns = True
    steps: int | None = None
    conditions: int = 8
    most: int = 500
    tolerance: float = 1e-2

    def __post_init__(self) -> None:
        settle(self, whole, "steps", least=1, none=True)
        settle(self, whole, "conditions", "most", least=1)
        settle(self, number, "tolerance", above=0)

    @classmethod
    def suits(cls, subject: Subject) -> bool:
        """Of fits whose field is stepped by a scheme of ours."""
        return isinstance(subject, StatesSubject) and _scheme(subject) is not None

    def prepare(self, subject: StatesSubject) -> None:
        """Read the states."""
        subject.read()
        subject.about_horizon(self.steps)

    def examine(self, subject: StatesSubject) -> IntegratorOutcome:
        """Compute measured intervals, and rollouts, by the training's steps and by others."""
        found = _scheme(subject)
        if found is None:
            raise ModelError("the fit wasn't trained through fixed steps of `euler`, `heun` or `rk4`, or of a stepper.")
        scheme, h = found
        states, dt = subject.states, subject.states.interval()
        t, u, after, c = _pairs(subject, dt, min(self.most, max(FEWEST, NUMBERS // subject.fit.model.size)))
        moved = float(np.sqrt(((after - u) ** 2).mean()))
        if not moved > 0:
            raise DataError("the states don't move from one time to the next.")
        starts, first, constants, *_ = subject.conditions(self.conditions)
        horizon = subject.horizon(self.steps)
        spread = float(np.sqrt(np.concatenate(states.states).var(axis=0).mean())) or moved
        variants = [(scheme, k) for k in FINER]
        if SCHEMES[scheme].stability and scheme != "rk4":
            variants.append(("rk4", FINER[-1]))
        steps, rolls = [], []
        for name, parts in variants:
            made = Dynamics(
                _stepper(subject, name, h / parts), subject.theta, dt, subject.fit.engine, u, c, states.tables
            )
            steps.append(made.advance(t, u, c))
            rolls.append(made.rollout(starts, first, horizon, constants)[:, 1:])
        exact = _measured(subject, starts, horizon, dt)
        relative = [np.sqrt(np.mean((s - after) ** 2)) / moved for s in steps]
        dataset = xr.Dataset(
            {
                "interval_error": ("integrator", relative, {"long_name": "error of one data interval"}),
                "from_own": ("integrator", [_rms(s - steps[0]) / moved for s in steps]),
                "rollout_error": ("integrator", [_rms(r - exact) / spread for r in rolls]),
                "rollout_from_own": ("integrator", [_rms(r - rolls[0]) / spread for r in rolls]),
            },
            coords={"integrator": [f"{n}, h{f'/{k}' * (k > 1)}" for n, k in variants]},
            attrs={"h": h, "interval": dt, "steps": horizon},
        )
        group = {self.name: dataset}
        finding = self._finding(subject, dataset)
        return IntegratorOutcome((finding,), group, {self.name: partial(plot_integrator, dataset)}, dataset=dataset)

    def _finding(self, subject: StatesSubject, dataset: xr.Dataset) -> Finding:
        own, finest = (float(dataset["interval_error"][k]) for k in (0, -1))
        apart = float(np.nanmax(dataset["from_own"]))
        labels = dataset["integrator"].values
        numbers = (
            f"{labels[0]} is wrong by {_percent(own)} of what an interval of {dataset.attrs['interval']:g} moves, "
            f"{labels[-1]} by {_percent(finest)}; over {dataset.attrs['steps']} intervals by "
            f"{_percent(float(dataset['rollout_error'][0]))} and {_percent(float(dataset['rollout_error'][-1]))} "
            "of the states' spread"
        )
        if not np.isfinite(finest) or (finest > WORSE * own and apart > self.tolerance):
            return Finding(
                self.name, "warning", f"the map of the integrator was learned, not a field: {numbers}.", dataset,
                f"Believe it in steps of {dataset.attrs['h']:g} by {labels[0].partition(',')[0]} alone. To learn the "
                f"field, go on training through finer steps: {_remedy(subject)}.",
            )  # fmt: skip
        if own > WORSE * finest and apart > self.tolerance:
            return Finding(
                self.name, "note", f"the field is better than the steps it was trained with: {numbers}.", dataset,
                f"Predict with finer steps: {_remedy(subject)}.",
            )  # fmt: skip
        if apart > self.tolerance:
            return Finding(
                self.name, "note",
                f"field and integrator can't be told apart: finer steps change an interval by {_percent(apart)}, which "
                f"is no more than all are wrong: {numbers}.", dataset,
                "Look again with less noisy `data=`, or at finer times.",
            )  # fmt: skip
        return Finding(
            self.name, "ok",
            f"a field was learned: finer steps and other schemes change an interval by {_percent(apart)} of what it "
            f"moves; {numbers}.", dataset,
        )  # fmt: skip


def _scheme(subject: StatesSubject) -> tuple[str, float] | None:
    """The scheme that trained the field, and its step; None where there is none of ours, or it isn't a field's."""
    model, settings = subject.fit.model, subject.fit.record.settings
    objectives = [s.objective for s in settings.stages()]
    if not any(isinstance(o, Unrolled) or getattr(o, "solves", False) for o in objectives):
        return None
    if isinstance(model, Stepper):
        # What follows the solver, or takes its place, belongs to the stepper's dt.
        own = model.solver is None and model.coupling == "parallel"
        return (model.scheme.name, model.dt / model.substeps) if own else None
    solver = getattr(settings, "solver", None)
    if not isinstance(solver, SolverSettings) or solver.dt is None or solver.name not in SCHEMES:
        return None
    return solver.name, float(solver.dt)


def _stepper(subject: StatesSubject, scheme: str, h: float) -> Stepper:
    model = subject.fit.model
    if isinstance(model, Stepper):
        return model.with_scheme(scheme, dt=h)
    return Stepper(model, h, scheme)


def _pairs(
    subject: StatesSubject, dt: float, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Times (B,), states (B, n), those one data interval later, and what graphs read as `c`."""
    states = subject.states
    t, u, after, c = [], [], [], []
    for k, (times, flat) in enumerate(zip(states.times, states.states, strict=True)):
        whole = np.abs(np.diff(times) - dt) < 1e-6 * dt
        t.append(times[:-1][whole])
        u.append(flat[:-1][whole])
        after.append(flat[1:][whole])
        if states.constants:
            c.append(np.repeat(states.constants[k][None], int(whole.sum()), axis=0))
    picked = np.unique(np.linspace(0, sum(map(len, t)) - 1, most).round().astype(int))
    chosen = [np.concatenate(parts)[picked] for parts in (t, u, after)]
    return chosen[0], chosen[1], chosen[2], np.concatenate(c)[picked] if c else None


def _measured(subject: StatesSubject, starts: np.ndarray, horizon: int, dt: float) -> np.ndarray:
    """The states (B, horizon, n) that rollouts should meet; NaN where nothing was measured."""
    found = np.full((len(starts), horizon, subject.fit.model.size), np.nan)
    chosen = subject.conditions(len(starts)).trajectories
    for row, label in enumerate(chosen[: len(subject.states.labels)]):
        if label not in subject.states.labels:
            continue
        k = subject.states.labels.index(label)
        step = np.round((subject.states.times[k] - starts[row]) / dt).astype(int)
        inside = (step >= 1) & (step <= horizon)
        found[row, step[inside] - 1] = subject.states.states[k][inside]
    return found


def _rms(difference: np.ndarray) -> float:
    """Of what is known; infinite where a computed state is."""
    if np.isinf(difference).any():
        return float("inf")
    known = difference[np.isfinite(difference)]
    return float(np.sqrt((known**2).mean())) if known.size else float("nan")


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if np.isfinite(share) else "more than all"


def _remedy(subject: StatesSubject) -> str:
    if isinstance(subject.fit.model, Stepper):
        return '`fit.model.with_scheme("rk4", substeps=4)`'
    return '`ude.fit(fit.model, data, solver="tsit5")`'
