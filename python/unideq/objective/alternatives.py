"""Solves under alternative inputs, beside those that are compared with measurements, and the losses of rankings.

An alternative is one more solve of the same equations, with other rows of constants and of forcings' tables: they are a
second integration of a program, from the same initial values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, OptionError
from ..graph import Expression, Graph, apply, variable
from .intervention import Intervention, altered
from .own_times import padded, real_times
from .program import Integration, LossProgram
from .ranking import Ranking, label_in
from .series import Series

if TYPE_CHECKING:
    from .estimation_problem import EstimationProblem

__all__ = ["Alternatives", "check_rankings", "with_rankings"]

NAME = "alternatives"
_NEVER = -1e30
"""Logit of what can't be chosen."""


@dataclass(frozen=True)
class Alternatives:
    """What is solved besides, a row each, and where rankings find it.

    Attributes
    ----------
    problem
        Whose inputs are changed.
    rankings
        By name.
    series
        (index, part that counts) of the trajectories (R).
    rows
        (place among the series, intervention) of each solve (N).
    places
        Ranking → the solves of its alternatives in the trajectories that it applies to, (A, k).
    applies
        Ranking → places of these trajectories among the series (A,).
    """

    problem: EstimationProblem
    rankings: Mapping[str, Ranking]
    series: Sequence[tuple[int, Series]]
    rows: Sequence[tuple[int, Intervention]]
    places: Mapping[str, np.ndarray]
    applies: Mapping[str, np.ndarray]

    @classmethod
    def of(
        cls,
        problem: EstimationProblem,
        series: Sequence[tuple[int, Series]],
        rankings: Mapping[str, Ranking],
        alike: bool = False,
    ) -> Alternatives:
        """Those of these trajectories; `alike`: all alternatives of all rankings in each of them, in one order."""
        known: dict[tuple[int, Any], int] = {}
        rows: list[tuple[int, Intervention]] = []

        def row(r: int, one: Intervention) -> int:
            if (r, one.key) not in known:
                known[r, one.key] = len(rows)
                rows.append((r, one))
            return known[r, one.key]

        places: dict[str, list[list[int]]] = {n: [] for n in rankings}
        applies: dict[str, list[int]] = {n: [] for n in rankings}
        for r, (_, s) in enumerate(series):
            for name, ranking in rankings.items():
                counts = ranking.applies(s)
                found = [row(r, one) for one in ranking.alternatives] if counts or alike else []
                if counts:
                    places[name].append(found)
                    applies[name].append(r)
        arrays = {n: np.array(v, dtype=int).reshape(-1, len(rankings[n].alternatives)) for n, v in places.items()}
        return cls(problem, rankings, series, rows, arrays, {n: np.array(v, dtype=int) for n, v in applies.items()})

    @property
    def each(self) -> int:
        """Solves a trajectory, where they are alike."""
        return len(self.rows) // len(self.series)

    def integration(self, start: Any = None) -> Integration:
        """The solves, which record what has effects, `effect.RANKING`. `start`: initial states (trajectories, n)."""
        chosen = [self.series[r][0] for r, _ in self.rows]
        base, done = self.problem, [one for _, one in self.rows]
        constants, tables = altered(base.model, base.constants, base.tables, chosen, done)
        groups = {n: replace(g, index=g.index[chosen]) for n, g in base.groups.items()}
        happening = tuple(base.happening[i] for i in chosen) if base.happening else ()
        made = replace(base, constants=constants, tables=tables, groups=groups, happening=happening)
        graphs = {n: made.rebased(r.graph) for n, r in self.rankings.items() if r.graph is not None}
        outputs: dict[str, Any] = {f"effect.{n}": np.mean(g.outputs["value"]) for n, g in graphs.items()}  # type: ignore[call-overload]
        observed = made.rebased(base.model.observation)
        inputs = {i.name: i for g in (observed, *graphs.values()) for i in g.inputs}
        u0 = base.initial_states(base.theta()) if start is None else start
        parts = [self.series[r][1] for r, _ in self.rows]
        ends = padded([s.times for s in parts])
        return Integration(
            NAME, made.rebased(base.model.continuous("`Ranking`")), made.start(u0[chosen]),
            np.array([s.start for s in parts]), ends, Graph(tuple(inputs.values()), outputs),
            base.solver, made.events(), steady=base.resting, rest=made.rest, algebraic=base.model.states.algebraic,
            delays=base.model.delays,
        )  # fmt: skip

    def counted(self) -> np.ndarray:
        """(R, times): the part of each time in a trajectory's mean."""
        real = real_times([len(s.times) for _, s in self.series])
        return real / real.sum(axis=1, keepdims=True)

    def effects(self, recorded: Mapping[str, Any], shares: Any = None) -> dict[str, Any]:
        """Ranking → effect of every solve (…, N), of arrays `effect.RANKING` (…, N, times).

        `shares`: the part of each time in the mean, (N, times).
        """
        if shares is None:
            shares = self.counted()[[r for r, _ in self.rows]]
        found = {}
        for name, ranking in self.rankings.items():
            values = recorded[f"effect.{name}"]
            found[name] = values[..., -1] if ranking.over == "end" else np.sum(values * shares, axis=-1)
        return found

    def terms(self, effects: Mapping[str, Expression], shares: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ranking → its loss. Of batches, effects are those of all alternatives in some trajectories (b · each,), and
        `shares` (b,) the part that each of these has in the mean."""
        found = {}
        for name, ranking in self.rankings.items():
            factor = ranking.sharpness / self.scale(name)
            if shares is None:
                chosen = effects[name][self.places[name].ravel().tolist()].reshape(self.places[name].shape)
                found[name] = np.mean(disagreement(chosen * factor, ranking.tiers))  # type: ignore[call-overload]
            else:
                columns = self.order(ranking)
                table = effects[name].reshape(-1, self.each)[:, columns]
                found[name] = np.sum(disagreement(table * factor, ranking.tiers) * shares[name])  # type: ignore[call-overload]
        return found

    def order(self, ranking: Ranking) -> list[int]:
        """Of a ranking's alternatives, their places among a trajectory's, where those are alike."""
        keys = [one.key for _, one in self.rows[: self.each]]
        return [keys.index(one.key) for one in ranking.alternatives]

    def share(self, name: str) -> np.ndarray:
        """(R,): the part of each trajectory in a ranking's mean."""
        part = np.zeros(len(self.series))
        part[self.applies[name]] = 1.0 / len(self.applies[name])
        return part

    def scale(self, name: str) -> float:
        """Size of an effect."""
        ranking, problem = self.rankings[name], self.problem
        if ranking.scale is not None:
            return ranking.scale
        if isinstance(ranking.of, str):
            return float(problem.scales.get(ranking.of, problem.state_scales.get(ranking.of, 1.0)))
        return 1.0


def disagreement(logits: Any, tiers: np.ndarray) -> Any:
    """(A,): the mean over the choices of −log softmax, from logits (A, k) of alternatives in increasing tiers."""
    losses = []
    for i in np.flatnonzero(tiers > 0):
        below = np.flatnonzero(tiers < tiers[i])
        less: Any = logits[:, below.tolist()] - logits[:, i : i + 1]
        top = apply("stop_gradient", np.maximum(np.max(less, axis=1), 0.0))
        losses.append(top + np.log(np.exp(-top) + np.sum(np.exp(less - top.reshape(-1, 1)), axis=1)))
    return sum(losses[1:], losses[0]) * (1.0 / len(losses))


def with_rankings(
    problem: EstimationProblem, program: LossProgram, series: Sequence[tuple[int, Series]] | None = None
) -> LossProgram:
    """The program with the alternatives' solves and rankings' terms. `series`: (index, part that counts) of the
    trajectories; default: all that are measured."""
    trained = {n: r for n, r in problem.rankings.items() if r.weight}
    if not trained:
        return program
    if series is None:
        series = [(i, s) for i, s in enumerate(problem.observations.series) if len(s.times)]
    made = Alternatives.of(problem, series, trained)
    made = replace(made, rankings={n: r for n, r in trained.items() if len(made.applies[n])})
    if not made.rows:
        return program
    solved = made.integration()
    arrays: dict[str, Any] = {name: variable(name, shape) for name, shape in solved.shapes.items()}
    recorded = {n.removeprefix(f"{NAME}."): a for n, a in arrays.items()}
    terms = made.terms(made.effects(recorded))
    loss = Graph((*program.loss.inputs, *arrays.values()), {**program.loss.outputs, **terms})
    weights = {**program.weights, **{n: made.rankings[n].weight for n in terms}}
    return replace(program, sources=(*program.sources, solved), loss=loss, weights=weights)


def check_rankings(rankings: Mapping[str, Ranking], problem: EstimationProblem, everything: Sequence[Series]) -> None:
    """Complain about rankings of no trajectory, or whose interventions do nothing in one that they are known for.

    Raises
    ------
    OptionError, DataError
        Names the ranking, and the trajectory.
    """
    if rankings and not problem.model.continuous_in_time:
        raise OptionError(
            "Rankings are for models continuous in time, which are solved under other inputs; a stepper has none. Fit "
            "its ODE or PDE."
        )
    for name, ranking in rankings.items():
        for coordinate, labels in ranking.where.items():
            known = list(dict.fromkeys(x for s in everything if (x := label_in(s, coordinate)) is not None))
            missing = [label for label in labels if label not in known]
            if missing:
                listing = ", ".join(map(repr, known[:8])) + (" …" if len(known) > 8 else "")
                raise DataError(
                    f"The ranking `{name}` is of trajectories whose `{coordinate}` is {missing[0]!r}, and there is "
                    f"none: the data have {listing or 'no such numbers, or texts that training read'}."
                )
        chosen = [(s, t) for s, t in zip(problem.observations.series, everything, strict=True) if ranking.applies(t)]
        if not chosen:
            raise DataError(f"The ranking `{name}` is of no trajectory: no one has all the labels in its `where`.")
        for trained, whole in chosen:
            part = trained if len(trained.times) else whole
            for one in ranking.alternatives:
                one.check_within(whole.label, whole.start, float(part.times[-1]), f"`{one}` of the ranking `{name}`")
