"""A `Rollout` as a JAX function: scans over the steps of a batch of trajectories, with status.

The step is lowered once and mapped over the trajectories; what depends on θ alone is computed before the first step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ...graph import Graph, partition
from ...objective.program import Rollout, shapes_key
from .integrate import Data
from .lowering import lower
from .mapped import lower_mapped

if TYPE_CHECKING:
    from .arguments import Reader

__all__ = ["make_rollout", "rollout_data", "rollout_key"]

Body = Callable[[Any], tuple[Any, Any]]
"""One turn of a loop: `carry -> carry, recorded`."""


def rollout_data(rollout: Rollout) -> Data:
    """What may change from call to call without compiling anew."""
    data = {name: np.asarray(values, float) for name, values in rollout.data.items()}
    return {**data, "dt": np.asarray(rollout.dt, float)}


def rollout_key(rollout: Rollout, reader: Reader) -> tuple:
    """Equal for rollouts that differ in their numbers only."""
    graphs = reader.field(rollout.step, body=False), reader.field(rollout.observe, body=False)
    return "rollout", rollout.name, graphs, rollout.settings, shapes_key(rollout.data)


def make_rollout(rollout: Rollout) -> Callable[..., Any]:
    """`(theta (P,), data) -> arrays, status (B,), statistics`; arrays: NAME.OUTPUT → (B, K, …), NaN after a failure.

    To be differentiated backwards or forwards. The statistic `steps` counts a trajectory's steps, those of the warm-up
    among them, up to its last finite state.
    """
    single = len(rollout.data["start"]) == 1  # a batch of one costs more than no batch
    prologue, step = _split(rollout.step, single)
    prologue_of_observing, observe = _split(rollout.observe, single)
    scan = _checkpointed_scan if rollout.checkpoint else _scan
    detached = rollout.gradient == "none"

    def run(theta: jax.Array, data: Mapping[str, Any]) -> Any:
        own = {name: data[name][0] if single else data[name] for name in ("start", "t", "c", "w") if name in data}
        constants = {name: own[name] for name in ("c",) if name in own}
        inputs = {"w": own["w"] if single else jnp.moveaxis(own["w"], 1, 0)} if "w" in own else {}  # a row a step
        fixed, fixed_of_observing = prologue(theta), prologue_of_observing(theta)

        def at(u: Any, made: Any) -> dict[str, Any]:
            return {"t": own["t"] + made * data["dt"], "u": u, **constants}

        def advance(carry: Any, fixed: Any) -> Any:
            """One step: `made` counts all steps, `finite` those up to the last finite state."""
            u, made, finite = carry
            given = {name: lax.dynamic_index_in_dim(rows, made, keepdims=False) for name, rows in inputs.items()}
            new = step({**at(u, made), **given}, fixed)["u"]
            alive = (finite == made) & jnp.all(jnp.isfinite(new), axis=-1)
            return new, made + 1, finite + alive

        def pass_on(fixed: Any, carry: Any) -> Any:
            return advance(carry, fixed), None

        def to_next_record(carry: Any) -> Any:
            if detached:
                carry, _ = _scan(partial(pass_on, lax.stop_gradient(fixed)), carry, rollout.every - 1)
                u, made, finite = advance(carry, fixed)
            else:
                (u, made, finite), _ = scan(partial(pass_on, fixed), carry, rollout.every)
            seen = observe(at(u, made), fixed_of_observing)
            recorded = {key: _nan_unless(finite == made, value) for key, value in seen.items()}
            # Detached here, the carry has no derivative at all, and the scan's adjoint hands none from step to step.
            return (lax.stop_gradient(u) if detached else u, made, finite), recorded

        carry = own["start"], jnp.asarray(0), jnp.zeros(own["t"].shape, int)
        carry, _ = _scan(partial(pass_on, lax.stop_gradient(fixed)), carry, rollout.warmup)
        (_, made, finite), recorded = scan(to_next_record, carry, rollout.steps // rollout.every)
        status = jnp.where(finite == made, 0, 2)
        if single:
            recorded, status, finite = {k: v[None] for k, v in recorded.items()}, status[None], finite[None]
        else:
            recorded = {k: jnp.moveaxis(v, 0, 1) for k, v in recorded.items()}
        return {f"{rollout.name}.{key}": value for key, value in recorded.items()}, status, {"steps": finite}

    return run


def _split(graph: Graph, single: bool) -> tuple[Callable[[Any], dict[str, Any]], Callable[..., dict[str, Any]]]:
    """What θ alone decides, `theta -> fixed`, and the rest, `(varying, fixed) -> outputs`, mapped unless single."""
    prologue: Callable[[Any], dict[str, Any]] = lambda theta: {}  # noqa: E731
    if any(node.name == "theta" for node in graph.inputs):
        once, graph = partition(graph, "theta")
        run_once = lower(once)
        prologue = lambda theta: run_once({"theta": theta})  # noqa: E731
    run = lower(graph) if single else lower_mapped(graph, {"t", "u", "c", "w"})
    return prologue, lambda varying, fixed: run({**varying, **fixed})


def _nan_unless(good: Any, value: Any) -> Any:
    """NaN in place of the values of trajectories, along the leading axes, that aren't good."""
    return jnp.where(good.reshape(good.shape + (1,) * (value.ndim - good.ndim)), value, jnp.nan)


def _scan(body: Body, carry: Any, count: int) -> tuple[Any, Any]:
    """`count` turns; what they record is stacked. Reverse mode keeps every turn's intermediates."""
    if count == 0:
        return carry, None
    if count == 1:
        carry, recorded = body(carry)
        return carry, jax.tree.map(lambda x: x[None], recorded)
    return lax.scan(lambda c, _: body(c), carry, None, length=count)


def _checkpointed_scan(body: Body, carry: Any, count: int) -> tuple[Any, Any]:
    """The same in segments of √count turns: reverse mode keeps the states between segments, and within one at a time.

    Every turn is made three times: forwards, again for its segment's states, and again for its own intermediates
    (Griewank & Walther 2008, section 12.2, two levels).
    """
    if count < 2:
        return _scan(body, carry, count)
    turn = jax.checkpoint(body, prevent_cse=False)  # within a scan nothing is shared with the forward pass anyway
    length = math.isqrt(count - 1) + 1
    segments, rest = divmod(count, length)
    segment = jax.checkpoint(lambda c: _scan(turn, c, length))
    carry, recorded = _scan(segment, carry, segments)
    recorded = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), recorded)
    if rest:
        carry, more = jax.checkpoint(lambda c: _scan(turn, c, rest))(carry)
        recorded = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), recorded, more)
    return carry, recorded
