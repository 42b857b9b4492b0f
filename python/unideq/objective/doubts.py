"""What is probably not meant in a fit's data: told once, before training, by name and with what to do instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DataError
from ..graph.location import warn_user
from ..model import Model, Parameter, Steady
from ..model.forcing import outside
from ..model.grouped import listing
from .groups import groups_of
from .observations import Observations
from .own_inputs import Own, interpolation, warn_records
from .scale import far_values, far_words
from .series import Series
from .starts import measured_as

__all__ = ["tell_doubts"]


def tell_doubts(
    data: Any, model: Model, observations: Observations, train: Observations, estimate_initial: bool = True
) -> None:
    """Warn of values, starts and signs that nobody means; refuse what leaves nothing to learn.

    Parameters
    ----------
    data
        What the user gave.
    model
        What is trained.
    observations
        The same, checked.
    train
        What of it training sees.
    estimate_initial
        Whether initial values are trained.

    Raises
    ------
    DataError
        Where a forcing is known at no time of the data, or no time is measured after the start.
    """
    _check_forcings(model, observations)
    _warn_groups(model, train)
    if observations.stream is not None:
        return
    for name in observations.names:
        _warn_far(name, observations.series)
    if model.starts_at_measurements:
        return
    if all((s.times <= s.start).all() for s in train.series):
        first = next(s for s in train.series if len(s.times))
        raise DataError(
            f"Nothing is measured after the start: {'every trajectory has' if len(train) > 1 else 'the data have'} one "
            f"time only (t = {first.times[0]:g}), where the initial value fits whatever the parameters are. Add later "
            "measurements, or say where the integration begins: `data.assign_coords(start=...)`."
        )
    _warn_starts(data, model, observations)
    _warn_signs(model, observations, estimate_initial)


def _check_forcings(model: Model, observations: Observations) -> None:
    series = observations.series
    first, last = min(s.start for s in series), max(float(s.times[-1]) for s in series if len(s.times))
    for name, (begin, end, touches) in outside(model.forcing, first, last).items():
        words = f"Forcing `{name}` is known from t = {begin:g} to {end:g}, the data go from {first:g} to {last:g}"
        if not touches:
            raise DataError(
                f"{words}: they share no time, so that the forcing would be constant. Bring both to one time axis."
            )
        warn_user(f"{words}: beyond its ends it keeps its end values.")
    measured = [s for s in series if len(s.times)]
    for name, forcing in Own.of(model).forcings.items():
        method = interpolation(name, forcing, observations.dataset[name])
        spans = [(s.start, float(s.times[-1])) for s in measured]
        labels = [s.label for s in measured] if len(series) > 1 else None
        warn_records(name, method, [s.inputs[name] for s in measured], spans, labels)


def _warn_groups(model: Model, train: Observations) -> None:
    """Parameters by group of which there is one group, or one that training sees nothing of."""
    for name, groups in groups_of(model, train.series).items():
        condition = model.grouped[name]
        if not condition.parameter.free:
            continue
        if condition.settled:
            continue
        if len(groups) == 1:
            warn_user(
                f"`{name}` is one value a `{groups.per}`, and the data have one only, {groups.labels[0]!r}: it is a "
                "parameter like others here. Leave `per` out, or give the data of more."
            )
        unseen = groups.without(train.series)
        if unseen and condition.parameter.spread is None:  # else they are typical
            warn_user(
                f"`{name}` of {groups.per} {listing(unseen)} has no measurement to train on: it stays at its guess, "
                f"{float(condition.parameter.array):g}, and predictions there are made with it."
            )


def _warn_far(name: str, series: Sequence[Series]) -> None:
    """Values so far from all others that they probably say that nothing was measured."""
    pooled = np.concatenate([s.values[name] for s in series])
    finite = pooled[np.isfinite(pooled)]
    far = far_values(finite)
    if not far.size:
        return
    value = float(far[0])
    label, time = next(
        (s.label, s.times[np.unravel_index(np.flatnonzero(s.values[name] == value)[0], s.values[name].shape)[0]])
        for s in series
        if (s.values[name] == value).any()
    )
    where = f" of trajectory {label!r}" if len(series) > 1 else ""
    warn_user(far_words(name, finite, far, f"at t = {time:g}{where}"))


def _warn_starts(data: Any, model: Model, observations: Observations) -> None:
    """A known initial value holds at the start; where that is a later first measurement, it may not be meant."""
    parts = data if isinstance(data, (list, tuple)) else [data]
    if any("start" in d.coords for d in parts):
        return
    known = [n for n, value in model.initial.items() if not isinstance(value, (Parameter, Steady))]
    late = [s for s in observations.series if s.start > 0]
    found = [(s, n) for s in late for n in known if not _measured_there(model, observations, s, n)]
    if not found:
        return
    first = found[0][0]
    names = ", ".join(f"`{n}`" for n in dict.fromkeys(n for _, n in found))
    where = f" of trajectory {first.label!r}" if len(observations) > 1 else ""
    warn_user(
        f"The known initial value of {names} is taken to hold at the first measurement{where}, t = {first.start:g} "
        "(rows without one don't count). If it holds earlier, as a dose at t = 0 does, say when: "
        f"`data.assign_coords(start=0.0)`; if not, `data.assign_coords(start={first.start:g})`."
    )


def _measured_there(model: Model, observations: Observations, s: Series, state: str) -> bool:
    """Whether a state's known initial value is its first measurement."""
    observable = measured_as(model, observations, state)
    given = model.initial[state]
    value = s.extra.get(given) if isinstance(given, str) else given
    if observable is None or value is None or isinstance(value, Parameter):
        return False
    return np.allclose(s.values[observable][0], value, rtol=1e-6, atol=0.0)


def _warn_signs(model: Model, observations: Observations, estimate_initial: bool) -> None:
    """An estimated initial value of a positive state that begins with a measurement which isn't."""
    for state in model.states:
        observable = measured_as(model, observations, state.name)
        if not state.positive or observable is None or state.name in model.initial:
            continue
        for s in observations.series:
            finite = s.values[observable][np.isfinite(s.values[observable]).reshape(len(s.times), -1).any(axis=1)]
            first = float(np.nanmin(finite[0])) if len(finite) else 1.0
            if first < 0 or (first == 0 and not estimate_initial):
                where = f" of trajectory {s.label!r}" if len(observations) > 1 else ""
                size = 1e-3 * observations.scale(observable)
                what = "begins" if estimate_initial else "stays"
                warn_user(
                    f"`{state.name}` is declared positive, and its first measurement{where} is {first:g}: its initial "
                    f"value {what} at {size:g} instead. Drop that measurement, declare the state "
                    f'`ude.State()`, or give the model `initial={{"{state.name}": ...}}`.'
                )
                break
