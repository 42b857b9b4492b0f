"""The engine with as many threads as `UNIDEQ_THREADS` says: answers requests as `_serve.py` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from _models import work
from _serve import serve
from gradient_peers import CASES, MAX_STEPS, TOLERANCE

from unideq.engine import get_engine


def prepare(problem: dict[str, Any]) -> Iterator[tuple[str, Callable[[], tuple[Callable[[], Any], dict[str, Any]]]]]:
    """Loss and gradient of `trajectories` of a case, for `seeds` parameter vectors."""
    make, _, start, times = CASES[problem["case"]]
    engine = get_engine("julia")
    count, seeds = problem["trajectories"], problem["seeds"]
    near = 1.0 + 0.05 * np.random.default_rng(0).normal(size=(count, len(start)))
    ours = work(make(), start * near, times, engine, TOLERANCE, MAX_STEPS)
    theta = ours.theta * (1.0 + 0.01 * np.random.default_rng(1).normal(size=(seeds, len(ours.theta))))

    def gradient() -> tuple[Callable[[], Any], dict[str, Any]]:
        def call() -> Any:
            return engine.value_and_gradient(ours.objective, theta)

        found = call()
        return call, {"loss": found.total.tolist(), "threads": engine.describe()["threads"]}

    yield "gradient", gradient


if __name__ == "__main__":
    serve(prepare)
