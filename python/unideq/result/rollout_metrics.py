"""How good rollouts are, step by step: errors, correlation, when they part from the truth, and their spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..checks import instance, known_keys, number, shown
from ..errors import DataError, ModelError
from ..grid.spectrum import energy_spectrum
from ..objective import Observations
from ..objective.own_inputs import conditions_of
from ..objective.own_times import on_common_times

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .fit import Fit

__all__ = ["first_time", "metrics_of_fit", "pearson", "plot_rollout_metrics", "rollout_metrics"]

CORRELATED = 0.8
"""Correlation below which a rollout no longer follows the truth (Kochkov et al. 2021: 0.95; List et al. 2024: 0.8)."""
DIVERGED = 1.0
"""Relative L2 error above which a rollout counts as diverged."""
_LOST = {"long_name": "time of lost correlation"}
CLIP = 30.0
"""Largest value of the normalised error, as in List et al. (2024)."""


def rollout_metrics(
    predicted: xr.Dataset,
    true: xr.Dataset,
    *,
    threshold: float = CORRELATED,
    diverged: float = DIVERGED,
    clip: float = CLIP,
) -> xr.Dataset:
    """Compare rollouts with the truth, variable by variable and time by time.

    Parameters
    ----------
    predicted, true
        Fields over (trajectory,) time and space, with the same trajectories, grid and common times.
    threshold
        Correlation below which a rollout no longer follows the truth.
    diverged
        Relative L2 error above which a rollout counts as diverged.
    clip
        Largest value of the normalised error of a snapshot.

    Returns
    -------
    xarray.Dataset
        With dimensions (variable, trajectory, time):

        - `relative_l2`: ‖û − u‖₂ / ‖u‖₂;
        - `normalised_mse`: mean over space of (û − u)², divided by max u² of the snapshot, at most `clip`; `clip` where
          û isn't finite (List et al. 2024);
        - `correlation`: Pearson's, over space (NaN for scalars).

        And (variable, trajectory):

        - `correlation_time`: the first time with a correlation below `threshold`; infinite where there is none, NaN for
          scalars;
        - `divergence_time`: the first time with a relative error above `diverged` or without a finite value;
        - `mean_normalised_mse`: over the times after the first.

        For fields of one or two space dimensions (variable, trajectory, time, wavenumber): `spectrum` and
        `spectrum_true`, the energy ½|û_k|² summed over modes in shells of width 2π/L of the largest period.

    Raises
    ------
    DataError
        If the two have no variable, or no time, in common.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from unideq.result import rollout_metrics
    >>> x, times = 2 * np.pi * np.arange(16) / 16, np.arange(3.0)
    >>> true = xr.Dataset({"u": (("time", "x"), np.sin(x) * np.ones((3, 1)))}, {"time": times, "x": x})
    >>> metrics = rollout_metrics(1.1 * true, true)
    >>> np.round(metrics["relative_l2"].values.ravel(), 6)
    array([0.1, 0.1, 0.1])
    """
    for given, name in ((predicted, "predicted"), (true, "true")):
        instance(given, xr.Dataset, name, "rollout_metrics", needs="an xarray Dataset of fields", error=DataError)
    threshold = number(threshold, "threshold", "rollout_metrics", least=-1, most=1)
    diverged = number(diverged, "diverged", "rollout_metrics", above=0)
    clip = number(clip, "clip", "rollout_metrics", above=0)
    names = [str(n) for n in true.data_vars if n in predicted.data_vars and "time" in true[n].dims]
    if not names:
        raise DataError(
            f"Predicted ({', '.join(map(str, predicted.data_vars))}) and true ({', '.join(map(str, true.data_vars))}) "
            "have no variable in common."
        )
    a, b, times = _aligned(predicted, true)
    parts = [_one(a[n], b[n], n, times, threshold, diverged, clip) for n in names]
    result = xr.concat(parts, dim=xr.Variable("variable", np.array(names, dtype=str)), join="outer")
    result.attrs = {"correlation_threshold": threshold, "divergence_threshold": diverged, "clip": clip}
    result["time"].attrs = dict(true["time"].attrs)
    return result


def _aligned(predicted: xr.Dataset, true: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset, np.ndarray]:
    """Both with trajectories, at the times that they share (up to rounding)."""
    sets = [d if "trajectory" in d.dims else d.expand_dims(trajectory=[_label(d)]) for d in (predicted, true)]
    counts = [d.sizes["trajectory"] for d in sets]
    if counts[0] != counts[1]:
        raise DataError(f"Predicted has {counts[0]} trajectories, true has {counts[1]}.")
    own, other = (np.asarray(d["time"].values, dtype=float) for d in sets)
    slack = 1e-6 * max(1e-300, float(np.abs(other).max()))
    at = np.clip(np.searchsorted(own, other - slack), 0, len(own) - 1)
    shared = np.abs(own[at] - other) <= 2 * slack
    if not shared.any():
        raise DataError(
            f"Predicted (times {own[0]:g} to {own[-1]:g}) and true ({other[0]:g} to {other[-1]:g}) share no time."
        )
    return sets[0].isel(time=at[shared]), sets[1].isel(time=np.flatnonzero(shared)), other[shared]


def _label(data: xr.Dataset) -> Any:
    return data["trajectory"].item() if "trajectory" in data.coords else 0


def _one(
    predicted: xr.DataArray,
    true: xr.DataArray,
    name: str,
    times: np.ndarray,
    threshold: float,
    diverged: float,
    clip: float,
) -> xr.Dataset:
    lead = ("trajectory", "time")
    space = [str(d) for d in true.dims if d not in lead]
    u = np.asarray(true.transpose(*lead, *space).values, dtype=float)
    v = np.asarray(predicted.transpose(*lead, ...).values, dtype=float)
    if set(map(str, predicted.dims)) == {*lead, *space}:
        v = np.asarray(predicted.transpose(*lead, *space).values, dtype=float)
    if u.shape != v.shape:
        raise DataError(f"`{name}` has shape {v.shape} predicted and {u.shape} true (trajectory, time, space).")
    flat, guess = u.reshape(*u.shape[:2], -1), v.reshape(*u.shape[:2], -1)
    known = np.isfinite(flat).all(axis=2)  # snapshots that the truth doesn't have say nothing
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        relative = np.linalg.norm(guess - flat, axis=2) / np.linalg.norm(flat, axis=2)
        mean = ((guess - flat) ** 2).mean(axis=2) / (flat**2).max(axis=2)
        correlation = pearson(guess, flat)
    alive = np.isfinite(guess).all(axis=2)
    error = np.where(known, np.where(alive, np.fmin(mean, clip), clip), np.nan)
    relative = np.where(known, np.where(alive, relative, np.inf), np.nan)
    later = error[:, 1:] if error.shape[1] > 1 else error
    with np.errstate(invalid="ignore"):
        average = np.nansum(later, axis=1) / np.maximum(np.isfinite(later).sum(axis=1), 1)
    varies = u.ndim > 2
    lost = known & (~alive | (np.nan_to_num(correlation, nan=1.0) < threshold))
    variables: dict[str, Any] = {
        "relative_l2": (lead, relative, {"long_name": "relative L2 error"}),
        "normalised_mse": (lead, error, {"long_name": "mean squared error / max u²"}),
        "correlation": (lead, np.where(known & alive, correlation, np.nan), {"long_name": "correlation"}),
        "correlation_time": ("trajectory", first_time(lost, times) if varies else np.full(len(lost), np.nan), _LOST),
        "divergence_time": (
            "trajectory",
            first_time(known & ~(relative <= diverged), times),
            {"long_name": "divergence"},
        ),
        "mean_normalised_mse": ("trajectory", average, {"long_name": "mean normalised error"}),
    }
    coords = {"trajectory": true["trajectory"].values, "time": times}
    if len(space) in (1, 2):
        lengths = [_period(true, d) for d in space]
        numbers, energy = energy_spectrum(v, lengths)
        variables["spectrum"] = ((*lead, "wavenumber"), energy, {"long_name": "energy, predicted"})
        variables["spectrum_true"] = ((*lead, "wavenumber"), energy_spectrum(u, lengths)[1], {"long_name": "energy"})
        coords["wavenumber"] = numbers
    return xr.Dataset(variables, coords=coords)


def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Correlation over the last axis; NaN where one doesn't vary."""
    a, b = a - a.mean(axis=-1, keepdims=True), b - b.mean(axis=-1, keepdims=True)
    return (a * b).sum(axis=-1) / np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))


