"""Terms that physics is usually made of, evaluated on sampled fields: the innocent explanations of a closure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import OptionError
from .space import Space

__all__ = ["Term", "physical_terms"]

Fields = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Term:
    """One candidate: its text, and its values on fields name → (samples, *grid)."""

    text: str
    values: Callable[[Fields], np.ndarray]


def physical_terms(
    space: Space, field: str, fields: tuple[str, ...], level: int = 1, own: Mapping[str, Callable] | None = None
) -> list[Term]:
    """Candidates for one field's equation.

    Parameters
    ----------
    space
        The grid.
    field
        Whose equation.
    fields
        All fields.
    level
        1: 1, u, u², u·u_x and first and second derivatives (the Laplacian in 2-D), and the other fields; 2: third and
        fourth derivatives and u³ as well.
    own
        Further ones: text → function of (fields, derivative), where `derivative(field, *orders)` differentiates.
    """

    def derivative(orders: tuple[int, ...]) -> Term:
        name = "".join(a * k for a, k in zip(space.names, orders, strict=True))
        return Term(f"{field}_{name}", lambda f: space.derivative(f[field], orders))

    def along(index: int, order: int) -> tuple[int, ...]:
        return tuple(order if k == index else 0 for k in range(space.ndim))

    def times_own(term: Term) -> Term:
        return Term(f"{field}·{term.text}", lambda f: f[field] * term.values(f))

    def laplacian(f: Fields) -> np.ndarray:
        return sum((space.derivative(f[field], along(k, 2)) for k in range(space.ndim)), np.zeros(()))

    def biharmonic(f: Fields) -> np.ndarray:
        inner = laplacian(f)
        return sum((space.derivative(inner, along(k, 2)) for k in range(space.ndim)), np.zeros(()))

    first = [derivative(along(k, 1)) for k in range(space.ndim)]
    terms = [
        Term("1", lambda f: np.ones_like(f[field])),
        Term(field, lambda f: f[field]),
        Term(f"{field}²", lambda f: f[field] ** 2),
        *first,
        *(times_own(t) for t in first),
        derivative((2,)) if space.ndim == 1 else Term(f"∇²{field}", laplacian),
        *(Term(other, lambda f, other=other: f[other]) for other in fields if other != field),
    ]
    if level > 1:
        terms.append(Term(f"{field}³", lambda f: f[field] ** 3))
        if space.ndim == 1:
            terms += [derivative((3,)), derivative((4,))]
        else:
            terms.append(Term(f"∇⁴{field}", biharmonic))
    for text, function in (own or {}).items():
        if not callable(function):
            raise OptionError(f"The candidate `{text}` needs a function of (fields, derivative), not {function!r}.")
        terms.append(Term(text, lambda f, function=function: np.asarray(function(f, _differentiator(space)))))
    return terms


def _differentiator(space: Space) -> Callable[..., np.ndarray]:
    return lambda field, *orders: space.derivative(field, tuple(orders) or (1,))
