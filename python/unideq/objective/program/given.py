"""`Given`: arrays as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...graph import Graph, variable
from .source import Source

__all__ = ["Given"]


@dataclass(frozen=True)
class Given(Source):
    """Arrays that the loss graph reads as they are: targets, masks.

    Attributes
    ----------
    name
        Prefix: the loss graph sees `NAME.KEY`.
    data
        Key → float array.
    """

    name: str
    data: Mapping[str, np.ndarray]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {f"{self.name}.{key}": np.shape(value) for key, value in self.data.items()}

    def laid_out(self) -> Graph:
        arrays = {key: variable(key, np.shape(value)) for key, value in self.data.items()}
        return Graph(list(arrays.values()), arrays)
