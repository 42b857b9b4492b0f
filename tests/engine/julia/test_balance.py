"""Julia moves the terms' weights as the JAX engine does, logs the same, and goes on where the other stopped."""

from __future__ import annotations

import numpy as np
import pytest

from unideq.engine import get_engine

from ..balanced import POINTS, Draws, each_rule, settings_of, starts, wavy_objective
from ..linear import Linear, minimise

TERMS = {**POINTS, "penalty": 3, "monitor": 2}


pytestmark = pytest.mark.usefixtures("only_full_reports")


@pytest.fixture(scope="module")
def other():
    return get_engine("jax")


def problem() -> Linear:
    """Three balanced terms, one of fixed weight, and a monitor."""
    return Linear.random(8, TERMS, 6, pde=2.0, penalty=0.7, monitor=0.0)


def balancing(rule: str, **more):
    return problem().balancing(rule, terms=("pde", "walls", "start", "monitor"), **settings_of(rule), **more)


def assert_alike(log, wanted, rtol: float = 1e-9) -> None:
    np.testing.assert_allclose(log.weights(), wanted.weights(), rtol=rtol)
    for name in ("total", "gradient_norm", "learning_rate"):
        np.testing.assert_allclose(log.log(name), wanted.log(name), rtol=rtol)
    np.testing.assert_array_equal(log.log("rejected"), wanted.log("rejected"))


@each_rule
def test_both_engines_go_the_same_way_for_thirty_iterations(julia, other, rule):
    theta, free = starts(2, 6), np.array([True, True, True, True, True, False])
    more = {"balancing": balancing(rule, every=7), "free": free}
    result, log = minimise(julia, problem().objective(), theta, 30, **more)
    reference, wanted = minimise(other, problem().objective(), theta, 30, **more)
    assert_alike(log, wanted)
    np.testing.assert_allclose(result.last.theta, reference.last.theta, rtol=1e-9)
    np.testing.assert_allclose(result.last.best_theta, reference.last.best_theta, rtol=1e-9)
    assert set(result.last.state) == set(reference.last.state)
    np.testing.assert_array_equal(log.weights()[:, :, 3:], np.broadcast_to([0.7, 0.0], (2, 30, 2)))
    assert np.ptp(log.weights()[0, :, 1]) > 0


def test_groups_of_entries_are_measured_alike(julia, other):
    groups = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 1, 0.5, 0, 0], [0, 0, 0, 0, 0, 1]])
    more = {"balancing": balancing("annealing", every=2, counted=groups), "free": np.arange(6) < 5}
    _, log = minimise(julia, problem().objective(), starts(2, 6), 9, **more)
    _, wanted = minimise(other, problem().objective(), starts(2, 6), 9, **more)
    assert_alike(log, wanted)
    assert np.ptp(log.weights()[0, :, 1]) > 0


@pytest.mark.parametrize("name", ["adamw", "soap"])
def test_other_first_order_optimisers_are_balanced_alike(julia, other, name):
    """SOAP's steps repeat to many digits where data are redrawn; see `soap_problems`."""
    more = {"balancing": balancing("annealing", every=3), "batches": Draws(problem())}
    if name == "soap":
        more |= {"settings": {"precondition_every": 2}, "matrices": [[0, 2, 3]]}
    _, log = minimise(julia, problem().objective(), starts(2, 6), 9, name=name, **more)
    _, wanted = minimise(other, problem().objective(), starts(2, 6), 9, name=name, **more)
    assert np.ptp(wanted.weights()[:, :, 1], axis=1).min() > 0
    assert_alike(log, wanted, rtol=1e-7)


@each_rule
def test_a_run_goes_on_with_the_other_engine(julia, other, rule):
    theta, more = starts(2, 6), {"balancing": balancing(rule, every=4), "report_every": 3}
    _, whole = minimise(other, problem().objective(), theta, 15, **more)
    for first, second in ((julia, other), (other, julia)):
        begun, head = minimise(first, problem().objective(), theta, 15, stop_after=2, **more)
        _, tail = minimise(second, problem().objective(), theta, 15, state=begun.last.state, **more)
        joined = np.concatenate([head.weights(), tail.weights()], axis=1)
        np.testing.assert_allclose(joined, whole.weights(), rtol=1e-9)


@each_rule
def test_seeds_keep_their_own_weights_while_fresh_data_come(julia, other, rule):
    theta = starts(2, 6)
    more = {"balancing": balancing(rule, every=3), "batches": Draws(problem())}
    _, log = minimise(julia, problem().objective(), theta, 10, **more)
    _, wanted = minimise(other, problem().objective(), theta, 10, **more)
    assert_alike(log, wanted)


def test_kernel_traces_are_those_of_explicit_jacobians_over_the_free_entries(julia):
    objective, jacobian = wavy_objective(np.random.default_rng(4), {"pde": 20, "walls": 3}, 4)
    theta, free = starts(2, 4), np.array([True, True, False, True])
    rule = Linear.random(0, {"pde": 1, "walls": 1}, 4).balancing("ntk", rate=0.5)
    _, log = minimise(julia, objective, theta, 1, balancing=rule, free=free)
    for seed in range(2):
        traces = [np.mean(np.sum(jacobian(n, theta[seed])[..., free] ** 2, axis=(1, 2))) for n in ("pde", "walls")]
        wanted = 0.5 + 0.5 * np.sum(traces) / np.array(traces)
        np.testing.assert_allclose(log.weights()[seed, 0], wanted, rtol=1e-12)


@pytest.mark.parametrize("name", ["lbfgs", "bfgs", "adam"])
def test_given_weights_stay_for_every_seed(julia, other, name):
    weights = np.array([[1.0, 1.0, 1.0, 0.0, 0.0], [50.0, 0.1, 2.0, 1.0, 0.0]])
    _, log = minimise(julia, problem().objective(), starts(2, 6), 5, name=name, weights=weights)
    _, wanted = minimise(other, problem().objective(), starts(2, 6), 5, name=name, weights=weights)
    np.testing.assert_allclose(log.log("total"), wanted.log("total"), rtol=1e-8)
    np.testing.assert_array_equal(log.weights(), np.repeat(weights[:, None], 5, axis=1))


def test_the_objectives_own_weights_serve_again_after_a_run_with_others(julia):
    objective, theta = problem().objective(), starts(1, 6)
    before = julia.value(objective, theta[0]).total
    minimise(julia, objective, theta, 3, balancing=balancing("gradient_norm", every=1), batches=Draws(problem()))
    assert julia.value(objective, theta[0]).total == before
