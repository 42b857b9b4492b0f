"""A model in words: what it is made of, how large its graphs are, and what nothing depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..graph import vjp
from ..graph.location import warn_user
from .initial import Steady
from .parameter import Parameter
from .switches import warn_switches

if TYPE_CHECKING:
    from .model import Model

__all__ = ["description", "warn_unused"]


def description(model: Model) -> str:
    """See `ODE.describe`."""
    free = int(model.layout.free_mask.sum())
    lines = [f"{type(model).__name__} with {len(model.states)} states ({model.size} values), {free} trainable numbers"]
    for s in model.states:
        kind = ", algebraic" if s.algebraic else ""
        lines.append(f"  state      {s.name}{_shape(s.shape)}{f' [{s.units}]' if s.units else ''}{kind}")
    for n, p in model.parameters.items():
        lines.append(f"  parameter  {n} = {p!r}")
    for n, c in model.conditions.items():
        lines.append(f"  {'condition ' if c.per is None else 'parameter '} {n} = {c}")
    for n, net in model.networks.items():
        lines.append(f"  network    {n}: {net!r} ({net.size} weights)")
    for n, e in model.forcing.outputs.items():
        lines.append(f"  forcing    {n}{_shape(e.shape)}")
    for n, own in model.inputs.items():
        units = f" [{own.units}]" if own.units else ""
        lines.append(f"  forcing    {n}{_shape(own.shape)}{units}, one a trajectory")
    for delay in model.delays:
        lines.append(f"  delay      {delay:g}")
    for trigger in model.triggers:
        lines.append(f"  event      {trigger}")
    for n, value in model.initial.items():
        if isinstance(value, str):
            shown = f"coordinate `{value}` of the data"
        elif isinstance(value, Steady):
            what = "what its equation says" if model.states[n].algebraic else "the steady state"
            shown = what + ("" if value.guess is None else f", from {value.guess}")
        else:
            shown = repr(value) if isinstance(value, Parameter) else str(value.tolist())
        lines.append(f"  initial    {n} = {shown}")
    for n, shape in model.observables.items():
        if n not in model.states.names:
            lines.append(f"  observable {n}{_shape(shape)}")
    what, graph = model.compiled
    reverse = vjp(graph, ["u", "theta"]).operation_count
    lines.append(f"  {what}: {graph.operation_count} operations; with its vjp: {reverse}")
    return "\n".join(lines)


def _shape(shape: tuple[int, ...]) -> str:
    return f" {list(shape)}" if shape else ""


def warn_unused(model: Model) -> None:
    """Warn of parameters and networks that no equation depends on (most likely a forgotten term), or feels."""
    used = {node for graph in model.named.values() for node in graph.nodes}
    values = model.values
    for entry in model.layout.of_kind("parameter"):
        if values[entry.name] not in used:
            warn_user(f"Parameter `{entry.name}` isn't used by the equations.")
    for name, value in model.known_values.items():
        if value not in used:
            kind = "Condition" if model.conditions[name].per is None else "Parameter"
            warn_user(f"{kind} `{name}` isn't used by the equations.")
    for name, value in model.input_values.items():
        if value not in used:
            warn_user(f"Forcing `{name}` isn't used by the equations.")
    for name, network in model.networks.items():
        if not any(values[f"{name}.{weight}"] in used for weight in network.weight_shapes()):
            warn_user(f"Network `{name}` isn't called by the equations.")
    warn_switches(model)
