"""`Fit`: what comes back from training. Everything is in `fit.tree`; methods plot, predict, recover, report and save."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..engine import Engine, get_engine
from ..errors import OptionError
from ..model import ODE
from ..training.record import Training
from .file import read_tree, write_tree
from .sampling import Prediction, predict
from .tree import result_groups, training_from_tree, training_groups

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..audit.gradient import GradientCheck
    from ..audit.recovery import Recovery

__all__ = ["Fit"]


class Fit:
    """A trained model with its measurements, history and settings.

    Made by `unideq.fit` or `Fit.load`.

    Attributes
    ----------
    record
        All that training left behind (`unideq.training.Training`).
    engine
        The engine that computes predictions.
    """

    def __init__(self, record: Training, engine: Engine, computed: Mapping[str, xr.Dataset] | None = None) -> None:
        self.record = record
        self.engine = engine
        self._computed: dict[str, xr.Dataset] | None = None if computed is None else dict(computed)
        self._symbolic: dict[str, xr.Dataset] = {}

    # ---- what it is -------------------------------------------------------------------------------------------

    @property
    def model(self) -> ODE:
        return self.record.model

    @property
    def status(self) -> str:
        """`finished`, or why training ended before: `interrupted: …`, `stopped early: …`, `gave up: …` and what to try."""
        return self.record.status

    @property
    def seeds(self) -> tuple[int, ...]:
        return self.record.settings.seeds

    @property
    def best_seed(self) -> int:
        """Seed with the lowest training total (with early stopping: the lowest held-out one)."""
        return self.seeds[self.record.best_seed]

    @property
    def theta(self) -> np.ndarray:
        """Flat parameters (P,) of the best seed, unconstrained; the model's own part comes first."""
        return self.record.chosen_theta[self.record.best_seed]

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """Constrained values of the best seed: the model's parameters, initial values, noise; no network weights."""
        values = self.record.layout.unpack(self.theta)
        return {n: v for n, v in values.items() if self.record.layout[n].kind in ("parameter", "initial", "noise")}

    @cached_property
    def tree(self) -> xr.DataTree:
        """Everything as one DataTree: `/observations`, `/solution`, `/learned_term`, `/training`, `/parameters`, …"""
        return xr.DataTree.from_dict(self._groups())

    def _groups(self) -> dict[str, xr.Dataset]:
        if self._computed is None:
            self._computed = result_groups(self.record, self.engine)
        return {**training_groups(self.record), **self._computed, **self._symbolic}

    def add_group(self, name: str, dataset: xr.Dataset) -> None:
        """Put a further group into the tree and the file, e.g. `/symbolic/interaction`."""
        self._symbolic[name] = dataset
        self.__dict__.pop("tree", None)

    def trained(self, seed: int | None = None) -> ODE:
        """The model with its parameters' initial values set to the trained ones (networks keep their specification)."""
        values = self.record.layout.unpack(self._theta_of(seed))
        return self.model.with_values({n: values[n] for n in self.model.parameters})

    def _theta_of(self, seed: int | None) -> np.ndarray:
        return self.record.chosen_theta[self._index(seed)]

    def _index(self, seed: int | None) -> int:
        if seed is None:
            return self.record.best_seed
        if seed not in self.seeds:
            raise OptionError(f"There is no seed {seed!r}; this fit has {list(self.seeds)}.")
        return self.seeds.index(seed)

    # ---- predictions ------------------------------------------------------------------------------------------

    def predict(self, time: Any = None, initial: Mapping[str, Any] | None = None, seed: int | str | None = None) -> xr.Dataset:
        """Solve the trained model.

        Parameters
        ----------
        time
            Output times, increasing; default: the grid of `/solution`. From the start of the data, or, where `initial` is
            given, from the first of these times.
        initial
            State → value, to start somewhere else.
        seed
            A seed, `"all"` for all of them (a `seed` dimension), or None for the best.

        Returns
        -------
        xarray.Dataset
            States and observables over (seed,) (trajectory,) time; trajectory is dropped where there is one.
        """
        from .solution import solve
        from .tree import result_times

        if initial is not None:
            members = self.seeds if seed == "all" else (self.best_seed if seed is None else int(seed),)
            size = self.model.layout.size
            solver = self.record.settings.solver
            parts = [
                solve(
                    self.model, time, initial, self._theta_of(s)[:size], solver=solver.name, rtol=solver.rtol, atol=solver.atol,
                    dt=solver.dt, engine=self.engine,
                ).dataset
                for s in members
            ]  # fmt: skip
            return xr.concat(parts, dim=xr.Variable("seed", list(members))) if seed == "all" else parts[0]
        from .solution import _increasing

        grid = result_times(self.record.observations) if time is None else _increasing(time)
        theta = self.record.chosen_theta if seed == "all" else self._theta_of(None if seed is None else int(seed))[None]
        prediction = self._predict(grid, theta, None if seed == "all" else (self.best_seed if seed is None else int(seed)))
        solution = prediction.solution
        if solution.sizes["trajectory"] == 1:
            solution = solution.isel(trajectory=0, drop=True)
        return solution if seed == "all" else solution.isel(seed=0, drop=True)

    def _predict(self, grid: np.ndarray, theta: np.ndarray, seed: int | None) -> Prediction:
        if seed is None:
            return predict(self.record, self.engine, grid, theta)
        from dataclasses import replace

        one = replace(self.record, settings=replace(self.record.settings, seeds=(seed,)))
        return predict(one, self.engine, grid, theta)

    # ---- pictures, reports, checks ----------------------------------------------------------------------------

    def plot(self, **settings: Any) -> Figure:
        """Data and predictions, learned terms, loss history and residuals in one figure; see `unideq.result.plot`."""
        from .plot import overview

        return overview(self, **settings)

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write a self-contained HTML report."""
        from .report import write_report

        write_report(self, path)

    def check_gradient(self, **settings: Any) -> GradientCheck:
        """Compare the adjoint gradient with forward mode and finite differences; see `unideq.audit.gradient`."""
        from ..audit.gradient import check_gradient

        return check_gradient(self, **settings)

    def recover(self, network: str | None = None, **settings: Any) -> Recovery:
        """Find equations for a learned term; see `unideq.audit.recovery.recover`."""
        from ..audit.recovery import recover

        return recover(self, network, **settings)

    # ---- files ------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one netCDF-4 file; `Fit.load` reads it back bit for bit, `unideq.resume` goes on training."""
        write_tree(self.tree, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], engine: str | Engine | None = None) -> Fit:
        """Read a file written by `save` or by `fit(checkpoint=...)`. No engine starts before something is computed."""
        tree = read_tree(path)
        record = training_from_tree(tree, str(path))
        groups = {f"/{n}": tree[n].to_dataset() for n in ("solution", "learned_term", "diagnostics") if n in tree.children}
        computed = groups if "/solution" in groups else None
        fit = cls(record, _Deferred(engine or record.engine.get("name")), computed)  # type: ignore[arg-type]
        if "symbolic" in tree.children:
            for name, node in tree["symbolic"].children.items():
                fit._symbolic[f"/symbolic/{name}"] = node.to_dataset()
        return fit

    # ---- shown ------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        settings = self.record.settings
        lines = [
            f"Fit of {self.model!r}",
            f"  status      {self.status}",
            f"  engine      {self.record.engine.get('name')}, solver {settings.solver.name}, "
            f"{self.record.history.iterations} iterations in {self.record.seconds:.1f} s",
            f"  seeds       {list(self.seeds)}, best {self.best_seed} (total {self.record.best_total[self.record.best_seed]:.4g})",
        ]
        for name, value in self.parameters.items():
            units = self.record.layout[name].units
            text = np.array2string(np.asarray(value), precision=5, threshold=6)
            lines.append(f"  {name:<11} {text}{f' {units}' if units else ''}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from .report import summary_html

        return summary_html(self)


class _Deferred:
    """An engine that starts when it is first used, so that reading a file is quick."""

    def __init__(self, name: Any) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(get_engine(self._name), attribute)
