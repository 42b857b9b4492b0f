"""SOAP, one seed at a time: Adam in the eigenbases of Shampoo's preconditioners, with Adam's rejected steps.

Vyas et al. 2024 (arXiv:2409.11321), algorithm 3. For a weight matrix with gradient G:

    G' = Q_Lᵀ G Q_R,   M' ← β₁M' + (1 − β₁) G',   V ← β₂V + (1 − β₂) G'²,   W ← W − η Q_L (M̂' / (√V̂ + ε)) Q_Rᵀ,

then L ← β₂L + (1 − β₂) GGᵀ and R ← β₂R + (1 − β₂) GᵀG, and every so many iterations new bases Q_L, Q_R. As in the
authors' public code, the first gradient only makes the bases: nothing moves. ε is added after the bias correction, as
in Adam here. Everything that isn't in a block takes Adam's step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from jax import lax

from ..soap_blocks import Block, read_blocks
from .adam import Adam
from .eigenbasis import first_basis, next_basis
from .evaluation import Evaluation

__all__ = ["SOAP"]

State = dict[str, Any]
Each = Callable[[Any, Any, Any], Any]


class SOAP(Adam):
    """Turns of SOAP. Moments are kept in the bases; a refused gradient leaves preconditioners and bases as they are."""

    def __init__(self, evaluate: Evaluation, settings: Mapping[str, Any]) -> None:
        super().__init__(evaluate, {"learning_rate": 3e-3, "beta1": 0.95, "beta2": 0.95, **settings})
        self.settings = settings
        self.every = int(settings.get("precondition_every", 10))

    def shared(self, state: State) -> dict[str, Any]:
        """What all seeds do at once in this turn, from the state of all: whether bases begin, and are renewed."""
        iteration, waiting = jnp.max(state["iteration"]), (state["accepted"] == 0) & (state["finished"] == 0)
        return {"begin": jnp.any(waiting), "renew": (iteration > 0) & (iteration % self.every == 0)}

    def aim(self, state: State, gradient: Any, used: Any, data: Mapping[str, Any]) -> tuple[Any, State]:
        """Direction, and the entries of the state that it is made from; see `Adam.aim`."""
        blocks = read_blocks(self.settings, len(gradient))
        if not blocks:
            return super().aim(state, gradient, used, data)
        first, later = used & (state["accepted"] == 0), used & (state["accepted"] > 0)
        bases = _matrices(state["bases"], blocks, "left_basis", "right_basis")
        moments = self.moments(state, _each(blocks, gradient, bases, _turned), later)
        age = state["accepted"] - 1 + used
        direction = _each(blocks, self.normalised(moments, age), bases, _turned_back)

        kept = {**moments, **state["bases"], **self._learned(state["bases"], gradient, used, blocks)}
        kept = lax.cond(data["begin"], lambda old: _chosen(first, _begun(old, blocks), old), lambda old: old, kept)
        kept = lax.cond(data["renew"], lambda old: _chosen(later, _renewed(old, blocks), old), lambda old: old, kept)
        moments = {name: kept.pop(name) for name in moments}
        return direction, {**moments, "bases": kept}

    def _learned(self, state: State, gradient: Any, used: Any, blocks: tuple[Block, ...]) -> State:
        """The preconditioners with this gradient in them."""
        matrices = [gradient[b.offset : b.offset + b.rows * b.columns].reshape(b.rows, b.columns) for b in blocks]
        found = {"left": _joined([g @ g.T for g in matrices]), "right": _joined([g.T @ g for g in matrices])}
        mixed = {name: self.beta2 * state[name] + (1 - self.beta2) * new for name, new in found.items()}
        return _chosen(used, mixed, {name: state[name] for name in found})


def _begun(kept: State, blocks: tuple[Block, ...]) -> State:
    """The first bases."""
    pairs = [(first_basis(left), first_basis(right)) for left, right in _matrices(kept, blocks, "left", "right")]
    return {**kept, **_named(pairs)}


def _renewed(kept: State, blocks: tuple[Block, ...]) -> State:
    """New bases; the first moment goes along, the second one keeps its entries, sorted as the basis is."""
    old = _matrices(kept, blocks, "left_basis", "right_basis")
    new, orders = [], []
    for (left, right), (q_left, q_right) in zip(_matrices(kept, blocks, "left", "right"), old, strict=True):
        q_left, order_left = next_basis(left, q_left)
        q_right, order_right = next_basis(right, q_right)
        new.append((q_left, q_right))
        orders.append((order_left, order_right))
    mean = _each(blocks, _each(blocks, kept["mean"], old, _turned_back), new, _turned)
    return {**kept, "mean": mean, "square": _each(blocks, kept["square"], orders, _sorted), **_named(new)}


def _turned(x: Any, left: Any, right: Any) -> Any:
    return left.T @ x @ right


def _turned_back(x: Any, left: Any, right: Any) -> Any:
    return left @ x @ right.T


def _sorted(x: Any, rows: Any, columns: Any) -> Any:
    return x[rows][:, columns]


def _each(blocks: tuple[Block, ...], vector: Any, pairs: list[tuple[Any, Any]], change: Each) -> Any:
    """θ-like vector with every block's matrix changed, given its pair; the rest as it is."""
    pieces, at = [], 0
    for block, pair in zip(blocks, pairs, strict=True):
        end = block.offset + block.rows * block.columns
        matrix = vector[block.offset : end].reshape(block.rows, block.columns)
        pieces += [vector[at : block.offset], change(matrix, *pair).ravel()]
        at = end
    return jnp.concatenate([*pieces, vector[at:]])


def _matrices(state: State, blocks: tuple[Block, ...], left: str, right: str) -> list[tuple[Any, Any]]:
    """Each block's pair of square matrices, from the arrays of these names."""
    return [
        (
            state[left][b.left : b.left + b.rows**2].reshape(b.rows, b.rows),
            state[right][b.right : b.right + b.columns**2].reshape(b.columns, b.columns),
        )
        for b in blocks
    ]


def _named(pairs: list[tuple[Any, Any]]) -> State:
    left, right = zip(*pairs, strict=True)
    return {"left_basis": _joined(left), "right_basis": _joined(right)}


def _joined(matrices: Any) -> Any:
    return jnp.concatenate([m.ravel() for m in matrices])


def _chosen(wanted: Any, new: State, old: State) -> State:
    return {name: jnp.where(wanted, new[name], old[name]) for name in old}
