"""Training end to end: what comes back, how it stops, and that a seed decides everything."""

from __future__ import annotations

import signal
from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import OptionError, UnideqWarning

from .growth import SETTINGS, growth_data, growth_model, untrained
from .test_file import python

QUIET: dict[str, Any] = {"solver": "tsit5", "progress": False}


def decaying(rate: float, start: float, times: np.ndarray) -> xr.Dataset:
    return xr.Dataset({"x": ("time", start * np.exp(-rate * times))}, coords={"time": times})


def decay_model(rate: float = 2.0) -> ude.ODE:
    return ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": ude.Parameter(rate, positive=True)})


# ---- what comes back ----------------------------------------------------------------------------------------------


def test_training_lowers_the_loss_of_every_seed(fitted):
    total = fitted.record.history.joined(3)["total"]
    assert fitted.status == "finished"
    assert total.shape == (3, 52)
    assert (fitted.record.best_total < 0.2 * total[:, 0]).all()
    assert fitted.best_seed == fitted.seeds[int(np.argmin(fitted.record.best_total))]


def test_tree_has_the_documented_groups(fitted):
    groups = {
        "observations",
        "solution",
        "learned_term",
        "training",
        "parameters",
        "weights",
        "optimizer",
        "diagnostics",
    }
    assert set(fitted.tree.children) == groups
    assert fitted.tree["/solution"]["x"].dims == ("seed", "trajectory", "time")
    assert fitted.tree["/solution"]["x"].attrs["units"] == "g"
    assert fitted.tree["/training"]["term"].values.tolist() == ["x", "double"]
    assert fitted.tree["/observations"]["held_out"].values.sum() == 4  # a quarter of 17 times


def test_parameters_are_constrained_and_free_of_weights(fitted):
    assert set(fitted.parameters) == {"rate", "fixed", "initial.x"}
    assert fitted.parameters["rate"] > 0
    assert fitted.parameters["fixed"] == pytest.approx(2.0, rel=1e-12)
    assert "rate" in repr(fitted)
    assert "1/d" in repr(fitted)


def test_scores_are_errors_of_the_solution(fitted):
    solution, data = fitted.tree["/solution"]["x"], growth_data()["x"]
    rest = solution.sel(seed=fitted.best_seed).isel(trajectory=0).sel(time=data.time[:13]) - data[:13]
    scores = fitted.tree["/diagnostics"].to_dataset()
    expected = float(np.sqrt((rest**2).mean()))
    assert float(scores["rmse_training"].sel(seed=fitted.best_seed, variable="x")) == pytest.approx(expected, rel=1e-12)
    assert "rmse_held_out" in scores


def test_best_solution_fits_the_data(fitted):
    assert float(fitted.tree["/diagnostics"]["r_squared_training"].sel(seed=fitted.best_seed, variable="x")) > 0.98


# ---- predictions --------------------------------------------------------------------------------------------------


def test_predictions_of_all_seeds_are_the_stored_solution(fitted):
    stored = fitted.tree["/solution"]["x"].isel(trajectory=0)
    every = fitted.predict(time=stored["time"].values, seed="all")
    assert every["x"].dims == ("seed", "time")
    np.testing.assert_array_equal(every["x"], stored)


def test_prediction_without_times_stands_beside_the_data(fitted):
    measured = fitted.tree["/observations"].to_dataset().isel(trajectory=0)
    predicted = fitted.predict()
    np.testing.assert_array_equal(predicted["time"], measured["time"])
    rest = (predicted["x"] - measured["x"]).values
    assert rest.shape == measured["x"].shape and np.nanmax(np.abs(rest)) < 1.0


def test_prediction_of_one_seed_at_chosen_times(fitted):
    stored = fitted.tree["/solution"]["x"].isel(trajectory=0)
    for seed in (None, 1):
        one = fitted.predict(time=[0.0, 3.0, 6.0], seed=seed)["x"]
        assert one.dims == ("time",)
        expected = stored.sel(seed=fitted.best_seed if seed is None else seed).sel(time=[0.0, 3.0, 6.0])
        np.testing.assert_allclose(one, expected, rtol=1e-9)


def test_prediction_from_elsewhere_obeys_the_trained_equations(fitted):
    start = fitted.predict(time=[1.0, 2.0, 4.0], initial={"x": 0.5})
    assert float(start["x"][0]) == pytest.approx(0.5)
    usual = fitted.predict(time=[0.0, 3.0, 6.0])["x"]
    given = {"x": float(fitted.parameters["initial.x"][0])}
    np.testing.assert_allclose(fitted.predict(time=[0.0, 3.0, 6.0], initial=given)["x"], usual, rtol=1e-5)
    both = fitted.predict(time=[1.0, 2.0, 4.0], initial={"x": 0.5}, seed="all")["x"]
    assert both.dims == ("seed", "time")
    np.testing.assert_array_equal(both.sel(seed=fitted.best_seed), start["x"])
    # A state left out starts where it was trained to.
    np.testing.assert_allclose(fitted.predict(time=[0.0, 3.0, 6.0], initial={})["x"], usual, rtol=1e-5)


