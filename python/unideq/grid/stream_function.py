"""Velocities from vorticity, and divergence-free fields, on periodic grids by Fourier symbols."""

from __future__ import annotations

from typing import Any

from .grid import Grid
from .symbol import Symbol

__all__ = ["inverse_laplacian", "project", "velocity"]


def inverse_laplacian(grid: Grid) -> Symbol:
    """The symbol of Δ⁻¹ on fields of mean zero."""
    return 1.0 / (grid.symbols.x**2 + grid.symbols.y**2)


def velocity(grid: Grid, vorticity: Any) -> tuple[Any, Any]:
    """(u, v) = (∂ψ/∂y, −∂ψ/∂x) with Δψ = −ω: the divergence-free velocity of mean zero."""
    d, inverse = grid.symbols, inverse_laplacian(grid)
    return grid.fourier(vorticity, -(d.y * inverse)), grid.fourier(vorticity, d.x * inverse)


def project(grid: Grid, a: Any, b: Any) -> tuple[Any, Any]:
    """The divergence-free part of a vector field (a, b): (a, b) − ∇Δ⁻¹∇·(a, b)."""
    d, inverse = grid.symbols, inverse_laplacian(grid)
    pressure = grid.fourier(a, d.x * inverse) + grid.fourier(b, d.y * inverse)
    return a - grid.d(pressure, "x"), b - grid.d(pressure, "y")
