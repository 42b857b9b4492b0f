"""`Trained`: what fits of all kinds can tell, whatever was trained."""

from __future__ import annotations

import os
from abc import abstractmethod
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
import xarray as xr

from ..checks import is_whole
from ..engine import Engine
from ..engine.deferred import asked_name
from ..errors import OptionError
from ..training.record import Record
from .file import write_tree
from .table import SPREAD, parameter_rows

__all__ = ["Trained"]

R = TypeVar("R", bound=Record)


class Trained(Generic[R]):
    """A record and the engine that computes from it.

    Attributes
    ----------
    record
        All that training left behind.
    engine
        The engine that computes predictions.
    """

    def __init__(self, record: R, engine: Engine) -> None:
        self.record = record
        self.engine = engine
        self._added: dict[str, xr.Dataset] = {}

    @property
    def status(self) -> str:
        """`finished`, or why training ended before: `interrupted: …`, `stopped early: …`, `gave up: …`, with advice."""
        return self.record.status

    @property
    def events(self) -> list[str]:
        """What happened that one should know: the solver chosen and why, switches, checkpoints that failed."""
        return list(self.record.events)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the ensemble's members."""
        return self.record.settings.seeds

    @property
    def best_seed(self) -> int:
        """Seed with the lowest score: training total, held-out total with early stopping, or validation total."""
        return self.seeds[self.record.best_seed]

    @property
    def theta(self) -> np.ndarray:
        """Flat parameters (P,) of the best seed, unconstrained; the model's own part comes first."""
        return self.record.chosen_theta[self.record.best_seed]

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """Constrained values of the best seed: the model's parameters, initial values, noise; no network weights."""
        values = self.record.layout.unpack(self.theta)
        return {n: v for n, v in values.items() if self.record.layout[n].kind in ("parameter", "initial", "noise")}

    @cached_property
    def tree(self) -> xr.DataTree:
        """Everything as one DataTree: `/solution`, `/training`, `/parameters`, …"""
        return xr.DataTree.from_dict(self._groups())

    @abstractmethod
    def _groups(self, compute: bool = True) -> dict[str, xr.Dataset]:
        """All groups of the tree, those added last; without what isn't computed yet where `compute` is false."""

    @classmethod
    @abstractmethod
    def from_tree(cls, tree: xr.DataTree, source: str, engine: str | Engine | None = None) -> Any:
        """The fit that a tree like `tree` holds; `source` says in messages where it comes from."""

    def __reduce__(self) -> Any:
        """Pickled as the file would be: equations travel as graphs, engines by name."""
        asked = asked_name(self.engine, str(self.record.engine.get("name")))
        return _unpickled, (type(self), self._groups(compute=False), asked)

    def add_group(self, name: str, dataset: xr.Dataset) -> None:
        """Put a further group into the tree and the file, e.g. `/symbolic/interaction`."""
        self._added[name] = dataset
        self.__dict__.pop("tree", None)

    def _theta_of(self, seed: int | None) -> np.ndarray:
        return self.record.chosen_theta[self.seeds.index(self.member(seed))]

    def member(self, seed: Any) -> int:
        """A seed of this fit, checked; None: the best."""
        if seed is None:
            return self.best_seed
        if not is_whole(seed, 0) or seed not in self.seeds:
            raise OptionError(
                f'There is no seed {seed!r}; this fit has {list(self.seeds)} (or `"all"` for all of them).'
            )
        return int(seed)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all to one netCDF-4 file; `Fit.load` reads it back bit for bit, `unideq.resume` goes on training."""
        write_tree(self.tree, path)

    def _parameter_lines(self) -> list[str]:
        lines, spread = [], {row["name"]: row for row in parameter_rows(self.record) if row["low"]}
        for name, value in self.parameters.items():
            units = self.record.layout[name].units
            text = np.array2string(np.asarray(value), precision=5, threshold=6)
            row = spread.get(name)
            range_ = f"  (seeds: {row['low']} to {row['high']})" if row else ""
            lines.append(f"  {name:<11} {text}{f' {units}' if units else ''}{range_}")
        return [*lines, f"  {SPREAD}"] if spread else lines


def _unpickled(kind: type[Trained[Any]], groups: dict[str, xr.Dataset], engine: str | None) -> Any:
    return kind.from_tree(xr.DataTree.from_dict(groups), "a pickled fit", engine)
