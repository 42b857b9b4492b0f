"""States far below the usual tolerance are solved and fitted as well as large ones, or it is said that they aren't."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import UnideqWarning

TIMES = np.linspace(0.0, 10.0, 21)
SIZE = 1e-7


def oscillator(frequency: float) -> ude.ODE:
    """x″ = −ω² x from x = 1e-7, at rest."""
    return ude.ODE(
        lambda t, s, p: {"x": s.v, "v": -(p.w**2) * s.x}, ["x", "v"], {"w": frequency}, initial={"x": SIZE, "v": 0.0}
    )


@pytest.fixture(scope="module")
def fit() -> ude.Fit:
    data = xr.Dataset({"x": ("time", SIZE * np.cos(TIMES))}, {"time": TIMES})
    return ude.fit(oscillator(1.1), data, phases=[ude.BFGS(30)], progress=False, engine="jax")


def test_a_small_oscillation_is_solved_to_the_tolerance_of_a_large_one():
    found = oscillator(1.0).solve(TIMES, engine="jax")
    np.testing.assert_allclose(found["x"] / SIZE, np.cos(TIMES), atol=1e-6)


def test_a_small_oscillation_is_fitted(fit: ude.Fit):
    assert float(fit.parameters["w"]) == pytest.approx(1.0, abs=1e-4)


def test_the_choice_is_recorded_and_kept_in_the_file(fit: ude.Fit, tmp_path):
    assert fit.record.settings.solver.atol == 1e-13
    assert any("absolute tolerances follow" in event for event in fit.record.events)
    fit.save(tmp_path / "small.nc")
    assert ude.Fit.load(tmp_path / "small.nc").record.settings.solver.atol == 1e-13


def test_a_tolerance_above_the_states_is_told():
    with pytest.warns(UnideqWarning, match=r"only noise, and there lies `x`.*scale=1e-07"):
        oscillator(1.0).solve(TIMES, solver=ude.Auto(atol=1e-6), engine="jax")


def test_a_state_that_only_grows_to_less_than_its_tolerance_is_told():
    """It starts at 0, so nothing tells its size beforehand; `State.scale` does."""

    def model(**scale: float) -> ude.ODE:
        return ude.ODE(lambda t, s: {"x": 1e-9 * np.cos(t)}, [ude.State("x", **scale)], initial={"x": 0.0})

    with pytest.warns(UnideqWarning, match="only noise, and there lies `x`"):
        model().solve(TIMES, engine="jax")
    found = model(scale=1e-9).solve(TIMES, engine="jax")
    np.testing.assert_allclose(found["x"], 1e-9 * np.sin(TIMES), atol=1e-14)
