"""Gauss–Newton steps on JAX: the two Gram matrices, and who factorises them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from unideq.engine import Minimisation, Report
from unideq.engine.jax.gauss_newton import _solver

from .least_squares import line
from .problems import engine, phase_of

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5)], ids=str)
def test_both_gram_matrices_give_the_same_step(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    j, r = generator.normal(size=shape), generator.normal(size=shape[0])
    found = _solver(jnp.asarray(j))(0.3)(jnp.asarray(r))
    np.testing.assert_allclose(found, np.linalg.solve(j.T @ j + 0.3 * np.eye(shape[1]), j.T @ r), rtol=1e-12)


def test_factorisations_have_one_thread_which_the_user_never_notices() -> None:
    """Several would wait for each other, spinning, beside XLA's: five to ten times slower on a busy machine."""

    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    within: list[set[int]] = []

    def callback(report: Report) -> bool:
        within.append(threads())
        return True

    objective, _ = line()
    optimizer = phase_of("gauss_newton", {"iterations": 3})
    with threadpool_limits(limits=2, user_api="blas"):
        before = threads()
        engine().minimise(Minimisation(objective, np.array([[5.0, -3.0]]), optimizer, report_every=1), callback)
        assert within
        assert all(found == {1} for found in within)
        assert threads() == before
    assert before == {2} or before == {1}  # a machine with one core allows one
