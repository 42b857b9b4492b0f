"""ODE models: traced right-hand sides against the same formulas in NumPy."""

import json

import numpy as np
import pytest
import xarray as xr

from unideq.errors import UnideqWarning
from unideq.graph import OPERATIONS
from unideq.model import ODE, Parameter, State
from unideq.nn import MLP


def predator_prey(t, state, p, net):
    hare, lynx = state.hare, state.lynx
    eaten, born = net.interaction(hare, lynx)
    return {"hare": p.growth * hare - eaten, "lynx": born - p.death * lynx}


def lotka_volterra(**settings):
    return ODE(
        predator_prey,
        states=["hare", "lynx"],
        parameters={
            "growth": Parameter(0.5, positive=True, units="1/yr"),
            "death": Parameter(0.8, positive=True),
        },
        networks={"interaction": MLP(2, 2, hidden=(8, 8), activation="tanh")},
        **settings,
    )


def forward(weights, prefix, x):
    """A tanh network by hand."""
    layers = sum(k.startswith(prefix) and k.endswith("weight") for k in weights)
    for k in range(1, layers + 1):
        x = weights[f"{prefix}.layer_{k}.weight"] @ x + weights[f"{prefix}.layer_{k}.bias"]
        x = np.tanh(x) if k < layers else x
    return x


def derivative(model, u, theta=None, t=0.0):
    theta = model.initial_theta() if theta is None else theta
    return model.vector_field.evaluate({"t": t, "u": u, "theta": theta})["du"]


# ---- the example ----------------------------------------------------------------------------------------


def test_lotka_volterra_ude_equals_numpy():
    model = lotka_volterra()
    theta = model.initial_theta(seed=3)
    values = model.layout.unpack(theta)
    eaten, born = forward(values, "interaction", np.array([3.0, 2.0]))
    np.testing.assert_allclose(derivative(model, [3.0, 2.0], theta), [0.5 * 3 - eaten, born - 0.8 * 2], rtol=1e-12)
    assert model.layout.size == 2 + 114
    assert model.layout.names[:3] == ("growth", "death", "interaction.layer_1.weight")


def test_equations_of_the_example_are_exact():
    equations = lotka_volterra().equations()
    assert equations.text == (
        "d hare/dt = growth·hare - interaction(hare, lynx)[0]\nd lynx/dt = interaction(hare, lynx)[1] - death·lynx"
    )
    assert str(equations) == repr(equations) == equations.text
    assert equations.latex == (
        "\\begin{aligned}\n"
        r"\frac{\mathrm{d} \mathrm{hare}}{\mathrm{d} t} &= \mathrm{growth} \, \mathrm{hare} - "
        r"\mathrm{interaction}_{1}\left(\mathrm{hare}, \mathrm{lynx}\right) \\" + "\n"
        r"\frac{\mathrm{d} \mathrm{lynx}}{\mathrm{d} t} &= "
        r"\mathrm{interaction}_{2}\left(\mathrm{hare}, \mathrm{lynx}\right) - \mathrm{death} \, \mathrm{lynx}" + "\n"
        "\\end{aligned}"
    )
    assert equations._repr_latex_() == f"$${equations.latex}$$" == lotka_volterra()._repr_latex_()


def test_describe_counts_operations_and_trainable_numbers():
    model = lotka_volterra(initial={"lynx": Parameter(3.0, positive=True), "hare": 2.0})
    lines = model.describe().splitlines()
    assert lines[0] == "ODE with 2 states (2 values), 116 trainable numbers"
    assert "  parameter  growth = Parameter(0.5, lower=0.0, units='1/yr')" in lines
    assert "  network    interaction: MLP(2, 2, hidden=(8, 8)) (114 weights)" in lines
    assert "  initial    hare = 2.0" in lines
    assert "  initial    lynx = Parameter(3.0, lower=0.0)" in lines
    count = model.vector_field.operation_count
    assert lines[-1].startswith(f"  vector field: {count} operations; with its vjp: ")
    assert int(lines[-1].split()[-1]) > count > 20


def test_fixed_parameters_do_not_count_as_trainable():
    model = ODE(
        lambda t, s, p: [p.a * s.x + p.b],
        states=["x"],
        parameters={"a": Parameter(1.0), "b": Parameter(2.0, free=False)},
    )
    assert "1 trainable numbers" in model.describe()


