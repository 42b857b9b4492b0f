"""The order in which windows of a stream are served: shuffled blocks, a few at a time.

An epoch visits all windows once. Blocks of neighbouring windows come in a random order, a few at a time, and the
windows of those few are shuffled: the usual compromise between random access and reading a file front to back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import OptionError
from .windows import Snapshots, WindowBatch

if TYPE_CHECKING:
    from .stream import StreamReader

__all__ = ["BlockShuffled"]

MIXED = 8
"""Blocks, at least, whose windows are shuffled together (where the buffer allows)."""


class BlockShuffled:
    """Windows of a stream; see `unideq.objective.windows.WindowSource`.

    Parameters
    ----------
    spans
        (trajectory, place of its first window, number of its windows).
    length, stride
        Snapshots a window, and between the starts of two.
    seed
        The order depends on it and on the epoch alone.
    """

    def __init__(
        self, reader: StreamReader, spans: Sequence[tuple[int, int, int]], length: int, stride: int, seed: Sequence[int]
    ) -> None:
        self.reader, self.length, self.stride, self.seed = reader, length, stride, tuple(seed)
        self.count = sum(n for _, _, n in spans)
        # Two loads are in memory at a time, where a mini-batch reaches from one into the next.
        self._room = reader.stream.buffer // 2 // reader.snapshot_bytes
        if self.count and self._room < length:
            raise OptionError(
                f"`Stream(buffer={reader.stream.buffer})` is too small: two windows of {length} snapshots take "
                f"{2 * length * reader.snapshot_bytes} bytes. Enlarge the buffer or use fewer `steps`."
            )
        most = max(1, (self._room // MIXED - length) // stride + 1)
        self._blocks = [
            (trajectory, first + k * stride, min(most, n - k))
            for trajectory, first, n in spans
            for k in range(0, n, most)
        ]
        self._plans: dict[int, list[list[int]]] = {}
        self._loads: dict[tuple[int, int], tuple[Snapshots, np.ndarray]] = {}

    def _span(self, block: int) -> int:
        return (self._blocks[block][2] - 1) * self.stride + self.length

    def _plan(self, epoch: int) -> list[list[int]]:
        """Blocks of each load of an epoch."""
        if epoch not in self._plans:
            order = np.random.default_rng([*self.seed, epoch]).permutation(len(self._blocks))
            loads: list[list[int]] = [[]]
            used = 0
            for block in order.tolist():
                if used + self._span(block) > self._room and loads[-1]:
                    loads.append([])
                    used = 0
                loads[-1].append(block)
                used += self._span(block)
            self._plans = {epoch: loads, **{e: p for e, p in self._plans.items() if e == epoch - 1}}
        return self._plans[epoch]

    def _load(self, epoch: int, number: int) -> tuple[Snapshots, np.ndarray]:
        """Snapshots of a load, and its windows in their shuffled order."""
        key = (epoch, number)
        if key not in self._loads:
            while len(self._loads) > 1:  # the older one goes before the next is read
                del self._loads[next(iter(self._loads))]
            blocks = [self._blocks[b] for b in self._plan(epoch)[number]]
            snapshots = self.reader.read([(t, a, a + (n - 1) * self.stride + self.length) for t, a, n in blocks])
            starts = snapshots.window_starts(self.length, self.stride)
            order = np.random.default_rng([*self.seed, epoch, number]).permutation(len(starts))
            self._loads[key] = snapshots, starts[order]
            held = sum(len(s.times) for s, _ in self._loads.values()) * self.reader.snapshot_bytes
            self.reader.peak = max(self.reader.peak, held)
        return self._loads[key]

    def take(self, first: int, size: int) -> WindowBatch:
        """See `WindowSource.take`."""
        parts, at = [], first
        while at < first + size:
            epoch, place = divmod(at, self.count)
            ends = np.cumsum([sum(self._blocks[b][2] for b in load) for load in self._plan(epoch)])
            number = int(np.searchsorted(ends, place, side="right"))
            place -= int(ends[number - 1]) if number else 0
            snapshots, starts = self._load(epoch, number)
            chosen = starts[place : place + first + size - at]
            parts.append(snapshots.batch(chosen, self.length))
            at += len(chosen)
        return WindowBatch.joined(parts)
