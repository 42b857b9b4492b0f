"""`pick_layer`: which layer to retrain, said before any is; and how often that is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ...checks import instance
from ...errors import OptionError
from ...result.transfer_sweep import TransferSweep
from .preactivations import preactivation_spectra

__all__ = ["Pick", "pick_layer", "picked"]


@dataclass(frozen=True)
class Pick:
    """A verdict before any layer is retrained.

    Attributes
    ----------
    dataset
        `shift` (layer), with the network's `inputs`, see `pick_layer`; `energy`, the spectra.
    order
        Layers, the one to retrain first.
    """

    dataset: xr.Dataset
    order: tuple[str, ...]

    @property
    def layer(self) -> str:
        """The one to retrain."""
        return self.order[0]

    def rank_correlation(self, sweep: TransferSweep, metric: str | None = None, fraction: float | None = None) -> float:
        """Spearman's rank correlation of this order with that of a finished sweep's single layers; 1: the same.

        Parameters
        ----------
        sweep
            Of `ude.transfer_sweep`, over these layers.
        metric, fraction
            As in `TransferSweep.ranked`.

        Raises
        ------
        OptionError
            If the sweep has fewer than two of the layers.
        """
        instance(sweep, TransferSweep, "sweep", "rank_correlation", needs="a sweep of `ude.transfer_sweep(...)`")
        scores = sweep.ranked(metric, fraction)
        scores = scores.isel(retrained=np.isfinite(scores.values))
        known = [n for n in self.order if n in scores["retrained"].values]
        if len(known) < 2:
            raise OptionError(f"The sweep has scores of {len(known)} of these layers: {', '.join(self.order)}.")
        return _correlation(np.arange(len(known), dtype=float), scores.sel(retrained=known).values)

    def __repr__(self) -> str:
        found = self.dataset["shift"]
        lines = [f"  {n:<24} {float(found.sel(layer=n)):.3g}" for n in self.order]
        return "\n".join([f"Retrain `{self.layer}`; {found.attrs['long_name']}, by layer:", *lines])


def pick_layer(fit: Any, data: xr.Dataset, *, network: str | None = None, seed: int | None = None) -> Pick:
    """Which single layer of a network to retrain for a target, from spectra alone.

    The rule: the layer whose linear pre-activations K ∗ x + b have to change least, where

        shiftₗ = mean over wavenumbers k of |½ ln(Eₗ_target(k) / Eₗ_base(k))|

    says how far they are from what they were in training, by their energy spectra E (means over the channels) with the
    fit's own weights on the target's and on its own data. What comes behind a layer stays frozen and knows the spectra
    of training; where the distance is least, so is the change of gains that brings a layer back to them.

    Parameters
    ----------
    fit
        The base fit.
    data
        States of the target. No closure terms are needed.
    network, seed
        As in `kernel_spectra`.

    Returns
    -------
    Pick
        `layer`, `order`, and `rank_correlation(sweep)`.

    Raises
    ------
    DataError, OptionError
        As of `preactivation_spectra`.
    """
    instance(data, xr.Dataset, "data", "pick_layer", needs="a Dataset of the target's states")
    return picked(preactivation_spectra(fit, data, network=network, seed=seed))


def picked(found: xr.Dataset) -> Pick:
    """By the rule, from spectra with a target."""
    layers = [str(n) for n in found["layer"].values[1:]]
    order = np.argsort(found["shift"].values[1:], kind="stable")
    return Pick(found, tuple(layers[k] for k in order))


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Of ranks, ties at their mean."""
    ranks = [(v[:, None] > v).sum(axis=1) + 0.5 * ((v[:, None] == v).sum(axis=1) - 1) for v in (one, other)]
    a, b = (r - r.mean() for r in ranks)
    scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / scale if scale else 0.0