def test_calling_a_model_evaluates_with_numpy():
    model = lotka_volterra()
    plain = model.replace("interaction", lambda p, h, l: (0.02 * h * l, 0.01 * h * l))
    assert plain(0.0, {"hare": 30.0, "lynx": 4.0})["hare"] == pytest.approx(0.5 * 30 - 0.02 * 120)
    changed = plain(0.0, {"hare": 30.0, "lynx": 4.0}, {"death": 2.0})
    assert changed["lynx"] == pytest.approx(0.01 * 120 - 2 * 4)
    theta = plain.layout.pack({"growth": 1.0, "death": 3.0})
    assert plain(0.0, {"hare": 1.0, "lynx": 1.0}, theta)["lynx"] == pytest.approx(0.01 - 3)


def test_a_seed_gives_the_same_theta_and_networks_differ():
    model = ODE(lambda t, s, p, net: [net.a(s.x) + net.b(s.x)], states=["x"], networks={"a": MLP(1, 1), "b": MLP(1, 1)})
    theta = model.initial_theta(7)
    assert theta.tobytes() == model.initial_theta(7).tobytes() != model.initial_theta(8).tobytes()
    values = model.layout.unpack(theta)
    assert not np.array_equal(values["a.layer_1.weight"], values["b.layer_1.weight"])


# ---- states, parameters, signatures -----------------------------------------------------------------------------


def test_states_unpack_in_order_and_can_be_indexed_by_name():
    def f(t, state, p):
        hare, lynx = state
        assert len(state) == 2 and "hare" in state and list(state.keys()) == ["hare", "lynx"]
        assert state["hare"] is hare is state.hare
        return lynx - hare, 2 * hare

    np.testing.assert_array_equal(derivative(ODE(f, ["hare", "lynx"]), [3.0, 10.0]), [7.0, 6.0])


def test_array_states_and_array_parameters():
    diffuse = np.array([[-2.0, 1, 0], [1, -2, 1], [0, 1, -2]])

    def f(t, state, p):
        return {
            "u": p.rate * (diffuse @ state.u) + state.v[0, 1],
            "v": p.table * state.v.T @ np.eye(2) - state.u[:2],
        }

    model = ODE(f, {"u": 3, "v": (2, 2)}, {"rate": 0.5, "table": [[1.0, 2.0], [3.0, 4.0]]})
    u, v = np.array([1.0, 2.0, 4.0]), np.array([[1.0, 5.0], [7.0, 8.0]])
    result = model(0.0, {"u": u, "v": v})
    np.testing.assert_allclose(result["u"], 0.5 * diffuse @ u + 5.0)
    np.testing.assert_allclose(result["v"], (np.array([[1.0, 2], [3, 4]]) * v.T) @ np.eye(2) - u[:2])
    assert model.size == 7
    assert result["v"].shape == (2, 2)


def test_elements_of_arrays_print_under_their_names():
    model = ODE(
        lambda t, s, p: {"x": p.k[0] * s.x - p.k[1] * s.y[1], "y": s.y * s.x + s.y[::-1]},
        {"x": (), "y": 2},
        {"k": [1.0, 0.25]},
    )
    assert model.equations().text == "d x/dt = k[0]·x - k[1]·y[1]\nd y/dt = y·x + y[[1, 0]]"


def test_state_objects_carry_shape_units_and_sign():
    model = ODE(
        lambda t, s: {"dose": -s.dose, "profile": 0.0 * s.profile},
        states={"dose": State(units="mg", positive=True), "profile": State(shape=4, description="depth")},
    )
    assert model.states["dose"].units == "mg" and model.states["dose"].positive
    assert model.states["profile"].shape == (4,)
    assert "  state      dose [mg]" in model.describe()
    assert ODE(lambda t, s: [-s.dose], [State("dose", units="mg")]).states["dose"].units == "mg"


def test_second_order_system():
    model = ODE(
        lambda t, s, p: {"angle": s.speed, "speed": -p.g / p.length * np.sin(s.angle)},
        ["angle", "speed"],
        {"g": Parameter(9.81, free=False), "length": 2.0},
    )
    np.testing.assert_allclose(derivative(model, [0.3, -1.0]), [-1.0, -9.81 / 2 * np.sin(0.3)], rtol=1e-14)
    assert model.equations().text == "d angle/dt = speed\nd speed/dt = -g/length·sin(angle)"


