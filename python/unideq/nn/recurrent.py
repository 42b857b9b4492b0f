"""Recurrent cells: one step of a memory that reads a sequence, as networks that act on points."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import choice, known_arguments, settle, whole
from ..graph import Expression, apply
from ..stored import stored
from .dense import dense, dense_shapes, draw_dense
from .initializer import INITIALIZERS
from .network import Network

__all__ = ["GRU", "LSTM", "RecurrentCell"]


@dataclass(frozen=True)
class RecurrentCell(Network):
    """Base of cells: (what is read, memory) ↦ memory after it, with weights for each gate, stacked.

    A kind says how many gates it has, how many arrays of `units` its memory is made of, and what a step is.
    """

    gates: ClassVar[int]
    memories: ClassVar[int] = 1
    features: int
    units: int
    initializer: str = "glorot_uniform"
    memory_initializer: str = "orthogonal"

    def __post_init__(self) -> None:
        settle(self, whole, "features", "units", least=1)
        settle(self, choice, "initializer", "memory_initializer", choices=INITIALIZERS)

    @property
    def outputs(self) -> int:  # type: ignore[override]
        """Length of the memory; the first `units` of it are what others see."""
        return self.memories * self.units

    @property
    def inputs(self) -> int:  # type: ignore[override]
        """What is read, and the memory behind it."""
        return self.features + self.outputs

    @abstractmethod
    def step(self, read: Any, kept: Any, memory: list[Any]) -> list[Any]:
        """The memory's arrays after a step, from what all gates get of what is read and of it (…, gates · units)."""

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        wide = self.gates * self.units
        return {**dense_shapes("read", self.features, wide, False), **dense_shapes("kept", self.units, wide, False)}

    def draw(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        drawn = {}
        for layer, size, initializer in (
            ("read", self.features, self.initializer),
            ("kept", self.units, self.memory_initializer),
        ):
            gates = [draw_dense(layer, size, self.units, initializer, generator) for _ in range(self.gates)]
            drawn |= {name: np.concatenate([g[name] for g in gates]) for name in gates[0]}
        return drawn

    def expand(self, weights: Mapping[str, Expression], x: Expression) -> Expression:
        u, given = self.units, self.features
        seen: Any = x[..., :given]
        memory: list[Any] = [x[..., given + k * u : given + (k + 1) * u] for k in range(self.memories)]
        after = self.step(dense(weights, "read", seen), dense(weights, "kept", memory[0]), memory)
        return after[0] if len(after) == 1 else np.concatenate(after, axis=-1)  # type: ignore[call-overload]

    def gate(self, of: Any, k: int) -> Any:
        """What gate k gets."""
        return of[..., k * self.units : (k + 1) * self.units]


@stored
@known_arguments
@dataclass(frozen=True)
class GRU(RecurrentCell):
    """Gated recurrent unit: r, z = σ(…), n = tanh(Wx + b + r ⊙ (Uh + c)), h⁺ = (1 − z) ⊙ n + z ⊙ h.

    Parameters
    ----------
    features
        Length of what is read in a step, x.
    units
        Length of the memory h.
    initializer, memory_initializer
        Of the weights that x and h are multiplied by, for each gate; see `unideq.nn.MLP`. Biases start at zero.

    Notes
    -----
    A network of `features` + `units` inputs and `units` outputs: call it with one array, x and h side by side, as in
    `net.cell(np.concatenate([x, h]))`. `unideq.RecurrentEncoder` reads series by it.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.nn.GRU(3, 16).size
    1008

    Raises
    ------
    OptionError
        If a size isn't a count, or a name is unknown (with the closest match).

    References
    ----------
    Cho et al., "Learning Phrase Representations using RNN Encoder–Decoder" (2014), arXiv:1406.1078; the form with the
    reset gate behind the product is that of cuDNN.
    """

    kind: ClassVar[str] = "GRU"
    gates: ClassVar[int] = 3

    def step(self, read: Any, kept: Any, memory: list[Any]) -> list[Any]:
        both = read + kept
        reset, keep = (apply("sigmoid", self.gate(both, k)) for k in (0, 1))
        new: Any = np.tanh(self.gate(read, 2) + reset * self.gate(kept, 2))  # type: ignore[call-overload]
        return [new + keep * (memory[0] - new)]


@stored
@known_arguments
@dataclass(frozen=True)
class LSTM(RecurrentCell):
    """Long short-term memory: c⁺ = f ⊙ c + i ⊙ tanh(…), h⁺ = o ⊙ tanh(c⁺), gates i, f, o = σ(Wx + b + Uh + c).

    Parameters
    ----------
    features
        Length of what is read in a step, x.
    units
        Length of h, and of c.
    initializer, memory_initializer
        As for `unideq.nn.GRU`. Biases start at zero, those of what is forgotten at 1.

    Notes
    -----
    A network of `features` + 2 `units` inputs (x, h, c side by side) and 2 `units` outputs (h⁺, c⁺), called like
    `unideq.nn.GRU`.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.nn.LSTM(3, 16).size
    1344

    Raises
    ------
    OptionError
        If a size isn't a count, or a name is unknown (with the closest match).

    References
    ----------
    Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9 (1997); Gers, Schmidhuber and Cummins,
    "Learning to Forget", Neural Computation 12 (2000).
    """

    kind: ClassVar[str] = "LSTM"
    gates: ClassVar[int] = 4
    memories: ClassVar[int] = 2

    def draw(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        drawn = super().draw(generator)
        drawn["read.bias"][self.units : 2 * self.units] = 1.0
        return drawn

    def step(self, read: Any, kept: Any, memory: list[Any]) -> list[Any]:
        both = read + kept
        enter, forget, leave = (apply("sigmoid", self.gate(both, k)) for k in (0, 1, 3))
        carried: Any = forget * memory[1] + enter * np.tanh(self.gate(both, 2))  # type: ignore[call-overload]
        return [leave * np.tanh(carried), carried]  # type: ignore[call-overload]
