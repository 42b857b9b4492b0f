"""The progress bar of a fit, in a terminal and in a notebook alike."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

__all__ = ["Progress"]


class Progress:
    """Counts iterations and shows phase, best total and held-out error; silent where `show` is false."""

    def __init__(self, show: bool, total: int, done: int, header: str) -> None:
        self._bar: Any = None
        if not show:
            return
        from tqdm import TqdmExperimentalWarning, TqdmWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TqdmExperimentalWarning)
            warnings.simplefilter("ignore", TqdmWarning)  # no ipywidgets: the text bar does
            from tqdm.autonotebook import tqdm

        print(header, file=sys.stderr, flush=True)
        self._bar = tqdm(total=total, initial=done, unit="it", dynamic_ncols=True, mininterval=0.2)

    def update(self, iterations: int, label: str, best: np.ndarray, held: np.ndarray | None) -> None:
        if self._bar is None:
            return
        self._bar.set_description(label, refresh=False)
        shown = {"best": _shown(best)}
        if held is not None:
            shown["held-out"] = _shown(held)
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(iterations)

    def message(self, text: str) -> None:
        """A line above the bar."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)

    def skip(self, iterations: int) -> None:
        """Iterations that a stage didn't need."""
        if self._bar is not None and iterations:
            self._bar.total -= iterations
            self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _shown(values: np.ndarray) -> str:
    finite = values[np.isfinite(values)]
    return f"{finite.min():.3g}" if len(finite) else "none"
