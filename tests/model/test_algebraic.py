"""Models with algebraic states: what they say, their files, and consistent starts, looked for without an engine."""

import numpy as np
import pytest

import unideq as ude
from unideq.engine.steady import check_starts, consistent
from unideq.errors import EngineUnsupported, SolveError
from unideq.graph import Graph, constant, variable
from unideq.objective.program import Integration

STATES = {"x": (), "z": ude.State(shape=2, algebraic=True)}


def rhs(t, s, p):
    return {"x": -s.z[0], "z": np.stack([s.z[0] - p.k * s.x, s.z[1] ** 2 - s.x])}


@pytest.fixture(scope="module")
def model():
    return ude.ODE(rhs, STATES, {"k": 2.0}, initial={"x": 4.0, "z": [1.0, -1.0]})


def test_it_says_what_its_equations_are(model):
    assert str(model.equations()).splitlines()[1].startswith("0 = ")
    assert r"0 &= " in model.equations().latex
    assert "state      z [2], algebraic" in model.describe()
    assert "initial    z = what its equation says, from [ 1. -1.]" in model.describe()
    np.testing.assert_array_equal(model(0.0, {"x": 4.0, "z": [8.0, -1.0]})["z"], [0.0, -3.0])
    assert not model.begins_at_rest


def test_files_keep_what_is_algebraic_and_nothing_of_what_is_not(model, tmp_path):
    model.save(tmp_path / "model.json")
    again = ude.ODE.load(tmp_path / "model.json")
    assert again.states.algebraic == (1, 2)
    assert again.states["z"].algebraic
    assert [set(s) & {"algebraic"} for s in model.to_json()["states"]] == [set(), {"algebraic"}]


def test_consistent_values_are_the_nearest(model):
    def residual(z):
        return np.array([np.arctan(z[0] - 1.0), z[1] ** 2 - 4.0 * z[0]])

    def slopes(z):
        return np.array([[1.0 / (1.0 + (z[0] - 1.0) ** 2), 0.0], [-4.0, 2.0 * z[1]]])

    for guess, found in (([3.5, 3.0], [1.0, 2.0]), ([-1.0, -1.0], [1.0, -2.0])):  # undamped, Newton's steps diverge
        z, reached = consistent(residual, slopes, np.array(guess))
        assert reached
        np.testing.assert_allclose(z, found, rtol=1e-12)


def test_starts_that_cannot_be_are_told_by_their_trajectory():
    t, u, theta = variable("t"), variable("u", (2,)), variable("theta", (1,))
    field = Graph([t, u, theta], {"du": np.stack([-u[0], u[1] ** 2 - theta[0] * u[0]])})
    states, labels = ude.ODE(rhs, STATES, {"k": 2.0}).states, ["a", "b"]

    def check(theta, *starts):
        initial = Graph([field.input("theta")], {"u0": constant(np.array(starts))})
        observe = Graph([t, u], {"u": u})
        check_starts(
            Integration("s", field, initial, np.zeros(2), np.ones((2, 1)), observe, algebraic=(1,)),
            np.array([theta]),
            states,
            labels,
        )

    check(1.0, [1.0, 1.0], [4.0, -0.3])
    with pytest.raises(SolveError, match=r"Trajectory 'b': no values .* ended at `z\[0\]` = .*`initial=\{\"z\": guess"):
        check(1.0, [1.0, 1.0], [-1.0, 1.0])
    with pytest.raises(SolveError, match=r"Trajectory 'a': at its start .* don't decide `z\[0\]`.*index 2"):
        check(0.0, [1.0, 0.0], [1.0, 0.0])


def test_jax_names_the_engine_that_solves_them(model):
    with pytest.raises(EngineUnsupported, match=r'engine `julia` does. Write `engine="julia"`'):
        model.solve([0.0, 1.0], engine="jax")
