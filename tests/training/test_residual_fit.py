"""Fits of residual problems: they reach known solutions and coefficients, judge themselves, and refuse nonsense."""

from __future__ import annotations

import _thread
from typing import Any

import numpy as np
import pytest

import unideq as ude
from unideq.errors import ModelError, OptionError

from .specimens import KAPPA, heat, poisson, poisson_solution

QUICK: dict[str, Any] = {"phases": [ude.Adam(5e-3, 40)], "report_every": 10, "progress": False}


def test_poisson_equation_is_solved():
    fit = ude.fit(poisson(), phases=[ude.Adam(1e-2, 100), ude.GaussNewton(40)], seeds=2, progress=False)
    assert fit.status == "finished"
    assert fit.seeds == (0, 1)
    errors = fit.error(poisson_solution(), seed="all")["u"].values
    assert errors.shape == (2,)
    assert errors[fit.record.best_seed] < 1e-4
    assert float(fit.error(poisson_solution())["u"]) == errors[fit.record.best_seed]


@pytest.mark.parametrize(("noise", "tolerance"), [(0.0, 0.01), (0.01, 0.05)])
def test_inverse_problem_recovers_the_coefficient(noise: float, tolerance: float):
    """κ from 40 measurements: within 1 % without noise, within 5 % with 1 % noise."""
    phases = [ude.Adam(5e-3, 200), ude.GaussNewton(30, objective=ude.Residual(points={"heat": 120, "ends": 32}))]
    fit = ude.fit(heat(noise), phases=phases, progress=False)
    assert abs(float(fit.parameters["kappa"]) / KAPPA - 1.0) < tolerance


def test_ensemble_of_seeds_trains_as_they_do_alone():
    together = ude.fit(poisson(), seeds=[3, 5], **QUICK)
    alone = ude.fit(poisson(), seeds=[5], **QUICK)
    np.testing.assert_allclose(together.record.theta[1], alone.record.theta[0], rtol=1e-9, atol=1e-12)


def test_two_runs_are_bit_identical():
    one, two = (ude.fit(poisson(), seeds=2, **QUICK) for _ in range(2))
    np.testing.assert_array_equal(one.record.theta, two.record.theta)


def test_redrawn_points_report_the_latest_parameters_and_fixed_ones_the_best():
    redrawn = ude.fit(poisson(), **QUICK)
    np.testing.assert_array_equal(redrawn.record.best_theta, redrawn.record.theta)
    fixed = ude.fit(
        poisson(),
        objective=ude.Residual(sampler=ude.samplers.Uniform(redraw=None)),
        **{**QUICK, "phases": [ude.Adam(0.5, 40)]},
    )
    totals = fixed.record.history.joined(1)["total"][0]
    assert totals[-1] > totals.min()  # such steps don't end at the best
    program = ude.Residual(sampler=ude.samplers.Uniform(redraw=None)).build(poisson())
    assert fixed.engine.value(program, fixed.theta).total == pytest.approx(totals.min(), rel=1e-9)


def test_reports_judge_by_fixed_points_with_the_terms_own_weights():
    fit = ude.fit(poisson(), balance={"ends": 50.0}, **QUICK)
    h = fit.record.history
    assert h.judged_iteration == [10, 20, 30, 40]
    program = ude.Residual().validation(poisson())
    assert program.weights["ends"] == 1.0
    assert float(fit.engine.value(program, fit.theta).total) == pytest.approx(float(h.judged_total[-1][0]), rel=1e-12)
    assert fit.record.best_total[0] == h.judged_total[-1][0]


def test_snapshots_begin_at_the_start_and_end_at_the_result():
    fit = ude.fit(poisson(), **QUICK)
    h = fit.record.history
    assert h.snapshot_iteration == [0, 10, 20, 30, 40]
    np.testing.assert_array_equal(h.snapshot_theta[0][0], poisson().initial_theta(0))
    np.testing.assert_array_equal(h.snapshot_theta[-1], fit.record.best_theta)


def test_fixed_weights_multiply_the_terms():
    fit = ude.fit(poisson(), balance={"ends": 50.0, "pde": 2.0}, **QUICK)
    logs = fit.record.history.joined(1)
    np.testing.assert_allclose(logs["total"], 2 * logs["terms"]["pde"] + 50 * logs["terms"]["ends"], rtol=1e-12)


def test_callback_stops_the_run():
    fit = ude.fit(poisson(), callback=lambda r: r.iteration < 20, **QUICK)
    assert fit.status == "stopped: by the callback"
    assert fit.record.history.iterations == 20
    assert np.isfinite(fit.record.best_total).all()


def test_ctrl_c_returns_the_latest():
    def interrupt(report: Any) -> None:
        if (
            report.iteration >= 20
        ):  # again, as a person would: a signal that falls into a callback of the collector is lost
            _thread.interrupt_main()

    # Far more iterations than a compiled run makes before a signal is seen.
    fit = ude.fit(poisson(), callback=interrupt, **{**QUICK, "phases": ude.Adam(1e-3, 40_000)})
    assert fit.status.startswith("interrupted: after")
    assert 20 <= fit.record.history.iterations < 40_000


