"""Fields: hard constraints hold exactly, periodic ones repeat with all derivatives, and arity is checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unideq as ude
from unideq.errors import ModelError, TraceError

BOX = {"x": (-1.0, 3.0), "t": (0.0, 2.0)}
MLP = ude.nn.MLP(2, 1, hidden=(6, 5))


def problem(field: Any, function: Any = lambda at, field: field.u, **more: Any) -> ude.ResidualProblem:
    return ude.ResidualProblem(BOX, {"u": field}, {"term": ude.Interior(function)}, **more)


def perturbed(made: ude.ResidualProblem) -> np.ndarray:
    theta = made.initial_theta(1)
    return theta + 0.2 * np.random.default_rng(2).standard_normal(len(theta))


def test_a_hard_constraint_holds_exactly_on_the_boundary():
    made = problem(ude.Field(MLP, transform=lambda at, raw: np.sin(at.t) + (at.x + 1) * (3 - at.x) * raw.u))
    t = np.linspace(0, 2, 9)
    for x in (-1.0, 3.0):
        np.testing.assert_array_equal(made({"x": x, "t": t}, perturbed(made))["u"], np.sin(t))
    assert np.abs(made({"x": 1.0, "t": t}, perturbed(made))["u"] - np.sin(t)).min() > 1e-3


def test_derivatives_go_through_a_hard_constraint():
    both = {
        "plain": problem(ude.Field(MLP), lambda at, field: {"u": field.u, "x": ude.d(field.u, at.x)}),
        "hard": problem(ude.Field(MLP, lambda at, raw: at.x**2 * raw.u), lambda at, field: ude.d(field.u, at.x)),
    }
    theta, x = perturbed(both["plain"]), np.linspace(-1, 3, 7)
    raw = both["plain"].residual("term", {"x": x, "t": 0.4}, theta)
    found = both["hard"].residual("term", {"x": x, "t": 0.4}, theta)["term"]
    np.testing.assert_allclose(found, 2 * x * raw["term.u"] + x**2 * raw["term.x"], rtol=1e-12)


def test_a_transform_may_read_parameters_and_return_several_fields_by_name():
    made = ude.ResidualProblem(
        BOX,
        {("u", "v"): ude.Field(ude.nn.MLP(2, 2), lambda at, raw, p: {"v": raw.u, "u": p.k + 0 * raw.v})},
        {"term": ude.Interior(lambda at, field: (field.u, field.v))},
        parameters={"k": 2.5},
    )
    assert made({"x": 0.0, "t": 0.0})["u"] == 2.5


@pytest.mark.parametrize("harmonics", [1, 3])
def test_a_periodic_field_repeats_with_all_its_derivatives(harmonics: int):
    def derivatives(at: Any, field: Any) -> Any:
        return [field.u, *(ude.d(field.u, at.x, k) for k in (1, 2, 3, 4)), ude.d(field.u, at.x, at.t)]

    field = ude.Field(ude.nn.MLP(2 * harmonics + 1, 1, hidden=(6,)), periodic={"x": harmonics})
    made = problem(field, derivatives)
    theta, t = perturbed(made), np.linspace(0, 2, 5)
    ends = [made.residual("term", {"x": x, "t": t}, theta)["term"] for x in BOX["x"]]
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-10, atol=1e-10)
    elsewhere = made.residual("term", {"x": 0.7, "t": t}, theta)["term"]
    assert np.abs(elsewhere - ends[0]).max() > 1e-2


def test_a_periodic_boundary_condition_compares_both_ends_with_derivatives():
    def ends(at: Any, field: Any) -> Any:
        there = field(x=at.x + 4.0)
        return field.u - there.u, ude.d(field.u, at.x) - ude.d(there.u, at.x)

    parts = lambda at, field: (field.u, ude.d(field.u, at.x))  # noqa: E731
    made = ude.ResidualProblem(
        BOX, {"u": MLP}, {"ends": ude.Boundary(ends, sides={"x": -1.0}), "parts": ude.Interior(parts)}
    )
    theta, t = perturbed(made), np.linspace(0, 2, 5)
    left, right = (made.residual("parts", {"x": x, "t": t}, theta)["parts"] for x in BOX["x"])
    found = made.residual("ends", {"x": -1.0, "t": t}, theta)["ends"]
    np.testing.assert_allclose(found, left - right, rtol=1e-10, atol=1e-13)


def test_inputs_are_standardised_unless_told_otherwise():
    weights = {"u.layer_1.weight": [[1.0, 0.0]], "u.layer_1.bias": [0.0]}
    linear = ude.nn.MLP(2, 1, hidden=())
    x = np.array([-1.0, 1.0, 3.0])
    scaled, plain = problem(linear), problem(ude.Field(linear, standardise=False))
    np.testing.assert_allclose(scaled({"x": x, "t": 0.0}, weights)["u"], [-np.sqrt(3), 0, np.sqrt(3)], atol=1e-15)
    np.testing.assert_array_equal(plain({"x": x, "t": 0.0}, weights)["u"], x)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (ude.nn.MLP(3, 1), r"`u` has 3 inputs, and gets 2: x, t. Give it 2 inputs, as `MLP\(2, 1\)` has"),
        (ude.nn.MLP(2, 2), r"`u` has 2 outputs for 1 field. Name one field an output"),
        (ude.Field(MLP, periodic={"x": 2}), r"gets 5: 2 × \(cos, sin\) of x, t"),
        (ude.Field(MLP, periodic={"y": 1}), r"Unknown coordinate `y`"),
    ],
)
def test_a_network_whose_arity_does_not_fit_is_refused(field: Any, message: str):
    with pytest.raises(ModelError, match=message):
        problem(field)


def test_what_is_not_a_network_of_points_is_refused():
    with pytest.raises(ModelError, match=r"not MLP itself"):
        ude.Field(ude.nn.MLP)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="acts on whole grids"):
        ude.Field(ude.nn.CNN(1, 1))
    with pytest.raises(ModelError, match="harmonics >= 1"):
        ude.Field(MLP, periodic={"x": 0})
    for given in (1, [2], {"x"}):
        with pytest.raises(ModelError, match=r"`periodic` needs a coordinate, or coordinate → number"):
            ude.Field(MLP, periodic=given)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["x", ["x"], ("x",), {"x": np.int64(1)}])
def test_a_periodic_coordinate_may_be_named_alone(given: Any):
    made = problem(ude.Field(ude.nn.MLP(3, 1), periodic=given))
    back = ude.ResidualProblem.from_json(made.to_json())
    at, theta = {"x": [-1.0, 0.3, 3.0], "t": 0.5}, perturbed(made)
    values = made(at, theta)["u"]
    np.testing.assert_allclose(values[0], values[2], rtol=1e-12)
    assert values[1] != values[0]
    np.testing.assert_array_equal(back(at, theta)["u"], values)
    assert "periodic in x" in back.describe()


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda at, raw: (raw.u, raw.u), "returned 2 values for 1 fields"),
        (lambda at, raw: {"v": raw.u}, "returned v. Return u"),
        (lambda at, raw: None, "`u` is None"),
        (lambda at, raw: np.stack([raw.u, raw.u]), r"has shape \(2,\), not \(\)"),
        (lambda at, raw: raw.w, "Unknown field `w`"),
    ],
)
def test_a_transform_returns_one_value_a_field(transform: Any, message: str):
    with pytest.raises(ModelError, match=message):
        problem(ude.Field(MLP, transform=transform))


def test_a_place_elsewhere_is_one_value_of_a_coordinate():
    with pytest.raises(ModelError, match="Unknown coordinate `y`"):
        problem(MLP, lambda at, field: field(y=1.0).u)
    with pytest.raises(TraceError, match=r"not an array of shape \(2,\)"):
        problem(MLP, lambda at, field: field(x=[0.0, 1.0]).u)
