"""`Sweep`: what comes back from a sweep, labelled by its settings and seeds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..errors import OptionError, unknown
from ..result.fit import Fit
from .member import Outcome
from .points import Point

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Fits", "Sweep", "swept"]


class Fits(Mapping[tuple[Any, ...], Fit]):
    """(label of each setting, …, seed) → fit, read from its file when asked for; without those that failed."""

    def __init__(self, points: Sequence[Point], outcomes: Sequence[Outcome], paths: Sequence[Path | None]) -> None:
        self._found = {
            (*p.labels.values(), p.seed): (outcome.fit, path)
            for p, outcome, path in zip(points, outcomes, paths, strict=True)
            if outcome.error is None
        }

    def __getitem__(self, key: tuple[Any, ...]) -> Fit:
        if key not in self._found:
            raise KeyError(f"{key}; there are {', '.join(map(str, self._found))}")
        fit, path = self._found[key]
        if fit is None:
            assert path is not None
            fit = Fit.load(path)
            self._found[key] = fit, path
        return fit

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


@dataclass(frozen=True)
class Sweep:
    """Many fits as one result.

    Attributes
    ----------
    tree
        Over the settings' dimensions and `seed`: at its root `total` (the loss that a fit ended at), `seconds` and
        `status`, and every score; in `/parameters` the trained ones that are one number. NaN where a fit failed.
    fits
        (label of each setting, …, seed) → `Fit`, read when asked for.
    """

    tree: xr.DataTree
    fits: Mapping[tuple[Any, ...], Fit]

    @property
    def dataset(self) -> xr.Dataset:
        """The tree's root."""
        return self.tree.to_dataset()

    @property
    def scores(self) -> list[str]:
        """Names of the scores."""
        return [str(n) for n in self.tree.data_vars if n not in ("total", "seconds", "status")]

    def stacked(self, group: str) -> xr.Dataset:
        """One group of all fits' trees, e.g. `/solution`, over the sweep's dimensions.

        Raises
        ------
        OptionError
            If a fit has no such group, or failed.
        """
        dims = [str(d) for d in self.dataset["total"].dims]
        parts = []
        for key, fit in self.fits.items():
            if group.strip("/") not in fit.tree:
                raise unknown("group", group, [f"/{n}" for n in fit.tree.children])
            found = fit.tree[group].to_dataset()
            found = found.isel(seed=0, drop=True) if "seed" in found.dims else found
            parts.append(found.expand_dims({d: [k] for d, k in zip(dims, key, strict=True)}))
        if len(parts) < self.dataset["total"].size:
            raise OptionError("Fits of this sweep failed, see `sweep.dataset.status`: they have no groups to stack.")
        return xr.combine_by_coords(parts, combine_attrs="drop_conflicts")  # type: ignore[return-value]

    def table(self) -> Any:
        """One row a fit, as a pandas DataFrame."""
        return self.dataset.to_dataframe()

    def plot(self, path: str | os.PathLike[str] | None = None, score: str | None = None) -> Figure:
        """A score against the settings: one panel for each value of all but the first two; small points are seeds.

        Parameters
        ----------
        path
            File to write, too.
        score
            Its name, or `total`; default: the first score, else `total`.
        """
        from ..result.plot.sweep import plot_sweep

        names = [*self.scores, "total", "seconds"]
        if score is not None and score not in names:
            raise unknown("score", score, names)
        return plot_sweep(self.dataset[score or names[0]], path)

    def __repr__(self) -> str:
        return f"Sweep of {self.dataset['total'].size} fits\n{self.dataset!r}"

    def _repr_html_(self) -> str:
        return self.dataset._repr_html_()


def swept(
    settings: Mapping[str, Mapping[Any, Any]],
    seeds: Sequence[int],
    points: Sequence[Point],
    outcomes: Sequence[Outcome],
    paths: Sequence[Path | None],
) -> Sweep:
    """The result of all members."""
    dims = (*settings, "seed")
    shape = (*map(len, settings.values()), len(seeds))
    coords = {**{name: list(values) for name, values in settings.items()}, "seed": list(seeds)}

    def array(read: Callable[[Outcome], Any], words: Mapping[str, str]) -> xr.Variable:
        values = [read(outcome) for outcome in outcomes]
        found = np.full(shape, "" if isinstance(values[0], str) else np.nan, dtype=object)
        for point, value in zip(points, values, strict=True):
            found[point.place] = value
        kind = str if isinstance(values[0], str) else float
        return xr.Variable(dims, found.astype(kind), words)

    def numbers(read: Callable[[Outcome], Mapping[str, float]]) -> dict[str, xr.Variable]:
        names = dict.fromkeys(n for outcome in outcomes for n in read(outcome))
        return {n: array(lambda o, n=n: read(o).get(n, np.nan), {"long_name": n}) for n in names}

    root = {
        "total": array(lambda o: o.total, {"long_name": "loss"}),
        **numbers(lambda o: o.scores),
        "seconds": array(lambda o: o.seconds, {"long_name": "time", "units": "s"}),
        "status": array(lambda o: o.status, {}),
    }
    parameters = xr.Dataset(numbers(lambda o: o.parameters), coords)
    tree = xr.DataTree.from_dict({"/": xr.Dataset(root, coords), "/parameters": parameters})
    return Sweep(tree, Fits(points, outcomes, paths))
