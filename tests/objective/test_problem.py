"""The layout that a fit's objectives share: initial values, scales, guesses, names of terms."""

import json
import re

import numpy as np
import pytest
import xarray as xr

from objective.building import NAN, dataset, decay, initial, positive_pair, problem, ready, terms
from unideq.errors import DataError, ModelError, OptionError
from unideq.model import ODE, Parameter, State
from unideq.nn import MLP
from unideq.objective import L1, L2, Cost, Holdout, Observations, SolverSettings, Trajectory
from unideq.objective.cost import costs_of
from unideq.objective.regularise import regulariser_of

TIMES = [0.0, 1.0, 2.0]


def raises(kind, *parts):
    return pytest.raises(kind, match=".*".join(re.escape(p) for p in parts))


# ---- initial values ---------------------------------------------------------------------------------------------


def test_states_start_at_their_first_measurement_and_are_estimated():
    made, theta, program = ready(Trajectory(), problem(decay(), dataset(TIMES, x=[4.0, 2.0, 1.0], y=[NAN, 7.0, 9.0])))
    assert made.layout.names == ("rate", "initial.x", "initial.y")
    np.testing.assert_allclose(initial(program, theta), [[4.0, 7.0]])
    assert made.layout["initial.x"].free and made.known == frozenset()


def test_known_and_estimated_initial_values():
    model = decay(initial={"x": 3.0, "y": Parameter(1.0, positive=True)})
    made, theta, program = ready(Trajectory(), problem(model, dataset(TIMES, x=[4.0, 2.0, 1.0])))
    assert made.layout.names == ("rate", "initial.y")
    assert made.layout["initial.y"].lower == 0.0
    np.testing.assert_allclose(initial(program, theta), [[3.0, 1.0]])
    assert made.known == {"x"}
    assert program.sources[0].observe.outputs.keys() == {"observed.x"}


def test_initial_values_from_a_coordinate_one_a_trajectory():
    data = xr.Dataset(
        {"x": (("trajectory", "time"), [[4.0, 2.0, 1.0], [8.0, 4.0, 2.0]])},
        coords={"time": TIMES, "dose": ("trajectory", [4.5, 8.5])},
    )
    model = decay(initial={"x": "dose", "y": 0.0})
    made, theta, program = ready(Trajectory(), problem(model, data))
    np.testing.assert_allclose(initial(program, theta), [[4.5, 0.0], [8.5, 0.0]])
    assert made.layout.names == ("rate",)
    with raises(
        DataError, "initial value of `x`", "has no coordinate `dos`", "Did you mean `dose`?", "assign_coords(dos="
    ):
        problem(decay(initial={"x": "dos", "y": 0.0}), data)
    with raises(DataError, "coordinate `dose` can't be the initial value of `x` in trajectory 1: it is nan"):
        problem(model, data.assign_coords(dose=("trajectory", [1.0, NAN])))


def test_array_states_start_element_by_element():
    model = ODE(lambda t, s: {"u": -s.u}, {"u": 3})
    data = xr.Dataset(
        {"u": (("time", "x"), [[1.0, NAN, NAN], [2.0, 5.0, NAN], [3.0, 6.0, NAN]])}, coords={"time": TIMES}
    )
    made, theta, program = ready(Trajectory(), problem(model, data))
    np.testing.assert_allclose(initial(program, theta), [[1.0, 5.0, 0.0]])
    assert made.layout["initial.u"].shape == (1, 3)
    held = xr.Dataset({"u": (("time", "x"), np.ones((3, 3)))}, coords={"time": TIMES, "u0": ("x", [7.0, 8.0, 9.0])})
    known = ODE(lambda t, s: {"u": -s.u}, {"u": 3}, initial={"u": "u0"})
    _, theta, program = ready(Trajectory(), problem(known, held))
    np.testing.assert_array_equal(initial(program, theta), [[7.0, 8.0, 9.0]])


def test_positive_states_are_stored_positive_and_zero_measurements_lifted():
    made, theta, program = ready(
        Trajectory(), problem(positive_pair(), dataset(TIMES, a=[0.0, 2.0, 4.0], b=[0.0, 1.0, 2.0]))
    )
    assert made.layout["initial.a"].lower == 0.0 and made.layout["initial.b"].lower is None
    np.testing.assert_allclose(initial(program, theta), [[1e-3 * np.std([0, 2, 4]), 0.0]], atol=1e-15)
    estimated = ODE(lambda t, s: -s.a, [State("a", positive=True)], initial={"a": Parameter(2.0)})
    assert problem(estimated, dataset(TIMES, a=[1.0, 2.0, 3.0])).layout["initial.a"].lower == 0.0


def test_unmeasured_states_need_an_initial_value():
    with raises(ModelError, "State `y` isn't measured and has no initial value", "ude.Parameter(guess)"):
        problem(decay(), dataset(TIMES, x=[1.0, 2.0, 3.0]))


