"""Does a closure that is good a priori stay stable in the flow? Rollouts from the data's first snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from ...checks import known_arguments, number, settle, whole
from ...errors import DataError
from ...model import Stepper
from ...result.closure_scores.candidates import Stepping
from ...result.closure_scores.coupled import coupled_scores, truth_tally, turnover_times
from ...result.closure_scores.scores import BLOWN, planned_runs, reader_of
from ...result.rollout_metrics import CORRELATED
from ..finding import Finding
from ..rollout.dynamics import Dynamics
from .closed_field import GOOD, ClosedField, ClosureCheck, some
from .plot_closure import plot_energy

__all__ = ["Coupled"]

_APART = 2.0
"""Factor between a run's energy and the truth's from which it has drifted away."""


@known_arguments
@dataclass(frozen=True)
class Coupled(ClosureCheck):
    """Stable a priori, unstable coupled? Rollouts from the data's first snapshots, against the truth while it is known.

    A run is unstable where its energy exceeds ten times the truth's largest (or isn't finite) within the turnovers that
    are looked at, or is a factor of two from the truth's over the last quarter of the time that this is known. PDEs are
    rolled out by classical Runge–Kutta steps, short enough for their stiffness.

    Attributes
    ----------
    turnovers
        Eddy turnovers 1/√(2 · enstrophy) that runs last, or to the data's end where that is later.
    conditions
        Largest number of trajectories.

    Raises
    ------
    OptionError
        For impossible settings.
    """

    name = "coupled"
    turnovers: float = 20.0
    conditions: int = 4

    def __post_init__(self) -> None:
        settle(self, number, "turnovers", above=0)
        settle(self, whole, "conditions", least=1)

    def look(self, field: ClosedField) -> tuple[Finding, Any]:
        truth, candidate = field.truth, field.candidate
        if len(candidate.times) < 2:
            raise DataError("Runs are compared with later snapshots, and the data have one a trajectory.")
        interval = float(candidate.times[1] - candidate.times[0])
        lengths = 1.0 / np.sqrt(2.0 * truth.flow.spectra(truth.values)[:, :, 1].sum(-1).mean(1))
        steps = max(len(candidate.times) - 1, int(np.ceil(self.turnovers * lengths.max() / interval)))
        runs = planned_runs(truth, candidate.times, steps, 0, 1, CORRELATED, BLOWN)
        runs = runs.of(some(len(runs.start), self.conditions))
        expected = truth_tally(runs)
        roll = candidate.roller(self._stepping(field, interval), interval)
        found = coupled_scores(runs, roll, reader_of(candidate, truth), candidate.states, candidate.times, expected)
        evidence = xr.Dataset(
            {
                "energy": (("run", "lead"), found["total"][1][:, 0]),
                "energy_true": (("run", "lead"), expected[1][:, 0]),
                "blow_up_time": ("run", found["blow_up_time"][1]),
                "stable_turnovers": ("run", found["stable_turnovers"][1]),
                "correlation": field.correlation(),
            },
            {"lead": runs.leads, "turnover_time": ("run", turnover_times(expected[0]))},
        )
        return self._finding(truth.field, evidence), partial(plot_energy, truth.field, evidence)

    def _stepping(self, field: ClosedField, interval: float) -> Stepping:
        """Runge–Kutta steps of a PDE, as short as `Dynamics` makes them."""
        candidate = field.candidate
        if isinstance(candidate.model, Stepper):
            return Stepping()
        first = candidate.states[:4, 0]
        constants = candidate.constants_of(candidate.model)
        c = None if constants is None else constants[:4]
        repeats = Dynamics(candidate.model, None, interval, candidate.engine, first, c).repeats
        return Stepping(interval / repeats, "rk4")

    def _finding(self, name: str, evidence: xr.Dataset) -> Finding:
        blown = np.isfinite(evidence["blow_up_time"].values)
        apart = _apart(evidence["energy"].values, evidence["energy_true"].values)
        unstable = blown | (apart > np.log(_APART))
        total, lasts = len(blown), evidence["stable_turnovers"].values
        priori = float(evidence["correlation"])
        known = "" if np.isnan(priori) else f" (correlation a priori {priori:.3f})"
        if not unstable.any():
            statement = (
                f"closure of `{name}`{known}: all {total} runs are stable for {lasts.min():.3g} eddy turnovers, and "
                f"their energy is within a factor of {np.exp(apart.max()):.3g} of the truth's where that is last known "
                f"(warned from {_APART:g})."
            )
            return Finding(self.name, "ok", statement, evidence)
        what = []
        if blown.any():
            what.append(
                f"{blown.sum()} of {total} runs blow up, the first after {lasts[blown].min():.3g} eddy turnovers"
            )
        if (unstable & ~blown).any():
            what.append(
                f"the energy of {(unstable & ~blown).sum()} moves {np.exp(apart.max()):.3g}-fold from the truth's"
            )
        verdict = "stable a priori, unstable coupled" if priori >= GOOD else "unstable coupled"
        return Finding(
            self.name,
            "warning",
            f"closure of `{name}`: {verdict}{known}: {'; '.join(what)}.",
            evidence,
            "Train it further through the solver, `fit.train(objective=ude.Unrolled(...))`, or take a form that can't "
            'gain energy, `ude.closures.Learned(form="skew", dissipation=True)`.',
        )


def _apart(energy: np.ndarray, true: np.ndarray) -> np.ndarray:
    """|ln| of the ratio of the mean energies (B, K) over the last quarter of the times that the truth is known, (B,).

    0 where a run didn't get there.
    """
    found = np.zeros(len(energy))
    for k, (own, exact) in enumerate(zip(energy, true, strict=True)):
        known = int(np.isfinite(exact).sum())
        part = slice(known - max(1, known // 4), known)
        if np.isfinite(own[part]).all() and (own[part] > 0).any():
            found[k] = abs(np.log(own[part].mean() / exact[part].mean()))
    return found
