"""Programs as the Julia package reads them: an objective's or integration's graphs and their derivatives, as JSON.

Derivatives are graphs made here; Julia only compiles. Numbers that may change from call to call (times,
points, states, step size, weights) aren't in the text: `unideq.engine.julia.data` has them in one flat array.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...graph import Graph
from ...objective.program import LossProgram, Source
from .derived import Program, as_json, forward, in_single, reverse
from .points import in_blocks
from .programs import program_of

__all__ = ["evaluation_json", "objective_json", "source_json"]


def objective_json(objective: LossProgram, precision: str = "float64") -> str:
    """The graphs of an objective, with their derivatives in reverse and in forward mode."""
    made = [name for source in objective.sources if source.graphs for name in source.shapes]
    read = [name for name in (*made, "theta") if name in objective.loss.input_names]
    squares = objective.mean_squares()
    # In an objective of squares alone one source in blocks takes the others along: values and gradients are then made
    # in one walk through the points.
    blocks = squares is not None and any(in_blocks(one.source) for one in squares)
    program = {
        "parameters": objective.parameters,
        "terms": list(objective.terms),
        "sources": [program_of(source).program(source, blocks) for source in objective.sources],
        "loss": as_json(objective.loss),
        "gradient": reverse(objective.loss, read),
        "tangent": forward(objective.loss, read),
        "squares": None if squares is None else [(one.source.name, one.output) for one in squares],
    }
    return _text(program, precision)


def source_json(source: Source) -> str:
    """The graphs of one source, without derivatives, and the number of parameters."""
    alone = program_of(source).alone
    assert alone is not None
    return _text({**alone(source), "parameters": source.parameters}, source.precision)


def evaluation_json(graph: Graph, mapped: Sequence[str] = ()) -> str:
    """A graph to evaluate at many points. Its inputs are those in use, sorted by name; `mapped` ones vary."""
    used = sorted((node for node in graph.nodes if node.operation == "input"), key=lambda node: str(node.name))
    names = [node.name for node in used if node.name in set(mapped)]
    return json.dumps({"graph": as_json(Graph(used, graph.outputs)), "mapped": names}, allow_nan=False)


def _text(program: Program, precision: str) -> str:
    return json.dumps(in_single(program) if precision == "float32" else program, allow_nan=False)
