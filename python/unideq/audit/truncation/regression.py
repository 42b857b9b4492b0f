"""Least squares on few named columns, with uncertainties that respect neighbours: blocks of samples are resampled.

Everything is done on the blocks' Gram matrices, so that neither the number of samples nor that of resamplings matters.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Regression", "Samples", "blocks_of", "product", "regress", "select_columns", "shown_with_error"]

RESAMPLINGS = 400
LEVEL = 0.95


@dataclass(frozen=True)
class Samples:
    """Columns and target as one Gram matrix a block.

    Attributes
    ----------
    names
        Of the columns.
    grams
        (blocks, k + 1, k + 1): sums over each block of products of the columns (first) and the target (last).
    sizes
        Root mean square of the columns, (k,): the grams' columns are divided by it.
    """

    names: tuple[str, ...]
    grams: np.ndarray
    sizes: np.ndarray

    @classmethod
    def make(cls, names: Sequence[str], columns: np.ndarray, target: np.ndarray, blocks: np.ndarray) -> Samples:
        """From columns (M, k), target (M,) and the block of every row (M,)."""
        sizes = np.sqrt(np.mean(columns**2, axis=0))
        sizes = np.where(sizes > 0, sizes, 1.0)
        rows = np.concatenate([columns / sizes, target[:, None]], axis=1)
        _, which = np.unique(blocks, return_inverse=True)
        order = np.argsort(which, kind="stable")
        cuts = np.cumsum(np.bincount(which))[:-1]
        grams = np.stack([part.T @ part for part in np.split(rows[order], cuts)])
        return cls(tuple(names), grams, sizes)

    def of(self, chosen: Sequence[int]) -> Samples:
        """Some of the columns."""
        index = [*chosen, len(self.names)]
        return Samples(tuple(self.names[i] for i in chosen), self.grams[:, index][:, :, index], self.sizes[[*chosen]])


@dataclass(frozen=True)
class Regression:
    """target ≈ Σ coefficient · column.

    Attributes
    ----------
    names
        Of the k columns.
    coefficients, standard_errors
        (k,); the errors are the spread over resampled blocks.
    low, high
        Limits of the 95 % interval (k,), percentiles over resampled blocks.
    shares
        Share of the target's mean square that each column explains, (k,): coefficient · ⟨column, target⟩ / ⟨target,
        target⟩ (Pratt 1987). They add up to R², and a column that isn't needed has none, however much it resembles
        one that is (averages over orders of entry would give it half of the other's).
    share_low, share_high
        Their 95 % intervals.
    inflation
        Variance inflation factors (k,): 1 for a column unlike all others; above 10 it can hardly be told from them.
    r_squared
        1 − residual/target, mean squares.
    resampled
        Coefficients of the resamplings (R, k).
    """

    names: tuple[str, ...]
    coefficients: np.ndarray
    standard_errors: np.ndarray
    low: np.ndarray
    high: np.ndarray
    shares: np.ndarray
    share_low: np.ndarray
    share_high: np.ndarray
    inflation: np.ndarray
    r_squared: float
    resampled: np.ndarray

    def text(self) -> str:
        """`0.0347(2)·u_xx + 0.0267(3)·u·u_xx`, the uncertainty of the last digits in brackets."""
        if not self.names:
            return "0"
        parts = []
        for name, c, e, share in zip(self.names, self.coefficients, self.standard_errors, self.shares, strict=True):
            if abs(share) < 1e-9:  # rounding
                continue
            number = shown_with_error(abs(c), e)
            parts.append(("- " if c < 0 else "+ ") + (number if name == "1" else product(number, name)))
        joined = " ".join(parts) or "+ 0"
        return joined[2:] if joined.startswith("+ ") else "-" + joined[2:]


def product(factor: str, name: str) -> str:
    """`0.0347(2)·u_xx`; a sum stands in brackets."""
    return f"{factor}·({name})" if _is_sum(name) else f"{factor}·{name}"


def _is_sum(name: str) -> bool:
    """Whether a term's text is a sum, outside of brackets."""
    depth = 0
    for k, letter in enumerate(name):
        depth += (letter == "(") - (letter == ")")
        if not depth and letter in "+-" and name[k - 1 : k + 2] == f" {letter} ":
            return True
    return False


def shown_with_error(value: float, error: float) -> str:
    """`0.0347(2)`: a value to the digit where its standard error begins (but at least three), and that error."""
    if not np.isfinite(error) or not np.isfinite(value):
        return f"{value:.4g}"
    if error <= 1e-6 * abs(value):
        return f"{value:.5g}"
    exponent = int(np.floor(np.log10(error)))
    if value:
        exponent = min(exponent, int(np.floor(np.log10(abs(value)))) - 2)
    digits = round(error / 10.0**exponent)
    if digits == 10:
        digits, exponent = 1, exponent + 1
    if exponent >= 0:
        return f"{value:.0f}({digits * 10**exponent})"
    if exponent < -6:
        power = int(np.floor(np.log10(max(abs(value), error))))
        return f"{value / 10.0**power:.{max(power - exponent, 0)}f}({digits})e{power}"
    return f"{value:.{-exponent}f}({digits})"


def blocks_of(times: int, shape: Sequence[int], time_blocks: int = 8, space_blocks: int = 64) -> np.ndarray:
    """Numbers of the blocks, (times, *shape): neighbours in time and space share one.

    Parameters
    ----------
    times
        Number of samples of a trajectory along time.
    shape
        Numbers of cells.
    time_blocks, space_blocks
        Largest numbers of blocks along time and over space; a block is at least two times and four cells wide.
    """
    along = max(1, min(time_blocks, times // 2))
    number = np.minimum(np.arange(times) * along // max(times, 1), along - 1).reshape(-1, *[1] * len(shape))
    number = np.broadcast_to(number, (times, *shape))
    wanted = max(1, round(space_blocks ** (1.0 / max(len(shape), 1))) if len(shape) > 1 else min(space_blocks, 8))
    for axis, count in enumerate(shape):
        parts = max(1, min(wanted, count // 4))
        part = (np.arange(count) * parts // count).reshape([-1 if k == axis + 1 else 1 for k in range(len(shape) + 1)])
        number = number * parts + part
    return number


def regress(samples: Samples, resamplings: int = RESAMPLINGS, seed: int = 0) -> Regression:
    """Ordinary least squares on all columns, with block-bootstrap intervals.

    Parameters
    ----------
    samples
        Columns and target.
    resamplings
        How often the blocks are drawn anew, with replacement.
    seed
        Of the generator that draws them.
    """
    count = len(samples.names)
    total = samples.grams.sum(axis=0)
    if not count:
        empty = np.zeros(0)
        return Regression((), *(empty,) * 7, empty, 0.0, np.zeros((resamplings, 0)))  # type: ignore[arg-type]
    generator = np.random.default_rng(seed)
    number = len(samples.grams)
    draws = generator.multinomial(number, np.full(number, 1.0 / number), size=resamplings)
    grams = np.tensordot(draws, samples.grams, axes=1)
    scaled, drawn = _solved(total), _solved(grams)
    coefficients, resampled = scaled / samples.sizes, drawn / samples.sizes
    shares = _shares(total[None], scaled[None])[0]
    spread = _shares(grams, drawn)
    tails = [100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2]
    low, high = np.percentile(resampled, tails, axis=0)
    share_low, share_high = np.percentile(spread, tails, axis=0)
    inner = total[:count, :count]
    scale = np.sqrt(np.maximum(np.diag(inner), 1e-300))
    inflation = np.maximum(np.diag(np.linalg.pinv(inner / scale[:, None] / scale, hermitian=True)), 1.0)
    r_squared = float(_r_squared(total[None], range(count))[0])
    errors = resampled.std(axis=0)
    return Regression(
        samples.names, coefficients, errors, low, high, shares, share_low, share_high, inflation, r_squared, resampled
    )


def select_columns(samples: Samples, forced: Sequence[int] = (), most: int = 4, gain: float = 0.0) -> list[int]:
    """Columns of the subset that a block-wise Bayesian criterion prefers, the forced ones always among them.

    blocks · log(1 − R²) + log(blocks) · size: neighbours aren't independent, so a block counts as one measurement.

    Parameters
    ----------
    samples
        Columns and target.
    forced
        Columns that stay.
    most
        Largest number of others.
    gain
        What each further column must add to R² besides, unless it halves what is left.
    """
    total = samples.grams.sum(axis=0)[None]
    free = [i for i in range(len(samples.names)) if i not in forced]
    number = len(samples.grams)
    chosen, reached, score = sorted(forced), float(_r_squared(total, sorted(forced))[0]), np.inf
    for size in range(min(most, len(free)) + 1):
        subsets = [sorted([*forced, *extra]) for extra in itertools.combinations(free, size)]
        values = [float(_r_squared(total, s)[0]) for s in subsets]
        best = int(np.argmax(values))
        new = number * np.log(max(1.0 - values[best], 1e-12)) + np.log(number) * len(subsets[best])
        more = len(subsets[best]) - len(chosen)
        enough = values[best] - reached >= gain * more or 1.0 - values[best] <= 0.5**more * (1.0 - reached)
        if new < score - 1e-9 and enough:
            chosen, reached, score = subsets[best], values[best], new
    return chosen


def _solved(grams: np.ndarray) -> np.ndarray:
    """Coefficients (…, k) of Gram matrices (…, k + 1, k + 1); a trace of ridge keeps empty resamplings solvable."""
    count = grams.shape[-1] - 1
    inner = grams[..., :count, :count]
    size = np.trace(inner, axis1=-2, axis2=-1)[..., None, None] / max(count, 1)
    ridge = 1e-12 * np.where(size > 0, size, 1.0) * np.eye(count)
    return np.linalg.solve(inner + ridge, grams[..., :count, count:])[..., 0]


def _r_squared(grams: np.ndarray, chosen: Sequence[int]) -> np.ndarray:
    """R² (R,) on some of the columns, relative to zero."""
    index = [*chosen, grams.shape[-1] - 1]
    part = grams[:, index][:, :, index]
    square = np.maximum(part[:, -1, -1], 1e-300)
    if not len(index) - 1:
        return np.zeros(len(grams))
    c = _solved(part)
    return np.einsum("rk,rk->r", c, part[:, :-1, -1]) / square


def _shares(grams: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Coefficient · ⟨column, target⟩ / ⟨target, target⟩, (R, k)."""
    return coefficients * grams[:, :-1, -1] / np.maximum(grams[:, -1:, -1], 1e-300)
