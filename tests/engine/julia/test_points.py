"""Sources at points run in blocks: equal to JAX for any number of points, whatever the loss, for single terms too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import unideq as ude
from unideq.engine import Engine, get_engine
from unideq.engine.julia.blocks import BLOCK, points_in_block
from unideq.graph import Graph
from unideq.objective.program import Given, LossProgram


def problem(hidden: tuple[int, ...] = (12, 12)) -> ude.ResidualProblem:
    def waves(at: Any, field: Any, p: Any) -> Any:
        return {
            "helmholtz": ude.d(field.u, at.x, 2) + ude.d(field.u, at.y, 2) + p.k * field.u - np.sin(3 * at.x * at.y),
            "slopes": (ude.d(field.u, at.x), p.k * ude.d(field.u, at.y)),
        }

    return ude.ResidualProblem(
        {"x": (-1, 1), "y": (0, 2)},
        {"u": ude.nn.ModifiedMLP(2, 1, hidden=hidden)},
        {"pde": ude.Interior(waves), "walls": ude.Boundary(lambda at, field: field.u - at.x, weight=7.0)},
        parameters={"k": 1.3},
    )


def objective_at(counts: dict[str, int]) -> tuple[LossProgram, np.ndarray]:
    made = problem()
    return ude.Residual(points=counts).build(made), made.initial_theta(0)


def engines() -> tuple[Engine, Engine]:
    return get_engine("julia"), get_engine("jax")


def agree(objective: LossProgram, theta: np.ndarray) -> None:
    """Values, gradients, gradients of single terms and forward mode on both engines, for one θ and for two."""
    julia, jax = engines()
    direction = np.random.default_rng(0).normal(size=theta.size)
    for where in (theta, np.stack([theta, 0.5 * theta])):
        one, other = julia.value_and_gradient(objective, where), jax.value_and_gradient(objective, where)
        np.testing.assert_allclose(one.total, other.total, rtol=1e-12)
        scale = np.abs(other.gradient).max()
        np.testing.assert_allclose(one.gradient, other.gradient, rtol=1e-11, atol=1e-12 * scale)
        np.testing.assert_allclose(julia.value(objective, where).total, one.total, rtol=1e-13)
        each, too = (e.value_and_gradient(objective, where, per_term=True) for e in (julia, jax))
        np.testing.assert_allclose(each.gradient, too.gradient, rtol=1e-11, atol=1e-12 * np.abs(too.gradient).max())
        for name in objective.terms:
            np.testing.assert_allclose(each.terms[name], other.terms[name], rtol=1e-12)
        along = julia.jacobian_vector(objective, where, direction)
        np.testing.assert_allclose(along, one.gradient @ direction, rtol=1e-10)


@pytest.mark.parametrize("count", [1, 7, BLOCK, BLOCK + 1, 2 * BLOCK + 9])
def test_any_number_of_points_is_evaluated_exactly(count: int):
    objective, theta = objective_at({"pde": count, "walls": 5})
    agree(objective, theta)


def test_losses_that_are_no_sums_of_squares_are_pulled_back_in_general():
    objective, theta = objective_at({"pde": 70, "walls": 9})
    loss = {n: node for n, node in objective.loss.outputs.items()}
    loss["walls"] = np.exp(-0.1 * loss["pde.helmholtz"]) * np.sqrt(loss["walls"] + 0.1)
    agree(replace(objective, loss=Graph(objective.loss.inputs, loss), residuals={}), theta)


def test_given_arrays_beside_points_are_read_by_the_loss():
    objective, theta = objective_at({"pde": 70, "walls": 9})
    target = ude.graph.variable("data.walls", (9,))
    values = objective.loss.input("walls.residual")
    loss = {**objective.loss.outputs, "walls": np.mean((values - target) ** 2)}
    given = Given("data", {"walls": np.linspace(0, 1, 9)})
    mixed = replace(
        objective,
        sources=(*objective.sources, given),
        loss=Graph((*objective.loss.inputs, target), loss),
        residuals={},
    )
    agree(mixed, theta)


def test_a_residual_that_is_not_a_number_is_not_a_number_in_total_and_gradient():
    objective, theta = objective_at({"pde": BLOCK + 3, "walls": 5})
    theta = theta.copy()
    theta[3] = np.nan
    found = get_engine("julia").value_and_gradient(objective, theta)
    assert np.isnan(found.total)
    assert np.isnan(found.gradient).any()


def test_points_may_change_without_compiling_again():
    objective, theta = objective_at({"pde": BLOCK + 3, "walls": 5})
    other = ude.Residual(points={"pde": BLOCK + 3, "walls": 5}, seed=4).build(problem())
    agree(objective, theta)
    before = len(get_engine("julia")._cache)
    agree(other, theta)
    assert len(get_engine("julia")._cache) == before


def test_blocks_are_as_equal_as_can_be():
    graph = problem((50, 50, 50)).residuals["pde"]
    sizes = {count: points_in_block(graph, count) for count in (1, 64, 65, 128, 129, 1000)}
    assert sizes == {1: 1, 64: 64, 65: 33, 128: 64, 129: 43, 1000: 63}
