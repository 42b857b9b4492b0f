"""The objective: means of squares by hand, causal weights by hand, points that depend on seed and iteration alone."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import unideq as ude
from unideq.engine import get_engine
from unideq.errors import OptionError
from unideq.objective.objective import Objective
from unideq.objective.program import LossProgram
from unideq.stored import from_json

BOX = {"x": (-1.0, 1.0), "t": (0.0, 2.0)}
TERMS = {
    "pde": ude.Interior(lambda at, field: (ude.d(field.u, at.t) - field.u, 2.0 * field.u), weight=0.5),
    "walls": ude.Boundary(lambda at, field: {"value": field.u, "slope": ude.d(field.u, at.x)}, points=32),
    "start": ude.Initial(lambda at, field: field.u - np.cos(at.x), points=16),
    "gauge": ude.PointSet(lambda at, field: field.u - at.q, at={"x": [0.0, 0.5], "t": [1.0, 1.5], "q": [0.2, 0.3]}),
}


def problem(**more: Any) -> ude.ResidualProblem:
    return ude.ResidualProblem(BOX, {"u": ude.nn.MLP(2, 1, hidden=(4,))}, {**TERMS, **more})


PROBLEM = problem()
THETA = PROBLEM.initial_theta(0)


def points_of(objective: LossProgram) -> dict[str, dict[str, np.ndarray]]:
    return {s.name: dict(s.data) for s in objective.sources}


def by_hand(made: ude.ResidualProblem, objective: LossProgram) -> dict[str, np.ndarray]:
    """Residual → its values at the objective's points."""
    return {
        label: values
        for name, points in points_of(objective).items()
        for label, values in made.residual(name, points, THETA).items()
    }


def test_a_term_is_the_mean_over_points_of_its_sum_of_squares():
    objective = ude.Residual(points={"pde": 20}).build(PROBLEM)
    value = get_engine("jax").value(objective, THETA)
    residuals = by_hand(PROBLEM, objective)
    assert list(value.terms) == ["pde", "walls.value", "walls.slope", "start", "gauge"]
    assert residuals["pde"].shape == (20, 2)
    for label, r in residuals.items():
        assert value.terms[label] == pytest.approx((r**2).sum() / len(r), rel=1e-12)
    weights = {"pde": 0.5, "walls.value": 1.0, "walls.slope": 1.0, "start": 1.0, "gauge": 1.0}
    assert objective.weights == weights
    assert value.total == pytest.approx(sum(w * value.terms[n] for n, w in weights.items()), rel=1e-12)
    assert objective.residuals == {n: f"{n}.residual" if "." not in n else n for n in weights}


def test_the_gradient_is_that_of_finite_differences():
    objective = ude.Residual(points=8).build(PROBLEM)
    engine = get_engine("jax")
    gradient = engine.value_and_gradient(objective, THETA).gradient
    direction = np.random.default_rng(0).standard_normal(len(THETA))
    h = 1e-5
    slope = sum(s * engine.value(objective, THETA + s * h * direction).total for s in (1, -1)) / (2 * h)
    assert gradient is not None
    assert gradient @ direction == pytest.approx(slope, rel=1e-8)


# ---- causal weights -------------------------------------------------------------------------------------------------

CAUSAL = ude.Residual(points={"pde": 24}, causal=ude.Causal(chunks=4, tolerance=0.3))


def test_points_of_causal_terms_fill_slices_of_time_in_order():
    t = CAUSAL.draw(PROBLEM, "pde", 5)["t"].reshape(4, 6)
    for j, window in enumerate(t):
        assert ((window >= 0.5 * j) & (window < 0.5 * (j + 1))).all()
    assert CAUSAL.draw(PROBLEM, "walls", 0)["x"].shape == (32,)


def test_causal_slices_are_uniform_in_time_and_space():
    many = np.concatenate([CAUSAL.draw(PROBLEM, "pde", k)["t"] for k in range(300)])
    np.testing.assert_allclose(np.histogram(many, 16, (0, 2))[0] / len(many), 1 / 16, atol=0.01)


def test_causal_weights_are_those_computed_by_hand():
    objective = CAUSAL.build(PROBLEM)
    value = get_engine("jax").value(objective, THETA)
    squares = (by_hand(PROBLEM, objective)["pde"] ** 2).sum(axis=1).reshape(4, 6)
    losses = squares.mean(axis=1)
    weights = np.exp(-0.3 * np.array([0.0, losses[0], losses[0] + losses[1], losses[:3].sum()]))
    assert value.terms["pde"] == pytest.approx((weights * losses).sum() / 4, rel=1e-12)
    assert [value.terms[f"causal.pde.{j}"] for j in range(4)] == pytest.approx(list(weights), rel=1e-12)
    assert [objective.weights[f"causal.pde.{j}"] for j in range(4)] == [0.0] * 4
    assert "pde" not in objective.residuals
    assert set(objective.residuals) == {"walls.value", "walls.slope", "start", "gauge"}


