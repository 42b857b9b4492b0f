"""Terms that physics is usually made of, evaluated on sampled fields: the innocent explanations of a closure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import OptionError
from .uniform_grid import UniformGrid

__all__ = ["PhysicalTerm", "physical_terms"]

Fields = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class PhysicalTerm:
    """One candidate: its text, and its values on fields name → (samples, *grid)."""

    text: str
    values: Callable[[Fields], np.ndarray]


def physical_terms(
    space: UniformGrid, field: str, fields: tuple[str, ...], level: int = 1, own: Mapping[str, Callable] | None = None
) -> list[PhysicalTerm]:
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

    def derivative(orders: tuple[int, ...]) -> PhysicalTerm:
        name = "".join(a * k for a, k in zip(space.names, orders, strict=True))
        return PhysicalTerm(f"{field}_{name}", lambda f: space.derivative(f[field], orders))

    def along(index: int, order: int) -> tuple[int, ...]:
        return tuple(order if k == index else 0 for k in range(space.ndim))

    def times_own(term: PhysicalTerm) -> PhysicalTerm:
        return PhysicalTerm(f"{field}·{term.text}", lambda f: f[field] * term.values(f))

    def laplacian(f: Fields) -> np.ndarray:
        return sum((space.derivative(f[field], along(k, 2)) for k in range(space.ndim)), np.zeros(()))

    def biharmonic(f: Fields) -> np.ndarray:
        inner = laplacian(f)
        return sum((space.derivative(inner, along(k, 2)) for k in range(space.ndim)), np.zeros(()))

    first = [derivative(along(k, 1)) for k in range(space.ndim)]
    terms = [
        PhysicalTerm("1", lambda f: np.ones_like(f[field])),
        PhysicalTerm(field, lambda f: f[field]),
        PhysicalTerm(f"{field}²", lambda f: f[field] ** 2),
        *first,
        *(times_own(t) for t in first),
        derivative((2,)) if space.ndim == 1 else PhysicalTerm(f"∇²{field}", laplacian),
        *(PhysicalTerm(other, lambda f, other=other: f[other]) for other in fields if other != field),
    ]
    if level > 1:
        terms.append(PhysicalTerm(f"{field}³", lambda f: f[field] ** 3))
        if space.ndim == 1:
            terms += [derivative((3,)), derivative((4,))]
        else:
            terms.append(PhysicalTerm(f"∇⁴{field}", biharmonic))
    for text, function in (own or {}).items():
        if not callable(function):
            raise OptionError(f"The candidate `{text}` needs a function of (fields, derivative), not {function!r}.")
        terms.append(PhysicalTerm(text, lambda f, function=function: np.asarray(function(f, _differentiator(space)))))
    return terms


def _differentiator(space: UniformGrid) -> Callable[..., np.ndarray]:
    return lambda field, *orders: space.derivative(field, tuple(orders) or (1,))