def test_unknown_seeds_are_refused(fitted):
    for seed in (7, "best"):
        with pytest.raises(OptionError, match="There is no seed"):
            fitted.predict(seed=seed)


def test_prediction_that_fails_warns_instead_of_passing_for_numbers():
    model = ude.ODE(lambda t, state, p: {"x": p.a * state.x**2}, ["x"], {"a": 1.0})
    fit = untrained(model, xr.Dataset({"x": ("time", [1.0, 2.0])}, coords={"time": [0.0, 0.5]}))
    assert np.isfinite(fit.predict()["x"]).all()
    with pytest.warns(UnideqWarning, match="No prediction"):
        assert np.isnan(fit.predict(time=[0.0, 2.0])["x"][-1])


# ---- determinism and stopping -------------------------------------------------------------------------------------


def test_two_runs_are_bit_identical(fitted):
    again = ude.fit(growth_model(), growth_data(), **SETTINGS)
    assert again.theta.tobytes() == fitted.theta.tobytes()
    one, two = (f.record.history.joined(3)["total"] for f in (fitted, again))
    assert one.tobytes() == two.tobytes()


def test_callback_stops_the_run():
    seen = []

    def enough(report: Any) -> bool:
        seen.append(report.iteration)
        return report.iteration < 20

    fit = ude.fit(growth_model(), growth_data(), **SETTINGS, callback=enough)
    assert fit.status == "stopped: by the callback"
    assert seen == [10, 20]
    assert fit.record.history.iterations == 20


def test_early_stopping_reports_the_lowest_held_out_error():
    """Training pulls the rate from 0.5 to 2, which the held-out times, decaying at 0.5, contradict."""
    times = np.linspace(0.0, 3.0, 13)
    x = np.where(times < 2.2, np.exp(-2.0 * times), np.exp(-0.5 * times))
    data = xr.Dataset({"x": ("time", x)}, coords={"time": times})
    fit = ude.fit(
        decay_model(0.5),
        data,
        phases=ude.Adam(2e-2, 400),
        holdout=ude.Holdout(0.25, patience=30),
        report_every=10,
        **QUIET,
    )
    held = fit.record.history.joined(1)["held_total"][0]
    assert fit.status.startswith("stopped early: no lower held-out error for 30 iterations")
    assert fit.record.history.iterations == (int(np.argmin(held)) + 1) * 10 + 30
    assert fit.record.held_best[0] == held.min()
    np.testing.assert_array_equal(fit.theta, fit.record.held_theta[0])


INTERRUPTED = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may start tests with it ignored
import unideq as ude
from result.growth import SETTINGS, growth_data, growth_model
settings = {**SETTINGS, "phases": [ude.Adam(1e-3, 1_000_000)], "seeds": 1, "holdout": None}
fit = ude.fit(growth_model(), growth_data(), **settings, callback=lambda r: print("going", flush=True))
print(fit.status, flush=True)
joined = fit.record.history.joined(1)
print(fit.record.best_total.max() <= joined["total"][:, 0].max(), joined["total"].shape[1] == fit.record.iteration)
"""


def test_ctrl_c_returns_the_best_so_far():
    process = python(INTERRUPTED)
    assert process.stdout is not None
    for _ in range(2):
        assert process.stdout.readline() == b"going\n"
    process.send_signal(signal.SIGINT)
    lines = process.communicate(timeout=120)[0].decode().splitlines()
    rest = [line for line in lines if line != "going"]
    assert rest[0].startswith("interrupted: after ")
    assert rest[1] == "True True"
    assert process.returncode == 0


# ---- failing solves -----------------------------------------------------------------------------------------------


def test_failing_steps_are_rejected_and_training_goes_on():
    """A learning rate that throws the first step into the region of blow-up."""
    model = ude.ODE(lambda t, state, p: {"x": p.a * state.x**2}, ["x"], {"a": ude.Parameter(0.2, positive=True)})
    times = np.linspace(0.0, 1.0, 6)
    data = xr.Dataset({"x": ("time", 1.0 / (1.0 - 0.6 * times))}, coords={"time": times})
    fit = ude.fit(model, data, phases=ude.Adam(10.0, 80), estimate_initial=False, **QUIET)
    logs = fit.record.history.joined(1)
    assert fit.status == "finished"
    assert logs["rejected"].sum() > 0
    assert fit.record.best_total[0] < 0.2 * logs["total"][0, 0]


def test_last_stage_that_fails_keeps_what_the_first_learned():
    """Short horizons fit; the full one can't be solved from where they lead."""
    model = ude.ODE(lambda t, state, p: {"x": p.a * state.x**2}, ["x"], {"a": ude.Parameter(0.5, positive=True)})
    data = xr.Dataset({"x": ("time", [1.0, 1.25, 1.6, 2.0])}, coords={"time": [0.0, 0.2, 0.4, 3.0]})
    phases = [ude.Adam(1e-2, 20, objective=ude.Trajectory(horizon=0.5)), ude.Adam(1e-2, 20)]
    fit = ude.fit(model, data, phases=phases, estimate_initial=False, **QUIET)
    assert fit.status.startswith("gave up: in Adam on Trajectory")
    assert "other initial values" in fit.status
    assert "kvaerno5" in fit.status
    assert np.isfinite(fit.record.best_total).all()
    assert float(fit.parameters["a"]) > 0.5


