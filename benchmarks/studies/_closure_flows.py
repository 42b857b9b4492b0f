"""Part of a study: the flows that closures are trained on and moved to, their filtered data, the closures, the fits."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import xarray as xr

import unideq as ude

__all__ = ["HOT", "SLOW", "TRANSFERS", "Sizes", "Trained", "Workshop", "kind_of", "learned"]

LARGE, SMALL = "two-dimensional", "Burgers"


@dataclass(frozen=True)
class Sizes:
    """Of everything, per kind of flow."""

    points: int
    coarse: int
    layers: int
    channels: int
    kernel: int
    snapshots: int
    test: int
    epochs: int
    again: int
    """Epochs of a retraining."""
    interval: float = 1.0
    """Between snapshots, in turnovers."""
    batch: int = 16
    rate: float = 1e-3
    rate_again: float = 3e-3
    reynolds: float = 1000.0


HOT, SLOW = "forced at 4", "decaying"
SPACINGS = 3.0
"""Width of the filter: with less, the term is mostly what dealiasing cuts off."""


def flows(reynolds: float) -> dict[str, Any]:
    """Name → problem on no grid in particular."""
    two = partial(ude.problems.TwoDimensionalTurbulence, reynolds=reynolds, dt=0.01, drag=0.1)
    return {
        SLOW: replace(two(), drag=0.0),
        HOT: two(forcing=4),
        "forced at 4, Re / 8": replace(two(forcing=4), reynolds=reynolds / 8),
        "forced at 8": two(forcing=8, dt=0.005),
        "Burgers": ude.problems.ForcedBurgers(viscosity=0.16),
        "Burgers, ν / 8": ude.problems.ForcedBurgers(viscosity=0.02),
    }


TRANSFERS = {
    "decaying → forced": (SLOW, HOT),
    "Reynolds × 8": ("forced at 4, Re / 8", HOT),
    "forcing 8 → 4": ("forced at 8", HOT),
    "Burgers, ν / 8": ("Burgers", "Burgers, ν / 8"),
}


def kind_of(flow: str) -> str:
    return SMALL if flow.startswith("Burgers") else LARGE


def learned(sizes: Sizes, dimensions: int, **changes: Any) -> ude.closures.Learned:
    """The CNN: normalised by snapshot, its output by the data's deviation."""
    outputs = {"plain": 1, "flux": dimensions, "skew": 4}[changes.get("form", "plain")]
    own = {"boundary": changes.pop("boundary", "periodic")}
    network = ude.nn.CNN(
        dimensions, outputs, (sizes.channels,) * (sizes.layers - 1), sizes.kernel, dimensions, activation="relu", **own
    )
    return ude.closures.Learned(network, **changes)


Changes = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Trained:
    """A fit, and the closure that its network is part of."""

    fit: ude.Fit
    closure: ude.closures.Learned


