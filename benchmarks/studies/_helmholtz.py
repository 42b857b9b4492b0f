"""The Helmholtz problem of Wang, Teng & Perdikaris (arXiv:2001.04536): for networks, and by classical methods.

∂²u/∂x² + ∂²u/∂y² + k²u = q on [−1, 1]², u = 0 on the walls; the solution is sin(πx) sin(4πy).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import xarray as xr
from scipy.sparse.linalg import spsolve

import unideq as ude

__all__ = ["WAVE_NUMBER", "exact", "finite_differences", "problem", "reference", "spectral"]

WAVE_NUMBER = 1.0


def exact(x: Any, y: Any) -> Any:
    """u."""
    return np.sin(np.pi * x) * np.sin(4 * np.pi * y)


def source(x: Any, y: Any) -> Any:
    """q."""
    return (WAVE_NUMBER**2 - 17 * np.pi**2) * exact(x, y)


def problem(network: Any, walls: float = 1.0, add_sides: bool = False) -> ude.ResidualProblem:
    """With a network for u, and this weight of the boundary term.

    `add_sides`: the term is the sum of the four sides' means, as in the public code, not the mean over all walls.
    Annealing tells that from a weight of 4, which its own weight would take the place of.
    """
    amount = 2.0 if add_sides else 1.0

    def helmholtz(at: Any, field: Any) -> Any:
        u = field.u
        return ude.d(u, at.x, 2) + ude.d(u, at.y, 2) + WAVE_NUMBER**2 * u - source(at.x, at.y)

    def vanishing(at: Any, field: Any) -> Any:
        return amount * field.u

    return ude.ResidualProblem(
        {"x": (-1.0, 1.0), "y": (-1.0, 1.0)},
        {"u": ude.Field(network)},
        {"residual": ude.Interior(helmholtz), "walls": ude.Boundary(vanishing, weight=walls)},
    )


def reference(points: int = 100) -> xr.Dataset:
    """The exact solution on the published test grid of points × points."""
    nodes = np.linspace(-1.0, 1.0, points)
    values = exact(nodes[:, None], nodes[None, :])
    return xr.Dataset({"u": (("x", "y"), values)}, coordinates(nodes))


def coordinates(nodes: np.ndarray) -> dict[str, np.ndarray]:
    """The same nodes in both directions."""
    return {"x": nodes, "y": nodes}


def finite_differences(cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Second-order five-point differences: nodes (n,) and u (n, n)."""
    h = 2.0 / cells
    nodes = np.linspace(-1.0, 1.0, cells + 1)
    second = sp.diags([1.0, -2.0, 1.0], [-1, 0, 1], (cells - 1, cells - 1)) / h**2
    eye = sp.identity(cells - 1)
    operator = sp.kron(second, eye) + sp.kron(eye, second) + WAVE_NUMBER**2 * sp.identity((cells - 1) ** 2)
    inner = nodes[1:-1]
    solved = spsolve(operator.tocsc(), source(inner[:, None], inner[None, :]).ravel())
    u = np.zeros((cells + 1, cells + 1))
    u[1:-1, 1:-1] = solved.reshape(cells - 1, cells - 1)
    return nodes, u


def spectral(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev collocation (Trefethen 2000, program 16): nodes (n,) and u (n, n)."""
    nodes = np.cos(np.pi * np.arange(order + 1) / order)
    ends = np.where((np.arange(order + 1) % order) == 0, 2.0, 1.0) * (-1.0) ** np.arange(order + 1)
    gaps = nodes[:, None] - nodes[None, :] + np.eye(order + 1)
    first = (ends[:, None] / ends[None, :]) / gaps
    first -= np.diag(first.sum(axis=1))
    second = (first @ first)[1:-1, 1:-1]
    # Both directions share one matrix: its eigenvectors turn the equation into divisions.
    values, vectors = np.linalg.eig(second)
    inner = nodes[1:-1]
    given = np.linalg.solve(vectors, source(inner[:, None], inner[None, :])) @ np.linalg.inv(vectors).T
    found = given / (values[:, None] + values[None, :] + WAVE_NUMBER**2)
    u = np.zeros((order + 1, order + 1))
    u[1:-1, 1:-1] = np.real(vectors @ found @ vectors.T)
    return nodes, u
