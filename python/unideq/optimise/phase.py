"""`Phase`: an optimiser, for how long, with which settings, and on which objective; the base of all of them.

A kind of phase is named in one place: its class. Python, both engines, files and messages read from there what it is
called, what its settings and its state are, and what it needs of an objective.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, TypeVar

import numpy as np

from ..checks import PRECISIONS, choice, instance, mapping, number, settle, text, whole
from ..errors import EngineUnsupported
from ..model.layout import Layout
from ..objective.objective import Objective
from ..stored import Stored, members, stored
from .matrices import Matrix
from .schedule import Schedule
from .state import Arrays, State, flat

__all__ = ["Phase", "check_engine", "optimizers_of"]

P = TypeVar("P", bound="Phase")


class Phase(Stored):
    """Base of all phases; use `Adam`, `AdamW`, `SOAP`, `LBFGS`, `BFGS` or `GaussNewton`.

    A kind is a frozen dataclass with a name for files, `kind`; defining one makes it readable from there. Fields
    declared `int` are counts, which compiled code is made for; other numbers are data, and so are a schedule's.
    """

    family: ClassVar[str] = "optimizer"
    tag: ClassVar[str] = "optimizer"
    first_order: ClassVar[bool] = False
    """One evaluation of the loss an iteration: data and weights may differ from one to the next."""
    needs_residuals: ClassVar[bool] = False
    """Every term of the objective has to be a mean of squared residuals at points."""
    whole_matrices: ClassVar[bool] = False
    """Whether it looks at whole weight matrices."""
    on_host: ClassVar[bool] = False
    """Whether its steps are made here, with what engines evaluate; engines themselves don't know it."""
    engines: ClassVar[tuple[str, ...]] = ()
    """The engines that have it; none named: all."""
    later: ClassVar[Mapping[str, Any]] = {}
    """Settings that came later, left out of files at these defaults: runs saved before go on."""
    iterations: int
    objective: Objective | None
    precision: str = "float64"
    """What losses and gradients are evaluated in; those that can choose have it as a setting."""
    matrices: tuple[Matrix, ...] = ()
    """Where θ has weight matrices. Not a setting: a run knows."""

    def __init_subclass__(cls) -> None:
        if cls.kind:
            stored(cls)

    @classmethod
    def parts(cls) -> Mapping[str, type[Stored]]:
        """A schedule, and the phase's own objective."""
        return {"learning_rate": Schedule, "objective": Objective}

    def stored_values(self) -> dict[str, Any]:
        """The settings, without those that came later and are at their defaults."""
        own = super().stored_values()
        return {n: v for n, v in own.items() if n not in self.later or v != self.later[n]}

    # ---- what a run begins with ---------------------------------------------------------------------------------

    def begin(self, theta: np.ndarray, terms: int) -> Arrays:
        """State of S seeds at the start θ (S, P), for an objective with that many terms."""
        return flat(self._begin(theta, terms))

    def _begin(self, theta: np.ndarray, terms: int) -> State[np.ndarray]:
        """The same by the method's own type, whose groups are dicts."""
        raise NotImplementedError

    # ---- its numbers, for compiled code -------------------------------------------------------------------------

    def numbers(self) -> dict[str, np.ndarray]:
        """The settings that compiled code takes as data: name → number, `learning_rate.factors` for a schedule's."""
        return {name: np.asarray(value, float) for name, value in self._all_numbers()}

    def _all_numbers(self) -> list[tuple[str, Any]]:
        found = []
        counts = {f.name for f in fields(self) if f.type in ("int", int)}  # type: ignore[arg-type]
        for name, value in self._fields():
            if isinstance(value, Schedule):
                found += [(f"{name}.{inner}", v) for inner, v in value.__dict__.items()]
            elif isinstance(value, (int, float, np.ndarray)) and not isinstance(value, bool) and name not in counts:
                found.append((name, value))
        return found

    def with_numbers(self: P, numbers: Mapping[str, Any], matrices: tuple[Matrix, ...] = ()) -> P:
        """The same phase with symbols, or an engine's arrays, for its numbers; nothing is checked again."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, matrices=matrices)
        for name, value in numbers.items():
            outer, _, inner = name.partition(".")
            if inner and copy.__dict__[outer] is self.__dict__[outer]:
                schedule = self.__dict__[outer]
                copy.__dict__[outer] = object.__new__(type(schedule))
                copy.__dict__[outer].__dict__.update(schedule.__dict__)
            (copy.__dict__[outer] if inner else copy).__dict__[inner or outer] = value
        return copy

    def lasting(self: P, iterations: int) -> P:
        """The same phase for that many iterations."""
        return self.with_numbers({"iterations": iterations})

    def paced(self: P, layout: Layout) -> P:
        """The same phase for θ of this layout: where it has `rates`, with a factor for every entry.

        Raises
        ------
        OptionError
            If a name isn't one of the layout's.
        """
        rates: Mapping[str, float] | None = self.__dict__.get("rates")
        if not rates:
            return self
        factors = np.ones(layout.size)
        for name in sorted(rates, key=lambda n: n.count(".")):  # of a network and its layer, the layer's word counts
            for entry in layout.within(name):
                factors[layout.window(entry.name)] = rates[name]
        return self.with_numbers({"factors": factors})

    @property
    def structure(self) -> tuple[Any, ...]:
        """What compiled code is made for: all but the numbers, of which it has the shapes. Hashable."""
        numbers = {name.partition(".")[0] for name, _ in self._all_numbers()}
        rest = [(n, type(v) if n in numbers else v) for n, v in self._fields() if n != "iterations"]
        return (type(self), *rest, *((n, np.shape(v)) for n, v in self._all_numbers()))

    def _fields(self) -> list[tuple[str, Any]]:
        apart = ("objective", "matrices", "rates")
        return [(name, value) for name, value in self.__dict__.items() if name not in apart]

    # ---- checks -------------------------------------------------------------------------------------------------

    def __post_init__(self) -> None:
        """Check what phases have in common; a class has some of these."""
        own = self.__dict__
        if "learning_rate" in own and not isinstance(own["learning_rate"], Schedule):
            settle(self, number, "learning_rate", above=0, hint=_OR_SCHEDULE)
        for word, names, limits in _LIMITS:
            settle(self, word, *(n for n in names if n in own), **limits)
        if own.get("rates") is not None:
            settle(self, _rates, "rates")
        needs = "an objective such as `ude.Trajectory()`"
        settle(self, instance, "objective", kinds=Objective, needs=needs, none=True)


_LIMITS: tuple[tuple[Any, tuple[str, ...], dict[str, Any]], ...] = (
    (whole, ("iterations", "memory", "line_search", "precondition_every"), {"least": 1}),
    (number, ("beta1", "beta2"), {"least": 0, "below": 1}),
    (number, ("epsilon", "tolerance", "weight_decay"), {"least": 0}),
    (number, ("clip",), {"above": 0, "none": True}),
    (number, ("skip",), {"above": 1, "none": True}),
    (choice, ("precision",), {"choices": PRECISIONS}),
)


def _rates(given: Any, name: str, of: str) -> dict[str, float]:
    found = mapping(given, name, of, needs='a dict of factors, e.g. `{"closure.layer_1": 0.1}`', none=True)
    hint = "To keep values as they are, freeze them."
    return {
        text(n, name, of, empty=False): number(f, f"{name}[{n!r}]", of, above=0, hint=hint) for n, f in found.items()
    }


_OR_SCHEDULE = "Or give a schedule, such as `ude.CosineDecay(1e-2)`."


def check_engine(phase: Phase, engine: str) -> None:
    """Raise an `EngineUnsupported` where an engine lacks a phase; names the one that has it."""
    if phase.engines and engine not in phase.engines:
        other = phase.engines[0]
        raise EngineUnsupported(
            f"Engine `{engine}` lacks the phase `{type(phase).__name__}`; engine `{other}` has it. Say "
            f'`engine="{other}"`, or use another phase, such as `ude.Adam(...)`.'
        )


def optimizers_of(engine: str) -> list[str]:
    """Names of the optimisers that an engine has."""
    return [
        name for name, cls in members(Phase).items() if not cls.on_host and (not cls.engines or engine in cls.engines)
    ]
