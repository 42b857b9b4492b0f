"""Self-scaled quasi-Newton updates in Julia are those of the JAX engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unideq.engine import Minimisation, loop

from ..problems import engine as jax_engine
from ..problems import phase_of, rosenbrock, ude_objective

each_rule = pytest.mark.parametrize("rule", ["self_scaled_bfgs", "self_scaled_broyden"])
STARTS = np.array([[-1.2, 1.0], [2.0, -1.0], [0.0, 0.5]])


@pytest.fixture(autouse=True)
def only_full_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """One report a run on a slow machine too: these tests compare its logs."""
    monkeypatch.setattr(loop, "SILENCE", np.inf)


def minimised(engine: Any, objective: Any, theta: np.ndarray, rule: str, iterations: int, state: Any = None) -> Any:
    optimizer = phase_of("bfgs", {"iterations": iterations, "tolerance": 1e-9, "update": rule})
    run = Minimisation(objective, theta, optimizer, state=state, report_every=100)
    return engine.minimise(run, lambda _: True).last


@each_rule
def test_both_engines_go_the_same_way(julia: Any, rule: str):
    objective, theta = ude_objective()
    ours, theirs = (minimised(e, objective, theta[None], rule, 25) for e in (julia, jax_engine()))
    # The loss integrates an equation: what differs in its rounding grows by the line searches.
    np.testing.assert_allclose(ours.total[:, :12], theirs.total[:, :12], rtol=1e-6)
    np.testing.assert_allclose(ours.total, theirs.total, rtol=2e-2)
    h = ours.state["memory.inverse_hessian"][0]
    assert (h == h.T).all()


@each_rule
def test_julia_ends_rosenbrocks_valley_in_as_many_iterations(julia: Any, rule: str):
    ours, theirs = (minimised(e, rosenbrock(), STARTS, rule, 100) for e in (julia, jax_engine()))
    np.testing.assert_allclose(ours.theta, 1.0, atol=1e-7)
    assert ours.finished.tolist() == [1, 1, 1]
    assert abs(ours.iteration - theirs.iteration) <= 2


def test_a_run_goes_on_with_the_other_engine(julia: Any):
    objective, rule = rosenbrock(), "self_scaled_broyden"
    whole = minimised(jax_engine(), objective, STARTS, rule, 12)
    half = minimised(jax_engine(), objective, STARTS, rule, 6)
    rest = minimised(julia, objective, STARTS, rule, 12, half.state)
    np.testing.assert_allclose(rest.theta, whole.theta, rtol=1e-6)
