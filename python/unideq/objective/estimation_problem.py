"""A fitting problem: model, measurements, loss and the full layout of θ that all objectives of one fit share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import ModelError, OptionError
from ..graph import Expression, Graph, constant, variable
from ..graph.transform import substitute
from ..model import Entry, Latent, Layout, Model, with_rows
from ..model.names import TERMS, check_reserved
from .alternatives import check_rankings
from .constraint import constraints_in
from .cost import Cost, cost_terms
from .groups import Groups, group_values, groups_of, picked, selection_rows, values_of
from .integrals import with_integrals
from .losses import Loss, Measurements, NoisyLikelihood
from .observations import Observations
from .own_events import Schedule, program_events
from .own_inputs import constant_rows, forcing_tables
from .own_times import padded_values
from .program import Events, Integration, SolverSettings
from .ranking import Ranking
from .regularise import L1, L2
from .series import Series
from .starts import Starts, measured_as
from .tolerance import absolute_tolerances, warn_below_tolerance

__all__ = ["EstimationProblem"]

USUAL_ATOL = 1e-6
"""Absolute tolerance of fits, for states of size one and more."""


@dataclass(frozen=True)
class EstimationProblem:
    """What objectives are built from.

    Attributes
    ----------
    observations
        The training measurements (or the held-out ones, for scores).
    layout
        Model entries, then `initial.*` (trajectories, …), `segments.*`, `noise.*`.
    scales
        Observable → size used to scale residuals.
    state_scales
        State → size used to scale continuity and collocation residuals.
    guesses
        State → initial values (trajectories, *shape).
    constants
        What the model reads as `c`, (trajectories, q), parameters by group at their guess; None: nothing.
    tables
        Forcing of a trajectory's own → its tables, a row a trajectory.
    groups
        Parameter by group → its groups; left out where its values are said otherwise.
    populations
        Whether deviations of groups from what is typical count in the loss.
    rankings
        What is known about effects of interventions.
    rows_read
        What an encoder reads of each series, (trajectories, rows, features); None: solutions begin at values of θ.
    picking
        Whether `c` is data of the programs, so that graphs pick the values of groups out of θ themselves.
    happening
        Events, one schedule a trajectory; nothing where the model has none.
    """

    model: Model
    observations: Observations
    loss: Loss
    solver: SolverSettings
    regulariser: L1 | L2 | None
    costs: Mapping[str, Cost]
    layout: Layout
    scales: Mapping[str, float]
    state_scales: Mapping[str, float]
    guesses: Mapping[str, np.ndarray]
    known: frozenset[str]
    constants: np.ndarray | None = None
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    groups: Mapping[str, Groups] = field(default_factory=dict)
    picking: bool = False
    happening: tuple[Schedule, ...] = ()
    populations: bool = True
    rankings: Mapping[str, Ranking] = field(default_factory=dict)
    rows_read: np.ndarray | None = None

    @classmethod
    def make(
        cls,
        model: Model,
        train: Observations,
        everything: Observations,
        loss: Loss,
        solver: SolverSettings,
        regulariser: L1 | L2 | None,
        costs: Mapping[str, Cost],
        estimate_initial: bool = True,
        rankings: Mapping[str, Ranking] | None = None,
    ) -> EstimationProblem:
        """Check that every state has somewhere to start, and lay out θ (without segments: see `extended`)."""
        loss.check(train.names)
        if (loss.beside or loss.limited or loss.whole) and not model.continuous_in_time:
            raise OptionError(
                "A standard deviation for each measurement, limits (`below`, `above`, `between`) and losses of whole "
                "series are for models continuous in time: a stepper starts at measured snapshots, which it takes for "
                "exact. Give `sigma` a number, or take another loss."
            )
        for name, cost in costs.items():
            if cost.over != "times" and not model.continuous_in_time:
                raise OptionError(
                    f'The cost `{name}` has `over="{cost.over}"`, which is for models continuous in time; a stepper '
                    'has the mean over the states that it visits, `over="times"`.'
                )
        if train.unmeasured and not model.continuous_in_time:
            raise OptionError("A stepper starts at measured snapshots: it isn't trained without. Fit its ODE or PDE.")
        everything.check(loss)
        rankings = rankings or {}
        _check_terms(model, train, {"cost": costs, "ranking": rankings})
        if regulariser is not None:
            regulariser.check(model.layout)
        scales = {n: float(loss.scale.get(n, train.scale(n))) for n in train.names}
        starts = Starts.of(model, train, everything, scales, estimate_initial)
        entries = [*model.layout.entries, *starts.entries]
        groups = groups_of(model, everything.series)
        entries += [e for n, g in groups.items() for e in model.grouped[n].entries(n, len(g))]
        _check_spreads(model, loss, train)
        for name in () if train.unmeasured else train.names:
            one = loss.of_variable(name)
            if isinstance(one, NoisyLikelihood) and name not in one.sigma:
                units = "" if one.relative else str(train.dataset[name].attrs.get("units", ""))
                size, words = one.noise_scale(scales[name]), f"{one.noise_words} of {name}"
                entries.append(Entry(f"noise.{name}", (), "noise", True, 0.0, None, size, units, words))
        lengths = [len(s.times) for s in train.series if len(s.times)]
        entries += [e for n, c in constraints_in(costs).items() for e in c.entries(n, len(lengths), max(lengths))]
        if model.continuous_in_time:
            solver = _settled(solver, model, train, starts.guesses)
        elif solver.atol is None:
            solver = replace(solver, atol=USUAL_ATOL)
        made = cls(
            model, train, loss, solver, regulariser, dict(costs), Layout(entries), scales, starts.scales,
            starts.guesses, starts.known, constant_rows(model, everything.series) if model.continuous_in_time else None,
            forcing_tables(model, everything.series, everything.dataset), groups, not model.continuous_in_time,
            tuple(s.happening for s in everything.series if s.happening is not None), rankings=dict(rankings),
            rows_read=model.rows_read(train.series, everything.series) if isinstance(model, Latent) else None,
        )  # fmt: skip
        check_rankings(rankings, made, everything.series)
        return made

    def with_observations(self, observations: Observations) -> EstimationProblem:
        """The same problem with other measurements (held-out ones)."""
        return EstimationProblem(**{**self.__dict__, "observations": observations})

    def extended(self, entries: list[Entry]) -> EstimationProblem:
        """The same problem with further entries in θ."""
        return EstimationProblem(**{**self.__dict__, "layout": Layout([*self.layout.entries, *entries])})

    def initial_theta(self, seed: int, extra: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """θ (P,) to start training from: networks drawn with this seed, everything else at its guess."""
        base = np.full(self.layout.size, np.nan)
        base[: self.model.layout.size] = self.model.initial_theta(seed)
        values: dict[str, Any] = dict(extra or {})
        for name, guess in self.guesses.items():
            if f"initial.{name}" in self.layout:
                values[f"initial.{name}"] = guess
        for name, groups in self.groups.items():
            values |= self.model.grouped[name].guesses(name, groups.labels)
        for name, constraint in constraints_in(self.costs).items():
            values |= constraint.begin(name)
        for entry in self.layout.of_kind("noise"):
            loss = self.loss.of_variable(entry.name.removeprefix("noise."))
            assert isinstance(loss, NoisyLikelihood)
            values[entry.name] = loss.initial * entry.scale
        return self.layout.pack(values, base)

    # ---- expressions that objectives share --------------------------------------------------------------------

    def theta(self) -> Expression:
        """The symbolic θ (P,) of this layout."""
        return self.layout.variable()

    def rebased(self, graph: Graph) -> Graph:
        """A graph of the model's own θ as one of the full θ (which begins with it), forcings read from the tables."""
        graph = with_rows(graph, self.tables)
        theta, own = self.theta(), self.model.layout.variable()
        if theta is own:
            return graph
        inputs = tuple(theta if i is own else i for i in graph.inputs)
        found = substitute(graph, {own: theta[: self.model.layout.size]}, inputs)
        if not self.picking or not self.groups:
            return found
        return picked(found, self.model, self.groups, {n: self.group_values(n, theta) for n in self.groups})

    @property
    def given_rows(self) -> np.ndarray | None:
        """`c` as data of programs that pick, (trajectories, …)."""
        rows = constant_rows(self.model, self.observations.series) if self.constants is None else self.constants
        return selection_rows(rows, self.groups)

    def constants_at(self, theta: np.ndarray) -> np.ndarray | None:
        """What the model reads as `c` at this θ (P,), (trajectories, q)."""
        rows = constant_rows(self.model, self.observations.series) if self.constants is None else self.constants
        if rows is None or not self.groups:
            return rows
        rows, places = rows.copy(), list(self.model.conditions)
        values = group_values(self.model, self.groups, self.layout, theta)
        for name, groups in self.groups.items():
            rows[:, places.index(name)] = values[name][groups.index]
        return rows

    def group_values(self, name: str, theta: Expression) -> Expression:
        """The values of a parameter's groups (groups,)."""
        return values_of(name, self.model, self.layout, theta)

    def initial_states(self, theta: Expression) -> Expression:
        """(trajectories, n)."""
        count = len(self.observations)
        columns = []
        for state in self.model.states:
            name = f"initial.{state.name}"
            value = self.layout.view(theta, name) if name in self.layout else constant(self.guesses[state.name])
            columns.append(value.reshape(count, state.size))
        return np.concatenate(columns, axis=1)  # type: ignore[return-value]

    @property
    def resting(self) -> int:
        """`Integration.steady`."""
        return self.model.size if self.model.begins_at_rest else 0

    @property
    def rest(self) -> Graph | None:
        """`Integration.rest`."""
        field = self.model.resting_field
        return None if field is None else self.rebased(field)

    def start(self, u0: Expression, trajectories: Sequence[int] | None = None) -> Graph:
        """`Integration.initial`: initial states (B, n), and the constants of these trajectories (default: all)."""
        if self.constants is None:
            return Graph((self.theta(),), {"u0": u0})
        chosen = list(range(len(self.constants)) if trajectories is None else trajectories)
        rows: Any = constant(self.constants[chosen])
        if self.groups:
            rows = self._with_groups(rows, chosen)
        return Graph((self.theta(),), {"u0": u0, "c": rows})

    def events(self, trajectories: Sequence[int] | None = None) -> Events | None:
        """`Integration.events` of these trajectories (default: all)."""
        chosen = range(len(self.happening)) if trajectories is None else trajectories
        return program_events(self.model, [self.happening[i] for i in chosen], self.rebased) if self.happening else None

    def _with_groups(self, rows: Expression, chosen: list[int]) -> Expression:
        """Constants (B, q) with the values that θ has for the groups of these trajectories."""
        columns = [rows[:, k : k + 1] for k in range(rows.shape[1])]
        for k, name in enumerate(self.model.conditions):
            if name in self.groups:
                own: Any = self.group_values(name, self.theta())
                columns[k] = own[self.groups[name].index[chosen].tolist()].reshape(len(chosen), 1)
        return np.concatenate(columns, axis=1)  # type: ignore[return-value]

    def noise(self, theta: Expression, name: str, beside: Mapping[str, np.ndarray] | None = None) -> Expression | None:
        """The parameter of an observable's noise, given, estimated or each value's own; None for losses without."""
        loss = self.loss.of_variable(name)
        if not isinstance(loss, NoisyLikelihood):
            return None
        known = loss.sigma.get(name)
        if isinstance(known, str):
            own = (beside or {})[known]
            return constant(np.where(np.isfinite(own), own, 1.0))
        return self.layout.view(theta, f"noise.{name}") if known is None else constant(known)

    def misfits(
        self,
        name: str,
        predicted: Expression,
        observed: Expression,
        theta: Expression,
        noise: Expression | None = None,
    ) -> Expression:
        """What each value of an observable costs; `noise`: each value's own parameter of it, where that is known."""
        noise = self.noise(theta, name) if noise is None else noise
        return self.loss.of_variable(name).elementwise(predicted, observed, self.scales[name], noise)

    def data_terms(
        self, predicted: Mapping[str, Expression], series: Sequence[Series], theta: Expression
    ) -> tuple[dict[str, Expression], dict[str, float]]:
        """One term a measured variable: mean cost over its measured values; and the terms' weights.

        `predicted` has a row for each of the series, at its times, and padded at the end.
        """
        terms, counts = {}, {}
        for name in self.observations.names:
            values = padded_values([s.values[name] for s in series])
            count = int(np.isfinite(values).sum())
            if not count:
                continue
            beside = {
                n: padded_values([s.beside[n] for s in series]) for n, of in self.loss.beside.items() if name in of
            }
            loss, noise = self.loss.of_variable(name), self.noise(theta, name, beside)
            measured = Measurements(name, [s.label for s in series], [s.times for s in series], values, beside)
            terms[name] = loss.mean_cost(predicted[name], measured, self.scales[name], noise)
            counts[name] = count
        return terms, self.term_weights(counts)

    def term_weights(self, counts: Mapping[str, int]) -> dict[str, float]:
        """Weights of the measured variables' terms, which have so many values each."""
        total = sum(counts.values())
        weights = {}
        for name, count in counts.items():
            share = count / total * len(counts) if self.loss.is_likelihood else 1.0
            weights[name] = share * float(self.loss.weights.get(name, 1.0))
        return weights

    def cost_outputs(self, *over: str) -> dict[str, Expression]:
        """`cost.NAME` → its value, as expressions in t, u and the full θ, of the costs over these."""
        outputs = {}
        for name, cost in self.costs.items():
            if cost.over not in over:
                continue
            if cost.graph is None:
                raise ModelError(f"The cost `{name}` isn't traced. Use `cost.traced(model)`.")
            outputs[f"cost.{name}"] = self.rebased(cost.graph).outputs["value"]
        return outputs

    def extra_terms(
        self,
        theta: Expression,
        costs: Mapping[str, Expression],
        counted: np.ndarray | None = None,
        last: np.ndarray | None = None,
    ) -> tuple[dict[str, Expression], dict[str, float]]:
        """Costs (see `cost_terms`) and regularisation, and their weights."""
        multipliers = {
            n: [self.layout.view(theta, f"{part}.{n}") for part in ("multiplier", "penalty")]
            for n in constraints_in(self.costs)
        }
        terms = cost_terms(self.costs, costs, counted, last, multipliers)
        weights = {name: self.costs[name].factor for name in terms}
        deviations = self.layout.of_kind("deviation") if self.populations else ()
        if deviations:
            # As much as it counts in the sum of all values' costs, whose mean (times the variables) the others make.
            sums: Any = sum(np.sum(self.layout.view(theta, e.name) ** 2) for e in deviations)  # type: ignore[arg-type]
            terms["population"] = sums * (0.5 / self.observations.count)
            weights["population"] = float(len(self.observations.names))
        if self.regulariser is not None:
            terms["regularisation"] = self.regulariser.expression(self.layout, theta)
            weights["regularisation"] = self.regulariser.weight
        return terms, weights

    def integration(
        self,
        who: str,
        u0: Expression,
        trajectories: Sequence[int],
        start: np.ndarray,
        times: np.ndarray,
        with_states: bool = False,
    ) -> Integration:
        """The solves of an objective `who`, one a row, observed for its loss and its costs."""
        made = Integration(
            "solve", self.rebased(self.model.continuous(who)), self.start(u0, trajectories), start, times,
            self.observe_graph(with_states), self.solver, self.events(trajectories), steady=self.resting,
            rest=self.rest, algebraic=self.model.states.algebraic, delays=self.model.delays,
        )  # fmt: skip
        integrands = self.cost_outputs("integral")
        return with_integrals(made, Graph(made.observe.inputs, integrands)) if integrands else made

    def observe_graph(self, with_states: bool) -> Graph:
        """What an integration records: the measured observables, costs, and the state vector where asked for."""
        graph = self.rebased(self.model.observation)
        outputs = {f"observed.{n}": graph.outputs[n] for n in self.observations.names}
        if with_states:
            outputs["state"] = variable("u", (self.model.size,))
        return Graph(graph.inputs, {**outputs, **self.cost_outputs("times", "end")})


