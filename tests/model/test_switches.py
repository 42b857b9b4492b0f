"""Comparisons have no gradient: unknowns that act through them are told when the model is made, jumps that move too."""

import warnings

import numpy as np
import pytest

import unideq as ude
from unideq.errors import UnideqWarning
from unideq.graph import text, variable
from unideq.graph.steps import felt_inputs, jumps, steps
from unideq.model.switches import switches, unfelt

GRID = ude.Grid(ude.Axis("x", 0.0, 1.0, 16))


def _said(make):
    """The warnings of making a model."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        make()
    assert all(issubclass(w.category, UnideqWarning) for w in found)
    assert all(w.filename == __file__ for w in found)
    return [str(w.message) for w in found]


def _decay(rate, parameters, **settings):
    return lambda: ude.ODE(lambda t, state, p: {"x": rate(t, state.x, p)}, ["x"], parameters, **settings)


HIDDEN = {
    "switching time": (_decay(lambda t, x, p: np.where(t < p.T, 1, 0) - p.k * x, {"T": 3.0, "k": 1.0}), "T", "t < T"),
    "heaviside": (_decay(lambda t, x, p: np.heaviside(t - p.T, 0.5) - x, {"T": 3.0}), "T", "0 < t - T"),
    "sign": (_decay(lambda t, x, p: np.sign(p.c - x), {"c": 0.5}), "c", "sign(c - x)"),
    "floor": (_decay(lambda t, x, p: np.floor(p.c * t) - x, {"c": 0.5}), "c", "floor(c·t)"),
    "ceil": (_decay(lambda t, x, p: np.ceil(p.c * t) - x, {"c": 0.5}), "c", "floor(-c·t)"),
    "weight": (_decay(lambda t, x, p: np.where(np.logical_and(t > p.a, t < 9), 1, 0) - x, {"a": 0.5}), "a", "a < t"),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_parameters_that_act_through_comparisons_alone_are_told_with_the_comparison_and_the_remedy(name):
    make, parameter, comparison = HIDDEN[name]
    found = [m for m in _said(make) if m.startswith(f"Parameter `{parameter}` can't be trained")]
    assert len(found) == 1
    assert f"`{comparison}`" in found[0]
    assert "np.exp((a - b) / width)" in found[0]


def test_a_states_threshold_that_switches_another_equation_is_told():
    def make():
        return ude.ODE(
            lambda t, state, p: {"x": -state.x, "y": np.where(state.x < p.K, 1.0, 0.0) - state.y},
            ["x", "y"],
            {"K": 1.0},
        )

    hidden, jump = _said(make)
    assert hidden.startswith("Parameter `K` can't be trained: it acts through `x < K` alone")
    assert "jump at the switch `x < K`: gradients leave out that `x` moves it" in jump


def test_what_moves_a_state_that_is_only_compared_is_told_too():
    def make():
        return ude.ODE(
            lambda t, state, p: {"x": -p.k * state.x},
            ["x"],
            {"k": 1.0},
            observe=lambda t, state: {"on": np.where(state.x > 0.4, 1.0, 0.0)},
        )

    assert _said(make)[0].startswith("Parameter `k` can't be trained: it acts through `0.4 < x` alone")


def test_networks_that_are_only_compared_are_told():
    def make():
        return ude.ODE(
            lambda t, state, p, net: {"x": np.where(net.f(state.x) > 0.0, 1.0, -state.x)},
            ["x"],
            networks={"f": ude.nn.MLP(1, 1, (4,))},
        )

    assert _said(make)[0].startswith("Network `f` can't be trained: it acts through `0 < f(x)` alone")


JUMPING = {
    "thermostat": (_decay(lambda t, x, p: np.where(x < 20.0, 5.0, 0.0) - p.k * x, {"k": 1.0}), "x < 20", "`x` moves"),
    "two ways": (
        _decay(lambda t, x, p: np.where(x < p.K, 1.0, 0.0) - p.K * x, {"K": 1.0}),
        "x < K",
        "`K` and `x` move it",
    ),
    "remainder": (_decay(lambda t, x, p: np.remainder(t, p.P) - p.k * x, {"k": 1.0, "P": 2.0}), "floor(t/P)", "`P`"),
}


@pytest.mark.parametrize("name", JUMPING)
def test_jumps_whose_moment_moves_are_told(name):
    make, comparison, mover = JUMPING[name]
    (message,) = _said(make)
    assert f"jump at the switch `{comparison}`" in message
    assert mover in message


HARMLESS = {
    "limit": _decay(lambda t, x, p: -p.k * np.maximum(x - p.c, 0.0), {"k": 1.0, "c": 0.2}),
    "kink": _decay(lambda t, x, p: -p.k * np.where(x > p.K, x - p.K, 0.0), {"k": 1.0, "K": 0.3}),
    "root": _decay(lambda t, x, p: -p.k * np.sign(x - 1) * np.sqrt(np.abs(x - 1)), {"k": 1.0}),
    "cube root": _decay(lambda t, x, p: -p.k * np.cbrt(x), {"k": 1.0}),
    "periodic": _decay(lambda t, x, p: np.sin(2 * np.pi * np.remainder(t, p.P) / p.P) - x, {"P": 2.0}),
    "known time": _decay(lambda t, x, p: np.where(t < 5.0, 1.0, 0.0) - p.k * x, {"k": 1.0}),
    "removable": _decay(lambda t, x, p: -p.k * np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1.0, x)), {"k": 1.0}),
    "guard": _decay(lambda t, x, p: -p.k * np.where(np.isfinite(x), x, 0.0), {"k": 1.0}),
    "fixed": _decay(lambda t, x, p: np.where(t < p.T, 1, 0) - x, {"T": ude.Parameter(3.0, free=False)}),
    "activation": lambda: ude.ODE(
        lambda t, state, p, net: {"x": net.f(state.x)}, ["x"], networks={"f": ude.nn.MLP(1, 1, activation="leaky_relu")}
    ),
    "upwind": lambda: ude.PDE(
        lambda t, state, p: {
            "u": -p.k * state.u * np.where(state.u > 0, state.u - np.roll(state.u, 1), np.roll(state.u, -1) - state.u)
        },
        GRID,
        ["u"],
        {"k": 1.0},
    ),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_switches_without_a_jump_are_silent(name):
    assert _said(HARMLESS[name]) == []


@pytest.mark.parametrize("scheme", [ude.schemes.TVD(), ude.schemes.WENO()], ids=str)
def test_schemes_of_our_own_are_silent(scheme):
    def burgers(t, state, p):
        return {"u": -p.k * GRID.flux_divergence(state.u, lambda u: 0.5 * u**2, scheme=scheme)}

    assert _said(lambda: ude.PDE(burgers, GRID, ["u"], {"k": 1.0})) == []


def test_upwind_differences_that_follow_the_field_are_silent():
    def advection(t, state, p):
        return {"u": -p.k * state.u * GRID.upwind(state.u, state.u)}

    assert _said(lambda: ude.PDE(advection, GRID, ["u"], {"k": 1.0})) == []


def test_fields_that_jump_are_told():
    said = _said(lambda: ude.PDE(lambda t, state, p: {"u": np.where(state.u > p.c, 1.0, 0.0)}, GRID, ["u"], {"c": 0.5}))
    assert "`c < u`" in said[0]


def test_corrections_of_steppers_are_looked_at():
    pde = ude.PDE(lambda t, state: {"u": -state.u}, GRID, ["u"])

    def make():
        return ude.Stepper(
            pde, 0.1, correction=lambda t, state, p: {"u": np.where(t < p.T, 1.0, 0.0) * state.u}, parameters={"T": 1.0}
        )

    assert _said(make)[0].startswith("Parameter `T` can't be trained: it acts through `t < T` alone")


def test_penalties_and_losses_that_jump_are_told():
    model = ude.ODE(lambda t, state, p: {"x": -p.k * state.x}, ["x"], {"k": 1.0})
    with pytest.warns(UnideqWarning, match="`penalty` jumps at the switch `x < 0`"):
        model.trace(lambda t, state: np.where(state.x < 0.0, 1.0, 0.0), "penalty")
    with pytest.warns(UnideqWarning, match="loss function jumps at the switch"):
        ude.CustomLoss.of(lambda predicted, observed: np.where(np.abs(predicted - observed) < 1.0, 0.0, 1.0))
    assert not _said(lambda: model.trace(lambda t, state: np.maximum(-state.x, 0.0) ** 2, "penalty"))
    assert not _said(
        lambda: ude.CustomLoss.of(
            lambda a, b: np.where(np.abs(a - b) < 1.0, 0.5 * (a - b) ** 2, np.abs(a - b) - 0.5)  # Huber's
        )
    )


def test_terms_of_residual_problems_are_looked_at():
    def make():
        return ude.ResidualProblem(
            {"x": (0, 1)},
            {"u": ude.nn.MLP(1, 1, (4,))},
            {
                "jump": ude.Interior(lambda at, field, p: ude.d(field.u, at.x) - np.where(at.x < p.c, 1.0, p.q)),
                "both": ude.Interior(lambda at, field, p: field.u - p.k - np.where(at.x < p.k, 1.0, 0.0)),
            },
            {"c": 0.5, "q": 2.0, "k": 0.1},
        )

    hidden, jump = _said(make)
    assert hidden.startswith("Parameter `c` can't be trained")
    assert jump.startswith("Term `both` jumps at the switch `x < k`: gradients leave out that `k` moves it")


def test_what_isnt_measured_hides_its_parameters():
    model = ude.ODE(
        lambda t, state, p: {"x": -p.k * state.x, "y": p.c * state.x - p.d * state.y},
        ["x", "y"],
        {"k": 1.0, "c": 2.0, "d": 3.0},
    )
    assert unfelt(model) == {}
    assert set(unfelt(model, ["x"])) == {"c", "d"}
    assert "nothing that is measured (`x`)" in unfelt(model, ["x"])["c"]
    assert unfelt(model, ["y"]) == {}  # k moves y by way of x


def test_switches_are_found_with_what_feeds_them():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ude.ODE(lambda t, state, p: {"x": np.where(state.x < p.K, 1.0, 0.0) - p.K * state.x}, ["x"], {"K": 1.0})
    (found,) = switches(model)
    assert (found.text, found.fed) == ("x < K", ("K", "x"))


def test_gradients_pass_everything_but_steps():
    x, y, z = variable("x"), variable("y"), variable("z")
    value = np.where(x < y, z, 2.0 * z) + np.floor(y)
    assert felt_inputs([value]) == {z}
    assert [text(s) for s in steps([value])] == ["x < y", "floor(y)"]


def test_jumps_are_found_by_trying():
    x = variable("x")
    generator = np.random.default_rng(0)

    def draw():
        return {"x": generator.normal(size=())}

    for value, expected in (
        (np.where(x < 0.3, 0.0, 1.0), True),
        (np.where(x < 0.3, 0.0, x - 0.3), False),
        (np.where(x < 0.3, 0.0, x), True),
        (np.where(x < 0.3, 1e6, 1e6 + 1.0), False),  # a jump of a millionth of the values counts for nothing
    ):
        (step,) = steps([value])
        assert jumps([value], step, draw) is expected
