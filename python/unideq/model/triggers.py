"""Events as a model holds them: when they happen, as plain data, and what they change, as graphs.

One graph serves all events of a model: `jump`, from (t, u, e, θ) to the state just after, where `e` is which event it
is, and then the values that were read for it. Where the moment depends on the state, the graph's derivative has the
moment's own sensitivity (the saltation matrix; Leine & Nijmeijer, Dynamics and Bifurcations of Non-Smooth Mechanical
Systems, 2004, section 2.4), and its value hasn't: engines apply and differentiate it like any other graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError, unknown
from ..graph import Expression, Graph, apply, constant, jvp, rebuild, substitute, topological, variable
from .event import DIRECTIONS, Dose, Event
from .names import check_name, normal_keys
from .own_forcing import Forcing
from .trace import call, fitted, traced
from .views import View

if TYPE_CHECKING:
    from .declared import Declared

__all__ = ["Trigger", "event_row", "happening", "jump_of", "tables_of", "with_infusions"]

Told = str | tuple[float, ...]
"""The name of a table in the data, or numbers."""


@dataclass(frozen=True)
class Trigger:
    """One event of a model.

    Attributes
    ----------
    name
        In results.
    at
        Its times; None: where its function crosses zero.
    values
        What is read for it at each of them.
    direction
        The sign of the slope at crossings that count; 0: either.
    duration, input
        How long infusions last, and the forcing that they are: the sum of `values` / duration while they last.
    """

    name: str
    at: Told | None = None
    values: tuple[Told, ...] = ()
    direction: int = 0
    duration: Told | None = None
    input: str = ""

    def __str__(self) -> str:
        if self.at is None:
            return f"{self.name}, where a function crosses zero{('', ' upwards', ' downwards')[self.direction]}"
        shown = f"table `{self.at}` of the data" if isinstance(self.at, str) else ", ".join(f"{t:g}" for t in self.at)
        return f"{self.name}, at {shown}"

    def to_json(self) -> dict[str, Any]:
        """The arguments that make it again, as plain data."""
        return {k: v for k, v in self.__dict__.items() if v != getattr(type(self), k, None)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Trigger:
        """Inverse of `to_json`."""
        plain = {k: _told(v) for k, v in data.items()}
        return cls(**{**plain, "values": tuple(map(_told, data.get("values", ())))})


def _told(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def tables_of(triggers: tuple[Trigger, ...]) -> tuple[str, ...]:
    """Names of the tables that events are read from."""
    told = [part for g in triggers for part in (g.at, *g.values, g.duration)]
    return tuple(dict.fromkeys(part for part in told if isinstance(part, str)))


def event_row(triggers: tuple[Trigger, ...]) -> Expression:
    """The graph input `e`: the number of an event, and its values."""
    return variable("e", (1 + max((len(g.values) for g in triggers), default=0),))


# ---- what users declare ---------------------------------------------------------------------------------------------


def happening(model: Declared, given: Any) -> dict[str, Graph]:
    """Declare a model's events, `model.triggers`: the graphs of what they change and of what crosses zero, in named
    values; none of these where there are none."""
    if given is None:
        return {}
    if isinstance(given, (Event, Dose)):
        raise ModelError("`events` needs a list: write `events=[...]`.")
    if not isinstance(given, (list, tuple)) or not given or not all(isinstance(one, (Event, Dose)) for one in given):
        raise ModelError('`events` needs a list of `ude.Event` and `ude.Dose`, e.g. `[ude.Dose("gut", 5.0, at=0.0)]`.')
    made = [_dose(model, one) if isinstance(one, Dose) else _event(model, one) for one in given]
    model.triggers = tuple(_named_apart([trigger for trigger, *_ in made]))
    taken = {*model.states.names, *model.parameters, *model.conditions, *model.forcing_names}
    for name in tables_of(model.triggers):
        if name in taken:
            what = "a parameter" if name in model.parameters else "a quantity of the model"
            raise ModelError(
                f"`{name}` is {what}, and an event's times, values or durations are read from a table in the data: "
                f"give that a name of its own. A moment that is estimated is where a function crosses zero: "
                f"`ude.Event(..., when=lambda t, state, p: t - p.{name})`."
            )
    e = event_row(model.triggers)
    changes, crossings = {}, {}
    for k, (trigger, change, when) in enumerate(made):
        read = {n: e[1 + i] for i, n in enumerate(trigger.values) if isinstance(n, str)}
        changes[str(k)] = change(read, e)
        if when is not None:
            crossings[str(k)] = when()
    return {"jump": model._named(changes), **({"crossing": model._named(crossings)} if crossings else {})}


def _named_apart(triggers: list[Trigger]) -> list[Trigger]:
    """Triggers with names of their own: a second `bounce` becomes `bounce_2`."""
    counts: dict[str, int] = {}
    named = []
    for one in triggers:
        counts[one.name] = count = counts.get(one.name, 0) + 1
        named.append(Trigger(**{**one.__dict__, "name": one.name if count == 1 else f"{one.name}_{count}"}))
    return named


Change = Callable[[dict[str, Expression], Expression], Expression]


def _dose(model: Declared, dose: Dose) -> tuple[Trigger, Change, None]:
    """The amount is added; what lasts is added to the derivative, by a forcing of a trajectory's own."""
    if dose.state not in model.states.names:
        raise ModelError(
            f"`Dose` goes into something that isn't a state. {unknown('state', dose.state, model.states.names)}"
        )
    window, size = model.states.windows[dose.state], model.states[dose.state].size
    if size > 1 or model.states[dose.state].shape:
        raise ModelError(f"`Dose` goes into scalar states, and `{dose.state}` has several values. Use `ude.Event`.")
    known = {**{n: model.values[n] for n in model.parameters}, **model.known_values}
    factor = known.get(dose.amount) if isinstance(dose.amount, str) else None
    if factor is not None and factor.shape:
        raise ModelError(f"`amount` of `Dose` is the parameter `{dose.amount}`, which isn't one number.")
    amount = (1.0,) if factor is not None else _numbers(dose.amount)
    unit = constant(np.eye(model.states.size)[window].reshape(-1))
    times: Any = 1.0 if factor is None else factor
    forcing = ""
    if dose.duration is not None:
        forcing = f"{dose.state}_infusion"
        while forcing in model.inputs:
            forcing += "_"
        model.inputs[forcing] = Forcing("previous", description=f"infusion into {dose.state}")
        model.infused[forcing] = times * unit
    duration = None if dose.duration is None else _numbers(dose.duration)
    name = _name(dose.name or f"{dose.state}_dose")
    trigger = Trigger(name, _numbers(dose.at), (amount,), 0, duration, forcing)
    return trigger, lambda read, e: model._u + e[1] * times * unit, None


