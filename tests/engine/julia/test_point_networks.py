"""Networks of dense layers in residual problems: both engines agree on values and on gradients in θ."""

from __future__ import annotations

import numpy as np
import pytest

import unideq as ude
from unideq.engine import Engine, get_engine
from unideq.nn import MLP, FourierFeatures, ModifiedMLP, Network, PirateNet

NETWORKS = [
    MLP(2, 1, hidden=(6, 6), factorised=True),
    ModifiedMLP(2, 1, hidden=(6, 6, 6)),
    ModifiedMLP(2, 1, hidden=(5, 5), gate_first=True, factorised=True),
    FourierFeatures(ModifiedMLP(8, 1, hidden=(5, 5)), inputs=2, scale=(1.0, 3.0)),
    PirateNet(2, 1, hidden=5, blocks=2),
    FourierFeatures(PirateNet(6, 1, hidden=6, blocks=1, factorised=True), inputs=2),
]


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_second_derivatives_and_their_gradients_agree(julia: Engine, network: Network):
    def helmholtz(at, field):
        return ude.d(field.u, at.x, 2) + ude.d(field.u, at.y, 2) + field.u - np.sin(at.x) * at.y

    problem = ude.ResidualProblem(
        {"x": (-1, 1), "y": (-1, 1)},
        {"u": network},
        {"pde": ude.Interior(helmholtz, points=12), "walls": ude.Boundary(lambda at, field: field.u, points=8)},
    )
    objective = ude.Residual().build(problem)
    # Away from the start, where every α of a PirateNet is zero.
    theta = problem.initial_theta(0) + 0.1 * np.random.default_rng(1).normal(size=problem.layout.size)
    ours, theirs = (engine.value_and_gradient(objective, theta) for engine in (julia, get_engine("jax")))
    for name, value in theirs.terms.items():
        np.testing.assert_allclose(ours.terms[name], value, rtol=1e-12, err_msg=name)
    assert ours.gradient is not None
    assert theirs.gradient is not None
    size = np.abs(theirs.gradient).max()
    np.testing.assert_allclose(ours.gradient, theirs.gradient, rtol=1e-9, atol=1e-12 * size)
