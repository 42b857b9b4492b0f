"""Steppers as models: couplings, conditions, black boxes, rollouts, storage, and what can't be."""

import json
import re
import warnings

import numpy as np
import pytest

import unideq as ude
from unideq.errors import DataError, ModelError, OptionError, SolveError, UnideqWarning
from unideq.model import ODE

TAU = 2 * np.pi
GRID = ude.Grid(ude.Axis("x", 0.0, TAU, 16, units="m"), scheme=ude.schemes.Fourier())
X = GRID.coordinates("x")


def diffusion(**settings):
    return ude.PDE(lambda t, s: 0.0 * s.u, GRID, ["u"], linear=lambda d: d.x**2, **settings)


def oscillator():
    return ude.ODE(lambda t, s, p: {"x": s.y, "y": -p.k * s.x}, ["x", "y"], {"k": 1.0})


def raises(kind, *parts):
    return pytest.raises(kind, match=".*".join(re.escape(p) for p in parts))


def stored(model):
    return ODE.from_json(json.loads(json.dumps(model.to_json(), allow_nan=False)))


# ---- steps and corrections ----------------------------------------------------------------------------------------


def test_a_step_of_an_ordinary_model_is_the_butcher_tables():
    """RK4 on u' = Au multiplies by 1 + hA + … + (hA)⁴/24."""
    h, a = 0.1, np.array([[0.0, 1.0], [-1.0, 0.0]])
    after = ude.Stepper(oscillator(), h)(0.0, {"x": 1.0, "y": 2.0})
    matrix = sum(np.linalg.matrix_power(h * a, k) / f for k, f in enumerate((1, 1, 2, 6, 24)))
    np.testing.assert_allclose([after["x"], after["y"]], matrix @ [1.0, 2.0], rtol=1e-14)


def test_couplings_are_what_they_say():
    decay = np.exp(-0.1)
    for coupling, expected in (("parallel", decay + 0.1 * 3.0), ("sequential", 3.0 * decay), ("prediction", 3.0)):
        stepper = ude.Stepper(diffusion(), 0.1, "etdrk4", correction=lambda t, s: {"u": 3.0 * s.u}, coupling=coupling)
        np.testing.assert_allclose(stepper(0.0, {"u": np.sin(X)})["u"], expected * np.sin(X), atol=1e-13)
        assert stepper.coupling == coupling


def test_a_correction_may_leave_fields_to_the_solver():
    stepper = ude.Stepper(oscillator(), 0.1, correction=lambda t, s: {"y": -s.y})
    plain, corrected = ude.Stepper(oscillator(), 0.1)(0.0, {"x": 1.0, "y": 2.0}), stepper(0.0, {"x": 1.0, "y": 2.0})
    assert corrected["x"] == plain["x"] and corrected["y"] == pytest.approx(plain["y"] - 0.2)


def test_the_correction_graph_takes_the_solvers_result():
    """With s = S(u) given, it is the step; its derivative in θ is the correction's alone."""
    stepper = ude.Stepper(
        diffusion(),
        0.1,
        "etd1",
        correction=lambda t, s, p, net: {"u": net.f(s.u)},
        coupling="sequential",
        networks={"f": ude.nn.MLP(1, 1, [4])},
    )
    theta = stepper.initial_theta(3)
    assert stepper.correction_graph.input_names == ("t", "u", "s", "theta")
    solved = ude.Stepper(diffusion(), 0.1, "etd1")(0.0, {"u": np.sin(X)})["u"]
    given = stepper.correction_graph.evaluate({"t": 0.0, "u": np.sin(X), "s": solved, "theta": theta})["u"]
    np.testing.assert_allclose(given, stepper(0.0, {"u": np.sin(X)}, theta)["u"], atol=1e-14)


def test_corrections_bring_networks_and_parameters_of_their_own():
    stepper = ude.Stepper(
        oscillator(),
        0.1,
        correction=lambda t, s, p, net: {"x": p.gain * net.f(s.x, s.y)},
        networks={"f": ude.nn.MLP(2, 1, [3])},
        parameters={"gain": ude.Parameter(0.5, units="1/s")},
    )
    assert stepper.layout.names[:2] == ("k", "gain") and list(stepper.learned) == ["f"]
    known = stepper.replace("f", lambda p, x, y: x * y)
    after, plain = known(0.0, {"x": 1.0, "y": 2.0}), ude.Stepper(oscillator(), 0.1)(0.0, {"x": 1.0, "y": 2.0})
    assert after["x"] == pytest.approx(plain["x"] + 0.1 * 0.5 * 2.0)
    assert "x(t + 0.1) = S(x) + 0.1·(gain·x·y)" in known.equations().text
    assert isinstance(known, ude.Stepper) and not known.networks


