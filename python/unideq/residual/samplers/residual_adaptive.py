"""Residual-adaptive points: more of them where the residual is large."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ...checks import known_arguments, number, settle, whole
from ...errors import OptionError
from ...stored import stored
from .sampler import Sampler
from .uniform import Uniform

__all__ = ["ResidualAdaptive"]


@stored
@known_arguments
@dataclass(frozen=True, kw_only=True)
class ResidualAdaptive(Sampler):
    """Residual-based adaptive distribution (RAD): points drawn with density p(x) ∝ |r(x)|^k / mean |r|^k + c.

    The points that an iteration uses stay for `every` iterations. Then training evaluates the residuals at `candidates`
    fresh points of `base` and keeps as many of them as the term has points, without repetition, by `choose`. The first
    points, before any residuals are known, are `base`'s.

    Parameters
    ----------
    base
        Draws the first points and the candidates; default `Uniform()`.
    every
        Iterations between two resamplings.
    candidates
        Number of points that residuals are evaluated at; None: ten times as many as are kept.
    power
        k >= 0: large values concentrate the points.
    offset
        c >= 0: large values spread them. (1, 1) suits most problems; (k, c) = (1, 0) or (2, 0) sharp fronts.

    Raises
    ------
    OptionError
        If a setting can't be used or, when choosing, there are fewer candidates than points to keep.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> sampler = ude.samplers.ResidualAdaptive(every=500, power=2.0, offset=0.0)
    >>> sampler.density(np.array([0.0, 1.0, 2.0])).round(12).tolist()
    [0.0, 0.2, 0.8]

    References
    ----------
    Wu, Zhu, Tan, Kartha and Lu, "A comprehensive study of non-adaptive and residual-based adaptive sampling for
    physics-informed neural networks", CMAME 403, 115671 (2023), eq. (2).
    """

    kind: ClassVar[str] = "residual_adaptive"
    base: Sampler = field(default_factory=Uniform)
    every: int = 1000
    candidates: int | None = None
    power: float = 1.0
    offset: float = 1.0
    redraw: int | None = None

    @classmethod
    def parts(cls) -> dict[str, type[Sampler]]:
        return {"base": Sampler}

    def __post_init__(self) -> None:
        if self.redraw is not None:
            raise OptionError("`ResidualAdaptive` resamples by its own rule: set `every`, not `redraw`.")
        if not isinstance(self.base, Sampler) or isinstance(self.base, ResidualAdaptive):
            raise OptionError(
                f"`ResidualAdaptive` needs `base` as another sampler such as `Uniform()`, not {self.base!r}."
            )
        settle(self, whole, "every", least=1)
        settle(self, whole, "candidates", least=1, none=True)
        settle(self, number, "power", "offset", least=0)

    def draw(self, count: int, dimensions: int, generator: np.random.Generator) -> np.ndarray:
        """The base's points (count, dimensions): the first ones, and candidates."""
        return self.base.draw(count, dimensions, generator)

    def candidate_count(self, count: int) -> int:
        """How many candidates `count` points are chosen from."""
        wanted = 10 * count if self.candidates is None else self.candidates
        if wanted < count:
            raise OptionError(
                f"`ResidualAdaptive` can't choose {count} points of {wanted} candidates. Raise `candidates`."
            )
        return wanted

    def density(self, residual_norms: Any) -> np.ndarray:
        """Probability (N,) of each candidate from its residual's norm (N,).

        A residual that isn't finite counts as the largest finite one; where all vanish the candidates are equal.
        """
        norms = np.abs(np.asarray(residual_norms, dtype=float))
        finite = np.isfinite(norms)
        largest = norms[finite].max(initial=0.0)
        if largest == 0.0 or not finite.any():
            return np.full(len(norms), 1.0 / len(norms))
        raised = (
            np.where(finite, norms, largest) / largest
        ) ** self.power  # scaled: powers neither over- nor underflow
        weights = raised / raised.mean() + self.offset
        return weights / weights.sum()

    def choose(self, residual_norms: Any, count: int, generator: np.random.Generator) -> np.ndarray:
        """Indices (count,) of the candidates to keep, ascending and without repetition.

        Parameters
        ----------
        residual_norms
            |r| (N,) at the candidates; for a residual of several components the Euclidean norm.
        count
            How many to keep.
        generator
            Source of randomness: the same state chooses the same points.

        Returns
        -------
        numpy.ndarray
            Drawn one after the other with probabilities `density`, renormalised over what is left: the `count` largest
            of log p + Gumbel noise (Efraimidis & Spirakis 2006).
        """
        density = self.density(residual_norms)
        if count > len(density):
            raise OptionError(f"`ResidualAdaptive` can't choose {count} points of {len(density)} candidates.")
        with np.errstate(divide="ignore"):
            keys = np.log(density) + generator.gumbel(size=len(density))
        # With c = 0 candidates of no residual have probability 0 and come last, in the order of a further noise.
        order = np.lexsort((generator.random(len(density)), -keys))
        return np.sort(order[:count])
