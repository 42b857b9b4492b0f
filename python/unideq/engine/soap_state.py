"""What SOAP remembers besides Adam's moments: preconditioners and eigenbases of the weight matrices, the same on every
engine.

A block's preconditioners are L (rows, rows) and R (columns, columns), their eigenbases Q_L and Q_R, a vector in each
column. All blocks' matrices of a kind follow one another in one array, so that the state has the same names whatever
the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .soap_blocks import read_blocks

__all__ = ["begin_bases"]


def begin_bases(theta: np.ndarray, settings: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """Preconditioners and bases of S seeds before the first gradient, (S, …); nothing without blocks."""
    seeds, size = theta.shape
    blocks = read_blocks(settings, size)
    if not blocks:
        return {}
    left = np.concatenate([np.eye(b.rows).ravel() for b in blocks])
    right = np.concatenate([np.eye(b.columns).ravel() for b in blocks])
    bases = {
        "left": np.zeros((seeds, left.size)),
        "right": np.zeros((seeds, right.size)),
        "left_basis": np.tile(left, (seeds, 1)),
        "right_basis": np.tile(right, (seeds, 1)),
    }
    return {"bases": bases}
