"""What the Julia engine does with each kind of program: the one table that all else in this folder dispatches on.

Julia's own counterpart is `SOURCES` in `julia/src/objective/source.jl`: a kind by the name that the JSON has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...objective.program import Given, Integration, Pointwise, Rollout, Source
from .derived import Program
from .integration import integration_arrays, integration_program, reported_crossings
from .points import given_program, pointwise_program, sorted_arrays
from .rollout import rollout_arrays, rollout_program

__all__ = ["PROGRAMS", "JuliaProgram", "program_of", "source_arrays"]


@dataclass(frozen=True)
class JuliaProgram:
    """One kind of source on this engine.

    Attributes
    ----------
    program
        `(source, blocks) -> JSON`: graphs and their derivatives; `blocks` of points where there are points.
    arrays
        `source -> its data by name`, in the order that Julia reads them.
    alone
        `source -> JSON` without derivatives, where solving it alone means something.
    counted
        Names of the statistics that solving it alone gives.
    reported
        `source -> (E, …)`, the shape of what it reports besides: crossings of zero.
    """

    program: Callable[[Any, bool], Program]
    arrays: Callable[[Any], dict[str, np.ndarray]]
    alone: Callable[[Any], Program] | None = None
    counted: tuple[str, ...] = ()
    reported: Callable[[Any], tuple[int, ...]] = lambda source: (0,)


PROGRAMS: dict[type[Source], JuliaProgram] = {
    Integration: JuliaProgram(
        lambda source, blocks: integration_program(source, True),
        integration_arrays,
        lambda source: integration_program(source, False),
        ("steps", "accepted", "rejected", "evaluations"),
        reported_crossings,
    ),
    Rollout: JuliaProgram(
        lambda source, blocks: rollout_program(source, True),
        rollout_arrays,
        lambda source: rollout_program(source, False),
        ("steps",),
    ),
    Pointwise: JuliaProgram(pointwise_program, sorted_arrays),
    Given: JuliaProgram(lambda source, blocks: given_program(source), sorted_arrays),
}
"""Kind of source → what this engine does with it."""


def program_of(source: Source) -> JuliaProgram:
    """The entry of a source's kind."""
    return PROGRAMS[type(source)]


def source_arrays(source: Source) -> dict[str, np.ndarray]:
    """A source's data by name, in Julia's order."""
    return program_of(source).arrays(source)
