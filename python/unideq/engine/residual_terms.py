"""Objectives as sums of squared residuals: which arrays the terms are made of. Engine-independent."""

from __future__ import annotations

from ..errors import OptionError
from ..objective.program import LossProgram

__all__ = ["check_residual_terms", "residual_counts"]


def check_residual_terms(objective: LossProgram) -> None:
    """Raise an `OptionError` where a term isn't a weighted mean of squared residuals at points."""
    for term in objective.terms:
        if objective.mean_square(term) is None:
            raise OptionError(
                f"`GaussNewton` needs every term to be a mean of squared residuals at points; `{term}` isn't. Solved "
                "trajectories, regularisation and causal weights aren't of that form: leave them out in this phase, or "
                "use `ude.BFGS(...)`, `ude.LBFGS(...)` or `ude.SOAP(...)`."
            )
    negative = [term for term in objective.terms if objective.weights.get(term, 1.0) < 0]
    if negative:
        raise OptionError(f"`GaussNewton` takes roots of the terms' weights, and `{negative[0]}` has a negative one.")


def residual_counts(objective: LossProgram) -> list[tuple[int, int]]:
    """Number of points M and of residuals a point k of every term, in the terms' order."""
    return [(one.source.count, one.size) for one in objective.mean_squares() or ()]
