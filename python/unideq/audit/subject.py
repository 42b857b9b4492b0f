"""What checks look at: a fit, and what several of them need to know of it, computed once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import xarray as xr

from ..checks import instance, known_keys
from ..errors import DataError, ModelError, OptionError
from ..model import Model
from ..model.provenance import generator_of
from ..objective.own_times import on_common_times
from ..result import Fit
from ..result.horizon import FURTHEST
from .finding import Finding
from .states import States, data_states, initial_states, states_of

__all__ = ["Conditions", "StatesSubject", "Subject"]


class Subject:
    """A fit, of whatever kind.

    Attributes
    ----------
    fit
        The fit.
    notes
        What all checks' findings rest on; the audit says it first.
    shared
        What checks make for each other, by a name of their own.
    """

    words: ClassVar[str] = "a fit"
    models: ClassVar[type] = object
    example: ClassVar[str] = "ude.audit.Balance(points=1000)"
    """A check with settings of its own."""

    def __init__(self, fit: Fit, **given: Any) -> None:
        self.fit = fit
        self.notes: list[Finding] = []
        self.shared: dict[str, Any] = {}
        for name, value in given.items():
            if value is not None:
                raise OptionError(
                    f"`{name}` of `audit` is for {StatesSubject.words}; this is {self.words}, whose checks choose "
                    f"what they look at. Leave it out, or set them: `checks={self.example}`."
                )

    @property
    def networks(self) -> tuple[str, ...]:
        """Networks that enter the equations."""
        return tuple(getattr(self.fit.model, "networks", ()))

    def note(self, check: str, statement: str, advice: str = "") -> None:
        """Say something before all findings, once."""
        if statement not in [n.statement for n in self.notes]:
            self.notes.append(Finding(check, "note", statement, advice=advice))


class Conditions(NamedTuple):
    """Initial conditions that rollouts start from: times (B,), states (B, n), constants (B, q), kinds, names, and the
    labels of the trajectories."""

    starts: np.ndarray
    u: np.ndarray
    constants: np.ndarray | None
    kinds: list[str]
    labels: list[str]
    trajectories: list[Any]


class StatesSubject(Subject):
    """A fit to measured states over time.

    Attributes
    ----------
    fit
        The fit.
    new
        Further initial conditions.
    truth
        The true model; default: the one that made the data, where its states are the fit's.
    """

    words = "a fit to states over time"
    models = Model

    def __init__(
        self,
        fit: Fit,
        data: xr.Dataset | None = None,
        new: xr.Dataset | Mapping[str, Any] | None = None,
        truth: Model | None = None,
    ) -> None:
        super().__init__(fit)
        found = next((s.name for s in fit.model.states if s.algebraic), None)
        if found is not None:
            raise ModelError(
                f"The audit looks at equations for slopes, and `{found}` is algebraic. `fit.check_gradient()` and "
                "`fit.plot()` are for all models."
            )
        if fit.model.delays:
            raise ModelError(
                f"The audit looks at equations of one time, and the model has `state.lag({fit.model.delays[0]:g})`. "
                "`fit.check_gradient()` and `fit.plot()` are for all models."
            )
        own = [*fit.model.inputs, *(t.name for t in fit.model.triggers)]
        for name, given in (("data", data), ("new", new)):
            if own and given is not None:
                raise OptionError(
                    f"The model has `{own[0]}`, and of trajectories that weren't trained on an audit doesn't know when "
                    f"and how much. Leave `{name}` out: the audit looks at those that were."
                )
        self._data, self._truth = data, instance(truth, Model, "truth", "audit", needs="a model", none=True)
        if new is not None:
            needs = "a Dataset, or a dict state → array"
            instance(new, (xr.Dataset, Mapping), "new", "audit", needs=needs, error=DataError)
        self.new = None if new is None else initial_states(fit.model, new)

    @property
    def networks(self) -> tuple[str, ...]:
        """Networks that enter the equations."""
        return tuple(self.fit.model.learned)

    @property
    def theta(self) -> np.ndarray:
        """The model's own parameters, flat."""
        return self.fit.theta[: self.fit.model.layout.size]

    def read(self) -> None:
        """Read the states and what made them.

        Raises
        ------
        DataError
            Without complete states, or where what made them can't be read.
        """
        _ = self.states, self.generator

    @cached_property
    def trained(self) -> States:
        """The states that the fit was trained on."""
        return data_states(self.fit)

    @cached_property
    def states(self) -> States:
        """The states to look at: those given, else those trained on."""
        trained = self.trained
        clock = self.fit.record.observations.clock
        found = trained if self._data is None else states_of(self.fit.model, self._data, clock)
        if found.guessed:
            listing = ", ".join(f"`{n}`" for n in found.guessed)
            self.note(
                "states",
                f"{listing} {'are' if len(found.guessed) > 1 else 'is'} not measured completely: everything below is "
                "looked at along the fit's own trajectories, at the training's times, and is as right as those are.",
                "Give complete states, `data=`, where there are any.",
            )
        return found

    @property
    def measured(self) -> xr.Dataset:
        """The data to look at as a Dataset: those given, else those trained on, held-out ones included."""
        return on_common_times(self.fit.record.observations.dataset) if self._data is None else self._data

    @property
    def kind(self) -> str:
        """What the conditions of these states are called: `training`, or `given` where they are others."""
        return "training" if self._data is None else "given"

    @cached_property
    def generator(self) -> Model | None:
        """The model that made the data, where they say so."""
        return generator_of(self.fit.record.observations.dataset if self._data is None else self._data)

    @property
    def truth(self) -> Model | None:
        """The model to compare rollouts with."""
        if self._truth is not None or self.generator is None:
            return self._truth
        own = {s.name: s.shape for s in self.fit.model.states}
        return self.generator if {s.name: s.shape for s in self.generator.states} == own else None

    def known_network(self, name: str | None) -> None:
        """Refuse a network that the model lacks."""
        if name is not None:
            known_keys((name,), self.fit.model.networks, "network")

    def horizon(self, steps: int | None) -> int:
        """Steps of rollouts in data intervals; None: as many as the longest trajectory has."""
        return max(len(t) for t in self.states.times) - 1 if steps is None else steps

    def about_horizon(self, steps: int | None) -> None:
        """Note a horizon that is much longer than anything that was trained on."""
        record = max(len(t) for t in self.trained.times) - 1
        if steps is not None and steps > FURTHEST * max(record, 1):
            self.note(
                "horizon",
                f"the horizon of {steps} steps is {steps / max(record, 1):.3g} times as long as the longest trajectory "
                f"that was trained on ({record} steps): nothing measured says what happens there.",
                "Compare with measurements of that length.",
            )

    def conditions(self, most: int) -> Conditions:
        """Where rollouts start, at most so many of the states' trajectories and of the new ones."""
        starts, u, c, kinds, labels, trajectories = [], [], [], [], [], []
        for kind, states in ((self.kind, self.states), *([] if self.new is None else [("new", self.new)])):
            t, first = starts_of(states)
            picked = np.unique(np.linspace(0, len(t) - 1, min(len(t), most)).round().astype(int))
            starts.append(t[picked])
            u.append(first[picked])
            if states.constants:
                c.append(np.stack(states.constants)[picked])
            kinds += [kind] * len(picked)
            trajectories += [states.labels[k] for k in picked]
            labels += [f"{kind} {states.labels[k]}" for k in picked]
        constants = np.concatenate(c) if c else None
        return Conditions(np.concatenate(starts), np.concatenate(u), constants, kinds, labels, trajectories)


def starts_of(states: States) -> tuple[np.ndarray, np.ndarray]:
    """First times (B,) and states (B, n) of trajectories."""
    return np.array([float(t[0]) for t in states.times]), np.stack([u[0] for u in states.states])
