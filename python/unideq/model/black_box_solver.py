"""Black-box solvers: a NumPy function that advances fields by one step, without a graph or a derivative."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..checks import array
from ..errors import ModelError, unknown
from .on_grid import checked_grid, fields_on
from .state import StateTable

__all__ = ["BlackBox", "black_box_parts"]


class BlackBox:
    """A function {field: array} → {field: array}, or (fields, conditions) → fields.

    Attributes
    ----------
    name
        The function's name, all that files keep of it.
    """

    def __init__(self, function: Callable[..., Any] | None, name: str = "") -> None:
        self.function = function
        self.name = name or getattr(function, "__name__", type(function).__name__)

    def __call__(self, states: StateTable, u: np.ndarray, conditions: Mapping[str, np.ndarray]) -> np.ndarray:
        """The next states of a batch (B, n); one call a trajectory."""
        if self.function is None:
            raise ModelError(
                f"The black-box solver `{self.name}` isn't stored in files. Give it back: "
                "`stepper.with_solver(function)`."
            )
        result = np.empty_like(u)
        for i, row in enumerate(u):
            given = {n: float(v[i]) for n, v in conditions.items()}
            arguments = ({n: v.copy() for n, v in states.split(row).items()}, given)
            result[i] = states.join(self._checked(self.function(*arguments[: self._count]), states))
        return result

    @property
    def _count(self) -> int:
        try:
            positional = inspect.signature(self.function).parameters.values()  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return 1
        return min(2, sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in positional))

    def _checked(self, result: Any, states: StateTable) -> dict[str, np.ndarray]:
        if not isinstance(result, Mapping):
            raise ModelError(f"The solver `{self.name}` returned {type(result).__name__}, not a dict field → array.")
        found = {}
        for name, value in result.items():
            if name not in states.names:
                raise unknown(f"field that the solver `{self.name}` returned", name, states.names, ModelError)
            found[name] = array(value, f"{name}` of the solver `{self.name}", finite=False, error=ModelError)
            if found[name].shape != states[name].shape:
                raise ModelError(
                    f"The solver `{self.name}` returned `{name}` of shape {np.shape(value)}, not {states[name].shape}."
                )
        return found


def black_box_parts(function: Any, grid: Any, fields: Any) -> tuple[BlackBox, Any, StateTable]:
    """The solver, its grid and its fields, checked."""
    if not callable(function):
        raise ModelError(f"`Stepper` needs a PDE, an ODE or a function of the fields, not {type(function).__name__}.")
    if grid is None or fields is None:
        raise ModelError("A black-box solver needs `grid=` and `fields=`: what it acts on can't be read from it.")
    return BlackBox(function), checked_grid(grid), fields_on(grid, fields)
