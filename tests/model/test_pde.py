"""PDEs as models: method of lines, linear parts by symbol, conditions, storage, and what can't be."""

import json
import re

import numpy as np
import pytest

import unideq as ude
from unideq.errors import DataError, ModelError, TraceError
from unideq.model import ODE

TAU = 2 * np.pi


def circle(points=32, length=TAU, scheme=None, **settings):
    axis = ude.Axis("x", 0.0, length, points, **settings)
    return ude.Grid(axis, scheme=scheme or ude.schemes.Fourier())


def burgers(grid, linear=True, **settings):
    """u_t = −½ (u²)_x + ν u_xx, the viscous term in the right-hand side or as a symbol."""

    def rhs(t, state, p):
        viscous = 0.0 if linear else p.nu * grid.d(state.u, order=2)
        return viscous - 0.5 * grid.d(state.u**2)

    symbol = {"linear": lambda d, p: p.nu * d.x**2} if linear else {}
    return ude.PDE(rhs, grid, ["u"], {"nu": ude.Parameter(0.1, free=not linear)}, **symbol, **settings)


def raises(kind, *parts):
    return pytest.raises(kind, match=".*".join(re.escape(p) for p in parts))


# ---- method of lines --------------------------------------------------------------------------------------------


def test_heat_equation_decays_as_the_modified_wavenumber_says():
    """A sine is an eigenfunction of the scheme: u(t) = e^{λt} sin x with λ = −(2 − 2 cos dx)/dx² per unit of k."""
    grid = circle(16, scheme=ude.schemes.Central(2))
    heat = ude.PDE(lambda t, s, p: p.k * grid.laplacian(s.u), grid, ["u"], {"k": 0.5})
    x = grid.coordinates("x")
    dx = x[1] - x[0]
    rate = -0.5 * (2.0 - 2.0 * np.cos(dx)) / dx**2
    found = heat.solve([0.0, 1.0], {"u": np.sin(x)}, solver=ude.Auto(rtol=1e-9, atol=1e-11))["u"]
    np.testing.assert_allclose(found.values[-1], np.exp(rate) * np.sin(x), atol=1e-8)


def test_waves_are_carried_at_the_given_speed():
    grid = circle(32)
    x = grid.coordinates("x")
    model = ude.PDE(lambda t, s, p: -p.speed * grid.d(s.u), grid, ["u"], {"speed": 2.0})
    found = model.solve([0.0, 1.5], {"u": np.exp(np.sin(x))}, solver=ude.Auto(rtol=1e-9, atol=1e-10))["u"].values[-1]
    np.testing.assert_allclose(found, np.exp(np.sin(x - 3.0)), atol=1e-7)


def test_steady_heat_flow_between_two_walls_is_linear():
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 10, boundary=(ude.Dirichlet(1.0), ude.Dirichlet(3.0))))
    heat = ude.PDE(lambda t, s: grid.laplacian(s.u), grid, ["u"])
    steady = 1.0 + 2.0 * grid.coordinates("x")
    np.testing.assert_allclose(heat(0.0, {"u": steady})["u"], 0.0, atol=1e-10)


def test_a_linear_part_by_symbol_is_the_same_vector_field():
    grid = circle()
    x = grid.coordinates("x")
    u = np.exp(np.cos(x))
    a, b = burgers(grid, linear=True), burgers(grid, linear=False)
    np.testing.assert_allclose(a(0.0, {"u": u})["u"], b(0.0, {"u": u})["u"], atol=1e-12)
    np.testing.assert_allclose(a.linear_symbols()["u"], -0.1 * np.arange(17.0) ** 2, atol=1e-13)


def test_odd_symbols_are_imaginary_and_spare_the_nyquist_mode():
    grid = circle(8)
    kdv = ude.PDE(lambda t, s: 0.0 * s.u, grid, ["u"], linear=lambda d: -(d.x**3))
    np.testing.assert_allclose(kdv.linear_symbols()["u"], 1j * np.array([0, 1, 8, 27, 0.0]), atol=1e-12)


def test_several_fields_have_linear_parts_of_their_own():
    grid = circle(16)
    model = ude.PDE(
        lambda t, s: {"a": s.b, "b": -s.a},
        grid,
        {"a": ude.State(units="mol"), "b": {"description": "other"}},
        linear={"b": lambda d: d.x**2},
    )
    x = grid.coordinates("x")
    found = model(0.0, {"a": np.cos(x), "b": np.sin(2 * x)})
    np.testing.assert_allclose(found["a"], np.sin(2 * x), atol=1e-13)
    np.testing.assert_allclose(found["b"], -np.cos(x) - 4 * np.sin(2 * x), atol=1e-12)
    assert model.states["a"].units == "mol" and model.states["b"].description == "other"
    assert str(model.equations()) == "d a/dt = b\nd b/dt = ∂x**2·b - a"


