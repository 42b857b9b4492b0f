"""Operations on grids as Julia source: stencils, Fourier transforms and convolutions, all by helper functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..expression import Expression
from ..printing import Shown
from .literals import julia_array
from .operands import Rule, Shows

if TYPE_CHECKING:
    from .writer import JuliaSource

__all__ = ["GRID"]


def _stencil(adjoint: bool) -> Callable[..., Shown]:
    def show(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
        at = node.attributes
        coefficients = julia_array(np.asarray(at["coefficients"], dtype=float))
        offsets = f"[{', '.join(map(str, at['offsets']))}]"
        more = "; adjoint = true" if adjoint else ""
        arguments = f"{shown[node.inputs[0]].text}, {coefficients}, {offsets}, {at['axis'] + 1}, :{at['boundary']}"
        return Shown(f"{source.helper('stencil')}({arguments}{more})")

    return show


def _rfft(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    return source.call("rfft_pairs", shown[node.inputs[0]].text, str(node.attributes["dims"]))


def _irfft(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    return source.call("irfft_pairs", shown[node.inputs[0]].text, *map(str, node.attributes["shape"]))


def _convolution(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    x, kernel = (shown[i].text for i in node.inputs)
    return source.call("convolution", x, kernel, *_rules(node))


def _convolution_kernel(source: JuliaSource, node: Expression, shown: Shows) -> Shown:
    x, y = (shown[i].text for i in node.inputs)
    size = ", ".join(map(str, node.attributes["size"]))
    return source.call("convolution_kernel", x, y, f"({size},)", *_rules(node))


def _rules(node: Expression) -> list[str]:
    return [f":{rule}" for rule in node.attributes["boundary"]]


GRID: dict[str, Rule] = {
    "stencil": _stencil(adjoint=False),
    "stencil_adjoint": _stencil(adjoint=True),
    "rfft": _rfft,
    "irfft": _irfft,
    "convolution": _convolution,
    "convolution_kernel": _convolution_kernel,
}
"""Operation → what writes it."""
