"""Misfits without a distribution: squares, and what outliers count less in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ...checks import known_arguments, number, settle
from ...graph import Expression, apply
from ...stored import stored
from .loss import Loss

__all__ = ["Huber", "SquaredError"]


@stored
@known_arguments
@dataclass(frozen=True)
class SquaredError(Loss):
    """((predicted − observed) / scale)².

    Parameters
    ----------
    scale
        Variable → size, in its units; default: standard deviation of its measurements without gross outliers.
    weights
        Variable → factor on its term; default 1.
    """

    kind: ClassVar[str] = "squared_error"
    scale: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def elementwise(
        self, predicted: Expression, observed: Expression, scale: float, noise: Expression | None
    ) -> Expression:
        residual = (predicted - observed) * (1.0 / scale)
        return residual * residual


@stored
@known_arguments
@dataclass(frozen=True)
class Huber(Loss):
    """r²/2 for |r| ≤ delta, delta·(|r| − delta/2) beyond, with r = (predicted − observed) / scale.

    Outliers count less than in `SquaredError`.
    """

    kind: ClassVar[str] = "huber"
    delta: float = 0.5
    scale: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, number, "delta", above=0)

    def elementwise(
        self, predicted: Expression, observed: Expression, scale: float, noise: Expression | None
    ) -> Expression:
        size = abs((predicted - observed) * (1.0 / scale))
        inner = apply("minimum", size, self.delta)
        return inner * (size - 0.5 * inner)
