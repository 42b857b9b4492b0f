"""Likelihoods of normal noise whose measurements may lie beyond a limit, where only that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...checks import mapping, settle, text
from ...errors import DataError
from ...graph import Expression, constant
from .loss import Measurements, NoisyLikelihood, by_variable
from .normal_tail import log_normal_between, log_normal_cdf

__all__ = ["NormalNoise"]


@dataclass(frozen=True)
class NormalNoise(NoisyLikelihood):
    """Base of likelihoods −log φ(r) + log of the noise's size, r normal; measurements beyond a limit cost −log Φ.

    Beal 2001 (method M3) and Tobin 1958: a value at or below the limit in `below` says no more than that it lies there,
    with the probability Φ((limit − predicted) / σ); likewise at or above that in `above`. `between` names the variable
    that holds the upper ends of intervals: where it is known, the measurement lies between the value and that.
    """

    sigma: Mapping[str, float | str] = field(default_factory=dict)
    initial: float = 0.2
    scale: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    below: Mapping[str, float | str] = field(default_factory=dict)
    above: Mapping[str, float | str] = field(default_factory=dict)
    between: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, _limits, "below", "above")
        settle(self, _upper_ends, "between")

    def residual(self, predicted: Any, observed: Any, scale: float, noise: Any) -> Any:
        """r: standard normal where the model is right."""
        raise NotImplementedError

    def size(self, scale: float, noise: Any) -> Any:
        """What the density is divided by."""
        raise NotImplementedError

    @property
    def settings_by_variable(self) -> tuple[str, ...]:
        return (*super().settings_by_variable, "below", "above", "between")

    @property
    def limited(self) -> bool:
        return bool(self.below or self.above or self.between)

    def elementwise(
        self, predicted: Expression, observed: Expression, scale: float, noise: Expression | None
    ) -> Expression:
        assert noise is not None
        residual = self.residual(predicted, observed, scale, noise)
        return 0.5 * residual * residual + np.log(self.size(scale, noise))

    def is_exact(self, variable: str, values: np.ndarray, beside: Mapping[str, np.ndarray]) -> np.ndarray:
        lower, upper = self.ends(variable, values, beside)
        return np.isfinite(values) & (lower == upper)

    def ends(
        self, variable: str, values: np.ndarray, beside: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Between which two numbers each measurement lies, infinite where there is no end; equal where it is exact."""
        lower, upper = np.array(values), np.array(values)
        if variable in self.between:
            top = beside[self.between[variable]]
            upper = np.where(np.isfinite(top), top, upper)
            lower = np.where(np.isfinite(top) & ~self.possible(lower), -np.inf, lower)
        low, high = (_limit(limits.get(variable), values, beside) for limits in (self.below, self.above))
        under, over = values <= low, values >= high  # false where there is no limit
        lower, upper = np.where(under, -np.inf, lower), np.where(under, low, upper)
        return np.where(over, high, lower), np.where(over, np.inf, upper)

    def check_beside(self, variable: str, values: np.ndarray, beside: Mapping[str, np.ndarray], where: Any) -> None:
        super().check_beside(variable, values, beside, where)
        lower, upper = self.ends(variable, values, beside)
        measured = np.isfinite(values)
        wrong = measured & (upper < lower)
        if wrong.any():
            place = np.argwhere(wrong)[0]
            raise DataError(
                f"The interval that `{variable}` lies in, `between`, ends at {upper[tuple(place)]:g} where it begins "
                f"at {lower[tuple(place)]:g} {where(place)}. Give the upper end, or NaN where the value is exact."
            )
        for ends in (lower, upper):
            impossible = measured & np.isfinite(ends) & ~self.possible(np.where(np.isfinite(ends), ends, 1.0))
            if impossible.any():
                place = np.argwhere(impossible)[0]
                raise DataError(
                    f"`{type(self).__name__}` needs {self.needs}, and `{variable}` or its limit is "
                    f"{ends[tuple(place)]:g} {where(place)}. Leave such values out (NaN), or choose another loss, e.g. "
                    '`loss="gaussian"`.'
                )
        if measured.any() and not (measured & (lower == upper)).any():
            raise DataError(
                f"All {int(measured.sum())} measurements of `{variable}` lie beyond a limit (`below`, `above`, "
                "`between`): nothing says how large it is. Check the limits' units, or leave the variable out."
            )

    def kinds_of(
        self, variable: str, values: np.ndarray, beside: Mapping[str, np.ndarray]
    ) -> dict[str, tuple[np.ndarray, tuple[np.ndarray, ...]]]:
        known, exact = np.isfinite(values), self.is_exact(variable, values, beside)
        lower, upper = self.ends(variable, values, beside)
        under, over = known & ~exact & np.isneginf(lower), known & ~exact & np.isposinf(upper)
        found: dict[str, tuple[np.ndarray, tuple[np.ndarray, ...]]] = {
            "exact": (exact, (values,)),
            "under": (under, (upper,)),
            "over": (over & ~under, (lower,)),
            "inside": (known & ~exact & ~under & ~over, (lower, upper)),
        }
        return {kind: part for kind, part in found.items() if part[0].any()}

    def cost_of_kind(
        self, kind: str, predicted: Expression, known: Sequence[Expression], scale: float, noise: Expression | None
    ) -> Expression:
        if kind == "exact":
            return self.elementwise(predicted, known[0], scale, noise)
        ends: Any = [-self.residual(predicted, end, scale, noise) for end in known]
        if kind == "inside":
            return -log_normal_between(*ends)
        return -log_normal_cdf(ends[0] if kind == "under" else -ends[0])

    def mean_cost(
        self, predicted: Expression, measured: Measurements, scale: float, noise: Expression | None
    ) -> Expression:
        kinds = self.kinds_of(measured.variable, measured.values, measured.beside)
        if set(kinds) == {"exact"}:
            return super().mean_cost(predicted, measured, scale, noise)
        flat: Any = predicted.reshape(-1)
        total: Any = 0.0
        for kind, (kept, arrays) in kinds.items():
            at = np.flatnonzero(kept)
            own: Any = noise.reshape(-1)[at] if noise is not None and noise.shape else noise
            total = total + np.sum(self.cost_of_kind(kind, flat[at], [constant(a[kept]) for a in arrays], scale, own))  # type: ignore[call-overload]
        return total * (1.0 / float(np.isfinite(measured.values).sum()))


def _limit(given: float | str | None, values: np.ndarray, beside: Mapping[str, np.ndarray]) -> np.ndarray:
    """The limit of every value; NaN where there is none."""
    if isinstance(given, str):
        return beside[given]
    return np.full(values.shape, np.nan if given is None else given)


def _limits(value: Any, name: str, of: str) -> dict[str, float | str]:
    """Variable → number, or the name of a variable beside the data."""
    return by_variable(value, name, of, names=True)


def _upper_ends(value: Any, name: str, of: str) -> dict[str, str]:
    """Variable → the name of a variable beside the data."""
    needs = "a dict variable → name of the variable with the intervals' upper ends"
    return {n: text(v, name, of, empty=False) for n, v in mapping(value, name, of, needs=needs).items()}
