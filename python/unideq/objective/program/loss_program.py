"""`LossProgram`: a weighted sum of named terms, made of what its sources make."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ...errors import ModelError
from ...graph import Graph
from .pointwise import Pointwise
from .source import Source, graph_key, theta_size

__all__ = ["LossProgram", "MeanSquare"]


@dataclass(frozen=True)
class MeanSquare:
    """What a term is the mean square of: residuals at points.

    Attributes
    ----------
    place
        Of the source among the objective's.
    source, output
        The source, and which of its outputs it is.
    """

    place: int
    source: Pointwise
    output: str

    @property
    def size(self) -> int:
        """Number of residuals a point."""
        return self.source.graph.outputs[self.output].size


@dataclass(frozen=True)
class LossProgram:
    """Σ weight · term, each term a scalar.

    Attributes
    ----------
    sources
        What produces the arrays: integrations, rollouts, values at points, given arrays. They are computed in order,
        and a source may read the arrays of those before it (`Source.reads`).
    loss
        Graph whose inputs are the sources' arrays and `theta` (P,); one scalar output a term.
    weights
        Term name → weight in the total.
    residuals
        Term name → the array (M, …) of a `Pointwise` source whose squares, summed over all but the points and averaged
        over those, are the term. Terms that aren't of this form are left out; Gauss–Newton steps and
        neural-tangent-kernel weights need it of all.
    """

    sources: tuple[Source, ...]
    loss: Graph
    weights: Mapping[str, float]
    residuals: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        made: set[str] = set()
        for source in self.sources:
            missing = [name for name in source.reads if name not in made]
            if missing:
                raise ModelError(
                    f"The source `{source.name}` reads `{missing[0]}`, which no source before it makes: "
                    f"{', '.join(sorted(made)) or 'it is the first'}."
                )
            made |= set(source.shapes)

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the terms."""
        return tuple(self.loss.outputs)

    @property
    def term_weights(self) -> np.ndarray:
        """Weights in the order of the terms (T,); a term without one counts once."""
        return np.array([float(self.weights.get(name, 1.0)) for name in self.terms])

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for objectives that differ in data and weights only: those share compiled code."""
        return tuple(source.key for source in self.sources), graph_key(self.loss)

    @property
    def parameters(self) -> int:
        """Length of θ."""
        return theta_size((self.loss, *(graph for source in self.sources for graph in source.graphs)))

    def mean_square(self, term: str) -> MeanSquare | None:
        """The array at points that a term is the mean square of; None where it isn't of that form."""
        array = self.residuals.get(term)
        for place, source in enumerate(self.sources):
            if array is not None and isinstance(source, Pointwise) and array in source.shapes:
                return MeanSquare(place, source, array.removeprefix(f"{source.name}."))
        return None

    def mean_squares(self) -> list[MeanSquare] | None:
        """Those of all terms; None where one isn't of that form."""
        found = [one for one in map(self.mean_square, self.terms) if one is not None]
        return found if len(found) == len(self.terms) else None

    def with_data(self, data: Mapping[str, Mapping[str, np.ndarray]]) -> LossProgram:
        """The same with other data of the sources named."""
        changed = (replace(s, data=data[s.name]) if s.name in data else s for s in self.sources)  # type: ignore[type-var]
        return replace(self, sources=tuple(changed))