def test_time_moves_on_within_a_step():
    """u' = 3t² is integrated exactly by RK4, wherever the substeps begin."""
    stepper = ude.Stepper(ude.ODE(lambda t, s: {"x": 3 * t**2}, ["x"]), 0.5, substeps=3)
    assert stepper(1.0, {"x": 1.0})["x"] == pytest.approx(1.5**3, rel=1e-14)


# ---- rollouts -----------------------------------------------------------------------------------------------------


def test_rollouts_begin_with_the_initial_state_and_carry_the_grid():
    stepper = ude.Stepper(diffusion(observe=lambda t, s: {"u": s.u, "top": s.u[4]}), 0.1, "etdrk2")
    found = stepper.rollout({"u": np.stack([np.sin(X), 2 * np.sin(X)])}, 6, every=2, start=1.0)
    assert found.u.dims == ("trajectory", "time", "x") and found.x.attrs["units"] == "m"
    np.testing.assert_allclose(found.time, [1.0, 1.2, 1.4, 1.6])
    np.testing.assert_allclose(found.top[1], 2 * np.exp(-np.arange(4) * 0.2), rtol=1e-12)
    assert stepper.rollout({"u": np.sin(X)}, 0).sizes == {"time": 1, "x": 16}


def test_solving_by_steps_gives_whole_multiples_of_dt():
    stepper = ude.Stepper(diffusion(), 0.1, "etdrk4", substeps=2)
    found = stepper.solve([0.2, 0.6, 1.6], {"u": np.sin(X)}, start=0.0)
    np.testing.assert_allclose(found["u"].values[:, 4], np.exp([-0.2, -0.6, -1.6]), rtol=1e-12)
    assert found.success and "etdrk4" in found.solver and found.statistics["steps"].tolist() == [32]
    with raises(OptionError, "The time 0.25 isn't a whole number of steps of 0.1 after 0"):
        stepper.solve([0.0, 0.25], {"u": np.sin(X)})


def test_every_trajectory_has_its_own_conditions():
    model = ude.PDE(
        lambda t, s, p: p.source * np.cos(s.u),
        GRID,
        ["u"],
        {"stretch": ude.Condition(1.0), "source": ude.Condition(0.0)},
        linear=lambda d, p: (d.x / p.stretch) ** 2 - d.x**3,
    )
    stepper = ude.Stepper(model, 0.1, "etdrk4")
    given = {"stretch": [1.0, 2.0, 2.0], "source": [0.0, 0.0, 0.5]}
    found = stepper.rollout({"u": np.sin(X)}, 4, conditions=given)
    for k in range(3):
        fixed = stepper.at(stretch=given["stretch"][k], source=given["source"][k])
        assert fixed.constants is None and not fixed.conditions
        np.testing.assert_allclose(fixed.rollout({"u": np.sin(X)}, 4).u, found.u[k], atol=1e-12)
    np.testing.assert_array_equal(found.stretch, given["stretch"])
    np.testing.assert_array_equal(stored(stepper).rollout({"u": np.sin(X)}, 4, conditions=given).u, found.u)
    c = stepper.conditions_array(given)
    assert c.shape == (3, stepper.constants.size) and np.array_equal(c[:, :2].T, list(given.values()))
    np.testing.assert_array_equal(c[1, 2:], c[2, 2:])
    one = stepper(0.0, {"u": np.sin(X)}, stretch=2.0, source=0.5)["u"]
    np.testing.assert_allclose(one, found.u[2, 1], atol=1e-12)
    with raises(DataError, "Unknown condition `lenght`"):
        stepper.rollout({"u": np.sin(X)}, 4, conditions={"lenght": 1.0})
    with raises(DataError, "Conditions are given for 3 trajectories, initial states for 2"):
        stepper.rollout({"u": np.stack([X, X])}, 4, conditions={"stretch": [1.0, 2.0, 3.0]})


def test_unstable_rollouts_say_where_they_ended():
    stepper = ude.Stepper(ude.ODE(lambda t, s: {"x": s.x**2}, ["x"]), 1.0, "euler")
    with pytest.warns(UnideqWarning, match=r"became infinite or NaN after t = \d+; from there on it is NaN"):
        found = stepper.rollout({"x": 1.0}, 20)
    assert np.isfinite(found.x.values[:5]).all() and np.isnan(found.x.values[-1])
    with raises(SolveError, "The rollout didn't reach t = 20: the state became infinite or NaN"):
        stepper.solve([0.0, 20.0], {"x": 1.0})


