"""Keywords that a function doesn't take: the closest one, or what can't be done and what to do instead."""

import inspect
import re

import numpy as np
import pytest

import unideq as ude
from unideq.checks import known_arguments
from unideq.training.fit import FitOptions


def still(t, state):
    return {"x": -state.x}


def ode(**more):
    return ude.ODE(still, ["x"], **more)


def pde(**more):
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 8))
    return ude.PDE(lambda t, s: {"u": -s.u}, grid, ["u"], **more)


@pytest.mark.parametrize("make", [ode, pde, lambda **more: ude.Stepper(pde(), 0.1, **more)])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("callbacks", r"an ODE.*events=\[ude.Dose.*tables"),
        ("mass_matrix", "no algebraic equations.*relax"),
        ("diffusion", "deterministic.*loss=ude.Gaussian"),
        ("delays", "no delays.*chain of compartments"),
        ("groups", "share parameters.*side by side"),
        ("device", "runs on processors"),
        ("precision", r"ude.Adam.*precision"),
    ],
)
def test_what_cannot_be_done_says_what_can(make, name, words):
    with pytest.raises(ude.OptionError, match=f"takes no `{name}`. .*{words}"):
        make(**{name: 1})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ode(parameter={}), "argument of `ODE` `parameter`. Did you mean `parameters`?"),
        (lambda: ode().solve([0.0, 1.0], {"x": 1.0}, solvr="rk4"), "of `solve` `solvr`. Did you mean `solver`?"),
        (
            lambda: ode().solve([0.0, 1.0], {"x": 1.0}, rtol=1e-3),
            "`solve` takes no `rtol`. It is a setting of the solver",
        ),
        (lambda: ude.fit(ode(), None, sovler="rk4"), "of `fit` `sovler`. Did you mean `solver`?"),
        (lambda: ude.fit(ode(), None, events=[]), "`fit` takes no `events`"),
        (lambda: ude.ResidualProblem(domains={}, fields={}, terms={}), "Did you mean `domain`?"),
    ],
)
def test_a_misspelt_argument_is_told_with_the_closest_one(call, words):
    with pytest.raises(ude.OptionError, match=re.escape(words)):
        call()


def test_signatures_stay_what_they_were():
    assert list(inspect.signature(ude.ODE).parameters)[:2] == ["rhs", "states"]
    assert "phases" in inspect.signature(ude.fit).parameters
    assert "solver" in FitOptions.__annotations__


def test_a_function_that_takes_any_keyword_cannot_be_decorated():
    with pytest.raises(TypeError, match="any keyword"):
        known_arguments(lambda **anything: None)


def test_a_state_at_another_time_is_told_to_be_a_delay():
    with pytest.raises(ude.TraceError, match=r"not callable.*delays, don't exist; a chain of compartments"):
        ude.ODE(lambda t, s: {"x": np.exp(-s.x(t - 1.0))}, ["x"])