def first_time(where: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Time of the first True of each row; infinity where there is none."""
    return np.where(where.any(axis=1), times[np.argmax(where, axis=1)], np.inf)


def _period(data: xr.DataArray, dim: str) -> float:
    """n·dx of an axis; the number of its points where it has no coordinate."""
    points = data.sizes[dim]
    if dim not in data.coords or points < 2:
        return float(points)
    return points * abs(float(data[dim].values[-1] - data[dim].values[0])) / (points - 1)


def metrics_of_fit(fit: Fit, data: xr.Dataset | None = None, seed: int | None = None) -> xr.Dataset:
    """See `Fit.rollout_metrics`."""
    model = fit.model
    if not any(s.shape for s in model.states):
        raise ModelError(
            "`rollout_metrics` compares fields over space, and the states of this model are single numbers. Their "
            'errors stand in `fit.tree["/diagnostics"]` (root mean squared error and R², training and held-out); '
            "`unideq.result.rollout_metrics(fit.predict(...), data)` gives the relative error time by time."
        )
    if data is None:
        true = on_common_times(fit.record.observations.dataset)
        return rollout_metrics(_with_trajectory(fit.predict(true["time"].values, seed=seed), true), true)
    if model.continuous_in_time:
        raise ModelError(
            "Metrics on other data need a `Stepper`; compare `fit.predict(...)` with them by `rollout_metrics`."
        )
    observations = Observations.given(data, model, fit.record.observations.clock)
    true = on_common_times(observations.dataset)
    parts = []
    for s in observations.series:
        initial = {}
        for state in model.states:
            name = model.observed_state(state.name)
            if name not in s.values or not np.isfinite(s.values[name][0]).all():
                raise DataError(f"A rollout starts at measured states; `{state.name}` of {s.label!r} isn't whole.")
            initial[state.name] = s.values[name][0]
        conditions = {n: float(v[0]) for n, v in conditions_of(model, [s]).items()}
        parts.append(fit.predict(s.times, initial, seed, conditions=conditions or None))
    labels = xr.Variable("trajectory", true["trajectory"].values)
    predicted: Any = xr.concat(parts, dim=labels, join="outer")
    return rollout_metrics(predicted, true)


def _with_trajectory(predicted: xr.Dataset, true: xr.Dataset) -> xr.Dataset:
    if "trajectory" in predicted.dims:
        return predicted
    return predicted.expand_dims(trajectory=true["trajectory"].values)


def plot_rollout_metrics(metrics: xr.Dataset, variable: str | None = None) -> Figure:
    """Relative error and correlation over time (each trajectory, and their median), and the last spectra.

    Parameters
    ----------
    metrics
        From `rollout_metrics`.
    variable
        Default: the first.
    """
    from .plot.style import COLOURS, INK, log_numbers, make_figure, styled, title

    if not isinstance(metrics, xr.Dataset) or not {"relative_l2", "correlation"} <= set(metrics.data_vars):
        raise DataError(f"`plot_rollout_metrics` needs what `rollout_metrics` returned, not {shown(metrics)}.")
    if variable is not None:
        known_keys((variable,), map(str, metrics["variable"].values), "variable")

    one = metrics.isel(variable=0) if variable is None else metrics.sel(variable=variable)
    name = str(one["variable"].item())
    spectra = "spectrum" in one
    with styled():
        figure = make_figure(4.2 * (2 + spectra), 3.4)
        axes = figure.subplots(1, 2 + spectra)
        times = one["time"].values
        for ax, key, mark in (
            (axes[0], "relative_l2", metrics.attrs["divergence_threshold"]),
            (axes[1], "correlation", metrics.attrs["correlation_threshold"]),
        ):
            drawn = np.isfinite(one[key].values) & ((key == "correlation") | (one[key].values > 0))
            values = np.where(drawn, one[key].values, np.nan)
            ax.plot(times, values.T, color=COLOURS[0], lw=0.7, alpha=0.5)
            if np.isfinite(values).any():
                ax.plot(times, _median(values), color=INK, lw=1.8)
            ax.axhline(mark, color=COLOURS[1], lw=0.9, ls=(0, (3, 2)))
            ax.set_xlabel("time")
            title(ax, str(one[key].attrs["long_name"]))
        if (one["relative_l2"].values[:, 1:] > 0).any():
            axes[0].set_yscale("log")
        if spectra:
            for key, colour, label in (("spectrum_true", INK, "true"), ("spectrum", COLOURS[0], "predicted")):
                values = one[key].values
                good = np.isfinite(values).all(axis=(0, 2))
                last = int(np.flatnonzero(good)[-1]) if good.any() else 0
                mean = np.maximum(values[:, last, 1:].mean(axis=0), 1e-300)
                axes[2].loglog(one["wavenumber"].values[1:], mean, color=colour, label=label)
            log_numbers(axes[2])
            axes[2].set_xlabel("wavenumber")
            top = np.nanmax(one["spectrum_true"].values[..., 1:])
            axes[2].set_ylim(1e-16 * top, 10 * top)
            title(axes[2], f"energy of {name}")
            axes[2].legend()
    return figure


def _median(values: np.ndarray) -> np.ndarray:
    """Over trajectories, column by column; NaN where there is no value."""
    filled = np.full(values.shape[1], np.nan)
    some = np.isfinite(values).any(axis=0)
    filled[some] = np.nanmedian(values[:, some], axis=0)
    return filled
