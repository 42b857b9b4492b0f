"""`ODE`: a system du/dt = f(t, u, θ), traced once from a NumPy function, with networks where knowledge ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from ..checks import array, known_arguments, mapping, number
from ..errors import DataError, ModelError, unknown
from ..graph import Expression, Graph, constant, substitute
from ..nn import Network
from .condition import condition_values
from .declared import Declared, Rhs, parameter_of
from .description import description, warn_unused
from .equations import Equations
from .file import load_model, save_model
from .initial import check_initial, initial_to_json
from .learned import LearnedTerm, find_learned, replace_learned
from .memory import memory_lines
from .names import check_dimensions, check_distinct, named_items, normal_keys
from .parameter import Parameter
from .state import StateTable
from .stored import model_from_json, model_to_json

if TYPE_CHECKING:
    from ..result.solution import Solution

__all__ = ["ODE"]


class ODE(Declared):
    """Ordinary differential equations with known terms, parameters and networks.

    Parameters
    ----------
    rhs
        `f(t, state, p, net, forcing)` (trailing arguments may be left out), written in NumPy; returns the derivatives
        as a dict state → value (or a sequence in the states' order). It is called when the model is
        made, with symbolic arrays, and never again.
    states
        List of names (scalars), or dict name → shape or `State`.
    parameters
        Name → `Parameter`, number (a free one without bounds) or `Condition` (known, one a trajectory). Read as
        `p.NAME`.
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

    kinds: ClassVar[dict[str, type[ODE]]] = {}
    """Word in files → class."""

    def __init_subclass__(cls, stored: bool = True, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if stored:
            ODE.kinds[cls.__name__] = cls

    @known_arguments
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
        self._declare(StateTable(states), parameters, networks, forcings, initial)
        self._set_equations({"vector_field": self._traced_rhs(rhs), "observation": self._traced_observation(observe)})
        check_dimensions(self)
        warn_unused(self)

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

    def printed(self) -> dict[str, Expression]:
        """State → its derivative in named values, in the form that people read."""
        return self.states.split(self.named_vector_field.outputs["du"])

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
        text = description(self)
        if trajectories is None:
            return text
        return "\n".join([text, *memory_lines(self, trajectories, times, seeds, max_steps)])

    def dims(self, name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
        """Names of the dimensions that a state or observable of this shape has in results."""
        return tuple(f"{name}_{k}" for k in range(len(shape)))

    @property
    def coordinates(self) -> dict[str, xr.Variable]:
        """Coordinates of the dimensions that `dims` names, where they have any."""
        return {}

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(states={list(self.states.names)}, parameters={list(self.parameters)}, "
            f"networks={list(self.networks)}, observables={list(self.observables)})"
        )

    def _repr_latex_(self) -> str:
        return self.equations()._repr_latex_()

    # ---- values -----------------------------------------------------------------------------------------------

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
        values = {
            "t": number(t, "t", error=DataError),
            "u": self.states.join(state),
            "theta": self.resolve_theta(parameters),
        }
        if self.conditions:
            values["c"] = self.conditions_array()[0]
        return self.states.split(self.vector_field.evaluate(values)["du"])

    def conditions_array(self, values: Mapping[str, Any] | None = None, count: int | None = None) -> np.ndarray:
        """What graphs read as `c`, (B, q): conditions in the model's order, and what depends on them.

        Parameters
        ----------
        values
            Condition → one number, or one a trajectory (B,); conditions left out take their defaults.
        count
            B, where the values don't say it.
        """
        columns = condition_values(self.conditions, values, count)
        if not columns:
            return np.zeros((1 if count is None else count, 0))
        return np.stack(list(columns.values()), axis=-1)

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
        new = {n: parameter_of(n, v) for n, v in named_items("parameters", "Parameter", parameters)}
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
        for name, value in normal_keys(mapping(parameters, "parameters", error=ModelError)).items():
            if name not in new:
                raise unknown("parameter", name, self.parameters, ModelError)
            found = array(value, name, "parameters", error=ModelError)
            try:
                new[name] = new[name].moved(found)
            except ModelError as error:
                raise ModelError(f"Parameter `{name}`: {error}") from None
        return self._valued(new, self.weights)

    def starting_at(self, initial: Mapping[str, Any]) -> ODE:
        """The same model with other initial values of states that it declares as `Parameter` (estimated).

        Raises
        ------
        ModelError
            If a state isn't declared so, a shape differs, or a value lies outside the bounds.
        """
        new = dict(self.initial)
        for name, value in initial.items():
            given = new.get(name)
            if not isinstance(given, Parameter):
                raise ModelError(f"The initial value of `{name}` isn't a `Parameter` of this model.")
            new[name] = Parameter(value, False, given.lower, given.upper, given.free, given.units, given.description)
        made = self._valued(self.parameters, self.weights)
        made.initial = check_initial(new, self.states)
        return made

    def at(self, **conditions: float) -> ODE:
        """The model with conditions fixed to numbers, e.g. `model.at(domain=1.2)`.

        Conditions left out stay conditions.

        Raises
        ------
        DataError
            If a name isn't a condition, or a value isn't a finite number.
        """
        checked = condition_values(self.conditions, conditions, 1)
        fixed = {n: checked[n] for n in conditions}
        known = self.known_values
        numbers = {known[n]: constant(float(v[0])) for n, v in fixed.items()}
        made = self._copy(conditions={n: c for n, c in self.conditions.items() if n not in fixed}, bind=False)
        named = {}
        for key, graph in self.named.items():
            kept = tuple(i for i in graph.inputs if i not in numbers)
            named[key] = substitute(graph, numbers, kept)
        made._set_equations(named)
        return made

    def continuous(self, doing: str) -> Graph:
        """The vector field (t, u, θ) for what solves one set of equations for all trajectories.

        Parameters
        ----------
        doing
            Who asks, for the message.

        Raises
        ------
        ModelError
            If conditions are left.
        """
        if self.conditions:
            names = ", ".join(f"{n}={c.default:g}" for n, c in self.conditions.items())
            raise ModelError(
                f"The model has conditions ({', '.join(f'`{n}`' for n in self.conditions)}), and {doing} solves one "
                f"set of equations for all trajectories. Fix them first: `model.at({names})`; a `Stepper` reads them "
                "from the data."
            )
        return self.vector_field

    _parts: ClassVar[tuple[str, ...]] = (
        "states", "parameters", "conditions", "networks", "weights", "initial", "forcing", "layout",
    )  # fmt: skip

    def _copy(self, bind: bool = True, **changes: Any) -> Any:
        """A model of this kind with some parts changed; without its equations where `bind` is false."""
        made = object.__new__(type(self))
        for name in self._parts:
            setattr(made, name, changes.get(name, getattr(self, name)))
        if bind:
            made._set_equations(self.named)
        return made

    # ---- JSON -------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """All there is to the model, without the Python function: read back by `ODE.from_json`."""
        return model_to_json(self)

    def __reduce__(self) -> Any:
        """Pickled as the file would be: the graphs travel, not the Python function."""
        return ODE.from_json, (self.to_json(),)

    def values_to_json(self) -> dict[str, Any]:
        return {**super().values_to_json(), "initial": initial_to_json(self.initial)}

    def _more_to_json(self) -> dict[str, Any]:
        """What a further kind of model stores besides."""
        return {}

    def _read_more(self, data: Mapping[str, Any]) -> None:
        """Inverse of `_more_to_json`; the tables of names have been read."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a JSON file; `ODE.load` reads it back, without the Python function."""
        save_model(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> ODE:
        """Read a model written by `save`."""
        return load_model(path)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Any:
        """Inverse of `to_json`, for every kind of model."""
        return model_from_json(ODE.kinds, data)


ODE.kinds["ODE"] = ODE
