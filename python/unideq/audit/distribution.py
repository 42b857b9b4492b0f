"""Do paths of a trained `SDE` look like the data? Marginals, noise, memory and stays, against repeated data sets.

The model draws the whole data set again and again, from the measured starts, at the measured times, with the noise of
the measurement. A number that is computed of the data is compared with the same number of every repetition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ..checks import choice, known_arguments, settle, whole
from ..errors import DataError
from ..model import SDE
from ..model.stochastic.schemes import SCHEMES
from ..noise import increments
from ..objective import GaussianLikelihood
from ..result.one_step import one_step
from ..result.paths import simulated
from ..result.plot.style import COLOURS, INK, title
from ..result.sampling import problem_of
from .check import Check, Outcome
from .finding import Finding
from .subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

    from ..result import Fit

__all__ = ["Distribution", "StochasticSubject"]

FAR, BESIDE = 4.0, 2.5
"""Deviations of the repetitions from which a number is a warning, and a note."""
LAGS = 40
"""Lags of the autocorrelation, at most."""
NOTHING = 1e-12


class StochasticSubject(Subject):
    """A fit of an `SDE`."""

    words = "a fit of an SDE"
    models = SDE
    example = "ude.audit.Distribution(repetitions=200)"


@known_arguments
@dataclass(frozen=True)
class Distribution(Check[StochasticSubject]):
    """Are measured paths likely ones of the trained model? Four findings a variable.

    `noise`: root mean square of the changes between neighbouring times; says that the noise collapsed or is inflated.
    `marginal`: mean, deviation, and the largest difference of the distribution functions. `memory`: autocorrelation
    where the data's has fallen to a half. `stays`: mean time on one side of the data's median (exit times).

    Attributes
    ----------
    repetitions
        How often the data set is drawn anew.
    dt, scheme
        As in `SDE.solve`.
    seed
        Of the noise.

    Raises
    ------
    OptionError
        For impossible settings.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.audit.Distribution(repetitions=50).name
    'distribution'
    """

    name = "distribution"
    needs = StochasticSubject
    repetitions: int = 60
    dt: float | None = None
    scheme: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        settle(self, whole, "repetitions", least=10)
        settle(self, whole, "seed", least=0)
        settle(self, choice, "scheme", choices=SCHEMES)

    def examine(self, subject: StochasticSubject) -> Outcome:
        fit, findings, groups, panels = subject.fit, [], {}, {}
        drawn = self._repeated(fit)
        for name, paths in drawn.items():
            series = [s for s in fit.record.observations.series if len(s.times) > 2]
            measured = [s.values[name].reshape(1, len(s.times), -1) for s in series]
            for k in range(measured[0].shape[2]):
                label = name if measured[0].shape[2] == 1 else f"{name}_{k}"
                rows = [(s.times, m[..., k], p[..., k]) for s, m, p in zip(series, measured, paths, strict=True)]
                found = _compared(rows)
                groups[f"{self.name}_{label}"] = found
                panels[f"{self.name}_{label}"] = partial(_plot, label, found)
                findings += self._findings(label, found)
        return Outcome(tuple(findings), groups, panels)

    def _repeated(self, fit: Fit) -> Mapping[str, list[np.ndarray]]:
        """Variable → (repetitions, K, …) a trajectory."""
        record, model = fit.record, fit.record.model
        problem, size = problem_of(record), model.layout.size
        theta, names = fit.theta, [n for n in record.observations.names if n in model.observables]
        filtered = isinstance(problem.loss, GaussianLikelihood)
        starts = one_step(record, fit.engine, theta[None])["mean"].values[0] if filtered else None
        constants = problem.constants_at(theta)
        drawn: dict[str, list[np.ndarray]] = {n: [] for n in names}
        for b, s in enumerate(record.observations.series):
            if len(s.times) < 3:
                continue
            known = np.concatenate([problem.guesses[n][b].reshape(-1) for n in model.states.names])
            if starts is not None:
                known = starts[b][np.isfinite(starts[b]).all(axis=1)][0]
            u0 = np.broadcast_to(known, (self.repetitions, model.size))
            c = None if constants is None else np.broadcast_to(constants[b], (self.repetitions, constants.shape[1]))
            seed = int(np.random.SeedSequence([self.seed, b]).generate_state(1)[0])
            found = simulated(model, fit.engine, s.times, u0, theta[:size], c, seed, self.dt, self.scheme)
            parts = {**model.states.split(found["state"])}
            parts |= {n.removeprefix("observed."): v for n, v in found.items() if n != "state"}
            for k, name in enumerate(names):
                values = np.asarray(parts[name], float).reshape(self.repetitions, len(s.times), -1)
                sigma = problem.noise(problem.theta(), name) if filtered else None
                if sigma is not None:
                    own = record.settings.loss.of_variable(name).sigma.get(name)
                    own = fit.parameters[f"noise.{name}"] if own is None else own
                    values = values + float(own) * increments((self.seed, b), k, values.shape)
                values = np.where(np.isfinite(s.values[name].reshape(1, len(s.times), -1)), values, np.nan)
                drawn[name].append(values)
        if not any(drawn.values()):
            raise DataError("Distributions need trajectories of three measured times at least.")
        return drawn

    def _findings(self, label: str, found: xr.Dataset) -> list[Finding]:
        rows = {str(n): found.sel(statistic=n) for n in found["statistic"].values}
        made = []
        for part, names, advice in PARTS:
            worst = max(names, key=lambda n: _size(rows[n]))
            one, far = rows[worst], _size(rows[worst])
            severity = "warning" if far > FAR else "note" if far > BESIDE else "ok"
            own, drawn, spread = (float(one[n]) for n in ("measured", "simulated", "spread"))
            text = f"{part} of `{label}`: {WORDS[worst]} {own:.3g} measured, {drawn:.3g} ± {spread:.2g} in paths"
            if severity != "ok":
                text += f", {far:.2g} of their deviations away"
            if severity != "ok" and part == "noise":
                text += "; the noise collapsed" * (drawn < 0.8 * own) + "; the noise is inflated" * (drawn > 1.25 * own)
            made.append(Finding(self.name, severity, f"{text}.", one.drop_vars("statistic"),
                                "" if severity == "ok" else advice))  # fmt: skip
        return made


WORDS = {
    "change": "root mean square change per root of time",
    "mean": "mean",
    "deviation": "standard deviation",
    "distance": "largest difference of the distribution functions",
    "autocorrelation": "autocorrelation at half of its height",
    "stay": "mean time on one side of the median",
}
PARTS = (
    (
        "noise",
        ("change",),
        "Train with `ude.TransitionLikelihood()`, or look at what the diffusion lacks: other states, a form that "
        "depends on them.",
    ),
    (
        "marginal",
        ("mean", "deviation", "distance"),
        "The drift's balance with the noise is off where paths stay: give either more freedom, or more data there.",
    ),
    (
        "memory",
        ("autocorrelation",),
        "The drift pulls back too fast or too slowly, or a state is missing that remembers.",
    ),
    (
        "stays",
        ("stay",),
        "Rates of leaving depend on drift and noise between the places where paths stay, which few data see: measure "
        "longer, or start paths there.",
    ),
)
"""What is said → the numbers that it rests on, and what to do."""


def _size(row: xr.Dataset) -> float:
    """How many deviations of the repetitions a number of the data is away."""
    return abs(float(row["measured"] - row["simulated"])) / max(float(row["spread"]), NOTHING)


def _compared(rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> xr.Dataset:
    """Numbers of the data and of the repetitions; rows: times, measured (1, K), drawn (R, K), a trajectory each."""
    measured = np.concatenate([m[0][np.isfinite(m[0])] for _, m, _ in rows])
    middle, everything = float(np.median(measured)), np.sort(np.concatenate([p[np.isfinite(p)] for *_, p in rows]))
    lags = range(1, max(2, min(LAGS, min(len(t) for t, *_ in rows) // 3)))
    own = np.array([_autocorrelation([m for _, m, _ in rows], k)[0] for k in lags])
    half = lags[int(np.argmax(own < 0.5))] if (own < 0.5).any() else lags[-1]
    sides = {}
    for side, at in (("measured", 1), ("drawn", 2)):
        parts, times = [row[at] for row in rows], [row[0] for row in rows]
        sides[side] = _numbers(times, parts, middle, everything, half)
    correlations = np.stack([_autocorrelation([p for *_, p in rows], k) for k in lags], axis=1)
    levels = np.linspace(0.01, 0.99, 99)
    return xr.Dataset(
        {
            "measured": ("statistic", [v[0] for v in sides["measured"].values()]),
            "simulated": ("statistic", [np.nanmean(v) for v in sides["drawn"].values()]),
            "spread": ("statistic", [np.nanstd(v) for v in sides["drawn"].values()]),
            "measured_quantile": ("level", np.quantile(measured, levels)),
            "simulated_quantile": ("level", np.quantile(everything, levels)),
            "measured_autocorrelation": ("lag", own),
            "simulated_autocorrelation": (("band", "lag"), np.nanquantile(correlations, [0.05, 0.5, 0.95], axis=0)),
        },
        coords={"statistic": list(sides["measured"]), "level": levels, "lag": list(lags), "band": [0.05, 0.5, 0.95]},
    )


def _numbers(
    times: list[np.ndarray], parts: list[np.ndarray], middle: float, everything: np.ndarray, half: int
) -> dict[str, np.ndarray]:
    """Statistic → one number a data set (R,)."""
    pooled = np.concatenate(parts, axis=1)
    change = np.concatenate([np.diff(p, axis=1) / np.sqrt(np.diff(t)) for t, p in zip(times, parts, strict=True)], 1)
    above = [np.where(np.isfinite(p), p > middle, False) for p in parts]
    turns = np.sum([(a[:, 1:] != a[:, :-1]).sum(axis=1) for a in above], axis=0) + len(parts)
    rank = [np.searchsorted(everything, np.sort(row[np.isfinite(row)])) / len(everything) for row in pooled]
    return {
        "change": np.sqrt(np.nanmean(change**2, axis=1)),
        "mean": np.nanmean(pooled, axis=1),
        "deviation": np.nanstd(pooled, axis=1),
        "distance": np.array([np.abs(r - (np.arange(len(r)) + 0.5) / max(len(r), 1)).max(initial=0.0) for r in rank]),
        "autocorrelation": _autocorrelation(parts, half),
        "stay": np.sum([t[-1] - t[0] for t in times]) / turns,
    }


def _autocorrelation(parts: list[np.ndarray], lag: int) -> np.ndarray:
    """At one lag (R,), of all trajectories together."""
    pooled = np.concatenate(parts, axis=1)
    mean, variance = np.nanmean(pooled, axis=1, keepdims=True), np.nanvar(pooled, axis=1)
    products = np.concatenate([(p[:, lag:] - mean) * (p[:, :-lag] - mean) for p in parts], axis=1)
    return np.nanmean(products, axis=1) / np.maximum(variance, NOTHING)


def _plot(name: str, d: xr.Dataset, figure: SubFigure) -> None:
    """Quantiles against quantiles, and autocorrelations."""
    left, right = figure.subplots(1, 2)
    title(left, f"distribution of {name}")
    x, y = d["measured_quantile"].values, d["simulated_quantile"].values
    left.axline((x[0], x[0]), (x[-1], x[-1]), color=INK, lw=0.8)
    left.plot(x, y, ls="none", marker="o", ms=3, color=COLOURS[0])
    left.set_xlabel("quantile of the measurements")
    left.set_ylabel("quantile of the model's paths")
    title(right, f"autocorrelation of {name}")
    low, middle, high = d["simulated_autocorrelation"].values
    right.fill_between(d["lag"].values, low, high, color=COLOURS[0], alpha=0.25, lw=0, label="90 % of repetitions")
    right.plot(d["lag"].values, middle, color=COLOURS[0], lw=1.2, label="median")
    right.plot(d["lag"].values, d["measured_autocorrelation"].values, color=INK, lw=1.2, label="measured")
    right.set_xlabel("lag, in measured times")
    right.legend(loc="best")
