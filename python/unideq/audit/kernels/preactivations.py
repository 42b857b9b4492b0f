"""`preactivation_spectra`: what every layer gives before any nonlinearity, on base and target data, and transferred."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ...checks import instance
from ...errors import DataError
from ...grid.spectrum import energy_spectrum
from ...result import Fit
from ..states import States, data_states, states_of
from .changes import start_of
from .layers import Layers

__all__ = ["preactivation_spectra", "spectral_shift"]


def preactivation_spectra(
    fit: Any,
    data: xr.Dataset | None = None,
    *,
    transferred: Fit | None = None,
    network: str | None = None,
    seed: int | None = None,
) -> xr.Dataset:
    """Energy spectra of the linear pre-activations K ∗ x + b, layer by layer.

    Parameters
    ----------
    fit
        The base fit.
    data
        States of the target; default: those that `transferred` was trained on, if there is one.
    transferred
        A fit that was transferred from it.
    network, seed
        As in `kernel_spectra`; the seed is one of both.

    Returns
    -------
    xarray.Dataset
        `energy` (source, layer, wavenumber), ½ mean(a²) by shells of |k|, averaged over the channels and up to 64
        snapshots; its first layer, `inputs`, is what goes in. Sources are `base` (the fit on its own data), `target`
        (the fit on the target's) and `transferred` (that fit on the target's), as far as there are data. And
        `shift` (layer), where there is a target: how far its spectra lie from the base's, see `pick_layer`.

    Raises
    ------
    DataError, OptionError
        If states are missing or there is no such network; `ModelError` on axes that aren't periodic.
    """
    of = Layers.of(fit, network, "preactivation_spectra")
    chosen = fit.member(seed)
    states = {"base": data_states(fit)}
    theta = {"base": fit.theta_of(chosen)}
    if transferred is not None:
        instance(transferred, Fit, "transferred", "preactivation_spectra", needs="a fit", none=True)
        start_of(transferred, fit, chosen, of, "preactivation_spectra")
    if data is not None or transferred is not None:
        instance(data, xr.Dataset, "data", "preactivation_spectra", needs="a Dataset", none=True, error=DataError)
        clock = fit.record.observations.clock
        target = data_states(transferred) if data is None and transferred else states_of(fit.model, data, clock)  # type: ignore[arg-type]
        states["target"], theta["target"] = target, theta["base"]
        if transferred is not None:
            states["transferred"], theta["transferred"] = target, transferred.theta_of(chosen)
    found = {source: _energies(of, theta[source], states[source]) for source in states}
    numbers = found["base"][0]
    mean = np.stack([np.stack([e.mean(axis=0) for e in layers.values()]) for _, layers in found.values()])
    names = ["inputs", *of.names]
    dataset = xr.Dataset(
        {"energy": (("source", "layer", "wavenumber"), mean, {"long_name": "energy of the pre-activations"})},
        {"source": list(found), "layer": names, "wavenumber": ("wavenumber", numbers, {"long_name": "wavenumber"})},
        {"network": of.name, "seed": chosen},
    )
    if "target" in found:
        words = {"long_name": "distance of the target's spectra"}
        dataset["shift"] = ("layer", spectral_shift(mean[0], mean[1]), words)
    return dataset


def spectral_shift(base: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(layers,): of spectra (layers, K) the mean of |½ ln(E_target / E_base)|, where both have energy."""
    known = (base > FLOOR * base.max(axis=1, keepdims=True)) & (target > FLOOR * target.max(axis=1, keepdims=True))
    ratio = np.log(np.where(known, target, 1.0) / np.where(known, base, 1.0))
    return np.abs(0.5 * ratio).sum(axis=1) / np.maximum(known.sum(axis=1), 1)


FLOOR = 1e-12
"""Share of the largest energy below which spectra are rounding."""


def _energies(of: Layers, theta: np.ndarray, states: States) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Wavenumbers (K,), and inputs and layers → energy (channels, K), without the mean."""
    inputs, layers = of.preactivations(theta, states)
    found = {n: energy_spectrum(v, of.lengths) for n, v in {"inputs": inputs, **layers}.items()}
    numbers = next(iter(found.values()))[0]
    return numbers[1:], {n: e.mean(axis=0)[:, 1:] for n, (_, e) in found.items()}
