"""`Check`: one question that an audit asks of a fit, with its settings; `Outcome`: what it found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import xarray as xr

from ..checks import function, instance, known_arguments, mapping, refused, sequence
from .finding import Finding
from .subject import Subject

__all__ = ["Check", "Outcome"]

S = TypeVar("S", bound=Subject)


@known_arguments
@dataclass(frozen=True)
class Outcome:
    """What one check found.

    Attributes
    ----------
    findings
        Sentences with a verdict each; none where there is nothing to say.
    groups
        Name → Dataset: what it rests on, stored in the fit's tree and file under `/diagnostics/audit_NAME`.
    panels
        Name → function of a figure, which draws into it: a row each in `Audit.plot`. One that several checks share
        stands once.

    Raises
    ------
    OptionError
        If something is of another kind, or a group's name has a `/`.
    """

    findings: tuple[Finding, ...] = ()
    groups: Mapping[str, xr.Dataset] = field(default_factory=dict)
    panels: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own = type(self).__name__

        def finding(given: Any) -> Finding:
            return instance(given, Finding, "findings", own, needs="a list of `ude.audit.Finding`")

        listed = sequence(self.findings, "findings", own, needs="a list of `ude.audit.Finding`", each=finding)
        object.__setattr__(self, "findings", listed)
        for name, group in mapping(self.groups, "groups", own, needs="a dict name → Dataset").items():
            if not name or "/" in name:
                raise refused(name, "groups", own, "names without `/`")
            instance(group, xr.Dataset, f"groups: {name}", own, needs="an xarray Dataset")
        for name, panel in mapping(self.panels, "panels", own, needs="a dict name → function of a figure").items():
            function(panel, f"panels: {name}", own, needs="a function of a figure", takes=1)


class Check(ABC, Generic[S]):
    """One question that an audit asks: subclass it as a frozen dataclass, whose fields are the settings.

    `fit.audit(checks=[...])` takes such objects beside the names of the built-in ones.

    Attributes
    ----------
    name
        What findings, `checks=` and `audit[...]` call it.
    needs
        What it looks at, a class: `ude.audit.Subject` (any fit, the default), `ude.audit.StatesSubject` (a fit to
        states over time) or `ude.audit.ResidualSubject` (a fit of a residual problem). Other fits refuse it.
    learns
        Whether it looks at networks: where a model has none, that is a note.
    stem
        What the names of its groups begin with under `/diagnostics`.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np, unideq as ude, xarray as xr
    >>> @dataclass(frozen=True)
    ... class Bounded(ude.audit.Check):
    ...     name = "bounded"
    ...     most: float = 10.0
    ...
    ...     def examine(self, subject):
    ...         largest = abs(subject.fit.predict()["x"]).max()
    ...         severity = "ok" if largest <= self.most else "warning"
    ...         found = ude.audit.Finding(self.name, severity, f"|x| reaches {largest:.3g}.", largest.to_dataset())
    ...         return ude.audit.Outcome([found], {"bounded": found.evidence})
    >>> model = ude.ODE(lambda t, s, p: {"x": -p.k * s.x}, ["x"], {"k": 1.0})
    >>> data = xr.Dataset({"x": ("time", [2.0, 1.0, 0.5])}, {"time": [0.0, 0.7, 1.4]})
    >>> fit = ude.fit(model, data, phases=ude.Adam(1e-2, 2), progress=False)
    >>> fit.audit(Bounded(most=1.0)).severity
    'warning'
    """

    name: ClassVar[str] = ""
    needs: ClassVar[type[Subject]] = Subject
    learns: ClassVar[bool] = False
    stem: ClassVar[str] = "audit_"

    @classmethod
    def suits(cls, subject: Subject) -> bool:
        """Whether an audit makes it without being asked."""
        return isinstance(subject, cls.needs)

    def prepare(self, subject: S) -> None:
        """Refuse settings that don't suit the fit, and compute what is shared: an error here ends the audit.

        Called of all checks before any looks.
        """

    @abstractmethod
    def examine(self, subject: S) -> Outcome:
        """Look.

        Raises
        ------
        ModelError, DataError, ExtraMissing, EngineUnsupported
            Where it can't be made for this fit: the audit says so in a note, `not checked: …`, and goes on.
        """


def not_checked(name: str, why: object) -> Finding:
    """The note on a check that can't be made."""
    return Finding(name, "note", f"not checked: {why}")
