"""Programs of `SDE`s: likelihoods against those of normal distributions, gradients against differences on one noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.objective import EstimationProblem, LossProgram, Observations
from unideq.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("double_precision")

PULL, SIGMA, NOISE = 0.7, 0.9, 0.3
TIMES = np.array([0.0, 0.2, 0.5, 0.6, 0.9])


def problem(model: ude.SDE, data: xr.Dataset, objective: Any, engine: Any, **more: Any) -> EstimationProblem:
    from unideq.training.kind import kind_of

    model, observations, settings = kind_of(model).settle(model, data, objective, ude.BFGS(1), 1, 50, **more)
    assert isinstance(observations, Observations)
    return Trainer(model, observations, settings, engine).task.problem


def linear() -> ude.SDE:
    parameters = {n: ude.Parameter(v, positive=True) for n, v in (("pull", PULL), ("sigma", SIGMA))}
    return ude.SDE(lambda t, s, p: {"x": -p.pull * s.x}, lambda t, s, p: {"x": p.sigma}, ["x"], parameters)


def coupled() -> ude.SDE:
    """Two states, three Brownian motions and a condition, nonlinear in all."""
    return ude.SDE(
        lambda t, s, p, net: {"x": net.f(s.x, s.y)[0] + np.cos(t), "y": s.x - p.k * s.y**3},
        lambda t, s, p: {"x": [0.3 + 0.1 * s.y**2, 0.2 * p.c, 0.0], "y": [p.k * 0.2, 0.0, 0.4 + 0.1 * s.x**2]},
        ["x", "y"],
        {"k": 0.8, "c": ude.Condition(1.0)},
        {"f": ude.nn.MLP(2, 2, (3,))},
        noise="general",
    )


def two_states(count: int = 6) -> xr.Dataset:
    draw = np.random.default_rng(4).normal(0.3, 0.4, (2, 2, count))
    variables = {n: (("trajectory", "time"), draw[k]) for k, n in enumerate("xy")}
    return xr.Dataset(variables, {"time": 0.1 * np.arange(count), "c": ("trajectory", [0.5, 1.5])})


def slopes(engine: Any, program: LossProgram, theta: np.ndarray, step: float = 1e-5) -> tuple[float, float, float]:
    """Along one direction: reverse mode, forward mode, and Richardson's central differences."""
    direction = np.cos(1.0 + np.arange(len(theta)))
    total = lambda h: float(engine.value(program, theta + h * direction).total)  # noqa: E731
    once, twice = ((total(h) - total(-h)) / (2 * h) for h in (step, 2 * step))
    reverse = engine.value_and_gradient(program, theta).gradient @ direction
    return float(reverse), float(engine.jacobian_vector(program, theta, direction)), (4 * once - twice) / 3


def test_a_filter_has_the_density_of_a_normal_distribution(engine):
    """All measurements of a linear process are jointly normal; two are missing, and times are unequal."""
    values = np.array([[0.4, 0.1, np.nan, -0.3, 0.2], [0.1, np.nan, 0.5, 0.6, 1.0]])
    data = xr.Dataset({"x": (("trajectory", "time"), values)}, {"time": TIMES})
    objective = ude.FilterLikelihood(substeps=2, spread={"x": 1.3})
    given = problem(linear(), data, objective, engine, loss=ude.GaussianLikelihood(sigma={"x": NOISE}))
    theta, program = given.initial_theta(0), objective.build(given)
    mean, late, early = np.nanmean(values), np.maximum.outer(TIMES, TIMES), np.minimum.outer(TIMES, TIMES)
    start = 1.3**2 * np.exp(-PULL * (late + early))
    covariance = start + SIGMA**2 / (2 * PULL) * (np.exp(-PULL * (late - early)) - np.exp(-PULL * (late + early)))
    cost = 0.0
    for row in values:
        kept = np.isfinite(row)
        off = row[kept] - mean * np.exp(-PULL * TIMES[kept])
        c = covariance[np.ix_(kept, kept)] + NOISE**2 * np.eye(kept.sum())
        cost += 0.5 * (off @ np.linalg.solve(c, off) + np.linalg.slogdet(c)[1] + kept.sum() * np.log(2 * np.pi))
    np.testing.assert_allclose(engine.value(program, theta).total, cost / 8, rtol=1e-5)
    reverse, forward, difference = slopes(engine, program, theta)
    np.testing.assert_allclose([reverse, forward], difference, rtol=1e-8)


@pytest.mark.parametrize("density", ["moments", "euler"])
def test_transitions_have_normal_densities(engine, density: str):
    """Euler's against the formula; gradients of either against differences."""
    objective = ude.TransitionLikelihood(density)
    given = problem(coupled(), two_states(), objective, engine)
    theta, program = given.initial_theta(0), objective.build(given)
    if density == "euler":
        model, data, cost = coupled(), two_states(), []
        for b, c in enumerate((0.5, 1.5)):
            x = np.stack([data[n].values[b] for n in "xy"], axis=1)
            for k in range(len(x) - 1):
                f, g = model(0.1 * k, dict(zip("xy", x[k], strict=True)), theta[: model.layout.size], c=c)
                rows = np.stack([g["x"], g["y"]])
                off, p = x[k + 1] - x[k] - 0.1 * np.stack([f["x"], f["y"]]), 0.1 * rows @ rows.T
                cost.append(0.5 * (off @ np.linalg.solve(p, off) + np.log(np.linalg.det(2 * np.pi * p))))
        np.testing.assert_allclose(engine.value(program, theta).total, np.mean(cost), rtol=1e-12)
    reverse, forward, difference = slopes(engine, program, theta)
    np.testing.assert_allclose([reverse, forward], difference, rtol=1e-7)


@pytest.mark.parametrize("scheme", ["euler_maruyama", "srk"])
def test_gradients_through_paths_are_those_of_differences_on_the_same_noise(engine, scheme: str):
    objective = ude.DistributionMatching(steps=2, substeps=2, batch=None, scheme=scheme)
    given = problem(coupled(), two_states(), objective, engine)
    program = objective.build(given)
    reverse, forward, difference = slopes(engine, program, given.initial_theta(0))
    np.testing.assert_allclose([reverse, forward], difference, rtol=1e-7)


def test_engines_draw_the_same_paths(engine):
    found = coupled().solve([0.0, 0.4, 0.8], {"x": 0.1, "y": 0.2}, coupled().initial_theta(1), paths=3, engine=engine)
    other = coupled().solve([0.0, 0.4, 0.8], {"x": 0.1, "y": 0.2}, coupled().initial_theta(1), paths=3, engine="jax")
    np.testing.assert_allclose(found["x"], other["x"], rtol=1e-11)
