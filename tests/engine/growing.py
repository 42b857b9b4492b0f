"""Growth by a factor that is to be found, from batches that are others in every iteration."""

from __future__ import annotations

import numpy as np

from unideq.graph import Graph, variable
from unideq.objective.program import Given, LossProgram, Pointwise, Rollout

ADAM = {"learning_rate": 0.02, "iterations": 40}
STARTS = np.array([[0.5], [0.9], [1.4]])
RATE, STEPS, POINTS = 1.1, 3, 4
"""The data follow u ← RATE·u."""


def growth() -> LossProgram:
    """Rollouts of u ← θ·u against given states, and θ against points that no batch changes."""
    t, u, theta = variable("t"), variable("u", (1,)), variable("theta", (1,))
    data = {"start": np.ones((POINTS, 1)), "t": np.zeros(POINTS)}
    source = Rollout("sol", Graph([t, u, theta], {"u": theta * u}), Graph([u], {"u": u}), data, 1.0, STEPS)
    target = Given("target", {"u": np.zeros((POINTS, STEPS, 1))})
    one = variable("one")
    prior = Pointwise("prior", Graph([theta, one], {"r": theta[0] - one}), {"one": np.ones(2)})
    shape = (POINTS, STEPS, 1)
    seen, wanted, r = variable("sol.u", shape), variable("target.u", shape), variable("prior.r", (2,))
    distance = seen - wanted
    loss = Graph([seen, wanted, r, theta], {"fit": (distance * distance).mean(), "prior": np.sum(r * r)})
    return LossProgram((source, target, prior), loss, {"fit": 1.0, "prior": 1e-3})


class Random:
    """Random starts, and the states that follow them; counts its calls."""

    follows_theta = False

    def __init__(self, shape: tuple[int, ...] = (POINTS, 1)) -> None:
        self.asked: list[int] = []
        self.shape = shape

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        self.asked.append(iteration)
        start = np.random.default_rng(iteration).uniform(0.5, 2.0, self.shape)
        return [{"start": start}, {"u": start[:, None] * RATE ** np.arange(1, STEPS + 1)[:, None]}, {}]


class Following(Random):
    """Targets that a step with the current θ + 0.1 makes."""

    follows_theta = True

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        assert theta is not None and theta.shape == (1,)
        start, _, prior = super().__call__(iteration)
        return [start, {"u": start["start"][:, None] * (theta[0] + 0.1) ** np.arange(1, STEPS + 1)[:, None]}, prior]


def totals_of(iteration: int, theta: np.ndarray) -> np.ndarray:
    """The loss of an iteration's batch at θ (S,), in NumPy."""
    start, target, _ = Random()(iteration)
    found = start["start"] * theta[:, None, None] ** np.arange(1, STEPS + 1)
    return ((found - target["u"][..., 0]) ** 2).mean(axis=(1, 2)) + 2e-3 * (theta - 1.0) ** 2
