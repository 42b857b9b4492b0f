"""Recovery: formulas come back from data that hold them, spurious terms don't, and what was found can be kept."""

import sys
import warnings

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.audit.recovery import Library
from unideq.audit.recovery.refit import Likelihood, Refit
from unideq.audit.recovery.search import criterion_penalty
from unideq.audit.recovery.selection import _finalists, _predicting
from unideq.audit.recovery.sparse import candidate_supports
from unideq.audit.recovery.symbolic import latex_of, sympy_of, text_of
from unideq.errors import DataError, ExtraMissing, FileFormatError, ModelError, OptionError

pytest.importorskip("diffrax")
sympy = pytest.importorskip("sympy")
pytest.importorskip("pysindy")

ALPHA, BETA, GAMMA, DELTA = 1.3, 0.9, 0.8, 1.8
START = {"x": 0.44249296, "y": 4.6280594}


def truth(t, state, p):
    return {"x": ALPHA * state.x - BETA * state.x * state.y, "y": GAMMA * state.x * state.y - DELTA * state.y}


def hybrid(t, state, p, net):
    eaten, born = net.interaction(state.x, state.y)
    return {"x": ALPHA * state.x + eaten, "y": born - p.death * state.y}


@pytest.fixture(scope="module")
def fit():
    """A hybrid model of the Lotka–Volterra equations, trained on nearly noise-free measurements."""
    times = np.linspace(0.0, 3.0, 31)
    clean = ude.ODE(truth, ["x", "y"]).solve(times, START, solver="tsit5").dataset
    generator = np.random.default_rng(3)
    data = clean.map(lambda v: v + 1e-3 * float(v.mean()) * generator.standard_normal(v.shape))
    model = ude.ODE(
        hybrid,
        ["x", "y"],
        parameters={"death": ude.Parameter(DELTA, free=False)},
        networks={"interaction": ude.nn.MLP(2, 2, hidden=(5, 5), activation="rbf")},
    )
    phases = [ude.Adam(2e-2, 200, objective=ude.Collocation()), ude.BFGS(60)]
    return ude.fit(
        model, data, objective=ude.MultipleShooting(6), phases=phases, seeds=2, solver="tsit5", progress=False
    )


@pytest.fixture(scope="module")
def recovery(fit):
    return fit.recover("interaction", library=Library(3, ["sin"]), progress=False)


def test_the_interaction_comes_back_with_its_coefficients(recovery):
    found = dict(zip(recovery.coefficients["output"].values, recovery.coefficients["term"].values, strict=True))
    assert found == {"interaction[0]": "x·y", "interaction[1]": "x·y"}
    estimates = recovery.coefficients["estimate"].values
    np.testing.assert_allclose(estimates, [-BETA, GAMMA], rtol=0.01)
    errors = recovery.coefficients["standard_error"].values
    assert (errors > 0).all() and (np.abs(estimates - [-BETA, GAMMA]) < 4 * errors).all()


def test_the_refit_model_has_no_network_and_extrapolates(recovery):
    assert not recovery.model.networks
    later = np.linspace(0.0, 20.0, 81)
    found = recovery.model.solve(later, recovery.initial, solver="tsit5").dataset
    true = ude.ODE(truth, ["x", "y"]).solve(later, START, solver="tsit5").dataset
    for name in ("x", "y"):
        assert float(np.abs(found[name] - true[name]).max()) < 0.03 * float(true[name].max())


def test_the_refit_is_a_fit_of_the_same_data(fit, recovery):
    assert recovery.fit.status == "finished"
    np.testing.assert_array_equal(recovery.fit.tree["/observations"]["x"], fit.tree["/observations"]["x"])
    assert float(recovery.fit.tree["/diagnostics"]["r_squared_training"].min()) > 0.9999


def test_spurious_terms_are_tried_and_rejected(recovery):
    table = recovery.table
    assert int(table["chosen"].sum()) == 1
    assert (np.diff(table["difference"].values) >= 0).all()
    longer, chosen = table["terms"].values > 2, table["chosen"].values == 1
    assert longer.sum() > 5 and not longer[chosen].any()
    # They fit better, as any further term does, but not by what a term must bring.
    gain = table["log_likelihood"].values[longer] - table["log_likelihood"].values[chosen]
    assert gain.max() > 0 and (table["difference"].values[longer] > table["difference"].values[chosen] - 6.0).all()


def test_it_is_stored_in_the_tree_and_the_file(fit, recovery, tmp_path):
    stored = fit.tree["/symbolic/interaction"].to_dataset()
    assert stored.attrs["equations"] == recovery.equations
    fit.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc").tree["/symbolic/interaction"].to_dataset()
    assert again.identical(stored)


def test_a_saved_model_gives_the_same_solution(recovery, tmp_path):
    recovery.model.save(tmp_path / "found.json")
    again = ude.ODE.load(tmp_path / "found.json")
    times = np.linspace(0.0, 10.0, 21)
    one, two = (m.solve(times, START, solver="tsit5").dataset for m in (recovery.model, again))
    assert one.identical(two)
    assert again.equations().text == recovery.model.equations().text


