"""A start that has no finite loss or derivative is told with the equation or the term, and the time."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.engine.jax.optimise import JaxRunner

TIMES = np.linspace(0.0, 1.0, 4)


def decay(power: float = 1.0, start: float = 1.0) -> ude.ODE:
    return ude.ODE(
        lambda t, s, p: {"x": -p.rate * s.x**power}, ["x"], {"rate": ude.Parameter(0.5)}, initial={"x": start}
    )


def fitted(model: ude.ODE, values: np.ndarray, phases=None, **settings) -> ude.Fit:
    data = xr.Dataset({"x": ("time", values)}, {"time": TIMES})
    return ude.fit(model, data, phases=phases or ude.Adam(1e-2, 30), progress=False, engine="jax", **settings)


def distance(predicted, observed):
    return np.sqrt((predicted - observed) ** 2)


def test_a_loss_without_derivative_names_itself_and_the_time():
    """√r² has none where the known start is the first measurement, r = 0."""
    fit = fitted(decay(), np.exp(-TIMES), loss=distance)
    assert "the loss of `x` has no finite derivative at t = 0" in fit.status
    assert "every seed stopped at a rejected step" in fit.status
    assert "np.sqrt(r**2 + 1e-12)" in fit.status
    assert "MultipleShooting" not in fit.status and "20 rejected" not in fit.status
    assert not any("switched" in event for event in fit.record.events)


def test_line_searches_say_the_same():
    assert "no seed could begin: the loss of `x` has no finite derivative at t = 0" in (
        fitted(decay(), np.exp(-TIMES), ude.BFGS(5), loss=distance).status
    )


def test_the_logarithm_of_an_observed_zero_names_the_loss():
    values = np.array([1.0, 0.5, 0.0, 0.2])
    fit = fitted(decay(), values, loss=lambda p, o: (np.log(p) - np.log(o)) ** 2, solver="tsit5")
    assert "the loss of `x` isn't finite" in fit.status


def test_a_right_hand_side_that_isnt_finite_at_the_start_is_named():
    fit = fitted(decay(power=0.5, start=-1.0), np.exp(-TIMES), solver="tsit5")
    assert "the right-hand side of `x` isn't finite at the start (t = 0)" in fit.status


def test_a_right_hand_side_that_turns_nan_ends_no_training():
    """√x with x below 0: on the way there every solver rejects, the stiff one that `auto` switches to as well."""
    fit = fitted(decay(power=0.5), np.array([1.0, 0.2, 0.1, 0.1]), ude.Adam(2.0, 12), solver="kvaerno5")
    rejected = fit.record.history.joined(1)["rejected"]
    assert rejected.any() and not rejected.all()
    assert np.isfinite(fit.record.best_total).all()


def test_what_fails_inside_compiled_code_costs_no_more_than_the_rest(monkeypatch: pytest.MonkeyPatch):
    begin = JaxRunner.__init__

    def begin_to_fail(self, *arguments):
        begin(self, *arguments)
        chunk = self._chunk

        def run(state, logs, data, fresh, base, target):
            if base >= 10:
                raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
            return chunk(state, logs, data, fresh, base, target)

        self._chunk = run

    monkeypatch.setattr(JaxRunner, "__init__", begin_to_fail)
    fit = fitted(decay(), np.exp(-TIMES), solver="tsit5", report_every=10)
    assert fit.record.history.iterations == 10
    assert "RESOURCE_EXHAUSTED" in fit.status and fit.status.startswith("gave up")
