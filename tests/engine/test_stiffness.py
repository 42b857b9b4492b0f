"""What `solver="auto"` chooses, and that it never fails."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from unideq.engine.stiffness import resolve_auto
from unideq.graph import Graph, apply, variable

from .problems import Rhs, network_rhs, vector_field

CASES: dict[str, tuple[Rhs, list[float], list[float], float, str]] = {
    "robertson": (
        lambda t, u, k: [
            -k[0] * u[0] + k[1] * u[1] * u[2],
            k[0] * u[0] - k[1] * u[1] * u[2] - k[2] * u[1] ** 2,
            k[2] * u[1] ** 2,
        ],
        [1.0, 0.0, 0.0],
        [0.04, 1e4, 3e7],
        1e5,
        "kvaerno5",
    ),
    "stiff van der Pol": (
        lambda t, u, p: [u[1], p[0] * (1 - u[0] ** 2) * u[1] - u[0]],
        [2.0, 0.0],
        [1000.0],
        2000.0,
        "kvaerno5",
    ),
    "mild van der Pol": (
        lambda t, u, p: [u[1], p[0] * (1 - u[0] ** 2) * u[1] - u[0]],
        [2.0, 0.0],
        [1.0],
        50.0,
        "tsit5",
    ),
    "fast relaxation to a slow curve": (lambda t, u, p: [-p[0] * (u[0] - np.cos(t))], [1.0], [1e4], 10.0, "kvaerno5"),
    "the same for a short time": (lambda t, u, p: [-p[0] * (u[0] - np.cos(t))], [1.0], [1e4], 1e-2, "tsit5"),
    "Lotka–Volterra": (
        lambda t, u, p: [p[0] * u[0] - p[1] * u[0] * u[1], p[2] * u[0] * u[1] - p[3] * u[1]],
        [0.44, 4.6],
        [1.3, 0.9, 0.8, 1.8],
        30.0,
        "tsit5",
    ),
    "Lorenz": (
        lambda t, u, p: [p[0] * (u[1] - u[0]), u[0] * (p[1] - u[2]) - u[1], u[0] * u[1] - p[2] * u[2]],
        [1.0, 1.0, 1.0],
        [10.0, 28.0, 8 / 3],
        20.0,
        "tsit5",
    ),
    "fast undamped oscillator": (lambda t, u, p: [u[1], -p[0] * u[0]], [1.0, 0.0], [1e6], 10.0, "tsit5"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_choice(case: str):
    rhs, start, parameters, end, expected = CASES[case]
    field = vector_field(rhs, len(start), len(parameters))
    solver, reason = resolve_auto(field, np.array([start]), np.array(parameters), 0.0, end)
    assert solver == expected, reason
    assert reason.startswith(f"`{expected}`: ")
    assert reason.endswith(".")


def test_a_universal_equation_with_many_rows_is_quick_and_not_stiff():
    rhs, parameters = network_rhs((2, 8, 8, 2))
    field = vector_field(rhs, 2, parameters)
    theta = 0.3 * np.random.default_rng(0).standard_normal((4, parameters))
    began = time.process_time()
    solver, _ = resolve_auto(field, np.full((50, 2), 1.5), theta, np.zeros(50), np.linspace(1.0, 3.0, 50))
    assert solver == "tsit5"
    assert time.process_time() - began < 1.0


def test_diffusion_on_a_fine_grid_is_stiff():
    n = 150
    t, u, theta = variable("t"), variable("u", (n,)), variable("theta", (1,))
    second = apply("stencil", u, coefficients=(1.0, -2.0, 1.0), offsets=(-1, 0, 1), axis=0, boundary="edge")
    field = Graph([t, u, theta], {"du": theta[0] * n**2 * second})
    solver, reason = resolve_auto(field, np.sin(np.arange(n) / n)[None], np.ones(1), 0.0, 1.0)
    assert solver == "kvaerno5", reason
    assert "2e+04" in reason or "3e+04" in reason  # 4 n² / 3.3


@pytest.mark.parametrize(
    ("rhs", "start", "end"),
    [
        (lambda t, u, p: [np.log(u[0])], [-1.0], 1.0),
        (lambda t, u, p: [p[0] * u[0] ** 2], [1.0], 10.0),
        (lambda t, u, p: [p[0] * u[0]], [np.nan], 1.0),
        (lambda t, u, p: [p[0] * u[0]], [1.0], 0.0),
    ],
    ids=["nan field", "blow-up", "nan start", "no time"],
)
def test_a_pilot_that_fails_falls_back_on_the_explicit_solver(rhs: Any, start: list[float], end: float):
    solver, reason = resolve_auto(vector_field(rhs, 1, 1), np.array([start]), np.ones(1), 0.0, end)
    assert solver == "tsit5"
    assert reason.startswith("`tsit5`: ")


def test_a_graph_of_the_wrong_kind_is_a_reason_not_an_error():
    x = variable("x", (2,))
    solver, reason = resolve_auto(Graph([x], {"y": x}), np.ones((1, 2)), np.ones(1), 0.0, 1.0)
    assert solver == "tsit5"
    assert "the pilot solve failed" in reason