# ---- kinds of problems --------------------------------------------------------------------------------------------


def test_several_trajectories_share_the_parameters():
    data = [decaying(0.7, 3.0, np.linspace(0, 2, 9)), decaying(0.7, 1.0, np.linspace(1, 4, 5) - 1)]
    fit = ude.fit(decay_model(), data, phases=ude.Adam(5e-2, 400), **QUIET)
    assert float(fit.parameters["rate"]) == pytest.approx(0.7, rel=1e-3)
    np.testing.assert_allclose(fit.parameters["initial.x"], [3.0, 1.0], rtol=1e-3)
    assert fit.predict(time=[0.0, 1.0])["x"].dims == ("trajectory", "time")


def test_hidden_state_and_forcing_are_solved_for():
    """dx/dt = v, dv/dt = −k·x + u(t); only x is measured, u is known. With k = 3 and u = cos t,

    x = (cos t − cos √3·t)/2 + sin √3·t/√3 starts at x = 0, v = 1.
    """
    fine = np.linspace(0.0, 6.0, 601)
    force = xr.DataArray(np.cos(fine), dims="time", coords={"time": fine})

    def oscillator(t, state, p, net, forcing):
        return {"x": state.v, "v": -p.k * state.x + forcing.u}

    times, w = np.linspace(0.0, 6.0, 31), np.sqrt(3.0)
    x = 0.5 * (np.cos(times) - np.cos(w * times)) + np.sin(w * times) / w
    model = ude.ODE(
        oscillator,
        ["x", "v"],
        {"k": ude.Parameter(2.5, positive=True)},
        forcings={"u": force},
        initial={"x": 0.0, "v": ude.Parameter(0.5)},
    )
    data = xr.Dataset({"x": ("time", x)}, coords={"time": times})
    fit = ude.fit(model, data, phases=ude.BFGS(60), **{**QUIET, "solver": ude.Tsit5(rtol=1e-5)})
    assert float(fit.parameters["k"]) == pytest.approx(3.0, rel=1e-3)
    assert float(fit.parameters["initial.v"][0]) == pytest.approx(1.0, rel=1e-3)
    assert fit.record.observations.names == ("x",)


def test_auto_takes_a_stiff_solver_for_robertson_and_says_so():
    """Robertson 1966: rates 0.04, 3e7, 1e4."""

    def robertson(t, state, p):
        slow, fast, back = p.slow * state.a, 3e7 * state.b**2, 1e4 * state.b * state.c
        return {"a": -slow + back, "b": slow - back - fast, "c": fast}

    start = {"a": 1.0, "b": 0.0, "c": 0.0}
    times = np.array([0.4, 4.0, 40.0])
    truth = ude.ODE(robertson, ["a", "b", "c"], {"slow": 0.04}, initial=start)
    solution = truth.solve(times, start=0.0)
    assert solution.solver.startswith("kvaerno5")
    # Hairer & Wanner, Solving Ordinary Differential Equations II: the standard test values.
    np.testing.assert_allclose(solution["a"], [0.9851721, 0.9055187, 0.7158271], rtol=2e-5)
    model = ude.ODE(robertson, ["a", "b", "c"], {"slow": ude.Parameter(0.05, positive=True)}, initial=start)
    data = solution.dataset[["a", "c"]]
    data = xr.concat([xr.Dataset({"a": ("time", [1.0]), "c": ("time", [0.0])}, coords={"time": [0.0]}), data], "time")
    fit = ude.fit(model, data, phases=ude.Adam(1e-2, 5), solver=ude.Auto(atol=1e-8), progress=False)
    assert fit.record.settings.solver.name == "kvaerno5"
    assert any(event.startswith("solver auto → kvaerno5") for event in fit.record.events)
    total = fit.record.history.joined(1)["total"][0]
    assert (np.diff(total) < 0).all()
    assert 0.04 < float(fit.parameters["slow"]) < 0.05
