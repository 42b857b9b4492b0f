"""What a user's function gets: `state.hare`, `p.growth`, `net.interaction(...)`, `forcing.rain`, all symbolic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..errors import ModelError, TraceError, unknown
from ..graph import Expression, apply, as_expression
from ..graph.location import user_line
from ..nn import GridNetwork, Network
from .names import normal

__all__ = ["NetworkView", "View", "call_network"]


class View:
    """Named values, read as attributes or items; iterates over values in order."""

    def __init__(self, kind: str, values: Mapping[str, Any]) -> None:
        self._kind = kind
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # no name of ours begins so: this is Python asking (copying, printing)
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Any:
        name = normal(name)
        if name not in self._values:
            raise ModelError(f"{unknown(self._kind, name, self._values)}{user_line()}")
        return self._values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        raise TraceError(f"`{self._kind}.{name}` can't be assigned{user_line()}. Return the derivatives instead.")

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values.values())

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return normal(name) in self._values

    def keys(self) -> Any:
        return self._values.keys()

    def __repr__(self) -> str:
        return f"<{self._kind}: {', '.join(self._values)}>"


class NetworkView(View):
    """`net.NAME(...)` calls a network on symbolic values."""

    def __init__(self, networks: Mapping[str, Network], weights: Mapping[str, Mapping[str, Expression]]) -> None:
        calls: dict[str, Callable[..., Expression]] = {
            name: partial(_called, name, network, weights[name]) for name, network in networks.items()
        }
        super().__init__("network", calls)


def _called(
    name: str, network: Network, weights: Mapping[str, Expression], *arguments: Any, **named: Any
) -> Expression:
    if named:
        raise TraceError(f"`net.{name}` takes its arguments in order, without `{next(iter(named))}=`{user_line()}.")
    return call_network(name, network, weights, arguments)


def call_network(
    name: str, network: Network, weights: Mapping[str, Expression], arguments: tuple[Any, ...]
) -> Expression:
    """Expand a network at these arguments, and mark the result as learned.

    A network on a grid takes as many fields as it has inputs (or one array (inputs, *space)), and returns a field, or
    (outputs, *space). Of a network that acts on points:

    With as many arguments as inputs it acts point-wise (result (outputs, *S), or S for one output); with one array
    whose last axis has length `inputs` > 1 it acts on that axis, and the result's last axis has length `outputs`, also
    where that is 1.
    """
    n = network.inputs
    values = [as_expression(a) for a in arguments]
    if isinstance(network, GridNetwork):
        return _call_on_grid(name, network, weights, values)
    if len(values) == n:
        values = _broadcast(name, values)
        shape = values[0].shape
        x: Any = np.stack(values, axis=-1)  # type: ignore[call-overload]
        flat = x.reshape(-1, n) if x.ndim > 2 else x
        y: Any = network.expand(weights, flat)
        if network.outputs == 1:
            y = y.reshape(shape)
        elif shape:
            y = np.moveaxis(y, -1, 0).reshape(network.outputs, *shape)
        layout = "pointwise"
    elif len(values) == 1 and values[0].ndim and values[0].shape[-1] == n:
        (x,) = values
        lead = x.shape[:-1]
        y = network.expand(weights, x.reshape(-1, n) if len(lead) > 1 else x)
        y = y.reshape(*lead, network.outputs)
        layout = "vector"
    else:
        given = f"one of shape {values[0].shape}" if len(values) == 1 else str(len(values))
        raise TraceError(
            f"Network `{name}` takes {n} argument{'s' if n != 1 else ''}"
            + (f" (or one array with last axis {n})" if n > 1 else "")
            + f", not {given}{user_line()}."
        )
    return apply("learned", y, *values, network=name, layout=layout)


def _broadcast(name: str, values: list[Expression]) -> list[Expression]:
    try:
        shape = np.broadcast_shapes(*(v.shape for v in values))
    except ValueError:
        shapes = ", ".join(str(v.shape) for v in values)
        raise TraceError(
            f"Network `{name}` got arguments of shapes {shapes}, which don't broadcast{user_line()}."
        ) from None
    return [apply("broadcast_to", v, shape=shape) for v in values]


def _call_on_grid(
    name: str, network: GridNetwork, weights: Mapping[str, Expression], values: list[Expression]
) -> Expression:
    n, dims = network.inputs, network.dimensions
    if len(values) == 1 < n and values[0].ndim > dims and values[0].shape[-dims - 1] == n:
        (joined,) = values
        values = [joined[(..., k, *(slice(None),) * dims)] for k in range(n)]
    if len(values) != n:
        given = f"one of shape {values[0].shape}" if len(values) == 1 else str(len(values))
        raise TraceError(
            f"Network `{name}` takes {n} field{'s' if n != 1 else ''}"
            + (f" (or one array ({n}, *space))" if n > 1 else "")
            + f", not {given}{user_line()}."
        )
    values = _broadcast(name, values)
    shape = values[0].shape
    if len(shape) < dims:
        raise TraceError(
            f"Network `{name}` acts on fields with {dims} ax{'i' if dims == 1 else 'e'}s of space; its arguments have "
            f"shape {shape}{user_line()}. Give it fields, or use `ude.nn.MLP`, which acts point by point."
        )
    x: Any = np.stack(values, axis=-dims - 1)  # type: ignore[call-overload]
    y: Any = network.expand(weights, x)
    y = y.reshape(shape) if network.outputs == 1 else np.moveaxis(y, -dims - 1, 0)
    return apply("learned", y, *values, network=name, layout="grid")
