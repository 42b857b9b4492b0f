"""Numbers that may change from call to call without compiling anything, in the order that Julia reads them.

A source's data are its arrays (`unideq.engine.julia.programs`) one after the other. An objective's are those of its
sources, in order, then the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...objective.program import LossProgram, Source
from .programs import source_arrays

__all__ = ["objective_data", "source_data", "whole_data", "write_fresh"]


def _flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(np.ravel(np.asarray(values, float)) for values in arrays)])


def source_data(source: Source) -> np.ndarray:
    """What `prepare_source`'s result takes."""
    return _flat(list(source_arrays(source).values()))


def objective_data(objective: LossProgram) -> np.ndarray:
    """All sources' data, without the weights that come after them."""
    return _flat([values for source in objective.sources for values in source_arrays(source).values()])


def write_fresh(row: np.ndarray, objective: LossProgram, fresh: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Put fresh arrays, one dict a source, in their places in an objective's data."""
    at = 0
    for source, arrays in zip(objective.sources, fresh, strict=True):
        for name, values in source_arrays(source).items():
            size = np.size(values)
            if name in arrays:
                row[at : at + size] = np.ravel(arrays[name])
            at += size


def whole_data(objective: LossProgram, data: np.ndarray) -> np.ndarray:
    """The sources' data with the weights behind them."""
    return np.concatenate([data, objective.term_weights])
