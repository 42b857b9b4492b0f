"""How far the spectra of predicted fields are from those of measured ones: the mean squared log ratio, by shells."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DataError, OptionError
from ..graph import Expression, apply, rfft
from ..grid.spectrum import Shells
from .estimation_problem import EstimationProblem

__all__ = ["check_spectral", "spectral_misfit", "spectral_name"]

FLOOR = 1e-6
"""Of a shell's energy, in units of the data's variance: what is below it in both spectra doesn't count."""


def spectral_name(name: str) -> str:
    """The term of a variable's spectrum."""
    return f"{name}_spectrum"


def spectral_misfit(grid: Any, predicted: Expression, observed: Expression, scale: float) -> Expression:
    """Mean over fields (*lead, *grid) and resolved shells of (ln E − ln Ê)², energies with a floor of 10⁻⁶ scale²."""
    shells = Shells(grid.shape, [axis.length for axis in grid.axes])
    kept = np.flatnonzero(shells.resolved)
    weights = shells.counted / np.prod(shells.shape) ** 2

    def logs(fields: Expression) -> Any:
        modes: Any = rfft(fields * (1.0 / scale), len(shells.shape))
        each = np.sum(modes * modes, axis=-1) * weights  # type: ignore[call-overload]
        flat = each.reshape(*each.shape[: each.ndim - len(shells.shape)], -1)
        size, axis = len(shells.wavenumbers), flat.ndim - 1
        summed = apply("scatter_add", flat, indices=shells.shell, axis=axis, size=size)
        return np.log(apply("gather", summed, indices=kept, axis=axis) + FLOOR)  # type: ignore[call-overload]

    apart = logs(predicted) - logs(observed)
    return np.mean(apart * apart)  # type: ignore[return-value]


def check_spectral(problem: EstimationProblem, names: tuple[str, ...], who: str) -> tuple[str, ...]:
    """Which of some measured variables have spectra: the fields on the model's periodic grid.

    Raises
    ------
    OptionError, DataError
        If none has, a spectrum's term would have the name of something else, or a field isn't measured everywhere.
    """
    grid = getattr(problem.model, "grid", None)
    shapes, shape = problem.observations.shapes, tuple(getattr(grid, "shape", ()))
    periodic = bool(shape) and all(axis.periodic for axis in getattr(grid, "axes", ()))
    fields = tuple(n for n in names if periodic and tuple(shapes[n]) == shape)
    if not fields:
        raise OptionError(
            f"`{who}(spectral=...)` compares spectra of fields on periodic grids, and there are none here."
        )
    for name in fields:
        if spectral_name(name) in (*problem.observations.names, *problem.model.states.names, *problem.costs):
            raise OptionError(f"`{spectral_name(name)}` would be the term of a spectrum. Rename what has that name.")
        if not np.isfinite(problem.observations.pooled(name)).all():
            raise DataError(f"`{name}` has NaN, and no spectrum there. Fill it, or leave `spectral` out.")
    return fields
