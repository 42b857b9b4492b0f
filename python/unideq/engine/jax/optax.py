"""Transformations of optax beside the turn: their state, and the direction that they make of a gradient."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ...optimise import Arrays, FirstOrder, Optax
from .configuration import own_configuration
from .first_order import Beside

__all__ = ["Transformation"]


class Transformation(Beside):
    """An optax transformation. Its state's arrays are `rule.…`, named by where they lie in optax's own."""

    def __init__(self, phase: FirstOrder) -> None:
        super().__init__(phase)
        assert isinstance(phase, Optax)
        self.transformation = optax.with_extra_args_support(phase.loaded())

    def begin(self, theta: np.ndarray) -> Arrays:
        """The state of S seeds at θ (S, P)."""
        with own_configuration():
            tree = jax.vmap(self.transformation.init)(jnp.asarray(theta))
            return dict(zip(_names(tree), map(np.asarray, jax.tree.leaves(tree)), strict=True))

    def before(self, state: Any, found: Any) -> Any:
        """The update of a good gradient, and the state with that gradient in it."""
        like = jax.eval_shape(self.transformation.init, state["theta"])
        names = _names(like)
        old = jax.tree.unflatten(jax.tree.structure(like), [state[name] for name in names])
        update: Any
        update, new = self.transformation.update(
            found.gradient, old, state["theta"], value=found.total, grad=found.gradient
        )
        entries = {"update": -update, **dict(zip(names, jax.tree.leaves(new), strict=True))}
        return {name: jnp.where(found.good, value, state[name]) for name, value in entries.items()}


def _names(tree: Any) -> list[str]:
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]]
    return ["rule." + jax.tree_util.keystr(path, simple=True, separator=".") for path in paths]
