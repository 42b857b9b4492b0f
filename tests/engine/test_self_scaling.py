"""Self-scaled quasi-Newton updates: the formulas against a replay, what theory says of them, and what they gain."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unideq.engine import Minimisation
from unideq.engine.jax.curvature import DenseCurvature
from unideq.errors import OptionError
from unideq.graph import Graph, variable
from unideq.objective.program import LossProgram, Pointwise
from unideq.optimise import BFGS, Phase
from unideq.stored import from_json

from .problems import engine, phase_of, rosenbrock

pytestmark = pytest.mark.usefixtures("double_precision")

SELF_SCALED = ["self_scaled_bfgs", "self_scaled_broyden"]
each_rule = pytest.mark.parametrize("rule", SELF_SCALED)


def replay(h: np.ndarray, s: np.ndarray, y: np.ndarray, b: Any, fresh: bool, rule: str) -> np.ndarray:
    """The update as the authors' public code does it, case by case; b = sᵀBs."""
    n, rho, hy = len(s), 1 / (s @ y), h @ y
    b, tall = b * rho, y @ hy * rho
    if rule == "self_scaled_bfgs":
        tau = tall if fresh else min(1.0, 1 / b)
        shift = np.eye(n) - rho * np.outer(y, s)
        return shift.T @ (h / tau) @ shift + rho * np.outer(s, s)
    a = b * tall - 1
    least = min(1.0, tall * (1 - np.sqrt(abs(a) / (1 + a))))
    theta = max((least - 1) / a, min(1 / least, (1 - b) / b))
    sigma = 1 + theta * a
    kept, bound = sigma ** (1 / (1 - n)), min(1.0, 1 / b)
    later = min(bound * kept, sigma) if theta <= 0 else bound * min(kept, 1 / theta)
    tau = tall / sigma if fresh else later
    v, phi = rho * s - hy / (y @ hy), (1 - theta) / sigma
    return (h - np.outer(hy, hy) / (y @ hy) + phi * (y @ hy) * np.outer(v, v)) / tau + rho * np.outer(s, s)


def definite(rng: np.random.Generator, size: int, spread: float) -> np.ndarray:
    """A positive definite matrix with eigenvalues within 10^±spread."""
    q, _ = np.linalg.qr(rng.standard_normal((size, size)))
    half = q * np.sqrt(10 ** rng.uniform(-spread, spread, size))
    return half @ half.T


def updated(rule: str, h: np.ndarray, s: np.ndarray, y: np.ndarray, modelled: Any, pairs: int = 1) -> np.ndarray:
    memory = {"inverse_hessian": jnp.asarray(h), "pairs": jnp.asarray(pairs)}
    take, reset = jnp.asarray(True), jnp.asarray(False)
    new = DenseCurvature(rule).update(memory, jnp.asarray(s), jnp.asarray(y), jnp.asarray(modelled), take, reset)
    assert int(new["pairs"]) == pairs + 1
    return np.asarray(new["inverse_hessian"])


