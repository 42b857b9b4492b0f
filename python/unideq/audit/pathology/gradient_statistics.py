"""Statistics of the gradients of a loss's terms, layer by layer: what balancing rules act on, made visible.

Wang, Teng & Perdikaris (2021, arXiv:2001.04536) showed with histograms of ∇θ Lᵢ, layer by layer, that the gradients of
a boundary term can be spread far less than those of the residual: training then hardly sees the boundary. The same
numbers for any objective made of values at points, at any θ, with cosines between the terms' gradients and the traces
of their neural tangent kernels (Wang, Yu & Perdikaris 2022, arXiv:2007.14527).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ...engine.protocol import Engine
from ...errors import DataError
from ...graph import Expression, Graph, constant, pullback
from ...model import Layout
from ...objective.program import LossProgram, Pointwise

__all__ = ["counted_terms", "gradient_statistics", "point_gradients"]

KERNEL_POINTS = 64
"""Points a term from which its kernel is computed."""
REACH = 0.995
"""Histograms reach as far as this quantile of |∇L|, of the term where it is largest; what lies beyond isn't shown."""


def gradient_statistics(
    engine: Engine,
    objective: LossProgram,
    theta: np.ndarray,
    layout: Layout,
    *,
    reference: Sequence[str] | None = None,
    iterations: Sequence[int] | None = None,
    weights: np.ndarray | None = None,
    bins: int = 61,
    kernel_points: int = KERNEL_POINTS,
) -> xr.Dataset:
    """Gradients of every term at some θ: histograms a layer, sizes, ratios, cosines, and kernels.

    Parameters
    ----------
    engine
        Who computes them.
    objective
        Terms at fixed points.
    theta
        (K, P): parameters at K moments of training, or (P,) for one.
    layout
        Of θ; the free entries of its networks are the layers, and the statistics count them alone.
    reference
        Terms whose gradient the others are measured by; default: the first.
    iterations
        (K,) when the parameters were there; default 0, 1, ….
    weights
        (K, T) of the terms at those moments, in the order of `counted_terms`; default: the objective's.
    bins
        Of the histograms, an odd number: one stands at zero.
    kernel_points
        Points a term for its kernel, the first ones; 0: no kernels.

    Returns
    -------
    xarray.Dataset
        Over `iteration` and `term`: `loss`, `weight`; of the unweighted term's gradient ∇Lᵢ `norm`, `mean_abs`,
        `max_abs`, `std` (and the same with `layer_` in front, also over `layer`); `norm_ratio` ‖λ_r∇L_r‖ / ‖λᵢ∇Lᵢ‖ and
        `annealing_ratio` max|λ_r∇L_r| / mean|λᵢ∇Lᵢ|, r the reference terms together; `cosine` (also over `other`);
        `histogram` (also over `layer`, `bin`): density of λᵢ∇Lᵢ with the edges `edges` (`layer`, `edge`), shared by the
        terms; `kernel_trace`, the mean over points of Σ‖∂r/∂θ‖², and `kernel_eigenvalue` (also over `mode`) of J Jᵀ/M,
        which add up to it.

    Raises
    ------
    DataError
        If a gradient isn't finite (it names the term and the iteration).

    Examples
    --------
    >>> import unideq as ude
    >>> from unideq.audit.pathology.gradient_statistics import gradient_statistics
    >>> from unideq.engine import get_engine
    >>> problem = ude.ResidualProblem(
    ...     {"x": (0.0, 1.0)},
    ...     {"u": ude.nn.MLP(1, 1, hidden=(4,))},
    ...     {
    ...         "pde": ude.Interior(lambda at, field: ude.d(field.u, at.x, 2) + 1.0),
    ...         "ends": ude.Boundary(lambda at, field: field.u),
    ...     },
    ... )
    >>> objective = ude.Residual(points=16).build(problem)
    >>> found = gradient_statistics(get_engine("jax"), objective, problem.initial_theta(0), problem.layout)
    >>> found["norm"].dims, found["cosine"].sizes["other"]
    (('iteration', 'term'), 2)
    """
    theta = np.atleast_2d(np.asarray(theta, dtype=float))
    terms = counted_terms(objective)
    where = [objective.terms.index(t) for t in terms]
    value = engine.value_and_gradient(objective, theta, per_term=True)
    assert value.gradient is not None
    gradient = np.asarray(value.gradient)[:, where]
    times = np.arange(len(theta)) if iterations is None else np.asarray(iterations, dtype=int)
    _check_finite(gradient, terms, times)
    own = np.array([float(objective.weights.get(t, 1.0)) for t in terms])
    used = np.broadcast_to(own, (len(theta), len(terms))) if weights is None else np.asarray(weights, dtype=float)
    layers = [e.name for e in layout.of_kind("network") if e.free]
    measure = [terms.index(t) for t in (reference or terms[:1])]
    counted = gradient[..., layout.mask("network") & layout.free_mask]
    variables = {
        "loss": (("iteration", "term"), np.stack([value.terms[t] for t in terms], axis=1)),
        "weight": (("iteration", "term"), np.array(used)),
        **_sizes(counted),
        **_ratios(counted, used, measure),
        **_layer_sizes(gradient, layout, layers),
        **_histograms(used[..., None] * gradient, layout, layers, bins),
    }
    if kernel_points:
        variables |= _kernels(engine, objective, theta, terms, kernel_points)
    coordinates = {"iteration": times, "term": list(terms), "other": list(terms), "layer": layers}
    return xr.Dataset(variables, coordinates, {"reference": ", ".join(terms[i] for i in measure)})


