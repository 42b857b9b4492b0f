"""What the schemes of data and host put into a closure, term by term, with the coefficient to expect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .modified_equation import ModifiedEquation, StencilTerm
from .uniform_grid import resampled

__all__ = ["SchemeTerm", "on_grid_of", "scheme_terms"]

_ROUNDING = 1e-7
"""What is smaller than this, relative to the whole rate, is rounding."""


@dataclass(frozen=True)
class SchemeTerm:
    """A term that truncation errors make.

    Attributes
    ----------
    label
        Its shape: `u·u_xx`.
    expected
        Coefficient that a closure needs: the data's minus the host's; 0 where they cancel.
    factor_text
        The same as text, `dx/2`.
    order
        Power of dx.
    scheme
        Whose error: `the leading error of the data's backward difference of u_x`.
    actual
        Whether a scheme at hand makes it, or one that could have made the data.
    ambiguous
        Whether a physical candidate has the same shape.
    """

    label: str
    expected: float
    factor_text: str
    order: int
    scheme: str
    actual: bool = True
    ambiguous: bool = False

    def scaled(self, factor: float) -> SchemeTerm:
        """The coefficient of a column that this one is `factor` times."""
        return replace(self, expected=self.expected * factor)

    def joined(self, other: SchemeTerm, factor: float) -> SchemeTerm:
        """With another scheme's error of the same shape added."""
        if not self.actual or not other.actual:
            return self if self.actual or not other.actual else replace(other.scaled(factor), label=self.label)
        total = self.expected + other.expected * factor
        if abs(total) < 1e-6 * max(abs(self.expected), abs(other.expected * factor)):
            return replace(self, expected=0.0, factor_text="0", scheme=f"{self.scheme}, cancelled by {other.scheme}")
        text = f"({self.factor_text} {'+' if factor > 0 else '-'} {other.factor_text})"
        return replace(self, expected=total, factor_text=text, scheme=f"{self.scheme} together with {other.scheme}")

    def negligible(self, share: float, least: float) -> bool:
        """Whether it explains too little to be worth a word."""
        return abs(share) < least and not self.expected


def scheme_terms(
    host: ModifiedEquation, data: ModifiedEquation | None, field: str, times: np.ndarray, flat: np.ndarray
) -> list[tuple[SchemeTerm, np.ndarray]]:
    """Terms and their values (samples, *grid): the data's, the host's, then what might have made the data."""
    found: list[tuple[SchemeTerm, np.ndarray]] = []
    if data is not None:
        found += _of(data, host, field, times, flat, "the data's", 1.0)
    found += _of(host, host, field, times, flat, "the host's", -1.0)
    if data is None:
        for term in host.terms:
            if term.field == field and not term.actual:
                words = f"the leading error that {term.scheme} in the data's scheme would make"
                made = SchemeTerm(term.label, term.factor, term.factor_text, term.order, words, False)
                found.append((made, _values(host, host, term, times, flat)))
    return found


def on_grid_of(
    scheme: ModifiedEquation, host: ModifiedEquation, state: np.ndarray, function: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """A function (n,) → (…, n) of the scheme's flat states at a state of the host's.

    Where their grids differ, the state's waves are carried to the scheme's grid, and the result's back.
    """
    own, other = scheme.model.states, host.model.states
    if all(own[s.name].shape == s.shape for s in other):
        return function(state)
    d = host.space.ndim

    def moved(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        grid = values.shape[values.ndim - d :]
        return resampled(values.reshape(-1, *grid), shape[len(shape) - d :]).reshape(
            *values.shape[: values.ndim - d], *shape[len(shape) - d :]
        )

    there = own.join({n: moved(v, own[n].shape) for n, v in other.split(state).items()})
    result = function(there)
    back = {n: moved(v, other[n].shape) for n, v in own.split(result).items()}
    return other.join(back, result.shape[:-1])


def _of(
    scheme: ModifiedEquation,
    host: ModifiedEquation,
    field: str,
    times: np.ndarray,
    flat: np.ndarray,
    whose: str,
    sign: float,
) -> list[tuple[SchemeTerm, np.ndarray]]:
    """A scheme's errors of leading order: single stencils' where they add up to it, else their sum."""
    few = np.unique(np.linspace(0, len(flat) - 1, min(len(flat), 5)).round().astype(int))
    by_order = _by_order(scheme, host, field, times[few], flat[few])
    sizes = np.sqrt(np.mean(by_order**2, axis=(0, *range(2, by_order.ndim))))
    rates = [on_grid_of(scheme, host, flat[k], lambda u, k=k: scheme.without_error(float(times[k]), u)) for k in few]
    rate = host.model.states.split(np.stack(rates))[field]
    order = _leading_order(sizes, rate)
    if not order:
        return []
    own = [t for t in scheme.terms if t.field == field and t.actual and t.order == order]
    if own:
        summed = sum(t.factor * _values(scheme, host, t, times[few], flat[few]) for t in own)
        inside = host.space.interior(by_order.shape[2:], max(scheme.margin, host.margin))
        left = (summed - by_order[:, order - 1])[:, inside]
        if np.sqrt(np.mean(left**2)) < 1e-3 * sizes[order - 1]:
            return [(_named(t, whose, sign), _values(scheme, host, t, times, flat)) for t in own]
    power = f"dx{'' if order == 1 else '^' + str(order)}"
    words = f"the {power} term of {whose} modified equation"
    made = SchemeTerm(f"T{order}", sign, _signed("1", sign), order, words)
    return [(made, _by_order(scheme, host, field, times, flat)[:, order - 1])]


def _leading_order(sizes: np.ndarray, rate: np.ndarray) -> int:
    """Lowest power of dx whose term, of these root mean squares (orders,), isn't rounding; 0: all are."""
    present = sizes > _ROUNDING * max(float(np.sqrt(np.mean(rate**2))), 1e-300)
    return int(np.argmax(present)) + 1 if present.any() else 0


def _named(t: StencilTerm, whose: str, sign: float) -> SchemeTerm:
    words = f"the leading error of {whose} {t.scheme}"
    return SchemeTerm(t.label, sign * t.factor, _signed(t.factor_text, sign), t.order, words)


def _signed(text: str, sign: float) -> str:
    if sign > 0:
        return text
    return text[1:] if text.startswith("-") else f"-{text}"


def _by_order(
    scheme: ModifiedEquation, host: ModifiedEquation, field: str, times: np.ndarray, flat: np.ndarray
) -> np.ndarray:
    """One field's terms of the modified equation on the host's grid, (samples, orders, *grid)."""
    rows = [on_grid_of(scheme, host, u, lambda v, t=t: scheme.by_order(t, v)) for t, u in zip(times, flat, strict=True)]
    return host.model.states.split(np.stack(rows))[field]


def _values(
    scheme: ModifiedEquation, host: ModifiedEquation, term: StencilTerm, times: np.ndarray, flat: np.ndarray
) -> np.ndarray:
    """The shape of a term at host states, (samples, *grid)."""

    def alone(t: float, u: np.ndarray) -> np.ndarray:
        states = scheme.model.states
        shape = term.evaluate(scheme.inputs(t, u))
        return states.join({s.name: shape if s.name == term.field else np.zeros(s.shape) for s in states})

    rows = [on_grid_of(scheme, host, u, lambda v, t=t: alone(t, v)) for t, u in zip(times, flat, strict=True)]
    return host.model.states.split(np.stack(rows))[term.field]
