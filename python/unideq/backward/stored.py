"""Backward problems as plain data and back: what files and results keep, without the Python functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FileFormatError, damaged
from ..graph.serialise import array_from_json, array_to_json, from_json, to_json
from ..model import Layout, Parameter
from ..model.values import described_values, weights_from_json
from ..nn import Network
from ..stored import from_json as stored_from_json

if TYPE_CHECKING:
    from .problem import BackwardProblem

__all__ = ["problem_from_json", "problem_to_json"]

ARRAYS = ("initial", "signs")
SETTINGS = ("horizon", "start", "steps", "learns", "guided")


def problem_to_json(problem: BackwardProblem) -> dict[str, Any]:
    """See `BackwardProblem.to_json`."""
    return {
        "kind": "BackwardProblem",
        **{n: array_to_json(getattr(problem, n)) for n in ARRAYS},
        **{n: getattr(problem, n) for n in SETTINGS},
        "network": problem.network.to_json(),
        **described_values(problem),
        "layout": problem.layout.to_json(),
        "scales": {n: array_to_json(np.asarray(v)) for n, v in problem.scales.items()},
        "equations": {n: to_json(g) for n, g in problem.equations.items()},
    }


def problem_from_json(kind: type[BackwardProblem], data: Mapping[str, Any]) -> BackwardProblem:
    """See `BackwardProblem.from_json`.

    Raises
    ------
    FileFormatError
        If the data doesn't describe a backward problem, or is damaged.
    """
    if not isinstance(data, Mapping) or data.get("kind") != "BackwardProblem":
        raise FileFormatError("This JSON doesn't describe a `BackwardProblem`.")
    with damaged("The description of the problem"):
        made = object.__new__(kind)
        made.__dict__.update({n: array_from_json(data[n]) for n in ARRAYS}, **{n: data[n] for n in SETTINGS})
        made.network = stored_from_json(Network, data["network"])
        made.parameters = {n: Parameter(**p) for n, p in data["parameters"].items()}
        made.layout = Layout.from_json(data["layout"])
        made.weights = weights_from_json(data, made.layout)
        scales = {n: array_from_json(v) for n, v in data["scales"].items()}
        made.scales = {n: v if v.ndim else float(v) for n, v in scales.items()}
        made.equations = {n: from_json(g) for n, g in data["equations"].items()}
    return made
