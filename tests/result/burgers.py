"""Burgers' equation on a small grid, as the tests of unrolled fits share it."""

import numpy as np

import unideq as ude

GRID = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 24, units="m"), scheme=ude.schemes.Fourier())
X = GRID.coordinates("x")
STARTS = {"u": np.stack([np.sin(X), 0.5 * np.cos(X) + 0.3, np.sin(2 * X + 1)])}


def burgers(nu):
    pde = ude.PDE(
        lambda t, s, p: -s.u * GRID.d(s.u) + p.nu * GRID.d(s.u, order=2),
        GRID,
        ["u"],
        {"nu": ude.Parameter(nu, positive=True)},
    )
    return ude.Stepper(pde, 0.05, "rk4")