def test_no_gradient_goes_through_causal_weights():
    only = ude.ResidualProblem(BOX, {"u": ude.nn.MLP(2, 1, hidden=(4,))}, {"pde": TERMS["pde"]})
    objective, engine, h = CAUSAL.build(only), get_engine("jax"), 1e-5
    gradient = engine.value_and_gradient(objective, THETA).gradient
    weights = np.array([engine.value(objective, THETA).terms[f"causal.pde.{j}"] for j in range(4)])
    direction = np.random.default_rng(0).standard_normal(len(THETA))

    def frozen(theta: np.ndarray) -> float:
        r = only.residual("pde", points_of(objective)["pde"], theta)["pde"]
        return 0.5 * float(weights @ (r**2).sum(axis=1).reshape(4, 6).mean(axis=1)) / 4

    assert gradient is not None
    slope = (frozen(THETA + h * direction) - frozen(THETA - h * direction)) / (2 * h)
    assert gradient @ direction == pytest.approx(slope, rel=1e-7)


def test_evenly_spread_points_stay_where_they_are_when_time_is_cut():
    even = ude.samplers.LatinHypercube()
    plain = ude.Residual(points={"pde": 24}, sampler=even).draw(PROBLEM, "pde", 0)
    cut = ude.Residual(points={"pde": 24}, sampler=even, causal=ude.Causal(chunks=4)).draw(PROBLEM, "pde", 0)
    order = np.argsort(np.floor(plain["t"] / 0.5), kind="stable")
    np.testing.assert_array_equal(cut["t"], plain["t"][order])
    np.testing.assert_array_equal(cut["x"], plain["x"][order])


def test_causal_slices_of_a_shape_have_as_many_points_each():
    domain = ude.Domain(BOX, inside=lambda at: np.abs(at["x"]) < 0.2 + 0.3 * at["t"])
    made = ude.ResidualProblem(domain, {"u": ude.nn.MLP(2, 1, hidden=(4,))}, {"pde": TERMS["pde"]})
    points = CAUSAL.draw(made, "pde", 0)
    assert (np.abs(points["x"]) < 0.2 + 0.3 * points["t"]).all()
    np.testing.assert_array_equal(np.floor(points["t"] / 0.5).reshape(4, 6), np.arange(4)[:, None] * np.ones(6))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"causal": ude.Causal(chunks=5), "points": 64}, "64 points, not a multiple.*Give it 65"),
        ({"causal": ude.Causal(chunks=4, terms=("pdes",))}, "Did you mean `pde`"),
        ({"causal": ude.Causal(chunks=4, terms=("walls",))}, "`walls` is a Boundary term"),
        (
            {"causal": ude.Causal(chunks=4), "points": 36, "sampler": ude.samplers.TensorGrid()},
            "a grid of 6 × 6 .* 8 × 8",
        ),
        ({"causal": ude.Causal(chunks=4), "sampler": ude.samplers.ResidualAdaptive()}, "Choose another sampler"),
        ({"points": {"wall": 3}}, "Unknown term in `points` `wall`. Did you mean `walls`"),
    ],
)
def test_settings_that_do_not_fit_the_problem_are_refused(settings: dict[str, Any], message: str):
    with pytest.raises(OptionError, match=message):
        ude.Residual(**settings).check(PROBLEM)


def test_causal_weights_need_time_and_residuals_a_residual_problem():
    steady = ude.ResidualProblem(
        {"x": (0, 1)}, {"u": ude.nn.MLP(1, 1)}, {"pde": ude.Interior(lambda at, field: field.u)}
    )
    with pytest.raises(OptionError, match="the domain has no `t`"):
        ude.Residual(causal=ude.Causal(chunks=4)).check(steady)
    model = ude.ODE(lambda t, state: {"x": -state.x}, states=["x"])
    with pytest.raises(OptionError, match="solved in time"):
        ude.Residual().check(model)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"points": 0}, "`points` as a whole number >= 1 or None, not 0"),
        ({"points": {"pde": 2.5}}, "`points` as a whole number >= 1 or None, not 2.5"),
        ({"sampler": "sobol"}, "`sampler` as a sampler"),
        ({"seed": -1}, "`seed`"),
        ({"causal": 16}, "`causal` as `ude.Causal"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings: dict[str, Any], message: str):
    with pytest.raises(OptionError, match=message):
        ude.Residual(**settings)