def test_equations_appear_as_text_sympy_and_latex(recovery):
    assert recovery.equations.split("\n")[0].startswith("interaction[0](x, y) = -0.")
    x, y = sympy.symbols("x y", real=True)
    expression = recovery.sympy["interaction[1]"]
    assert float(expression.coeff(x * y)) == pytest.approx(GAMMA, rel=0.01)
    assert r"\mathrm{interaction}_{1} &= - 0." in recovery.latex and "x y" in recovery.latex
    assert recovery._repr_latex_().startswith("$$")
    assert "→" in repr(recovery) and recovery.equations.split("\n")[1] in repr(recovery)


def test_without_refit_the_regression_is_taken_as_it_is(fit):
    quick = fit.recover(library=2, refit=False, ensemble=False, method="stlsq", progress=False)
    assert quick.fit is None
    assert np.isnan(quick.coefficients["standard_error"].values).all()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"network": "interactoin"}, ModelError, "Did you mean `interaction`"),
        ({"method": "lasso"}, OptionError, "`stlsq`"),
        ({"criterion": "aci"}, OptionError, "`aicc`"),
        ({"max_terms": 0}, OptionError, "max_terms"),
        ({"parsimony": -1.0}, OptionError, "parsimony"),
        ({"library": Library(0, constant=True), "budget": 0}, OptionError, "budget"),
        ({"library": {"odd name": np.sin}}, OptionError, "isn't a Python identifier"),
        ({"library": ["sine"]}, OptionError, "Did you mean `sin`"),
        ({"library": 3.5}, OptionError, "Library"),
    ],
)
def test_bad_settings_are_named(fit, arguments, error, words):
    with pytest.raises(error, match=words):
        fit.recover(progress=False, **arguments)


def test_a_network_that_is_never_called_has_nothing_to_recover():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ude.UnideqWarning)
        model = ude.ODE(lambda t, state, p: {"x": -state.x}, ["x"], networks={"idle": ude.nn.MLP(1, 1, (2,))})
    data = xr.Dataset({"x": ("time", np.exp(-np.arange(4.0)))}, coords={"time": np.arange(4.0)})
    idle = ude.fit(model, data, phases=ude.Adam(1e-3, 1), solver="tsit5", progress=False)
    with pytest.raises(ModelError, match="isn't called"):
        idle.recover("idle")


def test_missing_packages_are_named_with_the_command(fit, monkeypatch):
    monkeypatch.setitem(sys.modules, "pysindy", None)
    with pytest.raises(ExtraMissing, match=r'pip install "unideq\[discover\]"'):
        candidate_supports(np.ones((20, 2)), np.ones(20))
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(ExtraMissing, match="discover"):
        fit.recover(progress=False)


def test_too_few_samples_are_refused(fit, monkeypatch):
    monkeypatch.setattr("unideq.audit.recovery.samples.FEWEST", 10**6)
    with pytest.raises(DataError, match="finite samples"):
        fit.recover(progress=False)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "other.json").write_text('{"a": 1}')
    (tmp_path / "cut.json").write_text('{"unideq_format": 1, "mod')
    (tmp_path / "newer.json").write_text('{"unideq_format": 99, "model": {}}')
    for name, words in (
        ("other", "isn't a model"),
        ("cut", "can't be read"),
        ("newer", "upgrade"),
        ("none", "no file"),
    ):
        with pytest.raises(FileFormatError, match=words):
            ude.ODE.load(tmp_path / f"{name}.json")


# ---- parts -----------------------------------------------------------------------------------------------------------


def test_sparse_regression_finds_the_terms_of_a_noisy_formula():
    generator = np.random.default_rng(0)
    samples = generator.uniform(0.5, 3.0, (200, 2))
    library = Library(4, ["sin"])
    terms = library.terms(["x", "y"])
    columns = library.matrix(terms, samples)
    target = 2.0 * samples[:, 0] ** 2 - 0.5 * samples[:, 1] + 0.05 * generator.standard_normal(200)
    sizes = np.sqrt(np.mean(columns**2, axis=0))
    for method in ("stlsq", "sr3", "auto"):
        best = candidate_supports(columns / sizes, target, method=method)[0]
        assert [terms[k].text for k in best.terms] == ["y", "x²"]
        np.testing.assert_allclose(best.coefficients / sizes[list(best.terms)], [-0.5, 2.0], rtol=0.02)


def test_resampling_leaves_numpys_global_generator_alone():
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    generator = np.random.default_rng(0)
    columns = generator.standard_normal((50, 3))
    one = candidate_supports(columns, columns[:, 0])
    assert np.random.random() == expected  # noqa: NPY002
    assert [s.terms for s in candidate_supports(columns, columns[:, 0])] == [s.terms for s in one]