def test_initial_values_can_be_held_fixed():
    made = problem(decay(), dataset(TIMES, x=[4.0, 2.0, 1.0], y=[0.0, 1.0, 2.0]), estimate_initial=False)
    assert made.layout.free_mask.tolist() == [True, False, False]


# ---- hold-outs --------------------------------------------------------------------------------------------------


def two(values=((4.0, 2.0, 1.0), (8.0, 4.0, 2.0))):
    return xr.Dataset(
        {"x": (("trajectory", "time"), np.array(values))}, coords={"time": TIMES, "trajectory": ["a", "b"]}
    )


def test_a_trajectory_held_out_altogether_starts_at_its_own_measurement_and_costs_nothing():
    model = decay(initial={"y": 0.0})
    made = problem(model, two(), holdout=Holdout(trajectories=["b"]))
    made, theta, program = ready(Trajectory(), made)
    assert made.layout["initial.x"].shape == (2,)
    np.testing.assert_allclose(made.layout.unpack(theta)["initial.x"], [4.0, 8.0])
    source = program.sources[0]
    np.testing.assert_allclose(initial(program, theta), [[4.0, 0.0]])  # only the first trajectory is solved
    assert source.times.tolist() == [TIMES] and source.start.tolist() == [0.0]
    # scales come from what training sees
    assert made.scales["x"] == pytest.approx(np.std([4, 2, 1]))


def test_held_out_measurements_are_scored_from_the_same_start():
    model = decay(initial={"y": 0.0})
    everything = Observations.from_data(two(), model.observables)
    _, held = everything.split(Holdout(after=1.5, trajectories=["b"]))
    made = problem(model, two(), holdout=Holdout(after=1.5, trajectories=["b"]))
    program = Trajectory().build(made.with_observations(held))
    source = program.sources[0]
    assert source.start.tolist() == [0.0, 0.0]
    assert source.times.tolist() == [[2.0, 2.0, 2.0], TIMES]
    theta = made.initial_theta(0)
    predicted = np.array([[1.5, 9.0, 9.0], [8.0, 4.0, 3.0]])
    value = terms(program, theta, solve__observed__x=predicted)
    assert value["x"] == pytest.approx((0.5**2 + 0 + 0 + 1.0**2) / 4 / np.var([4.0, 2.0]))


# ---- θ ----------------------------------------------------------------------------------------------------------


def test_the_models_theta_comes_first_and_graphs_read_it_there():
    model = ODE(
        lambda t, s, p, net: {"x": net.f(s.x) - p.k * s.x},
        ["x"],
        {"k": Parameter(2.0, positive=True)},
        {"f": MLP(1, 1)},
    )
    made, theta, program = ready(Trajectory(), problem(model, dataset(TIMES, x=[1.0, 2.0, 3.0]), "gaussian"))
    assert made.layout.size == model.layout.size + 2
    np.testing.assert_array_equal(theta[: model.layout.size], model.initial_theta(0))
    full = program.sources[0].vector_field.evaluate({"t": 0.0, "u": [0.7], "theta": theta})["du"]
    own = model.vector_field.evaluate({"t": 0.0, "u": [0.7], "theta": model.initial_theta(0)})["du"]
    np.testing.assert_array_equal(full, own)


def test_a_model_without_parameters_can_have_estimated_initial_values():
    made, theta, program = ready(Trajectory(), problem(positive_pair(), dataset(TIMES, a=[1.0, 2.0, 3.0], b=[4.0] * 3)))
    assert made.layout.names == ("initial.a", "initial.b")
    np.testing.assert_allclose(initial(program, theta), [[1.0, 4.0]])
    assert program.sources[0].vector_field.evaluate({"t": 0, "u": [2.0, 1.0], "theta": theta})["du"].tolist() == [-2, 2]


# ---- regularisation and costs -------------------------------------------------------------------------------


def regularised(value, cost=None, data=None):
    model = ODE(
        lambda t, s, p, net: {"x": net.f(s.x) - p.k * net.g(s.x)},
        ["x"],
        {"k": 2.0},
        {"f": MLP(1, 1, hidden=(2,)), "g": MLP(1, 1, hidden=(3,))},
    )
    made = problem(model, data or dataset(TIMES, x=[1.0, 2.0, 3.0]), regularise=value, cost=cost)
    return ready(Trajectory(), made)


@pytest.mark.parametrize(
    ("regulariser", "power", "networks"), [(L2(0.1), 2, "fg"), (L1(0.1), 1, "fg"), (L2(0.1, ("g",)), 2, "g")]
)
def test_regularisers_sum_over_the_networks_weights(regulariser, power, networks):
    made, theta, program = regularised(regulariser)
    value = terms(program, theta, solve__observed__x=np.ones((1, 3)))
    weights = made.layout.unpack(theta)
    expected = sum(np.sum(np.abs(w) ** power) for n, w in weights.items() if n[0] in networks and "." in n[:2])
    assert value["regularisation"] == pytest.approx(expected)
    assert program.weights["regularisation"] == 0.1


