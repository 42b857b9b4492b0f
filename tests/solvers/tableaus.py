"""Published coefficients that the tests bring from outside."""

from __future__ import annotations

from typing import Any

import numpy as np

RALSTON: dict[str, Any] = {"a": [[2 / 3]], "b": [1 / 4, 3 / 4], "c": [0, 2 / 3], "order": 2}
"""Ralston (1962)."""
KUTTA3: dict[str, Any] = {"a": [[1 / 2], [-1, 2]], "b": [1 / 6, 2 / 3, 1 / 6], "c": [0, 1 / 2, 1], "order": 3}
"""Kutta (1901), of order 3."""
BOGACKI_SHAMPINE: dict[str, Any] = {
    "a": [[1 / 2], [0, 3 / 4], [2 / 9, 1 / 3, 4 / 9]],
    "b": [2 / 9, 1 / 3, 4 / 9, 0],
    "c": [0, 1 / 2, 3 / 4, 1],
    "b_error": [2 / 9 - 7 / 24, 1 / 3 - 1 / 4, 4 / 9 - 1 / 3, -1 / 8],
    "order": 3,
}
"""Bogacki & Shampine (1989)."""
DOPRI5: dict[str, Any] = {
    "a": [
        [1 / 5],
        [3 / 40, 9 / 40],
        [44 / 45, -56 / 15, 32 / 9],
        [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
        [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
        [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
    ],
    "b": [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0],
    "c": [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1],
    "b_error": [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40],
    "order": 5,
}
"""Dormand & Prince (1980)."""
_G2 = 1 + 1 / np.sqrt(2)
ROS2: dict[str, Any] = {"a": [[1]], "gamma": [[_G2], [-2 * _G2, _G2]], "b": [1 / 2, 1 / 2], "order": 2}
"""Verwer et al. (1999), ROS2: L-stable."""


def _from_products(a: Any, c: Any, gamma: float, b: Any, error: Any, order: int) -> dict[str, Any]:
    """From the form without products by the Jacobian: A = α Γ⁻¹, C = I/γ − Γ⁻¹, m = b Γ⁻¹."""
    gammas = np.linalg.inv(np.eye(len(b)) / gamma - square(c, len(b)))
    return {
        "a": square(a, len(b)) @ gammas, "gamma": gammas, "b": np.array(b) @ gammas, "order": order,
        "b_error": None if error is None else np.array(error) @ gammas,
    }  # fmt: skip


def square(rows: Any, size: int) -> np.ndarray:
    """A lower triangle as a square matrix; rows that it lacks at the top are zero."""
    matrix = np.zeros((size, size))
    for i, row in enumerate(rows, start=size - len(rows)):
        matrix[i, : len(row)] = row
    return matrix


_G3 = 0.5 + np.sqrt(3) / 6
ROS3P: dict[str, Any] = _from_products(
    [[1 / _G3], [1 / _G3, 0]],
    [[-1 / _G3**2], [-(1 / _G3) * (1 + 1 / _G3 * (2 - 1 / (2 * _G3))), -(1 / _G3) * (2 - 1 / (2 * _G3))]],
    _G3,
    [(1 / _G3) * (1 + 1 / _G3 * (2 / 3 - 1 / (6 * _G3))), (1 / _G3) * (2 / 3 - 1 / (6 * _G3)), 1 / (3 * _G3)],
    None,
    3,
)
"""Lang & Verwer (2001), ROS3P."""
