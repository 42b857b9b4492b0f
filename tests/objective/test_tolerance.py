"""Absolute tolerances follow the states' sizes where these are below one, and stay where they were elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from unideq.errors import ModelError, OptionError, UnideqWarning
from unideq.model import ODE, State
from unideq.model.state import StateTable
from unideq.objective import SolverSettings
from unideq.objective.tolerance import absolute_tolerances, largest_values, warn_below_tolerance
from unideq.solvers import checked_atol
from unideq.stored import from_json

PAIR = StateTable(["x", "y"])
FIELD = StateTable({"u": (2, 3), "v": ()})


@pytest.mark.parametrize(
    ("largest", "expected"),
    [
        ({"x": 1.0, "y": 40.0}, 1e-6),
        ({"x": 0.11, "y": 1e9}, 1e-6),
        ({"x": 1e-7, "y": 1e-7}, 1e-13),
        ({"x": 3e-7, "y": 2.0}, (1e-12, 1e-6)),
        ({"x": 3e-7, "y": 0.0}, 1e-12),  # of unknown size: as the other
        ({"x": 0.0, "y": 50.0}, 1e-6),
        ({"x": 0.0, "y": 0.0}, 1e-6),
        ({"x": np.inf, "y": 1.0}, 1e-6),
    ],
)
def test_sizes_are_rounded_up_to_powers_of_ten_and_capped_at_one(largest, expected):
    assert absolute_tolerances(PAIR, None, largest, 1e-6) == expected


def test_a_states_own_scale_comes_before_what_is_known_of_it():
    states = StateTable([State("x", scale=1e-9), State("y")])
    assert absolute_tolerances(states, None, {"x": 5.0, "y": 5.0}, 1e-6) == (1e-15, 1e-6)
    assert absolute_tolerances(states, None, {"x": 0.0, "y": 0.0}, 1e-8) == 1e-17


def test_given_tolerances_stay_and_a_dict_names_states():
    small = {"x": 1e-7, "y": 1e-7}
    assert absolute_tolerances(PAIR, checked_atol(1e-3), small, 1e-6) == 1e-3
    assert absolute_tolerances(PAIR, checked_atol({"y": 1e-3}), small, 1e-6) == (1e-13, 1e-3)
    assert absolute_tolerances(PAIR, checked_atol([1e-3, 1e-4]), small, 1e-6) == (1e-3, 1e-4)


def test_a_field_has_one_tolerance_at_all_its_points():
    u = np.zeros((2, 7))
    u[1, 4], u[0, 6] = -2e-5, np.nan
    found = largest_values(FIELD, u)
    assert found == {"u": 2e-5, "v": 0.0}
    assert absolute_tolerances(FIELD, None, {"u": 2e-5, "v": 1.0}, 1e-6) == (1e-10,) * 6 + (1e-6,)


def test_states_that_live_below_their_tolerance_are_named_with_the_remedy():
    with pytest.warns(UnideqWarning, match=r"`y` \(up to 3e-08, tolerance 1e-06\).*scale=3e-08.*atol=\{'y': 3e-14\}"):
        warn_below_tolerance(PAIR, 1e-6, {"x": 1.0, "y": 3e-8})


def test_states_above_their_tolerance_or_at_zero_arent(recwarn):
    warn_below_tolerance(PAIR, (1e-6, 1e-13), {"x": 0.0, "y": 3e-8})
    assert not recwarn.list


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: checked_atol(0.0), "`atol`"),
        (lambda: checked_atol("1e-6"), "`atol`"),
        (lambda: checked_atol({"x": -1.0}), r"atol\['x'\]"),
        (lambda: absolute_tolerances(PAIR, {"z": 1e-9}, {}, 1e-6), "Unknown state in `atol` `z`"),
        (lambda: absolute_tolerances(PAIR, (1e-9,), {}, 1e-6), "2 .one a state., not 1"),
    ],
)
def test_wrong_tolerances_are_refused(wrong, words):
    with pytest.raises(OptionError, match=words):
        wrong()


def test_a_wrong_scale_of_a_state_is_refused():
    with pytest.raises(ModelError, match="`scale`"):
        State("x", scale=0.0)


def test_settings_of_older_files_and_several_tolerances_come_back_from_json():
    assert from_json(SolverSettings, {"name": "tsit5", "atol": 1e-6}).atol == 1e-6
    several = replace(SolverSettings(), atol=(1e-13, 1e-6))
    assert from_json(SolverSettings, json.loads(json.dumps(several.to_json()))) == several
    assert several.tightened(100.0).atol == pytest.approx((1e-15, 1e-8))
    assert several.tolerances == "rtol 1e-06, atol 1e-13 … 1e-06"


def test_models_keep_their_states_scales_and_older_ones_have_none():
    model = ODE(lambda t, s: {"x": -s.x}, [State("x", scale=1e-4)])
    data = model.to_json()
    assert ODE.from_json(data).states["x"].scale == 1e-4
    del data["states"][0]["scale"]
    assert ODE.from_json(data).states["x"].scale is None
