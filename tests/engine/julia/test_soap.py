"""SOAP in Julia goes the way of the JAX engine's, and resumes from its state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unideq.engine import Minimisation

from ..problems import engine as jax_engine
from ..problems import phase_of, ude_objective
from ..soap_problems import BLOCKS, SETTINGS, Redrawn, start, two_layers

pytestmark = pytest.mark.usefixtures("only_full_reports")


def minimised(
    engine: Any,
    theta: np.ndarray,
    state: Any = None,
    objective: Any = None,
    batches: Any = None,
    blocks: Any = BLOCKS,
    **more: Any,
) -> Any:
    given = {"state": state, "batches": batches, "matrices": blocks, "report_every": 100}
    run = Minimisation(objective or two_layers(), theta, phase_of("soap", {**SETTINGS, **more}), **given)
    return engine.minimise(run, lambda _: True).last


@pytest.mark.parametrize("more", [{}, {"clip": 0.5, "precondition_every": 1}, {"blocks": ()}])
def test_both_engines_go_the_same_way(julia: Any, more: dict[str, Any]):
    theta = np.concatenate([start(), start(2)])
    ours, theirs = (minimised(e, theta, batches=Redrawn(), **more) for e in (julia, jax_engine()))
    np.testing.assert_allclose(ours.theta, theirs.theta, atol=1e-7)
    np.testing.assert_allclose(ours.total, theirs.total, rtol=1e-7)
    assert (theirs.theta != theta).all()


def test_matrices_whose_gradients_span_few_directions_go_the_same_way_too(julia: Any):
    """A layer (4, 2) and one (2, 4) of a network in an equation: at first both gradients leave directions empty."""
    objective, theta = ude_objective()
    blocks = [[2, 4, 2], [14, 2, 4]]
    ours, theirs = (minimised(e, theta[None], None, objective, blocks=blocks) for e in (julia, jax_engine()))
    np.testing.assert_allclose(ours.theta, theirs.theta, atol=1e-6)


@pytest.mark.parametrize("broken", [None, 5, 0])
def test_redrawn_points_and_refused_gradients_are_taken_alike(julia: Any, broken: int | None):
    ours, theirs = (minimised(e, start(), batches=Redrawn(broken)) for e in (julia, jax_engine()))
    assert theirs.rejected[0].tolist() == [i == broken for i in range(25)]
    assert (ours.rejected == theirs.rejected).all()
    np.testing.assert_allclose(ours.theta, theirs.theta, atol=1e-7)


def test_a_run_goes_on_with_the_other_engine_and_bit_for_bit_with_its_own(julia: Any):
    whole = minimised(julia, start(), batches=Redrawn())
    for engine, tolerance in (julia, 0.0), (jax_engine(), 1e-7):
        half = minimised(engine, start(), iterations=12, batches=Redrawn())
        rest = minimised(julia, start(), half.state, batches=Redrawn())
        np.testing.assert_allclose(rest.theta, whole.theta, rtol=0, atol=tolerance)
        for name, values in whole.state.items():
            np.testing.assert_allclose(rest.state[name], values, rtol=0, atol=100 * tolerance, err_msg=name)