def test_fields_on_two_axes():
    grid = ude.Grid(ude.Axis("x", 0.0, TAU, 16), ude.Axis("y", 0.0, TAU, 12), scheme=ude.schemes.Fourier())
    x, y = grid.mesh()
    model = ude.PDE(lambda t, s: 0.0 * s.u, grid, ["u"], linear=lambda d: 2 * d.x**2 + d.y**2 - 3 * d.x)
    wave = np.sin(2 * x) * np.cos(3 * y)
    exact = -(8 + 9) * wave - 6 * np.cos(2 * x) * np.cos(3 * y)
    np.testing.assert_allclose(model(0.0, {"u": wave})["u"], exact, atol=1e-11)


# ---- what every model does --------------------------------------------------------------------------------------


def test_equations_show_the_linear_part_as_derivatives():
    grid = circle(16)
    ks = ude.PDE(lambda t, s: s.u * 0.0 - s.u**2, grid, ["u"], linear=lambda d: -(d.x**2) - d.x**4)
    assert str(ks.equations()) == "d u/dt = (-∂x**2 - ∂x**4)·u - u**2"
    assert r"\partial_{x}^{4}" in ks.equations().latex or r"{\partial_{x}}^{4}" in ks.equations().latex


def lines_of(rhs, *axes, scheme=None, **parameters):
    grid = ude.Grid(*axes, **({} if scheme is None else {"scheme": scheme}))
    model = ude.PDE(lambda t, s, p: {"u": rhs(grid, s.u, p)}, grid, ["u"], parameters)
    return str(model.equations()).splitlines()


@pytest.mark.parametrize("boundary", ["periodic", (ude.Dirichlet(0.0), ude.Neumann(2.0))])
def test_equations_show_stencils_as_derivatives_with_or_without_walls(boundary):
    axis = ude.Axis("x", 0.0, 1.0, 16, boundary=boundary)
    found = lines_of(lambda g, u, p: p.nu * g.laplacian(u) - u * g.d(u), axis, nu=0.1)
    assert found[:2] == ["d u/dt = nu·u_xx - u·u_x", "  u_xx, u_x: 5-point central difference"]
    assert found[2:] == ([] if boundary == "periodic" else ["  x = 0: value 0; x = 1: slope 2"])


def test_equations_show_a_walls_value_that_changes_with_time():
    axis = ude.Axis("x", 0.0, 1.0, 16, boundary=ude.Dirichlet(lambda t: np.sin(t)))
    assert lines_of(lambda g, u, p: g.laplacian(u), axis)[-1] == "  x = 0: value sin(t); x = 1: value sin(t)"


@pytest.mark.parametrize(
    "scheme, words",
    [
        (ude.schemes.Backward(1), "backward difference"),
        (ude.schemes.Fourier(), "Fourier derivative"),
        (ude.schemes.Compact(4), "compact difference"),
    ],
)
@pytest.mark.parametrize("name", ["x", "y"])
def test_equations_name_the_axis_and_the_scheme_of_a_derivative(name, scheme, words):
    axes = ude.Axis("x", 0.0, 1.0, 16), ude.Axis("y", 0.0, TAU, 18)
    found = lines_of(lambda g, u, p: -u * g.d(u, name), *axes, scheme=scheme)
    assert found == [f"d u/dt = -u·u_{name}", f"  u_{name}: {words}"]


def test_equations_keep_apart_two_schemes_a_factor_and_derivatives_of_more_than_a_field():
    axis = ude.Axis("x", 0.0, 1.0, 16)
    back = ude.schemes.Backward(1)
    assert lines_of(lambda g, u, p: g.d(u) - g.d(u, scheme=back), axis) == [
        "d u/dt = u_x - u_x′",
        "  u_x: 5-point central difference",
        "  u_x′: backward difference",
    ]
    assert lines_of(lambda g, u, p: 0.25 * g.laplacian(u), axis)[0] == "d u/dt = 0.25·u_xx"
    assert lines_of(lambda g, u, p: g.d(u**2) + g.d(g.d(u)), axis)[0] == "d u/dt = (u**2)_x + (u_x)_x"
    grid = ude.Grid(axis)
    model = ude.PDE(lambda t, s: grid.d(s.u, "x", 3), grid, ["u"])
    assert r"\frac{\partial^{3} u}{\partial x^{3}}" in model.equations().latex