def _event(model: Declared, event: Event) -> tuple[Trigger, Change, Callable[[], Expression] | None]:
    own = getattr(event.change, "__name__", "event")
    name = _name(event.name or ("event" if own == "<lambda>" else own))
    at = None if event.at is None else _numbers(event.at)

    def change(read: dict[str, Expression], e: Expression) -> Expression:
        arguments = model._arguments()
        values = {**dict(zip(arguments["p"].keys(), arguments["p"], strict=True)), **read}
        result = call(event.change, {**arguments, "p": View("parameter", values)}, f"the change of event `{name}`")
        if not isinstance(result, Mapping):
            example = f'return {{"{model.states.names[0]}": ...}}'
            raise ModelError(f"The change of event `{name}` must return a dict state → value. Write `{example}`.")
        found = normal_keys(result)
        for state in found:
            if state not in model.states.names:
                what = f"Event `{name}` changes something that isn't a state."
                raise ModelError(f"{what} {unknown('state', state, model.states.names)}")
        after = model.states.split(model._u)
        flat: Any = [
            fitted(found.get(s.name, after[s.name]), s.shape, f"event `{name}`: the value of `{s.name}`").reshape(
                s.size
            )
            for s in model.states
        ]
        return np.concatenate(flat)  # type: ignore[return-value]

    def when() -> Expression:
        assert event.when is not None
        value = traced(call(event.when, model._arguments(), f"`when` of event `{name}`"), f"`when` of event `{name}`")
        if value.shape:
            raise ModelError(f"`when` of event `{name}` must return one number, not an array of shape {value.shape}.")
        if not any(n.operation == "input" and n.name in ("t", "u") for n in topological([value])):
            raise ModelError(
                f"Event `{name}` can never happen: its `when` depends neither on a state nor on the time, so that it "
                "crosses zero nowhere."
            )
        return value

    return (
        Trigger(name, at, tuple(event.values), DIRECTIONS[event.direction]),
        change,
        None if event.when is None else when,
    )


