"""Is a closure the nonlinear gradient model? That correlates well a priori, and in two dimensions moves no energy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from ...checks import known_arguments, number, settle
from ...closure import NonlinearGradient
from ...result.closure_scores.a_priori import term_statistics
from ..finding import Finding
from .closed_field import ClosedField, ClosureCheck
from .plot_closure import plot_transfer

__all__ = ["GradientModel"]

_NET = 0.05
"""Net part of the energy that a term moves back and forth, below which it transfers none,"""
_OF_TRUTH = 0.3
"""if that is also less than this part of what the exact term transfers."""


@known_arguments
@dataclass(frozen=True)
class GradientModel(ClosureCheck):
    """Is a closure the nonlinear gradient model, `ude.closures.NonlinearGradient`?

    Regressions on filtered data return it, with correlations above 0.95 and runs that blow up: in two dimensions it
    transfers enstrophy but no energy (Jakhar et al., arXiv:2306.05014). The check warns where a term correlates with it
    and transfers no energy; exact terms (`NAME_subgrid` in the data) say how much there is to transfer.

    Attributes
    ----------
    correlation
        With that model, from which a closure counts as it.
    width
        Δ of the filter, in units of the coordinates, for the coefficient; default: two spacings of the grid.

    Raises
    ------
    OptionError
        For impossible settings.
    """

    name = "gradient_model"
    correlation: float = 0.95
    width: float | None = None

    def __post_init__(self) -> None:
        settle(self, number, "correlation", above=0, below=1)
        settle(self, number, "width", above=0, none=True)

    def look(self, field: ClosedField) -> tuple[Finding, Any]:
        few, own = field.thinned
        truth, flow = few.truth, few.truth.flow
        closed: Any = few.candidate.model
        model = NonlinearGradient(self.width).term(closed, {truth.field: truth.values}, None, None)[truth.field]
        r = float(np.corrcoef(own.ravel(), model.ravel())[0, 1]) if np.ptp(own) > 0 and np.ptp(model) > 0 else 0.0
        coefficient = float((own * model).sum() / max((model**2).sum(), 1e-300))
        variables: dict[str, Any] = {"correlation": r, "coefficient": coefficient}
        for which, term in (("", own), ("_gradient_model", model), ("_true", truth.term)):
            found = term_statistics(flow, truth.values, term)
            variables[f"transfer{which}"] = ("wavenumber", found["transfer_spectrum"][1][:, 0].mean(0))
            net, forward, back = (found[n][1][:, 0].mean() for n in ("transfer", "forward", "backscatter"))
            moved = back - forward
            variables[f"net{which}"] = float(net / moved) if moved > 0 else 0.0 if moved == 0 else np.nan
            variables[f"moved{which}"] = float(moved)
        evidence = xr.Dataset(variables, {"wavenumber": flow.shells.wavenumbers})
        return self._finding(truth.field, evidence, truth.exact), partial(plot_transfer, truth.field, evidence)

    def _finding(self, name: str, evidence: xr.Dataset, exact: bool) -> Finding:
        r, c, net = (float(evidence[n]) for n in ("correlation", "coefficient", "net"))
        true = float(evidence["net_true"] * evidence["moved_true"]) if exact else np.nan
        like = f"its correlation with that is {r:.3f}, its coefficient {c:.3g} of Δ²/12"
        moves = f"net, it transfers {100 * abs(net):.2g} % of the energy that it moves back and forth"
        if exact:
            moves += f", {net * float(evidence['moved']) / true:.2g} of what the exact term transfers"
        if r < self.correlation:
            statement = (
                f"closure of `{name}` isn't the nonlinear gradient model: {like} (said from {self.correlation:g})."
            )
            return Finding(self.name, "ok", statement, evidence)
        little = abs(net) < _NET and not (exact and abs(net * float(evidence["moved"])) >= _OF_TRUTH * abs(true))
        if not little:
            statement = (
                f"closure of `{name}` is close to the nonlinear gradient model, and transfers energy: {like}; {moves}."
            )
            return Finding(self.name, "ok", statement, evidence)
        return Finding(
            self.name,
            "warning",
            f"closure of `{name}` is the nonlinear gradient model: it transfers no energy: {like}; {moves}.",
            evidence,
            "Runs with it blow up, however well it correlates. Train it through the solver, `ude.Unrolled(...)`, or in "
            'a form that dissipates, `ude.closures.Learned(form="skew", dissipation=True)`.',
        )
