"""`Fit`: what comes back from training. All of it is in `fit.tree`; methods plot, predict, recover, report, save."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..checks import mapping, whole
from ..engine import STATUS, Engine, checked_engine
from ..engine.deferred import Deferred
from ..errors import ModelError, OptionError
from ..graph.location import warn_user
from ..model import ODE, Stepper
from ..model.names import normal_keys
from ..times import increasing
from ..training.record import Training
from .export import export_julia
from .file import read_tree
from .groups import kind_of
from .horizon import warn_far
from .residual_tree import RESIDUAL
from .sampling import common_times, labelled, predict, problem_of, result_times, solver_on
from .solution import solve, warn_outside
from .stepping import steps_to
from .trained import Trained
from .trained_model import trained_model
from .tree import result_groups, training_from_tree, training_groups

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..audit.gradient import GradientCheck
    from ..audit.recovery import Recovery
    from ..audit.report import Audit

__all__ = ["Fit"]


class Fit(Trained[Training]):
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
        super().__init__(record, engine)
        self._computed: dict[str, xr.Dataset] | None = None if computed is None else dict(computed)

    # ---- what it is -------------------------------------------------------------------------------------------

    @cached_property
    def model(self) -> ODE:
        """The trained model (of the best seed, see `trained`); `fit.record.model` is the one that was given."""
        return self.trained()

    def _groups(self, compute: bool = True) -> dict[str, xr.Dataset]:
        if self._computed is None and compute:
            self._computed = result_groups(self.record, self.engine)
        return {**training_groups(self.record), **(self._computed or {}), **self._added}

    def trained(self, seed: int | None = None) -> ODE:
        """The model with the trained parameters and weights: solve, save, export, change or train it further.

        Initial values that the model declares as parameters are trained ones too, where there is one trajectory.

        Parameters
        ----------
        seed
            A seed, or None for the best.
        """
        return trained_model(self.record, self._theta_of(seed))

    # ---- predictions ------------------------------------------------------------------------------------------

    def predict(
        self,
        time: Any = None,
        initial: Mapping[str, Any] | None = None,
        seed: int | str | None = None,
        *,
        steps: int | None = None,
        conditions: Mapping[str, Any] | None = None,
    ) -> xr.Dataset:
        """Solve the trained model, or roll it out.

        Parameters
        ----------
        time
            Output times, increasing; default: the measured ones (`/solution` has a fine grid). Dates and time spans
            where the data's times have a unit (`time_unit` of `fit`). The solution starts where the data starts, or,
            where `initial` is given, at the first of these times. A stepper reaches whole steps only.
        initial
            State → value, to start somewhere else; of a stepper also (B, *shape) for B trajectories.
        seed
            A seed, `"all"` for all of them (a `seed` dimension), or None for the best.
        steps
            Of a stepper, instead of `time`: number of steps from the start.
        conditions
            Of a stepper, with `initial`: condition → one number, or one a trajectory.

        Returns
        -------
        xarray.Dataset
            States and observables over (seed,) (trajectory,) time; trajectory is dropped where there is one. Without
            `time`, of trajectories with times of their own: (trajectory, sample) and a `time` a trajectory.
        """
        members = self.seeds if seed == "all" else (self.member(seed),)
        if not isinstance(self.model, Stepper) and (steps is not None or conditions is not None):
            raise OptionError("`steps` and `conditions` are for steppers; give this model `time`.")
        initial = (
            None if initial is None else mapping(initial, "initial", needs="a dict state → value", error=ModelError)
        )
        if steps is not None:
            steps = whole(steps, "steps", least=0)
            if time is not None:
                raise OptionError("Give `time` or `steps`, not both.")
            first = self.record.observations.series[0].start if initial is None else 0.0
            time = first + self.model.dt * np.arange(steps + 1)  # type: ignore[attr-defined]
        grid = self._times(time, common=initial is not None)
        if time is not None:
            train, _ = self.record.observations.split(self.record.settings.holdout)
            warn_far(train, grid, None if initial is None else float(grid[0]))
            if initial is None:  # else `solve` tells
                warn_outside(self.model, float(grid[0]), float(grid[-1]))
        if initial is None:
            if conditions is not None:
                raise OptionError("`conditions` go with `initial`; along the data they come from its coordinates.")
            result = self._along_data(grid, members)
        else:
            parts = [self._from(initial, grid, member, conditions) for member in members]
            result = xr.concat(parts, dim=xr.Variable("seed", list(members)))
        return result if seed == "all" else result.isel(seed=0, drop=True)

    def _along_data(self, grid: np.ndarray, members: tuple[int, ...]) -> xr.Dataset:
        """Solutions from the trained initial values of every trajectory."""
        settings = self.record.settings
        solver = settings.solver
        if np.nanmax(grid) > np.nanmax(result_times(self.record.observations)):  # further than training ever went
            solver = replace(solver, max_steps=10 * solver.max_steps)
        record = replace(self.record, settings=replace(settings, seeds=members, solver=solver))
        theta = np.stack([self._theta_of(s) for s in members])
        if isinstance(self.model, Stepper):
            between = grid[grid.ndim == 1 and (steps_to(problem_of(record), grid) < 0).all(axis=0)]
            if len(between):
                raise OptionError(
                    f"No rollout reaches time {between[0]:g}: they start at snapshots, in steps of {self.model.dt:g}."
                )
        prediction = predict(record, self.engine, grid, theta)
        failed = prediction.status != STATUS[0]
        if failed.any():
            finite = np.asarray(np.isfinite(prediction.states).all(axis=-1))
            places = [
                f"seed {members[i]}, trajectory {prediction.labels[k]!r}"
                + (f" after t = {grid[finite[i, k]][-1]:g}" if finite[i, k].any() else "")
                for i, k in np.argwhere(failed)
            ]
            warn_user(
                f"No prediction (NaN) for {'; '.join(places[:4])}{' …' if len(places) > 4 else ''}: "
                f"{prediction.status[failed][0]}."
            )
        solution = prediction.solution
        return solution.isel(trajectory=0, drop=True) if solution.sizes["trajectory"] == 1 else solution

    def _from(
        self, initial: Mapping[str, Any], grid: np.ndarray, seed: int, conditions: Mapping[str, Any] | None
    ) -> xr.Dataset:
        """One seed's solution from somewhere else; states left out start at their trained or known values."""
        if isinstance(self.model, Stepper):
            theta = self._theta_of(seed)[: self.model.layout.size]
            settings: dict[str, Any] = {"conditions": conditions, "engine": self.engine, "throw": False}
            return labelled(self.model.solve(grid, initial, theta, **settings).dataset, self.record)
        settings = self._setup(initial, seed)
        settings["solver"] = solver_on(self.engine, self.record.settings.solver).name
        found = solve(self.model, grid, engine=self.engine, throw=False, **settings)
        if not found.success:
            warn_user(
                f"The prediction of seed {seed} ends early (NaN): {next(s for s in found.status if s != STATUS[0])}."
            )
        return labelled(found.dataset, self.record)

    def _times(self, time: Any, common: bool = False) -> np.ndarray:
        """Output times (K,) as model times; None: the measured ones."""
        observations = self.record.observations
        if time is not None:
            return increasing(time, clock=observations.clock)
        return (common_times if common else result_times)(observations, 0)

    def _setup(self, initial: Mapping[str, Any] | None, seed: int) -> dict[str, Any]:
        """What `solve` needs besides times: one seed's parameters and initial values, and training's solver."""
        theta, solver = self._theta_of(seed), self.record.settings.solver
        values = self.record.layout.unpack(theta)
        trained = {e.name.removeprefix("initial."): values[e.name] for e in self.record.layout.of_kind("initial")}
        if len(self.record.observations) == 1:
            initial = {**{n: v[0] for n, v in trained.items()}, **normal_keys(initial)}
        return {
            "initial": initial,
            "parameters": theta[: self.model.layout.size],
            "solver": solver.name,
            "rtol": solver.rtol,
            "atol": solver.atol,
            "dt": solver.dt,
            "max_steps": 10 * solver.max_steps,
        }

    # ---- pictures, reports, checks ----------------------------------------------------------------------------

    def rollout_metrics(self, data: xr.Dataset | None = None, seed: int | None = None) -> xr.Dataset:
        """How good rollouts are, step by step; see `unideq.result.rollout_metrics.rollout_metrics`.

        Parameters
        ----------
        data
            Trajectories to compare with, on the model's grid; default: the training's measurements, held-out ones
            included.
        seed
            A seed, or None for the best.
        """
        from .rollout_metrics import metrics_of_fit

        return metrics_of_fit(self, data, seed)

    def plot(self, path: str | os.PathLike[str] | None = None, **settings: Any) -> Figure:
        """Data and predictions, learned terms, loss history and residuals in one figure, written to `path` as well.

        `settings`: `variables`, `trajectories`, `networks`, `seed` (a member alone), `dpi`; see
        `unideq.result.plot.overview`.
        """
        from .plot import overview

        return overview(self, path, **settings)

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write a self-contained HTML report."""
        from .report import write_report

        write_report(self, path)

    def check_gradient(self, **settings: Any) -> GradientCheck:
        """Compare the adjoint gradient with forward mode and finite differences; see `unideq.audit.gradient`."""
        from ..audit.gradient import check_gradient

        return check_gradient(self, **settings)

    def audit(
        self,
        data: xr.Dataset | None = None,
        new: xr.Dataset | Mapping[str, Any] | None = None,
        truth: ODE | None = None,
        checks: str | Sequence[str] = ("truncation", "flow_map", "shift"),
        *,
        data_model: ODE | None = None,
        refined: Fit | Sequence[Fit] | None = None,
        network: str | None = None,
        candidates: Mapping[str, Callable[..., Any]] | None = None,
        spacing: Mapping[str, float] | None = None,
        steps: int | None = None,
        **settings: Any,
    ) -> Audit:
        """Truncation error in what was learned, stability of rollouts, distribution shift.

        Parameters
        ----------
        data
            Complete states to look at; default: those that the fit was trained on.
        new
            Further initial conditions: a Dataset over `trajectory`, or state → array with or without a leading axis.
        truth
            The true model on the fit's grid, where it is known.
        checks
            Which of `truncation`, `flow_map`, `shift`.
        data_model
            The model whose scheme made the data; default: the one in their attribute `unideq_model`.
        refined
            The same model fitted on other grids: singles out what depends on the spacing.
        network
            Which network; default: all.
        candidates
            Further physical terms for the closure: text → function of (fields, derivative).
        spacing
            Axis name → spacing, for models without a grid.
        steps
            Horizon of the rollouts in data intervals; default: the longest trajectory's.
        settings
            How finely to look: `first`, `conditions`, `resolution`, `max_terms`, `radius`, `seed`; see
            `unideq.audit.run.audit`, which also names the errors.

        Returns
        -------
        Audit
            Findings with their evidence; also stored in the fit's tree and file. Print it, or `plot()` it.
        """
        from ..audit.run import audit

        return audit(
            self, data, new, truth, checks, data_model=data_model, refined=refined, network=network,
            candidates=candidates, spacing=spacing, steps=steps, **settings,
        )  # fmt: skip

    def recover(self, network: str | None = None, **settings: Any) -> Recovery:
        """Find equations for a learned term; see `unideq.audit.recovery.recover`."""
        from ..audit.recovery import recover

        return recover(self, network, **settings)

    # ---- files ------------------------------------------------------------------------------------------------

    def export_julia(
        self,
        path: str | os.PathLike[str],
        time: Any = None,
        initial: Mapping[str, Any] | None = None,
        seed: int | None = None,
        **settings: Any,
    ) -> None:
        """Write a readable Julia script that solves the trained model without Python.

        Parameters
        ----------
        path
            The file, e.g. `model.jl`; one that exists is replaced only with `overwrite=True`.
        time, initial, seed
            As in `predict`. With several trajectories of data, `initial` says where the script starts.
        settings
            Solver and tolerances where they differ from the training's; see `unideq.result.export.export_julia`.
        """
        grid = self._times(time, common=True)
        export_julia(self.model, path, grid, **{**self._setup(initial, self.member(seed)), **settings})

    @classmethod
    def load(cls, path: str | os.PathLike[str], engine: str | Engine | None = None) -> Any:
        """Read a file written by `save` or by `fit(checkpoint=...)`. No engine starts before something is computed.

        Parameters
        ----------
        path
            The file.
        engine
            Who computes predictions. Default: the engine that was chosen by `set_engine` or `UNIDEQ_ENGINE`, else the
            one that the fit was trained on, else, with a warning, the one that is here.

        Returns
        -------
        Fit or ResidualFit
            By what the file holds.
        """
        checked_engine(engine)
        tree = read_tree(path)
        if kind_of(tree, str(path)) == RESIDUAL:
            from .residual_fit import ResidualFit

            return ResidualFit.from_tree(tree, str(path), engine)
        return cls.from_tree(tree, str(path), engine)

    @classmethod
    def from_tree(cls, tree: xr.DataTree, source: str, engine: str | Engine | None = None) -> Fit:
        record = training_from_tree(tree, source)
        groups = {
            f"/{n}": tree[n].to_dataset() for n in ("solution", "learned_term", "diagnostics") if n in tree.children
        }
        computed = groups if "/solution" in groups else None
        chosen: Any = Deferred(str(record.engine.get("name")), engine)
        fit = cls(record, chosen, computed)
        for name in ("symbolic", "diagnostics"):
            if name in tree.children:
                for child, node in tree[name].children.items():
                    fit._added[f"/{name}/{child}"] = node.to_dataset(inherit=False)
        return fit

    # ---- shown ------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        total = self.record.best_total[self.record.best_seed]
        lines = [
            f"Fit of {self.model!r}",
            f"  status      {self.status}",
            f"  engine      {self.record.engine.get('name')}, "
            f"{'' if isinstance(self.model, Stepper) else 'solver '}{self.record.method}, "
            f"{self.record.history.iterations} iterations in {self.record.seconds:.1f} s",
            f"  seeds       {list(self.seeds)}, best {self.best_seed} (total {total:.4g})",
        ]
        lines += self._parameter_lines()
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from .report import summary_html

        return summary_html(self)
