"""Coefficients of a method as Julia's integrator reads them, with its dense output."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...solvers import ExplicitTableau, RosenbrockTableau, Tableau
from ...solvers.order_conditions import ROUNDING, elementary_weights

__all__ = ["tableau_json"]

HIGHEST = 3
"""Order of the dense output of Rosenbrock methods, where the stages allow it."""


def tableau_json(tableau: Tableau) -> dict[str, Any]:
    """What `Tableau` and `RosenbrockTableau` in Julia are made of; arrays as nested lists."""
    assert isinstance(tableau, (ExplicitTableau, RosenbrockTableau))
    parts = _explicit(tableau) if isinstance(tableau, ExplicitTableau) else _rosenbrock(tableau)
    lists = {name: np.asarray(value, float).tolist() for name, value in parts.items()}
    return {"order": tableau.order, "implicit": tableau.rosenbrock, "fixed": tableau.fixed, **lists}


def _explicit(given: ExplicitTableau) -> dict[str, Any]:
    """Dense output: the cubic Hermite polynomial, whose rows are the powers 1, 2, 3 of the step's fraction."""
    method = given.with_end_slope()
    b = np.array(method.b)
    dense = np.outer([0.0, 3.0, -2.0], b)
    dense[:, 0] += [1.0, -2.0, 1.0]
    dense[:, -1] += [0.0, -1.0, 1.0]
    return {"a": method.a, "b": b, "c": method.c, "dense": dense, "error": method.b_error or ()}


def _rosenbrock(given: RosenbrockTableau) -> dict[str, Any]:
    """Hairer & Wanner, Solving ODEs II (1996), (IV.7.25): stages Σ_j γ_ij k_j in place of the k_i."""
    alpha, gamma, b = np.array(given.a), np.array(given.gamma), np.array(given.b)
    inverse = np.linalg.inv(gamma)
    return {
        "a": alpha @ inverse,
        "C": np.eye(len(b)) / gamma[0, 0] - inverse,
        "gamma": gamma[0, 0],
        "b": b @ inverse,
        "c": alpha.sum(axis=1),
        "d": gamma.sum(axis=1),
        "H": _dense(alpha, alpha + gamma, b, min(given.order, HIGHEST)) @ inverse,
        "error": () if given.b_error is None else np.array(given.b_error) @ inverse,
    }


def _dense(alpha: np.ndarray, beta: np.ndarray, b: np.ndarray, order: int) -> np.ndarray:
    """H of b(s) = s b + s (1 − s) Σ_m H_m s^(m−1), of that order or the highest one below that the stages allow.

    The smallest V_d of b(s) = Σ_d V_d s^d whose elementary weights are s^ρ/γ for trees of ρ nodes, with b(1) = b.
    """
    stages = len(b)
    for degree in range(order, 1, -1):
        trees = [elementary_weights(nodes, alpha, beta) for nodes in range(1, degree + 1)]
        weights = np.concatenate([w for w, _ in trees])
        rows, wanted = [np.tile(np.eye(stages), degree)], [b]  # Σ_d V_d = b
        for d in range(degree):
            rows.append(np.kron(np.eye(degree)[d], weights))
            wanted.append(np.concatenate([right * (d == k) for k, (_, right) in enumerate(trees)]))
        matrix, right = np.concatenate(rows), np.concatenate(wanted)
        found = np.linalg.lstsq(matrix, right, rcond=None)[0]
        if np.abs(matrix @ found - right).max() < ROUNDING:
            powers = found.reshape(degree, stages)
            return np.cumsum(powers, axis=0)[:-1] - b
    return np.zeros((0, stages))  # a straight line
