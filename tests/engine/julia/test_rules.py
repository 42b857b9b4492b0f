"""Rules of Optimisers.jl as phases: their Adam is ours, runs resume, unknown names are told with those there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unideq as ude
from unideq.engine import Minimisation, Report, loop
from unideq.errors import OptionError

from ..problems import Lion, edge_objective, rosenbrock
from ..problems import engine as jax_engine

STARTS = np.array([[-1.2, 1.0], [2.0, -1.0], [0.0, 0.5]])


@pytest.fixture(autouse=True)
def only_full_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reports in between on a slow machine."""
    monkeypatch.setattr(loop, "SILENCE", np.inf)


def run(julia: Any, phase: Any, theta: np.ndarray = STARTS, stop_after: int | None = None, **more: Any) -> list[Report]:
    reports: list[Report] = []

    def callback(report: Report) -> bool:
        reports.append(report)
        return len(reports) != stop_after

    objective = more.pop("objective", None) or rosenbrock()
    julia.minimise(Minimisation(objective, theta, phase, **{"report_every": 10, **more}), callback)
    return reports


@pytest.mark.parametrize("free", [True, np.array([True, False])], ids=["all", "one fixed"])
def test_adam_is_that_of_optimisers_jl(julia: Any, free: Any):
    theirs = run(julia, ude.Optimisers("Adam", 40, {"eta": 0.05, "beta": (0.9, 0.999), "epsilon": 1e-8}), free=free)
    ours = run(julia, ude.Adam(0.05, 40), free=free)
    np.testing.assert_allclose(ours[-1].theta, theirs[-1].theta, rtol=1e-11)
    np.testing.assert_allclose(ours[-1].best_total, theirs[-1].best_total, rtol=1e-11)


def test_a_method_of_ones_own_goes_the_way_that_it_goes_on_the_other_engine(julia: Any):
    ours, theirs = (run(engine, Lion())[-1] for engine in (julia, jax_engine()))
    np.testing.assert_allclose(ours.theta, theirs.theta, rtol=1e-10)


@pytest.mark.parametrize("rule", ["Lion", "RAdam", "Momentum", "Descent", "AMSGrad"])
def test_resuming_is_bit_for_bit_whatever_the_state_of_a_rule(julia: Any, rule: str):
    phase = ude.Optimisers(rule, 30, {"eta": 1e-4})
    whole = run(julia, phase)
    half = run(julia, phase, stop_after=1)
    rest = run(julia, phase, np.full_like(STARTS, 9.0), state=half[-1].state)
    for name, value in whole[-1].state.items():
        np.testing.assert_array_equal(rest[-1].state[name], value, err_msg=name)
    assert (whole[-1].best_total < whole[0].total[:, 0]).all()


def test_a_step_that_fails_is_taken_back_and_halved(julia: Any):
    reports = run(julia, ude.Optimisers("Descent", 20, {"eta": 0.6}), np.array([[0.5]]), objective=edge_objective())
    rejected = np.concatenate([r.rejected for r in reports], axis=1)[0]
    rates = np.concatenate([r.learning_rate for r in reports], axis=1)[0]
    assert rejected.any()
    assert np.isfinite(reports[-1].best_total).all()
    np.testing.assert_allclose(rates[np.flatnonzero(rejected)[0]], 0.5)


def test_unknown_rules_and_options_are_told_with_those_that_there_are(julia: Any):
    with pytest.raises(OptionError, match=r"has no rule `Lyon`. It has: .*`Adam`.*`Lion`.*`RAdam`"):
        run(julia, ude.Optimisers("Lyon", 5))
    with pytest.raises(OptionError, match=r"rule `Lion` .* has no setting `learning_rate`. It has: `eta`, `beta`"):
        run(julia, ude.Optimisers("Lion", 5, {"learning_rate": 1e-3}))
    with pytest.raises(OptionError, match=r"rule `Descent` .* refuses its settings"):
        run(julia, ude.Optimisers("Descent", 5, {"eta": (0.1, 0.2)}))
