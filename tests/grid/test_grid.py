"""Axes and grids: coordinates, shapes, storing, and what is refused."""

import json

import numpy as np
import pytest

import unideq as ude
from unideq.errors import DataError, FileFormatError, ModelError, OptionError
from unideq.graph import Graph, variable
from unideq.grid.schemes import Central, Compact, Fourier, Upwind

X = ude.Axis("x", 0.0, 1.0, 8)
Y = ude.Axis("y", -1.0, 1.0, 5, boundary=(ude.Dirichlet(2.0), ude.Neumann(lambda t: np.cos(3 * t))), units="m")


def test_periodic_points_start_at_the_start_and_cells_have_their_centres_inside():
    np.testing.assert_allclose(X.coordinates, np.arange(8) / 8)
    np.testing.assert_allclose(Y.coordinates, [-0.8, -0.4, 0.0, 0.4, 0.8])
    assert (X.spacing, Y.spacing, Y.length, X.periodic, Y.periodic) == (0.125, 0.4, 2.0, True, False)
    grid = ude.Grid(X, Y)
    assert (grid.shape, grid.dims, grid.periodic, grid.cell) == ((8, 5), ("x", "y"), False, 0.05)
    xs, ys = grid.mesh()
    assert xs.shape == ys.shape == (8, 5) and xs[3, 0] == X.coordinates[3] and ys[0, 3] == Y.coordinates[3]


@pytest.mark.parametrize("axis", [X, Y, ude.Axis("lon", -20.0, 31.5, 1000)], ids=lambda a: a.name)
def test_an_axis_comes_back_from_its_coordinates(axis):
    again = ude.Axis.from_coordinates(axis.name, axis.coordinates, axis.boundary, axis.units)
    np.testing.assert_allclose(again.coordinates, axis.coordinates, atol=1e-12)
    assert again.points == axis.points and again.stop == pytest.approx(axis.stop)


def test_coordinates_that_make_no_axis_are_refused():
    with pytest.raises(
        DataError, match=r"Axis `x` isn't uniform: steps run from 1 to 2, and 1 \(index 1\) lies 0.5 off"
    ):
        ude.Axis.from_coordinates("x", [0.0, 1.0, 3.0])
    with pytest.raises(DataError, match=r"must increase; 1 \(index 2\) follows 2"):
        ude.Axis.from_coordinates("x", [0.0, 2.0, 1.0])
    with pytest.raises(DataError, match="two finite coordinates"):
        ude.Axis.from_coordinates("x", [0.0, np.nan])
    single = np.float32(np.linspace(0.0, 1.0, 64, endpoint=False))  # written in single precision
    assert ude.Axis.from_coordinates("x", single).length == pytest.approx(1.0, rel=1e-6)


def test_axes_that_make_no_sense_are_refused():
    for name in ("time", "2x", "lambda", "_x", 3):
        with pytest.raises(ModelError, match=r"Axis name|axis' name"):
            ude.Axis(name, 0.0, 1.0, 8)
    with pytest.raises(ModelError, match="`start` below `stop`"):
        ude.Axis("x", 1.0, 0.0, 8)
    with pytest.raises(ModelError, match="`Axis x` needs `points` as a whole number >= 2, not 1"):
        ude.Axis("x", 0.0, 1.0, 1)
    with pytest.raises(ModelError, match="`Axis x` needs `points` as a whole number"):
        ude.Axis("x", 0.0, 1.0, 8.5)
    with pytest.raises(OptionError, match=r"Unknown boundary of axis `x` `perodic`. Did you mean `periodic`"):
        ude.Axis("x", 0.0, 1.0, 8, boundary="perodic")
    with pytest.raises(ModelError, match="periodic at one end and not at the other"):
        ude.Axis("x", 0.0, 1.0, 8, boundary=(ude.Periodic(), ude.Neumann()))
    with pytest.raises(ModelError, match=r"a pair \(left, right\)"):
        ude.Axis("x", 0.0, 1.0, 8, boundary=3.0)
    assert ude.Axis("x", 0.0, 1.0, 8, boundary=("periodic", ude.Periodic())).periodic


