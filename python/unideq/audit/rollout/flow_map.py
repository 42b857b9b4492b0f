"""Flow-map spectrum: will rollouts of the trained model grow small errors faster than the true system does?

Eigenvalues of the one-step Jacobian ∂u(t+dt)/∂u(t) along rollouts, and of the whole horizon's Jacobian, are looked at
apart: their moduli can't be compared. The verdict on a condition is made a priori, from the first steps of a rollout:

    e-foldings = K · (⟨log |λ|⟩ − ⟨log |λ|⟩ of the reference),

⟨·⟩ over the second half of the first q steps (the first few see the transient of a new condition), K the number of
steps to the horizon, |λ| the spectral radius of a one-step Jacobian. The reference is the truth where it is known, else
the training conditions. Above log 100 an error of one per cent would reach the size of the solution: unstable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ...errors import DataError, OptionError
from ...model import ODE
from ...result import Fit
from ..finding import Finding
from ..states import States, initial_states
from ..wilson import wilson
from .dynamics import Dynamics
from .spectrum import DENSE, horizon_spectrum, step_spectrum
from .verification import Verification, happened

__all__ = ["FlowMap", "conditions_of", "flow_map", "spectral_radius"]

E_FOLDINGS = float(np.log(100.0))
"""Growth of errors over the horizon, beyond the reference's, from which a condition is called unstable."""
_LOOKED = 9
"""One-step spectra a condition, besides those of the verdict."""


@dataclass(frozen=True)
class FlowMap:
    """Result of the check.

    Attributes
    ----------
    findings
        One for the training conditions, one for new ones.
    dataset
        Spectra and verdicts over `condition`, `source` (`model`, `truth`), `looked` (steps at which the one-step
        spectrum was computed) and `mode`.
    model, truth
        Flow maps.
    steps, first
        Steps to the horizon K, and those the verdict looks at, q.
    reference
        ⟨log |λ|⟩ of the training conditions.
    """

    findings: tuple[Finding, ...]
    dataset: xr.Dataset
    model: Dynamics
    truth: Dynamics | None
    steps: int
    first: int
    reference: float

    def groups(self) -> dict[str, xr.Dataset]:
        """What is stored under `/diagnostics`."""
        return {"flow_map": self.dataset}

    def verify(self, cases: xr.Dataset | Mapping[str, Any], error: float = 0.5) -> Verification:
        """Compare the a-priori verdict with what happens, on many conditions.

        Parameters
        ----------
        cases
            Initial states as for `new=`: a Dataset over `trajectory`, or state → array with a leading axis.
        error
            Relative L2 error at the horizon from which a rollout counts as unstable, where a truth is known. Without
            one it counts where the state becomes infinite or ten times as large as it was.
        """
        if not error > 0:
            raise OptionError(f"`error` needs a positive number, not {error!r}.")
        states = initial_states(self.model.model, cases)
        starts, u = _starts(states)
        c = _constants(states)
        growth = np.array([self._growth(k, starts, u, c) for k in range(len(u))])
        rolled = self.model.rollout(starts, u, self.steps, c)
        expected = None if self.truth is None else self.truth.rollout(starts, u, self.steps, c)
        actual, found = happened(rolled, expected, error)
        predicted = growth > E_FOLDINGS
        right, total = int((predicted == actual).sum()), len(u)
        low, high = wilson(right, total)
        dataset = xr.Dataset(
            {
                "e_foldings": ("case", growth),
                "predicted": ("case", predicted.astype(int)),
                "actual": ("case", actual.astype(int)),
                "error": ("case", found),
            }
        )
        return Verification(dataset, right, total, low, high)

    def _growth(self, k: int, starts: np.ndarray, u: np.ndarray, c: np.ndarray | None) -> float:
        """e-foldings of one condition beyond the reference."""
        row = None if c is None else c[k]
        own = early_growth(self.model, starts[k], u[k], row, self.first)
        reference = self.reference
        if self.truth is not None:
            reference = early_growth(self.truth, starts[k], u[k], row, self.first)
        return _beyond(own, reference, self.steps)


