"""`fit.audit`: asks a fit of any kind what its checks, which are objects, want to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from ..checks import instance, sequence, text
from ..errors import DataError, EngineUnsupported, ExtraMissing, ModelError, OptionError, unknown
from ..model import Model
from ..result import Fit
from .belief import Belief
from .check import Check, Outcome, not_checked
from .closure import ClosureSpectrum, Coupled, GradientModel
from .distribution import Distribution, StochasticSubject
from .finding import Finding
from .martingale import BackwardSubject, MartingaleResidual
from .pathology import (
    Balance,
    Causality,
    Concentration,
    Conflict,
    Generalisation,
    Progress,
    ResidualSubject,
    Stiffness,
)
from .rankings import Rankings
from .report import Audit
from .rollout import FlowMap, Integrator, Shift
from .subject import StatesSubject, Subject
from .truncation import Truncation

__all__ = ["BUILT_IN", "audit"]

BUILT_IN: tuple[type[Check[Any]], ...] = (
    Truncation, FlowMap, Integrator, Shift, Belief, GradientModel, ClosureSpectrum, Coupled, Rankings, Balance,
    Stiffness, Conflict, Causality, Concentration, Generalisation, Progress, MartingaleResidual, Distribution,
)  # fmt: skip
"""Checks that have a name to be asked for by; those that suit a kind of fit are its default, in this order."""
_FINDINGS = "audit_findings"
_NO_NETWORK = (
    "the model has no network that enters its equations, so nothing was learned that an audit could look at: "
    "parameters are judged by `fit.tree['diagnostics']` and by their spread over data and starts."
)


def audit(
    fit: Fit,
    checks: str | Check[Any] | Sequence[str | Check[Any]] | None = None,
    data: xr.Dataset | None = None,
    new: xr.Dataset | Mapping[str, Any] | None = None,
    truth: Model | None = None,
) -> Audit:
    """Examine a fit; see `Fit.audit`."""
    subject = _subject(fit, data=data, new=new, truth=truth)
    wanted = chosen_checks(checks, subject)
    findings: list[Finding] = []
    if any(c.learns for c in wanted) and not subject.networks:
        wanted = [c for c in wanted if not c.learns]
        findings.append(Finding("closure", "note", _NO_NETWORK))
    for check in wanted:
        check.prepare(subject)
    findings += subject.notes
    outcomes: dict[str, Outcome] = {}
    groups: dict[str, xr.Dataset] = {}
    for check in wanted:
        try:
            outcome = check.examine(subject)
        except (ModelError, DataError, ExtraMissing, EngineUnsupported) as error:
            findings.append(not_checked(check.name, error))
            continue
        needs = "an outcome from `examine`, `ude.audit.Outcome(...)`"
        outcomes[check.name] = instance(outcome, Outcome, check.name, needs=needs)
        findings += outcome.findings
        for name, group in outcome.groups.items():
            place = f"{check.stem}{name}"
            if place == _FINDINGS or not groups.setdefault(place, group).identical(group):
                raise OptionError(
                    f"The check `{check.name}` writes the group `{name}`, which holds something else already. Name it "
                    "after the check, and give checks that share a group the same settings."
                )
    made = Audit(tuple(findings), outcomes)
    for place, group in {_FINDINGS: made.groups()["findings"], **groups}.items():
        fit.add_group(f"/diagnostics/{place}", group)
    return made


def _subject(fit: Fit, **given: Any) -> Subject:
    """What checks look at; of a fit whose states they can't look at, what it knows about interventions."""
    known = StochasticSubject, StatesSubject, ResidualSubject, BackwardSubject
    found = next((s for s in known if isinstance(fit.model, s.models)), Subject)
    try:
        return found(fit, **given)
    except ModelError as error:
        if any(value is not None for value in given.values()) or not Rankings.suits(Subject(fit)):
            raise
        subject = Subject(fit)
        subject.notes.append(not_checked("states", error))
        return subject


def chosen_checks(checks: Any, subject: Subject) -> list[Check[Any]]:
    """The checks to make: built-in ones by name, objects, a list of both; None: all built-in ones that suit.

    Raises
    ------
    OptionError
        For unknown names, checks that don't suit this kind of fit, and one name twice.
    """
    named = {c.name: c for c in BUILT_IN}
    suiting = {n: c for n, c in named.items() if c.suits(subject)}
    if checks is None:
        return [c() for c in suiting.values()]
    listing = ", ".join(f"`{n}`" for n in suiting)
    example = f"ude.audit.{next(iter(suiting.values())).__name__}()"
    needs = f"one or more of {listing}, or of objects like `{example}`"
    listed = [checks] if isinstance(checks, (str, Check, type)) else checks
    chosen: dict[str, Check[Any]] = {}
    for given in sequence(listed, "checks", "audit", needs=needs, least=1):
        if isinstance(given, str) and given not in named:
            raise unknown("check", given, suiting)
        check = named[given]() if isinstance(given, str) else instance(given, Check, "checks", "audit", needs=needs)
        name = text(check.name, "name", type(check).__name__, empty=False, hint='Write `name = "…"` in the class.')
        if not isinstance(subject, check.needs):
            raise OptionError(f"`{name}` looks at {check.needs.words}; this is {subject.words}. Possible: {listing}.")
        if name in chosen:
            raise OptionError(f"There are two checks `{name}`: leave one out, or give one another `name`.")
        chosen[name] = check
    return list(chosen.values())
