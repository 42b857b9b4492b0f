"""`ODE`: a system du/dt = f(t, u, θ), traced once from a NumPy function, with networks where knowledge ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..errors import FileFormatError, ModelError, UnideqError, unknown
from ..graph import Expression, Graph, substitute, variable
from ..nn import Network, network_from_json
from .description import description, warn_unused
from .equations import Equations
from .file import load_model, save_model
from .forcing import interpolate
from .initial import check_initial, initial_from_json, initial_to_json
from .layout import Entry, Layout
from .learned import LearnedTerm, find_learned, replace_learned
from .names import check_distinct, check_name, named_items
from .parameter import Parameter
from .state import State, StateTable
from .trace import SIGNATURE, call, derivative_vector, traced
from .views import NetworkView, View

if TYPE_CHECKING:
    from ..result.solution import Solution

__all__ = ["ODE"]

Rhs = Callable[..., Any]


class ODE:
    """Ordinary differential equations with known terms, parameters and networks.

    Parameters
    ----------
    rhs
        `f(t, state, p, net, forcing)` (trailing arguments may be left out), written in NumPy; returns the derivatives
        as a dict state → value (or a sequence in the states' order). It is called once, with symbolic arrays.
    states
        List of names (scalars), or dict name → shape or `State`.
    parameters
        Name → `Parameter` or number (a free one without bounds). Read as `p.NAME`.
    networks
        Name → network, e.g. `unideq.nn.MLP(2, 1)`. Called as `net.NAME(x, y)`.
    forcings
        Name → xarray DataArray over `time`, interpolated at t. Read as `forcing.NAME`.
    observe
        `g(t, state, p, net, forcing)` → dict observable → value: what is measured where that isn't the states
        themselves.
    initial
        State → initial value: a number or array (known), the name of a coordinate along the data's `trajectory`
        dimension (known, one a trajectory), or a `Parameter` (estimated). States left out start at their first
        measurement, estimated; states that aren't measured need an entry.

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

    def __init__(
        self,
        rhs: Rhs,
        states: Any,
        parameters: Mapping[str, Any] | None = None,
        networks: Mapping[str, Network] | None = None,
        forcings: Mapping[str, xr.DataArray] | None = None,
        observe: Rhs | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        self.states = StateTable(states)
        self.parameters = {n: _parameter(n, v) for n, v in named_items("parameters", "Parameter", parameters)}
        self.networks = dict(named_items("networks", "Network", networks))
        self.initial = check_initial(initial, self.states)
        for name, network in self.networks.items():
            if not isinstance(network, Network):
                shown = network.__name__ + " itself" if isinstance(network, type) else type(network).__name__
                raise ModelError(f"Network `{name}` needs e.g. `unideq.nn.MLP(2, 1)`, not {shown}.")
        t = variable("t")
        series = dict(named_items("forcings", "Forcing", forcings))
        self.forcing = Graph((t,), {n: interpolate(n, data, t) for n, data in series.items()})
        check_distinct({"state": self.states.names, "parameter": self.parameters, "forcing": self.forcing.outputs})
        entries = [Entry.of_parameter(n, p) for n, p in self.parameters.items()]
        for name, network in self.networks.items():
            entries += [Entry(f"{name}.{w}", shape, "network") for w, shape in network.weight_shapes().items()]
        self.layout = Layout(entries)
        arguments = self._arguments()
        name = getattr(rhs, "__name__", "rhs")
        name = "rhs" if name == "<lambda>" else name
        du = derivative_vector(call(rhs, arguments, name), self.states, f"`{name}`")
        if observe is None:
            observed = self.states.split(self._u)
        else:
            result = call(observe, arguments, "observe")
            if not isinstance(result, Mapping) or not result:
                raise ModelError("`observe` must return a dict observable → value.")
            observed = {check_name("Observable", n): traced(v, f"observable `{n}`") for n, v in result.items()}
            own = self.states.split(self._u)
            for n, e in observed.items():
                if n in own and e is not own[n]:
                    raise ModelError(f"Observable `{n}` has the name of a state but is something else. Rename it.")
        self._set_equations(self._named({"du": du}), self._named(observed))
        warn_unused(self)

    # ---- tracing ----------------------------------------------------------------------------------------------

    # Functions are traced with one variable a parameter or weight, not with views into θ: only so do equations keep the
    # names whatever simplification does (`2 * p.growth` would become one number times a stored value). `bound` puts the
    # views in.

    @property
    def _u(self) -> Expression:
        return variable("u", (self.states.size,))

    @property
    def values(self) -> dict[str, Expression]:
        """Entry of the layout → the variable that stands for its (constrained) value in the named equations."""
        return {e.name: variable(f"p.{e.name}", e.shape) for e in self.layout.entries}

    def _named(self, outputs: Mapping[str, Expression]) -> Graph:
        return Graph((variable("t"), self._u, *self.values.values()), outputs)

    def bound(self, named: Graph) -> Graph:
        """The graph (t, u, θ) of one in named values (inputs t, u and `values`)."""
        theta = self.layout.variable()
        views = {value: self.layout.view(theta, name) for name, value in self.values.items()}
        return substitute(named, views, (variable("t"), self._u, theta))

    def _set_equations(self, vector_field: Graph, observation: Graph) -> None:
        """Keep the equations in named values, and what engines get: the same in t, u, θ."""
        self.named_vector_field, self.named_observation = vector_field, observation
        self.vector_field, self.observation = self.bound(vector_field), self.bound(observation)

    def _arguments(self) -> dict[str, Any]:
        """The symbolic arguments of a user's function."""
        known = self.values
        weights = {
            name: {w: known[f"{name}.{w}"] for w in network.weight_shapes()} for name, network in self.networks.items()
        }
        values = (
            variable("t"),
            View("state", self.states.split(self._u)),
            View("parameter", {n: known[n] for n in self.parameters}),
            NetworkView(self.networks, weights),
            View("forcing", self.forcing.outputs),
        )
        return dict(zip(SIGNATURE, values, strict=True))

    def trace(self, function: Rhs, what: str = "function") -> Graph:
        """The graph (t, u, θ) → `value` of a further function of (t, state, p, net, forcing), e.g. a penalty."""
        result = call(function, self._arguments(), what)
        return self.bound(self._named({"value": traced(result, f"what `{what}` returned")}))

    # ---- reading ----------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Length n of the flat state vector."""
        return self.states.size

    @property
    def observables(self) -> dict[str, tuple[int, ...]]:
        """Observable → shape: the names that data variables carry."""
        return {name: e.shape for name, e in self.observation.outputs.items()}

    def observed_state(self, name: str) -> str | None:
        """The observable that is exactly this state, if there is one."""
        state = self.states.split(self._u)[name]
        return next((key for key, e in self.observation.outputs.items() if e is state), None)

    @cached_property
    def learned(self) -> dict[str, LearnedTerm]:
        """Network name → where it is called, its arguments and its output."""
        return find_learned(self)

    def equations(self) -> Equations:
        """The traced equations; print them, or let Jupyter show the LaTeX."""
        return Equations.of_model(self)

    def describe(self) -> str:
        """States, parameters, networks and the operation counts of the vector field and its derivatives, as text."""
        return description(self)

    def __repr__(self) -> str:
        return (
            f"ODE(states={list(self.states.names)}, parameters={list(self.parameters)}, "
            f"networks={list(self.networks)}, observables={list(self.observables)})"
        )

    def _repr_latex_(self) -> str:
        return self.equations()._repr_latex_()

    # ---- values -----------------------------------------------------------------------------------------------

    def initial_theta(self, seed: int = 0, parameters: Mapping[str, Any] | None = None) -> np.ndarray:
        """θ (P,) at the parameters' initial values and networks drawn from a generator with this seed."""
        values: dict[str, Any] = {n: p.array for n, p in self.parameters.items()}
        for k, (name, network) in enumerate(self.networks.items()):
            generator = np.random.default_rng([seed, k])
            values.update({f"{name}.{w}": array for w, array in network.draw(generator).items()})
        return self.layout.pack({**values, **(parameters or {})})

    def resolve_theta(self, parameters: Any = None) -> np.ndarray:
        """θ (P,) from None (initial values), a flat array, or a dict of some names."""
        if parameters is None:
            return self.initial_theta()
        if isinstance(parameters, Mapping):
            return self.initial_theta(parameters=parameters)
        theta = np.asarray(parameters, dtype=float)
        if theta.shape != (self.layout.size,):
            raise ModelError(f"θ needs shape ({self.layout.size},), not {theta.shape}.")
        return theta

    def __call__(self, t: float, state: Mapping[str, Any], parameters: Any = None) -> dict[str, np.ndarray]:
        """The derivatives at one state, evaluated with NumPy.

        Parameters
        ----------
        t
            Time.
        state
            State → value.
        parameters
            Dict of names, a flat θ, or None for the initial values.
        """
        u = self.states.join(state)
        result = self.vector_field.evaluate({"t": t, "u": u, "theta": self.resolve_theta(parameters)})["du"]
        return self.states.split(result)

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

    def export_julia(
        self,
        path: str | os.PathLike[str],
        times: Any,
        initial: Mapping[str, Any] | None = None,
        parameters: Any = None,
        **settings: Any,
    ) -> None:
        """Write a readable Julia script that solves the model without Python.

        Parameters
        ----------
        path
            The file, e.g. `model.jl`; one that exists is replaced only with `overwrite=True`.
        times, initial, parameters, settings
            As in `solve`; one trajectory. See `unideq.result.export.export_julia`.
        """
        from ..result.export import export_julia

        export_julia(self, path, times, initial, parameters, **settings)

    # ---- new models from this one -----------------------------------------------------------------------------

    def replace(self, network: str, formula: Callable[..., Any], parameters: Mapping[str, Any] | None = None) -> ODE:
        """The model in which formulas take a network's place.

        Parameters
        ----------
        network
            Name of the network to replace.
        formula
            `formula(p, *arguments)`, written in NumPy, returns what the network's call returned: one value, or a
            sequence of one value an output.
        parameters
            New parameters that the formula reads, name → `Parameter` or number.
        """
        new = {n: _parameter(n, v) for n, v in named_items("parameters", "Parameter", parameters)}
        check_distinct({"state": self.states.names, "forcing": self.forcing.outputs, "parameter": new})
        return replace_learned(self, network, formula, new)

    def with_values(self, parameters: Mapping[str, Any]) -> ODE:
        """The same model with other initial values of its parameters.

        The layout of θ (scales included) stays, so that a θ means the same to both models.

        Raises
        ------
        ModelError
            If a name isn't a parameter, a shape differs, or a value lies outside its bounds.
        """
        new = dict(self.parameters)
        for name, value in parameters.items():
            if name not in new:
                raise unknown("parameter", name, self.parameters, ModelError)
            old = new[name]
            try:
                value = np.broadcast_to(np.asarray(value, dtype=float), old.array.shape)
                new[name] = Parameter(value, False, old.lower, old.upper, old.free, old.units, old.description)
            except (TypeError, ValueError) as error:
                raise ModelError(f"Parameter `{name}`: {error}") from None
        return self._copy(parameters=new)

    def _copy(self, bind: bool = True, **changes: Any) -> ODE:
        """A model with some parts changed; without its equations where `bind` is false."""
        made = object.__new__(ODE)
        for name in ("states", "parameters", "networks", "initial", "forcing", "layout"):
            setattr(made, name, changes.get(name, getattr(self, name)))
        if bind:
            made._set_equations(self.named_vector_field, self.named_observation)
        return made

    # ---- JSON -------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """All there is to the model, without the Python function: read back by `ODE.from_json`."""
        from ..graph.serialise import to_json

        return {
            "kind": "ODE",
            "states": [{**s.__dict__, "shape": list(s.shape)} for s in self.states],
            "parameters": {n: p.to_json() for n, p in self.parameters.items()},
            "networks": {n: net.to_json() for n, net in self.networks.items()},
            "initial": initial_to_json(self.initial),
            "forcing": to_json(self.forcing),
            "layout": self.layout.to_json(),
            "vector_field": to_json(self.named_vector_field),
            "observation": to_json(self.named_observation),
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a JSON file; `ODE.load` reads it back, without the Python function."""
        save_model(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> ODE:
        """Read a model written by `save`."""
        return load_model(path)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ODE:
        """Inverse of `to_json`."""
        from ..graph.serialise import from_json

        if not isinstance(data, Mapping) or data.get("kind") != "ODE":
            raise FileFormatError("This JSON doesn't describe an ODE model.")
        try:
            made = object.__new__(cls)
            made.states = StateTable([State(**{**s, "shape": tuple(s["shape"])}) for s in data["states"]])
            made.parameters = {n: Parameter(**p) for n, p in data["parameters"].items()}
            made.networks = {n: network_from_json(s) for n, s in data["networks"].items()}
            made.initial = initial_from_json(data["initial"])
            made.forcing = from_json(data["forcing"])
            made.layout = Layout.from_json(data["layout"])
            made._set_equations(from_json(data["vector_field"]), from_json(data["observation"]))
        except UnideqError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"The model description is damaged: {error!r}.") from error
        return made


def _parameter(name: str, value: Any) -> Parameter:
    if isinstance(value, Parameter):
        return value
    try:
        return Parameter(value)
    except ModelError as error:
        raise ModelError(f"Parameter `{name}`: {error}") from None
