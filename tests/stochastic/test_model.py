"""`SDE` as a model: its equations, its file, and what it refuses."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import ModelError, OptionError

from .processes import double_well, geometric, ornstein_uhlenbeck


def test_equations_say_what_each_motion_does():
    assert str(ornstein_uhlenbeck().equations()) == "d x = (-rate·x) dt + (sigma) dW"
    assert str(geometric("stratonovich").equations()) == "d x = (0.5·x) dt + (0.6·x) ∘ dW"
    two = ude.SDE(lambda t, s: {"x": -s.x, "y": s.x}, lambda t, s: {"x": [0.1, s.y], "y": [0.0, 1.0]}, ["x", "y"],
                  noise="general", observe=lambda t, s: {"sum": s.x + s.y})  # fmt: skip
    assert str(two.equations()).splitlines() == [
        "d x = (-x) dt + (0.1) dW_1 + (y) dW_2",
        "d y = (x) dt + (1) dW_2",
        "sum = x + y",
    ]
    assert "circ" in geometric("stratonovich").equations().latex
    drift, diffusion = two(0.0, {"x": 1.0, "y": 2.0})
    assert drift["y"] == 1.0
    np.testing.assert_array_equal(diffusion["x"], [0.1, 2.0])


def test_a_model_is_written_and_read(tmp_path):
    model = double_well(f=ude.nn.MLP(1, 1, (3,)), g=ude.nn.MLP(1, 1, (3,), output_activation="softplus"))
    model.save(tmp_path / "model.json")
    again = ude.SDE.load(tmp_path / "model.json")
    theta = model.initial_theta(3)
    draw = lambda m: m.solve([0.0, 1.0, 2.0], {"x": 1.0}, theta, paths=3, seed=1)["x"].values  # noqa: E731
    np.testing.assert_array_equal(draw(again), draw(model))
    assert again.own_alone and not again.additive and list(again.learned) == ["f", "g"]
    formula = model.replace("g", lambda p, x: p.level, {"level": 0.4})
    assert formula.additive
    assert "SDE with 1 states" in model.describe()


def test_conditions_and_parameters_reach_drift_and_diffusion():
    model = ude.SDE(lambda t, s, p: {"x": p.push + 0 * s.x}, lambda t, s, p: {"x": p.level}, ["x"],
                    {"push": ude.Condition(1.0), "level": 1e-9})  # fmt: skip
    found = model.solve([0.0, 2.0], {"x": 0.0}, paths=3, conditions={"push": [1.0, 2.0, 3.0]})
    np.testing.assert_allclose(found["x"].values[:, 1], [2, 4, 6], atol=1e-7)
    known = {"time": [0.0, 1.0]}
    forced = ude.SDE(
        lambda t, s, p, net, forcing: {"x": forcing.wind + 0 * s.x}, lambda t, s: {"x": 1e-9}, ["x"],
        forcings={"wind": xr.DataArray([2.0, 2.0], known, ("time",))},
    )  # fmt: skip
    np.testing.assert_allclose(forced.solve([0.0, 1.0], {"x": 0.0}, paths=1)["x"].values[0], [0, 2], atol=1e-7)


def make(drift=lambda t, s: {"x": -s.x}, diffusion=lambda t, s: {"x": 1.0}, states=("x",), **more):
    return ude.SDE(drift, diffusion, list(states), **more)


BAD = {
    "a list for a diagonal": (lambda: make(diffusion=lambda t, s: {"x": [0.1, 0.2]}), 'Write `noise="general"`'),
    "a number for general": (lambda: make(noise="general"), "`diffusion` of `x` has shape (); with"),
    "two numbers of motions": (
        lambda: make(lambda t, s: {"x": 0.0, "y": 0.0}, lambda t, s: {"x": [1.0, 2.0], "y": [1.0]}, ("x", "y"),
                     noise="general"),
        "has 1 Brownian motions, and another state 2",
    ),
    "negative": (lambda: make(diffusion=lambda t, s: {"x": -0.1}), "it is a standard deviation: >= 0"),
    "nothing": (lambda: make(diffusion=lambda t, s: {"x": 0.0}), "without noise this is an `ODE`"),
    "none at all": (lambda: make(diffusion=lambda t, s: {}, noise="general"), "without noise this is an `ODE`"),
    "no dict": (lambda: make(lambda t, s: {"x": 0.0, "y": 0.0}, lambda t, s: 1.0, ("x", "y")), "needs a dict state"),
    "no state's": (lambda: make(diffusion=lambda t, s: {"z": 1.0}), "isn't a state's"),
    "NaN": (lambda: make(diffusion=lambda t, s: {"x": np.nan}), "isn't finite"),
    "noise": (lambda: make(noise="digonal"), "Did you mean `diagonal`"),
    "calculus": (lambda: make(calculus="itoh"), "Unknown calculus `itoh`"),
    "at rest": (lambda: make(initial="steady"), "never rests"),
    "estimated start": (lambda: make(initial={"x": ude.Parameter(1.0)}), "can't be estimated"),
    "own forcing": (lambda: make(lambda t, s, p, net, forcing: {"x": forcing.f}, forcings=["f"]), "a trajectory's own"),
    "the past": (lambda: make(lambda t, s: {"x": -s.lag(1.0).x}), "has no past"),
    "algebraic": (lambda: make(states=[ude.State("x", algebraic=True)]), "no algebraic states"),
    "a stepper of it": (lambda: ude.Stepper(make(), dt=0.1), "`SDE`"),
    "trajectory": (lambda: make().continuous("`Trajectory`"), "`ude.TransitionLikelihood()`"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_models_that_cant_be_are_refused(name: str):
    bad, says = BAD[name]
    with pytest.raises((ModelError, OptionError), match=re.escape(says)):
        bad()
