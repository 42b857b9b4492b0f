"""`Model`: what models of time have in common, whether they flow (`ODE`, `PDE`) or step (`Stepper`)."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import xarray as xr

from ..checks import array, mapping
from ..errors import ModelError, unknown
from ..graph import Expression, Graph, constant, substitute
from ..graph.location import warn_user
from ..stored import Stored, from_json
from ..stored import stored as register
from .condition import condition_values
from .declared import Declared, parameter_of
from .description import description
from .equations import Equations
from .grouped import Grouped, grouped
from .initial import Steady, check_initial, initial_to_json
from .learned import LearnedTerm, find_learned, replace_learned
from .names import check_distinct, named_items, normal_keys
from .parameter import Parameter
from .resting import resting_field, resting_inputs
from .stored import model_from_values, model_values
from .values import Valued

if TYPE_CHECKING:
    from ..result.solution import Solution

__all__ = ["Model"]


class Model(Declared, Stored):
    """States that change in time, with parameters, networks and what is observed: named, laid out, traced, stored."""

    family: ClassVar[str] = "model"
    continuous_in_time: ClassVar[bool] = True
    """Whether there are states at all times, and a solver between them; else there are steps."""
    starts_at_measurements: ClassVar[bool] = False
    """Whether solutions start at whole measured states; else at initial values, which may be estimated."""
    required: ClassVar[tuple[str, ...]] = ("vector_field", "observation")
    """Equations in named values that each model of this kind has."""

    def __init_subclass__(cls, stored: bool = True, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if stored:
            register(cls)

    def stored_values(self) -> dict[str, Any]:
        return model_values(self)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        return model_from_values(cls, values)

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

    @abstractmethod
    def equations(self) -> Equations:
        """The traced equations; print them, or let Jupyter show the LaTeX."""

    @property
    @abstractmethod
    def compiled(self) -> tuple[str, Graph]:
        """What engines compile, and what it is called."""

    def describe(self) -> str:
        """States, parameters, networks and the operation counts of what is compiled and its derivative, as text."""
        return description(self)

    def dims(self, name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
        """Names of the dimensions that a state or observable of this shape has in results."""
        return tuple(f"{name}_{k}" for k in range(len(shape)))

    @property
    def coordinates(self) -> dict[str, xr.Variable]:
        """Coordinates of the dimensions that `dims` names, where they have any."""
        return {}

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(states={list(self.states.names)}, parameters={[*self.parameters, *self.grouped]}, "
            f"networks={list(self.networks)}, observables={list(self.observables)})"
        )

    def _repr_latex_(self) -> str:
        return self.equations()._repr_latex_()

    # ---- values -----------------------------------------------------------------------------------------------

    @property
    def grouped(self) -> dict[str, Grouped]:
        """Parameters with one value a group of trajectories, which stand among the conditions."""
        return grouped(self.conditions)

    def shared(self, parameters: Any, conditions: Mapping[str, Any] | None) -> tuple[Any, Mapping[str, Any] | None]:
        """Parameters and conditions, with values of parameters by group, which trajectories have, among the latter."""
        if not self.grouped or not isinstance(parameters, Mapping):
            return parameters, conditions
        given = normal_keys(parameters)
        own = {n: v for n, v in given.items() if n in self.grouped}
        known = normal_keys(mapping(conditions, "conditions", none=True, error=ModelError))
        return {n: v for n, v in given.items() if n not in own}, {**own, **known}

    def with_groups(
        self, values: Mapping[str, Mapping[Any, float]], typical: Mapping[str, tuple[float, float]] | None = None
    ) -> Self:
        """The same model that knows the values of groups.

        Parameters
        ----------
        values
            Parameter → label → value.
        typical
            Of those with a spread: parameter → typical value and spread.
        """
        changed = {}
        for name, known in values.items():
            parameter = self.grouped[name].parameter
            if name in (typical or {}) and parameter.spread is not None:
                value, deviation = (typical or {})[name]
                parameter = replace(parameter.moved(value), spread=parameter.spread.at(deviation))
            changed[name] = Grouped.of(parameter, known)
        return self._with_conditions(changed)

    @property
    def typical(self) -> dict[str, np.ndarray]:
        return {n: c.parameter.array for n, c in self.grouped.items() if c.parameter.spread is not None}

    def _with_groups_of(self, source: Valued) -> tuple[Self, bool]:
        theirs: dict[str, Grouped] = getattr(source, "grouped", {})
        changed: dict[str, Grouped] = {}
        for name, condition in self.grouped.items():
            other = theirs.get(name)
            if other is not None and other.per == condition.per:
                changed[name] = condition.carrying(name, other)
            elif other is not None:
                _not_carried(name, f"one value a `{other.per}`", f"one a `{condition.per}`")
            elif name in source.parameters:
                changed[name] = self.with_values({name: source.parameters[name].array}).grouped[name]
        for name in sorted(set(theirs) & set(self.parameters) - set(source.typical)):
            _not_carried(name, f"one value a `{theirs[name].per}`", "one for all")
        return self._with_conditions(changed), bool(changed)

    def settled(self) -> Self:
        """The same model in which training changes nothing but the values of groups (and initial values)."""
        made = self.frozen(*self.parameters, *self.networks)
        return made._with_conditions({n: replace(c, settled=True) for n, c in self.grouped.items()})

    def _with_conditions(self, changed: Mapping[str, Grouped]) -> Self:
        """A copy that differs in parameters by group alone; graphs are shared."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, conditions={**self.conditions, **changed})
        return made

    def _with_free(self, names: tuple[str, ...], free: Callable[[str], bool]) -> Self:
        own = {
            n: Grouped.of(c.parameter.kept(free=free(n)), c.known, c.settled)
            for n, c in self.grouped.items()
            if n in names
        }
        made = super()._with_free(tuple(n for n in names if n not in own), free)
        return made._with_conditions(own) if own else made

    def conditions_array(self, values: Mapping[str, Any] | None = None, count: int | None = None) -> np.ndarray:
        """What graphs read as `c`, (B, q): conditions in the model's order, what depends on them, and which row of the
        tables of forcings is a trajectory's own, 0 … B − 1.

        Parameters
        ----------
        values
            Condition → one number, or one a trajectory (B,); conditions left out take their defaults.
        count
            B, where the values don't say it.
        """
        columns = list(condition_values(self.conditions, values, count).values())
        rows = len(columns[0]) if columns else 1 if count is None else count
        if self.inputs:
            columns.append(np.arange(rows, dtype=float))
        return np.stack(columns, axis=-1) if columns else np.zeros((rows, 0))

    @abstractmethod
    def continuous(self, doing: str) -> Graph:
        """The vector field (t, u, θ), or (t, u, forcings, c, θ) where trajectories have inputs of their own.

        Parameters
        ----------
        doing
            Who asks, for the message.

        Raises
        ------
        ModelError
            If there is none.
        """

    @abstractmethod
    def solve(
        self, times: Any, initial: Mapping[str, Any] | None = None, parameters: Any = None, **settings: Any
    ) -> Solution:
        """The solution through these times."""

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

    def replace(self, network: str, formula: Callable[..., Any], parameters: Mapping[str, Any] | None = None) -> Self:
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
        check_distinct({"state": self.states.names, "forcing": self.forcing_names, "parameter": new})
        return replace_learned(self, network, formula, new)

    def closed(self, closure: Any, parameters: Any = None, networks: Any = None) -> Any:
        """For a `PDE`: see there."""
        raise ModelError(
            f"A closure stands for what a PDE's grid doesn't see, and this is a{'n' * (type(self).__name__ == 'ODE')} "
            f"`{type(self).__name__}`. Close the PDE, and make the stepper of that; of an ODE, write the term in its "
            "right-hand side."
        )

    def with_values(self, parameters: Mapping[str, Any]) -> Self:
        """The same model with other initial values of its parameters.

        The layout of θ (scales included) stays, so that a θ means the same to both models.

        Raises
        ------
        ModelError
            If a name isn't a parameter, a shape differs, or a value lies outside its bounds.
        """
        by_group = {n: c.parameter for n, c in self.grouped.items()}
        new = {**self.parameters, **by_group}
        for name, value in normal_keys(mapping(parameters, "parameters", error=ModelError)).items():
            if name not in new:
                raise unknown("parameter", name, new, ModelError)
            found = array(value, name, "parameters", error=ModelError)
            try:
                new[name] = new[name].moved(found)
            except ModelError as error:
                raise ModelError(f"Parameter `{name}`: {error}") from None
        moved = {n: Grouped.of(new.pop(n)) for n in by_group if new[n] is not by_group[n]}
        made = self._valued({n: new[n] for n in self.parameters}, self.weights)
        return made._with_conditions(moved) if moved else made

    @property
    def beyond(self) -> tuple[str, ...]:
        """What only some solvers have: keys of `unideq.solvers.engines.BEYOND`."""
        return ("algebraic",) * bool(self.states.algebraic) + ("delays",) * bool(self.delays)

    @property
    def begins_at_rest(self) -> bool:
        """Whether trajectories begin at the steady state of their inputs."""
        return any(isinstance(v, Steady) and not self.states[n].algebraic for n, v in self.initial.items())

    @cached_property
    def resting_field(self) -> Graph | None:
        """The vector field under the inputs that trajectories rested under; None: those at their start."""
        return resting_field(self)

    def starting_at(self, initial: Mapping[str, Any]) -> Self:
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

    def at(self, **conditions: float) -> Self:
        """The model with conditions fixed to numbers, e.g. `model.at(domain=1.2)`.

        Conditions left out stay conditions.

        Raises
        ------
        DataError
            If a name isn't a condition, or a value isn't a finite number.
        """
        wanted = {n: c for n, c in self.conditions.items() if n in conditions or c.default is not None}
        checked = condition_values(wanted, conditions, 1)
        fixed = {n: checked[n] for n in conditions}
        _keep_resting(self, fixed)
        known = self.known_values
        numbers = {known[n]: constant(float(v[0])) for n, v in fixed.items()}
        made = self._copy(conditions={n: c for n, c in self.conditions.items() if n not in fixed}, bind=False)
        made._set_equations(_substituted(self.named, numbers))
        return made

    def forced(self, forcings: Mapping[str, Expression]) -> Self:
        """The model with forcings of a trajectory's own that are the same for all: expressions in t."""
        values = self.input_values
        _keep_resting(self, forcings)
        known = {values[n]: e for n, e in forcings.items()}
        made = self._copy(
            inputs={n: f for n, f in self.inputs.items() if n not in forcings},
            recorded={n: r for n, r in self.recorded.items() if n not in forcings},
            forcing=Graph(self.forcing.inputs, {**self.forcing.outputs, **forcings}),
            bind=False,
        )
        made._set_equations(_substituted(self.named, known))
        return made

    _parts: ClassVar[tuple[str, ...]] = (
        "states", "parameters", "conditions", "networks", "weights", "initial", "forcing", "inputs", "recorded",
        "layout", "triggers", "delays",
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
        """All there is to the model, without the Python function: read back by `from_json`."""
        return super().to_json()

    def values_to_json(self) -> dict[str, Any]:
        groups = {n: c.to_json() for n, c in self.grouped.items()}
        more = {"groups": groups} if groups else {}
        return {**super().values_to_json(), "initial": initial_to_json(self.initial), **more}

    def _more_to_json(self) -> dict[str, Any]:
        """What a further kind of model stores besides."""
        return {}

    def _read_more(self, data: Mapping[str, Any]) -> None:
        """Inverse of `_more_to_json`; the tables of names have been read."""

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Any:
        """Inverse of `to_json`, for every kind of model."""
        return from_json(Model, data)


def _keep_resting(model: Model, fixed: Iterable[str]) -> None:
    """Refuse to make part of the equations what has another value at rest."""
    name = next((n for n in fixed if n in resting_inputs(model)), None)
    if name is not None:
        raise ModelError(
            f"`{name}` had a value of its own while the model rested, which an equation without it wouldn't know. Give "
            "it where the model is solved."
        )


def _not_carried(name: str, there: str, here: str) -> None:
    warn_user(
        f"`{name}` is {there} in the other model and {here} in this one: nothing is carried over, and it starts at its "
        f"guess. Say where: `model.with_values({{{name!r}: ...}})`."
    )


def _substituted(named: Mapping[str, Graph], known: Mapping[Expression, Expression]) -> dict[str, Graph]:
    """Graphs in which some inputs are something known."""
    return {
        key: substitute(graph, known, tuple(i for i in graph.inputs if i not in known)) for key, graph in named.items()
    }
