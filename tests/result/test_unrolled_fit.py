"""Unrolled fits from data to file: what is recovered, what is chosen, what is predicted and saved."""

import numpy as np
import pytest

import unideq as ude

from .burgers import STARTS, X, burgers


@pytest.fixture(scope="module")
def data():
    return burgers(0.1).rollout(STARTS, 16)


@pytest.fixture(scope="module")
def fitted(data):
    """With held-out times and mini-batches."""
    return ude.fit(
        burgers(0.2),
        data,
        objective=ude.Unrolled(curriculum=[(1, 60, 2e-2), (3, 60, 5e-3)], batch=8),
        holdout=0.3,
        report_every=20,
        progress=False,
    )


def test_a_full_unroll_recovers_the_viscosity_of_noise_free_data(data):
    phases = [ude.Adam(1e-2, 20), ude.LBFGS(30)]
    found = ude.fit(burgers(0.2), data, objective=ude.Unrolled(4), phases=phases, progress=False)
    assert float(found.parameters["nu"]) == pytest.approx(0.1, abs=1e-6)
    assert found.tree["diagnostics"]["rmse_training"].item() < 1e-6
    metrics = found.rollout_metrics()
    assert float(metrics["relative_l2"].max()) < 1e-5
    other = burgers(0.1).rollout({"u": np.cos(3 * X)}, 10)
    assert float(found.rollout_metrics(other)["relative_l2"].max()) < 1e-5


def test_a_curriculum_is_a_row_of_adam_phases(fitted):
    stages = fitted.record.settings.stages()
    assert [(s.objective.steps, s.iterations, s.phase.learning_rate) for s in stages] == [(1, 60, 2e-2), (3, 60, 5e-3)]
    assert fitted.record.history.iterations == 120
    assert float(fitted.parameters["nu"]) == pytest.approx(0.1, abs=2e-3)
    assert "initial.u" not in fitted.record.layout


def test_the_best_parameters_are_those_of_the_fixed_windows_not_of_the_luckiest_batch(fitted):
    logs = fitted.record.history.joined(1)
    last = logs["judged_total"][0][logs["judged_iteration"] > 60]
    assert len(last) == 3
    assert fitted.record.best_total[0] <= last.min()
    # With a hold-out the fixed windows are the held-out ones: that score is the held-out one.
    assert logs["held_total"][0, -1] == pytest.approx(fitted.record.best_total[0], rel=1e-9)
    assert fitted.tree["training"]["judged_total"].sizes["judgement"] == len(logs["judged_iteration"])


def test_the_solution_is_a_rollout_from_the_first_snapshot_at_the_measured_times(fitted, data):
    solution = fitted.tree["solution"]["u"]
    assert solution.dims == ("seed", "trajectory", "time", "x")
    assert solution["time"].values == pytest.approx(data["time"].values)
    expected = fitted.model.rollout(STARTS, 16, fitted.theta[:1])["u"]
    assert solution.isel(seed=0).values == pytest.approx(expected.values, abs=1e-12)
    held = solution.isel(seed=0).values - data["u"].values
    kept = len(data["time"]) - 5
    rmse = np.sqrt((held[:, kept:] ** 2).mean())
    assert fitted.tree["diagnostics"]["rmse_held_out"].item() == pytest.approx(rmse, rel=1e-9)


def test_predictions_go_anywhere_that_steps_reach(fitted):
    assert fitted.predict(steps=3).sizes["time"] == 4
    path = fitted.predict(initial={"u": np.cos(X)}, steps=5)
    expected = fitted.model.rollout({"u": np.cos(X)}, 5, fitted.theta[:1])
    assert path["u"].values == pytest.approx(expected["u"].values, abs=1e-12)
    later = fitted.predict(time=[0.0, 0.1, 1.5])
    assert np.isfinite(later["u"].values).all()
    with pytest.raises(ude.OptionError, match=r"No rollout reaches time 0\.07"):
        fitted.predict(time=[0.0, 0.07])
    with pytest.raises(ude.OptionError, match="`time` or `steps`"):
        fitted.predict(time=[0.0], steps=2)


def test_the_file_brings_back_every_number(fitted, tmp_path):
    path = tmp_path / "fit.nc"
    fitted.save(path)
    again = ude.Fit.load(path)
    for group in ("solution", "training", "weights", "observations", "diagnostics"):
        for name, values in fitted.tree[group].data_vars.items():
            found = again.tree[group][name].values
            assert np.array_equal(found, values.values, equal_nan=values.dtype.kind == "f"), (group, name)
    assert again.record.settings.objective == fitted.record.settings.objective
    assert again.predict(steps=2)["u"].values == pytest.approx(fitted.predict(steps=2)["u"].values, abs=0)


def test_reports_and_pictures_name_the_scheme(fitted, tmp_path):
    assert "rk4 in steps of 0.05" in repr(fitted)
    path = tmp_path / "report.html"
    fitted.report(path)
    text = path.read_text(encoding="utf-8")
    assert "rk4 in steps of 0.05" in text
    assert "first snapshot" in text


def test_soap_takes_mini_batches_as_adam_does(data):
    objective = ude.Unrolled(steps=2, batch=8)
    made = ude.fit(burgers(0.2), data, objective=objective, phases=ude.SOAP(2e-2, 60), report_every=20, progress=False)
    assert made.status == "finished"
    assert made.parameters["nu"] == pytest.approx(0.1, rel=0.1)
