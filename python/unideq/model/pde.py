"""`PDE`: fields on a grid, ∂u/∂t = f(t, u, θ), traced once; to solvers it is the method of lines' large ODE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from ..checks import known_arguments
from ..errors import ModelError, OptionError
from ..graph import Expression, Graph, topological
from ..nn import Network
from .declared import Rhs
from .description import warn_unused
from .linear import add_linear, operators_of, symbols_of
from .names import check_dimensions
from .ode import ODE
from .state import State, StateTable

if TYPE_CHECKING:
    from ..grid import Grid

__all__ = ["PDE"]


class PDE(ODE):
    """Partial differential equations on a grid, with known terms, parameters and networks.

    Everything that an `ODE` does, a `PDE` does too: space derivatives become operations on arrays (method of lines),
    and the adaptive solvers of both engines integrate the system.

    Parameters
    ----------
    rhs
        `f(t, state, p, net, forcing)` as for `ODE`; `state.NAME` is an array of the grid's shape. Space derivatives are
        the grid's operators: `grid.d(state.u)`, `grid.laplacian(state.u)`, …
    grid
        Where the fields live.
    fields
        List of names, or dict name → `State` (units, description, positive). Every field has the grid's shape.
    parameters, networks, forcings, observe, initial
        As for `ODE`. `parameters` may hold a `Condition`.
    linear
        A linear part given by its Fourier symbol, which exponential and implicit-explicit steppers treat exactly or
        implicitly: ∂u/∂t = rhs(u) + linear(∂) u. A function `(d, p)` → symbol where there is one field, or a dict field
        → such a function; `d.x`, `d.y` are derivatives along the grid's axes, e.g. `-d.x**2 - d.x**4`. All axes must be
        periodic. It may read fixed parameters and conditions, not trainable parameters.

    Raises
    ------
    ModelError, TraceError
        If the parts don't fit or a function can't be traced; names the place and what to write instead.

    Examples
    --------
    >>> import unideq as ude, numpy as np
    >>> grid = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 32))
    >>> heat = ude.PDE(lambda t, state, p: p.nu * grid.laplacian(state.u), grid, ["u"], {"nu": 0.1})
    >>> x = grid.coordinates("x")
    >>> np.round(heat(0.0, {"u": np.sin(x)})["u"][8], 4)
    np.float64(-0.1)
    """

    grid: Grid
    _parts: ClassVar[tuple[str, ...]] = (*ODE._parts, "grid")

    @known_arguments
    def __init__(
        self,
        rhs: Rhs,
        grid: Grid,
        fields: Any,
        parameters: Mapping[str, Any] | None = None,
        networks: Mapping[str, Network] | None = None,
        forcings: Mapping[str, xr.DataArray] | None = None,
        observe: Rhs | None = None,
        initial: Mapping[str, Any] | None = None,
        linear: Callable[..., Any] | Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self.grid = checked_grid(grid)
        self._declare(fields_on(grid, fields), parameters, networks, forcings, initial)
        named = {"vector_field": self._traced_rhs(rhs), "observation": self._traced_observation(observe)}
        if linear is not None:
            named["nonlinear"] = named["vector_field"]
            named["linear"] = self._traced_linear(linear)
            named["operator"] = self._named(operators_of(linear, self.grid, self.states, self._known))
            named["vector_field"] = add_linear(self, named["nonlinear"], named["linear"])
        self._set_equations(named)
        check_dimensions(self)
        warn_unused(self)

    @property
    def _known(self) -> dict[str, Any]:
        """What a linear part may read."""
        fixed = {n: self.values[n] for n, p in self.parameters.items() if not p.free}
        return {**fixed, **self.known_values}

    def _traced_linear(self, linear: Any) -> Graph:
        trainable = [n for n, p in self.parameters.items() if p.free]
        return self._named(symbols_of(linear, self.grid, self.states, self._known, trainable))

    def _further_inputs(self, outputs: Mapping[str, Expression]) -> list[Expression]:
        used = topological(outputs.values())
        return [i for i in used if i.operation == "input" and i.name.startswith("∂")]

    def printed(self) -> dict[str, Expression]:
        """As for `ODE`; the linear part as a polynomial in derivatives, where it is one."""
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
        values |= {f"c.{n}": (conditions or {}).get(n, c.default) for n, c in self.conditions.items()}
        found = self.named["linear"].evaluate(values)
        return {n: found[f"{n}.real"] + 1j * found[f"{n}.imaginary"] for n in self.fields}

    def dims(self, name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
        """As for `ODE`; trailing axes of the grid's shape are the grid's dimensions."""
        d = len(self.grid.shape)
        if tuple(shape[-d:]) != tuple(self.grid.shape):
            return super().dims(name, shape)
        return (*super().dims(name, shape[:-d]), *self.grid.dims)

    @property
    def coordinates(self) -> dict[str, xr.Variable]:
        """The grid's points, with units."""
        found = {}
        for name in self.grid.dims:
            units = self.grid.axis(name).units
            found[name] = xr.Variable(name, self.grid.coordinates(name), {"units": units} if units else {})
        return found

    # ---- new models and JSON ----------------------------------------------------------------------------------

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
