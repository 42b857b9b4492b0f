"""The inputs that a model rested under before its trajectories begin, where they aren't those at the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError, unknown
from ..graph import Expression, Graph, constant, substitute
from .grouped import Grouped
from .initial import Steady

if TYPE_CHECKING:
    from .model import Model

__all__ = ["check_resting", "resting_field", "resting_inputs"]


def resting_inputs(model: Model) -> dict[str, Any]:
    """Forcing or condition → its value at rest."""
    return {n: v for s in model.initial.values() if isinstance(s, Steady) for n, v in (s.inputs or {}).items()}


def check_resting(model: Model) -> None:
    """Refuse inputs that the model doesn't read, or that are none."""
    named = {n: np.asarray(v, dtype=float) for n, v in resting_inputs(model).items()}
    if not named:
        return
    if any(s.algebraic for s in model.states):
        raise ModelError(
            "Inputs before a steady start and algebraic states don't go together. Leave `inputs` out, and let "
            "trajectories start before their inputs change (the coordinate `start` of the data)."
        )
    standing = _standing(model)
    for name, value in named.items():
        if name in model.parameters or isinstance(model.conditions.get(name), Grouped):
            raise ModelError(
                f"`{name}` is a parameter, which is at rest what it is later. Inputs are forcings and conditions: "
                "`ude.Condition()` is for what differs."
            )
        if name not in standing:
            raise unknown("forcing or condition", name, list(standing), ModelError)
        if value.shape not in ((), standing[name].shape):
            raise ModelError(f"`{name}` at rest has shape {value.shape}, not {standing[name].shape}.")
        if not any(node is standing[name] for node in model.named_vector_field.nodes):
            raise ModelError(f"`{name}` at rest changes nothing: the equations don't read it. Leave it out.")


def resting_field(model: Model) -> Graph | None:
    """The vector field with the inputs at rest; None: it is that of the start."""
    values = resting_inputs(model)
    if not values:
        return None
    named, standing = model.named_vector_field, _standing(model)
    known = {standing[n]: constant(np.broadcast_to(v, standing[n].shape).astype(float)) for n, v in values.items()}
    return model.bound(substitute(named, known, named.inputs))


def _standing(model: Model) -> dict[str, Expression]:
    """Forcing or condition → what stands for it in the named equations."""
    return {**model.forcing.outputs, **model.input_values, **model.known_values}
