"""Models that can't be: each raises before anything is compiled, and says what, where and what to do."""

import re

import numpy as np
import pytest
import xarray as xr

from unideq.errors import DataError, FileFormatError, ModelError, TraceError, UnideqError
from unideq.model import ODE, Parameter, State
from unideq.nn import MLP


def build(rhs=None, states=("x", "y"), **settings):
    return ODE(rhs or (lambda t, s: {"x": s.y, "y": s.x}), list(states), **settings)


def raises(kind, *parts):
    return pytest.raises(kind, match=".*".join(re.escape(p) for p in parts))


# ---- names ------------------------------------------------------------------------------------------------------


def test_unknown_state_parameter_network_and_forcing_name_the_closest_and_the_line():
    net = {"interaction": MLP(1, 1)}
    with raises(ModelError, "Unknown state `hara`. Did you mean `hare`?", "test_bad_input.py"):
        ODE(lambda t, s: {"hare": -s.hara}, ["hare"])
    with raises(ModelError, "Unknown parameter `groth`. Did you mean `growth`?", "test_bad_input.py"):
        ODE(lambda t, s, p: {"hare": p.groth * s.hare}, ["hare"], {"growth": 1.0})
    with raises(ModelError, "Unknown network `interactions`. Did you mean `interaction`?"):
        ODE(lambda t, s, p, net: net.interactions(s.x), ["x"], networks=net)
    with raises(ModelError, "Unknown forcing `rain`", "Possible: none"):
        ODE(lambda t, s, p, net, forcing: forcing.rain, ["x"])


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ([], "at least one state"),
        ("x", "write `states=['x']`"),
        (3, "needs a list of names or a dict"),
        (["a b"], "State name 'a b' isn't a Python identifier. Rename it."),
        (["lambda"], "State name 'lambda' is a Python keyword. Write `lambda_`."),
        (["time"], "State name 'time' is taken"),
        ([1], "State names are strings, not 1"),
        (["x", "x"], "Two states share the name 'x'"),
        ({"x": -1}, "State `x` can't have shape -1"),
        ({"x": (2, 0)}, "State `x` can't have shape (2, 0)"),
        ({"x": "wide"}, "State `x` can't have shape 'wide'"),
        ({"x": 2.5}, "State `x` can't have shape 2.5"),
    ],
)
def test_bad_states(states, message):
    with raises(ModelError, message):
        ODE(lambda t, s: s.x, states)


def test_names_may_stand_for_one_thing_only():
    with raises(ModelError, "`x` names a state and a parameter. Rename one of them."):
        build(parameters={"x": 1.0})
    with raises(ModelError, "Parameter name 'my rate' isn't a Python identifier"):
        build(parameters={"my rate": 1.0})
    with raises(ModelError, "Network name 'class' is a Python keyword"):
        build(networks={"class": MLP(1, 1)})
    with raises(ModelError, "Parameter name '_k' begins with an underscore"):
        build(parameters={"_k": 1.0})
    with raises(ModelError, "`parameters` needs a dict name → value, not list"):
        build(parameters=["k"])


def test_bad_parameter_and_network_values_are_named():
    with raises(ModelError, "Parameter `k`: `Parameter` needs `value` as numbers", "'fast'"):
        build(parameters={"k": "fast"})
    with raises(ModelError, "Network `f` needs e.g. `unideq.nn.MLP(2, 1)`, not MLP itself"):
        build(networks={"f": MLP})


# ---- what the right-hand side returns ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda s: {"x": s.x, "z": s.y}, "something that isn't a state. Unknown state `z`"),
        (lambda s: {"x": s.x}, "no derivative for `y`. Return one a state."),
        (lambda s: [s.x], "returned 1 derivatives for 2 states ['x', 'y']"),
        (lambda s: (s.x, s.y, s.x), "returned 3 derivatives for 2 states"),
        (lambda s: None, 'returned nothing. End it with `return {"x": ...}`'),
        (lambda s: s.x, "returned one array of shape () for 2 states"),
        (lambda s: s, 'returned StateView. Write `return {"x": ...}`'),
        (lambda s: {"x": s.x, "y": np.zeros(3)}, "the derivative of `y` has shape (3,), not ()"),
        (lambda s: {"x": s.x, "y": None}, "the derivative of `y` is None"),
        (lambda s: {"x": s.x, "y": {"z": 1.0}}, "the derivative of `y` is a dict (z)"),
        (lambda s: {"x": s.x, "y": np.nan}, "the derivative of `y` is the constant nan, which isn't finite"),
    ],
)
def test_wrong_derivatives(result, message):
    with raises(ModelError, message):
        build(lambda t, s: result(s))