@each_rule
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([2, 5]), step=st.floats(-2, 2), fresh=st.booleans())
def test_an_update_is_the_authors_and_keeps_the_secant_equation(
    rule: str, seed: int, size: int, step: float, fresh: bool
):
    rng = np.random.default_rng(seed)
    hessian, h = definite(rng, size, 1.0), np.eye(size) if fresh else definite(rng, size, 1.0)
    gradient = rng.standard_normal(size)
    s = -(10**step) * h @ gradient
    y, modelled = hessian @ s, -(10**step) * s @ gradient
    new = updated(rule, h, s, y, modelled, 0 if fresh else 3)
    expected = replay(h, s, y, s @ np.linalg.solve(h, s), fresh, rule)
    np.testing.assert_allclose(new, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
    np.testing.assert_allclose(new @ y, s, rtol=0, atol=1e-9 * np.abs(new).max() * np.abs(y).max())
    assert (new == new.T).all()
    assert np.linalg.eigvalsh(new).min() > 0


@pytest.mark.parametrize("rule", ["bfgs", *SELF_SCALED])
def test_exact_line_searches_end_a_quadratic_after_as_many_steps_as_parameters(rule: str):
    """All members of the family, scaled or not, go along conjugate directions; only BFGS then knows the Hessian."""
    rng = np.random.default_rng(2)
    hessian, size = definite(rng, 6, 0.7), 6
    x, h = rng.standard_normal(size), np.eye(size)
    first = np.linalg.norm(hessian @ x)
    for k in range(size):
        gradient = hessian @ x
        d = -h @ gradient
        step = -(gradient @ d) / (d @ hessian @ d)
        h = updated(rule, h, step * d, step * hessian @ d, -(step**2) * (gradient @ d), k)
        x = x + step * d
    assert np.linalg.norm(hessian @ x) < 1e-8 * first
    if rule == "bfgs":
        np.testing.assert_allclose(h @ hessian, np.eye(size), atol=1e-7)


def test_factors_by_hand_for_a_step_twice_too_short():
    """H = I, A = diag(1, 4), s = (1, 0): b = 1, h = 1, so that nothing is scaled. s = (0, 1): b = h⁻¹ = 1/4, τ = 1."""
    eye = np.eye(2)
    for s, y, expected in ([1.0, 0.0], [1.0, 0.0], eye), ([0.0, 1.0], [0.0, 4.0], np.diag([1.0, 0.25])):
        new = updated("self_scaled_bfgs", eye, np.array(s), np.array(y), 1.0)
        np.testing.assert_allclose(new, expected, atol=1e-15)
    # b = 2, where the model overrates the curvature: τ = 1/2 doubles H off the step.
    new = updated("self_scaled_bfgs", eye, np.array([1.0, 0.0]), np.array([0.5, 0.0]), 1.0)
    np.testing.assert_allclose(new, 2 * eye, atol=1e-15)


def steep_bowl(size: int = 30, condition: float = 1e6) -> LossProgram:
    """½ Σ cᵢ (θᵢ − 1)² with c from 1 to the condition number."""
    stiffness = np.geomspace(1.0, condition, size)
    theta, one, value = variable("theta", (size,)), variable("one"), variable("p.value", (1,))
    graph = Graph([theta, one], {"value": one * np.sum(0.5 * stiffness * (theta - 1.0) ** 2)})
    source = Pointwise("p", graph, {"one": np.ones(1)})
    return LossProgram((source,), Graph([value, theta], {"f": np.sum(value)}), {"f": 1.0})


def minimised(objective: LossProgram, theta: np.ndarray, update: str) -> Any:
    optimizer = phase_of("bfgs", {"iterations": 1000, "tolerance": 1e-6, "update": update})
    return engine().minimise(Minimisation(objective, theta, optimizer, report_every=1000), lambda _: True).last


@pytest.fixture(scope="module")
def plain() -> Any:
    return minimised(steep_bowl(), np.zeros((1, 30)), "bfgs")


@each_rule
def test_a_badly_scaled_bowl_takes_less_than_half_of_bfgs_iterations(rule: str, plain: Any):
    """Measured: BFGS 293, self-scaled BFGS 114, self-scaled Broyden 110."""
    scaled = minimised(steep_bowl(), np.zeros((1, 30)), rule)
    assert plain.finished.tolist() == scaled.finished.tolist() == [1]
    np.testing.assert_allclose(scaled.theta, 1.0, atol=1e-6)
    assert scaled.iteration < 0.5 * plain.iteration
    h = scaled.state["memory.inverse_hessian"][0]
    assert (h == h.T).all()
    assert np.linalg.eigvalsh(h).min() > 0


@each_rule
def test_rosenbrocks_valley_ends_at_its_minimum(rule: str):
    """Measured from (-1.2, 1): BFGS 37 iterations, self-scaled BFGS 31, self-scaled Broyden 36."""
    last = minimised(rosenbrock(), np.array([[-1.2, 1.0], [2.0, -1.0], [0.0, 0.5]]), rule)
    np.testing.assert_allclose(last.theta, 1.0, atol=1e-6)
    assert last.finished.tolist() == [1, 1, 1]
    assert last.iteration <= 60


def test_the_update_is_a_setting_of_the_phase_that_older_runs_lack():
    assert "update" not in BFGS().to_json()
    described = BFGS(update="self_scaled_broyden").to_json()
    assert described["update"] == "self_scaled_broyden"
    assert from_json(Phase, described) == BFGS(update="self_scaled_broyden")
    with pytest.raises(OptionError, match="self_scaled_bfgs"):
        BFGS(update="self_scaled_bfg")
