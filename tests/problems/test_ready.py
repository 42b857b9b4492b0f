"""What all ready problems promise: documented data, the same from the same seed, on the grid that was asked for."""

from __future__ import annotations

import json

import numpy as np
import pytest

import unideq as ude
from unideq.model import ODE

P = ude.problems
HIGH = {name for name in P.available() if hasattr(getattr(P, name), "problem")}
"""Those in many dimensions, which have no grid: see `tests/backward`."""
SMALL = {
    "Advection": P.Advection(points=32),
    "AllenCahn": P.AllenCahn(points=64),
    "Burgers": P.Burgers(points=32),
    "CylinderWake": P.CylinderWake(points=(32, 16)),
    "FisherKPP": P.FisherKPP(),
    "ForcedBurgers": P.ForcedBurgers(points=32),
    "KolmogorovFlow": P.KolmogorovFlow(points=16),
    "KortewegDeVries": P.KortewegDeVries(points=64),
    "KuramotoSivashinsky": P.KuramotoSivashinsky(),
    "TwoDimensionalTurbulence": P.TwoDimensionalTurbulence(points=16, forcing=3, drag=0.1, beta=1.0),
}


def test_the_list_of_problems_is_complete():
    assert set(P.available()) == {*SMALL, *HIGH}


@pytest.mark.parametrize("name", SMALL)
def test_data_are_documented_and_finite(name):
    problem = SMALL[name]
    data = problem.data(trajectories=2, steps=2)
    space = dict(zip(problem.grid().dims, problem.grid().shape, strict=True))
    assert dict(data.sizes) == {"trajectory": 2, "time": 3, **space}
    assert all(np.isfinite(v).all() for v in data.values())
    np.testing.assert_allclose(data["time"], problem.dt * np.arange(3))
    assert {"title", "equation", "source", "provenance", "unideq_model"} <= set(data.attrs)
    assert "initial states of seed 0" in data.attrs["provenance"]


@pytest.mark.parametrize("name", SMALL)
def test_the_stored_model_is_the_generator(name):
    problem = SMALL[name]
    model = problem.model()
    stored = ODE.from_json(json.loads(json.dumps(model.to_json())))
    state = {n: v[0] for n, v in problem.initial().items()}
    if model.conditions:
        model, stored = (m.at(**{n: c.default for n, c in m.conditions.items()}) for m in (model, stored))
    for field, value in model(0.0, state).items():
        np.testing.assert_allclose(stored(0.0, state)[field], value, rtol=1e-14, atol=1e-14)


def test_the_same_seed_gives_the_same_data_and_another_one_others():
    problem = P.Burgers(points=32)
    first, again, other = (problem.data(steps=2, seed=s).u.values for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert abs(first - other).max() > 0.1


def test_initial_waves_are_the_same_on_every_resolution():
    coarse, fine = P.Burgers(points=32).initial(2, 1)["u"], P.Burgers(points=64).initial(2, 1)["u"]
    np.testing.assert_allclose(coarse, fine[:, ::2], atol=1e-12)


def test_data_can_be_made_fine_and_used_coarse():
    fine = P.Burgers(points=128)
    coarse = P.Burgers(points=32).grid()
    data = fine.data(steps=10, on=coarse)
    assert data.sizes["x"] == 32 and "128 points" in data.attrs["provenance"]
    np.testing.assert_allclose(data.u.isel(time=0), fine.data(steps=1).u.isel(time=0).values[:, ::4], atol=1e-10)


def test_a_warm_up_moves_time_zero():
    problem = P.Burgers(points=32)
    whole, late = problem.data(steps=20), problem.data(steps=10, warmup=10)
    np.testing.assert_allclose(late.u.values, whole.u.values[:, 10:], rtol=1e-12, atol=1e-12)
    assert float(late.time[0]) == 0.0


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"steps": 0}, "`steps` needs a whole number >= 1, not 0"),
        ({"trajectories": 1.5}, "`trajectories` needs a whole number"),
        ({"steps": 5, "every": 2}, "must be a multiple of `every`"),
        ({"warmup": -1}, "`warmup` needs a whole number >= 0"),
    ],
)
def test_impossible_numbers_are_refused(settings, says):
    with pytest.raises(ude.OptionError, match=says):
        P.Burgers(points=32).data(**settings)
