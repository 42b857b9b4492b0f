"""`ResidualFit`: what comes back from training a `ResidualProblem`: its fields, residuals, errors, pictures, file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..checks import array, sequence
from ..engine import Engine
from ..engine.deferred import Deferred
from ..errors import DataError, OptionError, unknown
from ..residual import ResidualProblem
from ..training.residual_record import ResidualTraining
from .file import read_tree
from .residual_points import evaluate_at, places_of
from .residual_tree import residual_from_tree, residual_groups
from .trained import Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ResidualFit"]

COMPUTED = ("solution", "residual", "diagnostics")


class ResidualFit(Trained[ResidualTraining]):
    """The trained networks of a residual problem, with their history and settings.

    Made by `unideq.fit` or `Fit.load`.

    Attributes
    ----------
    record
        All that training left behind (`unideq.training.ResidualTraining`).
    engine
        The engine that computes predictions.
    """

    def __init__(
        self, record: ResidualTraining, engine: Engine, computed: Mapping[str, xr.Dataset] | None = None
    ) -> None:
        super().__init__(record, engine)
        self._computed: dict[str, xr.Dataset] | None = None if computed is None else dict(computed)

    @cached_property
    def problem(self) -> ResidualProblem:
        """The trained problem (of the best seed, see `trained`); `fit.record.problem` is the one that was given."""
        return self.trained()

    def trained(self, seed: int | None = None) -> ResidualProblem:
        """The problem with the trained parameters and weights, of the best seed or of another one."""
        return self.record.problem.with_theta(self._theta_of(seed))

    def _groups(self, compute: bool = True) -> dict[str, xr.Dataset]:
        if self._computed is None and compute:
            self._computed = {
                "/solution": self._at(places_of(self.problem, None, None, {}), "all", {"": self.problem.solution}),
                "/residual": self.residuals(seed="all"),
                "/diagnostics": self._diagnostics(),
            }
        return {**residual_groups(self.record), **(self._computed or {}), **self._added}

    def _diagnostics(self) -> xr.Dataset:
        """Root mean squares of all residuals at the validation points."""
        program = self.record.settings.objective.validation(self.problem)
        value = self.engine.value(program, self.record.chosen_theta)
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
            coords={"seed": list(self.seeds), "residual": np.array(names, dtype=str)},
        )

    # ---- values -----------------------------------------------------------------------------------------------

    def predict(
        self,
        points: xr.Dataset | Mapping[str, Any] | None = None,
        *,
        grid: int | Mapping[str, int] | None = None,
        seed: int | str | None = None,
        **coordinates: Any,
    ) -> xr.Dataset:
        """The fields (and outputs) where you want them.

        Parameters
        ----------
        points
            Scattered points: dict coordinate → (M,), or a Dataset with the coordinates.
        grid
            Points an axis of an even grid over the domain, one number or coordinate → number; default 401 with one
            coordinate, 101 with two, 41 with three. Points outside a domain of another shape than its box are NaN.
        seed
            A seed, `"all"` for all of them (a `seed` dimension), or None for the best.
        coordinates
            `x=...`: axes of the grid, or numbers where it is cut; those left out are the grid's.

        Returns
        -------
        xarray.Dataset
            Fields over (seed,) and dims named after the coordinates, or `point`.

        Raises
        ------
        OptionError
            For unknown coordinates and seeds.
        """
        places = places_of(self.problem, points, grid, coordinates)
        return self._at(places, seed, {"": self.problem.solution}, points is None)

    def residuals(
        self,
        points: xr.Dataset | Mapping[str, Any] | None = None,
        *,
        terms: str | Sequence[str] | None = None,
        grid: int | Mapping[str, int] | None = None,
        seed: int | str | None = None,
        **coordinates: Any,
    ) -> xr.Dataset:
        """Residuals where you want them, as `predict` gives the fields.

        Parameters
        ----------
        terms
            Names of terms that need nothing but coordinates, or one; default: those of the interior.
        points, grid, seed, coordinates
            As in `predict`.

        Returns
        -------
        xarray.Dataset
            One variable a residual, named like its term.
        """
        problem = self.problem
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
        return self._at(places, seed, {n: problem.residuals[n] for n in chosen}, points is None)

    def _at(self, places: Any, seed: int | str | None, graphs: Mapping[str, Any], inside: bool = True) -> xr.Dataset:
        members = self.seeds if seed == "all" else (self.member(seed),)
        theta = np.stack([self._theta_of(s) for s in members])
        found = evaluate_at(self.problem, self.engine, graphs, theta, members, places, inside)
        return found if seed == "all" else found.isel(seed=0, drop=True)

    def error(self, reference: xr.Dataset, seed: int | str | None = None) -> xr.Dataset:
        """Relative L2 error of every field: ‖predicted − reference‖ / ‖reference‖ over the reference's points.

        Parameters
        ----------
        reference
            Dataset with fields over the coordinates, on a grid or scattered; NaN doesn't count.
        seed
            As in `predict`.

        Returns
        -------
        xarray.Dataset
            One number a field, or (seed,) of them.

        Raises
        ------
        DataError
            If the reference isn't a Dataset or has no field of the problem.
        """
        if not isinstance(reference, xr.Dataset):
            raise DataError(
                f"`error` needs an xarray Dataset with fields over coordinates, not {type(reference).__name__}."
            )
        names = [n for n in self.problem.solution.outputs if n in reference.data_vars]
        if not names:
            raise DataError(
                f"The reference has none of the fields {', '.join(self.problem.solution.outputs)}, only "
                f"{', '.join(map(str, reference.data_vars)) or 'nothing'}."
            )
        predicted = self.predict(reference, seed=seed)
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

    # ---- pictures, checks, files ------------------------------------------------------------------------------

    def plot(self, path: str | os.PathLike[str] | None = None, **settings: Any) -> Figure:
        """Fields, residuals, losses, weights and learned parameters in one figure, written to `path` as well.

        `settings`: see `unideq.result.plot.residual_overview`.
        """
        from .plot.residual_fit import residual_overview

        return residual_overview(self, path, **settings)

    def report(self, path: str | os.PathLike[str], reference: xr.Dataset | None = None) -> None:
        """Write a self-contained HTML report; a `reference` as in `error` adds errors to it."""
        from .residual_report import write_residual_report

        write_residual_report(self, path, reference)

    def audit(self, **settings: Any) -> Any:
        """Gradients of the terms, curvature and stiffness over training: names the pathology and the remedy."""
        from ..audit.pathology.pathology import audit_residual

        return audit_residual(self, **settings)

    @classmethod
    def load(cls, path: str | os.PathLike[str], engine: str | Engine | None = None) -> ResidualFit:
        """Read a file written by `save` or by `fit(checkpoint=...)`. No engine starts before something is computed."""
        return cls.from_tree(read_tree(path), str(path), engine)

    @classmethod
    def from_tree(cls, tree: xr.DataTree, source: str, engine: str | Engine | None = None) -> ResidualFit:
        record = residual_from_tree(tree, source)
        groups = {f"/{n}": tree[n].to_dataset() for n in COMPUTED if n in tree.children}
        chosen: Any = Deferred(str(record.engine.get("name")), engine)
        fit = cls(record, chosen, groups if len(groups) == len(COMPUTED) else None)
        stored = set(residual_groups(record)) | {f"/{n}" for n in COMPUTED}
        for node in tree.subtree:
            if node.path not in stored and (node.data_vars or node.attrs):
                fit.add_group(node.path, node.to_dataset(inherit=False))
        return fit

    # ---- shown ------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        record = self.record
        total = record.best_total[record.best_seed]
        balance = record.settings.balance.text
        return "\n".join(
            [
                f"ResidualFit of {self.problem!r}",
                f"  status      {self.status}",
                f"  engine      {record.engine.get('name')}, {record.history.iterations} iterations in "
                f"{record.seconds:.1f} s",
                f"  seeds       {list(self.seeds)}, best {self.best_seed} (validation total {total:.4g})",
                *([f"  balance     {balance}"] if balance else []),
                *self._parameter_lines(),
            ]
        )

    def _repr_html_(self) -> str:
        from .residual_report import residual_summary_html

        return residual_summary_html(self)
