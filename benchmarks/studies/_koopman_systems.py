"""The three systems of Lusch, Kutz & Brunton (2018): equations, data, models and what was published of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

import unideq as ude

MU, LAMBDA = -0.05, -1.0
FLOW = {"mu": 0.1, "omega": 1.0, "a": -0.1, "lam": 10.0}


@dataclass(frozen=True)
class System:
    """One system.

    Attributes
    ----------
    states, dt, snapshots
        Names; time between two snapshots; how many a trajectory.
    rhs
        u (B, n) → du/dt (B, n).
    starts
        (generator, count) → initial states (count, n), as in the paper.
    published, minutes
        Test loss, and what it took.
    linear
        Snapshots that linearity looks ahead; predictions look 30.
    infinity
        Weight of the largest error in the published loss.
    substeps
        Runge–Kutta steps that make a dt of the data.
    training
        Initial states to train from, where they aren't drawn as those of tests.
    """

    name: str
    states: tuple[str, ...]
    dt: float
    snapshots: int
    rhs: Callable[[np.ndarray], np.ndarray]
    starts: Callable[[np.random.Generator, int], np.ndarray]
    published: float
    minutes: float
    infinity: float
    substeps: int
    networks: Callable[[int], dict[str, Any]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    training: Callable[[np.random.Generator, int], np.ndarray] | None = None

    @property
    def linear(self) -> int:
        return self.snapshots - 1

    def data(
        self, count: int, seed: int, snapshots: int | None = None, every: int = 1, training: bool = False
    ) -> xr.Dataset:
        """Trajectories, a snapshot every so many dt, by classical Runge–Kutta steps."""
        number = self.snapshots if snapshots is None else snapshots
        drawn = self.training if training and self.training is not None else self.starts
        u = drawn(np.random.default_rng(seed), count)
        rows = [u]
        for _ in range(number - 1):
            rows.append(rolled(self.rhs, rows[-1], self.dt / self.substeps, every * self.substeps))
        values = np.stack(rows, axis=1)
        named = {n: (("trajectory", "time"), values[..., k]) for k, n in enumerate(self.states)}
        return xr.Dataset(named, {"time": self.dt * every * np.arange(number)})

    def model(self, width: int) -> ude.Koopman:
        return ude.Koopman(self.states, self.dt, **self.networks(width), **self.settings)

    def objective(self, ahead: int) -> ude.Linearity:
        """The published weights."""
        return ude.Linearity(ahead, reconstruction=0.1, prediction=0.1, linearity=1.0)


def rolled(rhs: Callable[[np.ndarray], np.ndarray], u: np.ndarray, h: float, steps: int) -> np.ndarray:
    """States (B, n) after so many classical Runge–Kutta steps."""
    for _ in range(steps):
        a = rhs(u)
        b = rhs(u + h / 2 * a)
        c = rhs(u + h / 2 * b)
        u = u + h / 6 * (a + 2 * b + 2 * c + rhs(u + h * c))
    return u


def _slow_manifold(u: np.ndarray) -> np.ndarray:
    return np.stack([MU * u[:, 0], LAMBDA * (u[:, 1] - u[:, 0] ** 2)], axis=1)


def _pendulum(u: np.ndarray) -> np.ndarray:
    return np.stack([u[:, 1], -np.sin(u[:, 0])], axis=1)


def _flow(u: np.ndarray) -> np.ndarray:
    x, y, z = u.T
    return np.stack(
        [
            FLOW["mu"] * x - FLOW["omega"] * y + FLOW["a"] * x * z,
            FLOW["omega"] * x + FLOW["mu"] * y + FLOW["a"] * y * z,
            -FLOW["lam"] * (z - x**2 - y**2),
        ],
        axis=1,
    )


def _box(generator: np.random.Generator, count: int) -> np.ndarray:
    return generator.uniform(-0.5, 0.5, (count, 2))


def _below_the_separatrix(generator: np.random.Generator, count: int) -> np.ndarray:
    drawn = generator.uniform([-3.1, -2.0], [3.1, 2.0], (20 * count, 2))
    energy = 0.5 * drawn[:, 1] ** 2 - np.cos(drawn[:, 0])
    return drawn[energy < 0.99][:count]


def _swinging_wide(generator: np.random.Generator, count: int) -> np.ndarray:
    """As `_below_the_separatrix`, and three of ten from an energy of 0.7 on, where periods grow without bound."""
    drawn = _below_the_separatrix(generator, 20 * count)
    wide = drawn[0.5 * drawn[:, 1] ** 2 - np.cos(drawn[:, 0]) > 0.7]
    few = (3 * count) // 10
    return np.concatenate([drawn[: count - few], wide[-few:]])


def _attractor(generator: np.random.Generator, count: int) -> np.ndarray:
    """On the bowl z = x² + y², which isn't invariant, and a unit of time later: on the slow manifold to e⁻¹⁰."""
    drawn = generator.uniform(-1.1, 1.1, (count, 2))
    bowl = np.concatenate([drawn, np.sum(drawn**2, axis=1, keepdims=True)], axis=1)
    return rolled(_flow, bowl, 0.01, 100)


def _pair(inputs: int, outputs: int, width: int, scale: Any, depth: int = 2) -> dict[str, Any]:
    hidden = (width,) * depth
    return {
        "encoder": ude.nn.MLP(inputs, outputs, hidden, input_scale=scale),
        "decoder": ude.nn.MLP(outputs, inputs, hidden, output_scale=scale),
    }


SYSTEMS = {
    system.name: system
    for system in (
        System(
            "discrete spectrum", ("x", "y"), 0.02, 51, _slow_manifold, _box, 1.52e-7, 126.0, 1e-7, 4,
            lambda width: _pair(2, 2, width, 0.3), {"pairs": 0},
        ),
        System(
            "pendulum", ("angle", "velocity"), 0.02, 51, _pendulum, _below_the_separatrix, 1.13e-7, 360.0, 1e-9, 4,
            lambda width: {
                **_pair(2, 2, width, (1.5, 1.0)),
                "auxiliary": ude.nn.MLP(1, 1, (10,), output_shift=0.8),
            },
            {"dynamics": "parametrised"}, _swinging_wide,
        ),
        System(
            "flow on the attractor", ("x", "y", "z"), 0.05, 121, _flow, _attractor, 5.54e-7, 360.0, 1e-9, 8,
            lambda width: {
                **_pair(3, 2, width, (0.7, 0.7, 0.8)),
                "auxiliary": ude.nn.MLP(1, 2, (8,), output_shift=(0.0, 1.0), output_scale=(0.1, 1.0)),
            },
            {"dynamics": "parametrised"},
        ),
    )
}  # fmt: skip
