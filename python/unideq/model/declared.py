"""What equations are written in: names, the layout of θ, and the symbolic values that functions are traced with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ModelError
from ..graph import Expression, Graph, substitute, variable
from ..nn import Network
from .condition import Condition
from .delays import StateView, past_input
from .forcing import interpolate
from .grouped import Grouped, check_groups
from .initial import Steady, check_initial
from .layout import Entry, Layout
from .names import TERMS, check_distinct, check_name, check_reserved, named_items
from .own_forcing import Forcing, Records, declared_forcings, forcing_input
from .parameter import Parameter
from .state import StateTable
from .switches import warn_jumping
from .trace import SIGNATURE, call, derivative_vector, traced
from .triggers import Trigger, event_row, jump_of
from .values import Valued
from .views import NetworkView, View

__all__ = ["Declared", "Rhs", "parameter_of", "weight_entries"]

Rhs = Callable[..., Any]


class Declared(Valued):
    """States, parameters, conditions, networks and forcings with their symbols, and the equations traced in them."""

    states: StateTable
    conditions: dict[str, Condition]
    networks: dict[str, Network]
    initial: dict[str, Any]
    forcing: Graph
    inputs: dict[str, Forcing]
    """Forcings of a trajectory's own."""
    recorded: dict[str, Records]
    """Those of them whose records came with the model."""
    triggers: tuple[Trigger, ...] = ()
    """Its events."""
    delays: tuple[float, ...] = ()
    """How long ago the right-hand side reads the states."""
    infused: dict[str, Expression]
    """Forcing that is an infusion → what the derivative of the states gets of it (n,); while the model is made."""
    named: dict[str, Graph]
    """The equations in named values: `vector_field` and `observation`, and what further kinds of model are made of."""

    def _declare(
        self,
        states: StateTable,
        parameters: Mapping[str, Any] | None,
        networks: Mapping[str, Network] | None,
        forcings: Any,
        initial: Mapping[str, Any] | Steady | str | None,
    ) -> None:
        """All that equations are written in, and the layout of θ."""
        self.states = states
        given = named_items("parameters", "Parameter", parameters)
        own = {n: Grouped.of(v) if isinstance(v, Parameter) and v.per else v for n, v in given}
        self.conditions = {n: v for n, v in own.items() if isinstance(v, Condition)}
        self.parameters = {n: parameter_of(n, v) for n, v in own.items() if not isinstance(v, Condition)}
        self.networks, self.weights = _networks(networks), {}
        self.initial = check_initial(initial, self.states)
        t = variable("t")
        series, self.inputs, self.recorded = declared_forcings(forcings)
        self.infused = {}
        self.forcing = Graph((t,), {n: interpolate(n, data, t) for n, data in series.items()})
        check_distinct(
            {
                "state": self.states.names,
                "parameter": self.parameters,
                "condition": self.conditions,
                "forcing": self.forcing_names,
            }
        )
        check_reserved({"state": self.states.names, "condition": self.conditions, "parameter": self.parameters})
        check_groups(self.conditions, (*self.states.names, *self.parameters, *self.networks, *self.forcing_names))
        entries = [Entry.of_parameter(n, p) for n, p in self.parameters.items()]
        self.layout = Layout([*entries, *weight_entries(self.networks)])

    def _traced_rhs(self, rhs: Rhs) -> Graph:
        name = getattr(rhs, "__name__", "rhs")
        name = "rhs" if name == "<lambda>" else name
        arguments = {**self._arguments(), "state": StateView(self.states.split(self._u), self._past)}
        du = derivative_vector(call(rhs, arguments, name), self.states, f"`{name}`")
        return self._named({"du": du})

    def _past(self, delay: float) -> dict[str, Expression]:
        """The states so long ago."""
        if delay not in self.delays:
            self.delays = (*self.delays, delay)
        return self.states.split(past_input(self.delays.index(delay), self.states.size))

    def _traced_observation(self, observe: Rhs | None) -> Graph:
        own = self.states.split(self._u)
        if observe is None:
            return self._named(own)
        result = call(observe, self._arguments(), "observe")
        if not isinstance(result, Mapping) or not result:
            raise ModelError("`observe` must return a dict observable → value.")
        observed = {check_name("Observable", n): traced(v, f"observable `{n}`") for n, v in result.items()}
        # Names of the loss's terms are refused where they are measured, by `fit`.
        check_reserved({"observable": [n for n in observed if n not in TERMS]})
        for n, e in observed.items():
            if n in own and e is not own[n]:
                raise ModelError(f"Observable `{n}` has the name of a state but is something else. Rename it.")
        return self._named(observed)

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

    @property
    def known_values(self) -> dict[str, Expression]:
        """Condition → the variable that stands for it in the named equations."""
        return {n: variable(f"c.{n}") for n in self.conditions}

    @property
    def input_values(self) -> dict[str, Expression]:
        """Forcing of a trajectory's own → the variable that stands for its value at t."""
        return {n: forcing_input(n, f) for n, f in self.inputs.items()}

    @property
    def forcing_names(self) -> tuple[str, ...]:
        """Forcings that all trajectories share, then those of their own."""
        return (*self.forcing.outputs, *self.inputs)

    @property
    def constants(self) -> Expression | None:
        """The graph input `c` (q,): a trajectory's own constants, its conditions first, last which row of the tables of
        forcings is its own; None where there are none."""
        size = len(self.conditions) + bool(self.inputs)
        return variable("c", (size,)) if size else None

    def _named(self, outputs: Mapping[str, Expression]) -> Graph:
        further = self._further_inputs(outputs)
        own = (*self.input_values.values(), *self.known_values.values())
        return Graph((variable("t"), self._u, *own, *further, *self.values.values()), outputs)

    def _further_inputs(self, outputs: Mapping[str, Expression]) -> list[Expression]:
        """What named graphs may read besides: changes at events, which one it is; in further kinds of model, more."""
        if "du" in outputs:
            return [past_input(k, self.states.size) for k in range(len(self.delays))]
        return [event_row(self.triggers)] if self.triggers and next(iter(outputs)).isdigit() else []

    def bound(self, named: Graph) -> Graph:
        """The graph (t, u, θ), or (t, u, c, θ), of one in named values (t, u, `known_values` and `values`).

        Further inputs of the graph stay, in front of θ.
        """
        theta, c = self.layout.variable(), self.constants
        views = {value: self.layout.view(theta, name) for name, value in self.values.items()}
        if c is not None:
            views |= self._constant_views(c)
        further = [i for i in named.inputs if i not in views and i.name not in ("t", "u", "c")]
        inputs = (variable("t"), self._u, *further, *(() if c is None else (c,)), theta)
        return substitute(named, views, inputs)

    def _constant_views(self, c: Expression) -> dict[Expression, Expression]:
        """Variable of the named equations → where `c` holds it."""
        return {value: c[k] for k, value in enumerate(self.known_values.values())}

    def _set_equations(self, named: Mapping[str, Graph]) -> None:
        """Keep the equations in named values, and what engines get: the same in t, u, θ."""
        self.named = dict(named)
        self.vector_field, self.observation = self.bound(self.named_vector_field), self.bound(self.named_observation)
        self.jump, self.crossing = jump_of(self)

    @property
    def named_vector_field(self) -> Graph:
        """The vector field in named values, for printing: see `unideq.model.equations.readable`."""
        return self.named["vector_field"]

    @property
    def named_observation(self) -> Graph:
        """What is measured, in named values."""
        return self.named["observation"]

    def _arguments(self) -> dict[str, Any]:
        """The symbolic arguments of a user's function."""
        known = self.values
        weights = {
            name: {w: known[f"{name}.{w}"] for w in network.weight_shapes()} for name, network in self.networks.items()
        }
        values = (
            variable("t"),
            StateView(self.states.split(self._u)),
            View("parameter", {**{n: known[n] for n in self.parameters}, **self.known_values}),
            NetworkView(self.networks, weights),
            View("forcing", {**self.forcing.outputs, **self.input_values}),
        )
        return dict(zip(SIGNATURE, values, strict=True))

    def trace(self, function: Rhs, what: str = "function") -> Graph:
        """The graph (t, u, θ) → `value` of a further function of (t, state, p, net, forcing), e.g. a cost."""
        value = traced(call(function, self._arguments(), what), f"what `{what}` returned")
        graph = self._named({"value": value})
        warn_jumping(self, graph, what)
        return self.bound(graph)


