"""Switches in equations: which unknowns feed a comparison, and whose gradient is lost or incomplete for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph import Expression, text, topological
from ..graph.location import warn_user
from ..graph.steps import felt_inputs, jumps, steps
from .equations import readable
from .grouped import grouped

if TYPE_CHECKING:
    from ..graph import Graph
    from .declared import Declared
    from .model import Model

__all__ = [
    "SMOOTH",
    "Switch",
    "fed_by",
    "found_switches",
    "switches",
    "switches_of",
    "unfelt",
    "warn_jumping",
    "warn_of_jumps",
    "warn_switches",
]

_MOST = 8
"""Comparisons that are tried for jumps, at most."""
EQUATIONS = "The equations"
SMOOTH = (
    "Write a smooth one instead of `a < b`, `1 / (1 + np.exp((a - b) / width))`, with a width that the measurements "
    "resolve"
)


@dataclass(frozen=True)
class Switch:
    """A comparison, sign or rounding at which a value jumps.

    Attributes
    ----------
    text
        As it is printed: `t < T`.
    fed
        What enters it and is unknown: names of parameters, networks and states.
    moment
        The parameter that is compared with the clock, where there is one.
    """

    text: str
    fed: tuple[str, ...]
    moment: str | None = None

    @property
    def names(self) -> str:
        """`K` and `x`."""
        shown = [f"`{n}`" for n in self.fed]
        return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def fed_by(values: Iterable[Expression], unknowns: Mapping[Expression, str]) -> tuple[str, ...]:
    """Names of the unknowns that values depend on, in their order."""
    reached = _all_inputs(values)
    return tuple(dict.fromkeys(name for variable, name in unknowns.items() if variable in reached))


def found_switches(
    outputs: Sequence[Expression],
    unknowns: Mapping[Expression, str],
    names: Mapping[Expression, str],
    sizes: Mapping[str, np.ndarray] | None = None,
) -> tuple[Switch, ...]:
    """The steps that unknowns feed and where an output jumps.

    Parameters
    ----------
    outputs
        What may jump.
    unknowns
        Input → whose it is.
    names
        Expression → symbol, for printing.
    sizes
        Input's name → its usual value; others are drawn over five decades.
    """
    fed = [(step, fed_by([step], unknowns)) for step in steps(outputs)]
    found: dict[str, Switch] = {}
    for step, who in [pair for pair in fed if pair[1]][:_MOST]:
        if jumps(list(outputs), step, _drawn(outputs, sizes or {})):
            shown = text(step, names, limit=60)
            found.setdefault(shown, Switch(shown, who, _moment(step, who, names)))
    return tuple(found.values())


def _moment(step: Expression, who: Sequence[str], names: Mapping[Expression, str]) -> str | None:
    """The parameter that a step compares with the clock: it reads nothing else that is unknown, or moves."""
    read = {names.get(e, e.name) for e in _all_inputs([step])}
    return who[0] if step.dtype == "bool" and len(who) == 1 and read == {"t", who[0]} else None


def _drawn(outputs: Iterable[Expression], sizes: Mapping[str, np.ndarray]) -> Any:
    """Makes random values of all inputs, always the same ones."""
    generator = np.random.default_rng(0)
    inputs = [n for n in topological(outputs) if n.operation == "input"]

    def draw() -> dict[str, np.ndarray]:
        values = {}
        for node in inputs:
            usual = np.asarray(sizes.get(node.name, 0.0))
            if usual.shape == node.shape and usual.any():
                values[node.name] = usual * 10.0 ** generator.uniform(-1.0, 1.0, node.shape)
            else:
                size = 10.0 ** generator.uniform(-2.0, 3.0)
                values[node.name] = size * generator.normal(size=node.shape)
        return values

    return draw


# ---- models that are solved or stepped in time ----------------------------------------------------------------------


def _influences(model: Model) -> tuple[dict[str, list[Expression]], dict[str, list[Expression]], dict[Expression, str]]:
    """State → what its changes are made of, observable → the same, and names for printing; one variable a state."""
    changes: dict[str, list[Expression]] = {n: [] for n in model.states.names}
    names: dict[Expression, str] = {}
    if "vector_field" in model.named and getattr(model, "coupling", "") != "prediction":
        outputs, names = readable(model, model.named_vector_field)
        for name, value in model.states.split(outputs["du"]).items():
            changes[name].append(value)
    if "correction" in model.named:
        outputs, more = readable(model, model.named["correction"])
        names |= more
        for name, value in outputs.items():
            changes[name].append(value)
    if "jump" in model.named:
        outputs, more = readable(model, model.named["jump"])
        names |= more
        for change in outputs.values():
            for name, value in model.states.split(change).items():
                changes[name].append(value)
    if "diffusion" in model.named:
        outputs, more = readable(model, model.named["diffusion"])
        names |= more
        for name in changes:
            changes[name].append(outputs["diffusion"][model.states.windows[name]])  # type: ignore[index]
    if "crossing" in model.named:  # when an event happens moves every state
        outputs, more = readable(model, model.named["crossing"])
        names |= more
        for found in changes.values():
            found += outputs.values()
    observed, more = readable(model, model.named_observation)
    return changes, {n: [e] for n, e in observed.items()}, {**names, **more}


def _unknowns(model: Declared) -> dict[Expression, str]:
    """Variable of a free parameter or weight → name of the parameter or network."""
    values, own = model.values, model.known_values
    by_group = {own[n]: n for n, c in grouped(model.conditions).items() if c.parameter.free}
    return {**{values[e.name]: owner(e.name) for e in model.layout.entries if e.free}, **by_group}


def owner(entry: str) -> str:
    """The network, or the parameter, that an entry of a layout belongs to."""
    return entry.partition(".")[0]


def switches(model: Model) -> tuple[Switch, ...]:
    """Comparisons fed by free parameters, networks or states where the equations, or what is observed, jump."""
    if not steps(e for g in model.named.values() for e in g.outputs.values()):
        return ()
    changes, observed, names = _influences(model)
    outputs = [e for part in (changes, observed) for found in part.values() for e in found]
    return _switches_in(model, outputs, names)


def switches_of(model: Declared, graph: Graph) -> tuple[Switch, ...]:
    """The same of a further graph of the model, in named values or in θ, e.g. a cost's."""
    if not steps(graph.outputs.values()):
        return ()
    outputs, names = readable(model, graph)
    return _switches_in(model, list(outputs.values()), names)


