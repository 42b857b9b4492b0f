"""Trajectories that begin at the steady state of their inputs: both engines against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import unideq as ude
from unideq.errors import SolveError, UnideqWarning
from unideq.solvers import stiff_solver

from .. import steady
from .cases import each

TIGHT = {"rtol": 1e-10, "atol": 1e-10, "max_steps": 100_000}


@each(lambda engine: ["tsit5", stiff_solver(engine)])
def test_values_and_gradients_are_exact(engine, name: str):
    """Of what rested under another input than that of the start, or under the same."""
    before = 0.5 if name == "tsit5" else 1.0
    made = steady.program(name=name, before=None if before == 1.0 else before, **TIGHT)
    found = engine.value_and_gradient(made, steady.THETA)
    np.testing.assert_allclose(found.total, steady.value(steady.THETA, before), rtol=1e-8)
    np.testing.assert_allclose(np.asarray(found.gradient), steady.derivative(before), rtol=1e-7)


def test_forward_mode_is_the_transpose(engine):
    made, along = steady.program(before=2.0, **TIGHT), np.array([0.3, -0.8, 0.5])
    pushed = engine.jacobian_vector(made, steady.THETA, along)
    np.testing.assert_allclose(pushed, steady.derivative(2.0) @ along, rtol=1e-7)


@pytest.mark.parametrize("guess", [0.1, 5.0])
def test_a_system_is_followed_to_where_it_comes_to_rest(engine, guess: float):
    switch = ude.ODE(
        lambda t, s: {"x": 0.05 + 4.0 * s.x**2 / (1.0 + s.x**2) - 1.5 * s.x}, ["x"], initial={"x": ude.Steady(guess)}
    )
    low, _, high = np.sort(np.roots([-1.5, 4.05, -1.5, 0.05]).real)  # the middle one is unstable
    found = switch.solve([0.0, 1.0], engine=engine)
    np.testing.assert_allclose(found["x"], low if guess < 1.0 else high, rtol=1e-8)


def test_none_is_no_success(engine):
    made = steady.program(guess=5.0, **TIGHT)
    source = made.sources[0]
    result = engine.integrate(source, np.array([1.3, 0.0, 1.1]))  # nothing decays: x grows for ever
    assert (result.status != 0).all()


def test_what_never_rests_is_told_by_its_trajectory(engine):
    growing = ude.ODE(lambda t, s, p: {"x": p.rate * s.x + 1.0}, ["x"], {"rate": ude.Condition()}, initial="steady")
    with pytest.raises(SolveError, match="Trajectory 1 reaches no steady state"):
        growing.solve([0.0, 1.0], conditions={"rate": [-1.0, 1.0]}, engine=engine)
    unstable = ude.ODE(lambda t, s: {"x": s.x - 2.0}, ["x"], initial={"x": ude.Steady(2.0)})
    with pytest.warns(UnideqWarning, match=r"isn't stable: a small deviation grows as exp"):
        unstable.solve([0.0, 1.0], engine=engine)
