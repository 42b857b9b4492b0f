"""`Residual`: the mean square of every term's residual over its points, as a program that engines run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import instance, known_arguments, mapping, settle, whole
from ..errors import OptionError, unknown
from ..graph import Expression, Graph, variable
from ..objective.objective import Evaluate, Objective
from ..objective.program import Batches, LossProgram, Pointwise
from ..objective.weighting_rules import Causal
from ..stored import Stored, stored
from .batches import PointBatches
from .domain import Points
from .loss import causal_mean_square, mean_square
from .points import Draws, drawn, even
from .problem import ResidualProblem
from .samplers import ResidualAdaptive, Sampler, TensorGrid, Uniform
from .terms import DRAWN, Interior, Term

__all__ = ["Residual"]

VALIDATION = 1000
"""Points of a term that validation looks at."""


@stored
@known_arguments
@dataclass(frozen=True)
class Residual(Objective):
    """Σ weight · mean of squared residuals, one term a residual; the objective of a `ResidualProblem`.

    Parameters
    ----------
    points
        Points in an iteration: one number for all terms whose points are drawn, or term → number. Terms left out keep
        their own.
    sampler
        How points are drawn where a term doesn't say; default `Uniform()`, redrawn in every iteration.
    seed
        Of the points. Those of an iteration depend on it and on the iteration alone.
    causal
        Causal weights in time; see `Causal`.

    Raises
    ------
    OptionError
        If a number of points can't be used, or a name isn't a term's.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Residual(points={"pde": 256}, sampler=ude.samplers.LatinHypercube())
    Residual(points={'pde': 256}, sampler=LatinHypercube(redraw=1), seed=0, causal=None)
    """

    kind: ClassVar[str] = "residual"
    solves: ClassVar[bool] = False
    points: int | Mapping[str, int] | None = None
    sampler: Sampler | None = None
    seed: int = 0
    causal: Causal | None = None

    @classmethod
    def parts(cls) -> dict[str, type[Stored]]:
        return {"sampler": Sampler, "causal": Causal}

    def __post_init__(self) -> None:
        if isinstance(self.points, Mapping):
            given = mapping(self.points, "points", "Residual", needs="a dict term → number of points")
            checked = {n: whole(v, "points", "Residual", least=1, none=True) for n, v in given.items()}
            object.__setattr__(self, "points", checked)
        else:
            settle(self, whole, "points", least=1, none=True)
        settle(self, instance, "sampler", kinds=Sampler, needs="a sampler such as `ude.samplers.Sobol()`", none=True)
        settle(self, whole, "seed", least=0)
        settle(self, instance, "causal", kinds=Causal, needs="`ude.Causal(...)`", none=True)

    # ---- points -----------------------------------------------------------------------------------------------

    def count(self, problem: ResidualProblem, name: str) -> int:
        """Points of a term in an iteration."""
        term = problem.terms[name]
        given = term.given(problem.domain)
        wanted = self._asked(name) or term.points
        if given is not None:
            there = len(next(iter(given.values())))
            return there if wanted is None else min(int(wanted), there)
        if isinstance(self.points, (int, np.integer)):
            wanted = self.points
        return int(wanted or DRAWN)

    def _asked(self, name: str) -> int | None:
        """What `points` says by name; `data` speaks for `data.u`."""
        if not isinstance(self.points, Mapping):
            return None
        return self.points.get(name, self.points.get(name.partition(".")[0]))

    def sampler_of(self, term: Term) -> Sampler:
        """How a term's points are drawn."""
        return term.sampler or self.sampler or Uniform()

    def chunks(self, problem: ResidualProblem, name: str) -> int:
        """Slices of time that a term is cut into; 1 without causal weights."""
        return self.causal.chunks if self.causal is not None and name in self._causal_terms(problem) else 1

    def is_fixed(self, problem: ResidualProblem, name: str) -> bool:
        """Whether all iterations see the same points of a term."""
        term = problem.terms[name]
        given = term.given(problem.domain)
        if given is not None and self.count(problem, name) == len(next(iter(given.values()))):
            return True
        sampler = self.sampler_of(term)
        return sampler.redraw is None and not isinstance(sampler, ResidualAdaptive)

    def draw(self, problem: ResidualProblem, name: str, iteration: int, salt: int = 0) -> Points:
        """Points of a term in an iteration, before any residual is known: what its graph reads, column → (M,).

        Parameters
        ----------
        problem
            Whose term.
        name
            Of the term.
        iteration
            Number of the iteration.
        salt
            Number of the stage: each draws its own points.
        """
        draws = Draws(self.seed, salt, list(problem.terms).index(name))
        number = self.sampler_of(problem.terms[name]).number(iteration)
        return self.draw_from(problem, name, draws.generator(number))

    def draw_from(self, problem: ResidualProblem, name: str, generator: np.random.Generator) -> Points:
        """The same from a generator."""
        term, count = problem.terms[name], self.count(problem, name)
        given = term.given(problem.domain)
        if given is not None and count == len(next(iter(given.values()))):
            return problem.read_by(name, given)
        placed = drawn(term, problem.domain, self.sampler_of(term), count, generator, self.chunks(problem, name))
        return problem.read_by(name, placed)

    def batches(self, problem: Any, evaluate: Evaluate, salt: int = 0) -> Batches | None:
        """Fresh points for every iteration; None where all are fixed."""
        if all(self.is_fixed(problem, name) for name in problem.terms):
            return None
        return PointBatches(self, problem, salt)

    # ---- programs ---------------------------------------------------------------------------------------------

    def build(self, problem: Any) -> LossProgram:
        """The program at the first draw."""
        return self._program(problem, lambda name: self.draw(problem, name, 0), causal=True)

    def validation(self, problem: Any, points: int = VALIDATION) -> LossProgram:
        """The program at fixed points, evenly spread and never trained on, with the terms' own weights, none causal.

        Parameters
        ----------
        problem
            The `ResidualProblem`.
        points
            Number of points a term; given points are all looked at.
        """
        return self._program(problem, lambda name: _even_points(problem, name, points), causal=False)

    def _program(self, problem: ResidualProblem, points: Callable[[str], Points], causal: bool) -> LossProgram:
        terms: dict[str, Expression] = {}
        weights: dict[str, float] = {}
        residuals: dict[str, str] = {}
        sources = [Pointwise(name, graph, points(name)) for name, graph in problem.residuals.items()]
        reported: dict[str, Expression] = {}
        for source in sources:
            chunks = self.chunks(problem, source.name) if causal else 1
            for key, shape in source.shapes.items():
                label = problem.label(source.name, key.removeprefix(f"{source.name}."))
                weights[label] = float(problem.terms[source.name].weight)
                if chunks == 1:
                    terms[label], residuals[label] = mean_square(variable(key, shape)), key
                    continue
                assert self.causal is not None
                terms[label], slices = causal_mean_square(variable(key, shape), chunks, float(self.causal.tolerance))
                reported.update({f"causal.{label}.{j}": weight for j, weight in slices.items()})
        inputs = tuple(variable(key, shape) for s in sources for key, shape in s.shapes.items())
        weights.update(dict.fromkeys(reported, 0.0))
        return LossProgram(tuple(sources), Graph(inputs, {**terms, **reported}), weights, residuals)

    # ---- checks -----------------------------------------------------------------------------------------------

    def check(self, problem: Any) -> None:
        """Complain about settings that don't fit the problem, before anything is compiled.

        Raises
        ------
        OptionError
            If the problem isn't a `ResidualProblem`, a name isn't a term's, or causal weights don't fit.
        """
        if not isinstance(problem, ResidualProblem):
            raise OptionError(
                "`Residual` is the objective of a `ResidualProblem`; a model that is solved in time needs "
                "`Trajectory()`, `MultipleShooting()`, `Collocation()` or, if it is a `Stepper`, `Unrolled()`."
            )
        if isinstance(self.points, Mapping):
            known = {*problem.terms, *(n.partition(".")[0] for n in problem.terms)}
            for name in self.points:
                if name not in known:
                    raise unknown("term in `points`", name, problem.terms)
        if self.causal is not None:
            self._check_causal(problem, self.causal)

    def _check_causal(self, problem: ResidualProblem, causal: Causal) -> None:
        if "t" not in problem.domain.names:
            raise OptionError(
                f"`Causal` weights follow time, and the domain has no `t` ({', '.join(problem.domain.names)})."
            )
        for name in self._causal_terms(problem):
            if name not in problem.terms:
                raise unknown("term of `Causal`", name, problem.terms)
            if not isinstance(problem.terms[name], Interior):
                kind = type(problem.terms[name]).__name__
                raise OptionError(f"`Causal` weights are for terms of the interior; `{name}` is a {kind} term.")
            if isinstance(self.sampler_of(problem.terms[name]), ResidualAdaptive):
                raise OptionError(
                    f"`Causal` weights need as many points in every slice of time, and the points of term `{name}` "
                    "follow its residual. Choose another sampler."
                )
            count = self.count(problem, name)
            if count % causal.chunks:
                fits = causal.chunks * max(1, round(count / causal.chunks))
                raise OptionError(
                    f"Term `{name}` has {count} points, not a multiple of `Causal(chunks={causal.chunks})`. Give it "
                    f"{fits}."
                )
            side = round(count ** (1 / len(problem.domain.names)))
            if isinstance(self.sampler_of(problem.terms[name]), TensorGrid) and side % causal.chunks:
                near = causal.chunks * max(1, round(side / causal.chunks))
                shown, fits = (" × ".join([str(n)] * len(problem.domain.names)) for n in (side, near))
                raise OptionError(
                    f"`Causal(chunks={causal.chunks})` needs as many points in every slice of time, and term `{name}` "
                    f"has a grid of {shown} points. Make it {fits}."
                )

    def _causal_terms(self, problem: ResidualProblem) -> tuple[str, ...]:
        assert self.causal is not None
        if self.causal.terms is not None:
            return tuple(self.causal.terms)
        return tuple(n for n, term in problem.terms.items() if isinstance(term, Interior))


class _Even(Sampler):
    """Points of the validation."""

    def draw(self, count: int, dimensions: int, generator: np.random.Generator) -> np.ndarray:
        return even(count, dimensions)


def _even_points(problem: ResidualProblem, name: str, count: int) -> Points:
    term = problem.terms[name]
    given = term.given(problem.domain)
    if given is None:
        given = drawn(term, problem.domain, _Even(redraw=None), count, np.random.default_rng(0))
    return problem.read_by(name, given)