# ---- fresh points ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("causal", [None, ude.Causal(chunks=4)])
@pytest.mark.parametrize("sampler", [ude.samplers.Uniform(), ude.samplers.LatinHypercube(redraw=3)])
def test_batches_are_the_draws_of_their_iteration_whatever_came_before(sampler: Any, causal: Any):
    objective = ude.Residual(points=8, seed=3, sampler=sampler, causal=causal)
    batches = objective.batches(PROBLEM, None, salt=2)  # type: ignore[arg-type]
    assert batches is not None
    for iteration in (0, 70, 3, 200, 64):
        for name, points in zip(PROBLEM.terms, batches(iteration), strict=True):
            if name == "gauge":
                assert points == {}  # all that there are, always
                continue
            again = objective.draw(PROBLEM, name, iteration, salt=2)
            assert list(points) == list(again)
            for column, values in again.items():
                np.testing.assert_array_equal(points[column], values)


def test_points_differ_between_iterations_terms_stages_and_seeds():
    one = ude.Residual(points=8).draw(PROBLEM, "pde", 0)["x"]
    several = [
        ude.Residual(points=8).draw(PROBLEM, "pde", 1)["x"],
        ude.Residual(points=8).draw(PROBLEM, "start", 0)["x"],
        ude.Residual(points=8).draw(PROBLEM, "pde", 0, salt=1)["x"],
        ude.Residual(points=8, seed=1).draw(PROBLEM, "pde", 0)["x"],
    ]
    for other in several:
        assert not np.intersect1d(one, other).size


def test_points_stay_for_as_many_iterations_as_a_sampler_says():
    objective = ude.Residual(points=8, sampler=ude.samplers.Uniform(redraw=10))
    batches = objective.batches(PROBLEM, None)  # type: ignore[arg-type]
    assert batches is not None
    drawn = [batches(k)[0]["x"] for k in (0, 9, 10, 19)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[2], drawn[3])
    assert (drawn[0] != drawn[2]).all()


def test_fixed_points_need_no_batches_and_a_terms_own_sampler_counts():
    fixed = ude.samplers.Uniform(redraw=None)
    assert ude.Residual(sampler=fixed).batches(PROBLEM, None) is None  # type: ignore[arg-type]
    mixed = problem(pde=ude.Interior(TERMS["pde"].function, sampler=ude.samplers.Uniform()))
    batches = ude.Residual(sampler=fixed).batches(mixed, None)  # type: ignore[arg-type]
    assert batches is not None
    assert [bool(points) for points in batches(0)] == [True, False, False, False]


def test_the_first_adaptive_points_depend_on_no_residual():
    objective = ude.Residual(points=8, sampler=ude.samplers.ResidualAdaptive())
    batches = objective.batches(PROBLEM, None)  # type: ignore[arg-type]
    assert batches is not None
    assert not batches.follows_theta
    plain = ude.Residual(points=8).draw(PROBLEM, "pde", 0)
    for iteration in (0, 5000):
        np.testing.assert_array_equal(batches(iteration)[0]["x"], plain["x"])


# ---- validation and files -------------------------------------------------------------------------------------------


def test_validation_looks_at_evenly_spread_fixed_points_without_causal_weights():
    validation = CAUSAL.validation(PROBLEM)
    points = points_of(validation)
    assert len(points["pde"]["x"]) == 1000
    assert len(points["gauge"]["q"]) == 2
    assert [n for n in validation.terms if n.startswith("causal")] == []
    assert validation.weights["pde"] == 0.5
    cells = np.histogram2d(points["pde"]["x"], points["pde"]["t"], 10, [[-1, 1], [0, 2]])[0]
    assert cells.min() >= 7
    assert cells.max() <= 13
    for name, columns in points_of(CAUSAL.validation(PROBLEM)).items():
        for column, values in columns.items():
            np.testing.assert_array_equal(values, points[name][column])


@pytest.mark.parametrize(
    "objective",
    [
        ude.Residual(),
        ude.Residual(64, ude.samplers.Sobol(redraw=7), 5, ude.Causal(8, 0.1, ("pde",))),
        ude.Residual({"pde": 32}, ude.samplers.ResidualAdaptive(base=ude.samplers.LatinHypercube())),
        CAUSAL,
    ],
)
def test_settings_come_back_from_a_file(objective: ude.Residual):
    assert from_json(Objective, json.loads(json.dumps(objective.to_json()))) == objective
