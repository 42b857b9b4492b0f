"""`structural_ode`: an ODE over a known dependency graph: the derivative of each state is a function of its parents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..checks import function, known_arguments, known_keys, mapping, sequence, text
from ..errors import ModelError, unknown
from ..nn import MLP
from .condition import Condition
from .names import normal, normal_keys
from .ode import ODE
from .own_forcing import declared_forcings
from .trace import call
from .views import View

__all__ = ["structural_ode"]

NEEDS = 'a dict state → list of what its derivative depends on, e.g. `{"y": ["y", "x"]}`'
EXAMPLE = "a function of (t, state, p, net, forcing) that returns one derivative"


@known_arguments
def structural_ode(
    parents: Mapping[str, Sequence[str]],
    *,
    mechanisms: Mapping[str, Callable[..., Any]] | None = None,
    hidden: Sequence[int] = (16, 16),
    activation: str = "tanh",
    parameters: Mapping[str, Any] | None = None,
    networks: Mapping[str, Any] | None = None,
    forcings: Any = None,
    initial: Any = None,
    events: Any = None,
) -> ODE:
    """An ODE whose states depend on each other, and on inputs, along the arrows of a known graph and nowhere else.

    Parameters
    ----------
    parents
        State → names of what its derivative depends on: states, forcings, conditions and parameters. The network
        `d_STATE` takes them in this order; what isn't among them has no direct effect on the state.
    mechanisms
        State → what is known of its derivative, a function of (t, state, p, net, forcing) as right-hand sides are; it
        takes the network's place.
    hidden, activation
        Of the networks, `unideq.nn.MLP`.
    parameters, networks, forcings, initial, events
        As of `ODE`; networks are those that mechanisms call.

    Raises
    ------
    ModelError
        For a name that is neither a state nor an input, a state without parents, and a mechanism of no state.

    Examples
    --------
    >>> import unideq as ude
    >>> model = ude.structural_ode(
    ...     {"insulin": ["insulin", "dose"], "glucose": ["glucose", "insulin", "meal"]},
    ...     mechanisms={"insulin": lambda t, state, p, net, forcing: forcing.dose - p.loss * state.insulin},
    ...     parameters={"loss": 0.1},
    ...     forcings=["dose", "meal"],
    ...     hidden=(8,),
    ... )
    >>> print(model.equations())
    d insulin/dt = dose(t) - loss·insulin
    d glucose/dt = d_glucose(glucose, insulin, meal(t))
    """
    of, states = "structural_ode", dict[str, tuple[str, ...]]()
    given = normal_keys(mapping(parents, "parents", of, needs=NEEDS, error=ModelError))
    for name, own in given.items():
        names = sequence(own, f"parents: {name}", of, needs="a list of names", least=1, error=ModelError)
        states[name] = tuple(normal(text(n, f"parents: {name}", of, empty=False, error=ModelError)) for n in names)
        twice = next((n for n in states[name] if states[name].count(n) > 1), None)
        if twice is not None:
            raise ModelError(f"`{twice}` stands twice among the parents of `{name}`.")
    if not states:
        raise ModelError(f"`parents` of `structural_ode` needs {NEEDS}, not an empty one.")
    known = normal_keys(mapping(mechanisms, "mechanisms", of, needs="a dict state → function", none=True))
    known_keys(known, states, "state of `mechanisms`", ModelError)
    for name, mechanism in known.items():
        function(mechanism, f"mechanisms: {name}", of, needs=EXAMPLE, error=ModelError)
    inputs = [n for kind in declared_forcings(forcings) for n in kind]
    values = normal_keys(parameters)
    conditions = [n for n, v in values.items() if isinstance(v, Condition)]
    for name, own in states.items():
        for parent in own:
            if parent not in states and parent not in inputs and parent not in values:
                known_names = [*states, *inputs, *values]
                raise ModelError(f"{unknown('name', parent, known_names)} It stands among the parents of `{name}`.")
    learned = {n: own for n, own in states.items() if n not in known}
    made = {f"d_{n}": MLP(len(own), 1, tuple(hidden), activation) for n, own in learned.items()}

    def rhs(t: Any, state: Any, p: Any, net: Any, forcing: Any) -> dict[str, Any]:
        found = {}
        for name, own in states.items():
            if name in known:
                seen = View("state", {n: state[n] for n in own if n in states})
                fed = View("forcing", {n: forcing[n] for n in own if n in inputs})
                values = View("parameter", {n: p[n] for n in p.keys() if n in own or n not in conditions})  # noqa: SIM118
                arguments = {"t": t, "state": seen, "p": values, "net": net, "forcing": fed}
                found[name] = call(known[name], arguments, f"the mechanism of `{name}`")
                continue
            read = [state[n] if n in states else forcing[n] if n in inputs else p[n] for n in own]
            found[name] = net[f"d_{name}"](*read)
        return found

    return ODE(rhs, list(states), parameters, {**(networks or {}), **made}, forcings, None, initial, events)
