"""SDEs trained on measurements: likelihoods against exact ones, distributions, files, pictures, audits, refusals."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError, OptionError, UnideqWarning
from unideq.training import trainer

from ..training.specimens import BrokenOff, breaking_off
from .processes import data_of, likeliest, ornstein_uhlenbeck

STEP = 0.1


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    return data_of(ornstein_uhlenbeck(), np.arange(0, 40, STEP), paths=3)


@pytest.fixture(scope="module")
def fitted(data: xr.Dataset) -> ude.Fit:
    start = ornstein_uhlenbeck(rate=1.0, sigma=1.0)
    objective = ude.TransitionLikelihood(substeps=2)
    return ude.fit(start, data, objective=objective, phases=ude.BFGS(40), holdout=0.2, progress=False)


def values(fit: ude.Fit) -> list[float]:
    return [float(fit.parameters[n]) for n in ("rate", "sigma")]


def test_transitions_of_an_ornstein_uhlenbeck_process_have_their_exact_likelihood(fitted, data):
    """Its maximum is known in closed form; two Runge–Kutta steps a transition leave 2 (rate·h)⁵ / 120."""
    exact = likeliest(data.isel(time=slice(0, 320)))
    np.testing.assert_allclose(values(fitted), exact, rtol=1e-4)
    assert fitted.status == "finished"
    found = fitted.tree["/diagnostics"].to_dataset()
    assert abs(float(found["spread_training"][0, 0]) - 1) < 1e-3
    assert abs(float(found["spread_held_out"][0, 0]) - 1) < 0.2
    deviation = np.sqrt(exact[1] ** 2 * (1 - np.exp(-2 * exact[0] * STEP)) / (2 * exact[0]))
    np.testing.assert_allclose(found["rmse_training"], deviation, rtol=1e-3)
    assert fitted.check_gradient().passed


def test_euler_takes_e_to_the_minus_rate_h_for_its_tangent(data):
    """Its estimates: (1 − e^(−rate h)) / h, and sigma of that."""
    start = ornstein_uhlenbeck(rate=1.0, sigma=1.0)
    fit = ude.fit(start, data, objective=ude.TransitionLikelihood("euler"), phases=ude.BFGS(40), progress=False)
    rate, sigma = likeliest(data)
    kept = np.exp(-rate * STEP)
    expected = (1 - kept) / STEP, sigma * np.sqrt((1 - kept**2) / (2 * rate * STEP))
    np.testing.assert_allclose(values(fit), expected, rtol=1e-5)


def test_bands_are_quantiles_of_the_process(fitted):
    rate, sigma = values(fitted)
    found = fitted.predict([0.0, 0.5, 3.0], paths=2000, quantiles=[0.05, 0.5, 0.95])
    assert found["x"].dims == ("trajectory", "quantile", "time")
    deviation = sigma / np.sqrt(2 * rate) * np.sqrt(1 - np.exp(-2 * rate * 3.0))
    last = found["x"].isel(trajectory=0, time=-1).values - np.exp(-rate * 3.0)
    np.testing.assert_allclose(last / deviation, [-1.645, 0.0, 1.645], atol=0.12)
    elsewhere = fitted.predict([0.0, 0.5], initial={"x": 2.0}, quantiles=None, paths=4)
    assert dict(elsewhere.sizes) == {"path": 4, "time": 2} and (elsewhere["x"][:, 0] == 2.0).all()
    solution = fitted.tree["/solution"].to_dataset()
    assert solution["x"].dims == ("seed", "trajectory", "quantile", "time")
    assert (np.diff(solution["x"].values, axis=2) >= 0).all()


def test_a_fit_is_kept_shown_and_reported(fitted, tmp_path):
    fitted.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc")
    assert again.tree["/solution"].to_dataset().identical(fitted.tree["/solution"].to_dataset())
    assert again.predict([0.0, 1.0], paths=5).identical(fitted.predict([0.0, 1.0], paths=5))
    fitted.report(tmp_path / "fit.html")
    page = (tmp_path / "fit.html").read_text(encoding="utf-8")
    assert "d x = (-rate·x) dt + (sigma) dW" in page and "SquaredError" not in page
    assert "transition likelihood" in repr(fitted)


def test_a_filter_finds_drift_and_noise_under_noise_of_the_measurement():
    """Half the variance is the measurement's; a missing value and unequal times don't matter."""
    clean = data_of(ornstein_uhlenbeck(rate=1.0, sigma=1.0), np.arange(0, 60, STEP), paths=2)
    noisy = clean + 0.5 * np.random.default_rng(0).standard_normal(clean["x"].shape)
    noisy["x"][0, 5] = np.nan
    kept = noisy.isel(time=np.delete(np.arange(600), [7, 8, 100]))
    start = ornstein_uhlenbeck(rate=2.0, sigma=0.5)
    settings = {"objective": ude.FilterLikelihood(), "loss": "gaussian", "phases": ude.BFGS(40), "progress": False}
    fit = ude.fit(start, kept, holdout=0.1, **settings)
    np.testing.assert_allclose([*values(fit), float(fit.parameters["noise.x"])], [1.0, 1.0, 0.5], rtol=0.15)
    assert abs(float(fit.tree["/diagnostics"]["spread_held_out"][0, 0]) - 1) < 0.2
    assert fit.audit().passed


def test_a_run_with_fresh_noise_goes_on_bit_for_bit(data, tmp_path, monkeypatch):
    start, objective = ornstein_uhlenbeck(rate=1.0, sigma=1.0), ude.DistributionMatching(steps=2, substeps=2, batch=16)
    settings = {"objective": objective, "phases": ude.Adam(0.02, 12), "progress": False, "report_every": 3}
    whole = ude.fit(start, data, **settings)
    monkeypatch.setattr(trainer, "SAVE_EVERY", 0.0)
    with pytest.raises(BrokenOff):
        ude.fit(start, data, **settings, checkpoint=tmp_path / "half.nc", callback=breaking_off(2))
    resumed = ude.resume(tmp_path / "half.nc", progress=False)
    np.testing.assert_array_equal(resumed.theta, whole.theta)
    np.testing.assert_array_equal(resumed.tree["/training"]["total"], whole.tree["/training"]["total"])


def test_matching_distributions_doesnt_let_the_noise_collapse(data):
    start = ornstein_uhlenbeck(rate=1.0, sigma=0.1)
    objective = ude.DistributionMatching(steps=2, substeps=2, batch=64)
    fit = ude.fit(start, data, objective=objective, phases=ude.Adam(0.1, 100), progress=False)
    rate, sigma = likeliest(data)
    assert (
        abs(float(fit.parameters["sigma"]) / sigma - 1) < 0.15 and abs(float(fit.parameters["rate"]) / rate - 1) < 0.3
    )
    with pytest.warns(UnideqWarning, match="don't determine a distribution"):
        moments = ude.DistributionMatching(steps=2, substeps=2, batch=None, score="moments")
        ude.fit(start, data.isel(time=slice(0, 40)), objective=moments, phases=ude.BFGS(2), progress=False)


def test_an_audit_names_a_collapsed_and_an_inflated_noise(fitted, data):
    good = fitted.audit()
    assert good.passed and [f.check for f in good.findings] == ["distribution"] * 4
    for sigma, word in ((0.1, "the noise collapsed"), (2.0, "the noise is inflated")):
        model = ornstein_uhlenbeck(sigma=sigma).frozen("sigma")
        bad = ude.fit(model, data, objective=ude.TransitionLikelihood(substeps=2), phases=ude.BFGS(3), progress=False)
        found = bad.audit(ude.audit.Distribution(repetitions=20))
        assert found.severity == "warning" and word in found.findings[0].statement
    assert "distribution_x" in good["distribution"].groups
    assert good.plot().axes
    with pytest.raises(OptionError, match="`flow_map` looks at a fit to states over time"):
        fitted.audit("flow_map")
    with pytest.raises(OptionError, match="ude.audit.Distribution".replace(".", r"\.")):
        fitted.audit(data=data)


def short(**more) -> xr.Dataset:
    return xr.Dataset({"x": ("time", [1.0, 0.8, 0.9, 0.7])}, {"time": [0.0, 0.1, 0.2, 0.3], **more})


STARTED = {"phases": ude.BFGS(2), "progress": False}
OF_SDES = "`ude.TransitionLikelihood()`, `ude.FilterLikelihood()`"
REFUSED = {
    "vanishes": (lambda: ude.fit(ude.SDE(lambda t, s: {"x": -s.x, "y": s.x}, lambda t, s: {"x": 1.0}, ["x", "y"]),
                                 short().assign(y=("time", [1.0, 1.1, 1.2, 1.3])),
                                 objective=ude.TransitionLikelihood("euler"), **STARTED),
                 DataError, 'there `y` has no noise (variance of its transition 0). Take `density="moments"`'),
    "vanishes at data": (lambda: ude.fit(ude.SDE(lambda t, s: {"x": -s.x}, lambda t, s: {"x": np.maximum(s.x - 2, 0)},
                                                 ["x"]), short(), **STARTED), DataError, "has no noise"),
    "negative at data": (lambda: ude.fit(ude.SDE(lambda t, s: {"x": -s.x}, lambda t, s: {"x": s.x - 2}, ["x"]), short(),
                                         **STARTED), DataError, "it is a standard deviation, >= 0"),
    "unequal times": (lambda: ude.fit(ornstein_uhlenbeck(), short(time=[0.0, 0.1, 0.25, 0.3]),
                                      objective=ude.DistributionMatching(steps=1, batch=None), **STARTED),
                      DataError, "simulates in equal steps, and the times 0.1 and 0.25"),
    "a loss": (lambda: ude.fit(ornstein_uhlenbeck(), short(), loss="huber", **STARTED), OptionError,
               "so it has no `loss`"),
    "a filter without noise": (lambda: ude.fit(ornstein_uhlenbeck(), short(), objective=ude.FilterLikelihood(),
                                                   **STARTED), OptionError, 'write `loss="gaussian"`'),
    "NaN": (lambda: ude.fit(ude.SDE(lambda t, s: {"x": -s.x, "y": -s.y}, lambda t, s: {"x": 1.0, "y": 1.0}, ["x", "y"]),
                            short().assign(y=("time", [1.0, np.nan, 1.2, 1.3])), **STARTED), DataError, "NaN"),
    "one time": (lambda: ude.fit(ornstein_uhlenbeck(), short().isel(time=[0]), **STARTED), DataError, "time"),
    "a solver": (lambda: ude.fit(ornstein_uhlenbeck(), short(), solver="tsit5", **STARTED), OptionError,
                 "`model.solve("),
    "costs": (lambda: ude.fit(ornstein_uhlenbeck(), short(), cost=lambda t, s: s.x, **STARTED), OptionError, "`cost`"),
    "trajectory": (lambda: ude.fit(ornstein_uhlenbeck(), short(), objective=ude.Trajectory(), **STARTED),
                   OptionError, "`ude.TransitionLikelihood()`"),
    "shooting": (lambda: ude.fit(ornstein_uhlenbeck(), short(), objective=ude.MultipleShooting(2), **STARTED),
                 OptionError, "`ude.TransitionLikelihood()`"),
    "collocation": (lambda: ude.fit(ornstein_uhlenbeck(), short(), objective=ude.Collocation(), **STARTED),
                    OptionError, "`ude.TransitionLikelihood()`"),
    "an ode": (lambda: ude.fit(ude.ODE(lambda t, s, p: {"x": -p.k * s.x}, ["x"], {"k": 1.0}), short(),
                               objective=ude.TransitionLikelihood(), **STARTED), OptionError, "is for `SDE`s"),
    "spread": (lambda: ude.fit(ornstein_uhlenbeck(), short(), objective=ude.FilterLikelihood(spread={"y": 1.0}),
                               loss="gaussian", **STARTED), OptionError, "`y`"),
    "hidden": (lambda: ude.fit(ude.SDE(lambda t, s: {"x": s.v, "v": -s.x}, lambda t, s: {"v": 1.0}, ["x", "v"]),
                               short(), objective=ude.FilterLikelihood(), loss="gaussian", **STARTED),
               ude.ModelError, "`v` isn't measured and has no initial value"),
    "BFGS with batches": (lambda: ude.fit(ornstein_uhlenbeck(), short(), objective=ude.TransitionLikelihood(batch=2),
                                          **STARTED), OptionError, "batch"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cant_be_trained_is_refused(name: str):
    bad, error, says = REFUSED[name]
    with pytest.raises(error, match=re.escape(says)):
        bad()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ude.TransitionLikelihood("milstein"), "`density`"),
        (lambda: ude.TransitionLikelihood(substeps=0), "`substeps`"),
        (lambda: ude.FilterLikelihood(spread={"x": 0.0}), "spread"),
        (lambda: ude.FilterLikelihood(spread=1.0), "spread"),
        (lambda: ude.DistributionMatching(score="mean"), "score"),
        (lambda: ude.DistributionMatching(batch=1), "`batch`"),
        (lambda: ude.DistributionMatching(steps=0), "`steps`"),
    ],
)
def test_settings_are_checked(make, says: str):
    with pytest.raises(OptionError, match=says):
        make()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"paths": 1}, "`paths`"),
        ({"quantiles": [1.5]}, "`quantiles`"),
        ({"steps": 3}, "`steps` is for steppers"),
        ({"conditions": {"c": 1.0}}, "go with `initial`"),
        ({"initial": {"x": 1.0}}, "two output times"),
        ({"time": [0.0, 0.1, 0.25]}, "equal steps"),
    ],
    ids=str,
)
def test_predictions_that_cant_be_are_refused(fitted, settings, says: str):
    with pytest.raises((OptionError, DataError), match=says):
        fitted.predict(**settings)
