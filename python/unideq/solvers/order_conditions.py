"""Order conditions of Runge–Kutta and Rosenbrock methods: Butcher's, one a rooted tree.

Hairer, Nørsett & Wanner, Solving ODEs I (1993), section II.2; Hairer & Wanner, Solving ODEs II (1996), section IV.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations_with_replacement

import numpy as np

__all__ = ["ROUNDING", "broken_condition", "elementary_weights", "order_of"]

Tree = tuple
"""Its branches, themselves trees; a leaf has none."""

ROUNDING = 1e-10
"""Conditions broken by less are met: coefficients come as decimal numbers."""


@cache
def _trees(order: int) -> tuple[Tree, ...]:
    """All rooted trees with that many nodes."""

    def forests(nodes: int, largest: int) -> list[Tree]:
        if nodes == 0:
            return [()]
        return [
            (*rest, *branches)
            for size in range(min(nodes, largest), 0, -1)
            for count in range(1, nodes // size + 1)
            for branches in combinations_with_replacement(_trees(size), count)
            for rest in forests(nodes - size * count, size - 1)
        ]

    return tuple(forests(order - 1, order - 1))


def _nodes(tree: Tree) -> int:
    return 1 + sum(_nodes(branch) for branch in tree)


def _density(tree: Tree) -> int:
    """γ of a tree: the product of the numbers of nodes of its subtrees."""
    product = _nodes(tree)
    for branch in tree:
        product *= _density(branch)
    return product


def _weights(tree: Tree, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Φ (s,) of a tree; `beta` goes to a node's only branch, `alpha` to several."""
    product = np.ones(len(alpha))
    for branch in tree:
        product = product * ((beta if len(tree) == 1 else alpha) @ _weights(branch, alpha, beta))
    return product


def _text(tree: Tree) -> str:
    """As in `b·(c·a·c)`, the elementary weight of a tree."""
    leaves = sum(not branch for branch in tree)
    parts = [f"c^{leaves}" if leaves > 1 else "c"] if leaves else []
    parts += [f"a({_text(branch)})" for branch in tree if branch]
    return "·".join(parts) or "1"


def elementary_weights(order: int, alpha: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Φ (trees, s) of all trees of that order, and what bᵀΦ must be of each: 1/γ."""
    trees = _trees(order)
    return np.stack([_weights(tree, alpha, beta) for tree in trees]), 1.0 / np.array([_density(t) for t in trees])


def broken_condition(b: np.ndarray, alpha: np.ndarray, beta: np.ndarray, orders: Sequence[int]) -> str:
    """The first order condition that isn't met, in words; empty where all are."""
    for order in orders:
        weights, wanted = elementary_weights(order, alpha, beta)
        for tree, found, right in zip(_trees(order), weights @ b, wanted, strict=True):
            if abs(found - right) > ROUNDING:
                what = f"Σ b·{_text(tree)} is {found:.12g} and must be {right:.12g} (1/{round(1 / right)})"
                return f"{what} for order {order}"
    return ""


def order_of(b: np.ndarray, alpha: np.ndarray, beta: np.ndarray, most: int) -> int:
    """The order of these weights, looked for up to `most`; 0 where they don't even sum to one."""
    for order in range(1, most + 1):
        if broken_condition(b, alpha, beta, [order]):
            return order - 1
    return most
