"""`kernel_changes`: what a transfer changed in a network's kernels, ranked."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ...checks import instance
from ...errors import OptionError
from ...result import Fit
from .classes import kernel_classes
from .layers import Layers
from .spectra import kernels_of

__all__ = ["kernel_changes", "start_of"]


def kernel_changes(
    fit: Any, base: Fit | None = None, network: str | None = None, *, seed: int | None = None
) -> xr.Dataset:
    """What changed between two fits of one network, by kernel and layer.

    Parameters
    ----------
    fit
        The fit afterwards.
    base
        The fit before; default: what `fit` was transferred from, as it remembers it.
    network
        Which; default: the only one of convolutions.
    seed
        A seed of `fit`, which `base` has, too; default: the best of `fit`.

    Returns
    -------
    xarray.Dataset
        Over `kernel`, the most changed first, with coordinates `layer`, `output` and `input`: `change` (Frobenius norm
        of the difference), `relative_change` (to the norm before), `kind_before`, `kind_after` (what it lets pass) and
        `kind_of_change` (what the difference lets pass). Over `named_layer`, in the network's order: `layer_change`
        and `relative_layer_change`, of kernels and biases together.

    Raises
    ------
    OptionError
        If `fit` wasn't transferred and no `base` is given, or the networks differ.
    """
    of = Layers.of(fit, network, "kernel_changes")
    chosen = fit.member(seed)
    before, after = start_of(fit, base, chosen, of, "kernel_changes"), fit.theta_of(chosen)
    (old, where), (new, _) = kernels_of(of, before), kernels_of(of, after)
    axes = tuple(range(1, old.ndim))
    change, size = (np.sqrt((k**2).sum(axis=axes)) for k in (new - old, old))
    order = np.argsort(-change, kind="stable")
    kinds = {"before": old, "after": new, "of_change": new - old}
    variables: dict[str, Any] = {
        "change": ("kernel", change[order], {"long_name": "norm of the kernel's change"}),
        "relative_change": ("kernel", _over(change, size)[order], {"long_name": "relative change"}),
        **{f"kind_{n}": ("kernel", kernel_classes(k, of.shape)["kind"][order]) for n, k in kinds.items()},
    }
    weights = [of.weights(theta) for theta in (before, after)]
    parts = [[f"{n.removeprefix(of.name + '.')}.{p}" for p in ("weight", "bias")] for n in of.names]
    moved = np.sqrt([sum(((weights[1][w] - weights[0][w]) ** 2).sum() for w in own) for own in parts])
    sizes = np.sqrt([sum((weights[0][w] ** 2).sum() for w in own) for own in parts])
    variables["layer_change"] = ("named_layer", moved, {"long_name": "norm of the layer's change"})
    variables["relative_layer_change"] = ("named_layer", _over(moved, sizes), {"long_name": "relative change"})
    coords: dict[str, Any] = {n: ("kernel", np.asarray(v)[order]) for n, v in where.items()}
    return xr.Dataset(variables, {**coords, "named_layer": list(of.names)}, {"network": of.name, "seed": chosen})


def start_of(fit: Fit, base: Fit | None, seed: int, of: Layers, by: str) -> np.ndarray:
    """θ that a seed of a fit had before."""
    if base is None:
        if fit.transferred is None:
            raise OptionError(f"`{by}` compares two fits, and this one wasn't transferred: give `base=`.")
        return fit.transferred.start[fit.seeds.index(seed)]
    instance(base, Fit, "base", by, needs="a fit")
    if _shapes(base) != _shapes(fit):
        raise OptionError(f"`{by}` compares values of one model, and these fits have other parameters and weights.")
    return base.theta_of(seed)


def _shapes(fit: Fit) -> list[tuple[str, tuple[int, ...]]]:
    return [(e.name, e.shape) for e in fit.record.model.layout.entries]


def _over(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.where(other > 0, one / np.where(other > 0, other, 1.0), np.nan)
