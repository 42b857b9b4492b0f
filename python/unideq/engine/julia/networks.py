"""What Julia knows about Lux networks: the weights' names and shapes, initial values, and values where NumPy asks."""

from __future__ import annotations

import json
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ...errors import OptionError
from ...graph import Graph, apply, variable
from ..registry import get_engine
from .bridge import address
from .engine import JuliaEngine

__all__ = ["describe_network", "draw_network", "evaluate_operation"]


def _engine() -> JuliaEngine:
    engine = get_engine("julia")
    assert isinstance(engine, JuliaEngine)
    return engine


@cache
def describe_network(source: str, inputs: int, outputs: int) -> dict[str, Any]:
    """Number of `inputs` and `outputs`, and `structure`: pairs of name and shape of the weights, in storage order.

    Parameters
    ----------
    source
        Julia source of a Lux model.
    inputs, outputs
        Numbers of features; 0 where the model is to tell.

    Raises
    ------
    OptionError
        If Julia can't make a model of the source or its sizes don't fit; with Julia's message.
    """
    doing = f"reading the Lux network `{source}`"
    found = json.loads(str(_engine().bridge.call("describe_network", doing, source, inputs, outputs)))
    if "error" in found:
        raise OptionError(f"Julia can't use the Lux network `{source}`: {found['error']}")
    structure = tuple((name, tuple(shape)) for name, shape in found["structure"])
    return {"inputs": found["inputs"], "outputs": found["outputs"], "structure": structure}


def draw_network(source: str, inputs: int, outputs: int, seed: int, size: int) -> np.ndarray:
    """Initial weights (size,), in Julia's order, drawn by Lux's own initialisers from the seed."""
    weights = np.empty(size)
    doing = f"drawing the weights of the Lux network `{source}`"
    _engine().bridge.call("draw_network_b", doing, source, inputs, outputs, seed, address(weights), size)
    return weights


def evaluate_operation(operation: str, arrays: tuple[Any, ...], attributes: dict[str, Any]) -> np.ndarray:
    """One opaque operation of a graph that is evaluated with NumPy."""
    graph = _graph(operation, tuple(np.shape(a) for a in arrays), tuple(sorted(attributes.items())))
    return _engine().evaluate(graph, {f"x{i}": a for i, a in enumerate(arrays)})["y"]


@lru_cache(maxsize=256)
def _graph(operation: str, shapes: tuple[tuple[int, ...], ...], attributes: tuple[tuple[str, Any], ...]) -> Graph:
    inputs = [variable(f"x{i}", shape) for i, shape in enumerate(shapes)]
    return Graph(inputs, {"y": apply(operation, *inputs, **dict(attributes))})
