"""What data and residual pictures share: labels, which trajectories are shown, where held-out measurements begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import unknown
from ...objective.series import Series
from ..sampling import grow_by_factors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..fit import Fit

__all__ = [
    "Shown",
    "columns",
    "component",
    "flattened",
    "held_out_from",
    "is_field",
    "label_of",
    "shade_held_out",
    "shown_trajectories",
    "time_axis",
    "variable_of",
]

MOST = 6
"""Trajectories in one picture, at most: one a colour."""


@dataclass(frozen=True)
class Shown:
    """One trajectory of a picture: its index and label, its training and its held-out measurements.

    `limits`: training measurements as they were recorded, limits among them.
    """

    index: int
    label: Any
    training: Series
    held_out: Series | None
    limits: Series

    def only_limits(self, variable: str) -> np.ndarray:
        """Recorded training values (K, *shape) that are limits; NaN elsewhere."""
        return np.where(np.isnan(self.training.values[variable]), self.limits.values[variable], np.nan)

    @property
    def wholly_held_out(self) -> bool:
        return not len(self.training.times)


def variable_of(fit: Fit, variable: str | None) -> str:
    """The measured variable of that name; the first one by default."""
    names = fit.record.observations.names
    if variable is not None and variable not in names:
        raise unknown("measured variable", variable, names)
    return names[0] if variable is None else variable


def is_field(fit: Fit, variable: str) -> bool:
    """Whether a variable is drawn as images: one or two space dimensions of more than six cells each."""
    shape = fit.record.observations.shapes[variable]
    return len(shape) in (1, 2) and min(shape) > MOST


def columns(shape: tuple[int, ...]) -> int:
    """How many lines a trajectory of a variable of this shape is drawn as."""
    return shape[0] if len(shape) == 1 and shape[0] <= MOST else 1


def component(fit: Fit, variable: str, column: int) -> str:
    """`x[A]` for an entry of an array-valued variable: by the data's coordinate, else by its number."""
    observations = fit.record.observations
    dims = observations.labels.dims.get(variable, ("",))
    known = observations.labels.coordinates.get(dims[0])
    return f"{variable}[{column if known is None else known.values[column]}]"


def flattened(values: np.ndarray, variable_shape: tuple[int, ...]) -> np.ndarray:
    """(…, *shape) → (…, columns): components of short vectors, means over larger arrays; NaN: not measured."""
    if not variable_shape:
        return values[..., None]
    if columns(variable_shape) > 1 or variable_shape == (1,):
        return values
    flat = values.reshape(*values.shape[: values.ndim - len(variable_shape)], -1)
    count = np.isfinite(flat).sum(axis=-1)
    total = np.where(np.isfinite(flat), flat, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)[..., None]


def label_of(dataset: Any, name: str, width: int = 30) -> str:
    """`long_name [units]`, or the name; broken into lines of at most `width` letters."""
    attrs = dataset[name].attrs if name in dataset.variables else {}
    text = str(attrs.get("long_name") or name)
    units = attrs.get("units")
    return fill(f"{text} [{units}]" if units and units != "1" else text, width)


def time_axis(ax: Axes, fit: Fit, log_time: bool | None = None) -> None:
    """Label, limits and scale of the time axis; whole numbers at the ticks where the measured times are whole.

    The scale is logarithmic where asked for, and by default where the measured times grow by factors; what was measured
    at 0 stands left of a linear stretch up to the first later time.
    """
    from matplotlib.ticker import MaxNLocator

    observed = fit.record.observations.dataset
    times = observed["time"].values
    times = times[np.isfinite(times)]
    first, last = min(float(times.min()), float(observed["start"].values.min())), float(times.max())
    margin = 0.02 * (last - first) or 0.5
    ax.set_xlabel(label_of(observed, "time", 60))
    times = np.unique(times)
    logarithmic = grow_by_factors(times) if log_time is None else log_time
    if logarithmic and (times > 0).any():
        least = float(times[times > 0][0])
        if first > 0:
            ax.set_xscale("log")
        else:
            ax.set_xscale("symlog", linthresh=least, linscale=0.5)
        ax.set_xlim(first / 1.5 if first > 0 else first, 1.5 * last)
        return
    ax.set_xlim(first - margin, last + margin)
    if (times == np.round(times)).all():
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))


def shown_trajectories(fit: Fit, chosen: Sequence[Any] | None) -> list[Shown]:
    """The trajectories asked for by label; by default all, or an even choice where there are too many.

    Their values are NaN where only a limit was measured (`limits` has it).
    """
    record = fit.record
    loss, parts = record.settings.loss, record.observations.split(record.settings.holdout)
    limits, _ = parts
    training, held = (None if part is None else part.exact(loss) for part in parts)
    assert training is not None
    labels = [s.label for s in record.observations.series]
    if chosen is None:
        indices = list(range(len(labels)))
        if len(labels) > MOST:
            indices = sorted({round(k) for k in np.linspace(0, len(labels) - 1, MOST)})
    else:
        for label in chosen:
            if label not in labels:
                raise unknown("trajectory", label, labels)
        indices = [labels.index(label) for label in chosen]
    return [
        Shown(i, labels[i], training.series[i], held.series[i] if held else None, limits.series[i]) for i in indices
    ]


def held_out_from(shown: list[Shown]) -> float | None:
    """Where one shaded region separates training from held-out times in all trajectories; None where none does."""
    parts = [(s.training.times, s.held_out.times) for s in shown if s.held_out is not None and not s.wholly_held_out]
    parts = [(a, b) for a, b in parts if len(b)]
    if not parts:
        return None
    last, first = max(a[-1] for a, _ in parts), min(b[0] for _, b in parts)
    return 0.5 * float(last + first) if last < first else None


def shade_held_out(ax: Axes, shown: list[Shown], words: bool = True) -> None:
    """Shade the times that training didn't see, to the right end of the axis."""
    begin = held_out_from(shown)
    if begin is None:
        return
    ax.axvspan(begin, ax.get_xlim()[1], color="#f0ece2", lw=0, zorder=0, label="_held out")
    if words:
        place = {"xycoords": ("data", "axes fraction"), "xytext": (4, -3), "textcoords": "offset points"}
        ax.annotate("held out", (begin, 1.0), va="top", fontsize="small", color="#8a7a50", **place)
