"""Before training: every residual is a finite number at the first points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError
from ..objective.objective import Evaluate
from ..objective.program import LossProgram
from .evaluation import rows

if TYPE_CHECKING:
    from .problem import ResidualProblem

__all__ = ["check_first"]


def check_first(problem: ResidualProblem, objective: LossProgram, theta: Any, evaluate: Evaluate | None = None) -> None:
    """Evaluate every term at the points of the first iteration.

    Parameters
    ----------
    problem
        Whose objective.
    objective
        As `Residual.build` made it.
    theta
        Where training starts, (P,) or (S, P).
    evaluate
        `Engine.evaluate`; None: with NumPy.

    Raises
    ------
    ModelError
        If a residual is NaN or infinite; names the term and the point.
    """
    for source in objective.sources:
        (graph,) = source.graphs
        columns = {n: np.asarray(v, dtype=float) for n, v in source.data.items()}
        for row in np.atleast_2d(np.asarray(theta, dtype=float)):
            if evaluate is None:
                found = rows(graph, columns, row)
            else:
                found = evaluate(graph, {**columns, "theta": row}, list(columns))
            for key, values in found.items():
                _check_finite(problem.label(source.name, key), np.asarray(values), columns)


def _check_finite(label: str, values: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    broken = ~np.isfinite(values)
    if not broken.any():
        return
    points = np.flatnonzero(broken.reshape(len(values), -1).any(axis=1))
    first = points[0]
    value = values[first].reshape(-1)[broken[first].reshape(-1)][0]
    at = ", ".join(f"{n} = {c[first]:.6g}" for n, c in columns.items())
    raise ModelError(
        f"Term `{label}` is {value} at {at}, and so at {len(points)} of the first {len(values)} points. Look for a "
        "division by zero, or a root or logarithm of a negative number, in its function or in the field's transform."
    )
