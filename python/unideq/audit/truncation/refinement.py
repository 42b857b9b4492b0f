"""Grid refinement: what of a closure depends on the spacing, from fits of the same model on two or more grids.

Each coefficient, regressed on the same terms on every grid, is split as c(dx) = a + b·dxᵖ: physics stays, truncation
error goes with the spacing. A closure evaluated anew on another grid says nothing of the kind: it was trained on one
spacing and has that built in, so fits on both grids are needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ...errors import OptionError
from ..check import Outcome
from ..finding import Finding
from .decomposition import Decomposition
from .regression import shown_with_error

__all__ = ["RefinementOutcome", "refinement"]


@dataclass(frozen=True, kw_only=True)
class RefinementOutcome(Outcome):
    """What fits on several grids say: a Dataset over `candidate` and `grid` a field."""

    datasets: Mapping[str, xr.Dataset]


def refinement(results: Sequence[Mapping[str, Decomposition]], spacings: Sequence[float]) -> RefinementOutcome:
    """Split the coefficients of a closure's decompositions on several grids into what stays and what goes with dx.

    Parameters
    ----------
    results
        Field → decomposition, one a grid, all with the same terms a field.
    spacings
        Of these grids.

    Raises
    ------
    OptionError
        If there are fewer than two different spacings.
    """
    dx = np.asarray(spacings, dtype=float)
    if len(np.unique(np.round(dx / dx.max(), 6))) < 2:
        raise OptionError(f"A refinement check needs fits on two different spacings, not {dx.tolist()}.")
    datasets = {name: _split(results, dx, name) for name in results[0]}
    groups = {f"refinement_{name}": d for name, d in datasets.items()}
    return RefinementOutcome(tuple(_finding(d) for d in datasets.values()), groups, datasets=datasets)


def _split(results: Sequence[Mapping[str, Decomposition]], dx: np.ndarray, field: str) -> xr.Dataset:
    parts = [r[field] for r in results]
    names = [n for n in parts[0].regression.names if all(n in p.regression.names for p in parts)]
    index = [[p.regression.names.index(n) for n in names] for p in parts]
    values = np.array([p.regression.coefficients[i] for p, i in zip(parts, index, strict=True)])  # (grid, term)
    draws = np.stack(
        [p.regression.resampled[:, i] for p, i in zip(parts, index, strict=True)], axis=1
    )  # (R, grid, term)
    powers = np.array([parts[0].scheme[n].order if n in parts[0].scheme else 1 for n in names])
    stays, goes = np.empty(len(names)), np.empty(len(names))
    limits = np.empty((2, 2, len(names)))
    errors = np.empty((2, len(names)))
    for k, power in enumerate(powers):
        # Coefficients known better count more.
        weight = 1.0 / np.maximum(draws[:, :, k].std(axis=0), 1e-9 * np.abs(values[:, k]).max() + 1e-300)
        design = np.stack([np.ones(len(dx)), dx**power], axis=1) * weight[:, None]
        inverse = np.linalg.pinv(design)
        stays[k], goes[k] = inverse @ (values[:, k] * weight)
        spread = (draws[:, :, k] * weight) @ inverse.T  # (R, 2)
        limits[:, :, k] = np.percentile(spread, [2.5, 97.5], axis=0)
        errors[:, k] = spread.std(axis=0)
    part = goes * dx.max() ** powers
    return xr.Dataset(
        {
            "coefficient": (("grid", "candidate"), values),
            "physical": ("candidate", stays),
            "physical_error": ("candidate", errors[0]),
            "physical_low": ("candidate", limits[0, 0]),
            "physical_high": ("candidate", limits[1, 0]),
            "per_dx": ("candidate", goes),
            "per_dx_error": ("candidate", errors[1]),
            "per_dx_low": ("candidate", limits[0, 1]),
            "per_dx_high": ("candidate", limits[1, 1]),
            "power_of_dx": ("candidate", powers),
            "dx_part": ("candidate", part),
            "share": ("candidate", parts[int(np.argmax(dx))].regression.shares[index[int(np.argmax(dx))]]),
        },
        coords={"candidate": np.array(names, dtype=str), "spacing": ("grid", dx)},
        attrs={"field": field},
    )


def _finding(d: xr.Dataset) -> Finding:
    words, worst = [], "ok"
    for k, name in enumerate(d["candidate"].values):
        row = d.isel(candidate=k)
        power = int(row["power_of_dx"])
        power_text = f"dx{'' if power == 1 else '^' + str(power)}"
        physical = shown_with_error(float(row["physical"]), float(row["physical_error"]))
        per_dx = shown_with_error(float(row["per_dx"]), float(row["per_dx_error"]))
        words.append(f"({physical} + {per_dx}·{power_text})·{name}")
        certain = float(row["per_dx_low"]) > 0 or float(row["per_dx_high"]) < 0
        size = max(abs(float(row["coefficient"].max())), abs(float(row["coefficient"].min())), 1e-300)
        if certain and abs(float(row["dx_part"])) > 0.2 * size and abs(float(row["share"])) > 0.05:
            worst = "warning"
    statement = f"closure of `{d.attrs['field']}` over {d.sizes['grid']} grids ≈ " + " + ".join(words)
    statement += "." if worst == "ok" else ": what goes with dx is truncation error."
    advice = "Use the part that doesn't depend on dx, and the host's own scheme for the rest." if worst != "ok" else ""
    return Finding("refinement", worst, statement, d, advice)
