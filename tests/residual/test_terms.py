"""Where terms have their points: sides by their measure, shapes by rejection, given points and measurements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError, ModelError, OptionError

BOX = {"x": (0.0, 3.0), "y": (0.0, 1.0), "t": (1.0, 2.0)}
U = lambda at, field: field.u  # noqa: E731
READS_ALL = lambda at, field: field.u + 0.0 * at.x  # noqa: E731


def problem(domain: Any, **terms: Any) -> ude.ResidualProblem:
    size = len(domain.names if isinstance(domain, ude.Domain) else domain)
    return ude.ResidualProblem(domain, {"u": ude.nn.MLP(size, 1, hidden=(3,))}, terms)


def draw(made: ude.ResidualProblem, name: str = "term", count: int = 4000, **settings: Any) -> dict[str, np.ndarray]:
    return ude.Residual(points={name: count}, **settings).draw(made, name, 0)


def test_the_interior_is_filled_uniformly():
    points = draw(problem(BOX, term=ude.Interior(U)))
    for name, (low, high) in BOX.items():
        assert low <= points[name].min() < low + 0.01 * (high - low)
        assert abs(points[name].mean() - (low + high) / 2) < 0.02 * (high - low)


def test_time_begins_where_initial_points_are():
    points = draw(problem(BOX, term=ude.Initial(U)))
    assert set(points["t"]) == {1.0}
    assert abs(points["x"].mean() - 1.5) < 0.05
    assert abs(points["y"].mean() - 0.5) < 0.02


def test_sides_get_points_by_their_measure_and_fill_them_uniformly():
    points = draw(problem(BOX, term=ude.Boundary(U)), count=8000)
    x, y = points["x"], points["y"]
    counts = {"x": ((x == 0) | (x == 3)).mean(), "y": ((y == 0) | (y == 1)).mean()}
    assert counts["x"] == pytest.approx(2 / 8, abs=0.015)
    assert counts["y"] == pytest.approx(6 / 8, abs=0.015)
    assert counts["x"] + counts["y"] == 1.0
    floor = y == 0
    np.testing.assert_allclose(np.histogram(x[floor], 6, (0, 3))[0] / floor.sum(), 1 / 6, atol=0.025)
    np.testing.assert_allclose(np.histogram(points["t"][floor], 5, (1, 2))[0] / floor.sum(), 1 / 5, atol=0.025)


def test_chosen_sides_alone_get_points():
    points = draw(problem(BOX, term=ude.Boundary(U, sides={"x": 3, "y": (0, 1)})))
    assert not (points["x"] == 0).any()
    assert (points["x"] == 3).mean() == pytest.approx(1 / 7, abs=0.02)


def test_in_one_dimension_both_ends_get_half_of_the_points():
    points = draw(problem({"x": (-1.0, 1.0)}, term=ude.Boundary(READS_ALL)))
    assert set(points["x"]) == {-1.0, 1.0}
    assert abs(points["x"].mean()) < 0.05


def ring(at: Any) -> Any:
    return (np.hypot(at["x"], at["y"]) < 1.0) & (at["x"] ** 2 + at["y"] ** 2 > 0.25)


SQUARE = {"x": (-1.0, 1.0), "y": (-1.0, 1.0)}


@pytest.mark.parametrize("sampler", [ude.samplers.Uniform(), ude.samplers.LatinHypercube()])
def test_a_shape_is_filled_uniformly_and_nothing_lies_outside(sampler: Any):
    made = problem(ude.Domain(SQUARE, inside=ring), term=ude.Interior(U))
    points = draw(made, sampler=sampler)
    radius, angle = np.hypot(points["x"], points["y"]), np.arctan2(points["y"], points["x"])
    assert len(radius) == 4000
    assert ring(points).all()
    # Uniform in the ring: r² is uniform on (1/4, 1), the angle on (−π, π).
    np.testing.assert_allclose(np.histogram(radius**2, 5, (0.25, 1))[0] / 4000, 1 / 5, atol=0.025)
    np.testing.assert_allclose(np.histogram(angle, 5, (-np.pi, np.pi))[0] / 4000, 1 / 5, atol=0.025)


def test_a_shape_gets_the_same_points_again_for_the_same_seed_alone():
    made = problem(ude.Domain(SQUARE, inside=ring), term=ude.Interior(U))
    np.testing.assert_array_equal(draw(made)["x"], draw(made)["x"])
    assert (draw(made)["x"] != draw(made, seed=1)["x"]).all()


def test_a_shape_without_points_is_refused():
    made = problem(ude.Domain(SQUARE, inside=lambda at: at["x"] > 2), term=ude.Interior(U))
    with pytest.raises(ModelError, match="0 lie inside the domain"):
        draw(made, count=100)
    with pytest.raises(ModelError, match=r"one truth value a point.*float64"):
        draw(problem(ude.Domain(SQUARE, inside=lambda at: at["x"]), term=ude.Interior(U)))


def test_a_sampled_boundary_is_used_with_its_normals_and_drawn_times():
    angle = np.linspace(0, 2 * np.pi, 50, endpoint=False)
    rim = {"x": np.cos(angle), "y": np.sin(angle), "nx": np.cos(angle)}
    flux = ude.Boundary(lambda at, field: at.nx * ude.d(field.u, at.x))
    points = draw(problem(ude.Domain(SQUARE, ring, rim), term=flux), count=20)
    assert len(points["x"]) == 20
    np.testing.assert_array_equal(points["nx"], points["x"])
    timed = draw(problem(ude.Domain({**SQUARE, "t": (0, 5)}, ring, rim), term=flux), count=3000)
    assert len(timed["t"]) == 3000
    assert abs(timed["t"].mean() - 2.5) < 0.1
    assert len(set(timed["x"].tolist())) > 20


def test_a_shape_needs_to_know_its_boundary():
    with pytest.raises(ModelError, match="doesn't know where the domain's boundary is"):
        problem(ude.Domain(SQUARE, inside=ring), term=ude.Boundary(U))


def test_given_points_are_all_used_or_chosen_from():
    at = {"x": np.linspace(0, 3, 10), "y": np.full(10, 0.5), "t": np.full(10, 1.5), "q": np.arange(10.0)}
    made = problem(BOX, term=ude.PointSet(lambda at, field: field.u - at.q, at=at))
    objective = ude.Residual(points=64)
    np.testing.assert_array_equal(objective.draw(made, "term", 7)["q"], np.arange(10.0))
    assert objective.batches(made, None) is None  # type: ignore[arg-type]
    few = ude.Residual(points={"term": 4})
    batches = few.batches(made, None)  # type: ignore[arg-type]
    assert batches is not None
    seen = {q for k in range(40) for q in batches(k)[0]["q"]}
    assert seen == set(range(10))
    assert len(batches(0)[0]["q"]) == 4
    again = few.draw(made, "term", 3)
    np.testing.assert_array_equal(again["x"], at["x"][again["q"].astype(int)])


# ---- measurements ---------------------------------------------------------------------------------------------------

GRID = xr.Dataset(
    {"u": (("t", "x"), [[1.0, np.nan, 3.0], [5.0, 7.0, np.nan]])},
    {"t": [1.0, 1.5], "x": [0.0, 1.0, 2.0], "y": 0.25},
)


def test_measurements_on_a_grid_become_points_without_the_missing_ones():
    made = problem(BOX, data=ude.Data(GRID), pde=ude.Interior(U))
    assert list(made.terms) == ["data.u", "pde"]
    points = ude.Residual(points=2).draw(made, "data.u", 0)
    np.testing.assert_array_equal(points["measured"], [1, 3, 5, 7])
    np.testing.assert_array_equal(points["x"], [0, 2, 0, 1])
    np.testing.assert_array_equal(points["t"], [1, 1, 1.5, 1.5])
    np.testing.assert_array_equal(points["y"], [0.25] * 4)


@pytest.mark.parametrize(("scale", "divisor"), [(True, np.sqrt(5)), (2.0, 2.0), (False, 1.0)])
def test_differences_are_in_units_of_the_scale(scale: Any, divisor: float):
    made = problem(BOX, data=ude.Data(GRID, scale=scale))
    at = {"x": 0.5, "y": 0.25, "t": 1.2, "measured": 4.0}
    known = (made({n: at[n] for n in BOX})["u"] - 4.0) / divisor
    assert made.residual("data.u", at)["data.u"] == pytest.approx(known, rel=1e-14)


def test_scattered_measurements_of_fields_and_outputs_are_a_term_each():
    scattered = xr.Dataset(
        {"u": ("point", [1.0, 2.0]), "slope": ("point", [np.nan, 4.0])},
        {"x": ("point", [0.5, 2.5]), "y": ("point", [0.1, 0.2]), "t": ("point", [1.0, 2.0])},
    )
    made = ude.ResidualProblem(
        BOX,
        {"u": ude.nn.MLP(3, 1, hidden=(3,))},
        {"data": ude.Data(scattered, weight=3.0)},
        outputs={"slope": lambda at, field: ude.d(field.u, at.x)},
    )
    assert {n: t.weight for n, t in made.terms.items()} == {"data.u": 3.0, "data.slope": 3.0}
    np.testing.assert_array_equal(ude.Residual().draw(made, "data.slope", 0)["x"], [2.5])
    assert list(ude.Residual().build(made).terms) == ["data.u", "data.slope"]


def test_values_that_are_all_the_same_are_scaled_by_their_size():
    same = GRID.where(GRID.u.isnull(), -4.0)
    made = problem(BOX, data=ude.Data(same))
    at = {"x": 0.5, "y": 0.25, "t": 1.2, "measured": 0.0}
    assert made.residual("data.u", at)["data.u"] == pytest.approx(made(at)["u"] / 4, rel=1e-14)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (GRID * np.nan, r"`data.u` has no points: no value was measured"),
        (GRID.rename(u="v"), r"Unknown variable of data term `data` `v`.*`u`"),
        (GRID.drop_vars("x"), r"`data.u` has no coordinate `x` along its dimensions"),
        (GRID.assign_coords(y=2.0), r"`data.u` lies outside the domain: point 0 has y = 2, and y runs from 0 to 1"),
        (xr.Dataset(), r"`data` has no variables. Name them after u"),
        (GRID.where(GRID.u != 3, np.inf), r"1 infinite values"),
        (GRID.astype(str), r"`data.u` holds <U32 values, not numbers"),
    ],
)
def test_measurements_that_cannot_be_used_are_refused(dataset: xr.Dataset, message: str):
    with pytest.raises(DataError, match=message):
        problem(BOX, data=ude.Data(dataset))


# ---- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: problem(BOX, term=ude.Boundary(U, sides={"x": 4.0})), "lies outside the domain: x = 4, and x runs"),
        (lambda: problem(BOX, term=ude.Boundary(U, sides={"z": 0.0})), "Unknown coordinate `z`"),
        (lambda: problem(BOX, term=ude.Boundary(U, sides={})), "has no sides"),
        (lambda: problem(BOX, term=ude.Boundary(U, sides={"x": "left"})), "`sides: x` as finite numbers, not 'left'"),
        (lambda: problem({"t": (0, 1)}, term=ude.Boundary(U)), "Use `Initial`"),
        (lambda: problem({"x": (0, 1)}, term=ude.Initial(U)), "needs a coordinate `t`"),
        (lambda: ude.PointSet(U), "needs its points"),
        (lambda: ude.PointSet(U, at={"x": [0.0], "y": [0.0, 1.0]}), "one value a point in every column"),
        (lambda: ude.PointSet(U, at={"x": ["a"]}), "needs numbers"),
        (lambda: problem({"x": (0, 1)}, term=ude.PointSet(U, at={"x": []})), "`term` has no points"),
        (lambda: problem({"x": (0, 1)}, term=ude.PointSet(U, at={"x": [2.0]})), "point 0 has x = 2"),
        (
            lambda: problem({"x": (0, 1)}, term=ude.PointSet(U, at={"x": [np.nan]})),
            "`at: x` as finite numbers",
        ),
        (lambda: problem(BOX, term=ude.PointSet(U, at={"x": [2.0]})), "has no `y`"),
        (lambda: ude.Domain({}), "needs coordinates"),
        (lambda: ude.Domain({"x": (1, 0)}), "low < high"),
        (lambda: ude.Domain({"x": 3}), r"needs a sequence of numbers, not 3. Give \(low, high\)"),
        (lambda: ude.Domain({"theta": (0, 1)}), "is taken"),
        (lambda: ude.Domain({"x y": (0, 1)}), "Python identifiers"),
        (lambda: ude.Domain({"time": (0, 1)}), "Call time `t`"),
        (lambda: ude.Domain(SQUARE, boundary={"x": [2.0], "y": [0.0]}), "The domain's boundary lies outside"),
        (lambda: ude.Domain(SQUARE, boundary={"x": [], "y": []}), "no points"),
    ],
)
def test_places_that_are_not_in_the_domain_are_refused(make: Any, message: str):
    with pytest.raises(ModelError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ude.Interior(U, points=0), "`points` as a whole number >= 1 or None, not 0"),
        (lambda: ude.Interior(U, weight=-1.0), "`weight` as a number >= 0, not -1.0"),
        (lambda: ude.Interior(U, sampler=3), "`sampler` as a sampler"),
        (lambda: ude.Data(GRID, scale=0.0), "scale"),
        (lambda: ude.Data(GRID, points=1.5), "`points` as a whole number >= 1 or None, not 1.5"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(make: Any, message: str):
    with pytest.raises(OptionError, match=message):
        make()
    with pytest.raises(DataError, match="needs an xarray Dataset, not list"):
        ude.Data([1.0])  # type: ignore[arg-type]
