"""Programs say of themselves what engines and batches ask, and both engines have an entry for each kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unideq.engine.julia.programs import PROGRAMS as JULIA
from unideq.graph import Graph, constant, variable
from unideq.objective.program import Given, Integration, LossProgram, Pointwise, Rollout, Source

THETA, T, U, X = variable("theta", (2,)), variable("t"), variable("u", (1,)), variable("x")
SOLVE = Integration(
    "solve",
    Graph([T, U, THETA], {"du": THETA[0] * U}),
    Graph([THETA], {"u0": constant(np.ones((3, 1)))}),
    np.zeros(3),
    np.ones((3, 4)),
    Graph([T, U, THETA], {"u": U}),
)
ROLL = Rollout(
    "roll", Graph([T, U], {"u": 2.0 * U}), Graph([U], {"u": U}), {"start": np.ones((3, 1)), "t": np.zeros(3)}, 0.1, 4
)
POINTS = Pointwise("points", Graph([X, THETA], {"r": THETA[0] * X, "s": X - THETA[1]}), {"x": np.linspace(0, 1, 5)})
GIVEN = Given("given", {"y": np.arange(5.0)})


def test_every_kind_of_program_has_an_entry_on_both_engines():
    from unideq.engine.jax.programs import PROGRAMS as JAX

    kinds = set(Source.__subclasses__())
    assert kinds == {Integration, Rollout, Pointwise, Given}
    assert set(JAX) == kinds
    assert set(JULIA) == kinds


def test_keys_tell_programs_apart_and_not_their_numbers():
    others = (
        replace(SOLVE, start=np.ones(3)),
        replace(ROLL, dt=0.2, data={"start": np.zeros((3, 1)), "t": np.ones(3)}),
        replace(POINTS, data={"x": np.ones(5)}),
        replace(GIVEN, data={"y": np.ones(5)}),
    )
    for one, same in zip((SOLVE, ROLL, POINTS, GIVEN), others, strict=True):
        assert one.key == same.key
        assert hash(one.key) == hash(same.key)
    for one, other in (
        (SOLVE, replace(SOLVE, times=np.ones((3, 5)))),
        (ROLL, replace(ROLL, steps=8)),
        (ROLL, replace(ROLL, gradient="none")),
        (POINTS, replace(POINTS, data={"x": np.ones(6)})),
        (GIVEN, replace(GIVEN, data={"z": np.ones(5)})),
    ):
        assert one.key != other.key


def test_programs_know_their_shapes_parameters_and_arrays():
    assert SOLVE.shapes == {"solve.u": (3, 4, 1)}
    assert ROLL.shapes == {"roll.u": (3, 4, 1)}
    assert [s.parameters for s in (SOLVE, ROLL, POINTS, GIVEN)] == [2, 0, 2, 0]
    assert SOLVE.laid_out() is None and ROLL.laid_out() is None
    found = POINTS.laid_out().evaluate({"x": POINTS.data["x"], "theta": np.array([3.0, 1.0])})
    np.testing.assert_allclose(found["r"], 3 * POINTS.data["x"])
    np.testing.assert_array_equal(GIVEN.laid_out().evaluate(GIVEN.data)["y"], GIVEN.data["y"])


def test_an_objective_knows_what_its_terms_are_the_mean_squares_of():
    r, y = variable("points.r", (5,)), variable("given.y", (5,))
    loss = Graph([r, y], {"a": np.mean(r**2), "b": np.mean(y)})
    objective = LossProgram((GIVEN, POINTS), loss, {"a": 2.0}, {"a": "points.r"})
    square = objective.mean_square("a")
    assert square is not None and (square.place, square.source, square.output) == (1, POINTS, "r")
    assert objective.mean_square("b") is None and objective.mean_squares() is None
    np.testing.assert_array_equal(objective.term_weights, [2.0, 1.0])
    moved = objective.with_data({"points": {"x": np.ones(5)}})
    assert moved.sources[0] is GIVEN
    np.testing.assert_array_equal(moved.sources[1].data["x"], np.ones(5))