def counted_terms(objective: LossProgram) -> tuple[str, ...]:
    """The terms that are trained on: those with a weight, in the objective's order."""
    return tuple(t for t in objective.terms if objective.weights.get(t, 1.0) != 0.0)


def _check_finite(gradient: np.ndarray, terms: Sequence[str], times: np.ndarray) -> None:
    broken = np.argwhere(~np.isfinite(gradient).all(axis=2))
    if len(broken):
        k, i = broken[0]
        raise DataError(
            f"The gradient of term `{terms[i]}` isn't finite at iteration {times[k]}: there is nothing to audit there. "
            "Leave that snapshot out, or look at the term's residual with `fit.predict`."
        )


def _sizes(gradient: np.ndarray, prefix: str = "") -> dict[str, tuple]:
    """Size of gradients (K, T, n) over their last axis."""
    size = np.abs(gradient)
    dims = ("iteration", "term")
    return {
        f"{prefix}norm": (dims, np.linalg.norm(gradient, axis=-1)),
        f"{prefix}mean_abs": (dims, size.mean(axis=-1)),
        f"{prefix}max_abs": (dims, size.max(axis=-1)),
        f"{prefix}std": (dims, gradient.std(axis=-1)),
    }


def _ratios(gradient: np.ndarray, weights: np.ndarray, measure: Sequence[int]) -> dict[str, tuple]:
    """What balancing rules look at, of the weighted gradients."""
    weighted = weights[..., None] * gradient
    norms = np.linalg.norm(weighted, axis=-1)
    residual = weighted[:, measure].sum(axis=1)
    unit = weighted / np.where(norms > 0.0, norms, 1.0)[..., None]
    dims = ("iteration", "term")
    with np.errstate(divide="ignore"):
        return {
            "norm_ratio": (dims, np.linalg.norm(residual, axis=-1)[:, None] / norms),
            "annealing_ratio": (dims, np.abs(residual).max(axis=-1)[:, None] / np.abs(weighted).mean(axis=-1)),
            "cosine": ((*dims, "other"), np.einsum("ktp,ksp->kts", unit, unit)),
        }


