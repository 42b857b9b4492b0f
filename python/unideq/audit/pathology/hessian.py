"""Curvature of a loss made of values at points: Hessian-vector products as a graph, and eigenvalues from them.

The largest eigenvalue λ_max of ∇²L is what limits gradient descent: its learning rate must stay below 2/λ_max, and
small eigenvalues beside it make progress along their directions slow (stiffness of the gradient flow; Wang, Teng &
Perdikaris 2021, arXiv:2001.04536, § 2.4).

∇²L v is a graph like any other: the loss over all points at once, reverse mode for ∇L, forward mode along v. Every
engine runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from ...checks import is_whole
from ...engine.protocol import Engine
from ...errors import DataError, EngineUnsupported, ExtraMissing, OptionError
from ...graph import Expression, Graph, constant, pullback, pushforward, rebuild, variable
from ...objective.program import LossProgram
from .gradient_statistics import counted_terms

__all__ = ["Hessian", "extreme_eigenvalues", "hessian_vector_graph"]

Product = Callable[[np.ndarray], np.ndarray]
"""v (P,) → ∇²L v (P,)."""

DENSE = 64
"""Up to this size the matrix is made, column by column."""


class Hessian:
    """∇²L of a weighted sum of terms, known by its products with vectors.

    Parameters
    ----------
    engine
        Who computes the products.
    objective
        Terms of values at fixed points.

    Raises
    ------
    EngineUnsupported
        If the objective solves differential equations: those have no loss graph to differentiate twice.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> from unideq.audit.pathology.hessian import Hessian
    >>> from unideq.engine import get_engine
    >>> problem = ude.ResidualProblem(
    ...     {"x": (0.0, 1.0)},
    ...     {"u": ude.nn.MLP(1, 1, hidden=(4,))},
    ...     {"pde": ude.Interior(lambda at, field: ude.d(field.u, at.x, 2) + 1.0)},
    ... )
    >>> hessian = Hessian(get_engine("jax"), ude.Residual(points=16).build(problem))
    >>> theta = problem.initial_theta(0)
    >>> ends = hessian.eigenvalues(theta, 2)
    >>> ends.shape, bool(ends[-1] > ends[0])
    ((4,), True)
    """

    def __init__(self, engine: Engine, objective: LossProgram) -> None:
        self.engine, self.objective = engine, objective
        self.terms = counted_terms(objective)
        self.graph = hessian_vector_graph(objective)

    @cached_property
    def _data(self) -> dict[str, np.ndarray]:
        found = {f"{s.name}.{n}": v for s in self.objective.sources for n, v in s.data.items()}
        return {n: np.asarray(v, dtype=float) for n, v in found.items() if n in self.graph.input_names}

    def _weights(self, weights: np.ndarray | str | None) -> np.ndarray:
        """(T,) in the order of `terms`; a term's name: that one alone, unweighted."""
        if isinstance(weights, str):
            return np.array([float(t == weights) for t in self.terms])
        if weights is None:
            return np.array([float(self.objective.weights.get(t, 1.0)) for t in self.terms])
        return np.asarray(weights, dtype=float)

    def product(self, theta: np.ndarray, vector: np.ndarray, weights: np.ndarray | str | None = None) -> np.ndarray:
        """∇²L v.

        Parameters
        ----------
        theta, vector
            (P,).
        weights
            (T,) in the order of `terms`; None: the objective's; a term's name: that one alone, unweighted.

        Returns
        -------
        numpy.ndarray
            (P,).
        """
        given = {"theta": theta, "vector": np.asarray(vector).reshape(-1), "weights": self._weights(weights)}
        return self.engine.evaluate(self.graph, {**self._data, **given})["product"]

    def eigenvalues(
        self,
        theta: np.ndarray,
        count: int = 1,
        weights: np.ndarray | str | None = None,
        *,
        free: np.ndarray | None = None,
        lowest: bool = True,
        tolerance: float = 1e-4,
    ) -> np.ndarray:
        """The highest eigenvalues of ∇²L, and the lowest.

        Parameters
        ----------
        theta
            (P,).
        count
            How many at each end.
        weights
            As for `product`.
        free
            (P,) bool: entries of θ that count; None: all.
        lowest
            Whether the lowest are wanted too: those lie close together and cost ten times as many products.
        tolerance
            Relative, of the eigenvalues.

        Returns
        -------
        numpy.ndarray
            Rising: the lowest `count`, where wanted, then the highest (all there are where there are fewer).
        """
        chosen = np.arange(len(theta)) if free is None else np.flatnonzero(free)

        def product(v: np.ndarray) -> np.ndarray:
            whole = np.zeros(len(theta))
            whole[chosen] = v
            return self.product(theta, whole, weights)[chosen]

        return extreme_eigenvalues(product, len(chosen), count, lowest, tolerance)


