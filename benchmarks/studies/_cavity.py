"""The lid-driven cavity: for networks, and by finite differences.

Steady incompressible flow in the unit square, lid velocity 1, in stream-function form:
ν ∇⁴ψ = ψ_y ∂x∇²ψ − ψ_x ∂y∇²ψ, ψ = 0 on the walls, ∂ψ/∂y = 1 on the lid, u = ψ_y, v = −ψ_x. Second-order central
differences, ghost nodes for the walls' slopes, Newton's method with a sparse direct solver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import xarray as xr
from scipy.interpolate import RectBivariateSpline
from scipy.sparse.linalg import splu

import unideq as ude

__all__ = ["EXTREMES", "REYNOLDS", "Cavity", "extremes", "problem", "reference", "solve_cavity", "speed_error"]

REYNOLDS = 100.0
EXTREMES = {"u": -0.2140424, "v_max": 0.1795728, "v_min": -0.2538030}
"""Least u on x = 0.5, largest and least v on y = 0.5 at Re = 100 (Botella & Peyret 1998, spectral)."""


def problem(network: Any, walls: float = 2.0, add_sides: bool = False) -> ude.ResidualProblem:
    """Stream function and pressure as the outputs of one network; momentum inside, velocities on the walls.

    `add_sides`: the boundary term is the public code's, which averages the two components and adds the four sides'
    means: twice the mean over all walls. Annealing tells that from a weight of 2, which its own weight would take the
    place of.
    """
    amount = np.sqrt(2.0) if add_sides else 1.0

    def velocity(at: Any, field: Any) -> tuple[Any, Any]:
        return ude.d(field.psi, at.y), -ude.d(field.psi, at.x)

    def momentum(at: Any, field: Any) -> tuple[Any, Any]:
        x, y = at.x, at.y
        u, v = velocity(at, field)
        along = u * ude.d(u, x) + v * ude.d(u, y) + ude.d(field.p, x) - (ude.d(u, x, 2) + ude.d(u, y, 2)) / REYNOLDS
        across = u * ude.d(v, x) + v * ude.d(v, y) + ude.d(field.p, y) - (ude.d(v, x, 2) + ude.d(v, y, 2)) / REYNOLDS
        return along, across

    def no_slip(at: Any, field: Any) -> tuple[Any, Any]:
        u, v = velocity(at, field)
        return amount * (u - np.where(at.y >= 1.0, 1.0, 0.0)), amount * v

    return ude.ResidualProblem(
        {"x": (0.0, 1.0), "y": (0.0, 1.0)},
        {("psi", "p"): ude.Field(network)},
        {"momentum": ude.Interior(momentum), "walls": ude.Boundary(no_slip, points=512, weight=walls)},
        outputs={
            "u": lambda at, field: velocity(at, field)[0],
            "v": lambda at, field: velocity(at, field)[1],
        },
    )


@dataclass(frozen=True)
class Cavity:
    """Nodes x, y (n + 1,) and the fields there, (x, y): stream function, velocities."""

    x: np.ndarray
    y: np.ndarray
    psi: np.ndarray
    u: np.ndarray
    v: np.ndarray


def _operators(n: int) -> tuple[sp.csr_matrix, ...]:
    """On the interior nodes of an interval, with zero ends: ∂, ∂², ∂⁴ (clamped); and ∂² with values at both ends."""
    h, m = 1.0 / n, n - 1
    first = sp.diags([-0.5, 0.5], [-1, 1], (m, m)) / h
    second = sp.diags([1.0, -2.0, 1.0], [-1, 0, 1], (m, m)) / h**2
    fourth = sp.diags([1.0, -4.0, 6.0, -4.0, 1.0], [-2, -1, 0, 1, 2], (m, m)).tolil()
    fourth[0, 0] = fourth[m - 1, m - 1] = 7.0  # the ghost node has the value of the first inner one
    # ∂² at the walls too: there 2ψ₁/h², the value on the wall being zero.
    walls = sp.lil_matrix((n + 1, m))
    walls[1:n, :] = second
    walls[0, 0] = walls[n, m - 1] = 2.0 / h**2
    return tuple(sp.csr_matrix(a) for a in (first, second, fourth / h**4, walls))


def solve_cavity(n: int, reynolds: float = 100.0, tolerance: float = 1e-10) -> Cavity:
    """The flow on (n + 1)² nodes, by Newton's method from rest."""
    h, m, nu = 1.0 / n, n - 1, 1.0 / reynolds
    first, second, fourth, walls = _operators(n)
    eye = sp.identity(m, format="csr")
    inner = sp.identity(n + 1, format="csr")[1:n]  # all nodes → interior
    centred = sp.diags([-0.5, 0.5], [0, 2], (m, n + 1)) / h  # ∂ at interior nodes from all nodes

    dx, dy = sp.kron(first, eye), sp.kron(eye, first)
    bending = sp.kron(fourth, eye) + 2 * sp.kron(second, second) + sp.kron(eye, fourth)
    # ∂x∇²ψ and ∂y∇²ψ at interior nodes. Beyond the walls in x only ψ_xx is there (ψ_yy = 0 on them), and so in y.
    laplace_x = sp.kron(centred @ walls, eye) + sp.kron(first, second)
    laplace_y = sp.kron(eye, centred @ walls) + sp.kron(second, first)
    # The lid's slope enters through its ghost node: ψ beyond = ψ inside + 2h.
    lid = np.zeros((m, m))
    lid[:, -1] = 2.0 * h / h**4
    on_lid = np.zeros(n + 1)
    on_lid[n] = 2.0 / h
    slope_y = np.tile(centred @ on_lid, (m, 1)).ravel()
    del inner

    psi = np.zeros(m * m)
    for _ in range(30):
        px, py, qx, qy = dx @ psi, dy @ psi, laplace_x @ psi, laplace_y @ psi + slope_y
        residual = nu * (bending @ psi + lid.ravel()) - (py * qx - px * qy)
        jacobian = nu * bending - (
            sp.diags(qx) @ dy + sp.diags(py) @ laplace_x - sp.diags(qy) @ dx - sp.diags(px) @ laplace_y
        )
        step = splu(sp.csc_matrix(jacobian)).solve(-residual)
        psi = psi + step
        if np.abs(step).max() < tolerance:
            break
    else:
        raise RuntimeError(f"Newton's method for the cavity didn't converge on {n}² cells.")
    nodes = np.linspace(0.0, 1.0, n + 1)
    full, u, v = (np.zeros((n + 1, n + 1)) for _ in range(3))
    full[1:n, 1:n] = psi.reshape(m, m)
    u[1:n, 1:n], v[1:n, 1:n] = (dy @ psi).reshape(m, m), -(dx @ psi).reshape(m, m)
    u[:, n] = 1.0
    return Cavity(nodes, nodes, full, u, v)