def test_conditions_that_make_no_sense_are_refused():
    with pytest.raises(ModelError, match="needs a number or a function of t"):
        ude.Dirichlet("1")
    with pytest.raises(ModelError, match="finite numbers"):
        ude.Neumann(np.nan)
    with pytest.raises(ModelError, match="returned nothing"):
        ude.Neumann(lambda t: None)
    with pytest.raises(ModelError, match="an array along the boundary"):
        ude.Dirichlet(np.zeros((2, 2)))
    with pytest.raises(ude.TraceError, match=r"np\.where"):
        ude.Dirichlet(lambda t: 1.0 if t > 0 else 0.0)


def test_grids_that_make_no_sense_are_refused():
    with pytest.raises(ModelError, match="Two axes of the grid are called `x`"):
        ude.Grid(X, X.with_points(4))
    with pytest.raises(ModelError, match="one or two axes, not 0"):
        ude.Grid()
    with pytest.raises(ModelError, match="made of axes"):
        ude.Grid("x")
    with pytest.raises(OptionError, match="`scheme` needs"):
        ude.Grid(X, scheme="central")
    grid = ude.Grid(X, Y)
    with pytest.raises(OptionError, match=r"Unknown axis of the grid `z`. Possible: `x`, `y`"):
        grid.axis("z")
    with pytest.raises(OptionError, match=r"The grid has two axes: write `axis='x'` or `axis='y'`"):
        grid.d(np.zeros((8, 5)))
    with pytest.raises(ModelError, match=r"`u` has shape \(5, 8\), but the grid has \(8, 5\)"):
        grid.d(np.zeros((5, 8)), "x")
    with pytest.raises(OptionError, match="`radius` needs a whole number >= 0"):
        grid.patch(np.zeros((8, 5)), 0.5)


def test_symbols_and_arrays_give_the_same_numbers_at_any_time():
    grid = ude.Grid(X, Y)
    u = np.random.default_rng(0).standard_normal((2, 8, 5))
    t, symbolic = variable("t"), variable("u", (2, 8, 5))
    operators = {
        "d": lambda g, u, **s: g.d(u, "y", 2, **s),
        "laplacian": lambda g, u, **s: g.laplacian(u, Central(2), **s),
        "gradient": lambda g, u, **s: g.gradient(u, **s)[1],
        "upwind": lambda g, u, **s: g.upwind(u, u, "y", **s),
        "flux": lambda g, u, **s: g.flux_divergence(u, np.sin, axis="y", scheme=Upwind(1), **s),
        "patch": lambda g, u, **s: g.patch(u, 1, **s)[2],
        "faces": lambda g, u, **s: g.face_gradient(u, "y", **s),
        "mean": lambda g, u, **s: g.mean(u) + g.integral(u),
    }
    for name, operator in operators.items():
        recorded = Graph((t, symbolic), {"y": operator(grid, symbolic)}).evaluate({"t": 0.8, "u": u})["y"]
        settings = {} if name == "mean" else {"t": 0.8}
        computed = operator(grid, u, **settings)
        assert isinstance(computed, np.ndarray)
        np.testing.assert_allclose(recorded, computed, atol=1e-12)


def test_sums_count_cells():
    grid = ude.Grid(X, Y)
    xs, ys = grid.mesh()
    u = np.stack([np.ones_like(xs), np.sin(2 * np.pi * xs) + ys + 3.0])
    np.testing.assert_allclose(grid.integral(u), [2.0, 6.0], atol=1e-14)
    np.testing.assert_allclose(grid.mean(u), [1.0, 3.0], atol=1e-14)


