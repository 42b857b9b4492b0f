"""Closures that conserve and turn with the flow by construction do so to rounding on every engine."""

from __future__ import annotations

import numpy as np

import unideq as ude
from unideq.closure.symmetry import turns_of


def test_terms_turn_with_the_flow_and_lose_enstrophy(engine):
    flow = ude.problems.KolmogorovFlow(points=12, forcing=2).model()
    network = ude.nn.CNN(2, 4, (3,), 3, 2)
    closed = flow.closed(ude.closures.Learned(network, form="skew", dissipation=True, equivariant=True))
    rng = np.random.default_rng(0)
    field, theta = rng.standard_normal((12, 12)), rng.standard_normal(closed.layout.size)
    turns = turns_of(flow.grid, "a test")
    signs = np.array([-1.0 if turn.mirrors else 1.0 for turn in turns])
    turned = np.stack([s * turn.of(field) for s, turn in zip(signs, turns, strict=True)]).reshape(8, -1)
    given = {"t": 0.0, "u": turned, "theta": theta, "c": np.array([100.0])}
    found = engine.evaluate(closed.observation, given, mapped=("u",))["vorticity_subgrid"]
    size = float(np.abs(found[0]).max())
    back = np.stack([s * turn.back(f) for s, turn, f in zip(signs, turns, found, strict=True)])
    np.testing.assert_allclose(back, np.broadcast_to(found[0], back.shape), atol=1e-13 * size)
    assert abs(found.sum(axis=(1, 2))).max() < 1e-12 * size
    assert (np.sum(turned * found.reshape(8, -1), axis=1) < -0.1 * size).all()


def test_classical_closures_step_as_numpy_says_under_a_force_of_each_trajectory(engine):
    problem = ude.problems.ForcedBurgers(points=16, viscosity=0.1, dt=0.05)
    viscous = ude.closures.Smagorinsky(ude.Parameter(0.3, positive=True))
    closed = problem.model().closed(viscous).closed(ude.closures.DynamicSmagorinsky())
    stepper = ude.Stepper(closed.closed(ude.closures.NonlinearGradient()), problem.dt, "etdrk2")
    begun = [3.0, 70.0]
    found = stepper.rollout(problem.initial(2), 3, conditions={"force_start": begun}, engine=engine)
    for k, start in enumerate(begun):
        state = {"u": problem.initial(2)["u"][k]}
        for i in range(3):
            state = stepper(i * problem.dt, state, force_start=start)
        np.testing.assert_allclose(found.u[k, -1], state["u"], atol=1e-12)
