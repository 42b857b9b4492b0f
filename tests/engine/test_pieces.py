"""Graphs at many points, piece by piece."""

import numpy as np
import pytest

import unideq as ude
from unideq.engine import evaluated, get_engine, pieces
from unideq.graph import Graph, variable
from unideq.result import rollout


@pytest.mark.parametrize("memory", [1, 64, 10_000])
def test_pieces_are_the_whole(memory, monkeypatch):
    monkeypatch.setattr(pieces, "MEMORY", memory)
    u, k = variable("u", (3,)), variable("k")
    graph = Graph((u, k), {"y": np.sin(u) * k, "sum": np.sum(u)})
    values = {"u": np.random.default_rng(0).standard_normal((7, 3)), "k": 2.0}
    found = evaluated(get_engine("jax"), graph, values, ("u",))
    np.testing.assert_allclose(found["y"], 2.0 * np.sin(values["u"]), rtol=1e-14)
    np.testing.assert_allclose(found["sum"], values["u"].sum(axis=1), rtol=1e-13)


def test_observables_of_rollouts_are_the_same_by_an_engine(monkeypatch):
    model = ude.problems.Burgers(points=8).model().closed(lambda t, s, p: -p.k * s.u * t, {"k": ude.Condition(0.3)})
    stepper = ude.Stepper(model, 0.1, "rk4")
    start = {"u": np.random.default_rng(0).standard_normal((2, 8))}
    conditions = {"k": [0.1, 0.5]}
    plain = stepper.rollout(start, 3, conditions=conditions)
    monkeypatch.setattr(rollout, "BY_NUMPY", 0)
    made = stepper.rollout(start, 3, conditions=conditions)
    np.testing.assert_allclose(made.u_subgrid, plain.u_subgrid, rtol=1e-13, atol=1e-14)
    assert made.u_subgrid.dims == plain.u_subgrid.dims == ("trajectory", "time", "x")
