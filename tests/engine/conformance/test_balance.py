"""Weights that move while training, whatever the rule: resuming, seeds, given weights, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from unideq.errors import ModelError, OptionError
from unideq.graph import Graph, variable
from unideq.objective.program import LossProgram, Pointwise

from ..balanced import POINTS, Draws, each_rule, settings_of, starts
from ..linear import Linear, minimise

pytestmark = pytest.mark.usefixtures("only_full_reports", "double_precision")


# ---- what all rules share ---------------------------------------------------------------------------------------


@each_rule
def test_a_resumed_run_is_the_unbroken_one_bit_for_bit(engine, rule):
    problem = Linear.random(5, POINTS, 6)
    balancing = problem.balancing(rule, every=4, **settings_of(rule))
    objective, theta = problem.objective(), starts(2, 6)
    unbroken, log = minimise(engine, objective, theta, 15, report_every=3, balancing=balancing)
    for stop_after in (1, 2, 4):
        first, head = minimise(engine, objective, theta, 15, report_every=3, balancing=balancing, stop_after=stop_after)
        second, tail = minimise(
            engine, objective, theta, 15, report_every=3, balancing=balancing, state=first.last.state
        )
        for name in ("total", "gradient_norm"):
            whole = np.concatenate([head.log(name), tail.log(name)], axis=1)
            np.testing.assert_array_equal(whole, log.log(name))
        np.testing.assert_array_equal(np.concatenate([head.weights(), tail.weights()], axis=1), log.weights())
        np.testing.assert_array_equal(second.last.theta, unbroken.last.theta)


@pytest.mark.parametrize("name", ["adamw", "soap"])
def test_other_first_order_optimisers_move_the_same_weights(engine, name):
    problem = Linear.random(5, POINTS, 6)
    balancing = problem.balancing("annealing", reference=("pde",), rate=1.0)
    matrices = [[0, 2, 3]] if name == "soap" else ()
    result, log = minimise(
        engine, problem.objective(), starts(2, 6), 13, name=name, matrices=matrices, balancing=balancing
    )
    half, _ = minimise(engine, problem.objective(), starts(2, 6), 10, name=name, matrices=matrices, balancing=balancing)
    for seed in range(2):
        for n, theta in ((0, starts(2, 6)[seed]), (12, half.last.theta[seed])):
            pde, *others = np.abs(problem.gradients(theta))
            own = log.weights()[seed, 9, 1:] if n else 1.0
            wanted = pde.max() / np.array([g.mean() for g in others]) / own
            np.testing.assert_allclose(log.weights()[seed, n, 1:], wanted, rtol=1e-11)
    assert not (result.last.theta == half.last.theta).all()


@each_rule
def test_every_seed_has_weights_of_its_own(engine, rule):
    problem = Linear.random(6, POINTS, 6)
    balancing = problem.balancing(rule, every=3, **settings_of(rule))
    theta = starts(3, 6)
    result, log = minimise(engine, problem.objective(), theta[:2], 8, balancing=balancing)
    if rule != "ntk":  # the kernel of linear residuals is the same everywhere
        assert np.ptp(log.weights()[:, -1], axis=0).max() > 1e-3
    other, own = minimise(engine, problem.objective(), theta[[2, 0]], 8, balancing=balancing)
    np.testing.assert_allclose(own.weights()[1], log.weights()[0], rtol=1e-11)
    np.testing.assert_allclose(other.last.theta[1], result.last.theta[0], rtol=1e-11)


@each_rule
def test_a_term_without_gradient_keeps_its_weight_and_spoils_no_other(engine, rule):
    problem = Linear.random(7, POINTS, 6, walls=3.0)
    problem.data["start"] = (np.zeros((4, 6)), np.ones(4))
    balancing = problem.balancing(rule, every=2, **settings_of(rule))
    _, log = minimise(engine, problem.objective(), starts(2, 6), 5, balancing=balancing)
    weights = log.weights()[0]
    assert np.isfinite(weights).all()
    np.testing.assert_array_equal(weights[:, 2], 1.0)
    if rule not in ("config", "pcgrad"):
        assert (weights[:, 1] != 3.0).all()


@each_rule
def test_others_keep_their_weights_and_monitors_take_no_part(engine, rule):
    problem = Linear.random(8, {**POINTS, "penalty": 3, "monitor": 2}, 6, penalty=0.7, monitor=0.0)
    balancing = problem.balancing(rule, terms=("pde", "walls", "start", "monitor"), every=1, **settings_of(rule))
    theta = starts(2, 6)
    _, log = minimise(engine, problem.objective(), theta, 1, balancing=balancing)
    weights = log.weights()[0, 0]
    np.testing.assert_array_equal(weights[3:], [0.7, 0.0])
    np.testing.assert_allclose(
        log.log("gradient_norm")[0, 0], np.linalg.norm(weights @ problem.gradients(theta[0])), rtol=1e-10
    )
    without = Linear({n: problem.data[n] for n in POINTS})
    alone = without.balancing(rule, every=1, **settings_of(rule))
    _, other = minimise(engine, without.objective(), theta, 1, balancing=alone)
    np.testing.assert_allclose(weights[:3], other.weights()[0, 0], rtol=1e-12)


def test_a_fixed_entry_has_no_say_in_the_statistics(engine):
    problem = Linear.random(9, POINTS, 6)
    theta, free = starts(1, 6), np.array([True, True, True, True, True, False])
    balancing = problem.balancing("annealing", reference=("pde",), rate=1.0)
    result, log = minimise(engine, problem.objective(), theta, 1, balancing=balancing, free=free)
    pde, *others = np.abs(problem.gradients(theta[0])[:, :5])
    np.testing.assert_allclose(log.weights()[0, 0, 1:], [pde.max() / g.mean() for g in others], rtol=1e-13)
    assert result.last.theta[0, 5] == theta[0, 5]


def test_terms_that_share_a_source_have_gradients_of_their_own(engine):
    theta, a = variable("theta", (3,)), variable("a", (3,))
    source = Pointwise("s", Graph([theta, a], {"r": np.sum(a * theta)}), {"a": np.eye(3)})
    r = variable("s.r", (3,))
    terms = {"one": r[0] * r[0], "two": np.sum(r * r), "size": np.sum(theta * theta)}
    objective = LossProgram((source,), Graph([r, theta], terms), {"size": 0.1})
    balancing = Linear.random(0, {"one": 1, "two": 1, "size": 1}, 3).balancing("gradient_norm", rate=1.0)
    at = np.array([[1.0, 2.0, -2.0]])
    _, log = minimise(engine, objective, at, 1, balancing=balancing)
    np.testing.assert_allclose(log.weights()[0, 0], 14.0 / np.array([2.0, 6.0, 6.0]), rtol=1e-13)


def test_a_failed_evaluation_leaves_the_weights_as_they_were(engine):
    theta, a = variable("theta", (1,)), variable("a", ())
    graph = Graph([theta, a], {"r": a * np.log(theta[0]) + a})
    sources = (Pointwise("s", graph, {"a": np.ones(1)}), Pointwise("t", graph, {"a": np.full(1, 2.0)}))
    values = [variable("s.r", (1,)), variable("t.r", (1,))]
    terms = {"s": np.sum(values[0] * values[0]), "t": np.sum(values[1] * values[1])}
    objective = LossProgram(sources, Graph(values, terms), {})
    balancing = Linear.random(0, {"s": 1, "t": 1}, 1).balancing("gradient_norm", every=1, rate=0.5)
    result, log = minimise(engine, objective, np.ones((1, 1)), 6, settings={"learning_rate": 1.5}, balancing=balancing)
    rejected, weights = log.log("rejected")[0], log.weights()[0]
    assert rejected[1] and not rejected[0]  # log of a negative number
    np.testing.assert_array_equal(weights[1], weights[0])
    assert np.isfinite(weights).all()
    assert np.isfinite(result.last.best_total).all()


def test_the_best_of_moving_weights_is_the_last_that_could_be_evaluated(engine):
    problem = Linear.random(10, POINTS, 6)
    balancing = problem.balancing("annealing", reference=("pde",), every=2)
    theta = starts(1, 6)
    before, _ = minimise(engine, problem.objective(), theta, 7, balancing=balancing)
    result, log = minimise(engine, problem.objective(), theta, 8, balancing=balancing)
    np.testing.assert_array_equal(result.last.best_theta, before.last.theta)
    assert result.last.best_total[0] == log.log("total")[0, -1]


def test_fresh_data_are_balanced_as_they_come(engine):
    problem = Linear.random(11, POINTS, 6)
    balancing = problem.balancing("gradient_norm", every=2, rate=1.0)
    theta = starts(2, 6)
    half, _ = minimise(engine, problem.objective(), theta, 2, balancing=balancing, batches=Draws(problem))
    _, log = minimise(engine, problem.objective(), theta, 3, balancing=balancing, batches=Draws(problem))
    third = Linear({n: (a, b + 0.2) for n, (a, b) in problem.data.items()})
    for seed in range(2):
        norms = np.linalg.norm(third.gradients(half.last.theta[seed]), axis=1)
        np.testing.assert_allclose(log.weights()[seed, 2], norms.sum() / norms, rtol=1e-12)


# ---- given weights --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lbfgs", "bfgs"])
def test_quasi_newton_minimises_every_seeds_own_weighted_sum(engine, name):
    problem = Linear.random(12, POINTS, 6)
    weights = np.array([[1.0, 1.0, 1.0], [50.0, 0.1, 2.0]])
    result, log = minimise(engine, problem.objective(), starts(2, 6), 200, name=name, weights=weights)
    for own, found in zip(weights, result.last.theta, strict=True):
        rows = [np.sqrt(w / len(b)) * np.c_[a, b] for w, (a, b) in zip(own, problem.data.values(), strict=True)]
        stacked = np.concatenate(rows)
        exact = np.linalg.lstsq(stacked[:, :-1], stacked[:, -1], rcond=None)[0]
        np.testing.assert_allclose(found, exact, rtol=1e-5)
    assert (log.weights()[1, 0] == weights[1]).all()


def test_given_weights_stay_and_are_gone_on_with_from_the_state(engine):
    problem = Linear.random(13, POINTS, 6)
    weights = np.array([[1.0, 2.0, 3.0]])
    first, log = minimise(engine, problem.objective(), starts(1, 6), 6, weights=weights, report_every=3, stop_after=1)
    np.testing.assert_allclose(log.log("total")[0, 0], weights[0] @ problem.terms(starts(1, 6)[0]), rtol=1e-13)
    _, rest = minimise(engine, problem.objective(), starts(1, 6), 6, state=first.last.state)
    np.testing.assert_array_equal(rest.weights()[0], np.tile(weights, (3, 1)))


def test_without_weights_nothing_is_logged_of_them(engine):
    problem = Linear.random(14, POINTS, 6)
    result, _ = minimise(engine, problem.objective(), starts(1, 6), 2)
    assert result.last.weights == {}
    assert "weights" not in result.last.state


# ---- bad input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "more", "message"),
    [
        ("anneal", {}, "Did you mean `annealing`"),
        ("annealing", {}, "measures the others against"),
        ("annealing", {"reference": ("pdf",)}, "Did you mean `pde`"),
        ("annealing", {"reference": ("pde",), "denominator": "mean"}, "Possible: `weighted`, `plain`"),
        ("gradient_norm", {"terms": ("pde", "wall")}, "Did you mean `walls`"),
        ("gradient_norm", {"counted": np.zeros(6)}, "zero everywhere"),
        ("gradient_norm", {"every": 0}, "`every` >= 1"),
    ],
)
def test_a_balancing_that_does_not_fit_is_refused(engine, rule, more, message):
    problem = Linear.random(17, POINTS, 6)
    with pytest.raises(OptionError, match=message):
        minimise(engine, problem.objective(), starts(1, 6), 2, balancing=problem.balancing(rule, **more))


def test_kernel_weights_need_residuals_and_say_which_term_has_none(engine):
    theta = variable("theta", (2,))
    objective = LossProgram((), Graph([theta], {"size": np.sum(theta * theta), "sum": np.sum(theta)}), {})
    balancing = Linear.random(0, {"size": 1, "sum": 1}, 2).balancing("ntk")
    with pytest.raises(OptionError, match=r"`size` isn't one.*`ude.GradientNorm\(\)`"):
        minimise(engine, objective, starts(1, 2), 2, balancing=balancing)


def test_quasi_newton_is_not_balanced(engine):
    problem = Linear.random(18, POINTS, 6)
    with pytest.raises(OptionError, match="`lbfgs` compares values of one function"):
        minimise(engine, problem.objective(), starts(1, 6), 2, name="lbfgs", balancing=problem.balancing("config"))


def test_arrays_of_the_wrong_shape_are_refused(engine):
    problem = Linear.random(19, POINTS, 6)
    with pytest.raises(ModelError, match=r"`counted` of a balancing needs shape \(6,\)"):
        balancing = problem.balancing("config", counted=np.ones(3))
        minimise(engine, problem.objective(), starts(1, 6), 2, balancing=balancing)
    with pytest.raises(ModelError, match=r"`weights` needs shape \(1, 3\), seeds and terms, not \(3,\)"):
        minimise(engine, problem.objective(), starts(1, 6), 2, weights=np.ones(3))
    with pytest.raises(OptionError, match="`weights` needs finite numbers"):
        minimise(engine, problem.objective(), starts(1, 6), 2, weights=np.full((1, 3), np.nan))
