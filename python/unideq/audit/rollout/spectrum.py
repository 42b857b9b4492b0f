"""Eigenvalues and gains of flow-map Jacobians: dense matrices for small states, Krylov subspaces for large ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...errors import ExtraMissing
from .dynamics import Dynamics

__all__ = ["DENSE", "horizon_spectrum", "largest_eigenvalues", "step_spectrum"]

DENSE = 400
"""Largest state whose Jacobian is made as a matrix."""


def step_spectrum(
    dynamics: Dynamics, t: float, u: np.ndarray, c: np.ndarray | None = None, count: int = 12, dense: bool | None = None
) -> np.ndarray:
    """Eigenvalues of the one-step Jacobian at a state, largest first: all (n,), or by Krylov the `count` largest.

    Where the Jacobian isn't finite (a blow-up within the step) there is one, infinite.
    """
    if dynamics.size <= DENSE if dense is None else dense:
        matrix = dynamics.jacobian(t, u, c)
        return _sorted(np.linalg.eigvals(matrix)) if np.isfinite(matrix).all() else np.full(1, np.inf + 0j)
    if not np.isfinite(dynamics.along(t, u, np.ones(dynamics.size), c)).all():
        return np.full(1, np.inf + 0j)
    return largest_eigenvalues(lambda v: dynamics.along(t, u, v, c), dynamics.size, count)


def horizon_spectrum(
    dynamics: Dynamics,
    times: Sequence[float],
    states: np.ndarray,
    c: np.ndarray | None = None,
    count: int = 12,
    dense: bool | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of the product of the one-step Jacobians at states (K, n), and its largest gain after each step.

    Returns
    -------
    eigenvalues
        Of J_K ⋯ J₁, largest first: all, or the `count` largest.
    gains
        (K,): largest singular value of J_k ⋯ J₁, by how much a small error has grown at most after k steps.
    """
    if dynamics.size <= DENSE if dense is None else dense:
        product, gains = np.eye(dynamics.size), []
        for t, u in zip(times, states, strict=True):
            product = dynamics.jacobian(t, u, c) @ product
            gains.append(np.linalg.norm(product, 2) if np.isfinite(product).all() else np.inf)
        found = _sorted(np.linalg.eigvals(product)) if np.isfinite(product).all() else np.full(1, np.inf + 0j)
        return found, np.array(gains)

    if not all(
        np.isfinite(dynamics.along(t, u, np.ones(dynamics.size), c)).all() for t, u in zip(times, states, strict=True)
    ):
        return np.full(1, np.inf + 0j), np.full(len(states), np.inf)

    def forward(v: np.ndarray, last: int) -> np.ndarray:
        for t, u in zip(times[:last], states[:last], strict=True):
            v = dynamics.along(t, u, v, c)
        return v

    def backward(v: np.ndarray, last: int) -> np.ndarray:
        for t, u in reversed(list(zip(times[:last], states[:last], strict=True))):
            v = dynamics.back(t, u, v, c)
        return v

    gains = [_gain(lambda v, k=k: backward(forward(v, k), k), dynamics.size) for k in range(1, len(states) + 1)]
    return largest_eigenvalues(lambda v: forward(v, len(states)), dynamics.size, count), np.array(gains)


def largest_eigenvalues(product: Callable[[np.ndarray], np.ndarray], size: int, count: int) -> np.ndarray:
    """The `count` eigenvalues of largest modulus of a matrix that is known by its products (ARPACK)."""
    try:
        from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs
    except ImportError as error:
        raise ExtraMissing('Krylov spectra need SciPy. Type `pip install "unideq[jax]"`.') from error
    count = min(count, size - 2)
    operator = LinearOperator((size, size), matvec=lambda v: product(np.asarray(v).reshape(-1)), dtype=float)  # type: ignore[call-arg]
    start = np.random.default_rng(0).standard_normal(size)
    try:
        found = eigs(operator, k=count, v0=start, ncv=min(size, max(2 * count + 1, 40)), return_eigenvectors=False)
    except ArpackNoConvergence as error:
        found = error.eigenvalues
    return _sorted(np.asarray(found))


def _gain(square: Callable[[np.ndarray], np.ndarray], size: int) -> float:
    """Largest singular value of M from products with MᵀM (Lanczos)."""
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    operator = LinearOperator((size, size), matvec=lambda v: square(np.asarray(v).reshape(-1)), dtype=float)  # type: ignore[call-arg]
    start = np.random.default_rng(1).standard_normal(size)
    try:
        found = eigsh(operator, k=1, v0=start, ncv=min(size, 20), tol=1e-6, return_eigenvectors=False)  # type: ignore[arg-type]
    except ArpackNoConvergence as error:
        found = error.eigenvalues if len(error.eigenvalues) else np.array([np.nan])
    return float(np.sqrt(max(float(found[0]), 0.0)))


def _sorted(eigenvalues: np.ndarray) -> np.ndarray:
    return eigenvalues[np.argsort(-np.abs(eigenvalues), kind="stable")].astype(complex)
