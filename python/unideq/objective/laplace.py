"""The marginal likelihood of a population by Laplace's approximation, as programs: deviations are integrated out.

With η of a group standard normal and J(η) = −log p(y | η) + |η|²/2 its joint cost, −log ∫ p(y | η) p(η) dη is about
J(η̂) + ½ log det H(η̂), where η̂ minimises J and H is its Hessian without second derivatives of the predictions: FOCE
with interaction, of pharmacometrics (Lindstrom & Bates 1990; Wolfinger 1993; Wang 2007). Derivatives of predictions in
η are states of their own, solved beside the model's (forward sensitivities), so that all of it is a graph of what an
integration observes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import OptionError
from ..graph import Expression, Graph, constant, variable
from ..graph.derivative import pullback, pushforward
from ..graph.transform import rebuild
from ..model.switches import SMOOTH, switches
from .estimation_problem import EstimationProblem
from .groups import slopes_of
from .own_times import padded, padded_values
from .program import Given, Integration, LossProgram
from .series import Series

__all__ = ["MarginalPrograms", "check_marginal", "marginal_programs"]


@dataclass(frozen=True)
class MarginalPrograms:
    """All that is asked of an engine.

    Attributes
    ----------
    effects
        Parameters with a spread, in the order of the last axis of what follows.
    groups
        Number of groups G.
    integration
        The model with its sensitivities to the deviations.
    joint
        What the integration observes, and θ → `slope` (G, d) and `curvature` (G, d, d) of the groups' joint costs.
    value
        The terms whose weighted sum is the marginal cost, and `adjoint`: the joint costs' slopes times `weights` (G, d)
        of the source `laplace`, zero at the minimum.
    slopes
        `determinant`, the sum of ½ log det of the groups; and one term an effect: the sum of the groups' slopes, whose
        derivatives in the deviations are the exact Hessians.
    """

    effects: tuple[str, ...]
    groups: int
    integration: Integration
    joint: Graph
    value: LossProgram
    slopes: LossProgram

    @property
    def cost(self) -> LossProgram:
        """The marginal cost by itself, and its terms."""
        terms = {n: e for n, e in self.value.loss.outputs.items() if n != "adjoint"}
        return replace(self.value, loss=Graph(self.value.loss.inputs, terms))

    def weighted(self, weights: np.ndarray) -> LossProgram:
        """The marginal cost whose gradient is exact: the deviations follow."""
        return self.value.with_data({"laplace": {"weights": weights}})


def check_marginal(problem: EstimationProblem) -> None:
    """Say what can't be integrated out."""
    model = problem.model
    effects = {n: c for n, c in model.grouped.items() if c.parameter.spread is not None and c.parameter.free}
    if not effects:
        raise OptionError(
            "`Laplace` integrates over parameters that spread over a population, and the model has none (that is "
            'free). Give one, `ude.Parameter(..., per="trajectory", spread=ude.LogNormal(0.3))`, or leave it out.'
        )
    if not model.continuous_in_time:
        raise OptionError(
            "`Laplace` is for models continuous in time, and the model is a `Stepper`. Fit its own model."
        )
    if model.crossing is not None:
        raise OptionError(
            "`Laplace` goes through events at known times, not through those that the state brings about."
        )
    if model.begins_at_rest:
        raise OptionError(
            '`Laplace` starts at given or estimated initial values, not at `initial="steady"`. Use '
            "`ude.BFGS(100)`, which keeps the spread, or give initial values."
        )
    if model.delays:
        raise OptionError(
            f"`Laplace` is for models without a past, and the model reads it (`state.lag({model.delays[0]:g})`). Use "
            "`ude.BFGS(100)`, which keeps the spread."
        )
    if any(r.weight for r in problem.rankings.values()):
        raise OptionError(
            "`Laplace` maximises a likelihood, of which rankings are no part. Give them the weight 0 (they are "
            "reported), or train with `ude.BFGS(100)`."
        )
    if problem.loss.whole:
        raise OptionError(
            "`Laplace` needs a likelihood of each measurement by itself, and `SeriesLoss` is of whole series."
        )
    if problem.loss.weights:
        raise OptionError(
            "`Laplace` is for a likelihood, and factors of its terms (`weights`) make none. Leave them out."
        )
    moved = [s for s in switches(model) if any(n in effects or n in model.states.names for n in s.fed)]
    if moved:
        raise OptionError(
            f"`Laplace` follows how predictions move with each group's values, and the equations jump at the switch "
            f"`{moved[0].text}`, whose moment moves with {moved[0].names}: that has no derivative. {SMOOTH}."
        )
    kinds = {c.per for c in effects.values()}
    if len(kinds) > 1:
        raise OptionError(
            f"`Laplace` integrates over groups one by one, and the spreads are over several kinds: {sorted(kinds)}. "
            "Give all parameters with a spread the same `per`."
        )


