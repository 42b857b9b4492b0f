"""Interpolated signals as Julia source: a function of time with its tables as constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..expression import Expression
from ..printing import Shown
from .literals import julia_array
from .operands import Rule, Shows

if TYPE_CHECKING:
    from .writer import JuliaSource

__all__ = ["INTERPOLATION"]


def _polynomial(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    at, label = node.attributes, node.attributes["label"] or "interpolated"
    parts = ("breaks", "anchors", "coefficients")
    stored = [source.store(julia_array(np.asarray(at[k])), f"{label}_{k}") for k in parts]
    name = source.helper("piecewise_at" if node.inputs[0].ndim else "piecewise")
    function = source.function(label, f"(t) = {name}(t, {', '.join(stored)})")
    return Shown(f"{function}({shown[node.inputs[0]].text})")


INTERPOLATION: dict[str, Rule] = {
    "piecewise_polynomial": _polynomial,
}
"""Operation → what writes it."""
