"""Algebraic states: those that an equation without a derivative decides, 0 = g(t, state), beside differential ones.

Together they are a differential-algebraic system, of index 1 if the residuals decide the algebraic states z: ∂g/∂z is
regular.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import ModelError
from ..graph.sparsity import dependencies

if TYPE_CHECKING:
    from .model import Model

__all__ = ["check_algebraic"]


def check_algebraic(model: Model) -> None:
    """Make sure that residuals may decide the algebraic states, as far as the equations' form tells.

    Raises
    ------
    ModelError
        For events, for models without a derivative, and where a residual knows no algebraic state or none knows one.
    """
    chosen = model.states.algebraic
    if not chosen:
        return
    names = model.states.component_names
    first = names[chosen[0]]
    if len(chosen) == model.size:
        raise ModelError(
            f"All states are algebraic (`{first}`, …): nothing changes by itself. Leave `algebraic=True` out where the "
            "right-hand side returns a derivative."
        )
    if model.triggers:
        raise ModelError(
            f"Events don't go with algebraic states, and the model has both: `{model.triggers[0].name}` and `{first}`. "
            'Write what happens as a forcing in steps, `ude.Forcing("previous")`, or eliminate the algebraic state.'
        )
    field = model.vector_field
    pattern = dependencies(field.outputs["du"], field.input("u"))
    known = sum(1 << k for k in chosen)
    for k in chosen:
        if not int(pattern[k]) & known:
            raise ModelError(
                f"The residual of `{names[k]}` depends on no algebraic state, so that it decides none: the equations "
                "are of index 2 or higher. Differentiate it by time until an algebraic state appears, and return that."
            )
    every = int(np.bitwise_or.reduce([int(pattern[k]) for k in chosen]))
    lost = next((k for k in chosen if not every >> k & 1), None)
    if lost is not None:
        raise ModelError(
            f"No residual depends on the algebraic state `{names[lost]}`, so that nothing decides it. The right-hand "
            'side returns for each algebraic state what shall be zero, e.g. `{"z": state.z - p.k * state.x}`.'
        )
