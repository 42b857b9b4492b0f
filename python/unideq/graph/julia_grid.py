"""Operations on grids as readable Julia source: Fourier transforms and convolutions, by helper functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .expression import Expression
from .printing import Shown

if TYPE_CHECKING:
    from .julia_source import JuliaSource

__all__ = ["GRID"]

Shows = dict[Expression, Shown]


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


GRID = {
    "rfft": _rfft,
    "irfft": _irfft,
    "convolution": _convolution,
    "convolution_kernel": _convolution_kernel,
}
"""Operation → what writes it; see `unideq.graph.julia_source`."""
