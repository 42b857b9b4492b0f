"""`Finding`: one thing that an audit has to say, with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field

import xarray as xr

from ..checks import choice, instance, known_arguments, settle, text

__all__ = ["SEVERITIES", "Finding"]

SEVERITIES = ("ok", "note", "warning")


@known_arguments
@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check
        Name of the check.
    severity
        `ok` (nothing to worry about), `note` (worth knowing) or `warning` (the model won't do what it seems to do).
    statement
        One sentence with numbers.
    evidence
        The numbers behind it.
    advice
        What to try; empty where there is nothing to do.

    Raises
    ------
    OptionError
        For another severity, and where something is of another kind.
    """

    check: str
    severity: str
    statement: str
    evidence: xr.Dataset = field(default_factory=xr.Dataset)
    advice: str = ""

    def __post_init__(self) -> None:
        settle(self, text, "check", "statement", empty=False)
        settle(self, text, "advice")
        settle(self, choice, "severity", choices=SEVERITIES)
        settle(self, instance, "evidence", kinds=xr.Dataset, needs="an xarray Dataset")

    def __repr__(self) -> str:
        return f"{self.severity:<8}{self.check}: {self.statement}" + (f" {self.advice}" if self.advice else "")
