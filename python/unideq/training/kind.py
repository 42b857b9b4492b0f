"""`Kind`: what a fit asks of its kind of model. One file a kind, in `unideq.kinds`; all else is the same for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from ..checks import unknown_argument
from ..errors import FileFormatError, ModelError, OptionError
from .settings import FitSettings
from .task import Task

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from ..objective import Observations
    from ..result.fit import Fit
    from .record import Record

__all__ = ["Kind", "kind_of", "kind_of_file", "register_kind"]

_KINDS: dict[type, Kind] = {}
K = TypeVar("K", bound="Kind")

COMMON = ("objective", "phases", "seeds", "checkpoint", "engine", "progress", "report_every", "callback")
"""Arguments of `fit` that all kinds take."""


class Kind:
    """Answers for one kind of model. What isn't answered here is the same for all kinds.

    Methods with the names of `Fit`'s are what those do: `predict`, `plot`, `export_julia`, …; a fit refuses what its
    kind hasn't, with the words in `instead`.
    """

    words: ClassVar[str] = "models of this kind"
    """What messages call such models."""
    file: ClassVar[str] = "fit"
    """`unideq_kind` of their files."""
    of: ClassVar[str] = ""
    """What `unideq info` says after `a fit`."""
    described_as: ClassVar[str] = "model"
    """Attribute of a file that holds the model's description."""
    computed: ClassVar[tuple[str, ...]] = ()
    """Groups of the tree that are computed from the trained model, the first one always there."""
    options: ClassVar[tuple[str, ...]] = ()
    """Arguments of `fit` that this kind takes besides those that all take."""
    refused: ClassVar[Mapping[str, str]] = {}
    """Argument of `fit` that this kind doesn't take → why, and what to do."""
    instead: ClassVar[Mapping[str, str]] = {}
    """Method of `Fit` that this kind hasn't → what to do."""
    settings: ClassVar[type[FitSettings]] = FitSettings
    task: ClassVar[type[Task]] = Task
    total: ClassVar[str] = "total loss"
    """What the best seed's total is called."""
    judged_by: ClassVar[str] = "windows that mini-batches are judged by"
    """What judged totals are of."""
    best_by: ClassVar[str] = "total"
    """The same in short."""
    pictured: ClassVar[str] = "The fit"
    """What `plot` shows."""

    # ---- what `fit` is given ----------------------------------------------------------------------------------

    def check_arguments(self, given: Mapping[str, Any]) -> None:
        """Raise an `OptionError` for arguments of `fit` that mean nothing to this kind."""
        for name, value in given.items():
            if name in self.options:
                continue
            if name in self.refused:
                raise OptionError(self.refusal(name, value))
            raise unknown_argument("fit", name, ("model", "data", *COMMON, *self.options))

    def refusal(self, name: str, value: Any) -> str:
        """Why an argument isn't for this kind, and what to do."""
        return f"`{name}` isn't for {self.words}: {self.refused[name]}."

    def chosen(self, *given: Any, **options: Any) -> FitSettings:
        """Settings that a user gave, checked."""
        raise NotImplementedError

    def settle(
        self, model: Any, data: Any, objective: Any, phases: Any, seeds: Any, report_every: Any, **options: Any
    ) -> tuple[Any, Observations | None, FitSettings]:
        """The model to train, what was measured (None: the model says it), and the settings, all checked."""
        raise NotImplementedError

    def may_switch(self, settings: FitSettings) -> bool:
        """Whether the task may find another way where every seed gives up."""
        return False

    # ---- what was trained -------------------------------------------------------------------------------------

    def trained(self, record: Record, theta: np.ndarray) -> Any:
        """The model at one seed's θ (P,)."""
        return record.model.with_theta(theta)

    def method(self, record: Record) -> str:
        """Who computes its solution, for headlines; empty where there is nothing to say."""
        return ""

    def how(self, record: Record) -> str:
        """The same with a word for what it is, e.g. `solver tsit5`."""
        return self.method(record)

    def shown_rows(self, record: Record) -> list[tuple[str, str]]:
        """Further lines of what a fit prints."""
        return []

    def is_likelihood(self, record: Record, best: float) -> bool:
        """Whether totals, of which the best is `best`, are log likelihoods of measurements: differences count then."""
        return False

    def concerns(self, fit: Fit) -> Iterable[str]:
        """What can be said of a fit that has just been trained, in sentences with their remedy."""
        return ()

    # ---- its tree and file ------------------------------------------------------------------------------------

    def model_from_json(self, data: Mapping[str, Any]) -> Any:
        """The model of a file's description."""
        raise NotImplementedError

    def dims(self, model: Any, name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
        """Names of the dimensions of a parameter's axes."""
        return tuple(f"{name}_{k}" for k in range(len(shape)))

    def group_values(self, record: Record) -> dict[str, tuple[str, list[Any], np.ndarray]]:
        """Parameter by group → the name of its dimension, the labels along it, and its values (S, groups)."""
        return {}

    def groups(self, record: Record) -> dict[str, xr.Dataset]:
        """Groups besides those that all kinds have, which resuming needs."""
        return {}

    def read(self, tree: xr.DataTree, model: Any, settings: Any) -> dict[str, Any]:
        """Fields of the record besides those that all kinds have."""
        return {}

    def compute(self, fit: Fit) -> dict[str, xr.Dataset]:
        """The groups in `computed`, with a leading `/`."""
        return {}

    # ---- its report -------------------------------------------------------------------------------------------

    def title(self, record: Record) -> str:
        """Of its report."""
        return f"Fit of {self.summary(record)}"

    def summary(self, record: Record) -> str:
        """What was fitted, in a word or two."""
        return type(record.model).__name__

    def size(self, record: Record) -> str:
        """How much there is to fit to, e.g. `21 measured values`."""
        return ""

    def described(self, model: Any) -> tuple[str, str]:
        """(heading, text) that describe the model."""
        return "Model", repr(model)

    def setting_rows(self, record: Record) -> list[tuple[str, str]]:
        """(what, how) of everything that decided the run."""
        return record.settings.rows()

    def score_lines(self, record: Record, diagnostics: xr.Dataset) -> tuple[str, list[str]]:
        """(heading, lines) of what the best seed is worth, for `unideq info`."""
        return "", []

    def sections(self, fit: Fit, **settings: Any) -> Mapping[str, str]:
        """Heading → HTML of sections of its report.

        `Data`, and `Audit` where there was none, have their places; that of `described` may be written out; others
        follow the parameters.
        """
        return {}

    def advice(self, fit: Fit) -> list[str]:
        """What could be done better."""
        return []

    def plot(self, fit: Fit, path: Any = None, **settings: Any) -> Figure:
        """The fit in one figure; here the course of training."""
        from ..result.plot import history_alone

        return history_alone(fit, path, **settings)


def register_kind(*models: type) -> Any:
    """Class decorator: the kind of these models, and of what inherits from them."""

    def registered(kind: type[K]) -> type[K]:
        one: Kind = kind()
        _KINDS.update({model: one for model in models})
        return kind

    return registered


def _all() -> dict[type, Kind]:
    from .. import kinds as _kinds  # noqa: F401  the kinds register themselves

    return _KINDS


def kind_of(model: Any) -> Kind:
    """The kind of a model.

    Raises
    ------
    ModelError
        If nothing is known that trains it.
    """
    known = _all()
    found = next((known[c] for c in type(model).__mro__ if c in known), None)
    if found is None:
        raise ModelError(
            f"`fit` needs a model, e.g. `unideq.ODE(...)`, or a `unideq.ResidualProblem`, not {type(model).__name__}."
        )
    return found


def kind_of_file(word: str, source: str) -> Kind:
    """One of the kinds whose files have this `unideq_kind`; models of several kinds may be described alike.

    Raises
    ------
    FileFormatError
        If there is none.
    """
    if word == "solution":
        raise FileFormatError(f"`{source}` holds a solution, not a fit. Read it with `unideq.Solution.load`.")
    found = next((k for k in _all().values() if k.file == word), None)
    if found is None:
        raise FileFormatError(f"`{source}` holds a `{word}`, which this version doesn't know.")
    return found
