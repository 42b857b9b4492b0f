"""What training can't do, or didn't: unknowns that nothing moves, networks out of their range, values at their bounds.

Each concern is one sentence with its remedy; a fit keeps them among its events and warns of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UnideqError
from ..graph import Graph
from ..model import Layout, Model
from ..model.equations import readable
from ..model.switches import SMOOTH, owner, unfelt
from ..objective import APriori, Collocation, EstimationProblem, Observations, Trajectory

if TYPE_CHECKING:
    from ..result.fit import Fit
    from .record import Record

__all__ = ["concerns_after", "concerns_before", "slow", "wrong_gradient"]

_FLAT = ("tanh", "sigmoid", "rbf")
"""Activations that have no slope far from zero."""
_FAR = 20.0
"""Usual size of a network's arguments, in its own scale, from which such a network is told."""
_SAMPLES = 32
LONG = 600.0
"""Seconds from which training counts as long."""
_AT_BOUND = 1e-3
_NO_SPREAD = 0.02
"""Share of the spread that training starts with, below which there is none."""
_NO_NOISE = 1e-4
"""Estimated noise that counts as none, relative to the variable's scale."""
_SATURATED = 1.0 / 3.0
"""Share of a network's weights that never moved, from which it is told."""


def concerns_before(problem: EstimationProblem, theta: np.ndarray) -> list[str]:
    """What can be said of a model and its measurements before training.

    Parameters
    ----------
    theta
        Where training starts (P,).
    """
    model, measured = problem.model, () if problem.observations.unmeasured else problem.observations.names
    goals = (*problem.costs.values(), *(r for r in problem.rankings.values() if r.weight))
    costs = [e for p in goals if p.graph for e in readable(model, p.graph)[0].values()]
    found = []
    for name, reason in unfelt(model, measured, costs).items():
        remedy = f" {SMOOTH}." if "comparison" in reason else ""
        found.append(f"`{name}` can't be trained and stays as it is: {reason}.{remedy}")
    return found + _out_of_range(model, problem.observations, theta[: model.layout.size])


def _out_of_range(model: Model, observations: Observations, theta: np.ndarray) -> list[str]:
    """Networks whose arguments, at the measurements, lie where their activations are flat."""
    found = []
    for name, term in model.learned.items():
        network: Any = model.networks[name]
        if getattr(network, "activation", "") not in _FLAT or not hasattr(network, "input_scale"):
            continue
        arguments = {n: e for n, e in term.graph.outputs.items() if n.startswith("argument_")}
        try:
            values = _at_measurements(model, Graph(term.graph.inputs, arguments), observations, theta)
        except UnideqError:  # an operation that NumPy doesn't know, e.g. a Lux network within
            continue
        vector = term.layout == "vector"
        columns = list(np.moveaxis(next(iter(values.values())), -1, 0)) if vector else list(values.values())
        shift, scale = (np.broadcast_to(v, (len(columns),)) for v in (network.input_shift, network.input_scale))
        for k, column in enumerate(columns):
            known = column[np.isfinite(column)]
            if not known.size or not np.median(np.abs(known - shift[k])) > _FAR * abs(scale[k]):
                continue
            size = float(known.std()) or float(np.abs(known).max())
            found.append(
                f"argument {k + 1} of network `{name}` is about {np.median(np.abs(known)):.3g} at the measurements, "
                f"where its `{network.activation}` is flat: it can't learn how that matters. Give the network "
                f"`input_shift={known.mean():.4g}, input_scale={size:.2g}`"
                + (" (or lists, one value an argument)." if len(columns) > 1 else ".")
            )
    return found


def _at_measurements(
    model: Model, graph: Graph, observations: Observations, theta: np.ndarray
) -> dict[str, np.ndarray]:
    """Outputs of a graph (t, u, …, θ) at some measured times and states; NaN where a state isn't measured."""
    rows: dict[str, list[np.ndarray]] = {n: [] for n in graph.outputs}
    series = observations.series[0]
    names = {s.name: model.observed_state(s.name) for s in model.states}
    measured = [(model.states.windows[s], series.values[n]) for s, n in names.items() if n in series.values]
    for k in np.unique(np.linspace(0, len(series.times) - 1, _SAMPLES).round().astype(int)):
        u = np.full(model.size, np.nan)
        for window, course in measured:
            u[window] = course[k].ravel()
        values: dict[str, Any] = {"t": series.times[k], "u": u, "theta": theta}
        if model.constants is not None:
            values["c"] = model.conditions_array({n: [v] for n, v in _conditions(model, series.extra).items()})[0]
        for name, record in series.inputs.items():  # near enough for a look
            at = int(np.clip(np.searchsorted(record.times, series.times[k], side="right") - 1, 0, None))
            values[f"forcing.{name}"] = record.values[at]
        for n, value in graph.evaluate(values).items():
            rows[n].append(value)
    return {n: np.stack(v) for n, v in rows.items()}


