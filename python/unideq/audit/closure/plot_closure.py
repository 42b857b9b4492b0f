"""Panels of the checks of closures: spectra of terms, their transfer, energy of runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ...result.plot.style import COLOURS, INK, MUTED, log_numbers, title

__all__ = ["plot_energy", "plot_spectra", "plot_transfer"]


def plot_spectra(name: str, evidence: xr.Dataset, figure: Any) -> None:
    """Spectrum of the term and the exact one's; high wavenumbers shaded."""
    ax = figure.subplots()
    part = evidence.isel(wavenumber=slice(1, None))
    waves, high = part["wavenumber"].values, part["high"].values > 0
    ax.loglog(waves, part["spectrum_true"], color=INK, lw=2.6, label="exact")
    ax.loglog(waves, part["spectrum"].where(part["spectrum"] > 0), color=COLOURS[0], label="closure")
    if high.any():
        ax.axvspan(waves[high].min(), waves[high].max(), color=MUTED, alpha=0.15, lw=0)
    top = float(part["spectrum_true"].max())
    ax.set(xlabel="wavenumber", ylim=(1e-8 * top, 10 * top))
    log_numbers(ax)
    ax.legend()
    title(ax, f"spectrum of the closure of {name}", f"correlation {float(evidence['correlation']):.3f}")


def plot_transfer(name: str, evidence: xr.Dataset, figure: Any) -> None:
    """Transfer of energy by scale: the term's, the gradient model's, and the exact one's."""
    ax = figure.subplots()
    part = evidence.isel(wavenumber=slice(1, None))
    ax.axhline(0.0, color=MUTED, lw=0.8)
    if np.isfinite(part["transfer_true"]).all():
        ax.semilogx(part["wavenumber"], part["transfer_true"], color=INK, lw=2.6, label="exact")
    ax.semilogx(part["wavenumber"], part["transfer"], color=COLOURS[0], label="closure")
    ax.semilogx(part["wavenumber"], part["transfer_gradient_model"], color=COLOURS[1], ls="--", label="gradient model")
    ax.set_xlabel("wavenumber")
    log_numbers(ax)
    ax.legend()
    title(ax, f"energy transfer by the closure of {name}", f"correlation of both {float(evidence['correlation']):.3f}")


def plot_energy(name: str, evidence: xr.Dataset, figure: Any) -> None:
    """Energy of the runs, and the truth's."""
    ax = figure.subplots()
    for k in range(evidence.sizes["run"]):
        run = evidence.isel(run=k)
        turnovers, scale = run["lead"] / run["turnover_time"], float(run["energy_true"][0])
        ax.plot(turnovers, run["energy"] / scale, color=COLOURS[0], lw=1.2, label="run" if k == 0 else None)
        ax.plot(turnovers, run["energy_true"] / scale, color=INK, lw=2.6, label="truth" if k == 0 else None)
        if np.isfinite(run["blow_up_time"]):
            last = int(np.flatnonzero(np.isfinite(run["energy"].values))[-1])
            ax.plot(turnovers[last], run["energy"][last] / scale, "X", color=COLOURS[1], ms=8)
    ax.set_xlabel("eddy turnovers")
    if ax.get_ylim()[1] > 3.0:
        log_numbers(ax, "y")
    ax.legend()
    title(ax, f"energy of {name}, coupled", "✕ blow-up")