def _switches_in(model: Declared, outputs: Sequence[Expression], names: Mapping[Expression, str]) -> tuple[Switch, ...]:
    """Of expressions with one variable a state, as `readable` makes them."""
    states = {e: n for e, n in names.items() if n in model.states.names and e.operation == "input"}
    sizes = {f"p.{n}": p.array for n, p in model.parameters.items()}
    return found_switches(outputs, {**_unknowns(model), **states}, names, sizes)


def unfelt(model: Model, measured: Collection[str] | None = None, more: Iterable[Expression] = ()) -> dict[str, str]:
    """Free parameters and networks whose gradient is exactly zero, whatever their value → why, in words.

    Parameters
    ----------
    measured
        Observables that are compared with measurements; default: all.
    more
        Further values that are minimised, in named values (t, u, …): those of costs.
    """
    changes, observed, names = _influences(model)
    if getattr(model, "solver", None) is not None:  # nothing is known of a black box: each field moves all
        everything = [e for found in changes.values() for e in found]
        changes = {n: everything for n in changes}
    start = [e for n, found in observed.items() if measured is None or n in measured for e in found]
    start += list(more)
    felt, touched = _reached(start, changes, names, felt_inputs), _reached(start, changes, names, _all_inputs)
    values = [e for found in changes.values() for e in found] + start
    reasons: dict[str, str] = {}
    left: dict[str, list[Expression]] = {}
    for variable, name in _unknowns(model).items():
        left.setdefault(name, []).append(variable)
    used = _all_inputs(values)
    for name, variables in left.items():
        if any(v in felt for v in variables) or not any(v in used for v in variables):
            continue  # what nothing depends on is told when the model is made
        if any(v in touched for v in variables):
            every = steps(values)
            through = [s for s in every if fed_by([s], dict.fromkeys(variables, name))] or every  # by way of states
            shown = " and ".join(f"`{text(s, names, limit=60)}`" for s in through[:2])
            moment = _moment(through[0], (name,), names) if len(through) == 1 else None
            reasons[name] = f"it acts through {shown} alone, and a comparison has no gradient{_instead(model, moment)}"
        elif measured is not None:
            reasons[name] = f"nothing that is measured ({', '.join(f'`{m}`' for m in measured)}) depends on it"
    return reasons


def _all_inputs(outputs: Iterable[Expression]) -> set[Expression]:
    return {n for n in topological(outputs) if n.operation == "input"}


def _reached(
    start: list[Expression], changes: Mapping[str, list[Expression]], names: Mapping[Expression, str], inputs: Any
) -> set[Expression]:
    """Inputs that values depend on in the course of time: through the states that they read, and what moves those."""
    found, todo, done = set(inputs(start)), list(start), set()
    while todo:
        reached = inputs(todo)
        found |= reached
        todo = []
        for node in reached:
            state = names.get(node, node.name)
            for name in changes if node.name == "u" else (state,):
                if name in changes and name not in done:
                    done.add(name)
                    todo += changes[name]
    return found


# ---- words ----------------------------------------------------------------------------------------------------------


def warn_switches(model: Model) -> None:
    """Warn of unknowns whose gradient a comparison hides, as a model is made."""
    if not _unknowns(model) or not steps(e for g in model.named.values() for e in g.outputs.values()):
        return
    hidden = unfelt(model)
    for name, reason in hidden.items():
        warn_user(
            f"{_kind(model, name)} `{name}` can't be trained: {reason}. {SMOOTH}, or compare fits with fixed values."
        )
    left = [replace(s, fed=tuple(n for n in s.fed if n not in hidden)) for s in switches(model)]
    warn_of_jumps(EQUATIONS, [s for s in left if s.fed], model)


def warn_jumping(model: Declared, graph: Graph, what: str) -> None:
    """Warn where what a further function returned, in named values, jumps with unknowns."""
    warn_of_jumps(f"`{what}`", switches_of(model, graph))


def warn_of_jumps(what: str, found: Iterable[Switch], model: Model | None = None) -> None:
    """Warn of switches whose moment moves with unknowns, in the equations of a model or elsewhere."""
    for switch in found:
        warn_user(
            f"{what} jump{'' if what == EQUATIONS else 's'} at the switch `{switch.text}`: gradients leave out that "
            f"{switch.names} move{'s' * (len(switch.fed) == 1)} it, so a fit may end beside the minimum "
            f"(`fit.check_gradient()` tells){_instead(model, switch.moment)}. {SMOOTH}."
        )


def _instead(model: Model | None, moment: str | None) -> str:
    """How a moment that is estimated has a gradient, where models have events."""
    if moment is None or model is None or not model.continuous_in_time:
        return ""
    return f"; as an event, `ude.Event(change, when=lambda t, state, p: t - p.{moment})`, the moment has an exact one"


def _kind(model: Model, name: str) -> str:
    return "Network" if name in model.networks else "Parameter"