def extremes(flow: Cavity) -> dict[str, float]:
    """What `EXTREMES` holds, of a solution."""
    line = np.linspace(0.0, 1.0, 4001)
    u = RectBivariateSpline(flow.x, flow.y, flow.u)(0.5, line)[0]
    v = RectBivariateSpline(flow.x, flow.y, flow.v)(line, 0.5)[:, 0]
    return {"u": float(u.min()), "v_max": float(v.max()), "v_min": float(v.min())}


def reference(cells: int = 99) -> xr.Dataset:
    """u and v at (cells + 1)² nodes, walls included: Richardson's extrapolation from twice as many cells."""
    coarse, fine = solve_cavity(cells), solve_cavity(2 * cells)
    values = {n: (("x", "y"), (4.0 * getattr(fine, n)[::2, ::2] - getattr(coarse, n)) / 3.0) for n in ("u", "v")}
    return xr.Dataset(values, {"x": coarse.x, "y": coarse.y})


def speed_error(predicted: xr.Dataset, known: xr.Dataset, norm: Any = None) -> float:
    """Relative L2 error of the speed √(u² + v²): Frobenius, or with `norm=2` the spectral norm of the public code."""
    ours, theirs = (np.hypot(d["u"].values, d["v"].values) for d in (predicted, known))
    return float(np.linalg.norm(ours - theirs, norm) / np.linalg.norm(theirs, norm))