def hessian_vector_graph(objective: LossProgram) -> Graph:
    """The graph of ∇²(Σ wᵢLᵢ) v.

    Returns
    -------
    Graph
        Inputs `SOURCE.COLUMN` (M, …) the sources' points, `theta` (P,), `vector` (P,), `weights` (T,) of the terms that
        count; output `product` (P,).
    """
    arrays: dict[Expression, Expression] = {}
    inputs: dict[str, Expression] = {}
    theta: Expression | None = None
    known = {node.name: node for node in objective.loss.inputs}
    for source in objective.sources:
        many = source.laid_out()
        if many is None:
            raise EngineUnsupported(
                f"The Hessian needs terms made of values at points; `{source.name}` solves a differential equation. "
                "`fit.check_gradient()` looks at those."
            )
        own = {i: variable(f"{source.name}.{i.name}", i.shape) for i in many.inputs if i.name in source.data}
        inputs.update({str(new.name): new for new in own.values()})
        for key, value in zip(many.outputs, rebuild(list(many.outputs.values()), own), strict=True):
            if f"{source.name}.{key}" in known:
                arrays[known[f"{source.name}.{key}"]] = value
        theta = many.input("theta") if "theta" in many.input_names else theta
    theta = known.get("theta", theta)
    if theta is None:
        raise DataError("No term of this objective depends on the parameters, so there is no Hessian.")
    terms = counted_terms(objective)
    losses = rebuild([objective.loss.outputs[t] for t in terms], arrays)
    weights, vector = variable("weights", (len(terms),)), variable("vector", theta.shape)
    total = sum((weights[i] * loss for i, loss in enumerate(losses)), start=constant(0.0))
    (gradient,) = pullback([total], [constant(1.0)], [theta])
    (product,) = pushforward([gradient], {theta: vector})
    return Graph((*inputs.values(), theta, vector, weights), {"product": product})


def extreme_eigenvalues(
    product: Product, size: int, count: int = 1, lowest: bool = True, tolerance: float = 1e-4
) -> np.ndarray:
    """The ends of a symmetric matrix's spectrum, from its products with vectors (Lanczos; ARPACK).

    Parameters
    ----------
    product
        v (n,) → A v (n,).
    size
        n.
    count
        Eigenvalues at each end.
    lowest
        Whether the lowest are wanted too.
    tolerance
        Relative.

    Returns
    -------
    numpy.ndarray
        Rising: the lowest `count`, where wanted, then the highest; all n of them where n isn't larger than that. NaN
        where the matrix isn't finite or an eigenvalue hasn't converged. Beyond n = 64 an eigenvalue of exactly zero can
        be missed: ARPACK's first vector may have nothing of its eigenvector.

    Raises
    ------
    OptionError
        If `count` isn't a whole number >= 1.
    ExtraMissing
        Without SciPy.

    Examples
    --------
    >>> import numpy as np
    >>> from unideq.audit.pathology.hessian import extreme_eigenvalues
    >>> extreme_eigenvalues(lambda v: np.arange(1.0, 101.0) * v, 100).round(6)
    array([  1., 100.])
    """
    if not is_whole(count, 1):
        raise OptionError(f"`count` of eigenvalues needs a whole number >= 1, not {count!r}.")
    wanted = min(count * (1 + lowest), size)
    start = np.random.default_rng(0).standard_normal(size)
    if not np.isfinite(product(start)).all():
        return np.full(wanted, np.nan)
    if size <= max(DENSE, wanted + 1):
        matrix = np.stack([product(row) for row in np.eye(size)])
        found = np.linalg.eigvalsh(0.5 * (matrix + matrix.T))
        return found if size == wanted else np.concatenate([found[: count * lowest], found[-count:]])
    try:
        from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
    except ImportError as error:
        raise ExtraMissing('Hessian eigenvalues need SciPy. Type `pip install "unideq[jax]"`.') from error
    operator = LinearOperator((size, size), matvec=lambda v: product(np.asarray(v).reshape(-1)), dtype=float)  # type: ignore[call-arg]
    settings = {"ncv": min(size, max(2 * wanted + 1, 24)), "maxiter": 100, "return_eigenvectors": False}
    try:
        found = eigsh(operator, wanted, which="BE" if lowest else "LA", v0=start, tol=tolerance, **settings)  # type: ignore[arg-type]
    except ArpackNoConvergence as error:  # the highest converge first
        return np.concatenate([np.full(wanted - len(error.eigenvalues), np.nan), np.sort(error.eigenvalues)])
    return np.sort(found)
