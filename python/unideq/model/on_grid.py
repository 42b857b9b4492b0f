"""`OnGrid`: models whose states are fields on a grid, with a linear part by its Fourier symbol where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from ..errors import ModelError, OptionError
from ..graph import Expression, Graph, topological
from .model import Model
from .state import State, StateTable

if TYPE_CHECKING:
    from ..grid import Grid

__all__ = ["OnGrid", "checked_grid", "fields_on"]


class OnGrid(Model, stored=False):
    """What `PDE` and `Stepper` have in common; a stepper of an `ODE` has no grid."""

    grid: Grid
    _parts: ClassVar[tuple[str, ...]] = (*Model._parts, "grid")

    def _further_inputs(self, outputs: Mapping[str, Expression]) -> list[Expression]:
        used = topological(outputs.values())
        further = super()._further_inputs(outputs) if "du" in outputs else []
        return [*further, *(i for i in used if i.operation == "input" and i.name.startswith("∂"))]

    def printed(self) -> dict[str, Expression]:
        """As of any model; the linear part as a polynomial in derivatives, where it is one."""
        rest = self.states.split(self.nonlinear.outputs["du"])
        operators = self.named["operator"].outputs if "operator" in self.named else {}
        if self.has_linear and not operators:
            return super().printed()
        own = self.states.split(self._u)
        return {n: e + operators[n] * own[n] if n in operators else e for n, e in rest.items()}

    # ---- reading ----------------------------------------------------------------------------------------------

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields' names."""
        return self.states.names

    @property
    def has_linear(self) -> bool:
        """Whether a linear part is given by its Fourier symbol."""
        return "linear" in self.named

    @property
    def nonlinear(self) -> Graph:
        """What is left of the vector field without the linear part, in named values."""
        return self.named.get("nonlinear", self.named_vector_field)

    def linear_symbols(self, conditions: Mapping[str, float] | None = None) -> dict[str, np.ndarray]:
        """Field → complex Fourier symbol of the linear part, on the half spectrum of `rfft`.

        Parameters
        ----------
        conditions
            Condition → number; those left out take their defaults.
        """
        if not self.has_linear:
            raise ModelError("The model has no linear part: give the PDE `linear=lambda d, p: ...`.")
        values: dict[str, Any] = {f"p.{n}": p.array for n, p in self.parameters.items()}
        values |= {f"c.{n}": (conditions or {}).get(n, c.typical) for n, c in self.conditions.items()}
        found = self.named["linear"].evaluate(values)
        return {n: found[f"{n}.real"] + 1j * found[f"{n}.imaginary"] for n in self.fields}

    def dims(self, name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
        """As of any model; trailing axes of the grid's shape are the grid's dimensions."""
        if self.grid is None:
            return super().dims(name, shape)
        d = len(self.grid.shape)
        if tuple(shape[-d:]) != tuple(self.grid.shape):
            return super().dims(name, shape)
        return (*super().dims(name, shape[:-d]), *self.grid.dims)

    @property
    def coordinates(self) -> dict[str, xr.Variable]:
        """The grid's points, with units."""
        found = {}
        for name in () if self.grid is None else self.grid.dims:
            units = self.grid.axis(name).units
            found[name] = xr.Variable(name, self.grid.coordinates(name), {"units": units} if units else {})
        return found

    # ---- JSON -------------------------------------------------------------------------------------------------

    def _more_to_json(self) -> dict[str, Any]:
        return {"grid": self.grid.to_json()}

    def _read_more(self, data: Mapping[str, Any]) -> None:
        from ..grid import Grid

        self.grid = Grid.from_json(data["grid"])


def checked_grid(grid: Any) -> Grid:
    from ..grid import Grid

    if not isinstance(grid, Grid):
        raise ModelError(
            f'`grid` needs e.g. `ude.Grid(ude.Axis("x", 0.0, 1.0, 64))`, not {type(grid).__name__}. '
            "Models without space are `ude.ODE`."
        )
    return grid


def fields_on(grid: Any, fields: Any) -> StateTable:
    """Fields as states of the grid's shape."""
    shape = tuple(grid.shape)
    if isinstance(fields, str) or not isinstance(fields, (Mapping, list, tuple)):
        raise ModelError(f"`fields` needs a list of names or a dict name → `State`: write `fields=[{fields!r}]`.")
    items = fields.items() if isinstance(fields, Mapping) else [(None, f) for f in fields]
    states = []
    for key, value in items:
        if isinstance(value, Mapping):
            value = _state(key, value)
        state = value if isinstance(value, State) else State(key or value)
        name = key or state.name
        if isinstance(value, (int, float, tuple, list)) or (state.shape and tuple(state.shape) != shape):
            raise ModelError(
                f"Field `{name}` is given shape {state.shape or value}, but a field has the grid's shape {shape}. "
                "Leave the shape out."
            )
        states.append(replace(state, name=name, shape=shape))
    taken = next((s.name for s in states if s.name in grid.dims), None)
    if taken is not None:
        raise ModelError(f"`{taken}` names a field and an axis of the grid. Rename one of them.")
    return StateTable(states)


def _state(name: Any, settings: Mapping[str, Any]) -> State:
    try:
        return State(name, **settings)
    except (OptionError, TypeError) as error:
        raise ModelError(f"Field `{name}`: {error}. Its settings are those of `ude.State`.") from None
