"""Windows: short pieces of consecutive snapshots, cut from trajectories and served in a shuffled order.

`Snapshots` checks that trajectories suit a stepper (everything measured, evenly spaced by its step) and hands out
windows; `Shuffled` says which windows the mini-batch of an iteration holds: every epoch serves each window once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..errors import DataError
from ..times import resolution
from .groups import groups_of, selection_rows
from .observations import Observations
from .own_inputs import constant_rows
from .series import Series

if TYPE_CHECKING:
    from ..model import Model

__all__ = ["Shuffled", "Snapshots", "WindowBatch", "WindowSource", "state_observables", "step_ratio"]

TOLERANCE = 1e-6
"""Relative difference between two time spacings that counts as rounding."""


@dataclass(frozen=True)
class WindowBatch:
    """B windows of L snapshots.

    Attributes
    ----------
    states
        State vectors (B, L, n).
    values
        Measured variable → (B, L, *shape); NaN where a variable that isn't a state wasn't measured.
    start
        Time of each window's first snapshot (B,).
    conditions
        What the stepper reads as `c` (B, q); None where it reads nothing.
    """

    states: np.ndarray
    values: Mapping[str, np.ndarray]
    start: np.ndarray
    conditions: np.ndarray | None

    def __len__(self) -> int:
        return len(self.start)

    @staticmethod
    def joined(parts: Sequence[WindowBatch]) -> WindowBatch:
        """One batch of several, in order."""
        if len(parts) == 1:
            return parts[0]
        first = parts[0]
        return WindowBatch(
            np.concatenate([p.states for p in parts]),
            {n: np.concatenate([p.values[n] for p in parts]) for n in first.values},
            np.concatenate([p.start for p in parts]),
            None if first.conditions is None else np.concatenate([np.asarray(p.conditions) for p in parts]),
        )


class WindowSource(Protocol):
    """Where windows come from: memory (`Shuffled`), or a data set larger than it (`unideq.objective.stream`).

    Attributes
    ----------
    count
        Number of windows in an epoch.
    """

    count: int

    def take(self, first: int, size: int) -> WindowBatch:
        """The windows at places first … first + size − 1 of the endless shuffled sequence of epochs."""
        ...


class Snapshots:
    """Trajectories of fully measured states on an even time grid, ready to be cut into windows.

    Parameters
    ----------
    states
        State vectors of all trajectories, one behind the other (N, n).
    values
        Measured variable → (N, *shape).
    times
        (N,).
    lengths
        Snapshots a trajectory (T,), summing to N.
    conditions
        What the program reads as `c`, (T, q), or None: see `unideq.objective.groups.selection_rows`.
    """

    def __init__(
        self,
        states: np.ndarray,
        values: Mapping[str, np.ndarray],
        times: np.ndarray,
        lengths: Sequence[int],
        conditions: np.ndarray | None = None,
    ) -> None:
        self.states, self.values, self.times = states, dict(values), times
        self.lengths = tuple(int(n) for n in lengths)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)]).astype(int)
        self.conditions = conditions

    @classmethod
    def of(cls, model: Model, observations: Observations, who: str = "A rollout", spaced: bool = True) -> Snapshots:
        """The measured trajectories as snapshots of a model's state.

        Parameters
        ----------
        who
            Who needs them, for messages.
        spaced
            Whether they have to be whole numbers of a stepper's steps apart.

        Raises
        ------
        DataError
            If a state isn't measured, a snapshot holds NaN, or the times don't follow the stepper's step.
        """
        columns = state_observables(model, observations.names, who)
        if spaced:
            step_ratio(model.dt, observations.series)  # type: ignore[attr-defined]
        shapes = observations.shapes
        states = []
        for s in observations.series:
            check_measured(s, columns, who)
            parts = [s.values[columns[state.name]].reshape(len(s.times), state.size) for state in model.states]
            states.append(np.concatenate(parts, axis=1))
        return cls(
            np.concatenate(states),
            {n: np.concatenate([s.values[n] for s in observations.series]) for n in shapes},
            np.concatenate([s.times for s in observations.series]),
            [len(s.times) for s in observations.series],
            selection_rows(constant_rows(model, observations.series), groups_of(model, observations.series)),
        )

    def window_starts(self, length: int, stride: int = 1, since: Sequence[int] | None = None) -> np.ndarray:
        """Places (W,) of the first snapshots of all windows of that length, `stride` snapshots apart.

        Parameters
        ----------
        length
            Snapshots a window.
        stride
            Snapshots between the starts of two windows of a trajectory.
        since
            First place inside each trajectory; default: its beginning.
        """
        rows = [
            np.arange(offset + (0 if since is None else since[i]), offset + count - length + 1, stride)
            for i, (offset, count) in enumerate(zip(self.offsets, self.lengths, strict=False))
        ]
        return np.concatenate([np.zeros(0, int), *rows]).astype(int)

    def batch(self, starts: np.ndarray, length: int) -> WindowBatch:
        """The windows that begin at these places."""
        at = starts[:, None] + np.arange(length)
        trajectory = np.searchsorted(self.offsets, starts, side="right") - 1
        return WindowBatch(
            self.states[at],
            {n: v[at] for n, v in self.values.items()},
            self.times[starts],
            None if self.conditions is None else self.conditions[trajectory],
        )


class Shuffled:
    """Windows of snapshots in memory, in a new order every epoch: the order depends on seed and epoch alone."""

    def __init__(self, snapshots: Snapshots, starts: np.ndarray, length: int, seed: Sequence[int]) -> None:
        self.snapshots, self.starts, self.length, self.seed = snapshots, starts, length, tuple(seed)
        self.count = len(starts)
        self._orders: dict[int, np.ndarray] = {}

    def take(self, first: int, size: int) -> WindowBatch:
        """See `WindowSource.take`."""
        places = np.arange(first, first + size)
        epochs = places // self.count
        chosen = np.concatenate([self._order(e)[places[epochs == e] % self.count] for e in np.unique(epochs).tolist()])
        return self.snapshots.batch(self.starts[chosen], self.length)

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self._orders:
            if len(self._orders) > 2:
                self._orders.clear()
            self._orders[epoch] = np.random.default_rng([*self.seed, epoch]).permutation(self.count)
        return self._orders[epoch]


# ---- checks -------------------------------------------------------------------------------------------------------


def state_observables(model: Model, names: Sequence[str], who: str = "A rollout") -> dict[str, str]:
    """State → the measured variable that is exactly this state: who begins there needs it."""
    found = {}
    for state in model.states:
        observable = model.observed_state(state.name)
        if observable is None or observable not in names:
            raise DataError(
                f"{who} starts at measured states, but `{state.name}` isn't in the data "
                f"(variables {', '.join(f'`{n}`' for n in names)}). Add it; none is estimated here."
            )
        found[state.name] = observable
    return found


def check_measured(s: Series, columns: Mapping[str, str], who: str = "A rollout") -> None:
    """No snapshot of a trajectory lacks part of its state."""
    if not len(s.times):
        return
    for name in dict.fromkeys(columns.values()):
        bad = ~np.isfinite(s.values[name].reshape(len(s.times), -1)).all(axis=1)
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            raise DataError(
                f"`{name}` has NaN in the snapshot at time {s.times[at]:g} of trajectory {s.label!r} "
                f"({int(bad.sum())} of {len(s.times)} snapshots). {who} needs whole fields: fill it "
                '(`data.interpolate_na("time")`), or cut the trajectory there and pass the pieces as a list.'
            )


def step_ratio(dt: float, series: Sequence[Series]) -> int:
    """Number k of steps between two snapshots: the data's time spacing is k·dt, the same in all trajectories.

    Raises
    ------
    DataError
        With the numbers, if there is no such k.
    """
    found: tuple[int, Any, float] | None = None
    for s in series:
        gaps = np.diff(s.times)
        if not len(gaps):
            continue
        spacing = float(np.sort(gaps)[(len(gaps) - 1) // 2])
        rounding = min(1e-2 * spacing, 2.0 * resolution(s.times))
        slack = max(TOLERANCE * spacing + 1e-9 * float(np.abs(s.times).max()), rounding)
        uneven = [i for i, gap in enumerate(gaps.tolist()) if abs(gap - spacing) > slack]
        if len(uneven):
            i = uneven[0]
            missing = gaps[i] / spacing
            if abs(missing - round(missing)) < 1e-3:
                raise DataError(
                    f"Trajectory {s.label!r} has no snapshot at time {s.times[i] + spacing:g} (missing, or NaN in "
                    'every variable). Fill it (`data.interpolate_na("time")`), or cut the trajectory there and pass '
                    "the pieces as a list."
                )
            raise DataError(
                f"The times of trajectory {s.label!r} aren't evenly spaced: {gaps[i]:g} after time {s.times[i]:g}, "
                f"{spacing:g} elsewhere. A rollout has steps of {dt:g}: interpolate the data to that."
            )
        ratio = round(spacing / dt)
        if ratio < 1 or abs(spacing - ratio * dt) > slack:
            raise DataError(
                f"The snapshots of trajectory {s.label!r} are {spacing:g} apart, the stepper's dt is {dt:g}: that is "
                f"{spacing / dt:g} steps, not a whole number. Make the stepper with `dt={spacing:g}` (and `substeps=`) "
                "or interpolate the data."
            )
        if found is not None and found[0] != ratio:
            raise DataError(
                f"Trajectory {s.label!r} has a snapshot every {spacing:g}, trajectory {found[1]!r} every {found[2]:g}. "
                "Bring them to one spacing, e.g. with `data.isel(time=slice(None, None, k))`."
            )
        found = found or (ratio, s.label, spacing)
    return 1 if found is None else found[0]
