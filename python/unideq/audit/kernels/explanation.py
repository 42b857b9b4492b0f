"""`fit.explain()`: what a network's kernels do, how its layers see other data, and what a transfer changed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ...result import Fit
from .changes import kernel_changes
from .layers import Layers
from .pick import Pick, picked
from .preactivations import preactivation_spectra
from .spectra import spectra_at

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True)
class Explanation:
    """Made by `Fit.explain`.

    Attributes
    ----------
    tree
        `/kernels` (`kernel_spectra`), `/preactivations` (`preactivation_spectra`), and of a transfer
        `/kernels_transferred` and `/changes` (`kernel_changes`).
    """

    tree: xr.DataTree

    @property
    def pick(self) -> Pick | None:
        """Which layer to retrain, by `pick_layer`'s rule; None without a target."""
        found = self.tree["/preactivations"].to_dataset()
        return picked(found) if "shift" in found else None

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Classes of kernels and their change, spectra layer by layer, and the most changed kernels."""
        from .plot_explanation import plot_explanation

        return plot_explanation(self, path)

    def __repr__(self) -> str:
        kernels = self.tree["/kernels"].to_dataset()
        counts = kernels["kind"].to_series().value_counts()
        lines = [f"Explanation of `{kernels.attrs['network']}`: {kernels.sizes['kernel']} kernels"]
        lines.append("  " + ", ".join(f"{n} {kind}" for kind, n in counts.items()))
        if "changes" in self.tree.children:
            changes = self.tree["/changes"].to_dataset()
            first = changes.isel(kernel=0)
            layer = str(changes["named_layer"].values[int(np.argmax(changes["layer_change"].values))])
            lines.append(
                f"  most changed: `{layer}`; kernel {int(first['output'])}, {int(first['input'])} of "
                f"`{first['layer'].item()}`, {first['kind_before'].item()} before, {first['kind_after'].item()} after"
            )
        if self.pick is not None:
            lines.append(f"  {self.pick!r}".replace("\n", "\n  "))
        return "\n".join(lines)


def explain(
    fit: Fit,
    data: Any = None,
    transferred: Fit | None = None,
    network: str | None = None,
    clusters: int | None = None,
    seed: int | None = None,
) -> Explanation:
    """See `Fit.explain`."""
    of, chosen = Layers.of(fit, network, "explain"), fit.member(seed)
    groups = {
        "/kernels": spectra_at(of, fit.theta_of(chosen), None, clusters),
        "/preactivations": preactivation_spectra(fit, data, transferred=transferred, network=of.name, seed=chosen),
    }
    if transferred is not None:
        groups["/kernels_transferred"] = spectra_at(of, transferred.theta_of(chosen))
        groups["/changes"] = kernel_changes(transferred, fit, of.name, seed=chosen)
    return Explanation(xr.DataTree.from_dict(groups))
