"""Distribution shift: how far rollouts leave what the closure was trained on, when, and where.

The closure's inputs (states, patches of them, or what else it is called with) along rollouts are compared with those
at the data's states by their Mahalanobis distance in principal components. The measure is the 99 % quantile of the
training samples' own distances, each taken by components made without its neighbours' fold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr

from ...checks import known_arguments, settle, whole
from ...errors import OptionError
from ..check import Check, Outcome
from ..finding import Finding
from ..states import States
from ..subject import StatesSubject
from .closure_inputs import ClosureInputs
from .distance import Cloud, energy_distance
from .dynamics import Dynamics
from .own_courses import own_courses
from .plot_distance import plot_distance

__all__ = ["Shift", "ShiftOutcome"]

LEVEL = 0.99
_FOLDS = 5
_OUTSIDE = 0.1
_CLEARLY = 1.25
"""A step counts as outside where more than this share of the places is this many times the quantile away."""
_POOLED = 10
"""Places that a step is judged by, at least: where a step has fewer, those of the steps after it are pooled."""


@dataclass(frozen=True, kw_only=True)
class ShiftOutcome(Outcome):
    """What `Shift` found.

    Attributes
    ----------
    findings
        One a network for training conditions, one for new ones.
    datasets
        Network → Dataset over `condition`, `step`, and `place_K`: `ratio` of the distance to the training's quantile,
        `outside` (share of places beyond it that have no training sample near them either), `furthest` (the distance
        that one in twenty of those exceeds), `neighbour` (nearest training sample, relative to the same quantile of the
        training's own), `first_step` outside (−1: never), `energy` distance.
    """

    datasets: Mapping[str, xr.Dataset]


@known_arguments
@dataclass(frozen=True)
class Shift(Check[StatesSubject]):
    """Where do rollouts leave what the closure knows? Distances of its inputs from those that it was trained on.

    Attributes
    ----------
    steps
        Rollout length in data intervals; default: the longest trajectory's. A note tells one that is much longer than
        anything trained on.
    network
        Which; default: all that the equations call, one by one.
    radius
        Of the patches that a place is described by, where the network acts on a grid.
    conditions
        Largest number of training conditions, and of new ones.
    seed
        Of the generator that thins large sets of samples.

    Raises
    ------
    OptionError
        For impossible settings.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Shift(radius=1).conditions
    8
    """

    name = "shift"
    needs = StatesSubject
    learns = True
    steps: int | None = None
    network: str | None = None
    radius: int = 2
    conditions: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        settle(self, whole, "steps", least=1, none=True)
        settle(self, whole, "conditions", least=1)
        settle(self, whole, "radius", "seed", least=0)

    def prepare(self, subject: StatesSubject) -> None:
        """Read the states; the network is the model's."""
        subject.known_network(self.network)
        subject.read()
        subject.about_horizon(self.steps)

    def examine(self, subject: StatesSubject) -> ShiftOutcome:
        """Roll out, and compare what the networks are called with."""
        fit, horizon = subject.fit, subject.horizon(self.steps)
        if horizon < 1:
            raise OptionError("`Shift` needs trajectories of two times at least, or `steps`.")
        starts, u, c, kinds, labels, trajectories = subject.conditions(self.conditions)
        dt, tables = subject.states.interval(), subject.states.tables
        if fit.model.triggers:
            rolled = own_courses(fit, trajectories, starts, dt, horizon)
        else:
            rolled = Dynamics(fit.model, subject.theta, dt, fit.engine, u, c, tables).rollout(starts, u, horizon, c)
        findings, datasets = [], {}
        for name in subject.networks if self.network is None else (self.network,):
            inputs = ClosureInputs.of(fit, name, self.radius, tables)
            cloud = training_cloud(inputs, subject.trained, self.seed)
            rows = []
            for k, path in enumerate(rolled):
                times = starts[k] + dt * np.arange(horizon + 1)
                rows.append(inputs.rows(times, path, None if c is None else c[k]))
            dataset = _dataset(cloud, np.stack(rows), inputs.place_shape, kinds, labels, dt)
            datasets[name] = dataset
            findings += [_finding(dataset, name, kind) for kind in dict.fromkeys(kinds)]
        groups = {f"{self.name}_{name}": d for name, d in datasets.items()}
        panels = {f"{self.name}_{name}": partial(plot_distance, name, d) for name, d in datasets.items()}
        return ShiftOutcome(tuple(findings), groups, panels, datasets=datasets)


def training_cloud(inputs: ClosureInputs, states: States, seed: int = 0) -> Cloud:
    """The closure's inputs at the states that it was trained on."""
    rows, folds = [], []
    for k, (times, flat) in enumerate(zip(states.times, states.states, strict=True)):
        found = inputs.rows(times, flat, states.constants_of(k))
        rows.append(found.reshape(-1, found.shape[-1]))
        # Neighbours in time are nearly the same sample: a fold is a stretch of time, interleaved with the others.
        stretch = np.arange(len(times)) // 2 % _FOLDS
        folds.append(np.repeat(stretch, found.shape[1]))
    return Cloud.of(np.concatenate(rows), np.concatenate(folds), inputs.groups, seed)


def _dataset(
    cloud: Cloud, rows: np.ndarray, places: tuple[int, ...], kinds: list[str], labels: list[str], dt: float
) -> xr.Dataset:
    """From features (condition, step, places, F)."""
    lead = rows.shape[:3]
    flat = rows.reshape(-1, rows.shape[-1])
    finite = np.isfinite(flat).all(axis=1) & (np.abs(flat) < 1e100).all(axis=1)
    limit = cloud.quantile(LEVEL)
    ratio, near = np.full(len(flat), np.inf), np.full(len(flat), np.inf)
    ratio[finite] = cloud.distance(flat[finite]) / (limit or 1.0)
    near[finite] = cloud.nearest(flat[finite]) / (float(np.quantile(cloud.neighbours, LEVEL)) or 1.0)
    ratio, near = ratio.reshape(lead), near.reshape(lead)
    alone = near > 1.0  # the rim of a cloud belongs to it: a transient's first states, say
    outside = ((ratio > 1.0) & alone).mean(axis=2)
    clearly = ((ratio > _CLEARLY) & alone).mean(axis=2)
    left = np.minimum(clearly, _pooled(clearly, lead[2])) > _OUTSIDE
    first = np.where(left.any(axis=1), left.argmax(axis=1), -1)
    good = np.asarray(finite).reshape(lead)
    energy = [
        energy_distance(cloud.whitened(part[ok]), cloud.samples) if ok.any() else np.inf
        for part, ok in zip(rows, good, strict=True)
    ]
    place = [f"place_{k}" for k in range(len(places))]
    return xr.Dataset(
        {
            "ratio": (("condition", "step", *place), ratio.reshape(*lead[:2], *places)),
            "neighbour": (("condition", "step"), np.median(near, axis=2)),
            "outside": (("condition", "step"), outside),
            "furthest": ("condition", _furthest(ratio, alone)),
            "first_step": ("condition", first),
            "energy": ("condition", np.array(energy)),
        },
        coords={
            "condition_name": ("condition", np.array(labels, dtype=str)),
            "kind": ("condition", np.array(kinds, dtype=str)),
        },
        attrs={"level": LEVEL, "quantile": limit, "dt": dt},
    )


def _pooled(shares: np.ndarray, places: int) -> np.ndarray:
    """Shares (condition, step), each averaged with the next ones where a step has few places: one is an outlier."""
    width = min(max(1, -(-_POOLED // places)), shares.shape[1])
    last = shares.shape[1] - width
    return np.stack([shares[:, min(k, last) : min(k, last) + width].mean(axis=1) for k in range(shares.shape[1])], 1)


def _furthest(ratio: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """Distance (condition,) that one in twenty of the places outside exceeds; 0 where none is outside."""
    found = []
    for one, apart in zip(ratio, alone, strict=True):
        beyond = one[(one > 1.0) & apart]
        found.append(
            0.0 if not beyond.size else float(np.quantile(beyond, 0.95)) if np.isfinite(beyond).all() else np.inf
        )
    return np.array(found)


def _finding(dataset: xr.Dataset, network: str, kind: str) -> Finding:
    own = dataset.isel(condition=np.flatnonzero(dataset["kind"].values == kind))
    first, outside = own["first_step"].values, own["outside"].values
    total, leaving = len(first), int((first >= 0).sum())
    what = f"inputs of `{network}`"
    if not leaving:
        statement = (
            f"{what} stay inside the training's distribution in rollouts from all {total} {kind} conditions "
            f"({100 * outside.mean():.1f} % of the places are beyond its 99 % quantile, with no training sample near)."
        )
        return Finding("shift", "ok", statement, own)
    far = np.where(first >= 0, own["furthest"].values, -1.0)
    worst = int(np.argmax(far))
    size = f"up to {far[worst]:.3g} times as far as" if np.isfinite(far[worst]) else "without bound, beyond"
    where = _where(own.isel(condition=worst))
    start = int(first[worst])
    statement = (
        f"{what} leave the training distribution in rollouts from {leaving} of {total} {kind} conditions: at the worst "
        f"from step {start}{where}, {100 * outside[worst].mean():.0f} % of the places, {size} the training's "
        "99 % quantile."
    )
    severity = "warning" if far[worst] > 3.0 or outside[worst].mean() > 0.5 else "note"
    return Finding(
        "shift", severity, statement, own, "What the closure says there is extrapolation: train on such states too."
    )


def _where(one: xr.Dataset) -> str:
    """Where a rollout is outside when it first is: the range of places along the first axis, if it isn't all of it.

    Places count that are at least a quarter as far as the furthest one: one in a hundred is beyond the quantile anyway.
    """
    step = int(one["first_step"])
    dims = [d for d in one["ratio"].dims if str(d).startswith("place_")]
    if step < 0 or not dims:
        return ""
    ratio = np.asarray(one["ratio"].isel(step=step).values)
    beyond = np.any(ratio.reshape(len(ratio), -1) > max(1.0, 0.25 * float(ratio.max())), axis=1)
    inside = np.flatnonzero(beyond)
    return f" at cells {inside[0]}–{inside[-1]} of {len(ratio)}" if len(inside) and not beyond.all() else ""
