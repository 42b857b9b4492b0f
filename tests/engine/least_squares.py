"""Sums of squared residuals that the tests of Gauss–Newton steps share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from unideq.engine import Minimisation, Minimised
from unideq.graph import Expression, Graph, variable
from unideq.objective.program import LossProgram, Pointwise

from .problems import phase_of
from .runs import Recorder

Residual = Callable[[Expression, Mapping[str, Expression]], Any]
STARTS = np.array([[-1.2, 1.0], [2.0, -1.0], [0.5, 0.5]])


def squares(parameters: int, terms: Mapping[str, tuple[Residual, Mapping[str, Any], float]]) -> LossProgram:
    """Term → (residual of θ and a point, points, weight): the mean over points of the sum of squares."""
    theta, sources, outputs, weights, residuals = variable("theta", (parameters,)), [], {}, {}, {}
    for name, (residual, points, weight) in terms.items():
        arrays = {key: np.asarray(values, float) for key, values in points.items()}
        at = {key: variable(key, values.shape[1:]) for key, values in arrays.items()}
        source = Pointwise(name, Graph([theta, *at.values()], {"residual": residual(theta, at)}), arrays)
        key, shape = next(iter(source.shapes.items()))
        value: Any = variable(key, shape)
        sources.append(source)
        outputs[name], weights[name], residuals[name] = np.sum(value * value) * (1.0 / shape[0]), weight, key
    inputs = [variable(key, shape) for source in sources for key, shape in source.shapes.items()]
    return LossProgram(tuple(sources), Graph(inputs, outputs), weights, residuals)


def line(weight: float = 2.0) -> tuple[LossProgram, np.ndarray]:
    """θ₀ + θ₁ x through points, and θ₀ near 1; with the minimum from the normal equations."""
    x, y = np.linspace(-1, 1, 7), np.array([0.3, -0.2, 0.5, 1.1, 0.9, 2.0, 1.7])
    objective = squares(
        2,
        {
            "data": (lambda th, at: th[0] + th[1] * at["x"] - at["y"], {"x": x, "y": y}, 1.0),
            "near": (lambda th, at: th[0] - at["one"], {"one": [1.0]}, weight),
        },
    )
    rows = np.vstack([np.column_stack([np.ones(7), x]) / np.sqrt(7), [[np.sqrt(weight), 0.0]]])
    right = np.append(y / np.sqrt(7), np.sqrt(weight))
    return objective, np.linalg.lstsq(rows, right, rcond=None)[0]


def rosenbrock_residuals() -> LossProgram:
    """(1 − θ₀)² + 100 (θ₁ − θ₀²)² as two residuals at one point; 0 at (1, 1)."""
    return squares(
        2,
        {"both": (lambda th, at: np.stack([at["one"] - th[0], 10.0 * (th[1] - th[0] ** 2)]), {"one": [1.0]}, 1.0)},
    )


def bells(points: int = 12) -> LossProgram:
    """Two Gaussian bells (height, place, width each) through noisy data: smooth, with a minimum that isn't zero."""
    x = np.linspace(-2, 2, points)
    y = np.exp(-((x - 0.5) ** 2)) + 0.6 * np.exp(-2 * (x + 0.8) ** 2) + 0.05 * np.sin(17 * x)

    def residual(th: Expression, at: Mapping[str, Expression]) -> Any:
        bell = [th[3 * k] * np.exp(-th[3 * k + 2] * (at["x"] - th[3 * k + 1]) ** 2) for k in range(2)]  # type: ignore
        return bell[0] + bell[1] - at["y"]

    return squares(6, {"data": (residual, {"x": x, "y": y}, 1.0)})


BELLS_START = np.array([0.8, 0.3, 0.7, 0.5, -0.6, 1.5])


def sines(points: int, parameters: int = 9) -> LossProgram:
    """Σ θᵢ sin(θᵢ₊₁ x) through a parabola: as many residuals as one likes, for more or for fewer than parameters."""
    x = np.linspace(-1, 1, points)

    def residual(th: Expression, at: Mapping[str, Expression]) -> Any:
        parts = [th[i] * np.sin((i + th[(i + 1) % parameters]) * at["x"] + 0.3) for i in range(parameters)]
        return sum(parts[1:], parts[0]) - at["x"] ** 2

    return squares(parameters, {"data": (residual, {"x": x}, 1.0)})


def run(
    engine: Any, objective: LossProgram, theta: Any, iterations: int = 50, stop_after: int | None = None, **more: Any
) -> tuple[Minimised, Recorder]:
    """Gauss–Newton iterations from θ (P,) or (S, P)."""
    recorder = Recorder(stop_after)
    start = np.atleast_2d(np.asarray(theta, float))
    settings = {
        "iterations": iterations,
        "damping": more.pop("damping", 1e-3),
        "tolerance": more.pop("tolerance", 1e-12),
    }
    optimizer = phase_of("gauss_newton", settings)
    return engine.minimise(Minimisation(objective, start, optimizer, **more), recorder), recorder
