"""Pictures of the Koopman study: eigenfunctions and eigenvalues of the three systems, beside what is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import unideq as ude
from unideq.result.plot import plot_eigenfunction, plot_eigenvalues
from unideq.result.plot.style import COLOURS, make_figure, styled, title, write_figure

__all__ = ["draw"]


def draw(fits: dict[str, ude.Fit], path: Path) -> None:
    """A row a system."""
    slow, pendulum, flow = fits.values()
    with styled():
        figure = make_figure(11.5, 9.6)
        axes = figure.subplots(3, 3)
        plot_eigenfunction(slow, 0, "real", axes[0, 0])
        plot_eigenfunction(slow, 1, "real", axes[0, 1])
        plot_eigenvalues(slow, axes[0, 2])
        axes[0, 2].plot([-1.0, -0.05], [0.0, 0.0], ls="none", marker="+", ms=13, color=COLOURS[1], label="exact")
        axes[0, 2].legend(loc="upper right")
        for row, fit in ((1, pendulum), (2, flow)):
            plot_eigenfunction(fit, 0, "modulus", axes[row, 0])
            plot_eigenfunction(fit, 0, "angle", axes[row, 1])
        angles = np.linspace(0.05, 3.0, 80)
        rates = pendulum.model.spectrum(states={"angle": angles, "velocity": np.zeros_like(angles)})
        ax = axes[1, 2]
        ax.plot(angles, np.abs(rates["frequency"].values[:, 0]), color=COLOURS[0], label="learned")
        ax.plot(angles, _frequency(angles), color=COLOURS[1], ls="--", label="exact")
        ax.set_xlabel("amplitude of the angle")
        ax.set_ylabel("frequency ω")
        title(ax, "continuous spectrum")
        radii = np.linspace(0.1, 1.2, 60)
        states = {"x": radii, "y": np.zeros_like(radii), "z": radii**2 / (1 + 0.02 * (1 - radii**2))}
        rates = flow.model.spectrum(states=states)
        ax.legend()
        ax = axes[2, 2]
        ax.plot(radii, rates["growth"].values[:, 0], color=COLOURS[0], label="growth μ")
        ax.plot(radii, np.abs(rates["frequency"].values[:, 0]) - 1.0, color=COLOURS[2], label="frequency ω − 1")
        ax.axhline(0.0, color="#555555", lw=0.7)
        ax.axvline(1.0, color="#555555", lw=0.7)
        ax.set_xlabel("radius in x and y; the cycle is at 1")
        title(ax, "rates of the flow")
        ax.legend()
    write_figure(figure, path)


def _frequency(amplitude: np.ndarray) -> np.ndarray:
    from scipy.special import ellipk

    return np.pi / (2 * ellipk(np.sin(amplitude / 2) ** 2))
