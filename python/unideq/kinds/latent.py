"""`Latent` models: solutions begin where an encoder says, of the measurements of each series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from ..checks import number
from ..errors import DataError, OptionError
from ..model import Latent
from ..objective import GaussianLikelihood, Observations, Trajectory
from ..optimise import Adam
from ..result.encoding import begins
from ..result.fit import Fit
from ..result.sampling import problem_on
from ..solvers import solver_settings
from ..solvers.table import Euler
from ..training.kind import register_kind
from ..training.record import Record
from ..training.stage import Stage
from .continuous import Continuous, ContinuousTask
from .measured_settings import MeasuredSettings
from .measured_task import MeasuredCourse

__all__ = ["LatentKind"]

ALIKE = 1e-3
"""Begins, of size one, that differ by less are the same."""


class LatentTask(ContinuousTask):
    """A latent model on series. `initial.*` of θ is what the encoder says of them; nothing else moves it."""

    def begun(self, theta: np.ndarray) -> np.ndarray:
        """θ (S, P) with the begins that belong to it."""
        return begins(self.problem, self.engine, theta)

    def first_theta(self) -> np.ndarray:
        return self.begun(super().first_theta())

    def begin(self, record: Record) -> list[str]:
        record.theta, record.best_theta = self.begun(record.theta), self.begun(record.best_theta)
        return super().begin(record)

    def course(self, record: Record, stage: Stage) -> MeasuredCourse:
        return LatentCourse(self, record, stage)


class LatentCourse(MeasuredCourse):
    """A stage after whose reports the best parameters are given their begins."""

    task: LatentTask

    def log(self, report: Any, due: bool) -> np.ndarray | None:
        record, found = self.record, super().log(report, due)
        record.best_theta = self.task.begun(record.best_theta)
        if record.held_theta is not None:
            record.held_theta = self.task.begun(record.held_theta)
        return found


@register_kind(Latent)
class LatentKind(Continuous):
    """`Latent`."""

    words = "latent models"
    task = LatentTask
    options = ("time_unit", "loss", "holdout", "regularise", "solver")
    refused: ClassVar[Mapping[str, str]] = {
        **Continuous.refused,
        "cost": "is about states that have a meaning before training. Write it into the dynamics, or leave it out.",
        "rankings": "is for models whose trajectories begin at values of their own. Fit the dynamics themselves.",
        "estimate_initial": "is for initial values that are parameters; here the encoder says where series begin.",
    }
    # ---- what `fit` is given ----------------------------------------------------------------------------------

    def defaults(self, objective: Any, phases: Any) -> tuple[Any, Any]:
        return Trajectory() if objective is None else objective, (Adam(1e-2, 1000),) if phases is None else phases

    def settle(
        self, model: Any, data: Any, objective: Any, phases: Any, seeds: Any, report_every: Any, **options: Any
    ) -> tuple[Any, Observations, MeasuredSettings]:
        if model.variational and options.get("loss") is None:
            options["loss"] = GaussianLikelihood()
        if model.step is not None:
            given, own = solver_settings(options.get("solver", "auto")), Euler(dt=model.step)
            if given.name != "auto" and (given.name, given.dt) != (own.name, own.dt):
                raise OptionError(
                    f"The dynamics are a map in steps of {model.step:g}, which no solver but their own makes. Leave "
                    "out `solver`."
                )
            options["solver"] = own if given.name == "auto" else given
        model, observations, settings = super().settle(model, data, objective, phases, seeds, report_every, **options)
        train, _ = observations.split(settings.holdout)
        return model.reading_like(train.series), observations, settings

    def fitted(self, model: Latent, settings: MeasuredSettings) -> Latent:
        for stage in settings.stages():
            if not isinstance(stage.objective, Trajectory):
                raise OptionError(
                    f"`{type(stage.objective).__name__}` isn't for latent models, whose states nobody measures. Use "
                    "`ude.Trajectory(batch=100)`."
                )
            if model.variational and not stage.phase.first_order:
                raise OptionError(
                    f"`{type(stage.phase).__name__}` compares values of one function along a line, and a variational "
                    "encoder's begins are drawn anew in every iteration. Use Adam, AdamW or SOAP."
                )
        if model.variational and not settings.loss.is_likelihood:
            raise OptionError(
                "A variational encoder's bound needs a likelihood, against which the divergence is weighed. Give "
                '`loss="gaussian"`, or `ude.GaussianLikelihood(sigma={...})` where the noise is known.'
            )
        if settings.loss.whole:
            raise OptionError(
                "`SeriesLoss` is of whole series, and a latent model is trained on batches of measurements. Take "
                "another loss."
            )
        return model

    def concerns(self, fit: Fit) -> list[str]:
        """Also of an encoder that tells no series from another."""
        found, record = super().concerns(fit), fit.record
        begun = [(s, fit.parameters[f"initial.{s.name}"] / (s.scale or 1.0)) for s in record.model.begun]
        if len(record.observations) > 1 and all(np.ptp(values, axis=0).max() < ALIKE for _, values in begun):
            remedy = "Lower `prior_weight`" if record.model.variational else "Train longer, or with a larger rate"
            found.append(
                f"the encoder lets all {len(record.observations)} series begin alike (within {ALIKE:g}): it has "
                f"learned nothing of them. {remedy}, and check that the decoder shows what differs between them."
            )
        return found

    def own_rows(self, record: Record) -> list[tuple[str, str]]:
        (solver, _), model = super().own_rows(record), record.model
        read = "all measurements" if model.context is None else f"measurements up to {model.context:g} after the start"
        drawn = ", as distributions" if model.variational else ""
        return [solver, ("initial values", f"by {model.encoder!r} from {read}{drawn}")]

    # ---- predictions ------------------------------------------------------------------------------------------

    def predict(
        self,
        fit: Fit,
        time: Any = None,
        initial: Any = None,
        seed: Any = None,
        *,
        data: Any = None,
        since: Any = None,
        **more: Any,
    ) -> xr.Dataset:
        """See `Fit.predict`."""
        if data is None:
            if since is not None:
                raise OptionError("`since` says up to when measurements of `data` are read: give both.")
            return super().predict(fit, time, initial, seed, **more)
        if initial is not None:
            raise OptionError("`initial` and `data` both say where solutions begin. Give one of them.")
        found = super().predict(of_series(fit, data, since), time, None, seed, **more)
        return found if since is None else found.assign_attrs(encoded_until=float(since))


def of_series(fit: Fit, data: Any, since: Any) -> Fit:
    """The same fit to other series, whose begins its encoder reads off them; nothing is trained.

    `since`: time up to which measurements are read; those behind it aren't, whatever they are.
    """
    record, clock = fit.record, fit.record.observations.clock
    given = Observations.given(data, record.model, clock)
    limit = None if since is None else float(number(since, "since", "predict", error=OptionError))
    kept = tuple(s.select(s.times <= (np.inf if limit is None else limit)) for s in given.series)
    for whole, s in zip(given.series, kept, strict=True):
        if not any(np.isfinite(v).any() for v in s.values.values()):
            raise DataError(
                f"Trajectory {whole.label!r} has no measurement up to `since` = {limit:g}, and the encoder needs one. "
                "Forecast from a later time."
                if limit is not None
                else f"Trajectory {whole.label!r} has no measurement, and the encoder needs one. Leave it out."
            )
    settings = replace(record.settings, holdout=None)
    moved = replace(record, observations=given, settings=settings)
    problem = problem_on(given, given, record.model, settings)
    rows = record.model.rows_read(kept, kept)
    size = record.model.layout.size
    own = [e.name for e in record.layout.of_kind("noise")]
    base = []
    for theta in record.chosen_theta:
        values = record.layout.unpack(theta)
        row = problem.layout.pack({n: values[n] for n in own}, problem.initial_theta(0))
        row[:size] = theta[:size]
        base.append(row)
    theta = begins(replace(problem, rows_read=rows), fit.engine, np.stack(base))
    return Fit(replace(moved, layout=problem.layout, best_theta=theta, held_theta=theta.copy()), fit.engine)
