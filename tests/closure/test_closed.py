"""`PDE.closed`: a further term in the equations, on both sides of whatever is made of the model."""

import json

import numpy as np
import pytest

import unideq as ude
from unideq.model import Model

GRID = ude.problems.Burgers(points=16).grid()
COARSE = ude.problems.Burgers(points=16, viscosity=0.1).model()
U = np.sin(GRID.coordinates("x")) + 0.3
CNN = ude.nn.CNN(1, 1, channels=(3,), kernel=3)


def damped(t, state, p):
    return -p.drag * state.u


def closed(**more):
    return COARSE.closed(damped, {"drag": 0.5}, **more)


def learned():
    return COARSE.closed(lambda t, state, p, net: {"u": net.closure(state.u)}, networks={"closure": CNN})


def test_the_term_is_added_once_and_observed():
    model, plain = closed(), COARSE(0.0, {"u": U})["u"]
    np.testing.assert_allclose(model(0.0, {"u": U})["u"], plain - 0.5 * U, atol=1e-14)
    found = model.nonlinear.evaluate({"t": 0.0, "u": U, "p.viscosity": 0.1, "p.drag": 0.5})["du"]
    before = COARSE.nonlinear.evaluate({"t": 0.0, "u": U, "p.viscosity": 0.1})["du"]
    np.testing.assert_allclose(found, before - 0.5 * U, atol=1e-14)
    assert model.observables == {"u": (16,), "u_subgrid": (16,)}
    solution = model.solve([0.0, 0.1], {"u": U})
    np.testing.assert_allclose(solution["u_subgrid"], -0.5 * solution["u"], rtol=1e-12)
    assert solution["u_subgrid"].attrs["long_name"] == "u, subgrid term"
    assert "drag·u" in str(model.equations()).splitlines()[0]
    assert "u_subgrid = -drag·u" in str(model.equations())


def test_the_model_that_is_closed_stays_open():
    closed()
    assert (
        COARSE.observables == {"u": (16,)}
        and "closure" not in COARSE.named
        and list(COARSE.parameters) == ["viscosity"]
    )


@pytest.mark.parametrize("scheme", ["euler", "rk4", "ssprk3", "imex", "imex2", "etd1", "etdrk2", "etdrk4"])
def test_every_scheme_steps_it(scheme):
    """Damping by the closure is damping by the right-hand side."""
    inside = ude.PDE(
        lambda t, s, p: -0.5 * GRID.d(GRID.product(s.u, s.u)) - p.drag * s.u, GRID, ["u"],
        {"viscosity": ude.Parameter(0.1, free=False), "drag": 0.5}, linear=lambda d, p: p.viscosity * d.x**2,
    )  # fmt: skip
    stepper = ude.Stepper(closed(), 0.01, scheme)
    np.testing.assert_allclose(
        stepper(0.0, {"u": U})["u"], ude.Stepper(inside, 0.01, scheme)(0.0, {"u": U})["u"], atol=1e-14
    )
    assert set(stepper.observables) == {"u", "u_subgrid"}


def test_two_closures_add_up():
    both = learned().closed(damped, {"drag": 0.5})
    apart = learned().observation.evaluate({"t": 0.0, "u": U, "theta": learned().initial_theta()})["u_subgrid"]
    found = both.observation.evaluate({"t": 0.0, "u": U, "theta": both.initial_theta()})["u_subgrid"]
    np.testing.assert_allclose(found, apart - 0.5 * U, atol=1e-14)


def test_files_copies_values_and_layers_keep_it(tmp_path):
    model = learned()
    model.save(tmp_path / "model.json")
    again = Model.load(tmp_path / "model.json")
    assert json.dumps(again.to_json()) == json.dumps(model.to_json())
    np.testing.assert_array_equal(again(0.0, {"u": U})["u"], model(0.0, {"u": U})["u"])
    moved = closed().with_values({"drag": 2.0})
    np.testing.assert_allclose(moved(0.0, {"u": U})["u"], COARSE(0.0, {"u": U})["u"] - 2 * U, atol=1e-14)
    frozen = model.frozen("closure.layer_1")
    stepped = ude.Stepper(frozen, 0.01, "etdrk4")
    assert {e.name: e.free for e in stepped.layout.of_kind("network")} == {
        e.name: "layer_2" in e.name for e in model.layout.of_kind("network")
    }


def test_scripts_have_it(tmp_path):
    closed().export_julia(tmp_path / "model.jl", [0.0, 0.1], {"u": U})
    script = (tmp_path / "model.jl").read_text()
    assert script.count("drag") > 2 and "observables" in script


def test_a_formula_takes_the_networks_place():
    model = learned().replace("closure", lambda p, u: -p.drag * u, {"drag": 0.5})
    assert str(model.equations()) == str(closed().equations())
    np.testing.assert_array_equal(model(0.0, {"u": U})["u"], closed()(0.0, {"u": U})["u"])


def test_two_fields_one_closed():
    system = ude.PDE(lambda t, s: {"u": -s.u, "v": s.u - s.v}, GRID, ["u", "v"])
    model = system.closed(lambda t, s: {"v": s.u * s.v})
    found = model(0.0, {"u": U, "v": 2 * U})
    np.testing.assert_allclose(found["u"], -U)
    np.testing.assert_allclose(found["v"], -U + 2 * U**2, atol=1e-14)
    assert list(model.observables) == ["u", "v", "v_subgrid"]


def test_networks_of_one_name_are_refused():
    with pytest.raises(ude.ModelError, match="`closure` names a network of the model and a network"):
        learned().closed(lambda t, s, p, net: net.closure(s.u), networks={"closure": CNN})