def _name(name: str) -> str:
    return check_name("Event", name)


def _numbers(told: Any) -> Told:
    """A table's name, or numbers."""
    return told if isinstance(told, str) else told if isinstance(told, tuple) else (float(told),)


def with_infusions(model: Declared, field: Graph) -> Graph:
    """The vector field with the rates of infusions added."""
    if not model.infused:
        return field
    rates: Any = sum(where * model.input_values[name] for name, where in model.infused.items())
    return model._named({"du": field.outputs["du"] + rates})


# ---- graphs of θ ----------------------------------------------------------------------------------------------------


def jump_of(model: Any) -> tuple[Graph | None, Graph | None]:
    """The graph (t, u, e, θ) → `jump`, the state just after an event; and (t, u, θ) → `value` and `rate` (m,), the
    functions that cross zero, and their derivatives along solutions. None where there are none.

    Where functions cross zero, `late` (), which is 0 and has the derivative of the event's moment, is an output too."""
    if "jump" not in model.named:
        return None, None
    changes = model.bound(model.named["jump"])
    t, u, e = changes.input("t"), changes.input("u"), changes.input("e")
    crossing = _crossing(model)
    chosen = {k: apply("less", int(k) - 0.5, e[0]) for k in changes.outputs}  # the last one that holds wins
    if crossing is None:
        return Graph(changes.inputs, {"jump": _selected(changes.outputs, chosen)}), None
    level, rate = crossing.outputs["value"], crossing.outputs["rate"]
    late: Any = constant(0.0)
    for i, k in enumerate(model.named["crossing"].outputs):
        slope = _still(rate[i])
        safe = apply("where", apply("equal", slope, 0.0), 1.0, slope)
        own = apply("equal", e[0], float(k))
        late = late - apply("where", own, (level[i] - _still(level[i])) / safe, 0.0)
    field = model.vector_field
    before: Any = u + _still(field.outputs["du"]) * late
    moved = rebuild(list(changes.outputs.values()), {t: t + late, u: before})
    after: Any = _selected(dict(zip(changes.outputs, moved, strict=True)), chosen)
    slope_after: Any = _still(rebuild([field.outputs["du"]], {u: after})[0])
    inputs = tuple(dict.fromkeys((*changes.inputs, *field.inputs)))
    ordered = sorted(inputs, key=lambda i: i.name == "theta")
    return Graph(ordered, {"jump": after - slope_after * late, "late": late}), crossing


def _crossing(model: Any) -> Graph | None:
    """Levels and their rates."""
    if "crossing" not in model.named:
        return None
    levels = model.bound(model.named["crossing"])
    value: Any = np.stack(list(levels.outputs.values()))  # type: ignore[call-overload]
    graph = Graph(model.vector_field.inputs, {"value": value})
    along = jvp(graph, ["t", "u"])
    one, moved = along.inputs[-2:]
    rate = substitute(along, {one: constant(1.0), moved: model.vector_field.outputs["du"]}, graph.inputs)
    return Graph(graph.inputs, {"value": value, "rate": rate.outputs["value"]})


def _selected(outputs: Mapping[str, Expression], chosen: Mapping[str, Expression]) -> Expression:
    """Of the changes the one whose number `e` begins with."""
    result: Any = None
    for k, changed in outputs.items():
        result = changed if result is None else apply("where", chosen[k], changed, result)
    return result


def _still(value: Expression) -> Any:
    return apply("stop_gradient", value)
