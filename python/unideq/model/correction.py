"""A stepper's correction: traced from the user's function, and joined to the solver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError
from ..graph import Expression, Graph, rebuild
from .further import by_field
from .trace import call, fitted

if TYPE_CHECKING:
    from .step import StepGraphs

__all__ = ["COUPLINGS", "coupled", "traced_correction"]

COUPLINGS = ("parallel", "sequential", "prediction")


def traced_correction(stepper: StepGraphs, function: Any) -> Graph:
    """Field → value, in named values."""
    names = stepper.states.names
    result = by_field(call(function, stepper._arguments(), "correction"), names, "correction")
    missing = [n for n in names if n not in result]
    if missing and stepper.coupling == "prediction":
        raise ModelError(
            f'`correction` returned nothing for {", ".join(f"`{m}`" for m in missing)}. With `coupling="prediction"` '
            "it gives every field's next state."
        )
    if not result:
        raise ModelError("`correction` returned an empty dict: it corrects nothing.")
    shapes = {s.name: s.shape for s in stepper.states}
    return stepper._named({n: fitted(v, shapes[n], f"`correction`: the value of `{n}`") for n, v in result.items()})


def coupled(stepper: StepGraphs, solved: Expression) -> Expression:
    """The next state (n,) from the solver's result and the correction, in named values."""
    graph = stepper.named.get("correction")
    if graph is None:
        return solved
    outputs = list(graph.outputs.values())
    if stepper.coupling == "sequential":
        outputs = rebuild(outputs, {stepper._u: solved})
    corrected = dict(zip(graph.outputs, outputs, strict=True))
    parts: list[Any] = []
    for name, value in stepper.states.split(solved).items():
        new: Any = value
        if name in corrected:
            new = value + stepper.dt * corrected[name] if stepper.coupling == "parallel" else corrected[name]
        parts.append(new.reshape(-1))
    joined: Any = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return joined