def _settled(
    solver: SolverSettings, model: Model, train: Observations, guesses: Mapping[str, np.ndarray]
) -> SolverSettings:
    """The settings with absolute tolerances by the states' measured and initial values; warns of what they drown."""
    largest = {}
    for state in model.states:
        observable = measured_as(model, train, state.name)
        known = [guesses[state.name], *([] if observable is None else [train.pooled(observable)])]
        largest[state.name] = max(
            float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values))) for values in known
        )
    settled = absolute_tolerances(model.states, solver.atol, largest, USUAL_ATOL)
    if settled != solver.atol or not isinstance(solver.atol, tuple):
        warn_below_tolerance(model.states, settled, largest, stacklevel=6)
    return replace(solver, atol=settled)


def _check_spreads(model: Model, loss: Loss, train: Observations) -> None:
    """What spreads over a population is weighed against the noise of the measurements."""
    name = next((n for n, c in model.grouped.items() if c.parameter.spread is not None), None)
    if name is not None and (train.unmeasured or not loss.is_likelihood):
        raise OptionError(
            f"`{name}` has a spread, and how far a group deviates is weighed against the noise of its measurements: "
            'that needs some, and a likelihood, e.g. `loss="gaussian"`.'
        )


def _check_terms(model: Model, train: Observations, further: Mapping[str, Mapping[str, Any]]) -> None:
    """Every term of the loss has one name, and one meaning; `further`: costs and rankings."""
    check_reserved({"state": model.states.names, "observable": train.names})  # a model from an old file has them
    for kind, terms in further.items():
        argument = "cost" if kind == "cost" else "rankings"
        for name in terms:
            what = "a term of the loss" if name in TERMS else "a variable"
            if kind == "ranking" and name in further["cost"]:
                what = "a cost"
            elif name not in TERMS and name not in train.names and name not in model.states.names:
                continue
            raise OptionError(
                f'The {kind} `{name}` has the name of {what}. Write `{argument}={{"another_name": ...}}`.'
            )
