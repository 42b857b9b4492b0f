"""Fits of backward problems: the value and its interval, files, resuming, pictures, reports, audits."""

import numpy as np
import pytest

import unideq as ude
from unideq.result.info import describe_file

SETTINGS = {"objective": ude.Martingale(paths=16), "report_every": 5, "progress": False, "seeds": 2}


@pytest.fixture(scope="module")
def ready():
    return ude.problems.BlackScholesBarenblatt(dimension=3, steps=4)


@pytest.fixture(scope="module")
def problem(ready):
    return ready.problem(network=ude.nn.MLP(4, 3, (6,), last_layer_scale=0.1))


@pytest.fixture(scope="module")
def fit(problem):
    return ude.fit(problem, phases=ude.Adam(3e-3, 20), **SETTINGS)


def test_the_value_lies_in_its_interval(fit, ready):
    found = fit.tree["diagnostics"]
    assert dict(found.sizes) == {"seed": 2, "noise": 3}
    assert (found["low"] <= ready.value).all()
    assert (ready.value <= found["high"]).all()
    np.testing.assert_allclose(found["u0"], ready.value, rtol=0.01)
    slope = 2 * 0.4 * ready.start**2 * np.exp(0.21)  # σ x ∂u/∂x
    np.testing.assert_allclose(found["z0"], np.stack([slope] * 2), rtol=0.1)


def test_training_lowers_the_loss_on_paths_that_it_never_sees(fit):
    judged = np.stack(fit.record.history.judged_total, axis=1)
    assert (judged[:, -1] < judged[:, 0]).all()
    assert fit.status == "finished"


def test_predictions_are_paths_with_labels(fit):
    found = fit.predict(5, seed="all")
    assert dict(found.sizes) == {"seed": 2, "path": 5, "time": 5, "coordinate": 3, "step": 4, "noise": 3}
    np.testing.assert_allclose(found["u"][:, :, 0], np.broadcast_to(found["u"][:, :1, 0], (2, 5)))
    np.testing.assert_allclose(found["terminal"], (found["x"].isel(time=-1) ** 2).sum("coordinate"))
    assert not np.array_equal(found["x"], fit.predict(5, draw=2)["x"])
    one = fit.model([0.25], found["x"].values[0, 1])
    np.testing.assert_allclose(one["z"], fit.predict(5)["z"][0, 1])


def test_a_file_gives_all_of_it_back_and_says_what_it_is(fit, tmp_path):
    fit.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc")
    assert again.tree.identical(fit.tree)
    np.testing.assert_array_equal(again.predict(3)["u"], fit.predict(3)["u"])
    assert "a fit of a backward problem" in describe_file(tmp_path / "fit.nc")
    fit.report(tmp_path / "fit.html")
    assert "u(t₀, x₀)" in (tmp_path / "fit.html").read_text(encoding="utf-8")
    fit.plot(tmp_path / "fit.png", exact=1.0)
    assert "BackwardProblem" in repr(fit)


def test_an_interrupted_run_goes_on_to_the_same_end(problem, fit, tmp_path):
    def interrupt(report):
        if report.iteration == 10:
            raise KeyboardInterrupt

    path = tmp_path / "part.nc"
    part = ude.fit(problem, phases=ude.Adam(3e-3, 20), checkpoint=path, callback=interrupt, **SETTINGS)
    assert part.status.startswith("interrupted: after 10")
    np.testing.assert_array_equal(ude.resume(path, progress=False).theta, fit.theta)


def test_training_goes_on_from_a_fit(fit):
    more = fit.train(ude.Adam(1e-3, 5), progress=False)
    assert more.record.history.iterations == 5
    assert (more.record.best_total <= fit.record.best_total).all()


def test_an_audit_names_the_value_and_what_networks_miss(fit, ready):
    audit = fit.audit(ude.audit.MartingaleResidual(paths=512, refine=2))
    assert "u(t₀, x₀) is" in str(audit)
    assert audit["martingale"].groups["martingale"].attrs["paths"] == 512
    assert "seed" in str(audit)
    audit.plot()


def test_an_audit_warns_of_networks_that_learned_nothing(ready):
    plain = ready.problem(network=ude.nn.MLP(4, 3, (6,), last_layer_scale=0.1), guided=False)
    audit = ude.fit(plain, phases=ude.Adam(1e-6, 1), progress=False).audit()
    assert not audit.passed
    assert "the martingale residual is large" in str(audit)
    assert "fit.train" in str(audit)


@pytest.mark.parametrize("method", ["residuals", "recover", "check_gradient", "rollout_metrics", "rankings"])
def test_what_it_has_not_is_refused_by_name(fit, method):
    with pytest.raises(ude.OptionError, match=f"`{method}` isn't for backward problems"):
        getattr(fit, method)()


def test_fresh_paths_need_a_phase_that_takes_them(problem):
    with pytest.raises(ude.OptionError, match="fresh batches need Adam"):
        ude.fit(problem, phases=ude.BFGS(5), progress=False)
