"""Hessian-vector products against dense Hessians and differences; eigenvalues against known spectra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unideq as ude
from unideq.audit.pathology.hessian import Hessian, extreme_eigenvalues
from unideq.engine import get_engine
from unideq.errors import EngineUnsupported, OptionError
from unideq.graph import Graph, variable
from unideq.objective.program import LossProgram, Pointwise

from ..engine.problems import ude_objective

pytestmark = pytest.mark.usefixtures("double_precision")


def engine():
    return get_engine("jax")


def problem():
    """A field and an unknown coefficient; a vector of residuals, a dict of residuals, and a boundary."""

    def pde(at, field, p):
        laplacian = ude.d(field.u, at.x, 2) + ude.d(field.u, at.y, 2)
        return {"field": laplacian + p.k * field.u**2, "slope": (ude.d(field.u, at.x), field.u - at.y)}

    return ude.ResidualProblem(
        {"x": (-1.0, 1.0), "y": (0.0, 2.0)},
        {"u": ude.nn.MLP(2, 1, hidden=(4, 4))},
        {"pde": ude.Interior(pde), "walls": ude.Boundary(lambda at, field: np.sin(field.u), weight=7.0)},
        parameters={"k": 2.0},
    )


@pytest.fixture(scope="module")
def case():
    made = problem()
    program = ude.Residual(points=12).build(made)
    return Hessian(engine(), program), program, made.initial_theta(3)


def dense(program, theta, weights):
    """The Hessian by JAX's own derivatives of the engine's loss."""
    jax = pytest.importorskip("jax")
    from unideq.engine.jax.objective import make_objective
    from unideq.engine.jax.programs import source_data

    loss = make_objective(program)
    data = {"sources": [source_data(s) for s in program.sources], "weights": jax.numpy.asarray(weights)}
    return np.asarray(jax.hessian(lambda one: loss(one, data)[0])(jax.numpy.asarray(theta)))


@pytest.mark.parametrize("weights", [None, [1.0, 0.0, 30.0], "walls", "pde.slope"])
def test_products_equal_those_with_the_dense_hessian(case, weights):
    hessian, program, theta = case
    assert hessian.terms == ("pde.field", "pde.slope", "walls")
    numbers = {None: [1.0, 1.0, 7.0], "walls": [0, 0, 1.0], "pde.slope": [0, 1.0, 0]}
    expected = dense(program, theta, numbers[weights] if not isinstance(weights, list) else weights)
    found = np.stack([hessian.product(theta, row, weights) for row in np.eye(len(theta))])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_products_equal_differences_of_the_engines_gradients(case):
    hessian, program, theta = case
    vector, step = np.cos(np.arange(len(theta))), 1e-5
    shifted = [engine().value_and_gradient(program, theta + s * step * vector).gradient for s in (1, -1)]
    expected = (shifted[0] - shifted[1]) / (2 * step)
    np.testing.assert_allclose(hessian.product(theta, vector), expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_hessian_is_symmetric(case, seed):
    hessian, _, theta = case
    u, v = np.random.default_rng(seed).normal(size=(2, len(theta)))
    a, b = u @ hessian.product(theta, v), v @ hessian.product(theta, u)
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-10 * np.linalg.norm(u) * np.linalg.norm(hessian.product(theta, v)))


def test_eigenvalues_are_those_of_the_dense_hessian(case):
    hessian, program, theta = case
    spectrum = np.linalg.eigvalsh(dense(program, theta, [1.0, 1.0, 7.0]))
    np.testing.assert_allclose(
        hessian.eigenvalues(theta, 2), spectrum[[0, 1, -2, -1]], rtol=0, atol=1e-8 * spectrum[-1]
    )


def test_frozen_entries_do_not_count(case):
    hessian, program, theta = case
    free = np.arange(len(theta)) % 3 > 0
    spectrum = np.linalg.eigvalsh(dense(program, theta, [1.0, 1.0, 7.0])[np.ix_(free, free)])
    found = hessian.eigenvalues(theta, 1, free=free)
    np.testing.assert_allclose(found, spectrum[[0, -1]], rtol=0, atol=1e-8 * spectrum[-1])


def test_a_quadratic_has_the_spectrum_that_its_matrix_says():
    """L = mean (aᵢ·θ)² with rows aᵢ = √(M dᵢ / 2) eᵢ: the Hessian is diag(d)."""
    count = 120
    spectrum = np.concatenate([np.linspace(0.1, 3.0, count - 2), [50.0, 400.0]])
    theta, row = variable("theta", (count,)), variable("row", (count,))
    rows = np.diag(np.sqrt(0.5 * count * spectrum))
    source = Pointwise("a", Graph((row, theta), {"residual": np.sum(row * theta)}), {"row": rows})
    residual = variable("a.residual", (count,))
    program = LossProgram((source,), Graph((residual,), {"a": np.mean(residual * residual)}), {"a": 1.0})
    found = Hessian(engine(), program).eigenvalues(np.ones(count), 2, lowest=False, tolerance=1e-10)
    np.testing.assert_allclose(found, [50.0, 400.0], rtol=1e-8)


@pytest.mark.parametrize("size", [3, 40, 300])
def test_both_ends_of_a_known_spectrum_are_found(size):
    generator = np.random.default_rng(size)
    values = np.sort(generator.normal(size=size)) * 100.0
    basis, _ = np.linalg.qr(generator.normal(size=(size, size)))
    matrix = basis @ np.diag(values) @ basis.T
    found = extreme_eigenvalues(lambda v: matrix @ v, size, 2, tolerance=1e-10)
    expected = values if size == 3 else values[[0, 1, -2, -1]]
    np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_a_matrix_that_is_not_finite_has_no_eigenvalues():
    assert np.isnan(extreme_eigenvalues(lambda v: v * np.nan, 100, 1)).all()


@pytest.mark.parametrize("count", [0, 1.5, True])
def test_a_count_that_makes_no_sense_is_refused(count):
    with pytest.raises(OptionError, match="whole number >= 1"):
        extreme_eigenvalues(lambda v: v, 10, count)


def test_objectives_that_solve_differential_equations_are_refused():
    program, _ = ude_objective()
    with pytest.raises(EngineUnsupported, match="solves a differential equation"):
        Hessian(engine(), program)
