"""Learned terms as tables: the arguments of a network along the solutions, what came out, and labels for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ModelError, unknown
from ..graph import Graph, text
from ..model import Model
from ..model.equations import readable

if TYPE_CHECKING:
    from .fit import Fit

__all__ = ["Visited", "visited"]


@dataclass(frozen=True)
class Visited:
    """What one network saw and said along the solutions of all seeds.

    Attributes
    ----------
    arguments
        (seed, trajectory, time, cell, argument); `cell` runs over space where the network acts on fields.
    outputs
        (seed, trajectory, time, cell, output).
    argument_labels, output_labels
        Texts with units where they are known.
    """

    network: str
    arguments: np.ndarray
    outputs: np.ndarray
    argument_labels: tuple[str, ...]
    output_labels: tuple[str, ...]


def visited(fit: Fit, network: str) -> Visited:
    """Read a network's samples from the fit's `/learned_term` group.

    Raises
    ------
    OptionError
        If the model's equations call no such network.
    """
    model = fit.model
    if network in model.networks and network not in model.learned and model.delays:
        raise ModelError(
            f"`{network}` reads the past, so that no table says what it saw. Call it at your own points, "
            f"`fit.network({network!r})(x)`."
        )
    if network not in model.learned:
        raise unknown("network", network, model.learned)
    data = fit.tree["/learned_term"].to_dataset()
    term, count = model.learned[network], model.networks[network].outputs
    names = [n for n in term.graph.outputs if n.startswith("argument_")]
    arrays = [data[f"{network}_{n}"].values for n in names]
    output = data[f"{network}_output"].values
    if term.layout != "vector":
        arguments = np.stack(np.broadcast_arrays(*arrays), axis=-1)
        output = np.moveaxis(output, 3, -1) if count > 1 else output[..., None]
    else:
        arguments = arrays[0]
    lead = arguments.shape[:3]
    outputs = (network,) if count == 1 else tuple(f"{network}[{k}]" for k in range(count))
    return Visited(
        network,
        arguments.reshape(*lead, -1, arguments.shape[-1]),
        output.reshape(*lead, -1, count),
        _argument_labels(fit, network, arguments.shape[-1]),
        outputs,
    )


def _argument_labels(fit: Fit, network: str, count: int) -> tuple[str, ...]:
    model: Model = fit.model
    term = model.learned[network]
    graph = Graph(term.graph.inputs, {n: e for n, e in term.graph.outputs.items() if n.startswith("argument_")})
    expressions, names = readable(model, graph)
    shown = [text(e, names) for e in expressions.values()]
    if term.layout == "vector":
        shown = [f"{shown[0]}[{k}]" if len(shown[0]) < 24 else f"argument {k}" for k in range(count)]
    shown = [s if len(s) < 32 else f"argument {k}" for k, s in enumerate(shown)]
    units = {s.name: s.units or _measured_units(fit, s.name) for s in model.states}
    return tuple(f"{s} [{units[s]}]" if units.get(s) else s for s in shown)


def _measured_units(fit: Fit, name: str) -> str:
    dataset = fit.record.observations.dataset
    return str(dataset[name].attrs.get("units", "")) if name in dataset else ""
