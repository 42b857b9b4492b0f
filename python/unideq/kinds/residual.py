"""`ResidualProblem`: networks are the solution, trained on the residuals of equations at points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from ..checks import array, sequence
from ..errors import DataError, OptionError, unknown
from ..residual import Residual, ResidualProblem
from ..residual.samplers import Uniform
from ..result.fit import Fit
from ..result.residual_points import evaluate_at, places_of
from ..result.residual_report import UNAUDITED, error_table, lost_seeds, residual_table
from ..result.rows import rms_rows
from ..training.kind import Kind, register_kind
from ..training.record import Record
from ..training.stage_points import StagePoints
from .residual_settings import ResidualSettings
from .residual_task import ResidualTask

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ResidualKind"]

_NOTHING_SOLVED = "nothing is solved in time, the networks are the solution. Leave it out"


@register_kind(ResidualProblem)
class ResidualKind(Kind):
    """`ResidualProblem`."""

    words = "residual problems"
    file = "residual_fit"
    of = " of a residual problem"
    described_as = "problem"
    computed = ("solution", "residual", "diagnostics")
    options = ("balance",)
    refused: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("solver", "time_unit"), _NOTHING_SOLVED),
        "data": "measurements are terms of theirs, `ude.Data(dataset)`",
        "loss": "their terms are mean squares of residuals, scaled by `weight` and `balance`",
        "holdout": "they are judged by fixed points of their own; compare with held-back data by "
        "`fit.error(reference)`, and stop by `callback`",
        "cost": "add a term to the problem",
        "regularise": "add a term to the problem, or use `AdamW` with its `weight_decay`",
        "estimate_initial": "initial values are terms, `ude.Initial(...)`",
    }
    instead: ClassVar[Mapping[str, str]] = {
        "rollout_metrics": "Nothing is rolled out: compare with `fit.error(reference)`.",
        "check_gradient": "Gradients are of graphs at points, without a solver; `fit.audit()` looks at them.",
        "recover": "Take the values of a network at points, `fit.predict(...)`, and search formulas for those.",
        "transfer": "Their measurements are terms: put the new ones into a problem of the same networks, begin there, "
        '`problem.initialised_from(fit.model)`, freeze what shall stay, `.frozen("NAME")`, and `ude.fit` that.',
        "export_julia": "There is nothing to solve: `fit.predict(...)` gives the fields.",
    }
    settings = ResidualSettings
    task = ResidualTask
    total = "validation total"
    judged_by = "validation points, with the terms' own weights"
    best_by = "validation total"
    pictured = "Fields, residuals, losses, weights, parameters"

    def chosen(self, *given: Any, **options: Any) -> ResidualSettings:
        return ResidualSettings.of(*given, **options)

    def settle(
        self, model: Any, data: Any, objective: Any, phases: Any, seeds: Any, report_every: Any, **options: Any
    ) -> tuple[Any, None, ResidualSettings]:
        if data is not None:
            raise OptionError(self.refusal("data", data))
        return model, None, self.chosen(model, objective, phases, seeds, report_every, **options)

    def shown_rows(self, record: Record) -> list[tuple[str, str]]:
        balance = record.settings.balance.text
        return [("balance", balance)] if balance else []

    # ---- tree and file ----------------------------------------------------------------------------------------

    def model_from_json(self, data: Mapping[str, Any]) -> ResidualProblem:
        return ResidualProblem.from_json(data)

    def groups(self, record: Record) -> dict[str, xr.Dataset]:
        """The points that every term used last."""
        stages = record.settings.stages()
        number = min(record.stage, len(stages) - 1)
        # Between two stages the one before was the last that used any.
        iteration = stages[number].iterations if number < record.stage else record.iteration
        if not stages[number].phase.first_order:
            iteration = 0
        objective = stages[number].objective
        assert isinstance(objective, Residual)
        points = StagePoints(objective, record.model, number, dict(record.points))
        found = {}
        for name in record.model.residuals:
            columns = points.of(name, max(iteration - 1, 0)).items()
            found[f"/points/{name}"] = xr.Dataset(
                {n: ("point", np.asarray(v), {"long_name": f"{n} of the points used last"}) for n, v in columns},
                attrs={"adaptive": int(name in record.points)},
            )
        return found

    def read(self, tree: xr.DataTree, model: Any, settings: Any) -> dict[str, Any]:
        points = {
            str(name): {str(n): np.asarray(v.values) for n, v in node.data_vars.items()}
            for name, node in tree["/points"].children.items()
            if node.attrs["adaptive"]
        }
        return {"points": points}

    def compute(self, fit: Fit) -> dict[str, xr.Dataset]:
        problem = fit.model
        return {
            "/solution": _at(fit, places_of(problem, None, None, {}), "all", {"": problem.solution}),
            "/residual": self.residuals(fit, seed="all"),
            "/diagnostics": _diagnostics(fit),
        }

    # ---- report -----------------------------------------------------------------------------------------------

    def title(self, record: Record) -> str:
        return f"Residual fit of {self.summary(record)} over {', '.join(record.model.domain.names)}"

    def summary(self, record: Record) -> str:
        return ", ".join(record.model.field_names)

    def size(self, record: Record) -> str:
        return f"{len(record.model.terms)} terms"

    def described(self, model: Any) -> tuple[str, str]:
        return "Problem", model.describe()

    def setting_rows(self, record: Record) -> list[tuple[str, str]]:
        s, problem = record.settings, record.model
        counts = [
            f"{name}: {s.objective.count(problem, name)}"
            for name, term in problem.terms.items()
            if term.given(problem.domain) is None
        ]
        samplers = [f"{n}: {t.sampler!r}" for n, t in problem.terms.items() if t.sampler is not None]
        own = [stage.label for stage in s.stages() if stage.phase.objective is not None]
        stages, seeds = s.rows()
        return [
            stages,
            ("points", ", ".join(counts) + (f"; {', '.join(own)}: their own" if own else "")),
            ("sampler", "; ".join([repr(s.objective.sampler or Uniform()), *samplers])),
            ("balance", s.balance.text or "none"),
            seeds,
        ]

    def score_lines(self, record: Record, diagnostics: xr.Dataset) -> tuple[str, list[str]]:
        lines = [f"{name:<20} {value:>12}" for name, value in rms_rows(record, diagnostics)]
        return "root mean square residuals at validation points (best seed)", lines

    def sections(self, fit: Fit, reference: xr.Dataset | None = None) -> dict[str, str]:
        errors = {} if reference is None else {"Errors": error_table(fit, reference)}
        return {"Residuals": residual_table(fit), **errors, "Audit": UNAUDITED}

    def advice(self, fit: Fit) -> list[str]:
        return lost_seeds(fit)

    def plot(self, fit: Fit, path: Any = None, **settings: Any) -> Figure:
        from ..result.plot import residual_overview

        return residual_overview(fit, path, **settings)

    # ---- values -----------------------------------------------------------------------------------------------

    def predict(
        self, fit: Fit, points: Any = None, *, grid: Any = None, seed: int | str | None = None, **coordinates: Any
    ) -> xr.Dataset:
        """See `Fit.predict`."""
        places = places_of(fit.model, points, grid, coordinates)
        return _at(fit, places, seed, {"": fit.model.solution}, points is None)

    def residuals(
        self,
        fit: Fit,
        points: Any = None,
        *,
        terms: str | Sequence[str] | None = None,
        grid: Any = None,
        seed: int | str | None = None,
        **coordinates: Any,
    ) -> xr.Dataset:
        """See `Fit.residuals`."""
        problem = fit.model
        interior = [n for n, t in problem.terms.items() if t.kind == "interior"]
        listed = (terms,) if isinstance(terms, str) else terms
        chosen = (
            interior if listed is None else sequence(listed, "terms", needs="the name of a term, or a list of them")
        )
        for name in chosen:
            if name not in problem.residuals:
                raise unknown("term", name, problem.residuals)
            columns = [n for n in problem.residuals[name].input_names if n not in (*problem.domain.names, "theta")]
            if columns:
                listing = ", ".join(f"`at.{c}`" for c in columns)
                raise OptionError(f"The residual of `{name}` needs {listing}, known at its own points only.")
        places = places_of(problem, points, grid, coordinates)
        return _at(fit, places, seed, {n: problem.residuals[n] for n in chosen}, points is None)

    def error(self, fit: Fit, reference: xr.Dataset, seed: int | str | None = None) -> xr.Dataset:
        """See `Fit.error`."""
        if not isinstance(reference, xr.Dataset):
            raise DataError(
                f"`error` needs an xarray Dataset with fields over coordinates, not {type(reference).__name__}."
            )
        names = [n for n in fit.model.solution.outputs if n in reference.data_vars]
        if not names:
            raise DataError(
                f"The reference has none of the fields {', '.join(fit.model.solution.outputs)}, only "
                f"{', '.join(map(str, reference.data_vars)) or 'nothing'}."
            )
        predicted = fit.predict(reference, seed=seed)
        errors = {}
        for name in names:
            truth = reference[name]
            array(truth.values, name, "reference", finite=False, error=DataError)
            difference = (predicted[name] - truth) ** 2
            over = [d for d in difference.dims if d != "seed"]
            norm = (truth**2).sum()
            errors[name] = np.sqrt(difference.sum(over) / norm)
            errors[name].attrs = {"long_name": f"relative L2 error of {name}"}
        return xr.Dataset(errors)


def _at(fit: Fit, places: Any, seed: Any, graphs: Mapping[str, Any], inside: bool = True) -> xr.Dataset:
    """Outputs of graphs at places, of one seed or of all."""
    members = fit.members(seed)
    theta = np.stack([fit.theta_of(s) for s in members])
    found = evaluate_at(fit.model, fit.engine, graphs, theta, members, places, inside)
    return found if seed == "all" else found.isel(seed=0, drop=True)


def _diagnostics(fit: Fit) -> xr.Dataset:
    """Root mean squares of all residuals at the validation points."""
    program = fit.record.settings.objective.validation(fit.model)
    value = fit.engine.value(program, fit.record.chosen_theta)
    names = list(value.terms)
    return xr.Dataset(
        {
            "rms": (
                ("seed", "residual"),
                np.sqrt(np.stack([value.terms[n] for n in names], axis=1)),
                {"long_name": "root mean square of the residual at validation points"},
            ),
            "validation_total": (("seed",), np.asarray(value.total), {"long_name": "total at validation points"}),
        },
        coords={"seed": list(fit.seeds), "residual": np.array(names, dtype=str)},
    )