# ---- black boxes --------------------------------------------------------------------------------------------------


def shift(fields):
    return {"u": np.roll(fields["u"], 1)}


def test_a_black_box_is_stepped_in_numpy_and_corrected_by_a_graph():
    stepper = ude.Stepper(
        shift, 0.5, grid=GRID, fields=["u"], correction=lambda t, s, p: {"u": p.r * s.u}, parameters={"r": 0.2}
    )
    found = stepper.rollout({"u": np.sin(X)}, 4, every=2)
    expected = np.roll(np.sin(X), 1) + 0.1 * np.sin(X)
    np.testing.assert_allclose(found.u[1], np.roll(expected, 1) + 0.1 * expected, atol=1e-14)
    batch = np.random.default_rng(0).standard_normal((3, 16))
    np.testing.assert_array_equal(stepper.black_box(batch), np.roll(batch, 1, axis=1))
    assert not stepper.has_step_graph and "black box shift" in repr(stepper)
    again = stored(stepper)
    with raises(ModelError, "The black-box solver `shift` isn't stored in files", "with_solver"):
        again.rollout({"u": np.sin(X)}, 2)
    np.testing.assert_array_equal(again.with_solver(shift).rollout({"u": np.sin(X)}, 4, every=2).u, found.u)


def test_a_black_box_may_read_conditions():
    stepper = ude.Stepper(
        lambda fields, known: {"u": known["factor"] * fields["u"]},
        1.0,
        grid=GRID,
        fields=["u"],
        parameters={"factor": ude.Condition(2.0)},
    )
    found = stepper.rollout({"u": np.sin(X)}, 3, conditions={"factor": [0.5, 2.0]})
    np.testing.assert_allclose(found.u[:, -1, 4], [0.125, 8.0])


def test_black_boxes_that_return_something_else():
    def made(function):
        return ude.Stepper(function, 0.1, grid=GRID, fields=["u"])

    with raises(ModelError, "returned ndarray, not a dict field → array"):
        made(lambda f: f["u"]).rollout({"u": X}, 1)
    with raises(ModelError, "returned `u` of shape (3,), not (16,)"):
        made(lambda f: {"u": np.zeros(3)}).rollout({"u": X}, 1)
    with raises(ModelError, "A black-box solver needs `grid=` and `fields=`"):
        ude.Stepper(shift, 0.1)
    with raises(ModelError, "needs a PDE, an ODE or a function"):
        ude.Stepper(3, 0.1)


# ---- storing and describing ---------------------------------------------------------------------------------------


def test_json_keeps_scheme_correction_and_coupling(tmp_path):
    stepper = ude.Stepper(
        diffusion(),
        0.1,
        "etdrk4",
        substeps=3,
        correction=lambda t, s, p, net: {"u": net.f(s.u)},
        coupling="sequential",
        networks={"f": ude.nn.MLP(1, 1, [4])},
    )
    stepper.save(tmp_path / "stepper.json")
    again = ude.ODE.load(tmp_path / "stepper.json")
    assert isinstance(again, ude.Stepper) and repr(again) == repr(stepper)
    np.testing.assert_array_equal(again(0.0, {"u": np.sin(X)})["u"], stepper(0.0, {"u": np.sin(X)})["u"])
    assert again.equations().text == stepper.equations().text
    assert "step (etdrk4)" in again.describe()


def test_equations_show_the_model_the_solver_and_the_correction():
    def shown(coupling):
        correction = {"correction": lambda t, s: {"u": -s.u}}
        return ude.Stepper(diffusion(), 0.1, "imex", 2, coupling=coupling, **correction).equations().text.splitlines()

    assert shown("parallel") == ["d u/dt = ∂x**2·u", "u(t + 0.1) = S(u) + 0.1·(-u)  [S: imex, 2 substeps]"]
    assert shown("sequential")[1] == "u(t + 0.1) = -u  at u = S(u)  [S: imex, 2 substeps]"
    assert shown("prediction") == ["u(t + 0.1) = -u"]


def test_other_values_make_other_coefficients():
    model = ude.PDE(
        lambda t, s: 0.0 * s.u, GRID, ["u"], {"k": ude.Parameter(1.0, free=False)}, linear=lambda d, p: p.k * d.x**2
    )
    stepper = ude.Stepper(model, 0.1, "etd1")
    after = stepper.with_values({"k": 3.0})(0.0, {"u": np.sin(X)})["u"]
    np.testing.assert_allclose(after, np.exp(-0.3) * np.sin(X), atol=1e-13)
    with raises(ModelError, "`k` is part of the linear part", "stepper.with_values({'k': ...})"):
        stepper(0.0, {"u": np.sin(X)}, {"k": 2.0})


