"""Experiments in which nothing is alike: inputs, doses, covariates, groups, lengths and noise, all at once, against
SciPy."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from scipy.integrate import solve_ivp

import unideq as ude
from unideq.engine import Engine
from unideq.objective import EstimationProblem, Observations, SolverSettings, Trajectory, loss_of

SITES = ["north", "south", "north", "south"]
WEIGHTS, LENGTHS, DOSES = [0.6, 0.9, 1.2, 1.5], [4, 12, 7, 3], [1, 3, 2, 0]
GENERATOR = np.random.default_rng(4)


def kinetics(t: Any, state: Any, p: Any, net: Any, forcing: Any) -> dict[str, Any]:
    uptake = p.weight * state.gut / (1.0 + state.gut)
    return {"gut": -uptake, "blood": uptake - p.clearance * state.blood + forcing.infusion}


def patient(k: int) -> xr.Dataset:
    times = 0.5 * np.arange(1.0, LENGTHS[k] + 1.0)
    doses = np.sort(GENERATOR.uniform(0.0, times[-1], DOSES[k]))
    return xr.Dataset(
        {
            "blood": ("time", GENERATOR.uniform(0.2, 1.5, len(times))),
            "blood_sd": ("time", GENERATOR.uniform(0.1, 0.3, len(times))),
            "infusion": ("infusion_time", [0.0, 0.5 + 0.1 * k, 0.0]),
            "dose": ("number", GENERATOR.uniform(1.0, 3.0, DOSES[k])),
            "dose_time": ("number", doses),
        },
        {
            "time": times,
            "infusion_time": [0.0, 0.7, 1.1 + 0.1 * k],
            "weight": WEIGHTS[k],
            "site": SITES[k],
            "start": 0.0,
        },
    ).assign_coords(weight=WEIGHTS[k], site=SITES[k], start=0.0)


PATIENTS = [patient(k) for k in range(4)]


def exact(data: xr.Dataset, clearance: float) -> np.ndarray:
    """Blood at the measured times, piece by piece from jump to jump."""
    knots, rates = data["infusion_time"].values, data["infusion"].values
    weight, times = float(data["weight"]), data["time"].values
    given = dict(zip(data["dose_time"].values, data["dose"].values, strict=True))
    state, found = np.zeros(2), {}
    edges = np.unique([0.0, *times, *knots[knots < times[-1]], *given])
    for low, high in pairwise(edges):
        state = state + np.array([given.get(low, 0.0), 0.0])
        rate = rates[np.searchsorted(knots, low, side="right") - 1]

        def slope(t: float, u: np.ndarray, rate: Any = rate) -> list[float]:
            uptake = weight * u[0] / (1.0 + u[0])
            return [-uptake, uptake - clearance * u[1] + rate]

        state = solve_ivp(slope, (low, high), state, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
        found[high] = state[1]
    return np.array([found[t] for t in times])


def test_everything_at_once(engine: Engine):
    clearance = ude.Parameter(0.4, positive=True, per="site")
    model = ude.ODE(
        kinetics, ["gut", "blood"], {"clearance": clearance, "weight": ude.Condition()},
        forcings={"infusion": ude.Forcing("previous")}, initial={"gut": 0.0, "blood": 0.0},
        events=[ude.Dose("gut", amount="dose", at="dose_time")],
    )  # fmt: skip
    loss = loss_of(ude.GaussianLikelihood(sigma={"blood": "blood_sd"}))
    observed = Observations.given(PATIENTS, model, None, None, loss.beside)
    solver = SolverSettings("tsit5", rtol=1e-10, atol=1e-11)
    problem = EstimationProblem.make(model, observed, observed, loss, solver, None, {})
    theta = problem.layout.pack({"clearance": [0.3, 0.6]})
    found = engine.value_and_gradient(Trajectory().build(problem), theta)

    def expected(theta: np.ndarray) -> float:
        rates = dict(zip(["north", "south"], problem.layout.unpack(theta)["clearance"], strict=True))
        cost = [
            0.5 * ((exact(data, rates[site]) - data["blood"].values) / data["blood_sd"].values) ** 2
            + np.log(data["blood_sd"].values / problem.scales["blood"])
            for data, site in zip(PATIENTS, SITES, strict=True)
        ]
        return float(np.mean(np.concatenate(cost)))

    np.testing.assert_allclose(found.total, expected(theta), rtol=1e-8)
    slopes = [(expected(theta + d) - expected(theta - d)) / 2e-4 for d in 1e-4 * np.eye(2)]
    assert found.gradient is not None
    np.testing.assert_allclose(found.gradient, slopes, rtol=1e-6)
