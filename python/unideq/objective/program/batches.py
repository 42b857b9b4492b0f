"""`Batches`: fresh data for every iteration."""

from __future__ import annotations

from typing import Protocol

import numpy as np

__all__ = ["Batches"]


class Batches(Protocol):
    """Fresh data for every iteration of `Engine.minimise`; the same iteration always gets the same data.

    Attributes
    ----------
    follows_theta
        Whether the data depend on the parameters (a black-box step rolled out at the current θ).
    """

    follows_theta: bool

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        """One dict a source of the objective, in order, of what replaces its `data`, with the shapes that it has; an
        empty dict leaves a source as it is."""
        ...
