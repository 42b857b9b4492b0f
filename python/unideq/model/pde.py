"""`PDE`: fields on a grid, ∂u/∂t = f(t, u, θ), traced once; to solvers it is the method of lines' large ODE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import xarray as xr

from ..checks import known_arguments
from ..graph import Graph
from ..nn import Network
from .algebraic import check_algebraic
from .closed import closed
from .declared import Rhs
from .delays import check_delays
from .description import warn_unused
from .initial import Steady
from .linear import add_linear, operators_of, symbols_of
from .names import check_dimensions
from .ode import ODE
from .on_grid import OnGrid, checked_grid, fields_on
from .own_forcing import Forcing
from .resting import check_resting

if TYPE_CHECKING:
    from ..grid import Grid

__all__ = ["PDE"]


class PDE(OnGrid, ODE):
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

    @known_arguments
    def __init__(
        self,
        rhs: Rhs,
        grid: Grid,
        fields: Any,
        parameters: Mapping[str, Any] | None = None,
        networks: Mapping[str, Network] | None = None,
        forcings: Mapping[str, xr.DataArray | Forcing] | Sequence[str] | None = None,
        observe: Rhs | None = None,
        initial: Mapping[str, Any] | Steady | str | None = None,
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
        check_algebraic(self)
        check_resting(self)
        check_delays(self)
        check_dimensions(self)
        warn_unused(self)

    @known_arguments
    def closed(
        self,
        closure: Any,
        parameters: Mapping[str, Any] | None = None,
        networks: Mapping[str, Network] | None = None,
    ) -> Self:
        """The model with a term for what its grid doesn't see: ∂u/∂t = rhs(u) + linear(∂) u + Π(u).

        Its observables gain `NAME_subgrid`, Π of each closed field: the variable that `ude.coarsen` measures.

        Parameters
        ----------
        closure
            One of `ude.closures`, or a function `f(t, state, p, net, forcing)` → Π (*grid), or a dict field → Π.
            Closing a model again adds to its term.
        parameters, networks
            Which the function reads and calls, besides the model's.

        Raises
        ------
        ModelError, TraceError
            If the term hasn't the field's shape, there is no such field, names clash, or it can't be traced.

        Examples
        --------
        >>> import unideq as ude, numpy as np
        >>> coarse = ude.problems.Burgers(points=16).model()
        >>> model = coarse.closed(lambda t, state, p: -p.drag * state.u, {"drag": 0.5})
        >>> sorted(model.observables)
        ['u', 'u_subgrid']
        """
        return closed(self, closure, parameters, networks)

    @property
    def _known(self) -> dict[str, Any]:
        """What a linear part may read."""
        fixed = {n: self.values[n] for n, p in self.parameters.items() if not p.free}
        return {**fixed, **{n: v for n, v in self.known_values.items() if n not in self.grouped}}

    def _traced_linear(self, linear: Any) -> Graph:
        trainable = [*(n for n, p in self.parameters.items() if p.free), *self.grouped]
        return self._named(symbols_of(linear, self.grid, self.states, self._known, trainable))