# ---- stability ----------------------------------------------------------------------------------------------------


def test_an_unstable_explicit_step_names_the_largest_stable_one():
    """Forward Euler for the heat equation, second-order differences: h ≤ dx²/2."""
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 20), scheme=ude.schemes.Central(2))
    heat = ude.PDE(lambda t, s: grid.laplacian(s.u), grid, ["u"])
    limit = grid.axis("x").spacing ** 2 / 2
    with pytest.warns(UnideqWarning, match=r"`euler` is unstable.*von Neumann number.*largest stable step") as caught:
        ude.Stepper(heat, 2 * limit, "euler").rollout({"u": np.zeros(20)}, 1)
    named = float(re.search(r"largest stable step is about ([\d.e-]+)", str(caught[0].message))[1])
    assert named == pytest.approx(limit, rel=0.02)
    assert named <= limit and "`substeps=2`" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ude.Stepper(heat, 0.99 * limit, "euler").rollout({"u": np.zeros(20)}, 1)
        ude.Stepper(heat, 0.99 * limit * 1.39, "rk4").rollout({"u": np.zeros(20)}, 1)


def test_growth_that_the_equations_have_is_no_instability():
    stepper = ude.Stepper(ude.ODE(lambda t, s: {"x": 2.0 * s.x}, ["x"]), 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stepper.rollout({"x": 1.0}, 1)


# ---- steppers that can't be ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"dt": 0.0}, OptionError, "`dt` needs a number > 0, not 0.0"),
        ({"dt": "0.1"}, OptionError, "`dt` needs a number > 0, not '0.1'"),
        ({"substeps": 0}, OptionError, "`substeps` needs a whole number >= 1, not 0"),
        ({"scheme": "etdkr4"}, OptionError, "Unknown scheme `etdkr4`. Did you mean `etdrk4`?"),
        ({"coupling": "serial"}, OptionError, "Unknown coupling `serial`"),
        ({"coupling": "sequential"}, ModelError, '`coupling="sequential"` needs a `correction`'),
        ({"correction": lambda t, s: {"v": s.u}}, ModelError, "Unknown field `v`. Possible: `u`"),
        ({"correction": lambda t, s: {"u": s.u[:3]}}, ModelError, "the value of `u` has shape (3,), not (16,)"),
        ({"correction": lambda t, s: None}, ModelError, "`correction` must return a dict"),
        ({"correction": lambda t, s: {}}, ModelError, "it corrects nothing"),
        ({"correction": lambda t, s: {}, "coupling": "prediction"}, ModelError, "returned nothing for `u`"),
        ({"grid": GRID}, ModelError, "`grid` and `fields` are for black boxes"),
    ],
)
def test_bad_settings(settings, kind, message):
    with raises(kind, message):
        ude.Stepper(diffusion(), **{"dt": 0.1, "scheme": "etd1", **settings})


def test_exponential_schemes_need_a_linear_part():
    with raises(ModelError, "The scheme `etdrk4` treats a linear part", "linear=lambda d, p"):
        ude.Stepper(ude.PDE(lambda t, s: -s.u, GRID, ["u"]), 0.1, "etdrk4")
    with raises(ModelError, "The scheme `imex` treats a linear part"):
        ude.Stepper(oscillator(), 0.1, "imex")
    growing = ude.PDE(lambda t, s: s.u, GRID, ["u"], linear=lambda d: d.x**8)
    with raises(ModelError, "isn't finite for field `u`", "Check the symbol's sign"):
        ude.Stepper(growing, 1.0, "etdrk4")


def test_a_stepper_is_not_a_vector_field():
    stepper = ude.Stepper(oscillator(), 0.1)
    with raises(ModelError, "A stepper can't be stepped again"):
        ude.Stepper(stepper, 0.1)
    with raises(
        ModelError, "A script integrates a vector field, and a stepper is a map", "PDE or ODE that it was made"
    ):
        stepper.export_julia("x.jl", [0.0, 1.0], {"x": 1.0, "y": 0.0})
    with raises(ModelError, "`Trajectory` integrates a vector field, and a stepper is a map", "`ude.Unrolled`"):
        stepper.continuous("`Trajectory`")
    with raises(OptionError, "`steps` (5) isn't a multiple of `every` (2)"):
        stepper.rollout({"x": 1.0, "y": 0.0}, 5, every=2)
    with raises(OptionError, "`steps` needs a whole number >= 0, not 2.5"):
        stepper.rollout({"x": 1.0, "y": 0.0}, 2.5)