def test_non_autonomous_terms():
    model = ODE(lambda t, s, p: {"x": np.cos(p.w * t) - s.x}, ["x"], {"w": 2.0})
    assert derivative(model, [0.5], t=1.5)[0] == pytest.approx(np.cos(3.0) - 0.5)


@pytest.mark.parametrize(
    "f",
    [
        lambda t, state, p, net, forcing: {"x": -state.x},
        lambda t, s: {"x": -s.x},
        lambda t, s: [-s.x],
        lambda t, s: -s.x,
        lambda *everything: -everything[1].x,
        lambda state: -state.x,
        lambda state, t: -state.x,
        lambda t, s, *, forcing=None: -s.x,
    ],
)
def test_trailing_arguments_may_be_left_out_and_named_ones_come_by_name(f):
    assert derivative(ODE(f, ["x"]), [3.0])[0] == -3.0


@pytest.mark.parametrize("wrap", [tuple, list, np.stack, np.concatenate])
def test_right_hand_sides_may_return_sequences_or_one_array(wrap):
    def f(t, s):
        parts = [s.b, -s.a]
        return wrap([x.reshape(1) for x in parts]) if wrap is np.concatenate else wrap(parts)

    np.testing.assert_array_equal(derivative(ODE(f, ["a", "b"]), [1.0, 2.0]), [2.0, -1.0])


def test_one_array_state_may_be_returned_as_a_list_of_elements():
    model = ODE(lambda t, s: [s.x[1], s.x[0], 7.0], {"x": 3})
    np.testing.assert_array_equal(derivative(model, [1.0, 2.0, 3.0]), [2.0, 1.0, 7.0])


def test_constant_derivatives_and_booleans():
    model = ODE(lambda t, s: {"x": 1.0, "y": s.x > 0}, ["x", "y"])
    np.testing.assert_array_equal(derivative(model, [2.0, 0.0]), [1.0, 1.0])
    np.testing.assert_array_equal(derivative(model, [-2.0, 0.0]), [1.0, 0.0])


# ---- networks ---------------------------------------------------------------------------------------------------


def test_several_networks_in_one_model():
    model = ODE(
        lambda t, s, p, net: {"x": net.one(s.x), "y": net.two(s.x, s.y) + net.one(s.y)},
        ["x", "y"],
        networks={"one": MLP(1, 1, hidden=(3,)), "two": MLP(2, 1, hidden=(4,))},
    )
    values = model.layout.unpack(model.initial_theta(2))
    x, y = np.array([0.7]), np.array([-1.2])
    expected = [
        forward(values, "one", x)[0],
        forward(values, "two", np.concatenate([x, y]))[0] + forward(values, "one", y)[0],
    ]
    np.testing.assert_allclose(derivative(model, [0.7, -1.2], model.initial_theta(2)), expected, rtol=1e-12)
    assert set(model.learned) == {"one", "two"}
    assert len(model.learned["one"].calls) == 2


def test_pointwise_calls_on_arrays_broadcast():
    net = MLP(2, 2, hidden=(3,))
    model = ODE(
        lambda t, s, p, net: {"x": net.f(s.x, p.a)[0] - net.f(s.x, p.a)[1]}, {"x": (2, 3)}, {"a": 0.3}, {"f": net}
    )
    values = model.layout.unpack(model.initial_theta(1))
    x = np.random.default_rng(0).normal(size=(2, 3))
    expected = np.empty((2, 3))
    for i in np.ndindex(2, 3):
        a, b = forward(values, "f", np.array([x[i], 0.3]))
        expected[i] = a - b
    np.testing.assert_allclose(model(0, {"x": x}, model.initial_theta(1))["x"], expected, rtol=1e-12)


def test_vector_calls_act_on_the_last_axis():
    model = ODE(lambda t, s, p, net: {"x": net.f(s.x)}, {"x": (2, 3)}, networks={"f": MLP(3, 3, hidden=(4,))})
    values = model.layout.unpack(model.initial_theta(1))
    x = np.random.default_rng(0).normal(size=(2, 3))
    expected = np.stack([forward(values, "f", row) for row in x])
    np.testing.assert_allclose(model(0, {"x": x}, model.initial_theta(1))["x"], expected, rtol=1e-12)
    assert model.learned["f"].layout == "vector"


