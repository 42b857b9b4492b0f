"""The gradient audit of residual fits: sick fits get the right names and remedies, healthy ones none; stored, drawn."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.audit.pathology.causality import causality_finding
from unideq.audit.pathology.concentration import concentration_finding
from unideq.audit.pathology.conflict import conflict_finding
from unideq.audit.pathology.generalisation import generalisation_finding
from unideq.audit.pathology.gradient_balance import balance_finding
from unideq.audit.pathology.moments import Moments
from unideq.audit.pathology.progress import progress_finding
from unideq.audit.pathology.residual_points import concentration, time_slices
from unideq.audit.pathology.stiffness import stiffness_finding
from unideq.errors import OptionError

PI = np.pi
PATHOLOGIES = ("balance", "stiffness", "conflict", "causality", "concentration", "generalisation")


def network(inputs, units=20, layers=2):
    return ude.nn.MLP(inputs, 1, hidden=(units,) * layers, initializer="glorot_normal")


def train(problem, iterations, **settings):
    settings = {"objective": ude.Residual(points=64), **settings}
    phases = [ude.Adam(1e-3, iterations)]
    return ude.fit(problem, phases=phases, report_every=max(1, iterations // 10), progress=False, **settings)


@cache
def helmholtz():
    """Wang et al.'s M1: weights 1, a source that makes the residual's gradients thousands of times the walls'."""

    def equation(at, field):
        q = (1 - PI**2 - (4 * PI) ** 2) * np.sin(PI * at.x) * np.sin(4 * PI * at.y)
        return ude.d(field.u, at.x, 2) + ude.d(field.u, at.y, 2) + field.u - q

    terms = {"pde": ude.Interior(equation), "walls": ude.Boundary(lambda at, field: field.u)}
    problem = ude.ResidualProblem({"x": (-1, 1), "y": (-1, 1)}, {"u": network(2, 30, 3)}, terms)
    return train(problem, 1500, objective=ude.Residual(points=128))


def poisson(**terms):
    def equation(at, field):
        return ude.d(field.u, at.x, 2) + PI**2 * np.sin(PI * at.x)

    ends = ude.Boundary(lambda at, field: field.u, weight=30.0)
    return ude.ResidualProblem({"x": (0, 1)}, {"u": network(1)}, {"pde": ude.Interior(equation), "ends": ends, **terms})


@cache
def healthy():
    return train(poisson(), 1500)


@cache
def convection():
    def equation(at, field):
        return ude.d(field.u, at.t) + 30.0 * ude.d(field.u, at.x)

    start = ude.Initial(lambda at, field: field.u - np.sin(at.x), weight=100.0)
    field = ude.Field(network(3), periodic={"x": 1})
    problem = ude.ResidualProblem(
        {"t": (0, 1), "x": (0, 2 * PI)}, {"u": field}, {"pde": ude.Interior(equation), "start": start}
    )
    return train(problem, 2500)


def gradients(fit):
    """What is stored, without the coordinates that it inherits."""
    return fit.tree["/diagnostics/gradients"].to_dataset(inherit=False)


def severities(audit):
    return {f.check: f.severity for f in audit.findings}


def finding(audit, check):
    return next(f for f in audit.findings if f.check == check)


# ---- real fits --------------------------------------------------------------------------------------------------


def test_a_healthy_fit_has_no_pathology():
    fit = healthy()
    x = np.linspace(0, 1, 50)
    assert float(np.abs(fit.predict(x=x)["u"] - np.sin(PI * x)).max()) < 0.02
    audit = fit.audit()
    assert severities(audit) == dict.fromkeys([*(c for c in PATHOLOGIES if c != "causality"), "progress"], "ok")
    assert audit.passed and not any(f.advice for f in audit.findings)


def test_plain_training_on_helmholtz_is_unbalanced_and_stiff():
    audit = helmholtz().audit()
    found = severities(audit)
    assert (found["balance"], found["stiffness"], found["generalisation"]) == ("warning", "warning", "ok")
    balance, stiffness = finding(audit, "balance"), finding(audit, "stiffness")
    assert "unbalanced gradients: those of `pde`" in balance.statement
    assert "ude.LearningRateAnnealing()" in balance.advice and "ude.GradientNorm()" in balance.advice
    assert float(balance.evidence["kernel_ratio"].sel(term="walls")) > 1000.0
    assert "ude.nn.ModifiedMLP" in stiffness.advice and "ude.SOAP" in stiffness.advice
    d = audit["balance"].dataset
    assert float(d["hessian_max"][-1] * d["learning_rate"][-1]) > 100.0
    assert float(d["hessian_max"][-1]) > 100.0 * float(d["hessian_max"][0])


def test_convection_solved_late_before_early_violates_causality():
    audit = convection().audit(["causality"])
    (found,) = audit.findings
    assert found.severity == "warning" and found.statement.startswith("causality is violated")
    assert "balance=ude.Causal()" in found.advice
    assert float(found.evidence["drift"].sel(term="pde")) > 30.0


