"""`Audit`: the findings of an audit, as text, HTML, a figure and data."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import xarray as xr

from .finding import SEVERITIES, Finding
from .rollout.flow_map import FlowMap
from .rollout.shift import Shift
from .truncation.refinement import Refinement
from .truncation.truncation import Truncation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .pathology.pathology import Pathology

__all__ = ["Audit"]

_COLOURS = {"ok": "#009e73", "note": "#e69f00", "warning": "#d55e00"}


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    findings
        In the order of the checks.
    truncation, refinement, flow_map, shift, pathology
        Details of each check; None where it wasn't made. `pathology` is that of residual fits.
    """

    findings: tuple[Finding, ...]
    truncation: Truncation | None = None
    refinement: Refinement | None = None
    flow_map: FlowMap | None = None
    shift: Shift | None = None
    pathology: Pathology | None = None

    @property
    def severity(self) -> str:
        """The worst of the findings' severities."""
        return max((f.severity for f in self.findings), key=SEVERITIES.index, default="ok")

    @property
    def passed(self) -> bool:
        """Whether there is no warning."""
        return self.severity != "warning"

    def groups(self) -> dict[str, xr.Dataset]:
        """Name → Dataset, as stored under `/diagnostics/audit_…`; `findings` holds the sentences."""
        found = {
            "findings": xr.Dataset(
                {
                    key: ("finding", [getattr(f, key) for f in self.findings])
                    for key in ("check", "severity", "statement", "advice")
                }
            )
        }
        for result in (self.truncation, self.refinement, self.flow_map, self.shift, self.pathology):
            if result is not None:
                found |= result.groups()
        return found

    def to_tree(self) -> xr.DataTree:
        """The same as a DataTree of its own."""
        return xr.DataTree.from_dict({f"/{name}": d for name, d in self.groups().items()})

    def plot(self) -> Figure:
        """One figure: a row a check; of a residual fit gradients a layer, and numbers over training."""
        if self.pathology is not None:
            from .pathology.plot_gradients import draw_pathology

            return draw_pathology(self.pathology)
        from .picture import draw

        return draw(self)

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
