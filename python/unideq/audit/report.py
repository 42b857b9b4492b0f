"""`Audit`: the findings of an audit, as text, HTML, a figure and data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..errors import unknown
from ..result.plot.style import make_figure, styled
from .check import Outcome
from .finding import SEVERITIES, Finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Audit"]

_COLOURS = {"ok": "#009e73", "note": "#e69f00", "warning": "#d55e00"}
_WIDTH, _HEIGHT = 10.5, 3.3
"""Of a row of the figure, in inches."""


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    findings
        In the order of the checks.
    outcomes
        Check's name → details, of the checks that were made; `audit["flow_map"]` is one of them.
    """

    findings: tuple[Finding, ...]
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)

    def __getitem__(self, check: str) -> Any:
        if check not in self.outcomes:
            raise unknown("outcome of a check", check, self.outcomes)
        return self.outcomes[check]

    @property
    def severity(self) -> str:
        """The worst of the findings' severities."""
        return max((f.severity for f in self.findings), key=SEVERITIES.index, default="ok")

    @property
    def passed(self) -> bool:
        """Whether there is no warning."""
        return self.severity != "warning"

    def groups(self) -> dict[str, xr.Dataset]:
        """Name → Dataset, as stored under `/diagnostics`; `findings` holds the sentences."""
        keys = ("check", "severity", "statement", "advice")
        found = {"findings": xr.Dataset({k: ("finding", [getattr(f, k) for f in self.findings]) for k in keys})}
        for outcome in self.outcomes.values():
            found |= outcome.groups
        return found

    def to_tree(self) -> xr.DataTree:
        """The same as a DataTree of its own."""
        return xr.DataTree.from_dict({f"/{name}": d for name, d in self.groups().items()})

    def plot(self) -> Figure:
        """One figure: a row a panel of the checks, the evidence at the left and where it shows at the right."""
        panels = {name: draw for outcome in self.outcomes.values() for name, draw in outcome.panels.items()}
        with styled():
            figure = make_figure(_WIDTH, max(1, len(panels)) * _HEIGHT)
            rows = np.atleast_1d(np.array(figure.subfigures(max(1, len(panels)), 1), dtype=object))
            for draw, row in zip(panels.values(), rows, strict=False):
                draw(row)
        return figure

    def __repr__(self) -> str:
        counts = {s: sum(f.severity == s for f in self.findings) for s in reversed(SEVERITIES)}
        head = ", ".join(f"{n} {s}{'s' if n > 1 and s != 'ok' else ''}" for s, n in counts.items() if n)
        lines = [f"Audit: {head or 'nothing checked'}"]
        for f in self.findings:
            lines.append(f"  {f.severity:<8}{f.check}: {f.statement}")
            if f.advice:
                lines.append(f"          → {f.advice}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        cell = "padding:4px 14px 4px 0;text-align:left;vertical-align:top"
        rows = "".join(
            f'<tr><td style="{cell};color:{_COLOURS[f.severity]};font-weight:600">{f.severity}</td>'
            f'<td style="{cell}">{escape(f.check)}</td>'
            f'<td style="{cell}">{escape(f.statement)}'
            + (f"<br><em>{escape(f.advice)}</em>" if f.advice else "")
            + "</td></tr>"
            for f in self.findings
        )
        colour = _COLOURS[self.severity]
        return (
            f'<div><strong style="color:{colour}">Audit: {self.severity}</strong>'
            f'<table style="border-collapse:collapse">{rows}</table></div>'
        )