def _conditions(model: Model, extra: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {n: float(extra[n]) if n in extra else c.typical for n, c in model.conditions.items()}


def slow(objectives: Sequence[object], observations: Observations, model: Model, left: float) -> str | None:
    """What would do without solving or rolling out, where training will take long; None where nothing would.

    Parameters
    ----------
    objectives
        Of all stages.
    left
        Seconds that training will still take.
    """
    states = {model.observed_state(s.name) for s in model.states}
    known = any(isinstance(o, (APriori, Collocation)) for o in objectives)
    if left < LONG or known or not states <= set(observations.names):
        return None
    whole = "the `PDE` or `ODE` in this stepper" if not model.continuous_in_time else "this model"
    return (
        f"this will take about {left / 60.0:.0f} minutes more. All states are measured: with little noise "
        f"`ude.Collocation()` trains {whole} without solving anything, in a fraction of that, alone or as a first phase"
    )


def concerns_after(record: Record, start: np.ndarray) -> list[str]:
    """What a training that is over left undone, of any kind.

    Parameters
    ----------
    start
        Where it started (S, P).
    """
    if not record.history.iterations or record.status.startswith(("gave up", "interrupted")):
        return []
    best = record.best_seed
    unmoved = (record.theta[best] == start[best]) & (record.chosen_theta[best] == start[best])
    # Shooting has starts of its own, and collocation none: only whole solutions feel initial values.
    solved = all(isinstance(s.objective, Trajectory) for s in record.settings.stages())
    kinds = ("parameter", "group", *(("initial",) if solved else ()))
    found = _never_moved(record.layout, unmoved, kinds)
    free, made = record.layout.free_mask, record.history.iterations
    if made > 1 and not unmoved[free].all() and (record.chosen_theta[best] == start[best])[free].all():
        found.append(
            f"none of {made} iterations found a lower loss than the start's, which the fit "
            "therefore keeps: the learning rate is too large, or the start was the best there is. Try a tenth of it."
        )
    values, first = record.layout.unpack(record.chosen_theta[best]), record.layout.unpack(start[best])
    for entry in record.layout.entries:
        if not entry.free:
            continue
        value, before = np.asarray(values[entry.name]), np.asarray(first[entry.name])
        if entry.kind == "noise":
            variable = entry.name.partition(".")[2]
            loss = record.settings.loss.of_variable(variable)
            if getattr(loss, "vanishes", True) and value < _NO_NOISE * entry.scale:
                found.append(
                    f"the estimated noise of `{variable}` went to {float(value):.2g}: the model passes through all its "
                    "measurements, and such a likelihood has no maximum. Give the noise that is known, "
                    f'`ude.{type(loss).__name__}(sigma={{...}})`, or take `loss="squared_error"`.'
                )
        elif entry.kind == "spread" and value < _NO_SPREAD * before:
            name = entry.name.partition(".")[2]
            found.append(
                f"the spread of `{name}` went to {float(value):.2g}: by their measurements the groups don't differ. "
                "Make it one for all, without `per`."
            )
        elif entry.kind in ("parameter", "group"):
            found += _at_bounds(entry, value, before)
    return found


def wrong_gradient(fit: Fit) -> list[str]:
    """A gradient that isn't one, of a model that jumps: tried along few directions once training is over."""
    try:
        check = fit.check_gradient(directions=4)
    except UnideqError:
        return []
    return [] if check.passed else [f"the gradient check failed. {check.verdict}"]


def _at_bounds(entry: Any, value: np.ndarray, before: np.ndarray) -> list[str]:
    found = []
    for word, bound, other in (("lower", entry.lower, entry.upper), ("upper", entry.upper, entry.lower)):
        if bound is None:
            continue
        room = np.abs(before - bound) if other is None else np.full(value.shape, abs(other - bound))
        if (np.abs(value - bound) < _AT_BOUND * room).any():
            found.append(
                f"`{entry.name}` ended at its {word} bound {bound:g}: the measurements want it beyond, or hardly feel "
                "it. Widen the bound if nature allows it; else look at what else the model lacks."
            )
    return found


def _never_moved(layout: Layout, unmoved: np.ndarray, kinds: Sequence[str]) -> list[str]:
    """Which unknowns of these kinds, and which networks, have the very numbers that they started with."""
    free = layout.free_mask
    if not free.any():
        return [
            "nothing is free to train: all parameters, networks and initial values are fixed. Thaw some, "
            '`model.thawed("NAME")`, or solve the model.'
        ]
    if unmoved[free].all():
        return [
            "no parameter moved: the gradient is zero at the start, or every step was rejected there. Start elsewhere, "
            "and look at `fit.check_gradient()`."
        ]
    found = []
    networks: dict[str, list[np.ndarray]] = {}
    for entry in layout.entries:
        window = unmoved[layout.window(entry.name)]
        if entry.kind == "network" and entry.free:
            networks.setdefault(owner(entry.name), []).append(window)
        elif entry.kind in kinds and entry.free and window.any():
            part = "" if window.all() else f" in {int(window.sum())} of {window.size} values"
            found.append(
                f"`{entry.name}` never moved from its start{part}: the gradient in it is exactly zero, so nothing that "
                "was measured feels it there. Start it elsewhere, or fix it (`free=False`)."
            )
    for name, parts in networks.items():
        flat = np.concatenate(parts)
        if flat.mean() > _SATURATED:
            found.append(
                f"{int(flat.sum())} of the {flat.size} weights of network `{name}` never moved: it is saturated, or "
                "isn't felt. Bring its arguments to size 1, `input_shift=` and `input_scale=`, or try other `seeds`."
            )
    return found
