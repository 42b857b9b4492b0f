"""Initial values as a model states them: known, estimated, or read from the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checks import array as checked_array
from ..errors import ModelError
from .names import named_items
from .parameter import Parameter
from .state import StateTable

__all__ = ["check_initial", "initial_from_json", "initial_to_json"]

Initial = Parameter | np.ndarray | str
"""A `Parameter` (estimated), an array (known), or the name of a coordinate of the data (known, one a trajectory)."""


def check_initial(initial: Mapping[str, Any] | None, states: StateTable) -> dict[str, Initial]:
    """State → initial value, with shapes and signs that fit the states."""
    checked: dict[str, Initial] = {}
    for name, value in named_items("initial", "State", initial):
        state = states[name]
        if isinstance(value, str):
            checked[name] = value
            continue
        if isinstance(value, Parameter):
            if value.per is not None:
                raise ModelError(
                    f"The initial value of `{name}` is estimated for each trajectory by itself. Leave "
                    f"`per={value.per!r}` out."
                )
            array = value.array
        else:
            what = f"initial value of {name}"
            hint = "Or give a `Parameter`, or the name of a coordinate of the data."
            array = checked_array(value, what, finite=False, error=ModelError, hint=hint)
        if array.shape not in ((), state.shape):
            raise ModelError(f"The initial value of `{name}` has shape {array.shape}, not {state.shape}.")
        if not np.isfinite(array).all():
            raise ModelError(f"The initial value of `{name}` isn't finite.")
        # A known value may be zero; an estimated one is stored as a softplus, which can't.
        if state.positive and ((array <= 0) if isinstance(value, Parameter) else (array < 0)).any():
            raise ModelError(f"The initial value of `{name}` is {array}, but the state is declared positive.")
        checked[name] = value if isinstance(value, Parameter) else array
    return checked


def initial_to_json(initial: Mapping[str, Initial]) -> dict[str, Any]:
    """Plain data for `initial_from_json`."""
    return {name: _plain(value) for name, value in initial.items()}


def _plain(value: Initial) -> dict[str, Any]:
    if isinstance(value, Parameter):
        return value.to_json()
    return {"known": value if isinstance(value, str) else value.tolist()}


def initial_from_json(data: Mapping[str, Any]) -> dict[str, Initial]:
    """Inverse of `initial_to_json`."""
    result: dict[str, Initial] = {}
    for name, item in data.items():
        if "known" in item:
            known = item["known"]
            result[name] = known if isinstance(known, str) else np.asarray(known, dtype=float)
        else:
            result[name] = Parameter(**item)
    return result