def test_json_keeps_grid_linear_part_and_values(tmp_path):
    grid = circle(16, units="m")
    model = burgers(grid)
    again = ODE.from_json(json.loads(json.dumps(model.to_json(), allow_nan=False)))
    assert isinstance(again, ude.PDE) and again.grid == grid and again.has_linear
    u = np.cos(grid.coordinates("x"))
    np.testing.assert_array_equal(again(0.0, {"u": u})["u"], model(0.0, {"u": u})["u"])
    assert again.equations().text == model.equations().text
    model.save(tmp_path / "model.json")
    assert ude.ODE.load(tmp_path / "model.json").describe() == model.describe()


def test_other_values_reach_the_linear_part():
    grid = circle(16)
    model = burgers(grid).with_values({"nu": 0.3})
    np.testing.assert_allclose(model.linear_symbols()["u"], -0.3 * np.arange(9.0) ** 2, atol=1e-12)
    assert isinstance(model, ude.PDE)


def test_a_formula_takes_a_networks_place():
    grid = circle(16)
    model = ude.PDE(
        lambda t, s, p, net: net.f(s.u), grid, ["u"], networks={"f": ude.nn.MLP(1, 1, [4])}, linear=lambda d: d.x**2
    )
    known = model.replace("f", lambda p, u: p.r * u, {"r": 2.0})
    x = grid.coordinates("x")
    np.testing.assert_allclose(known(0.0, {"u": np.sin(x)})["u"], np.sin(x), atol=1e-12)
    assert str(known.equations()) == "d u/dt = r·u + ∂x**2·u" and not known.networks
    assert list(model.learned) == ["f"]


def test_solutions_carry_the_grid():
    grid = circle(16, units="km")
    model = ude.PDE(
        lambda t, s: -grid.d(s.u),
        grid,
        {"u": ude.State(units="K", description="temperature")},
        observe=lambda t, s: {"u": s.u, "mean": grid.mean(s.u), "slopes": np.stack([grid.d(s.u), s.u])},
    )
    x = grid.coordinates("x")
    found = model.solve([0.0, 0.5], {"u": np.stack([np.sin(x), np.cos(x)])}).dataset
    assert found.u.dims == ("trajectory", "time", "x") and found["mean"].dims == ("trajectory", "time")
    assert found.slopes.dims == ("trajectory", "time", "slopes_0", "x")
    np.testing.assert_array_equal(found.x, x)
    assert found.x.attrs["units"] == "km" and found.u.attrs == {"units": "K", "long_name": "temperature"}


# ---- conditions -------------------------------------------------------------------------------------------------


def stretched(grid):
    """Diffusion on a domain that each trajectory stretches by its own factor."""
    return ude.PDE(
        lambda t, s, p: p.source * s.u,
        grid,
        ["u"],
        {"stretch": ude.Condition(1.0, units="m"), "source": ude.Condition(0.0)},
        linear=lambda d, p: (d.x / p.stretch) ** 2,
    )


def test_conditions_are_read_like_parameters_and_fixed_by_at():
    grid = circle(16)
    model = stretched(grid)
    x = grid.coordinates("x")
    np.testing.assert_allclose(model(0.0, {"u": np.sin(x)})["u"], -np.sin(x), atol=1e-13)
    fixed = model.at(stretch=2.0, source=0.5)
    np.testing.assert_allclose(fixed(0.0, {"u": np.sin(x)})["u"], 0.25 * np.sin(x), atol=1e-13)
    assert not fixed.conditions and list(model.at(source=0.5).conditions) == ["stretch"]
    assert model.layout.size == 0
    np.testing.assert_allclose(model.conditions_array({"stretch": [1.0, 3.0]}), [[1.0, 0.0], [3.0, 0.0]])
    assert "condition  stretch = 1 [m]" in model.describe()


def test_adaptive_solves_take_conditions_of_each_trajectory():
    model = stretched(circle(16))
    start = {"u": np.sin(model.grid.coordinates("x"))}
    found = model.solve([0.0, 1.0], start, conditions={"stretch": [1.0, 2.0], "source": 0.1})
    exact = np.exp([-1.0 + 0.1, -0.25 + 0.1])
    np.testing.assert_allclose(found["u"].values[:, -1, 4], exact, atol=1e-7)
    assert found.dataset["stretch"].values.tolist() == [1.0, 2.0]
    fixed = model.at(stretch=1.0, source=0.0).solve([0.0, 1.0], start)
    assert float(fixed["u"].values[-1, 4]) == pytest.approx(np.exp(-1.0), abs=1e-7)