def test_a_library_of_users_functions_evaluates_and_prints():
    library = Library(1, {"saturation": lambda x: x / (1.0 + x), "ratio": lambda x, y: x / y, "wave": np.sin})
    terms = library.terms(["x", "y"])
    expected = ["1", "x", "y", "saturation(x)", "saturation(y)", "ratio(x, y)", "wave(x)", "wave(y)"]
    assert [t.text for t in terms] == expected
    values = library.matrix(terms, np.array([[2.0, 4.0]]))
    np.testing.assert_allclose(values, [[1, 2, 4, 2 / 3, 0.8, 0.5, np.sin(2), np.sin(4)]])
    x, _ = sympy.symbols("x y", real=True)
    assert sympy_of(library, terms[3:4], [2.0], ["x", "y"]) == 2.0 * x / (1.0 + x)
    assert str(sympy_of(library, terms[6:7], [2.0], ["x", "y"])) == "2.0*wave(x)"
    assert text_of(terms[:2], [-1.5, 2.0]) == "-1.5 + 2·x"
    assert latex_of({"f": "f"}, {"f": sympy_of(library, terms[5:6], [3.0], ["x", "y"])}).count(r"\frac") == 1


def test_columns_that_are_not_finite_everywhere_are_left_out():
    library = Library(1, ["log"], constant=False)
    samples = np.array([[-1.0], [1.0], [2.0]])
    assert np.isnan(library.matrix(library.terms(["x"]), samples)[:, 1]).all()


def test_criteria_have_their_published_values():
    assert criterion_penalty("bic", 2, 3, 50, 20) == pytest.approx(5 * np.log(50))
    assert criterion_penalty("ebic", 2, 3, 50, 20) == pytest.approx(5 * np.log(50) + 2 * np.log(190))
    assert criterion_penalty("aicc", 2, 3, 50, 20) == pytest.approx(10 + 60 / 44)
    penalties = [criterion_penalty("ebic", k, 0, 50, 6) for k in range(7)]
    assert (np.diff(penalties) > 0).all()


def test_the_likelihood_is_that_of_gaussian_errors_with_their_own_size():
    generator = np.random.default_rng(1)
    residuals = np.concatenate([generator.standard_normal(400), 5.0 * generator.standard_normal(400)])
    variable = np.repeat([0, 1], 400)
    likelihood = Likelihood(variable, np.zeros(2), np.ones(800, dtype=bool))
    np.testing.assert_allclose(likelihood.sigma(residuals), [1.0, 5.0], rtol=0.1)
    expected = 400 * np.log(likelihood.sigma(residuals)).sum()
    assert likelihood.negative_log(residuals) == pytest.approx(expected)
    assert likelihood.negative_log(np.full(800, np.nan)) == np.inf


def test_rollouts_rule_out_what_predicts_clearly_worse_and_nothing_else():
    generator = np.random.default_rng(2)
    noise = generator.standard_normal(40) ** 2
    squares = np.stack(
        [noise * 1.01 + 0.3 * generator.standard_normal(40) ** 2 - 0.3, noise, noise + 4.0, noise * np.nan]
    )
    assert _predicting(squares).tolist() == [True, True, False, False]


@pytest.mark.slow
def test_several_trajectories_with_held_out_times_and_a_users_function():
    """dx/dt = −x²/2 has the solution 1/(1/x₀ + t/2)."""
    generator = np.random.default_rng(0)
    sets = []
    for start, times in ((3.0, np.linspace(0.0, 4.0, 15)), (1.5, np.linspace(0.0, 5.0, 12))):
        values = 1.0 / (1.0 / start + 0.5 * times) + 0.005 * generator.standard_normal(len(times))
        sets.append(xr.Dataset({"x": ("time", values)}, coords={"time": times}))
    model = ude.ODE(
        lambda t, state, p, net: {"x": -net.loss(state.x)},
        {"x": ude.State(positive=True)},
        networks={"loss": ude.nn.MLP(1, 1, (4,))},
    )
    phases = [ude.Adam(1e-2, 200, objective=ude.Collocation()), ude.BFGS(60)]
    fit = ude.fit(model, sets, holdout=0.2, phases=phases, seeds=2, solver="tsit5", progress=False)
    found = fit.recover(library={"saturation": lambda x: x / (1.0 + x)}, progress=False)
    assert found.coefficients["term"].values.tolist() == ["x²"]
    assert float(found.coefficients["estimate"][0]) == pytest.approx(0.5, rel=0.01)
    assert found.initial["x"] == pytest.approx([3.0, 1.5], abs=0.02)
    assert 0 < found.scores["rollout_error"] < 0.05  # of the held-out times, in standard deviations


def test_a_longer_formula_must_win_clearly():
    def job(*support):
        return Refit(support, np.zeros(0, dtype=int), np.zeros(1))

    one, two, three, other = job(0), job(0, 1), job(0, 1, 2), job(0, 3)
    ranked = [(10.0, three), (13.0, two), (14.5, other), (30.0, one)]
    assert _finalists(ranked, 6.0) == [two, other, three]
    assert _finalists(ranked, 0.0) == [three]
    assert _finalists([(10.0, three), (17.0, two)], 6.0) == [three]
