"""`Candidate`: one closure to be scored, as a model on the truth's grid that gives its term and is rolled out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...checks import instance, mapping, text
from ...engine import Engine, evaluated, get_engine
from ...errors import DataError, ModelError, OptionError
from ...graph import Graph
from ...graph.location import warn_user
from ...model import PDE, Model, Stepper
from ...model.closed import SUFFIX
from ...objective import Observations
from ...objective.own_inputs import constant_rows
from ...objective.series import Series
from ..fit import Fit
from ..rollout import states_by_engine
from .truth import Truth

__all__ = ["Candidate", "Stepping", "candidates_of"]

_NEEDS = "a fit, a `PDE`, a `Stepper`, one of `ude.closures`, a function of `PDE.closed`, or None for no closure"


@dataclass(frozen=True)
class Stepping:
    """How PDEs are rolled out: settings of the `Stepper` that is made of them; `dt` None: nobody said."""

    dt: float | None = None
    scheme: str | None = None
    substeps: int = 1

    def stepper(self, name: str, model: PDE) -> Stepper:
        """The stepper of one candidate."""
        if self.dt is None:
            raise OptionError(
                f"Coupled scores roll `{name}` out, a PDE, and nobody says how: give `dt=` (and `scheme=`), a "
                "`Stepper` among the candidates, or leave them out, `coupled=False`."
            )
        scheme = self.scheme or ("etdrk4" if model.has_linear else "rk4")
        return Stepper(model, self.dt, scheme, self.substeps)


@dataclass(frozen=True)
class Candidate:
    """One closure.

    Attributes
    ----------
    name
        What results call it.
    model
        The closed model, or the model without a closure.
    engine
        What computes.
    states
        The truth's flat states (T, K, n).
    times
        (K,), in the model's unit.
    series
        What the data say of each trajectory, its conditions among it.
    """

    name: str
    model: PDE | Stepper
    engine: Engine
    states: np.ndarray
    times: np.ndarray
    series: Sequence[Series]

    def constants_of(self, model: PDE | Stepper) -> np.ndarray | None:
        """What graphs of its model, or of a stepper of that, read as `c`, (T, q); None: nothing."""
        return constant_rows(model, self.series)

    def term(self, truth: Truth) -> np.ndarray:
        """Its Π of the scored field at the truth's states, (T, K, *grid): zero without a closure, NaN where nobody
        knows."""
        model, name = self.model, truth.field + SUFFIX
        if name not in model.observation.outputs:
            if not (model.networks or "correction" in model.named):
                return np.zeros_like(truth.term)
            warn_user(
                f"`{self.name}` has no observable `{name}`, so its term isn't known and has no scores a priori (NaN). "
                f"Write it as `model.closed(...)`, or let the model observe it: `observe=`."
            )
            return np.full_like(truth.term, np.nan)
        graph = Graph(model.observation.inputs, {"term": model.observation.outputs[name]})
        found, constants = np.empty_like(truth.term), self.constants_of(model)
        given: dict[str, Any] = {"theta": model.resolve_theta(None)}
        for k, states in enumerate(self.states):
            if constants is not None:
                given["c"] = constants[k]
            values = {**given, "t": self.times, "u": states}
            found[k] = evaluated(self.engine, graph, values, ("t", "u"))["term"]
        return found

    def roller(self, stepping: Stepping, interval: float) -> Callable[..., np.ndarray]:
        """`(u (B, n), t (B,), trajectories (B,), intervals) → (B, intervals, n)`: states after each interval of the
        data, NaN from where a run isn't finite."""
        stepper = self.model if isinstance(self.model, Stepper) else stepping.stepper(self.name, self.model)
        if not stepper.has_step_graph:
            raise ModelError(f"`{self.name}` is a step around a black box, which scores don't roll out.")
        every = round(interval / stepper.dt)
        if every < 1 or abs(every * stepper.dt - interval) > 1e-6 * interval:
            raise OptionError(
                f"The data's interval {interval:g} isn't a whole number of steps of `{self.name}`, whose dt is "
                f"{stepper.dt:g}. Choose another `dt`, or every so-manieth snapshot: `data.isel(time=slice(None, None, "
                "…))`."
            )
        theta, constants = stepper.checked_theta(None), self.constants_of(stepper)

        def roll(u: np.ndarray, t: np.ndarray, trajectories: np.ndarray, intervals: int) -> np.ndarray:
            c = np.zeros((len(u), 0)) if constants is None else constants[trajectories]
            rolled, _ = states_by_engine(stepper, u, intervals * every, every, theta, c, self.engine, t)
            return rolled[:, 1:]

        return roll


def candidates_of(given: Any, truth: Truth, coarse: PDE | None, engine: Any) -> list[Candidate]:
    """The candidates of a dict name → whatever can be scored.

    Raises
    ------
    ModelError, OptionError, DataError
        If one isn't a closure, has no such field, or lives on another grid than the data.
    """
    of = "closure_scores"
    instance(coarse, PDE, "coarse", of, needs="the PDE on the coarse grid, without a closure", none=True)
    listed = mapping(given, "candidates", of, needs=f"a dict name → {_NEEDS}")
    if not listed:
        raise OptionError(f"`candidates` of `{of}` is empty: it needs a dict name → {_NEEDS}.")
    return [_candidate(text(n, "candidates", of, empty=False), v, truth, coarse, engine) for n, v in listed.items()]


def _candidate(name: str, given: Any, truth: Truth, coarse: PDE | None, engine: Any) -> Candidate:
    runs_on = get_engine(engine) if engine is not None or not isinstance(given, Fit) else given.engine
    model = given.trained() if isinstance(given, Fit) else given
    if not isinstance(model, Model):
        if model is not None and not callable(model) and not hasattr(model, "term"):
            raise OptionError(f"The candidate `{name}` is {type(model).__name__}; it needs {_NEEDS}.")
        if coarse is None:
            what = "no closure" if model is None else "a closure without a model"
            raise OptionError(f"The candidate `{name}` is {what}: give the model that it closes, `coarse=`.")
        model = coarse if model is None else coarse.closed(model)
    if not isinstance(model, (PDE, Stepper)) or truth.field not in model.states.names:
        raise ModelError(
            f"The candidate `{name}` has no field `{truth.field}` on a grid; its states are "
            f"{', '.join(model.states.names)}."
        )
    if not model.grid.periodic:
        raise ModelError(f"Scores are made of Fourier modes, and the grid of the candidate `{name}` isn't periodic.")
    missing = [n for n in model.states.names if n not in truth.data.data_vars]
    if missing:
        raise DataError(f"The data lack the field `{missing[0]}` of the candidate `{name}`.")
    own = {n: truth.data[n] for n in model.conditions if n in truth.data.data_vars}
    read = truth.data[list(model.states.names)].assign_coords(own)
    try:
        observations = Observations.given(read, model)
    except DataError as error:
        raise DataError(f"The candidate `{name}` can't read these data: {error}") from None
    states = model.states.join(
        {n: np.asarray(truth.data[n].values, dtype=float) for n in model.states.names}, truth.values.shape[:2]
    )
    if not np.isfinite(states).all():
        raise DataError("The data hold NaN or infinite values, and scores start at whole states.")
    times = np.asarray(observations.series[0].times)
    return Candidate(name, model, runs_on, states, times, observations.series)