def test_array_states_need_their_shape():
    with raises(ModelError, "the derivative of `u` has shape (2,), not (3,)"):
        ODE(lambda t, s: {"u": s.u[:2]}, {"u": 3})


def test_messages_name_the_function():
    def logistic(t, state):
        return {"n": state.n, "m": 1.0}

    with raises(ModelError, "`logistic` returned a derivative for something that isn't a state"):
        ODE(logistic, ["n"])
    with raises(ModelError, "`rhs` needs a function f(t, state, p, net, forcing), not float"):
        ODE(3.0, ["n"])
    with raises(ModelError, "wants 6 arguments (a, b, c, d, e, f); it gets at most 5"):
        ODE(lambda a, b, c, d, e, f: 1.0, ["n"])


# ---- what can't be traced ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "parts"),
    [
        (
            lambda t, s: s.x if s.x > 0 else -s.x,
            ("Python can't branch on a symbolic value", "test_bad_input.py", "np.where"),
        ),
        (lambda t, s: max(s.x, 0.0), ("Python can't branch", "np.maximum")),
        (lambda t, s: float(s.x), ("`float()`", "Use NumPy functions")),
        (lambda t, s: np.sort(np.stack([s.x, s.x]))[0], ("`np.sort` can't be recorded",)),
        (lambda t, s: np.interp(s.x, [0, 1], [0, 1]), ("`np.interp`", "`forcings=`")),
        (lambda t, s: np.array([s.x])[0], ("can't be made a NumPy array", "np.stack")),
        (
            lambda t, s: s.x.cumprod(),
            ("`rhs` can't be traced at test_bad_input.py", "cumprod", "when the model is made, with symbolic values"),
        ),
        (lambda t, s: s * 2, ("`rhs` can't be traced at test_bad_input.py", "unsupported operand")),
        (lambda t, s: "fast", ("Only real numbers",)),
    ],
)  # fmt: skip
def test_untraceable_functions_say_what_to_write_instead(f, parts):
    with raises(TraceError, *parts):
        ODE(f, ["x"])


def test_assigning_to_a_view_is_a_trace_error():
    def f(t, s):
        s.x = 0.0

    with raises(TraceError, "`state.x` can't be assigned", "Return the derivatives instead"):
        ODE(f, ["x"])


def test_the_users_own_errors_stay_what_they_are():
    with pytest.raises(ZeroDivisionError):
        ODE(lambda t, s: 1 / 0, ["x"])
    with pytest.raises(AttributeError, match="module 'numpy'"):
        ODE(lambda t, s: np.no_such_function(s.x), ["x"])


@pytest.mark.parametrize(
    ("f", "parts"),
    [
        (lambda net, s: net.f(s.x), ("`f` takes 2 arguments (or one array with last axis 2), not one of shape ()",)),
        (lambda net, s: net.f(s.x, s.x, s.x), ("`f` takes 2 arguments", "not 3", "test_bad_input.py")),
        (lambda net, s: net.f(np.zeros(3), np.zeros(2)), ("arguments of shapes (3,), (2,), which don't broadcast",)),
        (lambda net, s: net.f(x=s.x), ("unexpected keyword argument 'x'",)),
        (lambda net, s: net.one(s.x, s.x), ("`one` takes 1 argument, not 2",)),
        (lambda net, s: sum(net.one(s.x)), ("A network with one output returns the output itself, not a tuple",)),
    ],
)
def test_networks_called_with_the_wrong_inputs(f, parts):
    with raises(TraceError, *parts):
        ODE(lambda t, s, p, net: f(net, s), ["x"], networks={"f": MLP(2, 1), "one": MLP(1, 1)})


# ---- observables, initial values --------------------------------------------------------------------------------


def test_bad_observe_functions():
    with raises(ModelError, "`observe` must return a dict observable → value"):
        build(observe=lambda t, s: s.x)
    with raises(ModelError, "Observable `x` has the name of a state but is something else. Rename it."):
        build(observe=lambda t, s: {"x": 2 * s.x})
    with raises(ModelError, "observable `total` is None"):
        build(observe=lambda t, s: {"total": None})
    with raises(ModelError, "Observable name 'in bed' isn't a Python identifier"):
        build(observe=lambda t, s: {"in bed": s.x})


