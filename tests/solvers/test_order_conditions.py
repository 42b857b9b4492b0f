"""Butcher's order conditions: how many there are, and which methods meet them."""

from __future__ import annotations

import numpy as np
import pytest

from unideq.errors import OptionError
from unideq.solvers import SOLVERS, ExplicitTableau, RosenbrockTableau
from unideq.solvers.order_conditions import broken_condition, elementary_weights, order_of

from .tableaus import DOPRI5, ROS3P, square


@pytest.mark.parametrize(("order", "trees"), [(1, 1), (2, 1), (3, 2), (4, 4), (5, 9), (6, 20), (7, 48), (8, 115)])
def test_there_are_as_many_conditions_as_rooted_trees(order, trees):
    weights, wanted = elementary_weights(order, np.zeros((3, 3)), np.zeros((3, 3)))
    assert weights.shape == (trees, 3)
    assert wanted.min() == pytest.approx(1 / np.prod(np.arange(1.0, order + 1)))  # the tall tree: 1/order!
    assert wanted.max() == pytest.approx(1 / order)  # the bushy one


@pytest.mark.parametrize(("name", "order"), [("midpoint", 2), ("ralston", 2), ("rk4", 4)])
def test_methods_of_the_table_have_their_order_and_no_more(name, order):
    tableau = SOLVERS[name].engines["jax"]
    assert isinstance(tableau, ExplicitTableau)
    matrix = np.array(tableau.a)
    assert order_of(np.array(tableau.b), matrix, matrix, 8) == order


def test_dormand_and_prince_is_of_order_five_with_an_embedded_method_of_order_four():
    matrix, b, error = square(DOPRI5["a"], 7), np.array(DOPRI5["b"]), np.array(DOPRI5["b_error"])
    assert order_of(b, matrix, matrix, 8) == 5
    assert order_of(b - error, matrix, matrix, 8) == 4


def test_a_rosenbrock_method_meets_the_conditions_with_its_gammas():
    alpha, gamma, b = (np.asarray(ROS3P[name]) for name in ("a", "gamma", "b"))
    assert order_of(b, alpha, alpha + gamma, 8) == 3
    assert order_of(b, alpha, alpha, 8) < 3  # without them it doesn't


def test_the_broken_condition_is_told_by_its_sum():
    matrix = np.array([[0.0, 0.0], [1.0, 0.0]])
    told = broken_condition(np.array([0.5, 0.5]), matrix, matrix, range(1, 4))
    assert told == "Σ b·a(c) is 0 and must be 0.166666666667 (1/6) for order 3"
    assert broken_condition(np.array([0.5, 0.5]), matrix, matrix, range(1, 3)) == ""


def test_what_rounding_left_where_zeros_belong_is_none():
    noisy = {**ROS3P, "a": np.asarray(ROS3P["a"]) + 4e-17 * np.triu(np.ones((3, 3)))}
    assert not np.triu(np.asarray(RosenbrockTableau(**noisy).a)).any()
    with pytest.raises(OptionError, match=r"`a\[0\]\[0\]` of `Rosenbrock` must be zero, not 0\.1"):
        RosenbrockTableau(**{**noisy, "a": np.asarray(ROS3P["a"]) + 0.1 * np.eye(3)})