def flow_map(
    fit: Fit,
    states: States,
    *,
    kind: str = "training",
    new: xr.Dataset | Mapping[str, Any] | None = None,
    truth: ODE | None = None,
    steps: int | None = None,
    first: int | None = None,
    conditions: int = 8,
    modes: int = 12,
) -> FlowMap:
    """Spectra of a trained model's flow map along its rollouts, with a verdict a condition.

    Parameters
    ----------
    fit
        A trained model.
    states
        Trajectories of the data: their first states are the training conditions, their time step is the map's.
    kind
        What these conditions are called: `training`, or `given` where they are others.
    new
        Further initial states.
    truth
        The true model, with the same states on the same grid.
    steps
        Horizon K in data intervals; default: the longest trajectory's length.
    first
        Steps q that the verdict looks at; default: a fifth of the horizon, at least four.
    conditions
        Largest number of training conditions, and of new ones.
    modes
        Number of eigenvalues kept (dense spectra keep all).
    """
    horizon = max(len(t) for t in states.times) - 1 if steps is None else int(steps)
    looked = max(4, horizon // 5) if first is None else int(first)
    if horizon < 2 or not 1 < looked <= horizon:
        raise OptionError(f"The flow map needs 2 <= `first` <= `steps`, not {looked} and {horizon}.")
    dt = states.interval()
    theta = fit.theta[: fit.model.layout.size]
    groups = [(kind, states)] + ([] if new is None else [("new", initial_states(fit.model, new))])
    starts, u, c, kinds, labels = conditions_of(groups, conditions)
    model = Dynamics(fit.model, theta, dt, fit.engine, u, c)
    other = None
    if truth is not None:
        if truth.size != fit.model.size or truth.states.names != fit.model.states.names:
            raise DataError(
                f"The truth has states {list(truth.states.names)} of {truth.size} values, the model "
                f"{list(fit.model.states.names)} of {fit.model.size}. Give `truth=` on the model's grid."
            )
        other = Dynamics(truth, None, dt, fit.engine, u, c)
    sources = [("model", model)] + ([] if other is None else [("truth", other)])
    at = np.unique(np.linspace(0, horizon - 1, min(horizon, _LOOKED + 1)).round().astype(int))
    kept = model.size if model.size <= DENSE else modes
    shape = (len(u), len(sources))
    one, whole = np.full((*shape, len(at), kept, 2), np.nan), np.full((*shape, kept, 2), np.nan)
    gains, early = np.full((*shape, horizon), np.nan), np.full(shape, np.nan)
    for j, (_, dynamics) in enumerate(sources):
        rolled = dynamics.rollout(starts, u, horizon, c)
        for k in range(len(u)):
            row = None if c is None else c[k]
            alive = _alive(rolled[k])
            for i, step in enumerate(at[at < alive]):
                found = step_spectrum(dynamics, starts[k] + step * dt, rolled[k, step], row, modes)[:kept]
                one[k, j, i, : len(found)] = _parts(found)
            times = starts[k] + dt * np.arange(min(alive, horizon))
            with np.errstate(all="ignore"):
                found, gain = horizon_spectrum(dynamics, times, rolled[k, : len(times)], row, modes)
            if alive > horizon:
                whole[k, j, : min(kept, len(found))] = _parts(found[:kept])
            gains[k, j, : len(gain)] = gain
            early[k, j] = early_growth(dynamics, starts[k], u[k], row, looked)
    training = np.array(kinds) == kind
    reference = float(np.nanmax(early[training, 0]))
    against = early[:, 1] if other is not None else np.full(len(u), reference)
    e_foldings = np.array([_beyond(a, b, horizon) for a, b in zip(early[:, 0], against, strict=True)])
    dims = ("condition", "source")
    dataset = xr.Dataset(
        {
            "one_step_real": ((*dims, "looked", "mode"), one[..., 0], {"long_name": "one-step eigenvalue, real part"}),
            "one_step_imaginary": ((*dims, "looked", "mode"), one[..., 1]),
            "whole_horizon_real": ((*dims, "mode"), whole[..., 0], {"long_name": "whole-horizon eigenvalue"}),
            "whole_horizon_imaginary": ((*dims, "mode"), whole[..., 1]),
            "largest_gain": ((*dims, "interval"), gains, {"long_name": "largest growth of a small error so far"}),
            "early_growth": (dims, early, {"long_name": "mean log |λ| over the second half of the first steps"}),
            "e_foldings": ("condition", e_foldings),
            "unstable": ("condition", (e_foldings > E_FOLDINGS).astype(int)),
        },
        coords={
            "condition_name": ("condition", np.array(labels, dtype=str)),
            "kind": ("condition", np.array(kinds, dtype=str)),
            "source": np.array([s for s, _ in sources], dtype=str),
            "looked_step": ("looked", at),
        },
        attrs={"dt": dt, "steps": horizon, "first_steps": looked, "reference": reference},
    )  # fmt: skip
    findings = tuple(_finding(dataset, kind, other is not None) for kind in dict.fromkeys(kinds))
    return FlowMap(findings, dataset, model, other, horizon, looked, reference)


def early_growth(dynamics: Dynamics, t: float, u: np.ndarray, c: np.ndarray | None, first: int) -> float:
    """Mean log spectral radius of one-step Jacobians over the second half of the first steps; inf after a blow-up."""
    found = []
    for k in range(first):
        if k >= first // 2:
            if not np.isfinite(u).all():
                return float("inf")
            radius = np.abs(step_spectrum(dynamics, t, u, c, count=2)[0])
            found.append(np.log(max(float(radius), 1e-12)))
        with np.errstate(all="ignore"):
            u = dynamics.advance(np.array([t]), u[None], None if c is None else c[None])[0]
        t += dynamics.dt
    return float(np.mean(found))


def spectral_radius(dataset: xr.Dataset) -> xr.DataArray:
    """Largest modulus of the one-step eigenvalues, over `condition`, `source` and `looked`."""
    square: xr.DataArray = dataset["one_step_real"] ** 2 + dataset["one_step_imaginary"] ** 2
    return square.max("mode") ** 0.5


def _parts(eigenvalues: np.ndarray) -> np.ndarray:
    """Real and imaginary parts, (…, 2): netCDF holds no complex numbers."""
    return np.stack([np.real(eigenvalues), np.imag(eigenvalues)], axis=-1)


def _beyond(own: float, reference: float, steps: int) -> float:
    """e-foldings over the horizon beyond the reference's; decaying references count as neutral ones."""
    if not np.isfinite(own):
        return float("inf")
    return steps * (own - max(reference, 0.0))


def _alive(states: np.ndarray) -> int:
    """Number of states before the first that isn't finite or has left all bounds."""
    size = np.abs(states).max(axis=1)
    bad = ~np.isfinite(size) | (size > 1e8 * max(float(size[0]), 1e-300))
    return int(np.argmax(bad)) if bad.any() else len(states)


def _starts(states: States) -> tuple[np.ndarray, np.ndarray]:
    return np.array([float(t[0]) for t in states.times]), np.stack([u[0] for u in states.states])


def _constants(states: States) -> np.ndarray | None:
    return np.stack(states.constants) if states.constants else None


def conditions_of(
    groups: list[tuple[str, States]], most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, list[str], list[str]]:
    """Start times, initial states, constants, kinds and names of all conditions looked at."""
    starts, u, c, kinds, labels = [], [], [], [], []
    for kind, states in groups:
        t, first = _starts(states)
        picked = np.unique(np.linspace(0, len(t) - 1, min(len(t), most)).round().astype(int))
        starts.append(t[picked])
        u.append(first[picked])
        if states.constants:
            c.append(np.stack(states.constants)[picked])
        kinds += [kind] * len(picked)
        labels += [f"{kind} {states.labels[k]}" for k in picked]
    return np.concatenate(starts), np.concatenate(u), np.concatenate(c) if c else None, kinds, labels


def _finding(dataset: xr.Dataset, kind: str, known: bool) -> Finding:
    own = dataset.isel(condition=np.flatnonzero(dataset["kind"].values == kind))
    radius = spectral_radius(own).sel(source="model").values
    unstable = int(own["unstable"].sum())
    total, horizon = own.sizes["condition"], int(dataset.attrs["steps"])
    worst = int(np.argmax(np.nan_to_num(own["e_foldings"].values, posinf=np.inf, nan=-np.inf)))
    path = radius[worst][np.isfinite(radius[worst])]
    moved = (
        f"|λ|max of one step {path[0]:.3g} at the start, {path[-1]:.3g} at the end" if len(path) else "no finite step"
    )
    folds = float(own["e_foldings"].values[worst])
    against = "the truth" if known else f"the {dataset['kind'].values[0]} conditions"
    grown = (
        f"{folds:.1f} e-foldings over {horizon} steps beyond {against}" if np.isfinite(folds) else "a blow-up at once"
    )
    if unstable:
        statement = (
            f"{unstable} of {total} {kind} conditions look unstable a priori: at the worst, {moved}, small errors grow "
            f"by {grown}."
        )
        advice = "Train longer, through longer unrolls or with a smaller closure."
        if kind == "new":
            advice = (
                "Don't roll out there. Train through longer unrolls, on wider conditions, or with a closure that the "
                "truncation check finds clean."
            )
        return Finding("flow_map", "warning", statement, own, advice)
    statement = f"all {total} {kind} conditions look stable a priori: at the worst, {moved}, {grown}."
    return Finding("flow_map", "ok", statement, own)
