"""Samples of a learned term where the trajectories went, from the seeds that describe the data about equally well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import DataError, ModelError, unknown
from ...graph import Graph, text, variable
from ...model import ODE
from ...model.equations import readable
from ...result import Fit
from ...result.learned import visited

__all__ = ["Samples", "argument_names", "argument_texts", "checked_network", "formula_arguments", "learned_samples"]

TOLERANCE = 1.25
"""Seeds whose root mean squared error is within this factor of the best one's are used."""
FEWEST = 10
LONGEST = 24
"""Characters from which an argument is called `z0` in formulas."""


@dataclass(frozen=True)
class Samples:
    """Arguments and outputs of a network.

    Attributes
    ----------
    arguments
        (M, inputs).
    outputs
        (M, outputs).
    seeds
        The seeds that they come from.
    """

    arguments: np.ndarray
    outputs: np.ndarray
    seeds: tuple[int, ...]


def checked_network(model: ODE, network: str | None) -> str:
    """The network's name: the only one where none is given."""
    if network is None:
        if len(model.networks) == 1:
            network = next(iter(model.networks))
        elif not model.networks:
            raise ModelError("The model has no network: there is nothing to recover.")
        else:
            listing = ", ".join(f"`{n}`" for n in model.networks)
            first = next(iter(model.networks))
            raise ModelError(f"The model has several networks ({listing}): say which, e.g. `fit.recover({first!r})`.")
    if network not in model.networks:
        raise unknown("network", network, model.networks, ModelError)
    if model.delays:
        raise ModelError(
            f"Recovery refits equations of one time, and this model has `state.lag({model.delays[0]:g})`. Compare "
            f"`fit.network({network!r})` with formulas of your own."
        )
    if network not in model.learned:
        raise ModelError(f"Network `{network}` isn't called by the equations: there is nothing to recover.")
    reason, algebraic = None, next((s.name for s in model.states if s.algebraic), None)
    if algebraic is not None:
        reason = f"equations for slopes, and `{algebraic}` is algebraic"
    elif model.crossing is not None:
        reason = "equations without events that the state brings about"
    elif model.begins_at_rest:
        reason = "trajectories that begin at given or estimated values, not at rest"
    elif any(c.parameter.spread is not None for c in model.grouped.values()):
        reason = "by maximum likelihood, without what a population has in common (`spread`)"
    if reason is not None:
        raise ModelError(f'Recovery refits {reason}. Regress the network\'s samples: `fit.tree["/learned_term"]`.')
    return network


def argument_names(model: ODE, network: str) -> list[str]:
    """What a network's inputs are called: states by their names, other arguments `z0`, `z1`, …"""
    term = model.learned[network]
    inputs = model.networks[network].inputs
    u = model.vector_field.input("u")
    own = {e: n for n, e in model.states.split(variable(u.name, u.shape)).items()}
    if term.layout == "vector":
        (vector,) = term.calls[0].inputs[1:]
        name = own.get(vector, "z")
        return [f"{name}{i}" for i in range(inputs)]
    names = [own.get(a, f"z{i}") for i, a in enumerate(term.calls[0].inputs[1:])]
    return names if len(set(names)) == len(names) else [f"z{i}" for i in range(inputs)]


def argument_texts(model: ODE, network: str) -> list[str]:
    """What a network's inputs are, as pictures label them: `S`, `S/N`; sums and quotients without brackets."""
    term = model.learned[network]
    names = argument_names(model, network)
    if term.layout == "vector":
        return names
    graph = Graph(term.named.inputs, {n: e for n, e in term.named.outputs.items() if n.startswith("argument_")})
    outputs, printed = readable(model, graph)
    shown = [text(e, printed) for e in outputs.values()]
    short = all(len(s) < LONGEST for s in shown) and len(set(shown)) == len(shown)
    return shown if short else names


def formula_arguments(model: ODE, network: str, arguments: tuple[Any, ...]) -> list[Any]:
    """The arguments of a call, one a network input."""
    if model.learned[network].layout == "vector":
        return [arguments[0][..., i] for i in range(model.networks[network].inputs)]
    return list(arguments)


def learned_samples(fit: Fit, network: str) -> Samples:
    """Arguments and outputs along the solutions of the good seeds.

    Raises
    ------
    DataError
        If fewer than ten samples are finite.
    """
    error = fit.tree["/diagnostics"].to_dataset()["rmse_training"]
    scale = np.array([fit.record.observations.scale(str(n)) for n in error["variable"].values])
    relative = np.sqrt(np.mean((error.values / scale) ** 2, axis=1))
    if not np.isfinite(relative).any():
        raise DataError(f"No seed could be solved, so `{network}` has no samples. Train the model first: {fit.status}.")
    good = _about_equal(relative)
    seen = visited(fit, network)
    x = seen.arguments[good].reshape(-1, seen.arguments.shape[-1])
    y = seen.outputs[good].reshape(-1, seen.outputs.shape[-1])
    keep = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
    if keep.sum() < FEWEST:
        raise DataError(
            f"`{network}` has {int(keep.sum())} finite samples along the solutions; recovery needs at least {FEWEST}."
        )
    return Samples(x[keep], y[keep], tuple(fit.seeds[i] for i in good))


def _about_equal(errors: np.ndarray) -> np.ndarray:
    """Indices of the seeds whose errors (seeds,) are about the least; NaN is none."""
    return np.flatnonzero(errors <= TOLERANCE * np.nanmin(errors))
