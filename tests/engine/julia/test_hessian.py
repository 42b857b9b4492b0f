"""Hessian-vector products of residual objectives: the same graph on the Julia engine as on the JAX engine."""

import numpy as np

import unideq as ude
from unideq.audit.pathology.hessian import Hessian
from unideq.engine import get_engine


def problem():
    return ude.ResidualProblem(
        {"x": (-1.0, 1.0), "y": (0.0, 2.0)},
        {"u": ude.nn.MLP(2, 1, hidden=(4, 4))},
        {
            "pde": ude.Interior(lambda at, field, p: ude.d(field.u, at.x, 2) + ude.d(field.u, at.y) + p.k * field.u**2),
            "walls": ude.Boundary(lambda at, field: np.sin(field.u), weight=7.0),
        },
        parameters={"k": 2.0},
    )


def test_hessian_vector_products_and_eigenvalues_equal_those_of_jax(julia):
    made = problem()
    program, theta = ude.Residual().validation(made, 10), made.initial_theta(3)
    ours, other = Hessian(julia, program), Hessian(get_engine("jax"), program)
    for seed in range(3):
        vector = np.random.default_rng(seed).normal(size=len(theta))
        expected = other.product(theta, vector)
        np.testing.assert_allclose(ours.product(theta, vector), expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    np.testing.assert_allclose(ours.eigenvalues(theta, 2), other.eigenvalues(theta, 2), rtol=1e-8)
