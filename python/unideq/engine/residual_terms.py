"""Objectives as sums of squared residuals: which arrays the terms are made of. Engine-independent."""

from __future__ import annotations

import numpy as np

from ..errors import OptionError
from ..objective.program import Objective, Pointwise

__all__ = ["check_residual_terms", "residual_counts"]


def check_residual_terms(objective: Objective) -> None:
    """Raise an `OptionError` where a term isn't a weighted mean of squared residuals at points."""
    arrays = {key for source in objective.sources if isinstance(source, Pointwise) for key in source.shapes}
    for term in objective.terms:
        if objective.residuals.get(term) not in arrays:
            raise OptionError(
                f"`GaussNewton` needs every term to be a mean of squared residuals at points; `{term}` isn't. Solved "
                "trajectories, regularisation and causal weights aren't of that form: leave them out in this phase, or "
                "use `ude.BFGS(...)`, `ude.LBFGS(...)` or `ude.SOAP(...)`."
            )
    negative = [term for term in objective.terms if objective.weights.get(term, 1.0) < 0]
    if negative:
        raise OptionError(f"`GaussNewton` takes roots of the terms' weights, and `{negative[0]}` has a negative one.")


def residual_counts(objective: Objective) -> list[tuple[int, int]]:
    """Number of points M and of residuals a point k of every term, in the terms' order."""
    shapes = {
        key: shape
        for source in objective.sources
        if isinstance(source, Pointwise)
        for key, shape in source.shapes.items()
    }
    found = [shapes[objective.residuals[term]] for term in objective.terms]
    return [(shape[0], int(np.prod(shape[1:]))) for shape in found]
