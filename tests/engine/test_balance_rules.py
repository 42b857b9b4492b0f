"""The rules by which weights follow the terms' gradients, against gradients and Jacobians made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unideq.engine import get_engine

from .balanced import POINTS, starts, wavy_objective
from .linear import Linear, directions, minimise, pcgrad

pytestmark = pytest.mark.usefixtures("only_full_reports")


@pytest.fixture(scope="module")
def engine():
    return get_engine("jax")


# ---- learning-rate annealing ------------------------------------------------------------------------------------


def annealed_run(problem: Linear, theta: np.ndarray, iterations: int, counted: np.ndarray, weighted: bool):
    """Algorithm 2.1 with Adam (0.01, 0.9, 0.999, 1e-8) in NumPy: weights, totals and the last θ."""
    weights, mean, square = problem.base(), np.zeros_like(theta), np.zeros_like(theta)
    log_weights, totals = [], []
    for n in range(iterations):
        gradients = problem.gradients(theta)
        if n % 10 == 0:
            measure = np.abs(weights[0] * gradients[0][counted]).max()
            for i in (1, 2):
                scale = weights[i] if weighted else 1.0
                wanted = measure / np.abs(scale * gradients[i][counted]).mean()
                weights[i] = 0.9 * weights[i] + 0.1 * wanted
        log_weights.append(weights.copy())
        totals.append(weights @ problem.terms(theta))
        g = weights @ gradients
        mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g**2
        hat, root = mean / (1 - 0.9 ** (n + 1)), np.sqrt(square / (1 - 0.999 ** (n + 1)))
        theta = theta - 0.01 * hat / (root + 1e-8)
    return np.array(log_weights), np.array(totals), theta


@pytest.mark.parametrize("denominator", ["weighted", "plain"])
def test_annealing_is_algorithm_2_1_over_three_updates(engine, denominator):
    problem = Linear.random(0, POINTS, 6, pde=2.0, walls=3.0)
    counted = np.array([True, True, False, True, True, False])
    theta = starts(1, 6)
    balancing = problem.balancing("annealing", reference=("pde",), denominator=denominator, counted=counted)
    result, log = minimise(engine, problem.objective(), theta, 21, balancing=balancing)
    weights, totals, last = annealed_run(problem, theta[0], 21, counted, denominator == "weighted")
    assert len({tuple(row) for row in weights}) == 3  # before the iterations 0, 10 and 20
    np.testing.assert_allclose(log.weights()[0], weights, rtol=1e-12)
    np.testing.assert_allclose(log.log("total")[0], totals, rtol=1e-12)
    np.testing.assert_allclose(result.last.theta[0], last, rtol=1e-12)
    np.testing.assert_allclose(result.last.state["weights"][0], weights[-1], rtol=1e-12)


def test_several_reference_terms_are_measured_together_with_their_own_weights(engine):
    problem = Linear.random(1, POINTS, 6, pde=2.0, start=0.5)
    theta = starts(1, 6)
    balancing = problem.balancing("annealing", reference=("pde", "start"), rate=1.0)
    _, log = minimise(engine, problem.objective(), theta, 1, balancing=balancing)
    pde, walls, start = problem.gradients(theta[0])
    wanted = np.abs(2.0 * pde + 0.5 * start).max() / np.abs(walls).mean()
    np.testing.assert_allclose(log.weights()[0, 0], [2.0, wanted, 0.5], rtol=1e-13)


def test_matrices_count_evenly_where_their_entries_weigh_one_over_their_number(engine):
    problem = Linear.random(2, POINTS, 6)
    theta = starts(1, 6)
    counted = np.array([0.25, 0.25, 0.25, 0.25, 0.5, 0.5])
    balancing = problem.balancing("annealing", reference=("pde",), rate=1.0, counted=counted)
    _, log = minimise(engine, problem.objective(), theta, 1, balancing=balancing)
    pde, *others = np.abs(problem.gradients(theta[0]))
    wanted = [pde.max() / np.mean([g[:4].mean(), g[4:].mean()]) for g in others]
    np.testing.assert_allclose(log.weights()[0, 0], [1.0, *wanted], rtol=1e-13)


def test_groups_of_entries_have_ratios_of_their_own_and_the_largest_counts(engine):
    problem = Linear.random(2, POINTS, 6)
    theta, free = starts(1, 6), np.array([True] * 5 + [False])
    groups = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 1]])  # the last one is fixed
    balancing = problem.balancing("annealing", reference=("pde",), rate=1.0, counted=groups)
    _, log = minimise(engine, problem.objective(), theta, 1, balancing=balancing, free=free)
    pde, *others = np.abs(problem.gradients(theta[0]))
    wanted = [max(pde[:2].max() / g[:2].mean(), pde[2:4].max() / g[2:4].mean()) for g in others]
    np.testing.assert_allclose(log.weights()[0, 0], [1.0, *wanted], rtol=1e-13)


# ---- gradient norms and neural tangent kernels ---------------------------------------------------------------------


def test_gradient_norms_are_equal_after_a_full_update(engine):
    problem = Linear.random(3, POINTS, 6)
    theta = starts(2, 6)
    balancing = problem.balancing("gradient_norm", rate=1.0, every=100)
    _, log = minimise(engine, problem.objective(), theta, 3, balancing=balancing)
    for seed in range(2):
        norms = np.linalg.norm(problem.gradients(theta[seed]), axis=1)
        np.testing.assert_allclose(log.weights()[seed, 0], norms.sum() / norms, rtol=1e-13)
        np.testing.assert_array_equal(log.weights()[seed, 2], log.weights()[seed, 0])


def test_kernel_traces_are_those_of_explicit_jacobians_over_the_free_entries(engine):
    objective, jacobian = wavy_objective(np.random.default_rng(4), {"pde": 70, "walls": 3}, 4)
    theta, free = starts(2, 4), np.array([True, True, False, True])
    balancing = Linear.random(0, {"pde": 1, "walls": 1}, 4).balancing("ntk", rate=0.5)
    _, log = minimise(engine, objective, theta, 1, balancing=balancing, free=free)
    for seed in range(2):
        traces = [np.mean(np.sum(jacobian(n, theta[seed])[..., free] ** 2, axis=(1, 2))) for n in ("pde", "walls")]
        wanted = 0.5 + 0.5 * np.sum(traces) / np.array(traces)
        np.testing.assert_allclose(log.weights()[seed, 0], wanted, rtol=1e-12)


# ---- directions -------------------------------------------------------------------------------------------------


def first_direction(engine, gradients: np.ndarray, rule: str, iterations: int = 1, weights: tuple = ()) -> np.ndarray:
    """Directions (k, P) that a rule makes of given gradients: L = (a·θ − 1)² has −2a at θ = 0, where a start stays."""
    names = [f"t{i}" for i in range(len(gradients))]
    data = {n: (-0.5 * g[None], np.ones(1)) for n, g in zip(names, gradients, strict=True)}
    problem = Linear(data, dict(zip(names, weights, strict=False)))
    theta = np.zeros((1, gradients.shape[1]))
    still = {"learning_rate": 1e-300}
    _, log = minimise(engine, problem.objective(), theta, iterations, settings=still, balancing=problem.balancing(rule))
    np.testing.assert_allclose(log.log("total")[0], log.weights()[0] @ np.ones(len(names)), rtol=1e-12)
    made = np.array([directions(gradients, c) for c in log.weights()[0]])
    np.testing.assert_allclose(log.log("gradient_norm")[0], np.linalg.norm(made, axis=1), rtol=1e-9, atol=1e-12)
    return made


def drawn(seed: int, count: int, size: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, size)) * 10.0 ** rng.uniform(-2, 2, size=(count, 1))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_config_has_the_same_positive_cosine_with_every_gradient(seed):
    gradients = drawn(seed, 4, 6)
    (made,) = first_direction(get_engine("jax"), gradients, "config")
    units = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
    cosines = units @ made / np.linalg.norm(made)
    # The direction with equal cosines is the pseudo-inverse's; four unit vectors may lie at almost a right angle to it.
    wanted = np.linalg.pinv(units) @ np.ones(4)
    alike = 1.0 / np.linalg.norm(wanted)
    sign = np.sign(np.sum(gradients @ wanted))
    np.testing.assert_allclose(cosines, sign * alike, rtol=1e-6, atol=1e-9)
    assert sign > 0
    np.testing.assert_allclose(np.linalg.norm(made), np.sum(gradients @ wanted) * alike, rtol=1e-6)


def test_config_of_two_gradients_is_the_bisector(engine):
    gradients = np.array([[3.0, 0.0, 0.0], [-0.3, 0.4, 0.0]])
    (made,) = first_direction(engine, gradients, "config")
    units = np.array([[1.0, 0.0, 0.0], [-0.6, 0.8, 0.0]])
    u = units.sum(axis=0) / np.linalg.norm(units.sum(axis=0))
    np.testing.assert_allclose(made, ((gradients[0] + gradients[1]) @ u) * u, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("second", "wanted"), [([-2.0, 0.0], [0.0, 0.0]), ([6.0, 0.0], [9.0, 0.0])])
def test_config_stands_still_between_opposed_gradients_and_adds_parallel_ones(engine, second, wanted):
    (made,) = first_direction(engine, np.array([[3.0, 0.0], second]), "config")
    np.testing.assert_allclose(made, wanted, atol=1e-12)


def test_config_uses_given_weights_for_the_length_alone(engine):
    gradients = drawn(5, 4, 6)
    (plain,) = first_direction(engine, gradients, "config")
    (weighted,) = first_direction(engine, gradients, "config", weights=(1.0, 10.0, 2.0, 0.1))
    np.testing.assert_allclose(
        plain / np.linalg.norm(plain), weighted / np.linalg.norm(weighted), rtol=1e-9, atol=1e-12
    )
    u = plain / np.linalg.norm(plain)
    np.testing.assert_allclose(np.linalg.norm(weighted), (np.array([1.0, 10.0, 2.0, 0.1]) @ gradients) @ u, rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_pcgrad_is_the_projection_of_the_vectors_in_turning_order(seed):
    gradients = drawn(seed, 4, 3)  # four vectors in three dimensions: conflicts are certain to be common
    made = first_direction(get_engine("jax"), gradients, "pcgrad", iterations=4)
    for n in range(4):
        np.testing.assert_allclose(made[n], pcgrad(gradients, n), rtol=1e-8, atol=1e-8 * np.abs(gradients).max())
    np.testing.assert_array_equal(made[3], made[0])


def test_pcgrad_projects_the_weighted_gradients(engine):
    gradients, weights = drawn(8, 4, 3), np.array([1.0, 5.0, 0.2, 1.0])
    (made,) = first_direction(engine, gradients, "pcgrad", weights=tuple(weights))
    np.testing.assert_allclose(made, pcgrad(weights[:, None] * gradients, 0), rtol=1e-10)
