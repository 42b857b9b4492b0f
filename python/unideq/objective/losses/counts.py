"""Likelihoods of counts: Poisson, and negative binomial where counts scatter more than that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ...checks import known_arguments
from ...graph import Expression
from ...stored import stored
from .extended_log import extended_log
from .loss import Likelihood, NoisyLikelihood

__all__ = ["NegativeBinomialLikelihood", "PoissonLikelihood"]


class _Counts(Likelihood):
    """Counts: whole numbers, zero or more."""

    needs: ClassVar[str] = "counts (whole numbers, zero or more)"

    def possible(self, values: np.ndarray) -> np.ndarray:
        return (values >= 0) & (values == np.round(values))


@stored
@known_arguments
@dataclass(frozen=True)
class PoissonLikelihood(_Counts):
    """Half the Poisson deviance, λ − k + k log(k/λ), of a count k where the prediction λ is its mean.

    That is the negative log-likelihood up to a constant of the data, zero for a perfect fit. Counts are whole numbers
    as they were counted (not per area or day: say that in `observe=`). Predictions should be positive: below 1e-6
    the logarithm goes on as its tangent.
    """

    kind: ClassVar[str] = "poisson"
    scale: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def elementwise(
        self, predicted: Expression, observed: Expression, scale: float, noise: Expression | None
    ) -> Expression:
        known: Any = observed * np.log(np.maximum(observed, 1.0)) - observed
        return abs(predicted) - observed * extended_log(predicted) + known


@stored
@known_arguments
@dataclass(frozen=True)
class NegativeBinomialLikelihood(_Counts, NoisyLikelihood):
    """Negative log-likelihood of a count with mean μ, the prediction, and variance μ + α μ² (Hilbe 2011, NB2).

    The dispersion α is estimated for every variable (reported as `noise.VARIABLE`), starting at `initial`, unless given
    in `sigma`; α → 0 is Poisson. Counts and predictions are as in `PoissonLikelihood`.
    """

    kind: ClassVar[str] = "negative_binomial"
    noise_words: ClassVar[str] = "dispersion of the counts"
    vanishes: ClassVar[bool] = False
    sigma: Mapping[str, float | str] = field(default_factory=dict)
    initial: float = 0.2
    scale: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    relative: ClassVar[bool] = True

    def elementwise(
        self, predicted: Expression, observed: Expression, scale: float, noise: Expression | None
    ) -> Expression:
        assert noise is not None
        k, size, mean = observed, 1.0 / noise, abs(predicted)
        ways: Any = _log_gamma(size) - _log_gamma(k + size) + _log_gamma(k + 1.0)
        return ways + (k + size) * np.log1p(noise * mean) - k * (np.log(noise) + extended_log(predicted))


_SHIFT = 8
_SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)


def _log_gamma(z: Any) -> Any:
    """log Γ(z) for z > 0, from Stirling's series at z + 8 (Abramowitz & Stegun 6.1.41); 1e-13 relative to log Γ(8)."""
    product = z
    for i in range(1, _SHIFT):
        product = product * (z + float(i))
    far = z + float(_SHIFT)
    inverse, series = 1.0 / far, 0.0
    for coefficient in reversed(_SERIES):
        series = series * inverse * inverse + coefficient
    return (far - 0.5) * np.log(far) - far + 0.5 * np.log(2.0 * np.pi) + series * inverse - np.log(product)
