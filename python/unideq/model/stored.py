"""Models as plain data and back: what files and results keep, without the Python function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ..graph.serialise import from_json, to_json
from ..nn import Network
from ..stored import from_json as stored_from_json
from .condition import Condition
from .grouped import Grouped
from .initial import initial_from_json
from .layout import Layout
from .own_forcing import Forcing, Records
from .parameter import Parameter
from .state import State, StateTable
from .triggers import Trigger
from .values import described_values, weights_from_json

if TYPE_CHECKING:
    from .model import Model

M = TypeVar("M", bound="Model")
FURTHER = ("nonlinear", "linear", "operator", "closure", "correction", "jump", "crossing", "diffusion")
"""Equations that some models have besides."""

ORDINARY = ("algebraic", False)
"""What isn't written of a state."""

__all__ = ["model_from_values", "model_values"]


def model_values(model: Model) -> dict[str, Any]:
    """What is written of a model besides its kind."""
    return {
        "states": [
            {k: v for k, v in {**s.__dict__, "shape": list(s.shape)}.items() if v is not None and (k, v) != ORDINARY}
            for s in model.states
        ],
        **described_values(model),
        **({"conditions": {n: c.to_json() for n, c in model.conditions.items()}} if model.conditions else {}),
        "networks": {n: net.to_json() for n, net in model.networks.items()},
        "forcing": to_json(model.forcing),
        **({"inputs": {n: f.to_json() for n, f in model.inputs.items()}} if model.inputs else {}),
        **({"recorded": {n: r.to_json() for n, r in model.recorded.items()}} if model.recorded else {}),
        **({"events": [t.to_json() for t in model.triggers]} if model.triggers else {}),
        **({"delays": list(model.delays)} if model.delays else {}),
        "layout": model.layout.to_json(),
        **{key: to_json(graph) for key, graph in model.named.items()},
        **model._more_to_json(),
    }


def model_from_values(cls: type[M], data: Mapping[str, Any]) -> M:
    """Inverse of `model_values`."""
    made = object.__new__(cls)
    made.states = StateTable([State(**{**s, "shape": tuple(s["shape"])}) for s in data["states"]])
    made.parameters = {n: Parameter(**p) for n, p in data["parameters"].items()}
    conditions = {**data.get("conditions", {}), **data.get("groups", {})}
    made.conditions = {n: Grouped.from_json(c) if "parameter" in c else Condition(**c) for n, c in conditions.items()}
    made.networks = {n: stored_from_json(Network, s) for n, s in data["networks"].items()}
    made.initial = initial_from_json(data["initial"])
    made.forcing = from_json(data["forcing"])
    made.inputs = {n: Forcing(**f) for n, f in data.get("inputs", {}).items()}
    made.recorded = {n: Records.from_json(r) for n, r in data.get("recorded", {}).items()}
    made.triggers = tuple(Trigger.from_json(t) for t in data.get("events", ()))
    made.delays = tuple(data.get("delays", ()))
    made.layout = Layout.from_json(data["layout"])
    made.weights = weights_from_json(data, made.layout)
    made._read_more(data)
    required = ("observation",) if data.get("black_box") else cls.required
    named = {key: from_json(data[key]) for key in required}
    named |= {key: from_json(data[key]) for key in FURTHER if key in data}
    made._set_equations(named)
    return made
