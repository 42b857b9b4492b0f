"""A model's functions are called with symbols and never again: what isn't a function of its arguments is refused."""

import itertools
import time
import warnings

import numpy as np
import pytest

import unideq as ude
from unideq.errors import ModelError, TraceError, UnideqWarning
from unideq.graph import variable

GENERATOR = np.random.default_rng(0)
COUNTER = itertools.count(1)
BUFFER = np.zeros(3)
GRID = ude.Grid(ude.Axis("x", 0.0, 1.0, 8))


def _ode(function, states=("x",), **settings):
    return ude.ODE(function, list(states) if isinstance(states, tuple) else states, **settings)


def _filled(t, state):
    BUFFER[0] += 1.0
    return {"x": state.x * BUFFER[0]}


def _used_up(numbers):
    return lambda t, state: {"x": state.x * numbers.pop()}


def _residual(**settings):
    u = settings.pop("u", ude.nn.MLP(1, 1, (3,)))
    term = settings.pop("term", lambda at, field: ude.d(field.u, at.x))
    return ude.ResidualProblem({"x": (0, 1)}, {"u": u}, {"equation": ude.Interior(term)}, **settings)


UNREPEATABLE = {
    "random number": lambda: _ode(lambda t, state: {"x": -state.x * GENERATOR.normal()}),
    "global generator": lambda: _ode(lambda t, state: {"x": -state.x + np.random.rand()}),  # noqa: NPY002
    "clock": lambda: _ode(lambda t, state: {"x": -state.x * time.perf_counter_ns()}),
    "counter": lambda: _ode(lambda t, state: [-state.x * next(COUNTER)]),
    "array filled outside": lambda: _ode(_filled),
    "list used up": lambda: _ode(_used_up([1.0])),
    "observe": lambda: _ode(lambda t, state: {"x": -state.x}, observe=lambda t, state: {"y": state.x + next(COUNTER)}),
    "loss": lambda: ude.CustomLoss.of(lambda predicted, observed: (predicted - observed) ** 2 * GENERATOR.normal()),
    "penalty": lambda: _ode(lambda t, state: {"x": -state.x}).trace(lambda t, state: state.x * next(COUNTER)),
    "boundary": lambda: ude.Dirichlet(lambda t: t * GENERATOR.normal()),
    "linear part": lambda: ude.PDE(
        lambda t, state: {"u": 0.0 * state.u}, GRID, ["u"], linear=lambda d: -GENERATOR.random() * d.x**2
    ),
    "correction": lambda: ude.Stepper(
        ude.PDE(lambda t, state: {"u": 0.0 * state.u}, GRID, ["u"]),
        0.1,
        correction=lambda t, state: {"u": GENERATOR.normal() * state.u},
    ),
    "formula": lambda: _ode(
        lambda t, state, p, net: {"x": net.f(state.x)}, networks={"f": ude.nn.MLP(1, 1, (2,))}
    ).replace("f", lambda p, x: x * GENERATOR.normal()),
    "residual": lambda: _residual(term=lambda at, field: ude.d(field.u, at.x) - GENERATOR.normal()),
    "transform": lambda: _residual(
        u=ude.Field(ude.nn.MLP(1, 1, (3,)), transform=lambda at, raw: raw.u * GENERATOR.normal())
    ),
    "output": lambda: _residual(outputs={"q": lambda at, field: field.u * GENERATOR.normal()}),
}


@pytest.mark.parametrize("name", UNREPEATABLE)
def test_what_isnt_a_function_of_its_arguments_is_refused(name):
    with pytest.raises(TraceError, match="isn't a function of its arguments"):
        UNREPEATABLE[name]()


def test_the_refusal_names_the_function_what_differs_and_the_remedy():
    def decay(t, state):
        return {"x": -state.x * next(COUNTER), "y": -state.y}

    with pytest.raises(TraceError, match=r"`decay`.*in `x`.*outside of the function"):
        _ode(decay, ("x", "y"))


def test_generators_made_within_the_function_are_the_same_at_every_call():
    model = _ode(lambda t, state: {"x": -state.x * np.random.default_rng(3).random()})
    assert model(0.0, {"x": 1.0})["x"] == -np.random.default_rng(3).random()


INFINITE = {
    "nan": (lambda t, state: {"x": np.nan * state.x}, "NaN"),
    "division": (lambda t, state: {"x": state.x / 0}, "division by zero"),
    "logarithm": (lambda t, state: {"x": state.x * np.log(-1.0)}, "NaN"),
    "infinite": (lambda t, state: {"x": state.x + np.inf}, "infinite"),
    "missing values": (lambda t, state: {"x": state.x * np.array([1.0, np.nan, 2.0])}, "NaN"),
    "missing limit": (lambda t, state: {"x": np.minimum(state.x, np.nan)}, "NaN"),
}


@pytest.mark.parametrize("name", INFINITE)
def test_numbers_that_arent_finite_are_refused_where_they_enter(name):
    function, words = INFINITE[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(ModelError, match=rf"derivative of `x` holds.*{words}"):
            _ode(function, {"x": 3})


def test_infinite_limits_are_fine():
    model = _ode(lambda t, state: {"x": -np.clip(state.x, 0.0, np.inf) + np.where(state.x < np.inf, 1.0, 0.0)})
    assert model(0.0, {"x": 2.0})["x"] == -1.0


def test_masked_missing_values_are_warned_of_since_their_gradient_is_nan():
    known = np.array([1.0, np.nan, 2.0])
    with pytest.warns(UnideqWarning, match="gradient is NaN"):
        _ode(lambda t, state: {"x": np.where(np.isfinite(known), state.x * known, 0.0)}, {"x": 3})


@pytest.mark.parametrize("symbol", ["+=", "-=", "*=", "/=", "**="])
def test_changing_an_array_state_in_place_is_refused(symbol):
    scope = {}
    exec(f"def rhs(t, state):\n    x = state.x[1:]\n    x {symbol} 2.0\n    return {{'x': -state.x}}", scope)
    with pytest.raises(TraceError, match="would change the array"):
        _ode(scope["rhs"], {"x": 3, "y": ()})


def test_sums_of_ones_own_are_written_with_plus_equals():
    def rhs(t, state):
        rate = 2.0 * state.x
        rate += 1.0
        number = state.y
        number += 1.0
        return {"x": rate, "y": number}

    model = _ode(rhs, {"x": 3, "y": ()})
    found = model(0.0, {"x": np.ones(3), "y": 4.0})
    assert found["x"].tolist() == [3.0, 3.0, 3.0]
    assert found["y"] == 5.0
    x = variable("x", (3,))
    x2 = x * x
    x2 += x
    assert x2 is x * x + x


def test_a_set_of_states_has_no_order():
    with pytest.raises(ModelError, match=r"set.*\['x', 'y'\]"):
        _ode(lambda t, state: {"x": -state.x, "y": state.x}, {"x", "y"})
