"""Where was a learned term seen, and do the seeds agree there?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from ..checks import known_arguments
from ..result.ensemble import near_best
from ..result.learned import Visited, visited
from ..result.region import DOUBTED, believed, seen_in_training
from .check import Check, Outcome
from .finding import Finding
from .subject import StatesSubject, Subject

__all__ = ["Belief"]

SHARE = 0.05
"""Part of the region that may be doubted, and of held-out arguments that may lie outside."""


@known_arguments
@dataclass(frozen=True)
class Belief(Check[StatesSubject]):
    """Where the good seeds of a fit agree on what a network is, over the region that training saw; of several seeds.

    A finding a network that acts on points: `ok` where they differ by less than a fifth of what it varies by, `warning`
    where they don't in more than 5 % of the region; whether held-out times leave it stands beside.

    Attributes
    ----------
    network
        Which; default: all that the equations call on points.
    """

    name: ClassVar[str] = "belief"
    needs = StatesSubject
    learns = True
    network: str | None = None

    @classmethod
    def suits(cls, subject: Subject) -> bool:
        return isinstance(subject, cls.needs) and len(subject.fit.seeds) > 1

    def prepare(self, subject: StatesSubject) -> None:
        subject.known_network(self.network)

    def examine(self, subject: StatesSubject) -> Outcome:
        fit, findings, groups, panels = subject.fit, [], {}, {}
        for name in subject.networks if self.network is None else (self.network,):
            if fit.model.networks[name].acts_on != "points":
                findings.append(Finding(self.name, "note", f"not checked: `{name}` acts on whole fields."))
                continue
            seen = visited(fit, name)
            region, beyond = seen_in_training(fit, seen)
            points, spread, _ = believed(fit, seen, region)
            outside = 1.0 - float(np.mean(region.holds(beyond))) if len(beyond) else 0.0
            labels = list(seen.argument_labels)
            found = xr.Dataset(
                {
                    "argument_value": (("point", "argument"), points, {"long_name": "where the term was seen"}),
                    "disagreement": (("point",), spread, {"long_name": "spread of the good seeds / range of the term"}),
                },
                {"argument": labels},
                {"outside": outside, "network": name},
            )
            groups[f"{self.name}_{name}"] = found
            panels[f"{self.name}_{name}"] = partial(_panel, found)
            good = int(near_best(fit.record).sum())
            findings.append(self._finding(seen, found, len(beyond)) if good > 1 else self._alone(seen, found))
        return Outcome(tuple(findings), groups, panels)

    def _alone(self, seen: Visited, d: xr.Dataset) -> Finding:
        said = f"one seed alone is good, and nothing says how far `{seen.network}` is believed where it was seen."
        return Finding(self.name, "note", said, d, "Train several: `seeds=4`.")

    def _finding(self, seen: Visited, d: xr.Dataset, beyond: int) -> Finding:
        spread, points, outside = d["disagreement"].values, d["argument_value"].values, d.attrs["outside"]
        ranges = zip(seen.argument_labels, points.min(axis=0), points.max(axis=0), strict=True)
        where = ", ".join(f"{label} {low:.3g} to {high:.3g}" for label, low, high in ranges)
        worst = int(np.argmax(spread))
        at = ", ".join(f"{label} = {v:.3g}" for label, v in zip(seen.argument_labels, points[worst], strict=True))
        doubted = float(np.mean(spread > DOUBTED))
        said = (
            f"`{seen.network}` was seen at {where}; the good seeds differ there by {100 * np.median(spread):.2g} % of "
            f"what it varies by (median), by {100 * spread[worst]:.2g} % at {at}"
        )
        if beyond and outside > SHARE:
            said += f"; {100 * outside:.2g} % of what held-out times call it with lies outside"
        if doubted > SHARE:
            advice = "Don't read it there: take more data or `seeds`, a smaller network, or `regularise`."
            return Finding(self.name, "warning", f"{said}: not believed in {100 * doubted:.2g} % of it.", d, advice)
        return Finding(self.name, "note" if beyond and outside > SHARE else "ok", f"{said}.", d)


def _panel(found: xr.Dataset, figure: Any) -> None:
    """Disagreement over every argument."""
    arguments = list(found["argument"].values)[:4]
    axes = figure.subplots(1, len(arguments), squeeze=False, sharey=True)[0]
    for ax, name in zip(axes, arguments, strict=True):
        x = found["argument_value"].sel(argument=name).values
        ax.plot(x, 100 * found["disagreement"].values, ls="none", marker="o", ms=2.4, mew=0, alpha=0.6)
        ax.axhline(100 * DOUBTED, color="#8a8a8a", lw=0.8, ls="--")
        ax.set_xlabel(name)
    axes[0].set_ylabel("spread of the seeds, % of range")
    axes[0].set_title(f"belief in {found.attrs['network']}", loc="left")
