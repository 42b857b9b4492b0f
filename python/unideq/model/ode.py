"""`ODE`: a system du/dt = f(t, u, θ), traced once from a NumPy function, with networks where knowledge ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..errors import FileFormatError, ModelError, UnideqError
from ..graph import Expression, Graph, substitute, variable, vjp
from ..nn import Network, network_from_json
from .equations import Equations
from .forcing import interpolate
from .layout import Entry, Layout
from .learned import LearnedTerm, find_learned, replace_learned
from .parameter import Parameter
from .state import State, StateTable
from .trace import SIGNATURE, call, derivative_vector, fitted
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
        `f(t, state, p, net, forcing)` (trailing arguments may be left out), written in NumPy; returns the derivatives as
        a dict state → value (or a sequence in the states' order). It is called once, with symbolic arrays.
    states
        List of names (scalars), or dict name → shape or `State`.
    parameters
        Name → `Parameter` or number (a free one without bounds). Read as `p.NAME`.
    networks
        Name → network, e.g. `unideq.nn.MLP(2, 1)`. Called as `net.NAME(x, y)`.
    forcings
        Name → xarray DataArray over `time`, interpolated at t. Read as `forcing.NAME`.
    observe
        `g(t, state, p, net, forcing)` → dict observable → value: what is measured where that isn't the states themselves.
    initial
        State → initial value: a number or array (known), the name of a coordinate along the data's `trajectory` dimension
        (known, one a trajectory), or a `Parameter` (estimated). States left out start at their first measurement,
        estimated; states that aren't measured need an entry.

    Raises
    ------
    ModelError, TraceError
        If the parts don't fit or the function can't be traced; names the place and what to write instead.

    Examples
    --------
    >>> import unideq as ude
    >>> model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, states=["x"], parameters={"rate": 2.0})
    >>> print(model.equations())
    d x/dt = -(rate·x)
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
        self.parameters = {n: _parameter(n, v) for n, v in (parameters or {}).items()}
        self.networks = dict(networks or {})
        self.initial = _check_initial(initial, self.states)
        for name, network in self.networks.items():
            if not isinstance(network, Network):
                raise ModelError(f"Network `{name}` needs e.g. `unideq.nn.MLP(2, 1)`, not {type(network).__name__}.")
        for name in (*self.parameters, *self.networks, *(forcings or {})):
            if not str(name).isidentifier():
                raise ModelError(f"The name {name!r} isn't a Python identifier. Rename it.")
        entries = [Entry.of_parameter(n, p) for n, p in self.parameters.items()]
        for name, network in self.networks.items():
            entries += [Entry(f"{name}.{w}", shape, "network") for w, shape in network.weight_shapes().items()]
        self.layout = Layout(entries)
        t, u, theta = self._inputs()
        arguments = self._arguments(t, u, theta, forcings or {})
        du = derivative_vector(call(rhs, arguments, getattr(rhs, "__name__", "rhs")), self.states)
        self.vector_field = Graph((t, u, theta), {"du": du})
        if observe is None:
            observed = self.states.split(u)
        else:
            result = call(observe, arguments, "observe")
            if not isinstance(result, Mapping) or not result:
                raise ModelError("`observe` must return a dict observable → value.")
            observed = {str(n): fitted(v, np.shape(v), f"observable `{n}`") for n, v in result.items()}
        self.observation = Graph((t, u, theta), observed)

    # ---- tracing ----------------------------------------------------------------------------------------------

    def _inputs(self) -> tuple[Expression, Expression, Expression]:
        return variable("t"), variable("u", (self.states.size,)), self.layout.variable()

    def _arguments(
        self, t: Expression, u: Expression, theta: Expression, forcings: Mapping[str, xr.DataArray] | None = None
    ) -> dict[str, Any]:
        """The symbolic arguments of a user's function."""
        weights = {
            name: {w: self.layout.view(theta, f"{name}.{w}") for w in network.weight_shapes()}
            for name, network in self.networks.items()
        }
        values = (
            t,
            View("state", self.states.split(u)),
            View("parameter", {n: self.layout.view(theta, n) for n in self.parameters}),
            NetworkView(self.networks, weights),
            View("forcing", {n: interpolate(n, d, t) for n, d in (forcings or {}).items()}),
        )
        return dict(zip(SIGNATURE, values, strict=True))

    def trace(self, function: Rhs, what: str = "function") -> Graph:
        """The graph (t, u, θ) → `value` of a further function of (t, state, p, net), e.g. a penalty on a learned term."""
        t, u, theta = self._inputs()
        result = call(function, self._arguments(t, u, theta), what)
        return Graph((t, u, theta), {"value": fitted(result, np.shape(result), what)})

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
        state = self.states.split(variable("u", (self.size,)))[name]
        return next((key for key, e in self.observation.outputs.items() if e is state), None)

    @cached_property
    def learned(self) -> dict[str, LearnedTerm]:
        """Network name → where it is called, its arguments and its output."""
        return find_learned(self.vector_field)

    def equations(self) -> Equations:
        """The traced equations; print them, or let Jupyter show the LaTeX."""
        return Equations.of_model(self)

    def describe(self) -> str:
        """States, parameters, networks and the operation counts of the vector field and its derivatives, as text."""
        lines = [f"ODE with {len(self.states)} states ({self.size} values), {self.layout.size} trainable numbers"]
        for s in self.states:
            shape = f" {list(s.shape)}" if s.shape else ""
            lines.append(f"  state      {s.name}{shape}{f' [{s.units}]' if s.units else ''}")
        for n, p in self.parameters.items():
            lines.append(f"  parameter  {n} = {p!r}")
        for n, net in self.networks.items():
            lines.append(f"  network    {n}: {net!r} ({net.size} weights)")
        reverse = vjp(self.vector_field, ["u", "theta"])
        lines.append(f"  vector field: {self.vector_field.operation_count} operations; with its vjp: {reverse.operation_count}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"ODE(states={list(self.states.names)}, parameters={list(self.parameters)}, networks={list(self.networks)}, "
            f"observables={list(self.observables)})"
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

    def solve(self, times: Any, initial: Mapping[str, Any] | None = None, parameters: Any = None, **settings: Any) -> Solution:
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
        # The one place where a model reaches to its right in the house: a convenience, imported when called.
        from ..result.solution import solve

        return solve(self, times, initial, parameters, **settings)

    # ---- new models from this one -----------------------------------------------------------------------------

    def replace(
        self, network: str, formula: Callable[..., Any], parameters: Mapping[str, Any] | None = None
    ) -> ODE:
        """The model in which formulas take a network's place.

        Parameters
        ----------
        network
            Name of the network to replace.
        formula
            `formula(p, *arguments)`, written in NumPy, returns what the network's call returned: one value, or a sequence of
            one value an output.
        parameters
            New parameters that the formula reads, name → `Parameter` or number.
        """
        return replace_learned(self, network, formula, {n: _parameter(n, v) for n, v in (parameters or {}).items()})

    def with_values(self, parameters: Mapping[str, Any]) -> ODE:
        """The same model with other initial values of its parameters."""
        new = {
            n: Parameter(parameters.get(n, p.array), False, p.lower, p.upper, p.free, p.units, p.description)
            for n, p in self.parameters.items()
        }
        layout = Layout([*(Entry.of_parameter(n, p) for n, p in new.items()), *self.layout.of_kind("network")])
        made = self._copy(parameters=new, layout=layout)
        # The stored form depends on a parameter's scale, so views into θ change with its value.
        old_theta = self.layout.variable()
        views = {self.layout.view(old_theta, n): layout.view(old_theta, n) for n in new}
        made.vector_field = substitute(self.vector_field, views)
        made.observation = substitute(self.observation, views)
        return made

    def _copy(self, **changes: Any) -> ODE:
        made = object.__new__(ODE)
        names = ("states", "parameters", "networks", "initial", "layout", "vector_field", "observation")
        for name in names:
            setattr(made, name, changes.get(name, getattr(self, name, None)))
        return made

    # ---- JSON -------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """All there is to the model, without the Python function: read back by `ODE.from_json`."""
        from ..graph.serialise import to_json

        return {
            "kind": "ODE",
            "states": [{**s.__dict__, "shape": list(s.shape)} for s in self.states],
            "parameters": {n: _parameter_json(p) for n, p in self.parameters.items()},
            "networks": {n: net.to_json() for n, net in self.networks.items()},
            "initial": {
                n: _parameter_json(v) if isinstance(v, Parameter) else {"known": v if isinstance(v, str) else v.tolist()}
                for n, v in self.initial.items()
            },
            "layout": self.layout.to_json(),
            "vector_field": to_json(self.vector_field),
            "observation": to_json(self.observation),
        }

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
            made.initial = {
                n: _known(v["known"]) if "known" in v else Parameter(**v) for n, v in data["initial"].items()
            }
            made.layout = Layout.from_json(data["layout"])
            made.vector_field = from_json(data["vector_field"])
            made.observation = from_json(data["observation"])
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


def _parameter_json(p: Parameter) -> dict[str, Any]:
    return {
        "value": p.array.tolist(),
        "lower": p.lower,
        "upper": p.upper,
        "free": p.free,
        "units": p.units,
        "description": p.description,
    }


def _known(value: Any) -> Any:
    return value if isinstance(value, str) else np.asarray(value, dtype=float)


def _check_initial(initial: Mapping[str, Any] | None, states: StateTable) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for name, value in (initial or {}).items():
        shape = states[name].shape
        if isinstance(value, str):
            checked[name] = value
            continue
        array = value.array if isinstance(value, Parameter) else np.asarray(value, dtype=float)
        if array.shape not in ((), shape):
            raise ModelError(f"The initial value of `{name}` has shape {array.shape}, not {shape}.")
        if not np.isfinite(array).all():
            raise ModelError(f"The initial value of `{name}` isn't finite.")
        checked[name] = value if isinstance(value, Parameter) else array
    return checked