def test_a_patch_holds_the_neighbours_and_ghosts_beyond_boundaries():
    grid = ude.Grid(X, Y.with_boundary(ude.Neumann(2.0)))
    xs, ys = grid.mesh()
    patch = grid.patch(np.sin(2 * np.pi * xs) + 2.0 * ys)
    assert len(patch) == 9
    np.testing.assert_allclose(patch[4], np.sin(2 * np.pi * xs) + 2.0 * ys)
    np.testing.assert_allclose(patch[0], np.sin(2 * np.pi * (xs - 0.125)) + 2.0 * (ys - 0.4), atol=1e-13)
    np.testing.assert_allclose(patch[5], np.sin(2 * np.pi * xs) + 2.0 * (ys + 0.4), atol=1e-13)


def test_a_grid_comes_back_from_json_with_its_moving_boundaries():
    moving = ude.Axis("z", 0.0, 1.0, 6, boundary=(ude.Dirichlet(np.arange(8.0)), ude.Neumann(lambda t: np.exp(-t))))
    for grid in (ude.Grid(X), ude.Grid(X, Y, scheme=Central(6)), ude.Grid(X, moving), ude.Grid(X, scheme=Compact(6))):
        stored = json.loads(json.dumps(grid.to_json(), allow_nan=False))
        again = ude.Grid.from_json(stored)
        assert again == grid and hash(again) == hash(grid) and repr(again) == repr(grid)
        u = np.random.default_rng(0).standard_normal(grid.shape)
        np.testing.assert_array_equal(again.laplacian(u, Central(2), t=0.3), grid.laplacian(u, Central(2), t=0.3))
    assert ude.Grid(X) != ude.Grid(X, scheme=Central(2))
    assert repr(Y) == "Axis('y', -1.0, 1.0, 5, boundary=(Dirichlet(2.0), Neumann(t -> cos(3·t))), units='m')"


def test_a_damaged_grid_is_refused():
    stored = ude.Grid(Y).to_json()
    with pytest.raises(FileFormatError, match="stored grid is damaged"):
        ude.Grid.from_json({"axes": stored["axes"]})
    with pytest.raises(FileFormatError, match="stored axis is damaged"):
        ude.Grid.from_json({**stored, "axes": [{"name": "y"}]})
    with pytest.raises(FileFormatError, match="Unknown boundary `robin`"):
        ude.Grid.from_json({**stored, "axes": [{**stored["axes"][0], "boundary": [{"kind": "robin"}] * 2}]})


def test_boundaries_and_schemes_can_be_exchanged():
    grid = ude.Grid(X, Y).with_boundary(y="periodic")
    assert grid.periodic and grid.axis("y").coordinates[0] == -1.0
    assert grid.with_scheme(Fourier()).scheme == Fourier()
    with pytest.raises(OptionError, match="Unknown axis"):
        grid.with_boundary(z="periodic")


def test_transforms_of_one_field_are_shared():
    u = variable("u", (8, 8))
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 8), ude.Axis("y", 0.0, 1.0, 8), scheme=Fourier())
    graph = Graph((u,), {"y": grid.d(u, "x") * grid.d(u, "y") + grid.laplacian(u)})
    assert sum(node.operation == "rfft" for node in graph.nodes) == 1


def test_a_heat_equation_on_a_grid_solves_to_its_analytic_solution():
    pytest.importorskip("diffrax")
    walls = (ude.Dirichlet(0.0), ude.Dirichlet(lambda t: 1.0 - np.exp(-t)))
    grid = ude.Grid(ude.Axis("x", 0.0, np.pi, 24, boundary=walls), scheme=Central(4))
    x = grid.coordinates()

    def heat(t, state, p):
        return {"u": grid.laplacian(state.u) + x / np.pi * np.exp(-t)}

    model = ude.ODE(heat, {"u": grid.shape})
    times = np.array([0.0, 0.5, 1.0])
    found = model.solve(times, {"u": np.sin(2 * x)}, solver=ude.Auto(rtol=1e-8, atol=1e-10)).dataset["u"].values
    exact = np.sin(2 * x) * np.exp(-4 * times)[:, None] + x / np.pi * (1.0 - np.exp(-times))[:, None]
    np.testing.assert_allclose(found, exact, atol=5e-5)
