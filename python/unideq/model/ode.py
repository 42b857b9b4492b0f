"""`ODE`: a system du/dt = f(t, u, θ), traced once from a NumPy function, with networks where knowledge ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..checks import array, known_arguments, number
from ..errors import DataError
from ..graph import Graph
from ..nn import Network
from .algebraic import check_algebraic
from .declared import Rhs
from .delays import check_delays, standing_still
from .description import warn_unused
from .equations import Equations
from .event import Dose, Event
from .initial import Steady
from .memory import memory_lines
from .model import Model
from .names import check_dimensions, normal_keys
from .own_forcing import Forcing
from .resting import check_resting
from .state import StateTable
from .triggers import happening, with_infusions

if TYPE_CHECKING:
    from ..result.solution import Solution

__all__ = ["ODE"]


class ODE(Model):
    """Ordinary differential equations with known terms, parameters and networks.

    Parameters
    ----------
    rhs
        `f(t, state, p, net, forcing)` (trailing arguments may be left out), written in NumPy; returns the derivatives
        as a dict state → value (or a sequence in the states' order), of algebraic states what shall be zero. It is
        called when the model is made, with symbolic arrays, and never again. `state.lag(2.0).x` is x two units of time
        ago; before the start it was what it is there.
    states
        List of names (scalars), or dict name → shape or `State`.
    parameters
        Name → `Parameter`, number (a free one without bounds) or `Condition` (known, one a trajectory). Read as
        `p.NAME`.
    networks
        Name → network, e.g. `unideq.nn.MLP(2, 1)`. Called as `net.NAME(x, y)`.
    forcings
        Name → xarray DataArray over `time`, interpolated at t; with a dimension `trajectory`, one record each. Or a
        list of names (name → `Forcing` where settings are needed): read from the data, one record a trajectory. Read
        as `forcing.NAME`.
    observe
        `g(t, state, p, net, forcing)` → dict observable → value: what is measured where that isn't the states
        themselves.
    initial
        State → initial value, or `steady`: all begin at the steady state of each trajectory's inputs at its start (see
        `unideq.Steady`). A value is a number or array (known), the name of a coordinate along the data's `trajectory`
        dimension (known, one a trajectory), or a `Parameter` (estimated). States left out start at their first
        measurement, estimated; states that aren't measured need an entry. Those of algebraic states follow from the
        others': a number is where the search begins (default: `State.scale`, else 1).
    events
        What happens to the state: a list of `Dose` and `Event`, in their order where several happen at one time.

    Raises
    ------
    ModelError, TraceError
        If the parts don't fit or the function can't be traced; names the place and what to write instead.

    Examples
    --------
    >>> import unideq as ude
    >>> model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, states=["x"], parameters={"rate": 2.0})
    >>> print(model.equations())
    d x/dt = -rate·x
    >>> model(0.0, {"x": 3.0})
    {'x': array(-6.)}
    """

    @known_arguments
    def __init__(
        self,
        rhs: Rhs,
        states: Any,
        parameters: Mapping[str, Any] | None = None,
        networks: Mapping[str, Network] | None = None,
        forcings: Mapping[str, xr.DataArray | Forcing] | Sequence[str] | None = None,
        observe: Rhs | None = None,
        initial: Mapping[str, Any] | Steady | str | None = None,
        events: Sequence[Event | Dose] | None = None,
    ) -> None:
        self._declare(StateTable(states), parameters, networks, forcings, initial)
        changes = happening(self, events)
        field = with_infusions(self, self._traced_rhs(rhs))
        self._set_equations({"vector_field": field, "observation": self._traced_observation(observe), **changes})
        check_algebraic(self)
        check_resting(self)
        check_delays(self)
        check_dimensions(self)
        warn_unused(self)

    # ---- reading ----------------------------------------------------------------------------------------------

    def equations(self) -> Equations:
        """The traced equations; print them, or let Jupyter show the LaTeX."""
        return Equations.of_model(self)

    @property
    def compiled(self) -> tuple[str, Graph]:
        """What engines compile, and what it is called."""
        return "vector field", self.vector_field

    def describe(self, trajectories: int | None = None, times: int = 100, seeds: int = 1, max_steps: int = 4096) -> str:
        """States, parameters, networks and the operation counts of the vector field and its derivatives, as text.

        Parameters
        ----------
        trajectories
            How many trajectories a fit would have: adds what it would need in memory. None: no such line.
        times, seeds, max_steps
            Measured times a trajectory, ensemble members, and `max_steps` of that fit.
        """
        text = super().describe()
        if trajectories is None:
            return text
        return "\n".join([text, *memory_lines(self, trajectories, times, seeds, max_steps)])

    # ---- values -----------------------------------------------------------------------------------------------

    def __call__(self, t: float, state: Mapping[str, Any], parameters: Any = None, **own: Any) -> dict[str, np.ndarray]:
        """The derivatives at one state (of algebraic states the residuals), evaluated with NumPy.

        Where the equations read the past, the state has always been this one.

        Parameters
        ----------
        t
            Time.
        state
            State → value.
        parameters
            Dict of names, a flat θ, or None for the initial values.
        own
            Condition → number, forcing of a trajectory's own → its value at that time. Conditions left out take their
            defaults.
        """
        values = {
            "t": number(t, "t", error=DataError),
            "u": self.states.join(state),
            "theta": self.resolve_theta(parameters),
        }
        given = normal_keys(own)
        for name, forcing in self.inputs.items():
            if name not in given:
                raise DataError(f"The forcing `{name}` is a trajectory's own: give its value there, `{name}=...`.")
            value = array(given.pop(name), name, error=DataError)
            values[f"forcing.{name}"] = np.broadcast_to(value, forcing.shape)
        if self.constants is not None or given:
            values["c"] = self.conditions_array(given)[0]
        return self.states.split(standing_still(self.vector_field).evaluate(values)["du"])

    def solve(
        self, times: Any, initial: Mapping[str, Any] | None = None, parameters: Any = None, **settings: Any
    ) -> Solution:
        """Solve the initial-value problem; see `unideq.result.solution.solve` for all settings.

        Parameters
        ----------
        times
            Output times, increasing; the first is the start unless `start=` is given.
        initial
            State → value; states left out take the model's `initial`. An extra leading axis makes several trajectories.
        parameters
            Dict of names, a flat θ, or None for the initial values.
        """
        # Here and in `export_julia` a model reaches to its right in the house: a convenience, imported when called.
        from ..result.solution import solve

        return solve(self, times, initial, parameters, **settings)

    def continuous(self, doing: str) -> Graph:
        """The vector field; see `Model.continuous`."""
        return self.vector_field