class Workshop:
    """Makes data and fits of one study, each once."""

    def __init__(self, sizes: Mapping[str, Mapping[str, Any]], engine: str | None) -> None:
        self.sizes = {kind: Sizes(**given) for kind, given in sizes.items()}
        self.engine = engine
        self.data = cache(self._data)
        self.base = cache(self._base)

    # ---- flows and data ----------------------------------------------------------------------------------------

    def size(self, flow: str) -> Sizes:
        return self.sizes[kind_of(flow)]

    def truth(self, flow: str) -> Any:
        size = self.size(flow)
        return replace(flows(size.reynolds)[flow], points=size.points)

    def width(self, flow: str) -> float:
        return SPACINGS * self.truth(flow).grid().axes[0].length / self.size(flow).coarse

    def coarse(self, flow: str) -> ude.PDE:
        """The coarse model, with the force that the filter leaves."""
        problem, width = self.truth(flow), self.width(flow)
        made = replace(problem, points=self.size(flow).coarse)
        if getattr(problem, "forcing", None):
            made = replace(made, amplitude=float(np.exp(-((problem.forcing * width) ** 2) / 24)))
        return made.model()

    def _data(self, flow: str, role: str) -> xr.Dataset:
        """Filtered snapshots: `train`, `test`, each of trajectories of its own."""
        size, problem = self.size(flow), self.truth(flow)
        count = size.snapshots if role == "train" else size.test
        trajectories = max(2, round(count / 50))
        seed = {"train": 0, "test": 1}[role]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ude.UnideqWarning)  # slopes and Courant numbers: see the page
            ready = problem.developed(trajectories, seed, engine=self.engine)
            field = problem.model().fields[0]
            turnover = 1.0 / np.sqrt(float((_enstrophy(problem, ready[field])).mean()))
            every = max(1, round(size.interval * turnover / problem.dt))
            steps = -(-count // trajectories)
            raw = problem.data(
                trajectories, every * steps, every=every, warmup="developed", seed=seed, engine=self.engine
            )
        return ude.coarsen(raw.isel(time=slice(1, None)), self.coarse(flow), ude.filters.Gaussian(self.width(flow)))

    def part(self, flow: str, share: float) -> xr.Dataset:
        """That share of the training snapshots: the first ones of every trajectory, of one where they are few."""
        data, count = self.data(flow, "train"), round(share * self.size(flow).snapshots)
        rows = min(data.sizes["trajectory"], max(1, count // 4))
        return data.isel(trajectory=slice(0, rows), time=slice(0, -(-count // rows)))

    # ---- fits --------------------------------------------------------------------------------------------------

    def stepper(self, flow: str, closure: Any) -> ude.Stepper:
        """The coarse solver with a closure; None: without."""
        model = self.coarse(flow)
        return ude.Stepper(model if closure is None else model.closed(closure), self.truth(flow).dt, "etdrk4")

    def phases(self, flow: str, rate: float, iterations: int, seed: int, batch: int, **settings: Any) -> list[ude.Adam]:
        precision = "float32" if kind_of(flow) == LARGE else "float64"
        objective = ude.APriori(batch=batch, seed=seed, **settings)
        return [ude.Adam(ude.CosineDecay(rate, 0.01), iterations, objective=objective, precision=precision)]

    def again(self, flow: str, data: xr.Dataset, seed: int, whole: bool = False) -> list[ude.Adam]:
        """Of a retraining, the same number of iterations on little data as on less. All layers at once are trained as
        slowly as at first: faster, they may end worse than they began."""
        size = self.size(flow)
        batch = min(size.batch, _count(data))
        iterations = max(1, round(size.again * 0.1 * size.snapshots / size.batch))
        return self.phases(flow, size.rate if whole else size.rate_again, iterations, seed, batch)

    def _base(self, flow: str, seed: int, form: Changes = (), training: Changes = ()) -> Trained:
        """The network trained where it is at home, on all of the training data."""
        data, dimensions = self.data(flow, "train"), 1 if kind_of(flow) == SMALL else 2
        closure = learned(self.size(flow), dimensions, **dict(form)).scaled(self.coarse(flow), data)
        size = self.size(flow)
        iterations = round(size.epochs * _count(data) / size.batch)
        phases = self.phases(flow, size.rate, iterations, seed, size.batch, **dict(training))
        return Trained(self.fit(self.stepper(flow, closure), data, phases, seed), closure)

    def fit(self, model: ude.Stepper, data: xr.Dataset, phases: list[ude.Adam], seed: int) -> ude.Fit:
        return ude.fit(
            model, data, objective=phases[0].objective, phases=phases, seeds=[seed], holdout=None,
            engine=self.engine, report_every=200, progress=False,
        )  # fmt: skip

    def moved(self, fit: ude.Fit, closure: Any, flow: str) -> ude.Stepper:
        """The fit's closure in the coarse model of another flow."""
        return self.stepper(flow, closure).initialised_from(fit.trained())

    def train_coupled(self, trained: Trained, flow: str, iterations: int, seed: int) -> ude.Fit:
        """On from a fit, through the solver: windows of snapshots a few steps apart."""
        problem, size = self.truth(flow), self.size(flow)
        raw = problem.data(4, 100, every=5, warmup="developed", seed=2, engine=self.engine)
        data = ude.coarsen(raw, self.coarse(flow).grid, ude.filters.Gaussian(self.width(flow)))
        objective = ude.Unrolled(steps=4, batch=8, seed=seed)
        rate = ude.CosineDecay(0.1 * size.rate, 0.1)
        phase = ude.Adam(rate, iterations, objective=objective, clip=1.0, precision="float32")
        field = self.coarse(flow).fields[0]
        return trained.fit.train(phase, data[[field]], objective=objective, holdout=None, progress=False)

    def scores(self, flow: str, **candidates: Any) -> xr.Dataset:
        """A priori, on the flow's test data; closure first."""
        made = ude.closure_scores(candidates, self.data(flow, "test"), coarse=self.coarse(flow), coupled=False)
        return ude.closure_table(made)


def _count(data: xr.Dataset) -> int:
    return data.sizes["trajectory"] * data.sizes["time"]


def _enstrophy(problem: Any, field: xr.DataArray) -> xr.DataArray:
    """Mean square of the vorticity, or of the slope."""
    if field.name == "vorticity":
        return (field**2).mean(("x", "y"))
    return (field.differentiate("x") ** 2).mean("x")