def _parts(gradient: np.ndarray, layout: Layout, layers: Sequence[str]) -> list[np.ndarray]:
    """The layers' parts (K, T, n) of gradients (K, T, P)."""
    return [gradient[..., layout.offsets[n] : layout.offsets[n] + layout[n].size] for n in layers]


def _layer_sizes(gradient: np.ndarray, layout: Layout, layers: Sequence[str]) -> dict[str, tuple]:
    sizes = [_sizes(part, "layer_") for part in _parts(gradient, layout, layers)]
    dims = ("iteration", "term", "layer")
    return {name: (dims, np.stack([s[name][1] for s in sizes], axis=-1)) for name in (sizes[0] if sizes else ())}


def _histograms(gradient: np.ndarray, layout: Layout, layers: Sequence[str], bins: int) -> dict[str, tuple]:
    """Densities of every layer's gradients, with edges shared by the terms."""
    steps, terms = gradient.shape[:2]
    density = np.zeros((steps, terms, len(layers), bins))
    edges = np.zeros((steps, len(layers), bins + 1))
    for j, part in enumerate(_parts(gradient, layout, layers)):
        for k in range(steps):
            reach = float(np.quantile(np.abs(part[k]), REACH, axis=-1).max()) or 1.0
            edges[k, j] = np.linspace(-reach, reach, bins + 1)
            for i in range(terms):
                counts = np.histogram(part[k, i], edges[k, j])[0]
                density[k, i, j] = counts / (part.shape[-1] * (edges[k, j, 1] - edges[k, j, 0]))
    return {
        "histogram": (("iteration", "term", "layer", "bin"), density),
        "edges": (("iteration", "layer", "edge"), edges),
    }


# ---- kernels ----------------------------------------------------------------------------------------------------


def point_gradients(
    engine: Engine, source: Pointwise, output: str, theta: np.ndarray, points: int | None = None
) -> np.ndarray:
    """∂r/∂θ of one output at a source's first points: (M, components, P)."""
    graph = _rows(source.graph, output)
    chosen = {name: np.asarray(values)[:points] for name, values in source.data.items()}
    found = engine.evaluate(graph, {**chosen, "theta": theta}, list(chosen))
    return np.stack([found[name] for name in graph.outputs], axis=1)


def _rows(graph: Graph, output: str) -> Graph:
    """Graph of ∂r/∂θ at one point, an output a component."""
    value = graph.outputs[output]
    theta = graph.input("theta")
    units: list[Expression] = [constant(1.0)]
    if value.shape:
        units = [constant(row) for row in np.eye(value.shape[0])]
    return Graph(graph.inputs, {f"row.{k}": pullback([value], [unit], [theta])[0] for k, unit in enumerate(units)})


def _kernels(
    engine: Engine, objective: LossProgram, theta: np.ndarray, terms: Sequence[str], points: int
) -> dict[str, tuple]:
    """Traces and eigenvalues of J Jᵀ/M of every term that is a mean of squares; NaN for others."""
    trace = np.full((len(theta), len(terms)), np.nan)
    spectra: dict[tuple[int, int], np.ndarray] = {}
    for i, term in enumerate(terms):
        square = objective.mean_square(term)
        if square is None:
            continue
        for k, one in enumerate(theta):
            rows = point_gradients(engine, square.source, square.output, one, points)
            matrix = rows.reshape(-1, rows.shape[-1]) / np.sqrt(len(rows))
            trace[k, i] = float((matrix**2).sum())
            spectra[k, i] = np.linalg.eigvalsh(matrix @ matrix.T)[::-1]
    modes = max((len(s) for s in spectra.values()), default=0)
    eigenvalues = np.full((*trace.shape, modes), np.nan)
    for at, spectrum in spectra.items():
        eigenvalues[at][: len(spectrum)] = np.maximum(spectrum, 0.0)
    return {
        "kernel_trace": (("iteration", "term"), trace),
        "kernel_eigenvalue": (("iteration", "term", "mode"), eigenvalues),
    }
