"""A priori: a closure's term at the filtered truth's own states, beside the exact one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rollout_metrics import pearson
from .flow import Flow

__all__ = ["term_scores", "term_statistics"]

_TRANSFER = ("trajectory", "quantity")


def term_statistics(flow: Flow, values: np.ndarray, term: np.ndarray) -> dict[str, Any]:
    """What a term Π (T, K, *grid) does at states of that shape: name → (dims, numbers, attributes).

    Spectra, and rates at which it changes energy and enstrophy, are means over time.
    """
    local = flow.local(values, term)
    over = (2, *flow.space)
    forward, back = (np.moveaxis(f(local, 0.0).mean(over), 0, -1) for f in (np.minimum, np.maximum))
    spectrum = 0.5 * flow.shells.product(term, term).mean(1)
    by_scale = flow.transfers(values, term).mean(1)
    return {
        "subgrid_spectrum": (("trajectory", "wavenumber"), spectrum, {"long_name": "spectrum of Π, ½|Π_k|²"}),
        "transfer": (_TRANSFER, by_scale.sum(-1), {"long_name": "net transfer by Π"}),
        "forward": (_TRANSFER, forward, {"long_name": "transfer where Π takes, to the subgrid scales"}),
        "backscatter": (_TRANSFER, back, {"long_name": "transfer where Π gives, from the subgrid scales"}),
        "transfer_spectrum": ((*_TRANSFER, "wavenumber"), by_scale, {"long_name": "transfer by Π, by scale"}),
    }


def term_scores(
    flow: Flow, values: np.ndarray, term: np.ndarray, true: np.ndarray, statistics: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A term's statistics and how far it is from the true one, all (T, K, *grid).

    Parameters
    ----------
    statistics
        `term_statistics` of the truth; default: they are computed.
    """
    found = term_statistics(flow, values, term)
    expected = term_statistics(flow, values, true) if statistics is None else statistics
    flat, exact = (a.reshape(*a.shape[:2], -1) for a in (term, true))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = pearson(flat, exact)
        rmse = np.sqrt(((flat - exact) ** 2).sum((1, 2)) / (exact**2).sum((1, 2)))
    spectra = (s["subgrid_spectrum"][1] for s in (found, expected))
    known = np.isfinite(correlation)
    mean = np.where(known, correlation, 0.0).sum(1) / np.where(known.any(1), known.sum(1), np.nan)
    return {
        "correlation": ("trajectory", mean, {"long_name": "correlation of Π"}),
        "rmse": ("trajectory", rmse, {"long_name": "RMSE of Π / its RMS"}),
        "spectrum_rmse": ("trajectory", flow.log_rmse(*spectra), {"long_name": "RMSE of ln spectrum of Π"}),
        **found,
    }