def test_learned_term_gives_arguments_and_output():
    model = lotka_volterra()
    term = model.learned["interaction"]
    theta = model.initial_theta()
    out = term.graph.evaluate({"t": 0.0, "u": [3.0, 2.0], "theta": theta})
    assert out["argument_0"] == 3.0 and out["argument_1"] == 2.0
    np.testing.assert_allclose(out["output"], forward(model.layout.unpack(theta), "interaction", np.array([3.0, 2.0])))
    assert term.layout == "pointwise"


def test_a_network_in_observe_is_a_learned_term_too():
    model = ODE(
        lambda t, s: -s.x, ["x"], networks={"sensor": MLP(1, 1)}, observe=lambda t, s, p, net: {"seen": net.sensor(s.x)}
    )
    assert set(model.learned) == {"sensor"}
    replaced = model.replace("sensor", lambda p, x: 3 * x)
    assert replaced.observation.evaluate({"t": 0, "u": [2.0], "theta": replaced.initial_theta()})["seen"] == 6.0


# ---- forcings ---------------------------------------------------------------------------------------------------

TIMES = np.array([0.0, 1.0, 3.0, 4.0])
RAIN = np.array([0.0, 2.0, 6.0, -2.0])


def forced(values, method, shape=(), **kwargs):
    dims = ("time", "site")[: values.ndim]
    data = xr.DataArray(values, dims=dims, coords={"time": TIMES}, attrs={"interpolation": method})
    return ODE(lambda t, s, p, net, forcing: {"x": forcing.rain}, {"x": shape}, forcings={"rain": data}, **kwargs)


def test_linear_forcing_equals_np_interp_and_holds_its_ends():
    model = forced(RAIN, "linear")
    for t in (-5.0, 0.0, 0.25, 1.0, 2.0, 3.5, 4.0, 10.0):
        assert derivative(model, [0.0], t=t)[0] == pytest.approx(np.interp(t, TIMES, RAIN), abs=1e-12)


def test_previous_forcing_is_a_staircase():
    model = forced(RAIN, "previous")
    for t, expected in [(-1, 0), (0.9, 0), (1.0, 2), (2.9, 2), (3.0, 6), (3.99, 6), (4.0, -2), (9, -2)]:
        assert derivative(model, [0.0], t=float(t))[0] == expected


def test_cubic_forcing_is_the_natural_spline_and_holds_its_ends():
    from scipy.interpolate import CubicSpline

    model, spline = forced(RAIN, "cubic"), CubicSpline(TIMES, RAIN, bc_type="natural")
    for t in (0.0, 0.3, 1.7, 3.2, 4.0):
        assert derivative(model, [0.0], t=t)[0] == pytest.approx(spline(t), abs=1e-12)
    assert derivative(model, [0.0], t=-2.0)[0] == 0.0
    assert derivative(model, [0.0], t=7.0)[0] == -2.0


def test_array_forcing_has_the_values_shape():
    model = forced(np.stack([RAIN, 10 * RAIN], axis=1), "linear", shape=2)
    np.testing.assert_allclose(derivative(model, [0.0, 0.0], t=2.0), [4.0, 40.0])


def test_forcings_print_and_survive_json():
    model = forced(RAIN, "linear")
    assert model.equations().text == "d x/dt = rain(t)"
    again = ODE.from_json(json.loads(json.dumps(model.to_json(), allow_nan=False)))
    assert derivative(again, [0.0], t=0.5)[0] == 1.0
    # A penalty that is traced later still finds the forcing.
    graph = again.trace(lambda t, s, p, net, forcing: forcing.rain**2)
    assert graph.evaluate({"t": 0.5, "u": [0.0], "theta": np.zeros(0)})["value"] == 1.0


# ---- observables and initial values -----------------------------------------------------------------------------


def test_observables_are_evaluated_and_printed():
    model = ODE(
        lambda t, s, p: {"S": -p.b * s.S * s.I, "I": p.b * s.S * s.I - s.I},
        ["S", "I"],
        {"b": 2.0},
        observe=lambda t, s, p: {"in_bed": s.I, "share": s.I / (s.S + s.I)},
    )
    assert model.observables == {"in_bed": (), "share": ()}
    seen = model.observation.evaluate({"t": 0, "u": [3.0, 1.0], "theta": model.initial_theta()})
    assert seen["in_bed"] == 1.0 and seen["share"] == 0.25
    assert model.observed_state("I") == "in_bed"
    assert model.observed_state("S") is None
    assert model.equations().text.splitlines()[2:] == ["in_bed = I", "share = I/(S + I)"]


