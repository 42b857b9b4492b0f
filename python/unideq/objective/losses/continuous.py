"""Likelihoods of measurements on a continuous scale: normal, log-normal and Student's t noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ...checks import known_arguments, number, settle
from ...graph import Expression
from ...stored import stored
from .censored import NormalNoise
from .extended_log import extended_log
from .loss import NoisyLikelihood

__all__ = ["GaussianLikelihood", "LogNormalLikelihood", "StudentTLikelihood"]


@stored
@known_arguments
@dataclass(frozen=True)
class GaussianLikelihood(NormalNoise):
    """Negative log-likelihood r²/2 + log σ (constant dropped) with r = (predicted − observed) / σ.

    σ is estimated for every variable (reported as `noise.VARIABLE`) unless given in `sigma`.

    Parameters
    ----------
    sigma
        Variable → σ where it is known, in the variable's units: a number, or the name of the variable beside the data
        that holds a measurement's own.
    initial
        First guess of an estimated σ, in scales.
    below, above
        Variable → detection limit, a number or the name of a variable beside the data (NaN: none). A value at or below
        (at or above) it wasn't measured exactly, and costs −log of the probability that a measurement lies there.
    between
        Variable → name of the variable that holds intervals' upper ends: where it isn't NaN, the measurement lies
        somewhere between the value and that.
    scale, weights
        As in `SquaredError`.
    """

    kind: ClassVar[str] = "gaussian"
    noise_words: ClassVar[str] = "standard deviation of the noise"

    def residual(self, predicted: Any, observed: Any, scale: float, noise: Any) -> Any:
        return (predicted - observed) / noise

    def size(self, scale: float, noise: Any) -> Any:
        return noise * (1.0 / scale)


@stored
@known_arguments
@dataclass(frozen=True)
class LogNormalLikelihood(NormalNoise):
    """Negative log-likelihood r²/2 + log σ (constant dropped) with r = log(predicted / observed) / σ.

    For positive quantities whose errors are relative: σ is about the coefficient of variation, a pure number. It is
    estimated for every variable (reported as `noise.VARIABLE`) unless given in `sigma`. Measured values must be
    positive. Predictions should be: below a millionth of the scale the logarithm goes on as its tangent, so that a
    prediction that strays to zero is costly but finite.

    Parameters
    ----------
    sigma
        Variable → σ where it is known: a number, or the name of the variable beside the data that holds a
        measurement's own.
    initial
        First guess of an estimated σ.
    below, above
        Variable → detection limit, a number or the name of a variable beside the data (NaN: none). A value at or below
        (at or above) it wasn't measured exactly, and costs −log of the probability that a measurement lies there.
    between
        Variable → name of the variable that holds intervals' upper ends: where it isn't NaN, the measurement lies
        somewhere between the value and that.
    scale, weights
        As in `SquaredError`.
    """

    kind: ClassVar[str] = "log_normal"
    noise_words: ClassVar[str] = "relative standard deviation of the noise"
    relative: ClassVar[bool] = True
    needs: ClassVar[str] = "positive values"

    def possible(self, values: np.ndarray) -> np.ndarray:
        return values > 0

    def residual(self, predicted: Any, observed: Any, scale: float, noise: Any) -> Any:
        return (extended_log(predicted * (1.0 / scale)) - np.log(observed * (1.0 / scale))) / noise

    def size(self, scale: float, noise: Any) -> Any:
        return noise


@stored
@known_arguments
@dataclass(frozen=True)
class StudentTLikelihood(NoisyLikelihood):
    """Negative log-likelihood (ν + 1)/2 · log(1 + r²/ν) + log σ (constant dropped) with r = (predicted − observed) / σ.

    For measurements with outliers: ν `degrees` of freedom, 4 unless given, from heavy tails (1: Cauchy) to nearly none
    (30). σ is estimated for every variable (reported as `noise.VARIABLE`), starting at `initial` times the scale,
    unless given in `sigma` (a number, or the name of a variable beside the data). The noise's standard deviation is
    σ √(ν/(ν − 2)). Lange, Little & Taylor 1989.
    """

    kind: ClassVar[str] = "student_t"
    noise_words: ClassVar[str] = "scale of the noise"
    degrees: float = 4.0
    sigma: Mapping[str, float | str] = field(default_factory=dict)
    initial: float = 0.2
    scale: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, number, "degrees", above=0)

    def elementwise(
        self, predicted: Expression, observed: Expression, scale: float, noise: Expression | None
    ) -> Expression:
        assert noise is not None
        residual: Any = (predicted - observed) / noise
        spread: Any = np.log1p(residual * residual * (1.0 / self.degrees))
        return 0.5 * (self.degrees + 1.0) * spread + np.log(noise * (1.0 / scale))  # type: ignore[return-value]
