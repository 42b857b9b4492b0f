"""Models with inputs of a trajectory's own: declared, called, printed, stored."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.model import Model

FEEDS = xr.DataArray(
    [[1.0, 2.0, np.nan], [0.0, 1.0, 4.0]],
    {"time": [0.0, 1.0, 3.0], "trajectory": ["a", "b"]},
    ("trajectory", "time"),
)


def rhs(t, state, p, net, forcing):
    return {"x": (forcing.feed - p.k * state.x) / p.volume}


def model(forcings=("feed",), **more) -> ude.ODE:
    return ude.ODE(rhs, ["x"], {"k": 0.5, "volume": ude.Condition(units="l")}, forcings=list(forcings), **more)


def test_what_is_a_trajectory_s_own_is_given_by_name():
    assert model()(0.0, {"x": 2.0}, volume=4.0, feed=3.0) == {"x": np.array(0.5)}
    assert model().equations().text == "d x/dt = (feed(t) - k·x)/volume"
    described = model().describe()
    assert "condition  volume = one a trajectory [l]" in described and "forcing    feed, one a trajectory" in described


def test_a_model_keeps_its_inputs_in_json():
    made = ude.ODE(rhs, ["x"], {"k": 0.5, "volume": ude.Condition()}, forcings={"feed": FEEDS.fillna(2.0)})
    again = Model.from_json(json.loads(json.dumps(made.to_json())))
    assert again.inputs == made.inputs and again.conditions == made.conditions
    times = [0.0, 1.0, 3.0]
    one, other = (m.solve(times, {"x": 0.0}, conditions={"volume": 1.0}) for m in (made, again))
    np.testing.assert_array_equal(one["x"], other["x"])
    assert one.dataset["trajectory"].values.tolist() == ["a", "b"]
    # x' = a + b t − k x in the first hour: a rises from 1 to 2, b from 0 to 1.
    fall = np.exp(-0.5)
    ramp = (1 - (1 - fall) / 0.5) / 0.5
    np.testing.assert_allclose(one["x"][:, 1], [(1 - fall) / 0.5 + ramp, ramp], rtol=1e-7)


def test_an_ode_without_inputs_of_its_own_has_the_graph_that_it_had():
    plain = ude.ODE(lambda t, s, p: {"x": -p.k * s.x}, ["x"], {"k": 0.5})
    assert plain.vector_field.input_names == ("t", "u", "theta") and plain.constants is None
    assert "inputs" not in plain.to_json() and "recorded" not in plain.to_json()


def test_inputs_are_lines_or_steps_and_gaps_are_left_out():
    integral = ude.ODE(lambda t, s, p, net, forcing: {"x": forcing.feed}, ["x"], forcings=["feed"], initial={"x": 0.0})
    found = integral.solve([0.0, 3.0], forcings={"feed": FEEDS.isel(trajectory=[1])})["x"]
    np.testing.assert_allclose(found[0, -1], 0.5 + 5.0, rtol=1e-9)
    steps = FEEDS.assign_attrs(interpolation="previous")
    found = integral.solve([0.0, 3.0], forcings={"feed": steps})["x"]
    np.testing.assert_allclose(found[:, -1], [1.0 + 4.0, 0.0 + 2.0], rtol=1e-9)


def test_a_linear_input_that_ends_early_is_told_with_its_label():
    integral = ude.ODE(lambda t, s, p, net, forcing: {"x": forcing.feed}, ["x"], forcings=["feed"], initial={"x": 0.0})
    with pytest.warns(ude.UnideqWarning, match="Forcing `feed` of trajectory 'a' is known from t = 0 to 1"):
        integral.solve([0.0, 3.0], forcings={"feed": FEEDS})
