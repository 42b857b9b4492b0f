"""Coupled: rollouts of a closed model from the filtered truth's snapshots, piece by piece, and their statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..rollout_metrics import first_time, pearson
from .density import Density, tail_errors
from .flow import FLOOR, Flow
from .truth import Truth

__all__ = ["Runs", "Tally", "coupled_scores", "truth_tally", "turnover_times"]

_VALUES = 8_000_000
"""Numbers of a piece of all rollouts, at most: long ones needn't fit into memory."""


@dataclass(frozen=True)
class Runs:
    """Where runs start, how long they go, and what of the truth each is compared with.

    Attributes
    ----------
    truth
        The filtered truth.
    trajectory, start
        (B,) trajectory and snapshot that each starts from.
    steps, skip
        Intervals of the data that runs go, and how many of the first of them statistics leave out.
    leads
        (1 + steps,) times since the start.
    blow_up
        Multiple of the largest energy of its truth beyond which a run has blown up.
    threshold
        Correlation below which a run doesn't follow the truth any more.
    """

    truth: Truth
    trajectory: np.ndarray
    start: np.ndarray
    steps: int
    skip: int
    leads: np.ndarray
    blow_up: float
    threshold: float

    def of(self, picked: np.ndarray) -> Runs:
        """Some of the runs."""
        return replace(self, trajectory=self.trajectory[picked], start=self.start[picked])

    @property
    def flow(self) -> Flow:
        """Of the truth."""
        return self.truth.flow

    @cached_property
    def energy_limits(self) -> np.ndarray:
        """(B,) energies beyond which runs have blown up; the same for all candidates."""
        energies = [self.flow.spectra(self.truth.values[k])[:, 0].sum(-1).max() for k in self.trajectory]
        return self.blow_up * np.array(energies)

    def known(self, run: int) -> int:
        """Number of lead times at which the truth is known."""
        return min(1 + self.steps, self.truth.values.shape[1] - int(self.start[run]))

    def covered(self, run: int) -> bool:
        """Whether the truth is known to the run's end; else it is compared with all that is known of its trajectory."""
        return self.known(run) == 1 + self.steps

    def true_values(self, run: int) -> np.ndarray:
        """(K, *grid) of the truth that a run's statistics are compared with."""
        own = self.truth.values[self.trajectory[run]]
        first = int(self.start[run])
        return own[first + self.skip : first + 1 + self.steps] if self.covered(run) else own

    def scale(self, run: int) -> tuple[float, float]:
        """Mean and deviation of a run's truth, the units of its values."""
        own = self.truth.values[self.trajectory[run]]
        return float(own.mean()), float(own.std()) or 1.0


@dataclass
class Tally:
    """Statistics of some runs' snapshots, added up piece by piece."""

    density: Density
    spectra: np.ndarray
    counts: np.ndarray

    @classmethod
    def empty(cls, runs: Runs, furthest: float) -> Tally:
        """Of nothing yet."""
        count = len(runs.start)
        width = len(runs.flow.shells.wavenumbers)
        return cls(Density.empty(count, furthest), np.zeros((count, 2, width)), np.zeros(count))

    def add(self, run: int, values: np.ndarray, spectra: np.ndarray, scale: tuple[float, float]) -> None:
        """Snapshots (K, *grid) of one run with their spectra (K, 2, W)."""
        self.density.add(run, (values - scale[0]) / scale[1])
        self.spectra[run] += spectra.sum(0)
        self.counts[run] += len(values)

    def mean_spectra(self) -> np.ndarray:
        """(B, 2, W); NaN where a run has no snapshot."""
        with np.errstate(invalid="ignore"):
            return self.spectra / self.counts[:, None, None]


def truth_tally(runs: Runs) -> tuple[Tally, np.ndarray]:
    """Statistics of the truth, and its energies (B, 2, 1 + steps), NaN where it isn't known."""
    count = len(runs.start)
    values = [runs.true_values(k) for k in range(count)]
    furthest = max(float(np.abs(v - runs.scale(k)[0]).max()) / runs.scale(k)[1] for k, v in enumerate(values))
    tally, totals = Tally.empty(runs, furthest), np.full((count, 2, 1 + runs.steps), np.nan)
    for k, own in enumerate(values):
        tally.add(k, own, runs.flow.spectra(own), runs.scale(k))
        first, known = int(runs.start[k]), runs.known(k)
        seen = runs.truth.values[runs.trajectory[k], first : first + known]
        totals[k, :, :known] = runs.flow.spectra(seen).sum(-1).T
    return tally, totals


