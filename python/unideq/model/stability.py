"""Whether an explicit scheme's step is stable: eigenvalues of the linearised vector field against its region.

A Runge–Kutta scheme multiplies a mode e^{λt} by its stability polynomial R(hλ) a step (von Neumann analysis). A mode
that decays must not grow: |R(hλ)| ≤ 1; one that grows by itself may grow as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph import jvp
from ..graph.location import warn_user

if TYPE_CHECKING:
    from .step import StepGraphs

__all__ = ["amplification", "eigenvalues", "is_stable", "largest_step", "warn_unstable"]

DENSE = 400
"""States up to this size get all eigenvalues; larger ones the outermost, by Arnoldi iteration."""
TOLERANCE = 1e-3
"""Growth a step that is let pass: forward differences of waves are always a little unstable."""


def amplification(polynomial: tuple[float, ...], z: np.ndarray) -> np.ndarray:
    """|R(z)| of a stability polynomial (lowest power first) at complex z."""
    return np.abs(np.polynomial.polynomial.polyval(z, polynomial))


def is_stable(polynomial: tuple[float, ...], z: np.ndarray) -> np.ndarray:
    """Where |R(z)| exceeds neither 1 nor what the mode grows by itself."""
    with np.errstate(over="ignore"):
        return amplification(polynomial, z) <= np.maximum(1.0, np.exp(np.real(z))) + TOLERANCE


def largest_step(polynomial: tuple[float, ...], found: np.ndarray, h: float) -> float:
    """The largest stable step below h for these eigenvalues, by bisection to 1 %; 0 where none is."""
    low, high = 0.0, h
    for _ in range(60):
        middle = 0.5 * (low + high)
        if is_stable(polynomial, middle * found).all():
            low = middle
        else:
            high = middle
        if high - low < 0.01 * high:
            break
    return low


def eigenvalues(stepper: StepGraphs, t: float, u: np.ndarray, c: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Eigenvalues λ (complex) of ∂f/∂u at one state (n,): all of them, or those of largest size."""
    graph = jvp(stepper.vector_field, "u")
    values = {"t": t, "u": u, "c": c, "theta": theta}

    def product(v: np.ndarray) -> np.ndarray:
        return graph.evaluate({**values, "tangent.u": np.asarray(v, dtype=float).reshape(-1)})["du"]

    n = len(u)
    if n <= DENSE:
        matrix = np.stack([product(e) for e in np.eye(n)], axis=1)
        return np.linalg.eigvals(matrix) if np.isfinite(matrix).all() else np.zeros(0, dtype=complex)
    try:
        from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigs
    except ImportError:  # not part of the core install
        return np.zeros(0, dtype=complex)
    operator = LinearOperator((n, n), matvec=product, dtype=float)  # type: ignore[call-arg]
    try:
        start = np.random.default_rng(0).standard_normal(n)
        found: Any = eigs(operator, k=6, which="LM", v0=start, tol=1e-2, return_eigenvectors=False)  # type: ignore
        return found
    except ArpackNoConvergence as error:
        return np.asarray(error.eigenvalues, dtype=complex)
    except ArpackError:
        return np.zeros(0, dtype=complex)


def warn_unstable(stepper: StepGraphs, t: float, u: np.ndarray, c: np.ndarray, theta: np.ndarray) -> None:
    """See `Stepper.check_stability`."""
    found = eigenvalues(stepper, t, u, c, theta)
    h, polynomial = stepper.dt / stepper.substeps, stepper.scheme.stability
    bad = ~is_stable(polynomial, h * found)
    if not bad.any():
        return
    z = h * found[bad]
    worst = z[np.argmax(amplification(polynomial, z))]
    largest = largest_step(polynomial, found, h)
    remedy = (
        f"The largest stable step is about {_below(largest)}: `dt={_below(largest * stepper.substeps)}` or "
        f"`substeps={int(np.ceil(stepper.dt / largest))}`"
        if largest > 0
        else "No step is stable with this scheme: try `rk4`"
    )
    warn_user(
        f"The scheme `{stepper.scheme.name}` is unstable with steps of {h:g}: h·λ = {worst:.3g} "
        f"(von Neumann number |h·λ| = {np.abs(worst):.3g}) is amplified by {amplification(polynomial, worst):.3g} a "
        f"step. {remedy}, or a scheme that treats the stiff linear part apart (`imex`, `etdrk4`)."
    )


def _below(value: float) -> str:
    """Three digits, rounded down: what is named stays stable."""
    unit = 10.0 ** (np.floor(np.log10(value)) - 2)
    return f"{np.floor(value / unit) * unit:.3g}"