def test_conditions_survive_json_and_name_what_is_wrong():
    model = stretched(circle(16))
    again = ODE.from_json(json.loads(json.dumps(model.to_json())))
    assert again.conditions == model.conditions
    with raises(DataError, "Unknown condition `strech`. Did you mean `stretch`?"):
        model.at(strech=1.0)
    with raises(DataError, "`conditions` needs `stretch` as finite numbers, not nan"):
        model.conditions_array({"stretch": np.nan})
    with raises(DataError, "Condition `stretch` has 3 values for 2 trajectories"):
        model.conditions_array({"stretch": [1.0, 2.0, 3.0]}, 2)
    with raises(ModelError, "`Condition` needs `default` as a number or None, not 'long'"):
        ude.Condition("long")


# ---- models that can't be ---------------------------------------------------------------------------------------


def test_bad_right_hand_sides_name_the_field():
    grid = circle(16)
    with raises(ModelError, "the derivative of `u` has shape (9,), not (16,)"):
        ude.PDE(lambda t, s: s.u[:9], grid, ["u"])
    with raises(ModelError, "no derivative for `v`"):
        ude.PDE(lambda t, s: {"u": s.u}, grid, ["u", "v"])
    with raises(ModelError, "State `u` needs shape (16,), not (8,)"):
        ude.PDE(lambda t, s: s.u, grid, ["u"])(0.0, {"u": np.zeros(8)})


def test_bad_fields_and_grids():
    grid = circle(16)
    with raises(ModelError, "`grid` needs e.g. `ude.Grid(", "not int"):
        ude.PDE(lambda t, s: s.u, 16, ["u"])
    with raises(ModelError, "write `fields=['u']`"):
        ude.PDE(lambda t, s: s.u, grid, "u")
    with raises(ModelError, "Field `u` is given shape (8,), but a field has the grid's shape (16,)"):
        ude.PDE(lambda t, s: s.u, grid, {"u": ude.State(shape=8)})
    with raises(ModelError, "`x` names a field and an axis of the grid"):
        ude.PDE(lambda t, s: s.x, grid, ["x"])


def test_bad_linear_parts():
    grid = circle(16)
    walls = ude.Grid(ude.Axis("x", 0.0, 1.0, 16, boundary=ude.Dirichlet(0.0)))

    def made(linear, on=grid, fields=("u",), **settings):
        return ude.PDE(lambda t, s, p: {f: 0.0 * s[f] for f in fields}, on, list(fields), linear=linear, **settings)

    with raises(ModelError, "axis `x` can't have: it isn't periodic"):
        made(lambda d: d.x**2, walls)
    with raises(ModelError, "`linear` reads the trainable parameter `nu`", "free=False", "ude.Condition"):
        made(lambda d, p: p.nu * d.x**2, parameters={"nu": 0.1})
    with raises(ModelError, "give `linear` as a dict field → function"):
        made(lambda d: d.x**2, fields=("u", "v"))
    with raises(ModelError, "Unknown field of `linear` `w`"):
        made({"w": lambda d: d.x**2})
    with raises(ModelError, "`linear` of `u` returned str, not a symbol"):
        made(lambda d: "d.x")
    with raises((ModelError, TraceError), "linear"):
        made(3.0)
    with raises(ModelError, "The model has no linear part"):
        ude.PDE(lambda t, s: s.u, grid, ["u"]).linear_symbols()


def test_stiff_solvers_get_a_sparse_jacobian():
    """Central differences of order four couple five neighbours: 5 entries a row, and few colours."""
    from unideq.graph import jacobian

    grid = circle(40, scheme=ude.schemes.Central(4))
    fisher = ude.PDE(lambda t, s, p: grid.laplacian(s.u) + s.u * (1.0 - s.u), grid, ["u"])
    found = jacobian(fisher.vector_field, "u")
    assert len(found.rows) == 5 * 40 and found.n_colours == 5
    u = 0.5 + 0.1 * np.sin(grid.coordinates("x"))
    values = found.graph.evaluate({"t": 0.0, "u": u, "theta": np.zeros(0)})["values"]
    exact = grid.laplacian(np.eye(40)).T + np.diag(1.0 - 2.0 * u)
    np.testing.assert_allclose(found.dense(values), exact, atol=1e-10)


def test_models_with_stencils_are_exported_to_julia(tmp_path):
    grid = circle(8, scheme=ude.schemes.Central(2))
    heat = ude.PDE(lambda t, s: grid.laplacian(s.u), grid, ["u"])
    heat.export_julia(tmp_path / "heat.jl", [0.0, 1.0], {"u": np.ones(8)}, solver="tsit5")
    assert "function vector_field!(du, u, p, t)" in (tmp_path / "heat.jl").read_text(encoding="utf-8")
    stretched(circle(8)).export_julia(
        tmp_path / "other.jl", [0.0, 1.0], {"u": np.ones(8)}, solver="tsit5", conditions={"stretch": 2.0}
    )
    assert "stretch" not in (tmp_path / "other.jl").read_text(encoding="utf-8")
