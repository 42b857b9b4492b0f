"""Gradient statistics: against numbers worked out by hand for a linear residual, and laws that hold for any."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unideq as ude
from unideq.audit.pathology.gradient_statistics import counted_terms, gradient_statistics, point_gradients
from unideq.engine import get_engine
from unideq.errors import DataError
from unideq.graph import Graph, variable
from unideq.model import Entry, Layout
from unideq.objective.program import LossProgram, Pointwise
from unideq.residual.objective import mean_square

LAYOUT = Layout(
    [
        Entry("k", (1,)),
        Entry("u.layer_1.weight", (2,), "network"),
        Entry("u.layer_1.bias", (1,), "network"),
        Entry("u.frequencies", (1,), "network", free=False),
    ]
)


def engine():
    return get_engine("jax")


def linear(name, rows, target):
    """r = row · θ − target at every row of a matrix."""
    theta, row, wanted = LAYOUT.variable(), variable("row", (LAYOUT.size,)), variable("target")
    graph = Graph((row, wanted, theta), {"residual": np.sum(row * theta) - wanted})
    return Pointwise(name, graph, {"row": np.asarray(rows, float), "target": np.asarray(target, float)})


def objective(*sources, weights=None):
    keys = {s.name: (f"{s.name}.residual", s.shapes[f"{s.name}.residual"]) for s in sources}
    inputs = {n: variable(*key) for n, key in keys.items()}
    loss = Graph(tuple(inputs.values()), {n: mean_square(v) for n, v in inputs.items()})
    return LossProgram(sources, loss, weights or dict.fromkeys(keys, 1.0), {n: key for n, (key, _) in keys.items()})


# ∇L = 2/M Σ r ∂r at θ = 0, where r = −target: for `pde` −(1·[9, 3, 0, 1, 5] + 2·[9, 0, 1, 1, 5]), for `walls`
# −2 · 0.5·[9, 1, 1, 0, 5].
PDE = linear("pde", [[9, 3, 0, 1, 5], [9, 0, 1, 1, 5]], [1.0, 2.0])
WALLS = linear("walls", [[9, 1, 1, 0, 5]], [0.5])
ZERO = np.zeros(LAYOUT.size)


def test_sizes_are_those_of_the_gradients_worked_out_by_hand():
    found = gradient_statistics(engine(), objective(PDE, WALLS), ZERO, LAYOUT).isel(iteration=0)
    pde, walls = np.array([-3.0, -2.0, -3.0]), np.array([-1.0, -1.0, 0.0])  # over the free entries of the network
    for term, expected in (("pde", pde), ("walls", walls)):
        one = found.sel(term=term)
        np.testing.assert_allclose(one["norm"], np.linalg.norm(expected), rtol=1e-12)
        np.testing.assert_allclose(one["mean_abs"], np.abs(expected).mean(), rtol=1e-12)
        np.testing.assert_allclose(one["max_abs"], np.abs(expected).max(), rtol=1e-12)
        np.testing.assert_allclose(one["std"], expected.std(), rtol=1e-12)
    np.testing.assert_allclose(found["loss"], [2.5, 0.25], rtol=1e-12)
    np.testing.assert_allclose(found["norm_ratio"].sel(term="walls"), np.sqrt(22.0 / 2.0), rtol=1e-12)
    np.testing.assert_allclose(found["annealing_ratio"].sel(term="walls"), 3.0 / (2.0 / 3.0), rtol=1e-12)
    np.testing.assert_allclose(found["cosine"].sel(term="pde", other="walls"), 5.0 / np.sqrt(44.0), rtol=1e-12)
    np.testing.assert_allclose(found["cosine"].values.diagonal(), 1.0, rtol=1e-12)
    np.testing.assert_allclose(found["layer_norm"].sel(layer="u.layer_1.bias"), [3.0, 0.0], atol=1e-12)
    assert list(found["layer"].values) == ["u.layer_1.weight", "u.layer_1.bias"]


def test_kernel_trace_is_the_mean_squared_norm_of_the_residuals_gradients():
    """Over all of θ, as the rule of balancing has it."""
    found = gradient_statistics(engine(), objective(PDE, WALLS), ZERO, LAYOUT).isel(iteration=0)
    squares = [(81 + 9 + 1 + 25 + 81 + 1 + 1 + 25) / 2, 81 + 1 + 1 + 25]
    np.testing.assert_allclose(found["kernel_trace"], squares, rtol=1e-12)
    rows = PDE.data["row"] / np.sqrt(2.0)
    np.testing.assert_allclose(
        found["kernel_eigenvalue"].sel(term="pde"), np.linalg.eigvalsh(rows @ rows.T)[::-1], rtol=1e-10
    )
    assert np.isnan(found["kernel_eigenvalue"].sel(term="walls")[1])


def test_weights_enter_ratios_and_histograms_but_not_sizes():
    once = gradient_statistics(engine(), objective(PDE, WALLS), ZERO, LAYOUT)
    heavy = gradient_statistics(engine(), objective(PDE, WALLS), ZERO, LAYOUT, weights=np.array([[1.0, 100.0]]))
    np.testing.assert_allclose(heavy["norm"], once["norm"], rtol=1e-12)
    np.testing.assert_allclose(
        heavy["norm_ratio"].sel(term="walls"), once["norm_ratio"].sel(term="walls") / 100.0, rtol=1e-12
    )
    np.testing.assert_allclose(heavy["edges"].max(), 100.0, rtol=0.01)  # the widest term's 99.5 % quantile
    np.testing.assert_allclose(once["edges"].max(), 3.0, rtol=0.01)


@given(factor=st.floats(1e-3, 1e3), seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_a_scaled_residual_scales_the_ratio_quadratically_and_leaves_the_cosine(factor, seed):
    generator = np.random.default_rng(seed)
    theta, rows, target = generator.normal(size=LAYOUT.size), generator.normal(size=(3, 5)), generator.normal(size=3)
    plain = gradient_statistics(engine(), objective(PDE, linear("walls", rows, target)), theta, LAYOUT)
    scaled = gradient_statistics(
        engine(), objective(PDE, linear("walls", factor * rows, factor * target)), theta, LAYOUT
    )
    np.testing.assert_allclose(
        scaled["norm_ratio"].sel(term="walls") * factor**2, plain["norm_ratio"].sel(term="walls"), rtol=1e-9
    )
    np.testing.assert_allclose(scaled["cosine"], plain["cosine"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        scaled["kernel_trace"].sel(term="walls"), factor**2 * plain["kernel_trace"].sel(term="walls"), rtol=1e-9
    )


def problem(weight=1.0):
    return ude.ResidualProblem(
        {"x": (0.0, 1.0)},
        {"u": ude.nn.MLP(1, 1, hidden=(16, 16))},
        {
            "pde": ude.Interior(lambda at, field: ude.d(field.u, at.x, 2) + 1.0),
            "ends": ude.Boundary(lambda at, field: 1e-3 * field.u, weight=weight),
        },
    )


def test_histograms_share_their_edges_and_show_a_small_term_as_a_spike_at_zero():
    small = problem()
    theta = np.stack([small.initial_theta(seed) for seed in range(3)])
    found = gradient_statistics(
        engine(), ude.Residual().validation(small, 32), theta, small.layout, iterations=[0, 10, 20]
    )
    assert found["histogram"].dims == ("iteration", "term", "layer", "bin")
    width = found["edges"].diff("edge").isel(edge=0)
    inside = (found["histogram"].sum("bin") * width).sel(layer="u.layer_2.weight")
    assert ((inside > 0.98) & (inside <= 1.0 + 1e-12)).all()
    middle = found["histogram"].sizes["bin"] // 2
    spike = found["histogram"].isel(bin=middle) * width
    np.testing.assert_allclose(spike.sel(term="ends", layer="u.layer_2.weight"), 1.0, rtol=1e-12)
    assert (spike.sel(term="pde", layer="u.layer_2.weight") < 0.5).all()
    assert list(found["iteration"].values) == [0, 10, 20]


def test_point_gradients_average_to_the_gradient_of_the_term():
    small = problem()
    theta, program = small.initial_theta(1), ude.Residual().validation(small, 20)
    source = program.sources[0]
    rows = point_gradients(engine(), source, "residual", theta)
    points = {n: np.asarray(v) for n, v in source.data.items()}
    values = engine().evaluate(source.graph, {**points, "theta": theta}, list(points))["residual"]
    gradient = engine().value_and_gradient(program, theta, per_term=True).gradient
    np.testing.assert_allclose(2.0 * (values[:, None] * rows[:, 0]).mean(axis=0), gradient[0], rtol=1e-9, atol=1e-10)


def test_terms_without_a_weight_are_left_out():
    made = objective(PDE, WALLS, weights={"pde": 1.0, "walls": 0.0})
    assert counted_terms(made) == ("pde",)
    assert list(gradient_statistics(engine(), made, ZERO, LAYOUT)["term"].values) == ["pde"]


def test_a_gradient_that_is_not_finite_names_the_term_and_the_iteration():
    broken = np.full(LAYOUT.size, np.nan)
    with pytest.raises(DataError, match=r"term `pde` isn't finite at iteration 70"):
        gradient_statistics(engine(), objective(PDE, WALLS), np.stack([ZERO, broken]), LAYOUT, iterations=[0, 70])
