"""Candidate supports for one component of a learned term: sparse regression (PySINDy) over a path of thresholds."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ExtraMissing, unknown

__all__ = ["METHODS", "Support", "candidate_supports"]

METHODS = ("auto", "stlsq", "sr3")
THRESHOLDS = np.geomspace(1e-3, 1.0, 12)
"""Coefficients, of unit-size columns for a unit-size target, below which terms go."""
BAGS = 10
MOST_ROWS = 400
"""Samples lie on smooth curves; more of them cost time and say nothing new."""


@dataclass(frozen=True)
class Support:
    """Some terms and how well they regress.

    Attributes
    ----------
    terms
        Indices of columns, sorted.
    coefficients
        Least-squares coefficients of those columns.
    score
        Bayesian information criterion of the regression: the lower, the better.
    """

    terms: tuple[int, ...]
    coefficients: np.ndarray
    score: float


def candidate_supports(
    columns: np.ndarray,
    target: np.ndarray,
    *,
    method: str = "auto",
    ensemble: bool = True,
    max_terms: int = 5,
    effective: int | None = None,
    count: int = 8,
) -> list[Support]:
    """The best few supports, best first.

    Parameters
    ----------
    columns
        Library values (M, K), of comparable sizes; NaN columns are left out.
    target
        (M,).
    method
        `stlsq` (sequentially thresholded least squares; Brunton et al. 2016), `sr3` (Zheng et al. 2019), `auto`:
        both. All supports of one and two terms are tried beside them: exhaustive search is cheap there.
    ensemble
        Whether thresholded regression is also repeated on resampled rows (bagging; Fasel et al. 2022); terms that
        more than half of the repetitions keep make a support.
    max_terms
        Largest number of terms.
    effective
        Number of independent values that the samples stand for (they lie on smooth curves); default M.
    count
        Number of supports returned; the best three of each size come beside them.
    """
    if method not in METHODS:
        raise unknown("`method`", method, METHODS)
    size = float(np.sqrt(np.mean(target**2)))
    if not size > 0:
        return [Support((), np.zeros(0), -np.inf)]
    usable = np.flatnonzero(np.isfinite(columns).all(axis=0))
    every = max(1, -(-len(target) // MOST_ROWS))
    phi, y = columns[::every, usable], target[::every] / size
    found: dict[tuple[int, ...], None] = {(): None}
    for support in itertools.chain(_thresholded(phi, y, method), _bagged(phi, y) if ensemble else ()):
        if len(support) <= max_terms:
            found[support] = None
    for support in _small(phi, y, max_terms, 2 * count):
        found[support] = None
    n = len(y) if effective is None else min(effective, len(y))
    result = []
    for support in found:
        coefficients, misfit = _least_squares(phi, y, support)
        score = n * np.log(max(misfit, 1e-12)) + len(support) * np.log(n)
        result.append(Support(tuple(int(usable[k]) for k in support), coefficients * size, float(score)))
    result.sort(key=lambda s: s.score)
    # The best ones of each size as well: what regresses best on a noisy learned term is often too long.
    by_size = [[s for s in result if len(s.terms) == size][:3] for size in range(max_terms + 1)]
    kept = {s.terms: s for s in itertools.chain(result[:count], *by_size)}
    return sorted(kept.values(), key=lambda s: s.score)


def _thresholded(phi: np.ndarray, y: np.ndarray, method: str) -> Iterator[tuple[int, ...]]:
    """Supports that STLSQ and SR3 leave along the path of thresholds."""
    optimizers = _pysindy().optimizers
    with _quiet():
        for threshold in THRESHOLDS:
            if method in ("auto", "stlsq"):
                yield _support(optimizers.STLSQ(threshold=threshold, alpha=1e-6, max_iter=40).fit(phi, y).coef_)
            if method in ("auto", "sr3"):
                # With the l0 regulariser, coefficients below √(2 λ ν) go.
                weight = 0.5 * threshold**2
                sr3 = optimizers.SR3(
                    reg_weight_lam=weight, regularizer="l0", relax_coeff_nu=1.0, max_iter=200, tol=1e-7
                )
                yield _support(sr3.fit(phi, y).coef_)


def _bagged(phi: np.ndarray, y: np.ndarray) -> Iterator[tuple[int, ...]]:
    """Supports that more than half of the repetitions on resampled rows keep."""
    optimizers = _pysindy().optimizers
    with _quiet(), _seeded():
        for threshold in THRESHOLDS[1::4]:
            inner = optimizers.STLSQ(threshold=threshold, alpha=1e-6, max_iter=40)
            bags = optimizers.EnsembleOptimizer(opt=inner, bagging=True, n_models=BAGS)
            bags.fit(phi, y)
            kept = np.mean([np.abs(np.ravel(c)) > 0 for c in bags.coef_list], axis=0)
            yield tuple(int(k) for k in np.flatnonzero(kept > 0.5))


def _small(phi: np.ndarray, y: np.ndarray, max_terms: int, count: int) -> Iterator[tuple[int, ...]]:
    """The best supports of one term, and of two."""
    gram, moment = phi.T @ phi / len(y), phi.T @ y / len(y)
    for number in range(1, min(2, max_terms, len(moment)) + 1):
        gains = []
        for support in itertools.combinations(range(len(moment)), number):
            index = list(support)
            a, b = gram[np.ix_(index, index)], moment[index]
            try:
                gains.append((float(b @ np.linalg.solve(a, b)), support))
            except np.linalg.LinAlgError:
                continue
        gains.sort(reverse=True)
        yield from (support for _, support in gains[:count])


def _least_squares(phi: np.ndarray, y: np.ndarray, support: tuple[int, ...]) -> tuple[np.ndarray, float]:
    chosen = phi[:, list(support)]
    coefficients = np.linalg.lstsq(chosen, y, rcond=None)[0]
    return coefficients, float(np.mean((y - chosen @ coefficients) ** 2))


def _support(coefficients: Any) -> tuple[int, ...]:
    return tuple(int(k) for k in np.flatnonzero(np.abs(np.ravel(coefficients)) > 0))


def _pysindy() -> Any:
    try:
        import pysindy
    except ImportError as error:
        raise ExtraMissing(
            'Recovery needs PySINDy and SymPy. Type `pip install "unideq[discover]"`.', name="pysindy"
        ) from error
    return pysindy


@contextmanager
def _quiet() -> Iterator[None]:
    """Thresholds that remove every term, and iterations that end early, are expected along a path."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _seeded() -> Iterator[None]:
    """PySINDy resamples with NumPy's global generator: the same bags every time, and nobody else's numbers changed."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
