"""What kinds of model that are trained on measurements have in common: settings, tree, report, predictions."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from ..checks import flag, instance, mapping
from ..engine import STATUS
from ..errors import DataError, ModelError, OptionError
from ..graph.location import warn_user
from ..model import Model
from ..model.switches import switches
from ..objective import Holdout, Objective, Observations, Unrolled, loss_of
from ..objective.attributes import check_attributes
from ..objective.cost import costs_of
from ..objective.doubts import tell_doubts
from ..objective.groups import group_values, groups_of, starting_groups
from ..objective.own_times import time_dim
from ..objective.ranking import rankings_of
from ..objective.regularise import regulariser_of
from ..objective.windowed import Windowed
from ..optimise import Adam
from ..result.advice import advice
from ..result.fit import Fit
from ..result.horizon import warn_far
from ..result.rankings import ranked, rankings_of_fit
from ..result.report_sections import data_pairs, equations_of, ranking_table, score_table
from ..result.rows import score_rows
from ..result.sampling import common_times, learned_dataset, predict, result_times
from ..result.score import scores
from ..result.solution import warn_outside
from ..result.trained_model import trained_model
from ..solvers import solver_settings
from ..times import increasing
from ..training.concerns import wrong_gradient
from ..training.kind import Kind
from ..training.record import Record
from .measured_settings import MeasuredSettings, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Measured"]


class Measured(Kind):
    """Models of time that are trained on measurements."""

    computed = ("solution", "events", "learned_term", "rankings", "diagnostics")
    options = ("time_unit", "loss", "holdout", "regularise", "cost", "rankings", "solver", "estimate_initial")
    refused: ClassVar[Mapping[str, str]] = {
        "balance": "weighs the terms of a `ResidualProblem`. The terms of this model have their weights in "
        "`cost` and `regularise`."
    }
    instead: ClassVar[Mapping[str, str]] = {
        "residuals": 'What is left of the measurements is in `fit.tree["/diagnostics"]`, and `fit.plot()` draws it.',
        "error": 'Errors at the measurements are in `fit.tree["/diagnostics"]`; compare `fit.predict(...)` elsewhere.',
    }
    settings = MeasuredSettings
    pictured = "Measurements and predictions, residuals, learned terms, training"

    # ---- what `fit` is given ----------------------------------------------------------------------------------

    def refusal(self, name: str, value: Any) -> str:
        return f"`{name}` {self.refused[name]}"

    @abstractmethod
    def defaults(self, objective: Any, phases: Any) -> tuple[Any, Any]:
        """Objective and phases where they are None."""

    def chosen(
        self,
        objective: Any = None,
        phases: Any = None,
        seeds: Any = 1,
        report_every: Any = 50,
        *,
        loss: Any = None,
        holdout: Any = None,
        regularise: Any = None,
        cost: Any = None,
        rankings: Any = None,
        solver: Any = "auto",
        estimate_initial: Any = True,
    ) -> MeasuredSettings:
        """Settings that a user gave, checked."""
        objective, chosen = self.defaults(objective, phases)
        needs = (
            "e.g. `MultipleShooting(5)`, `Trajectory()`, `Collocation()`, `APriori()` or, for steppers, `Unrolled()`"
        )
        instance(objective, Objective, "objective", needs=needs)
        if isinstance(objective, Unrolled) and objective.curriculum:
            if phases is not None:
                raise OptionError(
                    "A `curriculum` makes the phases: Adam with its unroll lengths and learning rates. Leave out "
                    "`phases`, or give each phase its own objective: "
                    "`ude.Adam(1e-4, 500, objective=ude.Unrolled(steps=8))`."
                )
            chosen = tuple(Adam(rate, n, objective=part) for part, n, rate in objective.stages())
        return MeasuredSettings.checked(
            objective,
            chosen,
            seeds,
            report_every,
            loss=loss_of(loss),
            holdout=Holdout.of(holdout),
            regulariser=regulariser_of(regularise),
            costs=costs_of(cost),
            rankings=rankings_of(rankings),
            solver=solver_settings(solver),
            estimate_initial=flag(estimate_initial, "estimate_initial"),
        )

    def settle(
        self, model: Any, data: Any, objective: Any, phases: Any, seeds: Any, report_every: Any, **options: Any
    ) -> tuple[Any, Observations, MeasuredSettings]:
        if data is None:
            raise DataError(
                "`fit` needs measurements to train this model on, `ude.fit(model, dataset)`; or, with a `cost`, the "
                'times to solve for, `ude.fit(model, xr.Dataset(coords={"time": times}), cost=ude.Cost(...))`.'
            )
        unit, clock = options.pop("time_unit", None), options.pop("clock", None)
        settings = self.chosen(objective, phases, seeds, report_every, **options)
        model = self.fitted(model, settings)
        known = isinstance(data, Observations)
        observations = data if known else Observations.given(data, model, clock, unit, *settings.read_besides)
        model = starting_groups(model, observations.series)
        check_attributes(observations.dataset)
        settings = settings.at(observations.clock)
        train, _ = observations.split(settings.holdout)
        if not known and not observations.unmeasured:
            tell_doubts(data, model, observations, train, settings.estimate_initial)
        return model, observations, settings

    def fitted(self, model: Any, settings: MeasuredSettings) -> Any:
        """The model that these settings train."""
        return model

    # ---- what was trained -------------------------------------------------------------------------------------

    def trained(self, record: Record, theta: np.ndarray) -> Any:
        return trained_model(record, theta)

    def is_likelihood(self, record: Record, best: float) -> bool:
        return record.settings.loss.is_likelihood or best <= 0

    def concerns(self, fit: Fit) -> list[str]:
        return wrong_gradient(fit) if fit.record.history.iterations and switches(fit.model) else []

    # ---- tree and file ----------------------------------------------------------------------------------------

    def model_from_json(self, data: Mapping[str, Any]) -> Any:
        return Model.from_json(data)

    def dims(self, model: Any, name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
        return model.dims(name, shape)

    def group_values(self, record: Record) -> dict[str, tuple[str, list[Any], np.ndarray]]:
        groups = groups_of(record.model, record.observations.series)
        values = group_values(record.model, groups, record.layout, record.chosen_theta)
        return {name: (groups[name].per, list(groups[name].labels), found) for name, found in values.items()}

    def groups(self, record: Record) -> dict[str, xr.Dataset]:
        dataset = record.observations.dataset.copy()
        if record.observations.stream is not None:
            dataset.attrs["stream"] = json.dumps(record.observations.stream.reference)
        _, held = record.observations.split(record.settings.holdout)
        if held is not None:
            times = dataset["time"].values
            rows = np.broadcast_to(times, (dataset.sizes["trajectory"], times.shape[-1]))
            out = np.zeros(rows.shape, dtype=bool)
            for row, own, s in zip(out, rows, held.series, strict=True):
                row[np.searchsorted(own, s.times)] = True  # NaN, behind a row's end, is sorted last
            dataset = dataset.assign_coords(held_out=(("trajectory", time_dim(times)), out))
        return {"/observations": dataset}

    def read(self, tree: xr.DataTree, model: Any, settings: MeasuredSettings) -> dict[str, Any]:
        """The measurements, or the excerpt and the reference of those that were read in pieces."""
        dataset = tree["/observations"].to_dataset().drop_vars("held_out", errors="ignore").load()
        reference = dataset.attrs.pop("stream", None)
        found = Observations.of(dataset, model, None, *settings.read_besides)
        return {"observations": found if reference is None else found.with_stream(model, json.loads(reference))}

    def compute(self, fit: Fit) -> dict[str, xr.Dataset]:
        record, engine = fit.record, fit.engine
        times, theta = result_times(record.observations), record.chosen_theta
        prediction = predict(record, engine, times, theta)
        groups = {"/solution": prediction.solution}
        if prediction.events is not None:
            groups["/events"] = prediction.events
        if record.settings.rankings:
            groups["/rankings"] = ranked(fit, record.settings.rankings, theta)
        if record.model.learned:
            groups["/learned_term"] = learned_dataset(record, engine, times, prediction.states, theta)
        return {**groups, "/diagnostics": scores(record, prediction)}

    # ---- report -----------------------------------------------------------------------------------------------

    def title(self, record: Record) -> str:
        return str(record.observations.dataset.attrs.get("title") or super().title(record))

    def summary(self, record: Record) -> str:
        return ", ".join(record.observations.names)

    def size(self, record: Record) -> str:
        return f"{record.observations.count} measured values"

    def described(self, model: Any) -> tuple[str, str]:
        return "Equations", model.equations().text

    @abstractmethod
    def own_rows(self, record: Record) -> list[tuple[str, str]]:
        """How the model is solved, and where it starts."""

    def setting_rows(self, record: Record) -> list[tuple[str, str]]:
        rows = record.settings.rows()
        windowed = [s.objective for s in record.settings.stages() if isinstance(s.objective, Windowed)]
        words = [
            (kind.replace("_", " "), "; ".join(dict.fromkeys(short(o) for o in windowed if o.kind == kind)))
            for kind in dict.fromkeys(o.kind for o in windowed)
        ]
        return [*rows[:4], *self.own_rows(record), *words, *rows[4:], *self.shown_rows(record)]

    def shown_rows(self, record: Record) -> list[tuple[str, str]]:
        return [] if record.transferred is None else [("transfer", record.transferred.words)]

    def score_lines(self, record: Record, diagnostics: xr.Dataset) -> tuple[str, list[str]]:
        lines = []
        for row in score_rows(record, diagnostics):
            text = f"{row['variable']:<20} RMSE {row['rmse_training']} (R² {row['r_squared_training']})"
            if "rmse_held_out" in row:
                text += f", held out {row['rmse_held_out']} (R² {row['r_squared_held_out']})"
            lines.append(text)
        return "scores (best seed)", lines

    def sections(self, fit: Fit, **settings: Any) -> dict[str, str]:
        found = {"Equations": equations_of(fit.model), "Scores": score_table(fit)}
        if fit.record.settings.rankings:
            found["Rankings"] = ranking_table(fit)
        return {**found, "Data": data_pairs(fit.record)}

    def advice(self, fit: Fit) -> list[str]:
        return advice(fit)

    def plot(self, fit: Fit, path: Any = None, **settings: Any) -> Figure:
        from ..result.plot import overview

        return overview(fit, path, **settings)

    # ---- predictions ------------------------------------------------------------------------------------------

    def predicted(self, fit: Fit, time: Any, initial: Any, seed: Any, **more: Any) -> xr.Dataset:
        """Solutions along the data, or from somewhere else."""
        members = fit.members(seed)
        initial = (
            None if initial is None else mapping(initial, "initial", needs="a dict state → value", error=ModelError)
        )
        grid = self.times(fit, time, common=initial is not None)
        if time is not None:
            train, _ = fit.record.observations.split(fit.record.settings.holdout)
            warn_far(train, grid, None if initial is None else float(grid[0]))
            if initial is None:  # else `solve` tells
                warn_outside(fit.model, float(grid[0]), float(grid[-1]))
        if initial is None:
            result = self._along_data(fit, grid, members, **more)
        else:
            parts = [self.start_from(fit, initial, grid, member, **more) for member in members]
            result = xr.concat(parts, dim=xr.Variable("seed", list(members)))
        return result if seed == "all" else result.isel(seed=0, drop=True)

    def times(self, fit: Fit, time: Any, common: bool = False) -> np.ndarray:
        """Output times (K,) as model times; None: the measured ones."""
        observations = fit.record.observations
        if time is not None:
            return increasing(time, clock=observations.clock)
        return (common_times if common else result_times)(observations, 0)

    def check_times(self, record: Record, grid: np.ndarray) -> None:
        """Refuse times that solutions along the data don't reach."""

    @abstractmethod
    def start_from(self, fit: Fit, initial: Mapping[str, Any], grid: np.ndarray, seed: int, **more: Any) -> xr.Dataset:
        """One seed's solution from somewhere else; states left out start at their trained or known values."""

    def _along_data(
        self,
        fit: Fit,
        grid: np.ndarray,
        members: tuple[int, ...],
        conditions: Any = None,
        forcings: Any = None,
        events: Any = None,
        intervention: Any = None,
    ) -> xr.Dataset:
        """Solutions from the trained initial values of every trajectory, with its inputs or others."""
        settings = fit.record.settings
        solver = settings.solver
        if np.nanmax(grid) > np.nanmax(result_times(fit.record.observations)):  # further than training ever went
            solver = replace(solver, max_steps=10 * solver.max_steps)
        record = replace(fit.record, settings=replace(settings, seeds=members, solver=solver))
        theta = np.stack([fit.theta_of(s) for s in members])
        self.check_times(record, grid)
        given = conditions, forcings, events, intervention
        given = None if all(one is None for one in given) else given
        prediction = predict(record, fit.engine, grid, theta, inputs=given)
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

    # ---- looks ------------------------------------------------------------------------------------------------

    def rankings(self, fit: Fit, rankings: Any = None, seed: Any = None) -> xr.Dataset:
        """See `Fit.rankings`."""
        return rankings_of_fit(fit, rankings, seed)

    def rollout_metrics(self, fit: Fit, data: xr.Dataset | None = None, seed: int | None = None) -> xr.Dataset:
        """See `Fit.rollout_metrics`."""
        from ..result.rollout_metrics import metrics_of_fit

        return metrics_of_fit(fit, data, seed)

    def check_gradient(self, fit: Fit, **settings: Any) -> Any:
        """See `Fit.check_gradient`."""
        from ..audit.gradient import check_gradient

        return check_gradient(fit, **settings)

    def recover(self, fit: Fit, network: str | None = None, **settings: Any) -> Any:
        """See `Fit.recover`."""
        from ..audit.recovery import recover

        if fit.record.observations.unmeasured:
            raise DataError(
                "Formulas are judged by measurements, and this fit has goals alone. Look at the network itself: "
                "`fit.network(...)`."
            )
        return recover(fit, network, **settings)