def marginal_programs(problem: EstimationProblem) -> MarginalPrograms:
    """The programs for a problem's training measurements."""
    check_marginal(problem)
    effects = tuple(n for n, c in problem.model.grouped.items() if c.parameter.spread is not None and c.parameter.free)
    rows = [(i, s) for i, s in enumerate(problem.observations.series) if len(s.times)]
    integration = _with_sensitivities(problem, effects, rows)
    theta = problem.theta()
    arrays = {name: variable(name, shape) for name, shape in integration.shapes.items()}
    predicted = {n: arrays[f"solve.observed.{n}"] for n in problem.observations.names}
    terms, weights = problem.data_terms(predicted, [s for _, s in rows], theta)
    groups = problem.groups[effects[0]]
    member: Any = constant(np.eye(len(groups))[:, groups.index[[i for i, _ in rows]]])
    slope: list[Any] = [problem.layout.view(theta, f"deviation.{n}") for n in effects]
    d = len(effects)
    curvature: list[list[Any]] = [[constant(np.full(len(groups), float(k == j))) for j in range(d)] for k in range(d)]
    for name, term in terms.items():
        of = predicted[name]
        count = int(np.isfinite(padded_values([s.values[name] for _, s in rows])).sum())
        (first,) = pullback([term], [constant(float(count))], [of])
        (second,) = pushforward([first], {of: constant(np.ones(of.shape))})
        tangents = [arrays[f"solve.tangent.{k}.{name}"] for k in range(d)]
        for k in range(d):
            slope[k] = slope[k] + member @ _by_row(first * tangents[k])
            for j in range(k + 1):
                curvature[k][j] = curvature[k][j] + member @ _by_row(second * tangents[k] * tangents[j])
    eta: Any = sum(np.sum(problem.layout.view(theta, f"deviation.{n}") ** 2) for n in effects)  # type: ignore[arg-type]
    size, voices = float(problem.observations.count), float(len(problem.observations.names))
    determinant: Any = 0.5 * np.sum(_log_determinant(curvature))
    population = (0.5 * eta + determinant) * (1.0 / size)
    factors: Any = variable("laplace.weights", (len(groups), d))
    adjoint: Any = sum(np.sum(factors[:, k] * slope[k]) for k in range(d)) * (1.0 / size)
    more, extra = replace(problem, populations=False, costs={}).extra_terms(theta, {})
    known = (*arrays.values(), theta)
    shares = {**weights, **extra, "population": voices, "adjoint": voices}
    value = Graph((*arrays.values(), factors, theta), {**terms, **more, "population": population, "adjoint": adjoint})
    sums = {f"slope.{k}": np.sum(one) for k, one in enumerate(slope)}
    joined: dict[str, Any] = {
        "slope": np.stack(slope, axis=-1),  # type: ignore[call-overload]
        "curvature": np.stack(
            [np.stack([curvature[max(k, j)][min(k, j)] for j in range(d)], axis=-1) for k in range(d)],  # type: ignore[call-overload]
            axis=-2,
        ),
    }
    given = Given("laplace", {"weights": np.zeros((len(groups), d))})
    return MarginalPrograms(
        effects,
        len(groups),
        integration,
        Graph(known, joined),
        LossProgram((integration, given), value, shares),
        LossProgram((integration,), Graph(known, {"determinant": determinant, **sums}), {}),
    )


def _by_row(values: Any) -> Any:
    """Sums over all but the trajectories."""
    return np.sum(values.reshape(values.shape[0], -1), axis=1)


