"""A residual problem in words: domain, unknowns and terms, how large their graphs are, and what no term reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ..graph import Expression
from ..graph.location import warn_user
from ..graph.steps import felt_inputs, steps
from ..model.switches import SMOOTH, fed_by, found_switches, warn_of_jumps

if TYPE_CHECKING:
    from .problem import ResidualProblem
    from .unknowns import Unknowns

__all__ = ["described", "warn_stepping", "warn_unread"]


def described(problem: ResidualProblem) -> str:
    """See `ResidualProblem.describe`."""
    free = int(problem.layout.free_mask.sum())
    fields = len(problem.field_names)
    lines = [f"ResidualProblem with {fields} field{'s' * (fields != 1)}, {free} trainable numbers"]
    for n, (low, high) in problem.domain.intervals.items():
        lines.append(f"  coordinate {n} from {low:g} to {high:g}")
    if problem.domain.inside is not None:
        lines.append("  domain     part of the box, by a function")
    for names, field in problem.fields.items():
        more = [f"periodic in {', '.join(field.harmonics)}"] if field.harmonics else []
        more += ["transformed"] if field.transform is not None else []
        tail = f"; {', '.join(more)}" if more else ""
        lines.append(f"  field      {', '.join(names)}: {field.network!r} ({field.network.size} weights){tail}")
    for n in problem.output_names:
        lines.append(f"  output     {n}")
    for n, p in problem.parameters.items():
        lines.append(f"  parameter  {n} = {p!r}")
    for n, network in problem.equation_networks.items():
        lines.append(f"  network    {n}: {network!r} ({network.size} weights)")
    for n, term in problem.terms.items():
        graph, given = problem.residuals[n], term.given(problem.domain)
        points = f", {len(next(iter(given.values())))} points" if given is not None else ""
        lines.append(
            f"  term       {n}: {term.kind}{points}, weight {term.weight:g}; {graph.operation_count} operations a point"
        )
    return "\n".join(lines)


def warn_unread(problem: ResidualProblem, read: Collection[str]) -> None:
    """Warn of parameters and networks that no term depends on: most likely a forgotten term."""
    for name in problem.parameters:
        if name not in read:
            warn_user(f"Parameter `{name}` isn't used by any term.")
    for name, network in problem.networks.items():
        if network.size and not any(f"{name}.{weight}" in read for weight in network.weight_shapes()):
            is_field = name not in problem.equation_networks
            warn_user(f"No term reads field `{name}`." if is_field else f"Network `{name}` isn't used by any term.")


def warn_stepping(unknowns: Unknowns, residuals: Mapping[str, Sequence[Expression]]) -> None:
    """Warn of parameters that comparisons keep from being felt, wholly or in part."""
    every = [e for found in residuals.values() for e in found]
    if not steps(every):
        return
    free = {unknowns.stored[e.name]: e.name for e in unknowns.layout.of_kind("parameter") if e.free}
    names = {v: n for n, v in unknowns.stored.items()}
    felt = felt_inputs(every)
    hidden = {n for v, n in free.items() if v not in felt and fed_by(every, {v: n})}
    for name in hidden:
        warn_user(
            f"Parameter `{name}` can't be trained: it acts through comparisons alone, which have no gradient. {SMOOTH}."
        )
    for term, found in residuals.items():
        switched = found_switches(found, {v: n for v, n in free.items() if n not in hidden}, names)
        warn_of_jumps(f"Term `{term}`", switched)
