"""Finite-difference weights in exact rationals: of derivatives, and of ghost values beyond a boundary.

Every weight solves a small linear system over ℚ, so coefficients are right to the last bit and Taylor moments vanish
exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from math import factorial

__all__ = ["derivative_weights", "ghost_weights", "solve"]

Row = tuple[Fraction, ...]


def solve(matrix: Sequence[Sequence[Fraction | int]], right: Sequence[Fraction | int]) -> list[Fraction]:
    """The solution of a square system by Gaussian elimination over the rationals."""
    rows = [[*map(Fraction, row), Fraction(r)] for row, r in zip(matrix, right, strict=True)]
    n = len(rows)
    for i in range(n):
        pivot = next(k for k in range(i, n) if rows[k][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for k in range(n):
            if k != i and rows[k][i]:
                rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    return [row[n] for row in rows]


@cache
def derivative_weights(places: tuple[Fraction | int, ...], derivative: int) -> Row:
    """Weights of values at these places (in units of dx) for the derivative at 0, exact for the highest degree.

    Σₖ wₖ xₖ^q = m! δ_{qm} for q = 0, …, number of places − 1 (Fornberg 1988 gives the same by recursion).
    """
    matrix = [[Fraction(x) ** q for x in places] for q in range(len(places))]
    right = [factorial(derivative) if q == derivative else 0 for q in range(len(places))]
    return tuple(solve(matrix, right))


@cache
def ghost_weights(condition: str, points: int, ghosts: int) -> tuple[tuple[Row, ...], Row]:
    """Ghost values from the polynomial through a boundary condition and the nearest interior points.

    Cells have their centres at (j + ½)dx, j = 0, 1, …, from the boundary at 0; ghosts lie at −(g + ½)dx.

    Parameters
    ----------
    condition
        `value` (P(0) is given), `slope` (dx·P′(0) is given, inwards) or `none` (the polynomial goes through the
        interior points alone).
    points
        Number p of interior points; the degree is p, without a condition p − 1.
    ghosts
        How many ghosts.

    Returns
    -------
    interior
        One row a ghost, nearest first: weights of the p interior values, nearest first.
    boundary
        Weight of the given number, one a ghost.
    """
    derivative = {"value": 0, "slope": 1, "none": None}[condition]
    places = [Fraction(2 * j + 1, 2) for j in range(points)]
    degrees = range(points + (derivative is not None))
    # Weights are dual to the conditions: Σⱼ wⱼ xⱼ^q + b·(x^q)⁽ᵈ⁾(0) = x_ghost^q for every power q.
    matrix = [[x**q for x in places] + ([int(q == derivative)] if derivative is not None else []) for q in degrees]
    rows, boundary = [], []
    for g in range(ghosts):
        place = -Fraction(2 * g + 1, 2)
        weights = solve(matrix, [place**q for q in degrees])
        rows.append(tuple(weights[:points]))
        boundary.append(weights[points] if derivative is not None else Fraction(0))
    return tuple(rows), tuple(boundary)
