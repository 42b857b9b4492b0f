"""Is there much left to solve, whatever the reason?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ...checks import known_arguments
from ..finding import Finding
from .left import LATE, percent
from .pathology import Pathology
from .subject import Watched

__all__ = ["Progress"]

FALLING = 2.0
"""Factor by which a total falls in the last fifth of a training that isn't at its end."""


@known_arguments
@dataclass(frozen=True)
class Progress(Pathology):
    """Is there much left to solve, whatever the reason?"""

    name = "progress"

    def verdict(self, watched: Watched) -> Finding:
        return progress_finding(watched.dataset)


def progress_finding(d: xr.Dataset) -> Finding:
    left = d["left"]
    unsolved = [str(t) for t in d["term"].values if left.sel(term=t) > LATE]
    worst = str(d["term"].values[int(np.argmax(left.values))])
    said = f"{percent(float(left.sel(term=worst)))} of the largest value of `{worst}` is left"
    falling = float(d.attrs.get("still_falling", np.nan))
    if not unsolved and falling > FALLING:
        return Finding(
            "progress",
            "note",
            f"{said}, and it isn't the end: the total fell {falling:.3g} times in the last fifth of training.",
            d[["left"]].assign_attrs(still_falling=falling),
            "Train longer, or go on with `ude.SOAP(...)` or `ude.GaussNewton(...)`.",
        )
    if not unsolved:
        return Finding(
            "progress", "ok", f"{said}, less of the others." if d.sizes["term"] > 1 else f"{said}.", d[["left"]]
        )
    return Finding(
        "progress",
        "note",
        f"not solved yet: {said}.",
        d[["left"]],
        "See to the warnings first; where there are none, train longer or go on with `ude.SOAP(...)` or "
        "`ude.GaussNewton(...)`.",
    )