def coupled_scores(
    runs: Runs, roll: Callable[..., np.ndarray], read: Callable[[np.ndarray], np.ndarray], states: np.ndarray,
    times: np.ndarray, expected: tuple[Tally, np.ndarray],
) -> dict[str, Any]:  # fmt: skip
    """Name → (dims, numbers, attributes) of one candidate.

    Parameters
    ----------
    roll
        As `Candidate.roller` makes it.
    read
        Flat states (…, n) → the scored field (…, *grid).
    states, times
        The truth's flat states (T, K, n), at times (K,).
    expected
        `truth_tally`.
    """
    flow, count, size = runs.flow, len(runs.start), runs.truth.values[0, 0].size
    true = expected[0]
    tally = Tally(Density(true.density.edges, *_zeros(true.density)), 0 * true.spectra, np.zeros(count))
    totals, error, correlation = (np.full((count, *s, 1 + runs.steps), np.nan) for s in ((2,), (), ()))
    alive = np.ones(count, dtype=bool)
    ends = np.full(count, 1 + runs.steps)
    for lead, piece in _pieces(runs, roll, states, times):
        values = read(piece)
        with np.errstate(all="ignore"):
            spectra = flow.spectra(np.where(np.isfinite(values), values, np.nan))
            sums = spectra.sum(-1)
            good = np.isfinite(piece).all(-1) & (sums[:, :, 0] <= runs.energy_limits[:, None])
        good = np.logical_and.accumulate(good & alive[:, None], axis=1)
        for k in range(count):
            own = int(good[k].sum())
            if own < len(good[k]) and alive[k]:
                ends[k] = lead + own
            totals[k, :, lead : lead + own] = sums[k, :own].T
            late = max(0, min(own, runs.skip - lead))
            tally.add(k, values[k, late:own], spectra[k, late:own], runs.scale(k))
            seen = max(0, min(own, runs.known(k) - lead))
            first = int(runs.start[k]) + lead
            exact = runs.truth.values[runs.trajectory[k], first : first + seen].reshape(seen, size)
            found = values[k, :seen].reshape(seen, size)
            with np.errstate(invalid="ignore", divide="ignore"):
                correlation[k, lead : lead + seen] = pearson(found, exact)
                error[k, lead : lead + seen] = np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact, axis=1)
        alive = good[:, -1]
        if not alive.any():
            break
    lost = np.nan_to_num(correlation, nan=-np.inf) < runs.threshold
    known = np.arange(1 + runs.steps) < np.array([runs.known(k) for k in range(count)])[:, None]
    blown = np.where(ends > runs.steps, np.inf, runs.leads[np.minimum(ends, runs.steps)])
    ran = tally.counts > 0
    spectra, exact = (
        np.mean(t.mean_spectra()[ran], axis=0) if ran.any() else np.nan * t.spectra[0] for t in (tally, true)
    )
    off = flow.log_rmse(spectra, exact)
    tail_error, tail_bias = tail_errors(tally.density, true.density)
    turnovers = turnover_times(true)
    by_run = ("run", "quantity")
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = exact > FLOOR * exact.max(-1, keepdims=True)
        relative = np.where(seen, spectra / np.where(seen, exact, 1.0) - 1.0, np.nan)
    return {
        "spectrum": ((*by_run, "wavenumber"), tally.mean_spectra(), {"long_name": "spectrum, coupled"}),
        "spectrum_error": (("quantity", "wavenumber"), relative, {"long_name": "relative error of the spectrum"}),
        "coupled_spectrum_rmse": ("quantity", off, {"long_name": "RMSE of ln spectrum, coupled"}),
        "pdf": ("deviations", tally.density.density(), {"long_name": "probability density"}),
        "tail_error": ((), tail_error, {"long_name": "RMSE of log₁₀ density beyond 3 deviations"}),
        "tail_bias": ((), tail_bias, {"long_name": "mean error of log₁₀ density beyond 3 deviations"}),
        "kurtosis": ((), tally.density.kurtosis(), {"long_name": "kurtosis"}),
        "deviation": ((), tally.density.deviation(), {"long_name": "deviation / the truth's"}),
        "largest": ("run", np.where(tally.counts > 0, tally.density.largest, np.nan), {"long_name": "largest |value|"}),
        "forecast_correlation": (("run", "lead"), correlation, {"long_name": "correlation with the truth"}),
        "forecast_error": (("run", "lead"), error, {"long_name": "relative L2 error"}),
        "forecast_time": ("run", first_time(lost & known, runs.leads), {"long_name": "time of lost correlation"}),
        "total": ((*by_run, "lead"), totals, {"long_name": "energy and enstrophy"}),
        "drift": (by_run, drifts(runs, totals, expected, turnovers), {"long_name": "drift per eddy turnover"}),
        "blow_up_time": ("run", blown, {"long_name": "time of the blow-up"}),
        "stable_turnovers": (
            "run", np.minimum(blown, runs.leads[-1]) / turnovers, {"long_name": "eddy turnovers without a blow-up"},
        ),
    }  # fmt: skip


def _zeros(like: Density) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return 0 * like.counts, 0 * like.powers, 0 * like.largest


def turnover_times(true: Tally) -> np.ndarray:
    """(B,) eddy turnover 1/√(2 · enstrophy) of the truth of each run."""
    return 1.0 / np.sqrt(2.0 * true.mean_spectra()[:, 1].sum(-1))


def drifts(runs: Runs, totals: np.ndarray, expected: tuple[Tally, np.ndarray], turnovers: np.ndarray) -> np.ndarray:
    """Slope per eddy turnover (B, 2) of ln(total / truth's), least squares over a run's lead times.

    The truth's is that of the same time where it is known to the run's end, else its mean.
    """
    tally, own = expected
    found = np.full(totals.shape[:2], np.nan)
    for k in range(len(found)):
        means = tally.mean_spectra()[k].sum(-1)
        for q in range(2):
            against = own[k, q] if runs.covered(k) else means[q]
            good = np.isfinite(totals[k, q]) & (totals[k, q] > 0) & (np.arange(len(runs.leads)) >= runs.skip)
            if good.sum() > 1:
                with np.errstate(divide="ignore", invalid="ignore"):
                    ratio = np.log(totals[k, q] / against)[good]
                found[k, q] = np.polyfit(runs.leads[good] / turnovers[k], ratio, 1)[0]
    return found


def _pieces(
    runs: Runs, roll: Callable[..., np.ndarray], states: np.ndarray, times: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """(first lead, states (B, k, n)) from the start on; pieces are equally long, so that one program makes them all."""
    u = states[runs.trajectory, runs.start]
    yield 0, u[:, None]
    most = max(1, _VALUES // max(1, u.size))
    length = -(-runs.steps // -(-runs.steps // most))
    for lead in range(0, runs.steps, length):
        rolled = roll(u, times[runs.start] + runs.leads[lead], runs.trajectory, length)
        u = rolled[:, -1]
        yield 1 + lead, rolled[:, : runs.steps - lead]
