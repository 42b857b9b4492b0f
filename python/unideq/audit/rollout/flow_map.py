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
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from ...checks import known_arguments, number, settle, whole
from ...errors import DataError, OptionError
from ...model import Model
from ..check import Check, Outcome
from ..finding import Finding
from ..states import initial_states
from ..subject import StatesSubject, starts_of
from ..wilson import wilson
from .dynamics import Dynamics
from .plot_spectrum import plot_spectrum, spectral_radius
from .spectrum import DENSE, horizon_spectrum, step_spectrum
from .verification import Verification, happened

__all__ = ["FlowMap", "FlowMapOutcome"]

E_FOLDINGS = float(np.log(100.0))
"""Growth of errors over the horizon, beyond the reference's, from which a condition is called unstable."""
_LOOKED = 9
"""One-step spectra a condition, besides those of the verdict."""
_MODES = 12
"""Eigenvalues kept (dense spectra keep all)."""


@dataclass(frozen=True, kw_only=True)
class FlowMapOutcome(Outcome):
    """What `FlowMap` found.

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

    dataset: xr.Dataset
    model: Dynamics
    truth: Dynamics | None
    steps: int
    first: int
    reference: float

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
        error = number(error, "error", "verify", above=0)
        states = initial_states(self.model.model, cases)
        starts, u = starts_of(states)
        c = np.stack(states.constants) if states.constants else None
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


@known_arguments
@dataclass(frozen=True)
class FlowMap(Check[StatesSubject]):
    """Will rollouts hold? Spectra of a trained model's flow map along its rollouts, with a verdict a condition.

    Attributes
    ----------
    steps
        Horizon K in data intervals; default: the longest trajectory's. A note tells one that is much longer than
        anything trained on.
    first
        Steps q that the verdict looks at; default: a fifth of the horizon, at least four.
    conditions
        Largest number of training conditions, and of new ones.

    Raises
    ------
    OptionError
        For impossible settings.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.FlowMap(steps=50).conditions
    8
    """

    name = "flow_map"
    needs = StatesSubject
    learns = True
    steps: int | None = None
    first: int | None = None
    conditions: int = 8

    def __post_init__(self) -> None:
        settle(self, whole, "steps", "first", least=1, none=True)
        settle(self, whole, "conditions", least=1)

    def prepare(self, subject: StatesSubject) -> None:
        """Read the states."""
        subject.read()
        subject.about_horizon(self.steps)

    def examine(self, subject: StatesSubject) -> FlowMapOutcome:
        """Roll out and compute the spectra."""
        fit, horizon, truth = subject.fit, subject.horizon(self.steps), subject.truth
        looked = max(4, horizon // 5) if self.first is None else self.first
        if horizon < 2 or not 1 < looked <= horizon:
            raise OptionError(f"The flow map needs 2 <= `first` <= `steps`, not {looked} and {horizon}.")
        dt = subject.states.interval()
        starts, u, c, kinds, labels, _ = subject.conditions(self.conditions)
        model = Dynamics(fit.model, subject.theta, dt, fit.engine, u, c, subject.states.tables)
        other = None
        if truth is not None:
            if truth.size != fit.model.size or truth.states.names != fit.model.states.names:
                raise DataError(
                    f"The truth has states {list(truth.states.names)} of {truth.size} values, the model "
                    f"{list(fit.model.states.names)} of {fit.model.size}. Give `truth=` on the model's grid."
                )
            if truth.constants is not None and (_own(truth) != _own(fit.model) or fit.model.grouped):
                raise DataError(
                    f"The truth reads {_own(truth)} of each trajectory, the model {_own(fit.model)}, where parameters "
                    "by group are estimates. Give a `truth=` that is one for all, or leave `flow_map` out."
                )
            other = Dynamics(truth, None, dt, fit.engine, u, c, subject.states.tables)
        sources = [("model", model)] + ([] if other is None else [("truth", other)])
        at = np.unique(np.linspace(0, horizon - 1, min(horizon, _LOOKED + 1)).round().astype(int))
        kept = model.size if model.size <= DENSE else _MODES
        shape = (len(u), len(sources))
        one, overall = np.full((*shape, len(at), kept, 2), np.nan), np.full((*shape, kept, 2), np.nan)
        gains, early = np.full((*shape, horizon), np.nan), np.full(shape, np.nan)
        for j, (_, dynamics) in enumerate(sources):
            rolled = dynamics.rollout(starts, u, horizon, c)
            for k in range(len(u)):
                row = None if c is None else c[k]
                alive = _alive(rolled[k])
                for i, step in enumerate(at[at < alive]):
                    found = step_spectrum(dynamics, starts[k] + step * dt, rolled[k, step], row, _MODES)[:kept]
                    one[k, j, i, : len(found)] = _parts(found)
                times = starts[k] + dt * np.arange(min(alive, horizon))
                with np.errstate(all="ignore"):
                    found, gain = horizon_spectrum(dynamics, times, rolled[k, : len(times)], row, _MODES)
                if alive > horizon:
                    overall[k, j, : min(kept, len(found))] = _parts(found[:kept])
                gains[k, j, : len(gain)] = gain
                early[k, j] = early_growth(dynamics, starts[k], u[k], row, looked)
        training = np.array(kinds) == subject.kind
        reference = float(np.nanmax(early[training, 0]))
        against = early[:, 1] if other is not None else np.full(len(u), reference)
        e_foldings = np.array([_beyond(a, b, horizon) for a, b in zip(early[:, 0], against, strict=True)])
        dims = ("condition", "source")
        dataset = xr.Dataset(
            {
                "one_step_real": (
                    (*dims, "looked", "mode"), one[..., 0], {"long_name": "one-step eigenvalue, real part"},
                ),
                "one_step_imaginary": ((*dims, "looked", "mode"), one[..., 1]),
                "whole_horizon_real": ((*dims, "mode"), overall[..., 0], {"long_name": "whole-horizon eigenvalue"}),
                "whole_horizon_imaginary": ((*dims, "mode"), overall[..., 1]),
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
        return FlowMapOutcome(
            findings, {self.name: dataset}, {self.name: partial(plot_spectrum, dataset)}, dataset=dataset, model=model,
            truth=other, steps=horizon, first=looked, reference=reference,
        )  # fmt: skip


def _own(model: Model) -> list[str]:
    """What a model reads of each trajectory."""
    return [*model.conditions, *model.inputs]


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
