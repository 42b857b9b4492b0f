"""The terms that a search may use, and the supports that it starts from."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .library import Library, LibraryTerm
from .sparse import Support

__all__ = ["Candidates"]

STARTS = 24
STARTS_A_SIZE = 3
MOST_TERMS = 96
"""The search solves for the sensitivity to every term in every output; longer libraries keep what regresses best."""


@dataclass(frozen=True)
class Candidates:
    """A support is a sorted tuple of numbers term + len(terms) · output.

    Attributes
    ----------
    library, terms
        The terms in use.
    sizes
        Root mean square of each term along the samples: searches work with terms of unit size.
    starts
        Supports with the regression's coefficients (of unit-size terms), best first.
    """

    library: Library
    terms: list[LibraryTerm]
    sizes: np.ndarray
    components: int
    starts: list[tuple[tuple[int, ...], np.ndarray]]

    @classmethod
    def of(
        cls, library: Library, terms: Sequence[LibraryTerm], sizes: np.ndarray, supports: list[list[Support]]
    ) -> Candidates:
        """Combine the outputs' supports, best sums of scores first, and leave out what can't be used."""
        usable = np.isfinite(sizes) & (sizes > 0)
        order: dict[int, None] = {}
        for rank in range(max(len(s) for s in supports)):  # terms in the order in which regressions like them
            for component in supports:
                if rank < len(component):
                    order.update(dict.fromkeys(component[rank].terms))
        order.update(dict.fromkeys(int(k) for k in np.flatnonzero(usable)))
        kept = sorted(list(order)[: max(1, MOST_TERMS // len(supports))])
        place = {k: i for i, k in enumerate(kept)}
        supports = [[s for s in component if all(k in place for k in s.terms)] for component in supports]
        combined = []
        for combination in itertools.islice(itertools.product(*supports), 20_000):
            support, values = [], []
            for i, part in enumerate(combination):
                support += [place[k] + i * len(kept) for k in part.terms]
                values += list(part.coefficients)
            combined.append((sum(p.score for p in combination), tuple(support), np.array(values)))
        combined.sort(key=lambda item: item[0])
        per_size: dict[int, int] = {}
        starts = []
        for _, support, values in combined:
            # The best few of each size, and what has one term an output: the search starts from several sides,
            # since the best regression of a noisy learned term is often far from the best equation.
            per_size[len(support)] = per_size.get(len(support), 0) + 1
            plain = len({k // len(kept) for k in support}) == len(support) == len(supports)
            if per_size[len(support)] <= STARTS_A_SIZE or plain:
                starts.append((support, values))
        starts.sort(key=lambda start: len(start[0]))
        return cls(library, [terms[k] for k in kept], sizes[kept], len(supports), starts[:STARTS])

    def formulas(self, support: Sequence[int], coefficients: np.ndarray) -> list[list[tuple[LibraryTerm, float]]]:
        """For each output, its terms and their coefficients in the arguments' own units."""
        result: list[list[tuple[LibraryTerm, float]]] = [[] for _ in range(self.components)]
        for k, value in zip(support, coefficients, strict=True):
            output, term = divmod(k, len(self.terms))
            result[output].append((self.terms[term], float(value / self.sizes[term])))
        return result