def test_nan_residual_at_the_first_step_names_term_and_point():
    problem = ude.ResidualProblem(
        {"x": (-1.0, 1.0)},
        {"u": ude.nn.MLP(1, 1, hidden=(4,))},
        {"pde": ude.Interior(lambda at, field: ude.d(field.u, at.x) - np.sqrt(at.x))},
    )
    with pytest.raises(ModelError, match=r"Term `pde` is nan at x = -"):
        ude.fit(problem, **QUICK)


def test_runaway_training_gives_up_with_advice():
    problem = ude.ResidualProblem(
        {"x": (0.0, 1.0)},
        {"u": ude.nn.MLP(1, 1, hidden=(4,))},
        {"pde": ude.Interior(lambda at, field, p: np.exp(field.u * 0.1 + 1e3 * p.a) - 2.0)},
        parameters={"a": 0.0},
    )
    fit = ude.fit(problem, progress=False, report_every=10, phases=[ude.Adam(10.0, 200)], seeds=1)
    if fit.status != "finished":  # it may also find its way back
        assert "Try a smaller learning rate" in fit.status
    assert np.isfinite(fit.theta).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"solver": "tsit5"}, "`solver` isn't for residual problems: nothing is solved in time"),
        ({"solver": ude.RK4(dt=0.1)}, "`solver` isn't for residual problems"),
        ({"rtol": 1e-3}, "`fit` takes no `rtol`. It is a setting of the solver"),
        ({"loss": "huber"}, "`loss` isn't for residual problems: their terms are mean squares"),
        ({"holdout": 0.2}, "`holdout` isn't for residual problems"),
        ({"data": poisson_solution()}, "`data` isn't for residual problems: measurements are terms of theirs"),
        ({"holdout": ude.Holdout(0.2, patience=5)}, "`holdout` isn't for residual problems.*stop by `callback`"),
        ({"regularise": 1.0}, "`regularise` isn't for residual problems"),
        ({"estimate_initial": False}, "`estimate_initial` isn't for residual problems"),
        (
            {"objective": ude.Trajectory()},
            r"needs `ude.Residual\(...\)`, for a residual problem, not Trajectory",
        ),
        ({"phases": [ude.Adam(1e-3, 5, objective=ude.Collocation())]}, "`Adam` needs `objective` as `ude.Residual"),
        ({"phases": []}, "`phases` is empty"),
        ({"seeds": [1, 1]}, "`seeds` needs a number of seeds >= 1, or a list of different ones"),
        ({"balance": "annealing"}, "`balance` needs a dict"),
        ({"balance": ude.GradientNorm}, r"Add the brackets: `GradientNorm\(\)`"),
        ({"balance": {"wall": 1.0}}, "Unknown term in `balance` `wall`"),
        ({"balance": {"ends": -1.0}}, "`balance` needs `ends` as a number >= 0"),
        ({"balance": [ude.PCGrad(), ude.ConFIG()]}, "takes one rule, not two"),
        ({"balance": ude.PCGrad(), "phases": [ude.LBFGS(5)]}, "moves weights in phases of Adam, AdamW or SOAP"),
        ({"objective": ude.Residual(points={"wall": 9})}, "Unknown term in `points` `wall`"),
        ({"balance": ude.Causal()}, "the domain has no `t`"),
        ({"report_every": 0}, "`report_every` needs a whole number >= 1"),
    ],
)
def test_nonsense_is_refused_before_anything_is_compiled(settings: dict[str, Any], words: str):
    with pytest.raises(OptionError, match=words):
        ude.fit(poisson(), **{**QUICK, **settings})


def test_balance_of_a_model_that_is_solved_is_refused():
    model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": 1.0})
    with pytest.raises(OptionError, match="`balance` weighs the terms of a `ResidualProblem`"):
        ude.fit(model, poisson_solution().rename(x="time", u="x"), balance={"x": 1.0})


def test_defaults_are_adam_and_then_the_strongest_method_that_fits():
    from unideq.kinds.residual_settings import ResidualSettings

    small = ResidualSettings.of(poisson())
    assert [type(p).__name__ for p in small.phases] == ["Adam", "GaussNewton"]
    assert small.phases[1].objective.points == {"pde": 512, "ends": 512}  # type: ignore[union-attr]
    large = ResidualSettings.of(poisson((50, 50)))
    assert [type(p).__name__ for p in large.phases] == ["Adam", "LBFGS"]


def test_header_says_engine_seeds_numbers_points_and_balance(capsys):
    ude.fit(poisson(), balance=ude.GradientNorm(every=20), **{**QUICK, "progress": True, "phases": [ude.Adam(1e-3, 2)]})
    words = capsys.readouterr().err.splitlines()[0]
    assert words.startswith("Unideq: jax engine (jax ")
    assert words.endswith("1 seed, 25 free numbers, points: pde 24, ends 8, balance: GradientNorm")
