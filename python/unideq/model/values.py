"""`Valued`: a model's numbers, its parameters' values and the weights that its networks carry, as one flat θ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from ..errors import ModelError, unknown
from ..graph.serialise import array_from_json, array_to_json
from .file import Filed
from .layout import Layout
from .names import normal_keys
from .parameter import Parameter

__all__ = ["Valued", "described_values", "weights_from_json"]


class Valued(Filed):
    """Parameters, networks and the layout of θ, which says where each has its values."""

    parameters: dict[str, Parameter]
    networks: Any
    """Name → network."""
    layout: Layout
    weights: dict[str, np.ndarray]
    """Entry of the layout → values, of networks that carry weights (a trained model's); others are drawn."""

    def initial_theta(self, seed: int = 0, parameters: Mapping[str, Any] | None = None) -> np.ndarray:
        """θ (P,) at the parameters' initial values and the networks' weights.

        Parameters
        ----------
        seed
            Of the generator that networks without weights of their own are drawn from.
        parameters
            Entry of the layout → value, where it shall be another one.
        """
        values: dict[str, Any] = {**{n: p.array for n, p in self.parameters.items()}, **self.weights}
        for k, (name, network) in enumerate(self.networks.items()):
            if any(f"{name}.{w}" not in values for w in network.weight_shapes()):
                drawn = network.draw(np.random.default_rng([seed, k]))
                values.update({f"{name}.{w}": array for w, array in drawn.items()})
        return self.layout.pack({**values, **normal_keys(parameters)})

    def resolve_theta(self, parameters: Any = None) -> np.ndarray:
        """θ (P,) from None (initial values), a flat array, or a dict of some names."""
        if parameters is None or isinstance(parameters, Mapping):
            return self.initial_theta(parameters=parameters)
        return self.layout.flat(parameters)

    def with_theta(self, parameters: Any) -> Self:
        """The same model at these values: its parameters start there, and its networks carry their weights.

        Whatever is made of it has them too: solutions, files, scripts, models by `with_values` or `replace`. `fit`
        starts from them, whatever the seed. The layout of θ (scales included) stays.

        Parameters
        ----------
        parameters
            A flat θ (P,), or a dict of some names (the others as they are).

        Raises
        ------
        ModelError
            If θ has another size or isn't finite.
        """
        values = self.layout.unpack(self.resolve_theta(parameters))
        return self._valued(
            {n: p.moved(self.layout[n].inside(values[n])) for n, p in self.parameters.items()},
            {e.name: values[e.name] for e in self.layout.of_kind("network")},
        )

    def initialised_from(self, source: Valued) -> Self:
        """The same model with the values and weights of another one, wherever both have a name and its shape.

        What is left is drawn or starts as before: a network that is pretrained in a simpler model, a model with one
        more term. Parameters by group start at the values of those labels that both know, and others at their guess; a
        parameter that is one for all in one of the models takes, or gives, the typical value. A warning says what has
        no meaning in the other.

        Parameters
        ----------
        source
            A model, e.g. `fit.model`.

        Raises
        ------
        ModelError
            If nothing is shared, shared names have other shapes, or a value lies outside this model's bounds.
        """
        if not isinstance(source, Valued):
            raise ModelError(f"`initialised_from` needs a model, e.g. `fit.model`, not {type(source).__name__}.")
        made, shared = self._with_groups_of(source)
        parameters, weights = dict(self.parameters), dict(self.weights)
        known = {**{n: p.array for n, p in source.parameters.items()}, **source.typical, **source.weights}
        for entry in self.layout.entries:
            if entry.name not in known:
                continue
            value, shared = known[entry.name], True
            if value.shape != entry.shape:
                raise ModelError(
                    f"`{entry.name}` has shape {entry.shape} in this model and {value.shape} in the other. "
                    "Rename it in one of them, or give both the same shape."
                )
            if entry.name in parameters:
                try:
                    parameters[entry.name] = parameters[entry.name].moved(value)
                except ModelError as error:
                    raise ModelError(f"Parameter `{entry.name}`: {error}") from None
            else:
                weights[entry.name] = value
        if not shared:
            names = sorted({n.partition(".")[0] for n in known}) or ["none with values"]
            raise ModelError(
                f"The models share no parameter or trained network: the other one has {', '.join(names)}, this one "
                f"{', '.join([*self.parameters, *self.networks])}."
            )
        return made._valued(parameters, weights)

    @property
    def typical(self) -> dict[str, np.ndarray]:
        """Typical values of parameters by group that have one."""
        return {}

    def _with_groups_of(self, source: Valued) -> tuple[Self, bool]:
        """The same model with the values of another one's groups, and whether they share any."""
        return self, False

    def frozen(self, *names: str) -> Self:
        """The same model in which these parameters, networks and layers keep their values in training.

        Parameters
        ----------
        *names
            Parameters, networks, and layers or single weights of networks, `closure.layer_2`, `closure.layer_2.bias`.

        Raises
        ------
        ModelError
            If a name is none of these.
        """
        return self._with_free(names, lambda entry: False)

    def thawed(self, *names: str) -> Self:
        """The same model in which training may change these (again); names as of `frozen`."""
        fixed = {f"{n}.{w}" for n, net in self.networks.items() for w in net.fixed_weights()}
        return self._with_free(names, lambda entry: entry not in fixed)

    def _with_free(self, names: tuple[str, ...], free: Callable[[str], bool]) -> Self:
        parts = {e.name: {e.name, *_wholes(e.name)} for e in self.layout.entries}
        known = set(self.parameters).union(*(parts[e.name] for e in self.layout.of_kind("network")))
        for name in names:
            if name not in known:
                network = name.partition(".")[0]
                if network not in self.networks:
                    raise unknown("parameter or network", name, (*self.parameters, *self.networks), ModelError)
                layers = dict.fromkeys(e.name.rpartition(".")[0] for e in self.layout.of_kind("network"))
                own = [n for n in layers if n.startswith(f"{network}.")]
                raise unknown(f"layer of the network `{network}`", name, own, ModelError)
        entries = [replace(e, free=free(e.name)) if parts[e.name] & set(names) else e for e in self.layout.entries]
        parameters = {n: p.kept(free=free(n)) if n in names else p for n, p in self.parameters.items()}
        made = self._valued(parameters, self.weights)
        made.layout = Layout(entries)
        return made

    def values_to_json(self) -> dict[str, Any]:
        """The numbers alone, as entries of the model's description: what `with_theta` changes."""
        weights = {n: array_to_json(w) for n, w in self.weights.items()}
        return {"parameters": {n: p.to_json() for n, p in self.parameters.items()}, "weights": weights}

    def without_weights(self) -> Self:
        """The same model with networks that are drawn anew, by every seed its own."""
        return self._valued(self.parameters, {})

    def _valued(self, parameters: dict[str, Parameter], weights: dict[str, np.ndarray]) -> Self:
        """A copy that differs in its values alone; graphs, which read them from θ, are shared."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, parameters=parameters, weights=weights)
        return made


def _wholes(name: str) -> list[str]:
    """What an entry is part of: `f.layer_1.bias` of `f` and `f.layer_1`."""
    parts = name.split(".")
    return [".".join(parts[:k]) for k in range(1, len(parts))]


def described_values(model: Valued) -> dict[str, Any]:
    """`values_to_json` as a whole description has it: without an empty entry for weights, as ever."""
    return {name: values for name, values in model.values_to_json().items() if values or name != "weights"}


def weights_from_json(data: Mapping[str, Any], layout: Layout) -> dict[str, np.ndarray]:
    """The entry `weights` of a model's description; older ones, and those of untrained models, have none."""
    weights = {n: array_from_json(w) for n, w in data.get("weights", {}).items()}
    for name, array in weights.items():
        if array.shape != layout[name].shape or not np.isfinite(array).all():
            raise ValueError(f"the weights `{name}` have shape {array.shape} or aren't finite")
    return weights
