"""What JAX does with each kind of program: the one table that everything else on this engine dispatches on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ...graph import factored
from ...objective.program import Given, Integration, Pointwise, Rollout, Source, shapes_key
from . import integrate, rollout
from .convolution import outside_loops
from .integrate import Data
from .lowering import lower

if TYPE_CHECKING:
    from .arguments import Reader

__all__ = ["PROGRAMS", "JaxProgram", "program_of", "source_data"]

Arrays = tuple[dict[str, jax.Array], Any]
"""`NAME.OUTPUT` → array, and whether a solve failed."""


@dataclass(frozen=True)
class JaxProgram:
    """One kind of source on this engine.

    Attributes
    ----------
    data
        `source -> data`: what its compiled code takes besides θ.
    key
        `(source, reader) -> key`, equal for sources that differ in numbers only; the reader takes these out.
    make
        `(source, forward_mode) -> ((theta, data) -> arrays, failed)`, to be differentiated backwards or forwards.
    solve
        `source -> ((theta, data) -> arrays, status, statistics)`, where solving it alone means something.
    """

    data: Callable[[Any], Data]
    key: Callable[[Any, Reader], tuple]
    make: Callable[[Any, bool], Callable[[jax.Array, Data], Arrays]]
    solve: Callable[[Any], Callable[..., Any]] | None = None


def _as_given(source: Source) -> Data:
    return {name: np.asarray(values, float) for name, values in source.data.items()}


def _solved(solve: Callable[..., Any]) -> Callable[[jax.Array, Data], Arrays]:
    def solved(theta: jax.Array, data: Data) -> Arrays:
        arrays, status, _ = solve(theta, data)
        return arrays, jnp.any(status != 0)

    return solved


def _make_given(source: Given, forward_mode: bool) -> Callable[[jax.Array, Data], Arrays]:
    return lambda theta, arrays: ({f"{source.name}.{key}": value for key, value in arrays.items()}, False)


def _make_pointwise(source: Pointwise, forward_mode: bool) -> Callable[[jax.Array, Data], Arrays]:
    run = lower(factored(source.graph))

    def at_points(theta: jax.Array, points: Data) -> Arrays:
        with outside_loops():  # in single precision also of an optimiser's: see `optimise.turn_by_turn`
            values = jax.vmap(lambda point: run({"theta": theta, **point}))(points)
        return {f"{source.name}.{key}": value for key, value in values.items()}, False

    return at_points


PROGRAMS: dict[type[Source], JaxProgram] = {
    Integration: JaxProgram(
        integrate.integration_data,
        integrate.integration_key,
        lambda source, forward_mode: _solved(integrate.make_integration(source, forward_mode)),
        integrate.make_masked_integration,
    ),
    Rollout: JaxProgram(
        rollout.rollout_data,
        rollout.rollout_key,
        lambda source, forward_mode: _solved(rollout.make_rollout(source)),
        rollout.make_rollout,
    ),
    Pointwise: JaxProgram(
        _as_given,
        lambda source, reader: ("pointwise", source.name, reader.rewritten(source.graph), shapes_key(source.data)),
        _make_pointwise,
    ),
    Given: JaxProgram(_as_given, lambda source, reader: source.key, _make_given),
}
"""Kind of source → what this engine does with it."""


def program_of(source: Source) -> JaxProgram:
    """The entry of a source's kind."""
    return PROGRAMS[type(source)]


def source_data(source: Source) -> Data:
    """States, times, points, targets: what compiled code takes besides θ."""
    return program_of(source).data(source)
