"""`Starts`: where each state begins in each trajectory: known, or a guess that training estimates from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError, ModelError, unknown
from ..model import Entry, Model, Parameter, Steady
from .observations import Observations
from .windows import state_observables

__all__ = ["Starts", "measured_as"]


@dataclass(frozen=True)
class Starts:
    """Where states begin.

    Attributes
    ----------
    guesses
        State → initial values (trajectories, *shape).
    scales
        State → size used to scale continuity and collocation residuals.
    known
        States whose initial values aren't estimated.
    entries
        `initial.*` of θ (trajectories, *shape), of the others.
    """

    guesses: Mapping[str, np.ndarray]
    scales: Mapping[str, float]
    known: frozenset[str]
    entries: tuple[Entry, ...]

    @classmethod
    def of(
        cls,
        model: Model,
        train: Observations,
        everything: Observations,
        scales: Mapping[str, float],
        estimate: bool,
    ) -> Starts:
        """Those of a model's states: as it says, else at the first measurement.

        Parameters
        ----------
        train, everything
            The training measurements, and with those that are held out.
        scales
            Observable → size of its residuals.
        estimate
            Whether initial values that nobody gave may move.

        Raises
        ------
        ModelError
            If a state is neither measured nor given.
        DataError
            If a coordinate that shall be read is missing or can't be an initial value.
        """
        guesses: dict[str, np.ndarray] = {}
        known: set[str] = set()
        sizes: dict[str, float] = {}
        entries: list[Entry] = []
        for state in model.states:
            observable = measured_as(model, train, state.name)
            given = model.initial.get(state.name)
            if model.starts_at_measurements:  # nothing to estimate
                name = state_observables(model, train.names)[state.name]
                guesses[state.name] = _first_measurements(train, everything, name, state.shape)
                sizes[state.name] = scales[name]
                known.add(state.name)
                continue
            if given is None and observable is None:
                raise ModelError(
                    f"State `{state.name}` isn't measured and has no initial value. Give the model "
                    f'`initial={{"{state.name}": ude.Parameter(guess)}}` to estimate it, or a number if it is known.'
                )
            if isinstance(given, Steady):
                given = given.of(state)
            guess = (
                _first_measurements(train, everything, observable, state.shape)
                if given is None and observable is not None
                else _given(given, everything, state.name, state.shape)
            )
            guesses[state.name] = guess
            size = scales[observable] if observable else float(np.abs(guess).max()) or 1.0
            sizes[state.name] = size
            parameter = given if isinstance(given, Parameter) else None
            if given is not None and parameter is None:
                known.add(state.name)
                continue
            lower = parameter.lower if parameter else None
            upper = parameter.upper if parameter else None
            if state.positive:
                lower = max(lower or 0.0, 0.0)
            if lower is not None and (guess <= lower).any():
                floor = lower + 1e-3 * size
                guesses[state.name] = guess = np.maximum(guess, floor)
            entries.append(
                Entry(
                    f"initial.{state.name}",
                    guess.shape,
                    "initial",
                    estimate and (parameter.free if parameter else True),
                    lower,
                    upper,
                    1.0 if lower is not None and upper is not None else size,
                    state.units,
                    f"initial value of {state.name}",
                )
            )
        return cls(guesses, sizes, frozenset(known), tuple(entries))


def measured_as(model: Model, observations: Observations, state: str) -> str | None:
    """The measured observable that is exactly this state."""
    observable = model.observed_state(state)
    return observable if observable in observations.names and not observations.unmeasured else None


def _first_measurements(train: Observations, everything: Observations, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """(trajectories, *shape): first measured value, element by element; the pooled mean where there is none."""
    pooled = train.pooled(name)
    # warnings for all-NaN elements don't matter: the fallback covers them
    filled = np.where(np.isfinite(pooled), pooled, 0.0).sum(axis=0) / np.maximum(np.isfinite(pooled).sum(axis=0), 1)
    rows = []
    for mine, whole in zip(train.series, everything.series, strict=True):
        values = mine.values[name] if len(mine.times) else whole.values[name]
        row = np.array(np.broadcast_to(filled, shape))
        for at in np.ndindex(shape):
            column = values[(slice(None), *at)]
            finite = np.flatnonzero(np.isfinite(column))
            if len(finite):
                row[at] = column[finite[0]]
        rows.append(row)
    return np.stack(rows)


def _given(given: Any, observations: Observations, state: str, shape: tuple[int, ...]) -> np.ndarray:
    """(trajectories, *shape) from a number, an array, a `Parameter`, or the name of a coordinate along `trajectory`."""
    if isinstance(given, str):
        missing = [s.label for s in observations.series if given not in s.extra]
        if missing:
            known = dict.fromkeys(n for s in observations.series for n in s.extra)
            raise DataError(
                f"The initial value of `{state}` is read from the data, but trajectory {missing[0]!r} has no "
                f"coordinate `{given}`. {unknown('coordinate', given, known)} "
                f'Write `data.assign_coords({given}=("trajectory", values))`.'
            )
        rows = []
        for s in observations.series:
            value = s.extra[given]
            if value.shape not in ((), shape) or not np.isfinite(value).all():
                raise DataError(
                    f"The coordinate `{given}` can't be the initial value of `{state}` in trajectory {s.label!r}: "
                    f"it is {value}."
                )
            rows.append(np.broadcast_to(value, shape))
        return np.array(rows)
    array = given.array if isinstance(given, Parameter) else np.asarray(given, dtype=float)
    return np.array(np.broadcast_to(array, (len(observations), *shape)))