def test_few_fixed_points_are_called_overfitted():
    fit = train(poisson(), 1500, objective=ude.Residual(points=5, sampler=ude.samplers.Uniform(redraw=None)))
    (found,) = fit.audit(ude.audit.Generalisation(points=100)).findings
    assert found.severity == "warning" and found.statement.startswith("overfitted points")
    assert "ude.Residual(points=" in found.advice


def test_training_is_measured_at_its_own_points_with_the_parameters_that_are_judged():
    """While a loss falls, earlier logs would make training look worse than it is, and generalisation better."""
    objective = ude.Residual(points=16, sampler=ude.samplers.Uniform(redraw=None))
    problem = poisson()
    fit = train(problem, 150, objective=objective)
    audit = fit.audit([ude.audit.Generalisation(points=100), ude.audit.Progress(points=100)])
    evidence = finding(audit, "generalisation").evidence
    for name in ("pde", "ends"):
        residual = problem.residual(name, objective.draw(problem, name, 0, 0), fit.theta)[name]
        assert float(evidence["training"].sel(term=name)) == pytest.approx(float(np.mean(residual**2)), rel=1e-6)
    logged = fit.record.history.joined(1)["total"][0]
    assert np.median(logged[-50:]) > 1.2 * logged[-1]


def test_a_total_that_still_falls_is_no_clean_bill():
    (found,) = [progress_finding(made().assign_attrs(still_falling=4.0, reference="pde"))]
    assert found.severity == "note" and "the total fell 4 times in the last fifth of training" in found.statement
    assert progress_finding(made().assign_attrs(still_falling=1.2)).severity == "ok"
    k = np.arange(1000)
    steep = Moments(None, None, k[:2], np.zeros((2, 1)), np.zeros(2), total=10.0 ** (-k / 500))  # type: ignore[arg-type]
    assert steep.still_falling == pytest.approx(10**0.4, rel=0.02)
    assert np.isnan(replace(steep, total=np.ones(5)).still_falling)


def test_terms_that_contradict_each_other_conflict():
    middle = ude.Boundary(lambda at, field: field.u - 0.2, sides={"x": 0.5}, weight=30.0)
    (found,) = train(poisson(middle=middle), 1000).audit(ude.audit.Conflict(points=100)).findings
    assert found.severity == "warning" and "conflicting gradients: those of `ends` and `middle`" in found.statement
    assert "balance=ude.ConFIG()" in found.advice


def test_what_was_found_is_in_the_tree_and_comes_back_from_the_file(tmp_path):
    fit = healthy()
    audit = fit.audit()
    stored = gradients(fit)
    assert stored.identical(audit["balance"].dataset)
    fit.save(tmp_path / "fit.nc")
    loaded = ude.Fit.load(tmp_path / "fit.nc")
    assert gradients(loaded).identical(stored)
    assert list(loaded.tree["/diagnostics/audit_findings"]["check"].values) == [f.check for f in audit.findings]


def test_a_term_that_is_only_watched_is_stored_with_nothing():
    watched = poisson(size=ude.Interior(lambda at, field: field.u, weight=0.0))
    fit = train(watched, 20)
    audit = fit.audit(["balance", "conflict"])
    assert list(audit["balance"].dataset["term"].values) == ["pde", "ends"]
    assert np.isnan(gradients(fit)["norm"].sel(term="size")).all()


def test_the_dataset_starts_at_the_initial_parameters_and_ends_at_the_reported_ones():
    fit = healthy()
    audit = fit.audit(["progress"])
    d = audit["progress"].dataset
    assert int(d["iteration"][0]) == 0 and int(d["iteration"][-1]) == 1500
    program = ude.Residual().validation(fit.model, 256)
    for k, theta in ((0, fit.record.model.initial_theta(0)), (-1, fit.theta)):
        value = fit.engine.value(program, theta)
        np.testing.assert_allclose(d["loss"].isel(iteration=k), [value.terms[t] for t in d["term"].values], rtol=1e-9)
    assert "stiffness" not in severities(audit) and "hessian_max" not in d


def test_the_picture_shows_every_term_in_every_layer_and_the_numbers_over_training():
    audit = helmholtz().audit()
    figure = audit.plot()
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == [*(f"u.layer_{k}" for k in (1, 2, 3, 4)), "gradient ratios", "Hessian", "terms (validation)"]
    for ax in figure.axes[:4]:
        assert ax.get_legend_handles_labels()[1] == ["pde", "walls"]
    (curve,) = [line for line in figure.axes[5].lines if line.get_label() == "λ_max"]
    np.testing.assert_array_equal(curve.get_ydata(), audit["balance"].dataset["hessian_max"])


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        (lambda: ["stifness"], "stiffness"),
        (lambda: ude.audit.Balance(snapshots=1), "whole number >= 2"),
        (lambda: ude.audit.Balance(seed=7), "no seed 7"),
    ],
)
def test_settings_that_make_no_sense_are_refused(checks, message):
    with pytest.raises(OptionError, match=message):
        healthy().audit(checks())


