"""Models made of another one: its names with further ones, and what a further function says of its fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ModelError, unknown
from .declared import weight_entries
from .layout import Layout
from .model import Model
from .names import check_distinct, normal_keys
from .ode import ODE

__all__ = ["by_field", "with_further"]


def with_further(model: Model, parameters: Any, networks: Any) -> dict[str, Any]:
    """Its parameters, conditions, networks and layout of θ with further ones, which may not have names of its own."""
    more = object.__new__(ODE)
    more._declare(model.states, parameters, networks, None, None)
    check_distinct(
        {
            "parameter or condition of the model": (*model.parameters, *model.conditions),
            "forcing of the model": model.forcing_names,
            "parameter": more.parameters,
            "condition": more.conditions,
        }
    )
    check_distinct({"network of the model": model.networks, "network": more.networks})
    layout = [
        *model.layout.of_kind("parameter"),
        *more.layout.of_kind("parameter"),
        *model.layout.of_kind("network"),
        *weight_entries(more.networks),
    ]
    return {
        "parameters": {**model.parameters, **more.parameters},
        "conditions": {**model.conditions, **more.conditions},
        "networks": {**model.networks, **more.networks},
        "layout": Layout(layout),
    }


def by_field(result: Any, names: Sequence[str], what: str) -> dict[str, Any]:
    """What a function returned as a dict field → value; a value alone belongs to the only field."""
    if not isinstance(result, Mapping):
        if result is None or len(names) > 1:
            raise ModelError(f'`{what}` must return a dict field → value, e.g. `return {{"{names[0]}": ...}}`.')
        result = {names[0]: result}
    found = normal_keys(result)
    for name in found:
        if name not in names:
            raise ModelError(
                f"`{what}` returned a value for something that isn't a field. {unknown('field', name, names)}"
            )
    return found
