"""Eigenbases of SOAP's preconditioners: the first one by decomposition, later ones by a power iteration each.

Vyas et al. 2024 (arXiv:2409.11321), algorithms 3 and 4, and their public implementation, which sorts the basis by its
estimated eigenvalues before each power iteration.

Early gradients span few directions, and float64 resolves 16 digits: in the others both decompositions return what
rounding leaves there. A ramp `RAMP` times the largest diagonal entry is added to the diagonal (the public
implementation adds 1e-30), so that these directions have an order and a basis: the same on both engines.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

__all__ = ["first_basis", "next_basis"]

RAMP = 1e-9
"""Largest of what is added to a preconditioner's diagonal, in units of its largest diagonal entry."""


def first_basis(matrix: Array) -> Array:
    """Eigenvectors in the columns, that of the largest eigenvalue first."""
    return jnp.linalg.eigh(_definite(matrix))[1][:, ::-1]


def next_basis(matrix: Array, basis: Array) -> tuple[Array, Array]:
    """The basis after one power iteration, and the order into which the old one's vectors were brought first."""
    definite = _definite(matrix)
    order = jnp.argsort(-jnp.sum(basis * (definite @ basis), axis=0))
    q, r = jnp.linalg.qr(definite @ basis[:, order])
    # Vectors that go on in their old direction, whatever the library's signs.
    return q * jnp.where(jnp.diagonal(r) < 0, -1.0, 1.0), order


def _definite(matrix: Array) -> Array:
    size, largest = len(matrix), jnp.max(jnp.diagonal(matrix))
    ramp = 1.0 - 0.5 * jnp.arange(size) / size
    return matrix + jnp.diag(RAMP * jnp.where(largest > 0, largest, 1.0) * ramp)