# ---- verdicts ---------------------------------------------------------------------------------------------------


def made(**changes):
    """A healthy dataset of two terms at three moments, with changes."""
    dims = ("iteration", "term")
    ones = np.ones((3, 2))
    values = {
        "norm": (dims, ones), "weight": (dims, ones), "norm_ratio": (dims, ones), "annealing_ratio": (dims, 20 * ones),
        "kernel_trace": (dims, ones), "loss": (dims, ones * 1e-4), "concentration": (dims, 0.3 * ones),
        "cosine": ((*dims, "other"), np.ones((3, 2, 2))), "left": ("term", [1e-5, 1e-5]),
        "training_loss": ("term", [1e-4, 1e-4]), "hessian_max": ("iteration", [50.0, 900.0, 1000.0]),
        "hessian_min": ((), -1.0), "learning_rate": ("iteration", [1e-3] * 3),
        "slice_loss": ((*dims, "slice"), np.ones((3, 2, 10))),
    }  # fmt: skip
    coordinates = {"iteration": [0, 50, 100], "term": ["pde", "walls"], "other": ["pde", "walls"]}
    return xr.Dataset({**values, **changes}, coordinates, {"reference": "pde"})


LATER = np.array([False, True, True])
DECIDE = {
    "balance": lambda d: balance_finding(d, LATER),
    "stiffness": stiffness_finding,
    "conflict": lambda d: conflict_finding(d, LATER),
    "causality": lambda d: causality_finding(d, False),
    "concentration": concentration_finding,
    "generalisation": generalisation_finding,
}
LEFT = {"left": ("term", [0.2, 0.5])}
AGAINST = np.broadcast_to([[1.0, -0.9], [-0.9, 1.0]], (3, 2, 2))
EARLY = np.broadcast_to(np.where(np.arange(10) < 3, 50.0, 1.0), (3, 2, 10))
SICK = {
    "balance": {"norm_ratio": (("iteration", "term"), np.array([[1.0, 40.0]] * 3))},
    "stiffness": {"learning_rate": ("iteration", [0.1] * 3)},
    "conflict": {"cosine": (("iteration", "term", "other"), AGAINST)},
    "causality": {"slice_loss": (("iteration", "term", "slice"), EARLY)},
    "concentration": {"concentration": (("iteration", "term"), np.full((3, 2), 0.9))},
    "generalisation": {"training_loss": ("term", [1e-6, 1e-6])},
}


@pytest.mark.parametrize("check", PATHOLOGIES)
def test_a_pathology_is_a_warning_only_where_something_is_left_to_solve(check):
    assert DECIDE[check](made()).severity == "ok"
    assert DECIDE[check](made(**LEFT)).severity == "ok"
    assert DECIDE[check](made(**SICK[check])).severity in ("ok", "note")
    assert DECIDE[check](made(**SICK[check], **LEFT)).severity == "warning"


@pytest.mark.parametrize("check", PATHOLOGIES)
def test_every_remedy_is_something_that_exists(check):
    advice = DECIDE[check](made(**SICK[check], **LEFT)).advice
    names = re.findall(r"ude\.([A-Za-z_.]+)", advice)
    assert names
    for name in names:
        thing = ude
        for part in name.split("."):
            thing = getattr(thing, part)


def test_a_fit_that_is_not_done_is_told_without_a_pathology():
    found = progress_finding(made(**LEFT))
    assert found.severity == "note" and "50 % of the largest value of `walls` is left" in found.statement
    assert progress_finding(made()).severity == "ok"


def test_a_term_that_drowns_the_equation_should_weigh_less():
    drowned = made(
        norm_ratio=(("iteration", "term"), np.array([[1.0, 1e-3]] * 3)),
        kernel_trace=(("iteration", "term"), np.array([[1.0, 1e6]] * 3)),
        **LEFT,
    )
    found = DECIDE["balance"](drowned)
    assert found.severity == "warning" and "those of `walls` are 1e+03 times" in found.statement
    assert "smaller weight" in found.advice


def test_concentration_of_normal_residuals_is_28_per_cent_and_of_a_spike_all():
    residual = np.random.default_rng(0).normal(size=200_000) ** 2
    np.testing.assert_allclose(concentration(residual), 0.2787, atol=0.005)  # ∫ r² φ over |r| > 1.96: 0.279
    np.testing.assert_allclose(concentration(np.eye(100)[3]), 1.0)
    np.testing.assert_allclose(concentration(np.zeros(100)), 0.05)


def test_time_slices_are_means_over_equal_pieces_of_time():
    t = np.linspace(2.0, 4.0, 1000)
    np.testing.assert_allclose(time_slices(t, t[None], 2.0, 4.0)[0], 2.1 + 0.2 * np.arange(10), atol=2e-3)
    assert np.isnan(time_slices(np.array([2.0]), np.ones((1, 1)), 2.0, 4.0)[0, 1:]).all()
