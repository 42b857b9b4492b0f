"""Any Lux model, given as Julia source: runs on the Julia engine alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments, settle, shown, whole
from ..errors import FileFormatError, OptionError
from ..graph import Expression, apply, constant
from ..graph.operations.network import set_evaluator
from ..stored import stored
from .network import Network

__all__ = ["Lux"]


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class Lux(Network):
    """A model of the Julia library Lux, for layers that Unideq has no graph operations for.

    Parameters
    ----------
    source
        Julia code that makes the model, with Lux's names at hand: `"Chain(Dense(2 => 16, tanh), Dense(16 => 2))"`. It
        is run as it stands, also when a file that holds it is used: open files from people whom you trust.
    inputs, outputs
        Numbers of features. May be left out where the first and the last layer tell.
    structure
        Names and shapes of the weights, as a file stores them. Left out, Julia is asked, and started if need be.

    Notes
    -----
    Weights have Lux's names and shapes, nested ones joined by dots (`layer_1.weight`, (16, 2)), and are drawn by Lux's
    own initialisers from a seed. All is computed in float64. Layers keep the states that they start with, in test
    mode: dropout does nothing, batch normalisation uses the statistics that it starts with. The model is called as
    `unideq.nn.MLP` is; it may not mix the samples of a batch.

    Its first derivatives come from Zygote and ForwardDiff. It has no second ones, can't be read as formulas by Unideq,
    and runs slower than an `MLP` of the same layers, which is compiled together with the equations around it.

    Examples
    --------
    ```python
    network = ude.nn.Lux("Chain(Dense(2 => 8, gelu), SkipConnection(Dense(8 => 8, gelu), +), Dense(8 => 1))")
    ```

    Raises
    ------
    OptionError
        If Julia can't make a model of the source, or its sizes don't fit; with Julia's message.
    EngineMissing
        If no Julia with Lux is found.
    """

    kind: ClassVar[str] = "Lux"
    source: str
    inputs: int = 0
    outputs: int = 0
    structure: tuple[tuple[str, tuple[int, ...]], ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.source, str) or not self.source.strip():
            raise OptionError(f"`Lux` needs the Julia source of a model as text, not {shown(self.source)}.")
        settle(self, whole, "inputs", "outputs", least=0)
        if self.structure is None:
            found = _julia().describe_network(self.source, self.inputs, self.outputs)
            for label in ("inputs", "outputs", "structure"):
                object.__setattr__(self, label, found[label])
        else:
            object.__setattr__(self, "structure", _read_structure(self.structure))
        set_evaluator(_evaluate)

    def __repr__(self) -> str:
        return f"Lux({self.source!r}, inputs={self.inputs}, outputs={self.outputs})"

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        return dict(self.structure or ())

    def draw(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        seed = int(generator.integers(2**63))
        flat = _julia().draw_network(self.source, self.inputs, self.outputs, seed, self.size)
        drawn, start = {}, 0
        for name, shape in self.weight_shapes().items():
            stop = start + math.prod(shape)
            drawn[name] = flat[start:stop].reshape(shape[::-1]).T.copy()
            start = stop
        return drawn

    def expand(self, weights: Mapping[str, Expression], x: Expression) -> Expression:
        julia_order: Any = [weights[name].T.reshape(-1) for name in self.weight_shapes()]
        flat: Any = np.concatenate(julia_order) if julia_order else constant(np.zeros(0))
        return apply(
            "network",
            x,
            flat,
            source=self.source,
            inputs=self.inputs,
            outputs=self.outputs,
            structure=self.structure,
        )

    def stored_values(self) -> dict[str, Any]:
        return {**super().stored_values(), "structure": tuple(self.weight_shapes().items())}


def _read_structure(stored: Any) -> tuple[tuple[str, tuple[int, ...]], ...]:
    try:
        return tuple((str(name), tuple(int(n) for n in shape)) for name, shape in stored)
    except (TypeError, ValueError):
        raise FileFormatError(f"The structure of a `Lux` network is damaged: {stored!r}.") from None


def _julia() -> Any:
    # What the weights are called and how large they are, only Lux knows: the one engine that can run the network says.
    from ..engine.julia import networks

    return networks


def _evaluate(operation: str, arrays: tuple[np.ndarray, ...], attributes: dict[str, Any]) -> np.ndarray:
    """One operation of a graph that NumPy evaluates, computed by Julia."""
    return _julia().evaluate_operation(operation, arrays, attributes)
