"""Does the solution of a backward problem end where it must, and what is its value worth? On fresh, finer paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from ..backward import BackwardProblem
from ..checks import known_arguments, settle, whole
from ..result.backward_paths import estimates
from .check import Check, Outcome
from .finding import Finding
from .subject import Subject

__all__ = ["BackwardSubject", "MartingaleResidual"]

MISSED = 0.3
"""Share of g's spread that networks may miss; its square, a tenth, is the part of the variance."""


class BackwardSubject(Subject):
    """A fit of a backward problem."""

    words = "a fit of a backward problem"
    models = BackwardProblem


@known_arguments
@dataclass(frozen=True)
class MartingaleResidual(Check[BackwardSubject]):
    """Y − g(X) at the end of fresh paths, in finer steps than training's.

    Findings: what the networks miss (where time steps vanish), the value with its interval of 95 %, and whether the
    value as it was trained, and all seeds, lie in it.

    Attributes
    ----------
    paths
        Fresh ones.
    refine
        Steps for one of training's, even.

    Raises
    ------
    OptionError
        For impossible settings.
    """

    name: ClassVar[str] = "martingale"
    needs = BackwardSubject
    paths: int = 4096
    refine: int = 4

    def __post_init__(self) -> None:
        settle(self, whole, "paths", least=2)
        settle(self, whole, "refine", least=2)
        object.__setattr__(self, "refine", self.refine + self.refine % 2)

    def examine(self, subject: BackwardSubject) -> Outcome:
        fit = subject.fit
        found = estimates(fit.engine, fit.model, fit.record.chosen_theta, fit.seeds, self.paths, self.refine)
        best = found.isel(seed=fit.record.best_seed)
        findings = (self._missed(best), self._value(best), *self._seeds(found))
        return Outcome(findings, {self.name: found}, {self.name: lambda figure: _panel(found, figure)})

    def _missed(self, d: xr.Dataset) -> Finding:
        share, whole_ = (float(d[n] / d["terminal_spread"]) for n in ("mismatch_of_networks", "mismatch"))
        steps = d.attrs.get("steps", 0)
        said = f"Y misses g(X) by {whole_:.2g} of g's spread in {steps} steps, and by {share:.2g} where steps vanish"
        if not np.isfinite(share):
            return Finding(
                self.name, "warning", "Y isn't finite at the end of all paths.", d,
                "Take more `steps`, or a smaller learning rate.",
            )  # fmt: skip
        if share > MISSED:
            return Finding(
                self.name, "warning", f"the martingale residual is large: {said}.", d,
                "The networks haven't learned z: train longer (`fit.train(...)`), with a lower learning rate at the "
                "end or more `paths`, or give a wider `network`.",
            )  # fmt: skip
        return Finding(self.name, "ok", f"{said}.", d)

    def _value(self, d: xr.Dataset) -> Finding:
        low, high, own = (float(d[n]) for n in ("low", "high", "trained"))
        middle = float(d["u0"])
        said = f"u(t₀, x₀) is {middle:.7g}, with 95 % between {low:.7g} and {high:.7g}"
        if low <= own <= high:
            return Finding(self.name, "ok", f"{said}; it was trained to {own:.7g}.", d)
        of_steps = float(d["step_error"]) > float(d["standard_error"])
        advice = "Use the corrected value, or " + ("give paths more `steps`." if of_steps else "train longer.")
        return Finding(self.name, "note", f"{said}, and it was trained to {own:.7g}.", d, advice)

    def _seeds(self, found: xr.Dataset) -> list[Finding]:
        if found.sizes["seed"] < 2:
            return []
        low, high = float(found["low"].max()), float(found["high"].min())
        spread = f"{float(found['u0'].min()):.7g} to {float(found['u0'].max()):.7g}"
        if low <= high:
            return [Finding(self.name, "ok", f"all seeds agree: {spread}.", found)]
        return [
            Finding(
                self.name, "warning", f"seeds disagree by more than their intervals: {spread}.", found,
                "Train longer: the correction holds to first order in what networks miss.",
            )
        ]  # fmt: skip


def _panel(found: xr.Dataset, figure: object) -> None:
    from ..result.plot.backward_fit import plot_values

    plot_values(found, figure.subplots())  # type: ignore[attr-defined]
