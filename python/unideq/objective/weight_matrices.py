"""The entries of θ that gradient statistics of networks look at: those of the weight matrices."""

from __future__ import annotations

import numpy as np

from ..model import Layout

__all__ = ["weight_matrices"]


def weight_matrices(layout: Layout, evenly: bool = False, apart: bool = False) -> np.ndarray:
    """(P,), or (matrices, P): 1 for the entries of the networks' weight matrices, else 0.

    Encoders and embeddings don't count. Of a factorised layer the direction counts, not the scale. A model without such
    matrices counts all its free network weights, or whatever is free.

    Parameters
    ----------
    evenly
        Whether every matrix counts the same: its entries 1 / size.
    apart
        Whether every matrix has its row.
    """
    rows = []
    for entry in layout.of_kind("network"):
        *where, last = entry.name.split(".")
        encoding = any(word in part for part in where for word in ("encoder", "embedding"))
        if entry.free and len(entry.shape) == 2 and last in ("weight", "direction") and not encoding:
            start = layout.offsets[entry.name]
            rows.append(np.zeros(layout.size))
            rows[-1][start : start + entry.size] = 1.0 / entry.size if evenly else 1.0
    if rows:
        return np.stack(rows) if apart else np.sum(rows, axis=0)
    networks = layout.free_mask & layout.mask("network")
    return (networks if networks.any() else layout.free_mask).astype(float)
