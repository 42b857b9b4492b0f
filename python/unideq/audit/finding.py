"""`Finding`: one thing that an audit has to say, with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr

__all__ = ["SEVERITIES", "Finding"]

SEVERITIES = ("ok", "note", "warning")


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check
        `truncation`, `refinement`, `flow_map` or `shift`; of residual fits a name of
        `unideq.audit.pathology.pathology.CHECKS`.
    severity
        `ok` (nothing to worry about), `note` (worth knowing) or `warning` (the model won't do what it seems to do).
    statement
        One sentence with numbers.
    evidence
        The numbers behind it.
    advice
        What to try; empty where there is nothing to do.
    """

    check: str
    severity: str
    statement: str
    evidence: xr.Dataset
    advice: str = ""

    def __repr__(self) -> str:
        return f"{self.severity:<8}{self.check}: {self.statement}" + (f" {self.advice}" if self.advice else "")
