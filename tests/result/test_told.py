"""What a fit tells of its own limits: spreads that are no intervals, predictions far out, states that weren't seen."""

import inspect
import warnings
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.audit.recovery.samples import argument_texts
from unideq.errors import ModelError, UnideqWarning
from unideq.model.names import RESERVED
from unideq.result.horizon import warn_far
from unideq.result.member import member_of
from unideq.result.plot.history import plot_history
from unideq.result.rows import SPREAD

TIMES = np.linspace(0.0, 4.0, 9)


def rhs(t, state, p, net):
    return {"x": -p.delta * state.x + net.f_initial(state.x / state.S), "S": -state.x}


@pytest.fixture(scope="module")
def fit():
    """A state `S` that isn't measured, and networks whose names look like those of initial values."""
    model = ude.ODE(
        rhs,
        ["x", "S"],
        {"delta": ude.Parameter(0.5, positive=True, units="1/d")},
        networks={"f_initial": ude.nn.MLP(1, 1, (3,), last_layer_scale=0.1)},
        initial={"S": 9.0},
    )
    data = xr.Dataset({"x": ("time", np.exp(-0.5 * TIMES))}, coords={"time": TIMES})
    return ude.fit(
        model, data, phases=ude.Adam(1e-3, 4), seeds=2, regularise=1e-3, solver=ude.RK4(dt=0.5), holdout=0.25,
        progress=False,
    )  # fmt: skip


def test_predictions_start_elsewhere_whatever_networks_are_called(fit):
    found = fit.predict(TIMES, initial={"x": 2.0})
    assert float(found["x"][0]) == 2.0 and float(found["S"][0]) == 9.0


def test_own_names_in_the_file_are_nobodys(fit):
    """All names that stand beside a user's are refused for users, derived from theirs, or no names in Python."""
    given = {"x", "S", "delta", "f_initial"}
    for group in ("/observations", "/solution", "/learned_term", "/parameters"):
        found = fit.tree[group].to_dataset(inherit=False)
        for name in map(str, {*found.variables, *found.dims} - given):
            if not name.isidentifier() or name.startswith("f_initial_"):
                continue
            with pytest.raises(ModelError, match="is taken"):
                ude.ODE(lambda t, state, name=name: {name: -state[name]}, [name])
    assert {"start", "held_out"} <= {str(n) for n in fit.tree["/observations"].to_dataset().variables}
    assert set(RESERVED["start"]) == {"state", "observable", "condition"}


def test_a_parameter_is_printed_with_its_spread_over_seeds_and_what_that_isnt(fit):
    record = fit.record
    theta = record.best_theta.copy()
    window = record.layout.window("delta")
    low, high = (record.layout["delta"].unconstrain(v) for v in (1.07, 1.85))
    theta[:, window] = [[float(low)], [float(high)]]
    spread = ude.Fit(replace(record, best_theta=theta, best_total=np.array([1.0, 1.1])), fit.engine)
    (line,) = [k for k in repr(spread).splitlines() if k.strip().startswith("delta")]
    assert "1.07 1/d  (seeds: 1.07 to 1.85)" in line
    assert repr(spread).splitlines()[-1].strip() == SPREAD
    assert "no interval" in SPREAD
    alone = ude.Fit(replace(record, best_theta=theta, best_total=np.array([1.0, 9.0])), fit.engine)
    assert "seeds:" not in repr(alone)
    assert SPREAD[6:] in spread._repr_html_()


def test_the_history_shows_terms_as_they_count(fit):
    ax = plot_history(fit)
    lines = {line.get_label(): np.asarray(line.get_ydata(), dtype=float) for line in ax.lines}
    logs = fit.record.history.joined(2)
    best = fit.record.best_seed
    np.testing.assert_allclose(lines["term regularisation × 0.001"], 1e-3 * logs["terms"]["regularisation"][best])
    total = lines["term regularisation × 0.001"] + lines["term x"]
    np.testing.assert_allclose(total, lines[f"total, seed {fit.best_seed}"], rtol=1e-10)


@pytest.mark.parametrize("seed", [0, 1])
def test_one_member_alone(fit, seed):
    alone = member_of(fit, seed)
    assert alone.seeds == (seed,) and alone.best_seed == seed
    np.testing.assert_array_equal(alone.theta, fit.record.chosen_theta[seed])
    np.testing.assert_array_equal(
        alone.record.history.joined(1)["total"][0], fit.record.history.joined(2)["total"][seed]
    )
    xr.testing.assert_identical(
        alone.tree["/solution"].to_dataset(inherit=False)["x"].isel(seed=0, drop=True),
        fit.tree["/solution"].to_dataset(inherit=False)["x"].sel(seed=seed, drop=True),
    )


def test_a_seed_can_be_drawn(fit):
    figure = fit.plot(seed=1)
    assert "seed 1" in figure.get_suptitle()
    with pytest.raises(ude.OptionError, match="no seed 7"):
        fit.plot(seed=7)


def test_a_prediction_far_beyond_the_record_is_told(fit):
    train, _ = fit.record.observations.split(fit.record.settings.holdout)
    length = train.series[0].times[-1]
    with pytest.warns(UnideqWarning, match="25 times as long as the longest trajectory"):
        warn_far(train, np.array([0.0, 25 * length]))
    with pytest.warns(UnideqWarning, match="11 times as long"):
        warn_far(train, np.array([3.0, 3.0 + 11 * length]), 3.0)
    with pytest.warns(UnideqWarning, match="as long as the longest trajectory"):
        fit.predict([0.0, 12 * length])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit.predict([0.0, 2 * length])


def test_an_audit_of_a_partly_observed_fit_uses_its_own_trajectories_and_says_so(fit):
    audit = fit.audit(checks="shift")
    states, shift = audit.findings
    assert states.severity == "note" and "`S` is not measured completely" in states.statement
    assert "the fit's own trajectories" in states.statement
    assert shift.check == "shift" and "training conditions" in shift.statement
    assert audit["shift"].datasets["f_initial"].sizes["step"] == 7  # the training part, without what was held out


def test_held_out_measurements_are_no_part_of_the_training_distribution(fit):
    whole = fit.predict(TIMES)[["x", "S"]]
    audit = fit.audit(ude.Shift(steps=80), data=whole)
    horizon, shift = audit.findings
    assert horizon.check == "horizon" and "13.3 times as long as the longest trajectory" in horizon.statement
    assert "given conditions" in shift.statement
    assert audit["shift"].datasets["f_initial"]["kind"].values.tolist() == ["given"]


def test_an_audits_settings_can_be_read_off_its_signature():
    found = inspect.signature(ude.Fit.audit).parameters
    assert list(found) == ["self", "checks", "data", "new", "truth"]


def test_formulas_say_what_the_pictures_say(fit):
    assert argument_texts(fit.model, "f_initial") == ["x/S"]


def test_metrics_of_rollouts_are_for_fields(fit):
    with pytest.raises(ModelError, match=r'compares fields over space.*fit.tree\["/diagnostics"\]'):
        fit.rollout_metrics()


def test_an_audit_without_networks_says_what_to_look_at():
    model = ude.ODE(lambda t, state, p: {"x": -p.k * state.x}, ["x"], {"k": 0.4})
    data = xr.Dataset({"x": ("time", np.exp(-0.5 * TIMES))}, coords={"time": TIMES})
    plain = ude.fit(
        model, data, objective=ude.Collocation(), phases=ude.Adam(1e-3, 1), solver=ude.RK4(dt=0.5), progress=False
    )
    (found,) = plain.audit().findings
    assert found.severity == "note" and "no network that enters its equations" in found.statement