def test_states_are_the_default_observables():
    model = lotka_volterra()
    assert model.observables == {"hare": (), "lynx": ()}
    assert model.observed_state("lynx") == "lynx"


def test_initial_values_of_every_kind_survive_json():
    model = ODE(
        lambda t, s: {"a": s.b, "b": s.a, "c": s.c, "d": s.d},
        {"a": (), "b": (), "c": 3, "d": ()},
        initial={"a": 2.0, "b": Parameter(1.0, positive=True, units="m"), "c": [1.0, 2.0, 3.0], "d": "dose"},
    )
    again = ODE.from_json(json.loads(json.dumps(model.to_json(), allow_nan=False)))
    assert again.initial["a"] == 2.0 and again.initial["d"] == "dose"
    assert again.initial["b"].units == "m" and again.initial["b"].lower == 0.0
    np.testing.assert_array_equal(again.initial["c"], [1.0, 2.0, 3.0])


# ---- JSON -------------------------------------------------------------------------------------------------------


def test_json_round_trip_gives_the_same_numbers_and_equations():
    model = ODE(
        lambda t, s, p, net: {"x": net.f(s.x, s.y[0]) * p.k[1], "y": -p.r * s.y + np.sin(t)},
        {"x": State(units="m"), "y": 2},
        {"k": [1.0, 0.5], "r": Parameter(0.1, lower=0.0, upper=1.0, free=False)},
        {"f": MLP(2, 1, activation="rbf", input_scale=(2.0, 3.0))},
        observe=lambda t, s: {"x": s.x, "total": s.x + s.y.sum()},
    )
    again = ODE.from_json(json.loads(json.dumps(model.to_json(), allow_nan=False)))
    theta = model.initial_theta(4)
    assert again.initial_theta(4).tobytes() == theta.tobytes()
    point = {"t": 0.3, "u": [0.4, 0.5, 0.6], "theta": theta}
    assert again.vector_field.evaluate(point)["du"].tobytes() == model.vector_field.evaluate(point)["du"].tobytes()
    assert again.equations() == model.equations()
    assert again.describe() == model.describe()
    assert again.observed_state("x") == "x"
    assert again.networks == model.networks
    assert set(again.learned) == {"f"}
    assert json.dumps(again.to_json()) == json.dumps(model.to_json())


# ---- with_values ------------------------------------------------------------------------------------------------


def test_with_values_changes_initial_values_and_nothing_else():
    model = ODE(
        lambda t, s, p: {"x": p.k[0] * s.x - p.r * s.x**2},
        ["x"],
        {"k": [1.0, 0.5], "r": Parameter(0.1, positive=True, units="1/d")},
    )
    other = model.with_values({"k": [3.0, 7.0]})
    assert model(0, {"x": 2.0})["x"] == pytest.approx(1 * 2 - 0.1 * 4)
    assert other(0, {"x": 2.0})["x"] == pytest.approx(3 * 2 - 0.1 * 4)
    assert other.with_values({"r": 5.0})(0, {"x": 2.0})["x"] == pytest.approx(3 * 2 - 5 * 4)
    assert other.parameters["r"].units == "1/d"
    theta = model.initial_theta()
    assert other(0, {"x": 2.0}, theta) == model(0, {"x": 2.0}, theta)
    assert other.equations() == model.equations()


# ---- unused quantities ------------------------------------------------------------------------------------------


def test_unused_parameters_and_networks_are_warned_of():
    with pytest.warns(UnideqWarning, match="Parameter `forgotten` isn't used by the equations"):
        ODE(lambda t, s: -s.x, ["x"], {"forgotten": 1.0})
    with pytest.warns(UnideqWarning, match="Network `idle` isn't called by the equations"):
        ODE(lambda t, s: -s.x, ["x"], networks={"idle": MLP(1, 1)})


@pytest.mark.filterwarnings("error")
def test_used_parameters_are_not_warned_of():
    ODE(lambda t, s, p: np.stack([p.a, p.b[1]]), {"x": 2}, {"a": 1.0, "b": [1.0, 2.0]})
    ODE(lambda t, s: -s.x, ["x"], {"gain": 1.0}, observe=lambda t, s, p: {"y": p.gain * s.x})
    lotka_volterra()


def test_learned_is_an_operation_of_the_graph():
    assert "learned" in OPERATIONS
