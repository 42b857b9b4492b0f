"""Closures beside each other in one picture: a priori above, coupled below."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..closure_scores.table import checked_scores, closure_table
from .style import COLOURS, INK, MUTED, log_numbers, make_figure, styled, title, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_closure_scores"]

_STYLES = ("-", "--", ":")
_DECADES = 1e-8
"""Part of its largest value to which a spectrum is drawn."""


def plot_closure_scores(scores: xr.Dataset, path: str | os.PathLike[str] | None = None) -> Figure:
    """Correlation and errors of the terms, their spectrum and transfer by scale; coupled: spectra, density, energy.

    Spectra and densities of several trajectories or runs are their means; thin lines of the energy are runs, and a
    cross is a blow-up. The truth is black.

    Parameters
    ----------
    scores
        From `closure_scores`.
    path
        Where to write the picture, e.g. `scores.png`.
    """
    checked_scores(scores)
    names, coupled = [str(n) for n in scores["closure"].values], "spectrum" in scores
    looks = {n: {"color": COLOURS[k % 6], "ls": _STYLES[k // 6 % 3]} for k, n in enumerate(names)}
    quantity = "enstrophy" if scores.attrs["vorticity"] else "energy"
    with styled():
        figure = make_figure(11.5, 6.4 if coupled else 3.5)
        axes = np.atleast_2d(figure.subplots(1 + coupled, 3))
        _bars(axes[0, 0], closure_table(scores), looks)
        _spectra(axes[0, 1], scores, "subgrid_spectrum", "trajectory", looks)
        title(axes[0, 1], "spectrum of the term")
        _transfer(axes[0, 2], scores, quantity, looks)
        if coupled:
            _spectra(axes[1, 0], scores.sel(quantity="energy"), "spectrum", "run", looks)
            title(axes[1, 0], "energy spectrum, coupled")
            _density(axes[1, 1], scores, looks)
            _energy(axes[1, 2], scores, looks)
        handles, labels = axes[0, 1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=_columns(labels))
    if path is not None:
        write_figure(figure, path)
    return figure


def _columns(labels: Sequence[str]) -> int:
    """Of a legend as wide as the figure."""
    return int(min(len(labels), max(1, 175 // (max(map(len, labels)) + 8))))


def _bars(ax: Axes, table: xr.Dataset, looks: dict[str, Any]) -> None:
    """1 − correlation, RMSE and RMSE of the spectrum, a dot a closure: the lower the better."""
    rows = {
        "1 − correlation": 1.0 - table["correlation"],
        "RMSE": table["rmse"],
        "spectrum's\nln RMSE": table["spectrum_rmse"],
    }
    spread = np.linspace(-0.28, 0.28, len(looks)) if len(looks) > 1 else np.zeros(1)
    shown = [float(v) for r in rows.values() for v in r.values if np.isfinite(v) and v > 0]
    least = max(min(shown, default=1e-3), 1e-6)
    for place, values in enumerate(rows.values()):
        for (name, look), off in zip(looks.items(), spread, strict=True):
            value = float(values.sel(closure=name))
            if np.isfinite(value):
                at = max(value, 0.5 * least)
                ax.plot([place + off] * 2, [0.3 * least, at], color=look["color"], lw=1.4, alpha=0.5)
                ax.plot(place + off, at, "o", color=look["color"], ms=6)
    ax.set(yscale="log", ylim=(0.3 * least, None), xlim=(-0.5, 2.5))
    ax.set_xticks(range(3), list(rows))
    title(ax, "errors of the term", "a priori")


def _spectra(ax: Axes, scores: xr.Dataset, name: str, over: str, looks: dict[str, Any]) -> None:
    part = scores.isel(wavenumber=scores["resolved"].values)
    true = part[f"{name}_true"].mean(over)
    ax.loglog(part["wavenumber"], true, color=INK, lw=2.6, label="truth")
    for closure, look in looks.items():
        values = part[name].sel(closure=closure).mean(over)
        ax.loglog(part["wavenumber"], values.where(values > 0), label=closure, **look)
    top = float(true.max())
    lowest = max(float(true.min()) / 30.0, _DECADES * top)
    log_numbers(ax)
    ax.set(xlabel="wavenumber", ylim=(lowest, 10.0 * top))


def _transfer(ax: Axes, scores: xr.Dataset, quantity: str, looks: dict[str, Any]) -> None:
    part = scores.isel(wavenumber=scores["resolved"].values).sel(quantity=quantity)
    true = part["transfer_spectrum_true"].mean("trajectory")
    ax.axhline(0.0, color=MUTED, lw=0.8)
    ax.semilogx(part["wavenumber"], true, color=INK, lw=2.6)
    for closure, look in looks.items():
        ax.semilogx(part["wavenumber"], part["transfer_spectrum"].sel(closure=closure).mean("trajectory"), **look)
    reach = 2.5 * float(abs(true).max())
    low, high = ax.get_ylim()
    log_numbers(ax)
    ax.set(xlabel="wavenumber", ylim=(max(low, -reach), min(high, reach)))
    title(ax, f"transfer of {quantity} by scale")


def _density(ax: Axes, scores: xr.Dataset, looks: dict[str, Any]) -> None:
    true = scores["pdf_true"]
    places = scores["deviations"].values
    seen = np.flatnonzero(true.values > 0)
    with np.errstate(invalid="ignore"):
        ax.semilogy(places, np.exp(-0.5 * places**2) / np.sqrt(2 * np.pi), color=MUTED, lw=1.0, ls=":")
    ax.semilogy(places, true.where(true > 0), color=INK, lw=2.6)
    for closure, look in looks.items():
        values = scores["pdf"].sel(closure=closure)
        ax.semilogy(places, values.where(values > 0), **look)
    reach = 1.25 * np.abs(places[seen]).max()
    ax.set(xlabel=scores["deviations"].attrs["long_name"], xlim=(-reach, reach))
    ax.set_ylim(0.3 * float(true.where(true > 0).min()), 3.0 * float(true.max()))
    title(ax, "density", "dotted: Gaussian")


def _energy(ax: Axes, scores: xr.Dataset, looks: dict[str, Any]) -> None:
    energy = scores["total"].sel(quantity="energy")
    true = scores["total_true"].sel(quantity="energy")
    turnovers = (scores["lead"] / scores["turnover_time"]).transpose("run", "lead").values
    first = true.isel(lead=0).values[:, None]
    many = scores.sizes["run"] > 1
    for k in range(scores.sizes["run"]):
        ax.plot(turnovers[k], true.values[k] / first[k], color=INK, lw=1.2 if many else 2.6, zorder=3 if many else 1)
        for closure, look in looks.items():
            values = energy.sel(closure=closure).values[k] / first[k]
            ax.plot(turnovers[k], values, lw=0.9 if many else 1.6, alpha=0.9, **look)
            if np.isfinite(float(scores["blow_up_time"].sel(closure=closure)[k])):
                last = int(np.flatnonzero(np.isfinite(values))[-1])
                ax.plot(turnovers[k, last], values[last], "X", color=look["color"], ms=7)
    ax.set(xlabel="eddy turnovers")
    if ax.get_ylim()[1] > 3.0:
        log_numbers(ax, "y")
        for which in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
            which("{x:g}")
    title(ax, "energy / its first value", "✕ blow-up")
