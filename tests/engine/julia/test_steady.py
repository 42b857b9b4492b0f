"""Trajectories that begin at rest on the Julia engine: every adjoint against the closed form."""

from __future__ import annotations

import numpy as np
import pytest

from .. import steady


@pytest.mark.parametrize(("name", "adjoint"), [("tsit5", "forward"), ("tsit5", "gauss"), ("rodas5p", "discrete")])
def test_gradients_go_through_the_steady_state_by_every_adjoint(julia, name: str, adjoint: str):
    made = steady.program(name=name, adjoint=adjoint, rtol=1e-10, atol=1e-10, max_steps=100_000)
    found = julia.value_and_gradient(made, steady.THETA)
    np.testing.assert_allclose(np.asarray(found.gradient), steady.derivative(), rtol=1e-6)
