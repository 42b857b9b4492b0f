"""Encoders: networks that read the measurements of a series, at whatever times, and say where its solution begins."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import choice, known_arguments, settle, whole
from ..graph import Expression, apply, constant
from ..nn import GRU, LSTM, MLP, Network
from ..nn.recurrent import RecurrentCell
from ..nn.settings import counts
from ..stored import Stored, stored

__all__ = ["CELLS", "Encoder", "RecurrentEncoder", "SetEncoder"]

CELLS: dict[str, Callable[..., RecurrentCell]] = {"gru": GRU, "lstm": LSTM}
UNMEASURED = -1e9
"""Score of a row without a measurement."""


class Encoder(Stored):
    """Base of encoders.

    A series is read as rows, one a measured time: the time since the series' start and that since the measurement
    before, the values measured then (0 where there are none), and which of them were.
    """

    family: ClassVar[str] = "encoder"

    @abstractmethod
    def networks(self, features: int, outputs: int) -> dict[str, Network]:
        """Name → network; rows have so many numbers, and so many come out."""


@stored
@known_arguments
@dataclass(frozen=True)
class RecurrentEncoder(Encoder):
    """A recurrent cell that reads a series from its last measurement to its first.

    Parameters
    ----------
    units
        Length of its memory.
    cell
        `gru` or `lstm`.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.RecurrentEncoder(40)
    RecurrentEncoder(units=40, cell='gru')

    References
    ----------
    Rubanova, Chen and Duvenaud, "Latent ODEs for Irregularly-Sampled Time Series", NeurIPS 2019, arXiv:1907.03907.
    """

    kind: ClassVar[str] = "recurrent"
    units: int = 32
    cell: str = "gru"

    def __post_init__(self) -> None:
        settle(self, whole, "units", least=1)
        settle(self, choice, "cell", choices=CELLS)

    def networks(self, features: int, outputs: int) -> dict[str, Network]:
        return {
            "encoder_cell": CELLS[self.cell](features, self.units),
            "encoder_head": MLP(self.units, outputs, (), last_layer_scale=0.1),
        }

    def step(self, cell: Callable[..., Any], memory: Any, row: Any) -> Any:
        """The memory after a row; as it was where the row has no measurement."""
        after = cell(np.concatenate([row, memory]))  # type: ignore[call-overload]
        return np.where(np.sum(measured(row)) > 0, after, memory)  # type: ignore[call-overload]

    def read(self, head: Callable[..., Any], memory: Any) -> Any:
        """What is said of the series in the end."""
        return head(memory[: self.units])


@stored
@known_arguments
@dataclass(frozen=True)
class SetEncoder(Encoder):
    """Attention over a series' measurements as a set: each one's features, averaged with learned weights.

    Parameters
    ----------
    units
        Features of a measurement, for each head.
    heads
        Sets of weights. 0: a deep set, all measurements count alike.
    hidden
        Units of the hidden layers of the networks that make features and weights.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.SetEncoder(40, heads=2)
    SetEncoder(units=40, heads=2, hidden=(32,))

    References
    ----------
    Zaheer et al., "Deep Sets", NeurIPS 2017, arXiv:1703.06114; Horn et al., "Set Functions for Time Series", ICML 2020,
    arXiv:1909.12064.
    """

    kind: ClassVar[str] = "set"
    units: int = 32
    heads: int = 4
    hidden: tuple[int, ...] = (32,)

    def __post_init__(self) -> None:
        settle(self, whole, "units", least=1)
        settle(self, whole, "heads", least=0)
        settle(self, counts, "hidden")

    def networks(self, features: int, outputs: int) -> dict[str, Network]:
        wide, kept = max(self.heads, 1), {}
        if self.heads:
            kept["encoder_weights"] = MLP(features, self.heads, self.hidden)
        return {
            "encoder_features": MLP(features, wide * self.units, self.hidden),
            **kept,
            "encoder_head": MLP(wide * self.units, outputs, (self.units,), last_layer_scale=0.1),
        }

    def read(self, net: Mapping[str, Callable[..., Any]], rows: Expression) -> Any:
        """What is said of a series of rows (K, features)."""
        there: Any = np.sum(measured(rows), axis=1, keepdims=True) > 0  # type: ignore[call-overload]
        count, wide = rows.shape[0], max(self.heads, 1)
        scores = net["encoder_weights"](rows) if self.heads else constant(np.zeros((count, 1)))
        scores = np.where(there, scores, UNMEASURED)  # type: ignore[call-overload]
        scores = scores - apply("stop_gradient", np.max(scores, axis=0, keepdims=True))  # type: ignore[call-overload]
        shares: Any = np.where(there, np.exp(scores), 0.0)  # type: ignore[call-overload]
        shares = shares / np.sum(shares, axis=0, keepdims=True)  # type: ignore[call-overload]
        features = net["encoder_features"](rows).reshape(count, wide, self.units)
        pooled = np.sum(shares.reshape(count, wide, 1) * features, axis=0)  # type: ignore[call-overload]
        return net["encoder_head"](pooled.reshape(wide * self.units))


def measured(rows: Any) -> Any:
    """Of rows (…, features) the part that says which values were measured: behind two times and the values."""
    return rows[..., 2 + (rows.shape[-1] - 2) // 2 :]
