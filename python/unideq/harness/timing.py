"""Timings that survive a noisy machine: competitors take turns, medians are kept, compile time is apart."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

__all__ = ["Elsewhere", "Ratio", "Timing", "ratio", "time_interleaved"]


@dataclass(frozen=True)
class Elsewhere:
    """A competitor in another process, which times itself.

    Attributes
    ----------
    seconds : number of calls → seconds a call, as the mean over so many.
    """

    seconds: Callable[[int], float]


@dataclass(frozen=True)
class Timing:
    """How long one callable takes.

    Attributes
    ----------
    first : seconds of the very first call: compilation included.
    median, low, high : seconds a call: median and quartiles over the rounds.
    calls : calls in one round (one sample is their mean).
    samples : (rounds,) seconds a call of each round, in order.
    """

    first: float
    median: float
    low: float
    high: float
    calls: int
    samples: np.ndarray = field(repr=False)

    def row(self) -> dict[str, float | int]:
        """The numbers that belong in a study's row, in milliseconds (`first_s` in seconds)."""
        return {
            "median_ms": self.median * 1e3,
            "low_ms": self.low * 1e3,
            "high_ms": self.high * 1e3,
            "first_s": self.first,
            "rounds": len(self.samples),
            "calls": self.calls,
        }


@dataclass(frozen=True)
class Ratio:
    """Time of one callable over another's: median and quartiles of the ratios round by round."""

    median: float
    low: float
    high: float


def time_interleaved(
    callables: Mapping[str, Callable[[], Any] | Elsewhere],
    *,
    rounds: int = 30,
    sample_seconds: float = 0.02,
    warmup: int = 2,
) -> dict[str, Timing]:
    """Time several callables against each other in one run.

    Each round times every callable once, in an order that rotates, so that a machine that slows down meanwhile
    slows all of them. Asynchronous JAX results are waited for. The garbage collector rests during a sample.

    Parameters
    ----------
    callables : name → function without arguments, or `Elsewhere` for what runs in a process of its own.
    rounds : samples of each callable.
    sample_seconds : a sample repeats its callable until it lasts about this long (at least one call).
    warmup : calls of each, after the first one, that aren't counted.

    Returns
    -------
    name → `Timing`, in the order given.

    Raises
    ------
    ValueError : no callables, or fewer than one round.
    """
    if not callables:
        raise ValueError("nothing to time: `callables` is empty")
    if rounds < 1:
        raise ValueError(f"`rounds` must be at least 1, not {rounds}")
    first = {name: _sample(call, 1) for name, call in callables.items()}
    calls = {}
    for name, call in callables.items():
        single = min(_sample(call, 1) for _ in range(max(1, warmup)))
        if single < sample_seconds / 20:  # single calls are slow where caches are cold: look again at several in a row
            single = min(single, _sample(call, 10))
        calls[name] = max(1, round(sample_seconds / max(single, 1e-9)))
    samples: dict[str, list[float]] = {name: [] for name in callables}
    names = list(callables)
    for turn in range(rounds):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            samples[name].append(_sample(callables[name], calls[name]))
    return {name: _summary(first[name], calls[name], np.array(samples[name])) for name in names}


def ratio(timings: Mapping[str, Timing], ours: str, peer: str) -> Ratio:
    """Time of `ours` over the time of `peer`: below 1 is faster. Rounds are paired, so that drift cancels."""
    ratios = timings[ours].samples / timings[peer].samples
    low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return Ratio(float(median), float(low), float(high))


def _sample(call: Callable[[], Any] | Elsewhere, calls: int) -> float:
    """Seconds a call, as the mean over `calls` of them."""
    if isinstance(call, Elsewhere):
        return call.seconds(calls)
    jax = sys.modules.get("jax")  # only a study that imported JAX can have results to wait for
    collecting = gc.isenabled()
    gc.disable()
    try:
        start = perf_counter()
        for _ in range(calls):
            result = call()
            # Our own results are NumPy arrays; looking through them would cost more than some calls do.
            if jax is not None and isinstance(result, (jax.Array, tuple, list, dict)):
                jax.block_until_ready(result)
        return (perf_counter() - start) / calls
    finally:
        if collecting:
            gc.enable()


def _summary(first: float, calls: int, samples: np.ndarray) -> Timing:
    low, median, high = (float(q) for q in np.quantile(samples, [0.25, 0.5, 0.75]))
    return Timing(first, median, low, high, calls, samples)
