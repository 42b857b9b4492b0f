"""Audits and recovery of models whose trajectories have inputs, doses and parameters of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.audit.rollout.dynamics import Dynamics
from unideq.audit.states import closure, data_states
from unideq.engine import get_engine
from unideq.model import Record, row_tables

TIMES = np.linspace(0.0, 4.0, 17)
GAINS = {"A": 1.0, "B": 2.0}
SITES = ["A", "B", "A"]
FEED = np.array([np.where(TIMES < 2.0, 1.0, 0.2), 0.5 + 0.3 * np.sin(TIMES), np.where(TIMES < 1.0, 0.1, 1.5)])
FED: dict[str, Any] = {
    "forcings": {"feed": ude.Forcing("previous")},
    "initial": {"x": 0.2},
    "events": [ude.Dose("x", amount="dose", at="dose_time")],
}


def fed_by(gain: Any, loss: Any, networks: Any = None) -> ude.ODE:
    return ude.ODE(
        lambda t, state, p, net, forcing: {"x": p.gain * p.area * forcing.feed - loss(net, state.x)},
        ["x"],
        {"gain": gain, "area": ude.Condition()},
        networks,
        **FED,
    )


@pytest.fixture(scope="module")
def fed() -> ude.Fit:
    """Trained on dx/dt = gain · area · feed − 0.7 x, with doses into x, and a gain of each site's own."""
    feed = xr.DataArray(FEED, {"time": TIMES, "trajectory": [0, 1, 2]}, ("trajectory", "time"))
    doses = {"dose": [[0.5, 0.3], [0.4, np.nan], [0.2, 0.6]], "dose_time": [[1.1, 3.0], [2.3, np.nan], [0.6, 2.0]]}
    conditions = {"gain": [GAINS[s] for s in SITES], "area": [1.0, 0.6, 0.8]}
    true = fed_by(ude.Condition(), lambda net, x: 0.7 * x)
    made = true.solve(TIMES, conditions=conditions, forcings={"feed": feed}, events=doses)["x"].drop_vars("gain")
    tables = {n: (("trajectory", "number"), v) for n, v in doses.items()}
    noise = 0.003 * np.random.default_rng(1).normal(size=made.shape)
    data = xr.Dataset({"x": made + noise, "feed": feed, **tables}).assign_coords(site=("trajectory", SITES))
    gain, network = ude.Parameter(1.5, positive=True, per="site"), {"loss": ude.nn.MLP(1, 1, ())}
    model = fed_by(gain, lambda net, x: net.loss(x), network)
    return ude.fit(model, data, phases=[ude.BFGS(25)], solver="tsit5", progress=False)


def test_the_closure_is_read_with_each_trajectorys_inputs(fed: ude.Fit) -> None:
    states = data_states(fed)
    assert states.constants_of(1) == pytest.approx([float(fed.parameters["gain"].sel(site="B")), 0.6, 1.0])
    x = np.concatenate(states.states)[:, 0]
    assert closure(fed, states)[:, 0] == pytest.approx(-fed.network("loss")(x), rel=1e-12)


def test_checks_of_a_fit_with_groups_forcings_and_doses(fed: ude.Fit) -> None:
    audit = fed.audit()
    said = {f.check: f.statement for f in audit.findings}
    assert "The model has no grid" in said["truncation"]
    assert "one of equations without events, and the model has `x_dose`" in said["flow_map"]
    assert "stay inside the training's distribution in rollouts from all 3 training conditions" in said["shift"]
    # What was looked at are the fit's own courses, doses included.
    shift: Any = audit.outcomes["shift"]
    seen = shift.datasets["loss"]["ratio"].values
    again = np.abs(fed.predict()["x"].values - np.mean(np.concatenate(data_states(fed).states)))
    assert np.corrcoef(seen.ravel(), again.ravel())[0, 1] > 0.95
    with pytest.raises(ude.UnideqError, match="The model has `feed`, and of trajectories that weren't trained on"):
        fed.audit(new={"x": 1.0})


def test_flow_maps_read_the_forcing_of_each_trajectory() -> None:
    model = ude.ODE(lambda t, state, p, net, forcing: {"x": forcing.feed - state.x}, ["x"], forcings=["feed"])
    tables = {"feed": row_tables("feed", "previous", [Record(TIMES, row) for row in FEED])}
    rows, begin = model.conditions_array(None, 3), np.full((3, 1), 0.2)
    flow = Dynamics(model, None, 0.25, get_engine(), begin, rows, tables)
    rolled = flow.rollout(np.zeros(3), begin, 16, rows)[..., 0]
    exact = np.full((3, 17), 0.2)
    for k in range(16):
        exact[:, k + 1] = FEED[:, k] + (exact[:, k] - FEED[:, k]) * np.exp(-0.25)
    assert rolled == pytest.approx(exact, abs=1e-4)
    assert flow.jacobian(1.0, begin[0], rows[0]) == pytest.approx(np.exp(-0.25), rel=1e-4)


def test_recovery_refits_with_each_trajectorys_inputs_and_groups(fed: ude.Fit) -> None:
    found = fed.recover(
        library=2, budget=12, ensemble=False, method="stlsq", rollout=False, final_fit=False, progress=False
    )
    assert found.coefficients["term"].values.tolist() == ["x"]
    error = float(found.coefficients["standard_error"][0])
    assert error < 0.01
    assert float(found.coefficients["estimate"][0]) == pytest.approx(0.7, abs=3.0 * error)
    assert found.model.grouped["gain"].known == pytest.approx(GAINS, rel=0.01)
    assert found.scores["noise.x"] == pytest.approx(0.003, rel=0.3)
