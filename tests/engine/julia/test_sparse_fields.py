"""Implicit solvers of PDEs get sparse, coloured Jacobians: walls, networks in cells and second axes don't fill them."""

from __future__ import annotations

import numpy as np
import pytest

import unideq as ude
from unideq.engine import Engine
from unideq.engine.julia.start import start
from unideq.graph import Jacobian, jacobian

from ..zoo_fields import FIELDS


def found(model: ude.ODE) -> Jacobian:
    return jacobian(model.vector_field, "u", "du")


def is_sparse(matrix: Jacobian) -> bool:
    """Whether the engine's Rosenbrock methods factorise s M − J as a sparse matrix."""
    return bool(start().package.pays_sparse(matrix.shape[0], len(matrix.rows)))


def plane(points: int) -> ude.PDE:
    wall = (ude.Dirichlet(0.0), ude.Neumann(lambda t: np.cos(t)))
    grid = ude.Grid(
        ude.Axis("x", 0.0, 1.0, points, boundary=wall), ude.Axis("y", 0.0, 1.0, points), scheme=ude.schemes.Central(2)
    )
    network = ude.nn.MLP(1, 1, (4,), "tanh")
    return ude.PDE(lambda t, s, p, net: grid.laplacian(s.u) + net.r(s.u), grid, ["u"], networks={"r": network})


@pytest.mark.parametrize(
    ("name", "a_row", "colours"), [("reaction_between_walls", 3, 3), ("brusselator_with_walls", 6, 10)]
)
def test_rows_have_the_neighbours_only(julia: Engine, name: str, a_row: int, colours: int):
    matrix = found(FIELDS[name]().model)
    assert len(matrix.rows) <= a_row * matrix.shape[0]
    assert matrix.n_colours <= colours
    assert is_sparse(matrix)


def test_a_plane_has_five_a_row_and_as_many_colours_on_any_grid(julia: Engine):
    small, large = found(plane(8)), found(plane(16))
    assert len(large.rows) <= 5 * 256
    assert small.n_colours <= 8
    assert large.n_colours <= 8
    assert is_sparse(large)


def test_transforms_fill_the_jacobian(julia: Engine):
    assert not is_sparse(found(FIELDS["stiff_spectral"]().model))
