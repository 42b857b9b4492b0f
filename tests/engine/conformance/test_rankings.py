"""Solves under interventions beside those that are compared with data: losses and gradients in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.objective import Trajectory
from unideq.training import Trainer, kind_of

TIMES = np.array([0.0, 1.0, 2.5, 4.0])
GAIN, WEIGHTS, SHARPNESS = 0.3, np.array([1.0, 2.0]), 2.0
DURING = (0.5, 2.0)


def model() -> ude.ODE:
    """x' = g w u(t), x(0) = 0."""
    return ude.ODE(
        lambda t, s, p, net, forcing: {"x": p.g * p.w * forcing.u},
        ["x"],
        {"g": GAIN, "w": ude.Condition()},
        forcings={"u": ude.Forcing("previous")},
        initial={"x": 0.0},
    )


def data() -> xr.Dataset:
    inputs = xr.DataArray([[1.0, 3.0, 2.0, 2.0], [0.0, 1.0, 1.0, 0.0]], dims=("trajectory", "time"))
    return xr.Dataset(
        {"x": (("trajectory", "time"), np.zeros((2, 4))), "u": inputs},
        {"time": TIMES, "trajectory": ["a", "b"], "w": ("trajectory", WEIGHTS)},
    )


def added(gain, weight, amount=1.0, during=(0.0, 4.0)):
    """What `u + amount` adds to x at the times."""
    return gain * weight * amount * (np.clip(TIMES, *during) - during[0])


RANKINGS = {
    "dose": ude.Ranking("x", [{}, {"u": 1.0}, {"u": 2.0}], 0.5, SHARPNESS, scale=1.0),
    "late": ude.Ranking(
        lambda t, s: s.x, [[{}, {"u": -1.0}], ude.Intervention({"u": 1.0}, during=DURING)], 2.0, SHARPNESS, "end",
        where={"trajectory": "b"},
    ),
    "size": ude.Ranking("x", [{}, {"w": 1.5}], 0.0, where={"trajectory": ["a"]}),
}  # fmt: skip


def written_down(gain):
    """The two terms that count."""
    dose = []
    for w in WEIGHTS:
        logit = SHARPNESS * added(gain, w).mean()
        last = np.log(np.exp([0.0, logit, 2 * logit]).sum()) - 2 * logit
        dose.append(0.5 * (last + np.log1p(np.exp(-logit))))
    below = SHARPNESS * np.array([0.0, -added(gain, 2.0)[-1], added(gain, 2.0, during=DURING)[-1]])
    return np.array([np.mean(dose), np.log(np.exp(below).sum()) - below[-1]])


def test_losses_of_rankings_are_those_written_down(engine):
    loss = ude.SquaredError(weights={"x": 1e-30})
    steps = ude.RK4(dt=0.5)  # exact for what is a line between the stops
    more = {"loss": loss, "rankings": RANKINGS, "solver": steps}
    made = kind_of(model()).settle(model(), data(), Trajectory(), ude.Adam(), 1, 50, **more)
    problem = Trainer(*made, engine).task.problem
    program, theta = Trajectory().build(problem), problem.initial_theta(0)
    assert program.terms == ("x", "dose", "late") and program.weights["late"] == 2.0
    found = engine.value_and_gradient(program, theta)
    assert [float(found.terms[n]) for n in ("dose", "late")] == pytest.approx(written_down(GAIN), rel=1e-10)
    slope = (written_down(GAIN + 1e-5) - written_down(GAIN - 1e-5)) @ [0.5, 2.0] / 2e-5
    assert np.asarray(found.gradient)[0] == pytest.approx(slope * problem.layout["g"].scale, rel=1e-6)
