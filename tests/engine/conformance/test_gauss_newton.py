"""Gauss–Newton steps: minima, the two Gram matrices, damping, weights, fixed entries, resuming, what can't be done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize

from unideq.errors import OptionError
from unideq.graph import Graph
from unideq.objective.program import LossProgram

from ..least_squares import BELLS_START, STARTS, bells, line, rosenbrock_residuals, run, sines, squares

pytestmark = pytest.mark.usefixtures("only_full_reports", "double_precision")


# ---- minima -------------------------------------------------------------------------------------------------------


def test_one_undamped_step_solves_linear_least_squares(engine) -> None:
    objective, minimum = line()
    result, _ = run(engine, objective, [5.0, -3.0], iterations=1, damping=1e-14)
    np.testing.assert_allclose(result.last.theta[0], minimum, rtol=1e-12)


def test_damping_shortens_the_step_of_linear_least_squares_as_the_normal_equations_say(engine) -> None:
    objective, _ = line()
    start = np.array([5.0, -3.0])
    x, y = objective.sources[0].data["x"], objective.sources[0].data["y"]
    j = np.vstack([np.column_stack([np.ones(7), x]) / np.sqrt(7), [[np.sqrt(2.0), 0.0]]])
    r = j @ start - np.append(y / np.sqrt(7), np.sqrt(2.0))
    gram = j.T @ j
    damping = 0.1 * gram.diagonal().max()
    step = -np.linalg.solve(gram + damping * np.eye(2), j.T @ r)
    result, recorder = run(engine, objective, start, iterations=1, damping=0.1)
    # Straight residuals have no curvature to correct for.
    np.testing.assert_allclose(result.last.theta[0], start + step, rtol=1e-10)
    assert recorder.log("learning_rate")[0, 0] == pytest.approx(damping, rel=1e-12)
    assert recorder.log("total")[0, 0] == pytest.approx(r @ r, rel=1e-12)
    assert recorder.log("gradient_norm")[0, 0] == pytest.approx(np.linalg.norm(2 * j.T @ r), rel=1e-12)


@pytest.mark.parametrize("start", STARTS, ids=str)
def test_rosenbrock_is_solved_in_few_iterations(engine, start: np.ndarray) -> None:
    result, _ = run(engine, rosenbrock_residuals(), start, iterations=60)
    np.testing.assert_allclose(result.last.best_theta[0], [1.0, 1.0], atol=1e-8)
    assert result.last.finished[0] == 1


def test_minimum_is_that_of_minpack(engine) -> None:
    objective = bells()
    points = objective.sources[0].data

    def residuals(th: np.ndarray) -> np.ndarray:
        made = sum(th[3 * k] * np.exp(-th[3 * k + 2] * (points["x"] - th[3 * k + 1]) ** 2) for k in range(2))
        return (made - points["y"]) / np.sqrt(len(points["x"]))

    reference = scipy.optimize.least_squares(residuals, BELLS_START, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15)
    result, _ = run(engine, objective, BELLS_START, iterations=100)
    assert result.last.best_total[0] == pytest.approx(2 * reference.cost, rel=1e-12)
    np.testing.assert_allclose(result.last.best_theta[0], reference.x, rtol=1e-6)
    assert result.last.finished[0] == 1


def test_total_never_rises_and_trials_without_decrease_are_not_taken(engine) -> None:
    _, recorder = run(engine, rosenbrock_residuals(), [-1.2, 1.0], iterations=40)
    total = recorder.log("total")[0]
    assert np.all(np.diff(total[np.isfinite(total)]) <= 0)


# ---- the Gram matrix ----------------------------------------------------------------------------------------------


def test_fewer_residuals_than_parameters_are_brought_to_zero(engine) -> None:
    result, _ = run(engine, sines(points=5), np.linspace(0.2, 1.0, 9), iterations=60)
    assert result.last.best_total[0] < 1e-20


# ---- what moves, what counts --------------------------------------------------------------------------------------


def test_fixed_entries_do_not_move(engine) -> None:
    free = np.array([True, False, True, True, False, True])
    result, _ = run(engine, bells(), BELLS_START, iterations=30, free=free)
    np.testing.assert_array_equal(result.last.theta[0][~free], BELLS_START[~free])
    assert np.all(result.last.theta[0][free] != BELLS_START[free])


def test_given_weights_replace_those_of_the_objective(engine) -> None:
    objective, _ = line(weight=2.0)
    _, minimum = line(weight=30.0)
    weights = np.array([[1.0, 30.0]])
    result, recorder = run(engine, objective, [5.0, -3.0], iterations=3, damping=1e-14, weights=weights)
    np.testing.assert_allclose(result.last.theta[0], minimum, rtol=1e-10)
    np.testing.assert_array_equal(recorder.reports[-1].weights["near"][0, :1], [30.0])


def test_a_term_of_weight_zero_is_logged_and_does_not_count(engine) -> None:
    objective, _ = line(weight=0.0)
    x, y = objective.sources[0].data["x"], objective.sources[0].data["y"]
    slope, intercept = np.polyfit(x, y, 1)
    result, recorder = run(engine, objective, [5.0, -3.0], iterations=1, damping=1e-14)
    np.testing.assert_allclose(result.last.theta[0], [intercept, slope], rtol=1e-10)
    assert recorder.reports[0].terms["near"][0, 0] == pytest.approx(16.0)


# ---- the loop -----------------------------------------------------------------------------------------------------


def test_interrupted_runs_go_on_bit_for_bit(engine) -> None:
    whole, _ = run(engine, bells(), BELLS_START, iterations=8, report_every=4)
    half, _ = run(engine, bells(), BELLS_START, iterations=8, report_every=4, stop_after=1)
    assert half.stopped
    resumed, _ = run(engine, bells(), BELLS_START, iterations=8, report_every=4, state=half.last.state)
    for name, value in whole.last.state.items():
        np.testing.assert_array_equal(resumed.last.state[name], value, err_msg=name)


def test_seeds_go_the_way_they_go_alone(engine) -> None:
    together, _ = run(engine, rosenbrock_residuals(), STARTS, iterations=15)
    for seed, start in enumerate(STARTS):
        alone, _ = run(engine, rosenbrock_residuals(), start, iterations=15)
        np.testing.assert_allclose(together.last.best_theta[seed], alone.last.best_theta[0], rtol=1e-9, atol=1e-9)


def test_a_start_at_the_minimum_has_converged(engine) -> None:
    result, recorder = run(engine, rosenbrock_residuals(), [1.0, 1.0])
    assert result.last.finished[0] == 1
    assert result.last.iteration == 1
    assert recorder.log("rejected")[0, 0]


def test_a_start_that_is_not_finite_gives_up(engine) -> None:
    objective = squares(1, {"log": (lambda th, at: np.log(th[0]) * at["one"], {"one": [1.0]}, 1.0)})
    result, _ = run(engine, objective, [-1.0])
    assert result.last.finished[0] == 2
    assert result.last.theta[0, 0] == -1.0


def test_steps_out_of_the_domain_are_damped_until_they_stay_in(engine) -> None:
    # √θ₀ = 0.1 from θ₀ = 4: the undamped step leads to θ₀ < 0, where the root is NaN.
    objective = squares(1, {"root": (lambda th, at: np.sqrt(th[0]) - at["value"], {"value": [0.1]}, 1.0)})
    result, _ = run(engine, objective, [4.0], iterations=60, damping=1e-12)
    assert result.last.best_theta[0, 0] == pytest.approx(0.01, rel=1e-6)


# ---- what can't be done -------------------------------------------------------------------------------------------


def test_terms_that_are_not_squared_residuals_are_named(engine) -> None:
    with pytest.raises(OptionError, match=r"`GaussNewton` needs every term.*`v` isn't.*ude.LBFGS"):
        run(engine, _without_residuals(), STARTS[0])


def test_negative_weights_have_no_root(engine) -> None:
    objective, _ = line()
    with pytest.raises(OptionError, match="`near` has a negative one"):
        run(engine, replace(objective, weights={"data": 1.0, "near": -1.0}), [1.0, 1.0])


def _without_residuals() -> LossProgram:
    objective = rosenbrock_residuals()
    loss = Graph(objective.loss.inputs, {"v": objective.loss.outputs["both"]})
    return replace(objective, loss=loss, weights={"v": 1.0}, residuals={})
