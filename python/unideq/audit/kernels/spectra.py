"""`kernel_spectra`: spectra of a network's kernels at the grid's size, their classes and clusters."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import xarray as xr

from ...checks import checked_names, whole
from ...errors import ExtraMissing, OptionError
from .classes import classes_of, transforms
from .layers import Layers

__all__ = ["kernel_spectra", "kernels_of", "spectra_at"]

LARGEST = 40_000_000
"""Numbers that a result holds at most."""
WORDS = {
    "kind": "what the kernel lets pass",
    "gain_mean": "gain of the mean",
    "gain_edge": "gain of the shortest waves",
    "gain_middle": "gain between them",
    "anisotropy": "share of power in one direction",
    "peak": "wavenumber that passes best",
    "orientation": "direction that passes",
    "bandwidth": "share of wavenumbers that pass",
}
UNITS = {"peak": "rad/cell", "orientation": "degrees"}


def kernel_spectra(
    fit: Any,
    network: str | None = None,
    *,
    layers: str | list[str] | None = None,
    clusters: int | None = None,
    seed: int | None = None,
) -> xr.Dataset:
    """Spectra of a network's convolution kernels, zero-padded to the grid's size, and what each lets pass.

    Parameters
    ----------
    fit
        A fit whose model has a network of convolutions.
    network
        Which; default: the only one.
    layers
        Names, `closure.layer_1`, …; default: all.
    clusters
        Number of clusters of kernels whose |Ĝ|, divided by its norm, is alike (k-means, the best of ten starts from a
        fixed seed); default: none.
    seed
        A seed of the fit; default: the best.

    Returns
    -------
    xarray.Dataset
        Over `kernel`, with coordinates `layer`, `output` and `input`: `magnitude` (kernel, k_x, k_y), wavenumbers in
        radians a cell; `norm`; what `unideq.audit.kernels.kernel_classes` finds; `cluster`, largest first.

    Raises
    ------
    OptionError
        If there is no such network, layer or seed, or the result would be too large.
    """
    of = Layers.of(fit, network, "kernel_spectra")
    return spectra_at(of, fit.theta_of(seed), layers, clusters)


def kernels_of(of: Layers, theta: np.ndarray, layers: Any = None) -> tuple[np.ndarray, dict[str, list[Any]]]:
    """Kernels (n, *k) of layers, and where each belongs: layer, output, input."""
    chosen = of.names if layers is None else checked_names(layers, "layers", of.names)
    weights, where, found = of.weights(theta), {"layer": [], "output": [], "input": []}, []
    for name in chosen:
        own = weights[f"{name.removeprefix(of.name + '.')}.weight"]
        found.append(own.reshape(-1, *own.shape[2:]))
        outputs, inputs = np.indices(own.shape[:2]).reshape(2, -1)
        for key, values in zip(where, ([name] * len(outputs), outputs, inputs), strict=True):
            where[key] += list(values)
    return np.concatenate(found), where


def spectra_at(of: Layers, theta: np.ndarray, layers: Any = None, clusters: int | None = None) -> xr.Dataset:
    """See `kernel_spectra`."""
    count = whole(clusters, "clusters", "kernel_spectra", least=1, none=True)
    kernels, where = kernels_of(of, theta, layers)
    if any(k > n for k, n in zip(kernels.shape[1:], of.shape, strict=True)):
        raise OptionError(f"Kernels of {kernels.shape[1:]} points are larger than the grid, {of.shape}.")
    if len(kernels) * np.prod(of.shape) > LARGEST:
        raise OptionError(
            f"{len(kernels)} spectra of {' × '.join(map(str, of.shape))} are too many for one result. Choose some of "
            f"the layers: `layers=[{of.names[0]!r}]`."
        )
    if count is not None and count > len(kernels):
        raise OptionError(f"`clusters={count}` are more than there are kernels, {len(kernels)}.")
    magnitude = transforms(kernels, of.shape)
    axes = tuple(range(1, magnitude.ndim))
    dims = tuple(f"k_{a.name}" for a in of.fit.model.grid.axes)
    variables: dict[str, Any] = {
        "magnitude": (("kernel", *dims), np.fft.fftshift(magnitude, axes), {"long_name": "gain of the kernel"}),
        "norm": ("kernel", np.sqrt((kernels**2).sum(axis=axes)), {"long_name": "norm of the kernel"}),
    }
    for name, values in classes_of(magnitude).items():
        attrs = {"long_name": WORDS[name], **({"units": UNITS[name]} if name in UNITS else {})}
        variables[name] = ("kernel", values, attrs)
    if count is not None:
        words = {"long_name": "cluster of kernels alike"}
        variables["cluster"] = ("kernel", _clusters(magnitude.reshape(len(kernels), -1), count), words)
    coords: dict[str, Any] = {n: ("kernel", v) for n, v in where.items()}
    for dim, n in zip(dims, of.shape, strict=True):
        along = np.fft.fftshift(2 * np.pi * np.fft.fftfreq(n))
        coords[dim] = (dim, along, {"long_name": "wavenumber", "units": "rad/cell"})
    return xr.Dataset(variables, coords, {"network": of.name})


def _clusters(spectra: np.ndarray, count: int) -> np.ndarray:
    """Cluster (n,) of spectra by their form, the largest cluster 0."""
    try:
        from scipy.cluster.vq import kmeans2
    except ImportError as error:
        raise ExtraMissing('Clusters of kernels need SciPy. Type `pip install "unideq[jax]"`.') from error
    norms = np.linalg.norm(spectra, axis=1, keepdims=True)
    forms = spectra / np.where(norms > 0, norms, 1.0)
    best, least = np.zeros(len(forms), int), np.inf
    for start in range(10):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty cluster: another start does
            centres, labels = kmeans2(forms, _drawn(forms, count, start), minit="matrix")
        left = float(((forms - centres[labels]) ** 2).sum())
        if left < least:
            best, least = labels, left
    order = np.argsort(-np.bincount(best, minlength=count), kind="stable")
    return np.argsort(order)[best]


def _drawn(forms: np.ndarray, count: int, start: int) -> np.ndarray:
    """Centres to begin with, each drawn by its distance from those before (k-means++)."""
    generator = np.random.default_rng(start)
    chosen = [int(generator.integers(len(forms)))]
    for _ in range(count - 1):
        apart = ((forms[:, None] - forms[chosen]) ** 2).sum(axis=2).min(axis=1)
        even = np.full(len(forms), 1 / len(forms))
        chosen.append(int(generator.choice(len(forms), p=apart / apart.sum() if apart.sum() > 0 else even)))
    return forms[chosen]
