"""Unknown fields as networks of the coordinates: embeddings, standardisation, hard constraints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ModelError
from ..graph import Expression, as_expression
from ..nn import Network
from .domain import Domain

__all__ = ["Field", "FieldView", "PointView"]


@dataclass(frozen=True)
class Field:
    """A network that stands for one unknown field, or for several.

    Parameters
    ----------
    network
        Takes the coordinates (a periodic one as cosine and sine), returns one output a field.
    transform
        `f(at, raw)` → the fields' values (one, or a tuple): hard constraints, e.g.
        `lambda at, raw: (1 - at.x**2) * raw.u`. None: the network's outputs as they are.
    periodic
        Coordinate → number of harmonics: cos and sin of 2πkx/L for k = 1 … harmonics take its place; L is the
        domain's length.
    standardise
        Whether other coordinates enter as (x − mean) / standard deviation of the domain's uniform distribution.
        Derivatives stay those in the coordinates themselves (chain rule in the graph).
    """

    network: Network
    transform: Callable[..., Any] | None = None
    periodic: Mapping[str, int] | None = None
    standardise: bool = True

    def inputs(self, domain: Domain, at: Mapping[str, Expression]) -> list[Expression]:
        """What the network takes at a point, in the coordinates' order."""
        values: list[Any] = []
        for name, (low, high) in domain.intervals.items():
            x: Any = at[name]
            harmonics = (self.periodic or {}).get(name)
            if harmonics:
                for k in range(1, harmonics + 1):
                    phase = (2 * np.pi * k / (high - low)) * (x - low)
                    values += [np.cos(phase), np.sin(phase)]
            elif self.standardise:
                values.append((x - 0.5 * (low + high)) * (np.sqrt(12.0) / (high - low)))
            else:
                values.append(x)
        return values

    def check(self, name: str, fields: Sequence[str], domain: Domain) -> None:
        """The network's inputs and outputs fit the coordinates and fields."""
        for coordinate in self.periodic or {}:
            if coordinate not in domain.intervals:
                raise ModelError(f"Field `{name}` is periodic in `{coordinate}`, which isn't a coordinate.")
        wanted = sum(2 * (self.periodic or {}).get(n, 0) or 1 for n in domain.names)
        if self.network.inputs != wanted:
            listing = ", ".join(f"cos {n}, sin {n}" if n in (self.periodic or {}) else n for n in domain.names)
            raise ModelError(
                f"The network of field `{name}` has {self.network.inputs} inputs; it gets {wanted}: {listing}."
            )
        if self.network.outputs != len(fields):
            raise ModelError(
                f"The network of field `{name}` has {self.network.outputs} outputs for {len(fields)} "
                f"field{'s' * (len(fields) != 1)}: {', '.join(fields)}."
            )


class PointView:
    """`at.x`: a point's coordinates and further columns."""

    def __init__(self, values: Mapping[str, Expression]) -> None:
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            from ..errors import unknown
            from ..graph.location import user_line

            raise ModelError(f"{unknown('coordinate', name, self._values)}{user_line()}")
        return self._values[name]

    def __iter__(self) -> Any:
        return iter(self._values.values())


class FieldView:
    """`field.u` at the point, `field(x=1.0).u` with some coordinates elsewhere."""

    def __init__(
        self, evaluate: Callable[[Mapping[str, Expression]], Mapping[str, Expression]], at: Mapping[str, Expression]
    ) -> None:
        self._evaluate, self._at = evaluate, dict(at)
        self._values: dict[str, Expression] | None = None

    def __call__(self, **elsewhere: Any) -> FieldView:
        for name in elsewhere:
            if name not in self._at:
                from ..errors import unknown
                from ..graph.location import user_line

                raise ModelError(f"{unknown('coordinate', name, self._at)}{user_line()}")
        return FieldView(self._evaluate, {**self._at, **{n: as_expression(v) for n, v in elsewhere.items()}})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Any:
        if self._values is None:
            self._values = dict(self._evaluate(self._at))
        if name not in self._values:
            from ..errors import unknown
            from ..graph.location import user_line

            raise ModelError(f"{unknown('field', name, self._values)}{user_line()}")
        return self._values[name]