def _log_determinant(matrix: list[list[Any]]) -> Any:
    """Of symmetric positive definite matrices, given by the lower entries (G,) each: by Cholesky's factors."""
    size, total = len(matrix), 0.0
    factor: list[list[Any]] = [[None] * size for _ in range(size)]
    for k in range(size):
        for j in range(k + 1):
            rest = matrix[k][j]
            for i in range(j):
                rest = rest - factor[k][i] * factor[j][i]
            if j < k:
                factor[k][j] = rest / factor[j][j]
            else:
                total = total + np.log(rest)
                factor[k][k] = np.sqrt(rest)
    return total


def _with_sensitivities(
    problem: EstimationProblem, effects: tuple[str, ...], rows: list[tuple[int, Series]]
) -> Integration:
    """The model's states and, behind them, their derivatives in each effect's deviation."""
    model, d = problem.model, len(effects)
    assert problem.constants is not None
    n, q = model.size, problem.constants.shape[1]
    places = [list(model.conditions).index(name) for name in effects]
    u, c, theta = variable("u", (n * (1 + d),)), variable("c", (q + d,)), problem.theta()
    tables = 1 if model.inputs else 0  # the row of the tables stays last
    own: Any = np.concatenate([c[: q - tables], c[q + d - tables :]]) if tables else c[:q]
    now, constants = variable("u", (n,)), variable("c", (q,))

    sensitivities = [variable(f"sensitivity.{k}", (n,)) for k in range(d)]
    known = {now: u[:n], constants: own} | {s: u[n * (1 + k) : n * (2 + k)] for k, s in enumerate(sensitivities)}

    def moved(outputs: list[Expression]) -> list[list[Expression]]:
        """Outputs in the longer u and c, then their derivatives in every deviation."""
        parts = [outputs]
        for k, place in enumerate(places):
            change: Any = c[q - tables + k : q - tables + k + 1]
            around = [constant(np.zeros(place)), change, constant(np.zeros(q - place - 1))]
            along: Any = {now: sensitivities[k], constants: np.concatenate(around)}
            parts.append(pushforward(outputs, along))
        found = rebuild([e for part in parts for e in part], known)
        return [found[k * len(outputs) : (k + 1) * len(outputs)] for k in range(d + 1)]

    chosen, series = [i for i, _ in rows], [s for _, s in rows]
    states: Any = problem.initial_states(theta)[chosen]
    base = replace(problem, costs={}).integration(
        "`Laplace`", states, chosen, np.array([s.start for s in series]), padded([s.times for s in series])
    )
    du: Any = np.concatenate([one for (one,) in moved([base.vector_field.outputs["du"]])])
    names, observed = [n.removeprefix("observed.") for n in base.observe.outputs], {}
    for k, part in enumerate(moved(list(base.observe.outputs.values()))):
        prefix = "observed" if k == 0 else f"tangent.{k - 1}"
        observed |= {f"{prefix}.{name}": one for name, one in zip(names, part, strict=True)}
    events = base.events
    if events is not None:
        after: Any = np.concatenate([one for (one,) in moved([events.jump.outputs["jump"]])])
        read = tuple({"u": u, "c": c}.get(i.name, i) for i in events.jump.inputs)
        events = replace(events, jump=Graph(read, {"jump": after}))
    index = problem.groups[effects[0]].index[chosen].tolist()
    slopes: Any = [slopes_of(name, model, problem.layout, theta)[index].reshape(len(chosen), 1) for name in effects]
    made: Any = base.initial.outputs["c"]
    behind = [made[:, : q - tables], *slopes, *([made[:, q - tables :]] if tables else [])]
    initial: dict[str, Any] = {
        "u0": np.concatenate([base.initial.outputs["u0"], constant(np.zeros((len(chosen), n * d)))], axis=1),
        "c": np.concatenate(behind, axis=1),
    }
    inputs, atol = (variable("t"), u, c, theta), base.solver.atol
    return replace(
        base,
        vector_field=Graph(inputs, {"du": du}),
        initial=Graph((theta,), initial),
        observe=Graph(inputs, observed),
        solver=replace(base.solver, atol=atol * (1 + d)) if isinstance(atol, tuple) else base.solver,
        algebraic=tuple(i + n * k for k in range(1 + d) for i in base.algebraic),
        events=events,
    )