def weight_entries(networks: Mapping[str, Network]) -> list[Entry]:
    """Networks' views into θ."""
    return [
        Entry(f"{n}.{w}", shape, "network", free=w not in net.fixed_weights())
        for n, net in networks.items()
        for w, shape in net.weight_shapes().items()
    ]


def _networks(given: Mapping[str, Any] | None) -> dict[str, Network]:
    networks = dict(named_items("networks", "Network", given))
    for name, network in networks.items():
        if not isinstance(network, Network):
            shown = network.__name__ + " itself" if isinstance(network, type) else type(network).__name__
            raise ModelError(f"Network `{name}` needs e.g. `unideq.nn.MLP(2, 1)`, not {shown}.")
    return networks


def parameter_of(name: str, value: Any) -> Parameter:
    """A `Parameter` as it is, a number as a free one."""
    if isinstance(value, Parameter):
        if value.per is not None:
            raise ModelError(
                f"Parameter `{name}` is one value a `{value.per}`, and there are no trajectories to group here. Leave "
                "`per` out."
            )
        return value
    return named(name, Parameter, value)


def named(name: str, make: Callable[..., Parameter], *arguments: Any) -> Parameter:
    """A parameter, whose errors say which one it is."""
    try:
        return make(*arguments)
    except ModelError as error:
        raise ModelError(f"Parameter `{name}`: {error}") from None
