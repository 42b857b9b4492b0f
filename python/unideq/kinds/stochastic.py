"""Models with noise, `SDE`: trained by likelihoods and by distributions, and seen as bands of paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from ..checks import choice, mapping, refused, sequence, whole
from ..errors import DataError, ModelError, OptionError
from ..model import SDE
from ..model.stochastic.schemes import SCHEMES
from ..objective import DistributionMatching, FilterLikelihood, Observations, TransitionLikelihood
from ..objective.windowed import Windowed
from ..optimise import BFGS, Adam
from ..result.fit import Fit
from ..result.one_step import diagnosed, one_step
from ..result.paths import QUANTILES, bands
from ..result.report_sections import score_table
from ..result.sampling import labelled, learned_dataset
from ..times import increasing
from ..training.judge import Judge, windows_judge
from ..training.kind import register_kind
from ..training.record import Record
from ..training.stage import Stage
from .measured import Measured
from .measured_settings import MeasuredSettings
from .measured_task import MeasuredTask

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Stochastic"]


class StochasticTask(MeasuredTask):
    """An SDE on measurements."""

    def _judge_of_held_out(self, held: Observations) -> Judge:
        windowed = [s.objective for s in self.stages if isinstance(s.objective, Windowed)]
        last = self.stages[-1].objective
        if isinstance(last, FilterLikelihood):
            bare = replace(self.problem.with_observations(held), regulariser=None, populations=False)
            program = last.judged(bare, self.observations)
            return lambda theta: np.asarray(self.engine.value(program, theta).total)
        return windows_judge(self.engine, windowed[-1], self.problem, self.observations)

    def why_gave_up(self, record: Record, stage: Stage, tried: str) -> str:
        return (
            f"in {stage.label}, {tried} (infinite densities or paths); best parameters so far kept. Try a smaller "
            "learning rate, more `substeps`, or a diffusion that stays positive, e.g. "
            '`output_activation="softplus"` of its network.'
        )


@register_kind(SDE)
class Stochastic(Measured):
    """`SDE`."""

    words = "models with noise"
    task = StochasticTask
    computed = ("solution", "learned_term", "diagnostics")
    options = ("time_unit", "loss", "holdout", "regularise")
    judged_by = "transitions or windows that mini-batches are judged by"
    pictured = "Measurements and bands of paths, residuals of one step, learned terms, training"
    refused: ClassVar[Mapping[str, str]] = {
        **Measured.refused,
        "cost": "is an integral along one solution, and an `SDE` has many. Leave it out.",
        "rankings": "are about solutions without noise. Leave them out.",
        "solver": "is for ordinary equations. Schemes are named where paths are drawn: `model.solve(..., scheme=...)`.",
        "estimate_initial": "is for ordinary equations. `FilterLikelihood(spread=...)` says what is known of a start.",
    }
    instead: ClassVar[Mapping[str, str]] = {
        **Measured.instead,
        "export_julia": "A script of ordinary equations would leave out the noise. Save the fit, or the model.",
        "rollout_metrics": "Compare distributions: `fit.audit()`.",
        "recover": "Take the values of a network at points, `fit.network(...)`, and search formulas for those.",
    }
    rollout_metrics = recover = rankings = None  # type: ignore[assignment]

    def defaults(self, objective: Any, phases: Any) -> tuple[Any, Any]:
        objective = TransitionLikelihood() if objective is None else objective
        if phases is not None:
            return objective, phases
        searched = getattr(objective, "batch", None) is None
        return objective, (Adam(1e-2, 500), BFGS(300)) if searched else (Adam(1e-2, 1000),)

    def chosen(self, objective: Any = None, phases: Any = None, *given: Any, **options: Any) -> MeasuredSettings:
        found = replace(super().chosen(objective, phases, *given, **options), estimate_initial=False)
        for one in (s.objective for s in found.stages()):
            if not isinstance(one, (TransitionLikelihood, FilterLikelihood, DistributionMatching)):
                raise OptionError(
                    f"`{type(one).__name__}` follows one solution, and an `SDE` has many. Take "
                    "`ude.TransitionLikelihood()`, `ude.FilterLikelihood()` or `ude.DistributionMatching()`."
                )
        return found

    def is_likelihood(self, record: Record, best: float) -> bool:
        return True

    def concerns(self, fit: Fit) -> list[str]:
        return []

    def method(self, record: Record) -> str:
        objective = record.settings.stages()[-1].objective
        return {"transitions": "transition likelihood", "filter": "Kalman filter"}.get(objective.kind, "distributions")

    def setting_rows(self, record: Record) -> list[tuple[str, str]]:
        filtered = any(isinstance(s.objective, FilterLikelihood) for s in record.settings.stages())
        return [row for row in super().setting_rows(record) if filtered or row[0] != "loss"]

    def own_rows(self, record: Record) -> list[tuple[str, str]]:
        return [("noise", f"{record.model.noise}, {record.model.calculus.replace('ito', 'Itô').capitalize()}")]

    # ---- tree -------------------------------------------------------------------------------------------------

    def compute(self, fit: Fit) -> dict[str, xr.Dataset]:
        record = fit.record
        found = one_step(record, fit.engine, record.chosen_theta)
        drawn = bands(record, fit.engine, fit.seeds, record.chosen_theta)
        groups = {"/solution": labelled(drawn, record)}
        if record.model.learned:
            times = found["time"].values
            groups["/learned_term"] = learned_dataset(
                record, fit.engine, times, found["mean"].values, record.chosen_theta
            )
        return {**groups, "/diagnostics": diagnosed(record, found)}

    # ---- report -----------------------------------------------------------------------------------------------

    def sections(self, fit: Fit, **settings: Any) -> dict[str, str]:
        note = (
            "<p>Errors are those of predictions from one measured time to the next; <em>spread</em> is the standard "
            "deviation of such errors in units of the predicted one: 1 where the noise is right.</p>"
        )
        found = super().sections(fit, **settings)
        return {**found, "Scores": score_table(fit) + note}

    def plot(self, fit: Fit, path: Any = None, **settings: Any) -> Figure:
        from ..result.plot.bands import stochastic_overview

        return stochastic_overview(fit, path, **settings)

    # ---- predictions ------------------------------------------------------------------------------------------

    def predict(
        self,
        fit: Fit,
        time: Any = None,
        initial: Any = None,
        seed: Any = None,
        *,
        paths: int = 500,
        quantiles: Any = QUANTILES,
        noise_seed: int = 0,
        dt: float | None = None,
        scheme: str = "auto",
        conditions: Mapping[str, Any] | None = None,
        steps: None = None,
    ) -> xr.Dataset:
        """Quantiles of paths, or the paths themselves with `quantiles=None`; see `Fit.predict`."""
        if steps is not None:
            raise OptionError("`steps` is for steppers; give this model `time`.")
        paths, noise_seed = (
            whole(paths, "paths", "predict", least=2),
            whole(noise_seed, "noise_seed", "predict", least=0),
        )
        choice(scheme, "scheme", SCHEMES, "predict")
        levels = None if quantiles is None else _levels(quantiles)
        members, record = fit.members(seed), fit.record
        grid = None if time is None else increasing(time, clock=record.observations.clock)
        theta = np.stack([fit.theta_of(s) for s in members])
        settings = {"paths": paths, "seed": noise_seed, "dt": dt, "scheme": scheme, "levels": levels}
        if initial is None:
            if conditions is not None:
                raise OptionError("`conditions` go with `initial`; along the data they come from its coordinates.")
            found = labelled(bands(record, fit.engine, members, theta, grid, **settings), record)
            found = found.isel(trajectory=0, drop=True) if found.sizes["trajectory"] == 1 else found
        else:
            mapping(initial, "initial", needs="a dict state → value", error=ModelError)
            if grid is None or len(grid) < 2:
                raise DataError("Paths from somewhere else need `time`: two output times at least.")
            parts = []
            for member in members:
                drawn = fit.trained(member).solve(
                    grid, initial, None, paths=paths, seed=noise_seed, dt=dt, scheme=scheme, conditions=conditions,
                    engine=fit.engine,
                )  # fmt: skip
                parts.append(drawn if levels is None else drawn.quantile(list(levels), "path"))
            joined: xr.Dataset = xr.concat(parts, dim=xr.Variable("seed", list(members)))  # type: ignore[assignment]
            found = labelled(joined, record)
        return found if seed == "all" else found.isel(seed=0, drop=True)

    def start_from(self, fit: Fit, initial: Any, grid: np.ndarray, seed: int, **more: Any) -> xr.Dataset:
        raise NotImplementedError


def _levels(given: Any) -> tuple[float, ...]:
    def level(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise refused(value, "quantiles", "predict", "numbers from 0 to 1, or None for the paths themselves")
        return float(value)

    return tuple(sequence(given, "quantiles", "predict", needs="a list of numbers from 0 to 1", each=level, least=1))
