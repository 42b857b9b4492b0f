"""One member of a sweep, wherever it runs: its fit, and what the sweep keeps of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OptionError
from ..result.fit import Fit
from ..result.score import named_scores

__all__ = ["Outcome", "one_member", "scores_of"]

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "UNIDEQ_THREADS", "NPROC")
"""Variables that say how many threads libraries start: BLAS, Julia, and (`NPROC`) XLA."""


@dataclass(frozen=True)
class Outcome:
    """What a member leaves behind.

    Attributes
    ----------
    status
        Of its fit; `failed: …` where there is none.
    total
        The loss that it ended at.
    seconds
        Of training, over all interruptions.
    scores
        Name → number.
    parameters
        Name → value, of those that are one number.
    fit
        The fit, where the sweep has no folder.
    error
        What made it fail.
    """

    status: str
    total: float = np.nan
    seconds: float = np.nan
    scores: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    fit: Fit | None = None
    error: Exception | None = None


def one_member(
    train: Callable[..., Any],
    values: Mapping[str, Any],
    seed: int,
    path: Path | None,
    score: Callable[[Fit], Any] | None,
    threads: int | None = None,
) -> Outcome:
    """Fit one member; it goes on from its checkpoint where there is one.

    Parameters
    ----------
    train
        `train(**values, seeds=[seed], checkpoint=path, progress=False)` gives a fit.
    values, seed, path, score
        Of the member; path: None without a folder.
    threads
        Largest number of threads of engines that haven't started yet; None: their own choice.
    """
    if threads is not None and not {"jax", "juliacall"} & set(sys.modules):
        os.environ.update(dict.fromkeys(THREADS, str(threads)))
    began = time.perf_counter()
    try:
        fit = train(**values, seeds=[seed], checkpoint=path, progress=False)
        if not isinstance(fit, Fit):
            raise OptionError(
                f"The function of `sweep` gives the fit, and it gave a {type(fit).__name__}: `return ude.fit(...)`."
            )
        if list(fit.seeds) != [seed]:
            raise OptionError(
                f"The function of `sweep` was asked for seed {seed}, and trained {list(fit.seeds)}. Hand over what it "
                "is given: `ude.fit(..., **run)`."
            )
        if path is not None and not path.exists():
            raise OptionError(
                "The function of `sweep` wrote no checkpoint. Hand over what it is given: `ude.fit(..., **run)`."
            )
        single = {n: np.asarray(v) for n, v in fit.parameters.items()}
        return Outcome(
            fit.status,
            float(fit.record.best_total[fit.record.best_seed]),
            float(fit.record.seconds),
            scores_of(fit, score),
            {n: float(v) for n, v in single.items() if v.shape == ()},
            fit if path is None else None,
        )
    except Exception as error:
        text = " ".join(str(error).split())
        return Outcome(f"failed: {type(error).__name__}: {text}", seconds=time.perf_counter() - began, error=error)


def scores_of(fit: Fit, score: Callable[[Fit], Any] | None) -> dict[str, float]:
    """Score → number: those that were asked for, else the errors on what was measured, held out and not."""
    if score is None:
        if "diagnostics" not in fit.tree.children:
            return {}
        found = fit.tree["/diagnostics"].to_dataset()
        known = {p: found[f"rmse_{p}"].isel(seed=0) for p in ("training", "held_out") if f"rmse_{p}" in found}
        return {
            f"RMSE of {n}, {part.replace('_', ' ')}": float(errors.sel(variable=n))
            for part, errors in known.items()
            for n in errors["variable"].values
        }
    return named_scores(score(fit), "sweep")
