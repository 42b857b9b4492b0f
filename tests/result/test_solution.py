"""Solved models: against formulas, in batches, when the solver fails, and on disk."""

from __future__ import annotations

import numpy as np
import pytest

import unideq as ude
from unideq.engine import get_engine
from unideq.errors import DataError, FileFormatError, ModelError, OptionError, SolveError


@pytest.fixture(scope="module")
def oscillator() -> ude.ODE:
    def pendulum(t, state, p):
        return {"x": state.v, "v": -(p.omega**2) * state.x}

    return ude.ODE(pendulum, states=["x", "v"], parameters={"omega": 2.0}, initial={"x": 1.0, "v": 0.0})


@pytest.fixture(scope="module")
def explosive() -> ude.ODE:
    """dx/dt = x², which is 1/(1/x₀ − t): infinite at t = 1/x₀."""
    return ude.ODE(lambda t, state: {"x": state.x**2}, states=["x"], initial={"x": 1.0})


def test_oscillator_follows_its_cosine(oscillator):
    times = np.linspace(0.0, 10.0, 41)
    solution = oscillator.solve(times, solver="tsit5")
    np.testing.assert_allclose(solution["x"], np.cos(2 * times), atol=2e-6)
    np.testing.assert_allclose(solution["v"], -2 * np.sin(2 * times), atol=4e-6)
    assert solution.success
    assert solution.status == ("success",)
    assert solution["x"].dims == ("time",)
    assert int(solution.statistics["steps"][0]) > 20


def test_parameters_and_initial_values_of_one_call_replace_the_models(oscillator):
    solution = oscillator.solve([0.0, 0.5, 1.0], {"x": 3.0}, {"omega": 1.0}, solver="tsit5")
    assert float(solution["x"][-1]) == pytest.approx(3.0 * np.cos(1.0), abs=1e-6)


def test_batch_of_initial_values_makes_trajectories(oscillator):
    solution = oscillator.solve([0.0, 0.5, 1.0], {"x": [1.0, 2.0, -1.0]}, solver="tsit5")
    assert solution["x"].dims == ("trajectory", "time")
    np.testing.assert_allclose(solution["x"].values[:, -1], np.array([1.0, 2.0, -1.0]) * np.cos(2.0), atol=1e-6)
    assert len(solution.status) == 3


def test_solving_from_elsewhere_compiles_nothing(oscillator):
    compiled = get_engine("jax")._cache
    oscillator.solve([0.0, 0.5, 1.0], {"x": [1.0, 2.0, -1.0]}, solver="tsit5")
    before = len(compiled)
    oscillator.solve([0.0, 0.5, 2.0], {"x": [3.0, 1.0, -2.0]}, {"omega": 1.5}, solver="tsit5")
    assert len(compiled) == before


def test_start_may_lie_before_the_first_output(oscillator):
    solution = oscillator.solve([0.5, 1.0, 2.0], start=0.0, solver="tsit5")
    assert float(solution["x"][1]) == pytest.approx(np.cos(2.0), abs=1e-6)
    with pytest.raises(OptionError, match="`start`"):
        oscillator.solve([1.0, 2.0], start=1.5)


def test_failed_solve_raises_and_says_where_it_stopped(explosive):
    with pytest.raises(SolveError, match=r"last good output|throw=False"):
        explosive.solve([0.0, 0.5, 2.0], solver=ude.Tsit5(max_steps=2000))


def test_failed_solve_can_be_looked_at(explosive):
    solution = explosive.solve([0.0, 0.5, 2.0], {"x": [1.0, 0.1]}, solver=ude.Tsit5(max_steps=2000), throw=False)
    assert not solution.success
    assert solution.status[0] != "success"
    assert solution.status[1] == "success"
    assert float(solution["x"][1, -1]) == pytest.approx(1 / (1 / 0.1 - 2.0), rel=1e-6)
    assert np.isnan(solution["x"].values[0, -1])


@pytest.mark.parametrize(
    ("times", "initial", "error", "words"),
    [
        ([0.0, 0.0, 1.0], None, DataError, "strictly increasing"),
        ([], None, DataError, "non-empty"),
        (["a"], None, DataError, "numbers"),
        ([0.0, 1.0], {"x": [1.0, 2.0], "v": [0.0, 0.0, 0.0]}, ModelError, "disagree"),
        ([0.0, 1.0], {"x": np.nan}, ModelError, "finite"),
        ([0.0, 1.0], {"y": 1.0}, ModelError, "Possible"),
    ],
)
def test_bad_input_is_named(oscillator, times, initial, error, words):
    with pytest.raises(error, match=words):
        oscillator.solve(times, initial)


def test_solution_is_read_back_as_it_was_saved(oscillator, tmp_path):
    solution = oscillator.solve([0.0, 0.5, 1.0], {"x": [1.0, 2.0, 3.0]}, solver="tsit5")
    solution.save(tmp_path / "solution.nc")
    back = ude.Solution.load(tmp_path / "solution.nc")
    assert back.dataset.identical(solution.dataset)
    assert back.status == solution.status
    assert back.solver == solution.solver
    assert str(back.model.equations()) == str(oscillator.equations())
    assert back.statistics["steps"].tolist() == solution.statistics["steps"].tolist()
    with pytest.raises(FileFormatError, match="holds a solution"):
        ude.Fit.load(tmp_path / "solution.nc")