@pytest.mark.parametrize(
    ("initial", "message"),
    [
        ({"z": 1.0}, "Unknown state `z`. "),
        ({"x": np.ones(3)}, "initial value of `x` has shape (3,), not ()"),
        ({"x": np.inf}, "initial value of `x` isn't finite"),
        (
            {"x": {"value": 1}},
            "`initial value of x` needs numbers, not {'value': 1}. Or give a `Parameter`, or the name",
        ),
        ({"p": -1.0}, "initial value of `p` is -1.0, but the state is declared positive"),
        ({"p": Parameter(0.0)}, "initial value of `p` is 0.0, but the state is declared positive"),
    ],
)
def test_bad_initial_values(initial, message):
    with raises(ModelError, message):
        ODE(lambda t, s: [s.x, s.p], [State("x"), State("p", positive=True)], initial=initial)


# ---- forcings ---------------------------------------------------------------------------------------------------


def series(values, times, **kwargs):
    return xr.DataArray(values, dims="time", coords={"time": times}, **kwargs)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.ones(3), "Forcing `rain` needs an xarray DataArray with a `time` coordinate, not ndarray"),
        (xr.DataArray(np.ones(3), dims="t"), "Forcing `rain` has dimensions ('t',); it needs `time`"),
        (series([1.0, np.nan, 2.0], [0, 1, 2]), "`rain` is NaN or infinite at time 1. Drop such times"),
        (series([1.0, 2.0, 3.0], [0, 2, 1]), "strictly increasing times; 1 (index 2) follows 2"),
        (series([1.0, 2.0, 3.0], [0, 1, 1]), "strictly increasing times; 1 (index 2) follows 1"),
        (series([1.0], [0]), "`rain` has 1 times; it needs at least two"),
        (
            series([1.0, 2.0], np.array(["2020", "2021"], "datetime64[ns]")),
            "Times of forcing `rain` are datetime64[ns], not",
        ),
        (series(["a", "b"], [0, 1]), "holds <U1 values, not numbers"),
        (series([1.0, 2.0], [0, 1], attrs={"interpolation": "cubical"}), "Did you mean `cubic`"),
        (
            xr.DataArray([[1.0, 1.0], [np.nan, np.nan]], dims=("trajectory", "time"), coords={"time": [0, 1]}),
            "of trajectory 1 has no value",
        ),
    ],
)
def test_bad_forcings(data, message):
    with raises(DataError, message):
        ODE(lambda t, s, p, net, forcing: forcing.rain, ["x"], forcings={"rain": data})


# ---- values -----------------------------------------------------------------------------------------------------


def test_calls_and_values_are_checked():
    model = build(lambda t, s, p: [p.k * s.x, s.y], parameters={"k": Parameter(1.0, positive=True)})
    with raises(ModelError, "No value for state `y`"):
        model(0.0, {"x": 1.0})
    with raises(ModelError, "Unknown state `z`"):
        model(0.0, {"x": 1.0, "y": 1.0, "z": 1.0})
    with raises(ModelError, "State `x` needs shape (), not (2,)"):
        model(0.0, {"x": [1.0, 2.0], "y": 1.0})
    with raises(ModelError, "`state` needs `x` as numbers, not 'a'"):
        model(0.0, {"x": "a", "y": 1.0})
    with raises(ModelError, "`k` must lie above 0, not at -1.0"):
        model(0.0, {"x": 1.0, "y": 1.0}, {"k": -1.0})
    with raises(ModelError, "Unknown parameter `kk`. Did you mean `k`?"):
        model.resolve_theta({"kk": 1.0})
    with raises(ModelError, "θ needs shape (1,), not (2,)"):
        model.resolve_theta(np.zeros(2))


def test_with_values_is_checked():
    model = build(lambda t, s, p: [p.k * s.x, s.y], parameters={"k": Parameter(1.0, positive=True)})
    with raises(ModelError, "Unknown parameter `q`"):
        model.with_values({"q": 1.0})
    with raises(ModelError, "Parameter `k`: The initial value", "isn't positive"):
        model.with_values({"k": -1.0})
    with raises(ModelError, "Parameter `k`: "):
        model.with_values({"k": [1.0, 2.0]})


def test_json_that_is_not_ours_or_damaged():
    data = build().to_json()
    with raises(FileFormatError, "Unknown model `car`"):
        ODE.from_json({"kind": "car"})
    with raises(FileFormatError, "The description of a model is damaged"):
        ODE.from_json([1, 2])
    for key in data:
        if key != "kind":
            with pytest.raises(UnideqError):
                ODE.from_json({k: v for k, v in data.items() if k != key})