def test_penalties_are_averaged_over_real_times_only():
    data = [dataset(TIMES, x=[1.0, 2.0, 3.0]), dataset([0.0], x=[5.0])]
    cost = {"negative": Cost(lambda t, s, p, net: np.minimum(net.f(s.x), 0.0) ** 2, weight=7.0)}
    _, theta, program = regularised(None, cost, data)
    arrays = {
        "solve__observed__x": np.ones((2, 3)),
        "solve__cost__negative": np.array([[1.0, 2.0, 3.0], [6.0, 50.0, 50.0]]),
    }
    value = terms(program, theta, **arrays)
    assert value["negative"] == pytest.approx((1 + 2 + 3 + 6) / 4)  # the padded times of the second row don't count
    assert program.weights["negative"] == 7.0


def test_penalty_graph_evaluates_the_learned_term():
    made, theta, program = regularised(None, lambda t, s, p, net, forcing: net.f(s.x) * p.k + t)
    graph = program.sources[0].observe
    values = made.layout.unpack(theta)
    hidden = np.tanh(values["f.layer_1.weight"][:, 0] * 0.3 + values["f.layer_1.bias"])
    expected = 2.0 * (values["f.layer_2.weight"] @ hidden + values["f.layer_2.bias"])[0] + 0.5
    assert graph.evaluate({"t": 0.5, "u": [0.3], "theta": theta})["cost.cost"] == pytest.approx(expected)


def test_array_penalties_are_averaged_over_their_elements():
    _, theta, program = regularised(None, lambda t, s, p, net: np.stack([s.x, 2 * s.x]))
    arrays = {"solve__observed__x": np.ones((1, 3)), "solve__cost__cost": np.arange(6.0).reshape(1, 3, 2)}
    assert terms(program, theta, **arrays)["cost"] == 2.5


def test_json_of_regularisers_and_penalties():
    for regulariser in (L2(0.1), L1(0.2, ("f",))):
        assert regulariser_of(regulariser.to_json()) == regulariser
    assert regulariser_of(0.5) == L2(0.5)
    model = decay()
    cost = Cost(lambda t, s, p: s.x**2, 3.0).traced(model)
    again = costs_of({"size": cost.to_json()})["size"]
    assert again.weight == 3.0
    assert again.traced(model).graph.evaluate({"t": 0, "u": [3.0, 0.0], "theta": [1.0]})["value"] == 9.0


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: regularised(L2(0.1, ("h",))), ("Unknown network to regularise `h`", "`f`, `g`")),
        (
            lambda: problem(decay(), dataset(TIMES, x=[1.0, 2, 3], y=[1.0, 2, 3]), regularise=0.1),
            ("There is no network whose weights",),
        ),
        (lambda: regulariser_of("L2"), ("`regularise` needs `ude.L2(weight)`", "'L2'")),
        (lambda: regulariser_of(True), ("`regularise` needs",)),
        (lambda: L1(-1.0), ("`L1` needs `weight` as a number > 0, not -1.0",)),
        (lambda: Cost(lambda t: t, weight=0), ("`Cost` needs `weight` as a number > 0, not 0",)),
        (lambda: Cost(3.0), ("`Cost` needs `function` as a function of (t, state, p, net, forcing), not 3.0",)),
        (lambda: costs_of({"a": None}), ("`Cost` needs `function` as a function", "None")),
        (lambda: costs_of(3), ("`cost` needs a function of (t, state, p, net, forcing) or a `ude.Cost`, not 3",)),
        (lambda: Cost(lambda t: t).to_json(), ("Only a traced cost can be written",)),
        (lambda: regularised(None, {"x": lambda t, s: s.x}), ("The cost `x` has the name of a variable",)),
        (lambda: regularised(None, {"regularisation": lambda t, s: s.x}), ("`regularisation` has the name of a term",)),
        (lambda: SolverSettings(rtol=-1.0), ("`rtol` needs a number > 0, not -1.0",)),
        (lambda: SolverSettings(dt=0.0), ("`dt` needs a number > 0 or None, not 0.0",)),
        (lambda: SolverSettings(max_steps=0), ("`max_steps` needs a whole number >= 1, not 0",)),
    ],
)  # fmt: skip
def test_bad_settings_say_why(make, parts):
    with raises(OptionError, *parts):
        make()


@pytest.mark.parametrize("name", ["continuity", "regularisation", "total"])
def test_variables_cannot_take_the_names_of_terms(name):
    words = f"name '{name}' is taken: results and files use it beside"
    with raises(ModelError, words):
        ODE(lambda t, s: -s[name], [name])
    old = json.dumps(ODE(lambda t, s: -s.x, ["x"]).to_json()).replace('"x"', f'"{name}"')  # as older versions wrote it
    with raises(ModelError, words):
        problem(ODE.from_json(json.loads(old)), dataset(TIMES, **{name: [1.0, 2.0, 3.0]}))
