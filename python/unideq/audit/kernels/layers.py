"""The convolutions of a fit's network: their kernels, and what they give, layer by layer, before any nonlinearity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...checks import instance
from ...errors import DataError, ModelError, OptionError, unknown
from ...graph import Expression, Graph, constant, variable
from ...nn import GridNetwork
from ...result import Fit
from ..states import States

__all__ = ["Layers"]

MOST = 64
"""Snapshots that spectra are averaged over, at most."""


@dataclass(frozen=True)
class Layers:
    """The layers of one network of convolutions.

    Attributes
    ----------
    fit, name
        The fit, and the network's name.
    network
        What it is.
    """

    fit: Fit
    name: str
    network: GridNetwork

    @classmethod
    def of(cls, fit: Any, name: str | None, by: str) -> Layers:
        """Those of a fit's network of convolutions, or the only one; `by`: who asks."""
        instance(fit, Fit, "fit", by, needs="a fit, e.g. of `ude.fit(...)`")
        networks = getattr(fit.model, "networks", {})
        found = {n: net for n, net in networks.items() if isinstance(net, GridNetwork)}
        if name is not None and name not in networks:
            raise unknown("network", name, networks)
        if not found or (name is not None and name not in found):
            which = f"`{name}` is `{type(networks[name]).__name__}`" if name in networks else "this model has none"
            raise OptionError(f"`{by}` looks at networks of convolutions, such as `ude.nn.CNN`, and {which}.")
        if name is None and len(found) > 1:
            raise OptionError(f"`{by}` needs to know which network, `network=`: {', '.join(f'`{n}`' for n in found)}.")
        chosen = next(iter(found)) if name is None else name
        return cls(fit, chosen, found[chosen])

    @property
    def names(self) -> tuple[str, ...]:
        """`closure.layer_1`, …"""
        return tuple(f"{self.name}.{layer}" for layer in self.network.convolutions())

    @property
    def shape(self) -> tuple[int, ...]:
        """Points of the model's grid."""
        return tuple(self.fit.model.grid.shape)

    @property
    def lengths(self) -> list[float]:
        """Periods of the grid's axes.

        Raises
        ------
        ModelError
            If one isn't periodic.
        """
        for axis in self.fit.model.grid.axes:
            if not axis.periodic:
                raise ModelError(f"Spectra of fields need periodic axes, and `{axis.name}` isn't.")
        return [float(a.length) for a in self.fit.model.grid.axes]

    def weights(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """`layer_1.weight`, … → values at θ, the model's own or longer."""
        own = self.fit.record.model.layout
        return {w: own.unpack(theta[: own.size])[f"{self.name}.{w}"] for w in self.network.weight_shapes()}

    def preactivations(self, theta: np.ndarray, states: States) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The network's inputs, scaled, (M, inputs, *space), and of each layer K ∗ x + b (M, channels, *space)."""
        x = self._inputs(theta, states)
        recorded: dict[str, Expression] = {}

        class Recording(type(self.network)):  # type: ignore[misc]
            """The same network, which keeps what its convolutions give."""

            def convolve(self, weights: Mapping[str, Expression], layer: str, x: Any) -> Any:
                recorded.setdefault("", x)
                recorded[layer] = found = super().convolve(weights, layer, x)
                return found

        network = object.__new__(Recording)
        network.__dict__.update(self.network.__dict__)
        given = variable("x", x.shape)
        network.expand({w: constant(v) for w, v in self.weights(theta).items()}, given)
        found = Graph((given,), {f"of.{n}": e for n, e in recorded.items()}).evaluate({"x": x})
        return found.pop("of."), {f"{self.name}.{n.removeprefix('of.')}": v for n, v in found.items()}

    def _inputs(self, theta: np.ndarray, states: States) -> np.ndarray:
        """What the equations call the network with, (M, inputs, *space): first call, all its fields."""
        fit = self.fit
        if self.name not in fit.model.learned:
            raise ModelError(f"`{self.name}` isn't called in the equations at one time.")
        graph = states.read(fit.model.learned[self.name].graph)
        arguments = Graph(graph.inputs, {n: e for n, e in graph.outputs.items() if n.startswith("argument_")})
        rows = []
        thinned = states.thinned(max(2, MOST // len(states.labels)))
        for k, (times, own) in enumerate(zip(thinned.times, thinned.states, strict=True)):
            values = {"t": times, "u": own, "theta": theta[: fit.model.layout.size], "c": thinned.constants_of(k)}
            used = {n: v for n, v in values.items() if n in arguments.input_names and v is not None}
            found = fit.engine.evaluate(arguments, used, tuple(n for n in ("t", "u") if n in used))
            shapes = np.broadcast_shapes(*(v.shape for v in found.values()))
            fields = [np.broadcast_to(v, shapes) for v in found.values()]
            inner = self.network.dimensions
            stacked = fields[0] if len(fields) == 1 != self.network.inputs else np.stack(fields, axis=-1 - inner)
            rows.append(np.asarray(stacked).reshape(-1, self.network.inputs, *shapes[len(shapes) - inner :]))
        found = np.concatenate(rows)
        if not np.isfinite(found).all():
            raise DataError(f"The inputs of `{self.name}` aren't finite at these data.")
        return found
