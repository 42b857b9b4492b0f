"""`BackwardProblem`: the solution of a parabolic equation at one point, trained along fresh random paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from ..backward import BackwardProblem, Martingale
from ..checks import instance, whole
from ..errors import OptionError
from ..optimise import Adam, CosineDecay
from ..result.backward_paths import along_paths, estimates
from ..result.backward_report import value_lines, value_table
from ..result.fit import Fit
from ..training.concerns import concerns_after
from ..training.kind import Kind, register_kind
from ..training.record import Record
from ..training.settings import FitSettings
from ..training.stage import Stage
from ..training.task import Course, Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..engine import Report

__all__ = ["BackwardKind"]

SHOWN = 32
"""Paths in the tree."""
TRIED, FINER = 2048, 4
"""Paths, and steps for one of training's, of the estimates in the tree."""


@dataclass(frozen=True, kw_only=True)
class BackwardSettings(FitSettings):
    """See `unideq.fit`."""

    objective: Martingale

    @classmethod
    def of(
        cls, problem: BackwardProblem, objective: Any, phases: Any, seeds: Any, report_every: Any
    ) -> BackwardSettings:
        """Check and normalise what a user gave."""
        chosen = _checked(Martingale() if objective is None else objective, "")
        chosen.check(problem)
        phases = Adam(CosineDecay(1e-3), 1000) if phases is None else phases
        made = cls.checked(chosen, phases, seeds, report_every)
        for phase in made.phases:
            if phase.objective is not None:
                _checked(phase.objective, type(phase).__name__)
        return made


def _checked(given: Any, of: str) -> Martingale:
    return instance(given, Martingale, "objective", of, needs="`ude.Martingale(...)`, for a backward problem")


class BackwardTask(Task):
    """A backward problem, judged by fixed paths."""

    problem: BackwardProblem

    def judged(self, stage: Stage, theta: np.ndarray) -> np.ndarray:
        """Totals (S,) there."""
        assert isinstance(stage.objective, Martingale)
        return np.asarray(self.engine.value(stage.objective.validation(self.problem), theta).total)

    def course(self, record: Record, stage: Stage) -> Course:
        return BackwardCourse(self, record, stage)

    def conclude(self, record: Record) -> list[str]:
        return concerns_after(record, self.start)

    def header(self, record: Record, engine: str, seeds: str) -> str:
        return f"{super().header(record, engine, seeds)}, {self.settings.objective.paths} paths"  # type: ignore[attr-defined]


class BackwardCourse(Course):
    """A stage on fresh paths."""

    task: BackwardTask

    def build(self) -> None:
        super().build()
        if self.record.iteration == 0:
            self.record.best_theta = self.record.theta.copy()
            self.record.best_total = self.task.judged(self.stage, self.record.theta)

    def log(self, report: Report, due: bool) -> None:
        if due:
            self.keep_best(self.task.judged(self.stage, report.theta))


@register_kind(BackwardProblem)
class BackwardKind(Kind):
    """`BackwardProblem`."""

    words = "backward problems"
    file = "backward_fit"
    of = " of a backward problem"
    described_as = "problem"
    computed = ("solution", "diagnostics")
    refused: ClassVar[Mapping[str, str]] = {
        "data": "they are trained on fresh paths, `ude.Martingale(paths=64)`. Leave it out",
        **dict.fromkeys(
            ("solver", "time_unit"), "paths are made by Euler–Maruyama's rule in the problem's `steps`. Leave it out"
        ),
        "loss": "theirs is the mean square of g(X) − Y",
        "holdout": "all paths are fresh, and `fit.tree['diagnostics']` is of others",
        "balance": 'they have one term; with `learns="solution"`, two of one kind',
        **dict.fromkeys(("cost", "regularise"), "use `AdamW` with its `weight_decay`"),
        "rankings": "they have no inputs to intervene in",
        "estimate_initial": "paths start at the problem's `initial`",
    }
    instead: ClassVar[Mapping[str, str]] = {
        "residuals": "How far Y misses g(X) is in `fit.tree['diagnostics']`.",
        "error": "Compare `fit.tree['diagnostics']['u0']` with what is known; its interval stands beside.",
        "rollout_metrics": "Paths are random: `fit.tree['diagnostics']` says how well they end.",
        "check_gradient": "Gradients are of graphs along paths, without a solver.",
        "recover": "Take z at points, `fit.model(t, x)`, and search formulas for those.",
        "transfer": "Begin another problem there, `problem.initialised_from(fit.model)`, and `ude.fit` that.",
        "rankings": "They have no inputs to intervene in.",
        "export_julia": "`fit.model.save(path)` writes the trained problem.",
    }
    settings = BackwardSettings
    task = BackwardTask
    total = "loss on fixed paths"
    judged_by = "paths that training never sees"
    best_by = "loss on fixed paths"
    pictured = "The value at the start, the solution along paths, their ends, losses"

    def chosen(self, *given: Any, **options: Any) -> BackwardSettings:
        return BackwardSettings.of(*given, **options)

    def settle(
        self, model: Any, data: Any, objective: Any, phases: Any, seeds: Any, report_every: Any, **options: Any
    ) -> tuple[Any, None, BackwardSettings]:
        if data is not None:
            raise OptionError(self.refusal("data", data))
        return model, None, self.chosen(model, objective, phases, seeds, report_every)

    # ---- tree and file ----------------------------------------------------------------------------------------

    def model_from_json(self, data: Mapping[str, Any]) -> BackwardProblem:
        return BackwardProblem.from_json(data)

    def dims(self, model: Any, name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
        return ("noise",) * len(shape)

    def compute(self, fit: Fit) -> dict[str, xr.Dataset]:
        theta = fit.record.chosen_theta
        return {
            "/solution": along_paths(fit.engine, fit.model, theta, fit.seeds, SHOWN, 0),
            "/diagnostics": estimates(fit.engine, fit.model, theta, fit.seeds, TRIED, FINER),
        }

    # ---- report -----------------------------------------------------------------------------------------------

    def title(self, record: Record) -> str:
        return f"Backward fit in {record.model.dimension} dimensions"

    def summary(self, record: Record) -> str:
        return "u(t₀, x₀)"

    def size(self, record: Record) -> str:
        return f"{record.model.dimension} dimensions, {record.model.steps} steps"

    def described(self, model: Any) -> tuple[str, str]:
        return "Problem", model.describe()

    def setting_rows(self, record: Record) -> list[tuple[str, str]]:
        return [*record.settings.rows(), ("paths", f"{record.settings.objective.paths} fresh ones in an iteration")]

    def score_lines(self, record: Record, diagnostics: xr.Dataset) -> tuple[str, list[str]]:
        return "u(t₀, x₀) by seeds", value_lines(diagnostics)

    def sections(self, fit: Fit, **settings: Any) -> dict[str, str]:
        return {"Value": value_table(fit.tree["/diagnostics"].to_dataset())}

    def plot(self, fit: Fit, path: Any = None, **settings: Any) -> Figure:
        from ..result.plot import backward_overview

        return backward_overview(fit, path, **settings)

    # ---- values -----------------------------------------------------------------------------------------------

    def predict(self, fit: Fit, paths: Any = 64, *, draw: Any = 1, seed: int | str | None = None) -> xr.Dataset:
        """See `Fit.predict`."""
        count, number = whole(paths, "paths", "predict", least=1), whole(draw, "draw", "predict", least=0)
        members = fit.members(seed)
        theta = np.stack([fit.theta_of(s) for s in members])
        found = along_paths(fit.engine, fit.model, theta, members, count, number)
        return found if seed == "all" else found.isel(seed=0, drop=True)
