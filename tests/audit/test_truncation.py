"""Truncation contamination: closures are told apart into physics and the errors of the schemes that made them."""

import json
import re
import warnings

import numpy as np
import pytest

import unideq as ude
from unideq.audit.truncation.modified_equation import modified_equation
from unideq.audit.truncation.refinement import refinement
from unideq.audit.truncation.regression import Samples, blocks_of, product, regress, select_columns, shown_with_error
from unideq.audit.truncation.uniform_grid import UniformGrid, central_weights, resampled
from unideq.errors import DataError, ModelError, OptionError
from unideq.model.provenance import generator_of

from .burgers import (
    BACKWARD,
    CENTRAL,
    NU,
    dataset,
    exact_closure,
    fitted,
    front,
    generator,
    grid,
    host,
    linear_closure,
    split,
    trajectory,
    wave,
)

DX = 2 * np.pi / 100


@pytest.fixture(scope="module")
def published():
    """The published data: times and states of the front."""
    return trajectory(generator(), front())


@pytest.fixture(scope="module")
def smooth():
    return trajectory(generator(), wave())


@pytest.fixture(scope="module")
def fits():
    """Closures that learned perfectly what a host with the data's scheme needs, and one with another scheme."""
    data = dataset()
    return {
        "same": fitted(linear_closure(BACKWARD), data, (NU, 0.0)),
        "other": fitted(linear_closure(CENTRAL), data, (NU, np.pi / 40)),
    }


# ---- the published case --------------------------------------------------------------------------------------------


def test_exact_closure_of_the_published_experiment_has_the_published_coefficients(published):
    times, states = published
    closure = exact_closure(generator(), host(CENTRAL), states)
    found = split(host(CENTRAL), closure, times, states, generator())
    r = found.fields["u"].regression
    assert r.names == ("u_xx", "u·u_xx")
    np.testing.assert_allclose(r.coefficients, [0.0347, 0.0267], atol=6e-5)
    assert r.r_squared == pytest.approx(0.982, abs=5e-4)
    (finding,) = found.findings
    assert finding.severity == "warning"
    assert "of dx/2·u·u_xx, the leading error of the data's backward difference of u_x" in finding.statement
    assert float(finding.evidence["expected"].sel(candidate="u·u_xx")) == pytest.approx(DX / 2)


def test_with_the_schemes_whole_error_the_viscosity_comes_out_exactly(published):
    times, states = published
    closure = exact_closure(generator(), host(CENTRAL), states)
    whole = split(host(CENTRAL), closure, times, states, generator()).fields["u"].whole
    assert whole is not None and whole.names == ("u_xx", "E")
    np.testing.assert_allclose(whole.coefficients, [NU, 1.0], rtol=1e-8)
    assert whole.r_squared == pytest.approx(1.0)


def test_host_with_the_data_s_scheme_has_nothing_to_report(published):
    times, states = published
    closure = exact_closure(generator(), host(BACKWARD), states)
    found = split(host(BACKWARD), closure, times, states, generator())
    assert found.findings[0].severity == "ok"
    r = found.fields["u"].regression
    assert r.coefficients[r.names.index("u_xx")] == pytest.approx(NU, rel=1e-6)
    assert abs(r.coefficients[r.names.index("u·u_xx")]) < 1e-8


def test_without_provenance_the_term_is_found_and_called_likely(published):
    times, states = published
    closure = exact_closure(generator(), host(CENTRAL), states)
    found = split(host(CENTRAL), closure, times, states)
    r = found.fields["u"].regression
    assert r.coefficients[r.names.index("u·u_xx")] == pytest.approx(DX / 2, rel=0.05)
    assert found.findings[0].severity == "warning"
    assert "looks like truncation error" in found.findings[0].statement


def test_states_that_the_grid_does_not_resolve_are_left_out(published):
    times, states = published
    closure = exact_closure(generator(), host(CENTRAL), states)
    assert split(host(CENTRAL), closure, times, states, generator()).fields["u"].kept == (46, 51)


# ---- plain cases ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
def test_closure_that_is_physics_raises_no_warning(smooth, known):
    times, states = smooth
    closure = NU * UniformGrid.of(host(CENTRAL)).derivative(states, (2,)) - 0.2 * states
    found = split(host(CENTRAL), closure, times, states, generator() if known else None)
    (finding,) = found.findings
    assert finding.severity == ("ok" if known else "note")
    assert ("can't be told, since the data don't say which scheme made them" in finding.statement) is not known
    assert ("`ude.Truncation(data_model=…)`" in finding.advice) is not known
    r = found.fields["u"].regression
    assert r.coefficients[r.names.index("u_xx")] == pytest.approx(NU, rel=1e-3)
    assert r.coefficients[r.names.index("u")] == pytest.approx(-0.2, rel=1e-3)


@pytest.mark.parametrize("known", [True, False])
def test_a_small_error_is_said_with_its_size_and_what_counts(smooth, known):
    times, states = smooth
    error = exact_closure(generator(nu=0.0), host(CENTRAL), states)
    physics = UniformGrid.of(host(CENTRAL)).derivative(states, (2,))
    share = 0.03
    closure = error + physics * np.sqrt(np.mean(error**2) / np.mean(physics**2)) / share
    (finding,) = split(host(CENTRAL), closure, times, states, generator() if known else None).findings
    if known:
        assert finding.severity == "ok"
        said = re.search(r"make (.*) % of it \(.* % u·u_xx\), less than the 5 % that count", finding.statement)
        assert said is not None
        evidence = float(finding.evidence["share"].sel(candidate="u·u_xx"))
        assert float(said.group(1)) == pytest.approx(100 * evidence, abs=0.1) and 0.5 < float(said.group(1)) < 5.0
    else:
        assert finding.severity == "note" and "can't be told" in finding.statement
    assert "no truncation error found" not in finding.statement


def test_third_derivatives_of_korteweg_de_vries_burgers_are_not_called_clean():
    """The closure is the same with and without provenance; without, nobody can say what is in it."""
    g = grid()
    second, third = (ude.schemes.Central(2), 2), (ude.schemes.Central(2), 3)

    def kdv(t, s):
        flux = -s.u * g.d(s.u, scheme=BACKWARD) + NU * g.d(s.u, order=second[1], scheme=second[0])
        return flux - 0.01 * g.d(s.u, order=third[1], scheme=third[0])

    made, of = ude.PDE(kdv, g, ["u"]), host(CENTRAL)
    states = np.stack([wave() + 0.2 * np.sin(2 * np.arange(100) * 2 * np.pi / 100 + k) for k in range(12)])
    closure = exact_closure(made, of, states)
    known, unknown = (split(of, closure, np.arange(12.0), states, m).findings[0] for m in (made, None))
    assert known.severity == "warning"
    assert unknown.severity != "ok"


def test_sums_are_printed_in_brackets():
    assert product("0.0072(9)", "0.5·u_xxx - 1.5·u·u_xxx") == "0.0072(9)·(0.5·u_xxx - 1.5·u·u_xxx)"
    assert product("dx/2", "u·u_xx") == "dx/2·u·u_xx"
    assert product("2", "(a + b)·u") == "2·(a + b)·u"
    names = ["u_xx", "0.5·u_xxx - 1.5·u·u_xxx"]
    columns = np.random.default_rng(0).standard_normal((400, 2))
    r = regress(Samples.make(names, columns, columns @ [1.0, -2.0], np.arange(400) // 20))
    assert r.text() == "1·u_xx - 2·(0.5·u_xxx - 1.5·u·u_xxx)"


@pytest.mark.parametrize("known", [True, False])
def test_closure_that_is_truncation_error_is_called_so(smooth, known):
    times, states = smooth
    closure = exact_closure(generator(nu=0.0), host(CENTRAL), states)
    found = split(host(CENTRAL), closure, times, states, generator() if known else None)
    r = found.fields["u"].regression
    assert found.findings[0].severity == "warning"
    assert r.coefficients[r.names.index("u·u_xx")] == pytest.approx(DX / 2, rel=0.05)
    assert r.shares[r.names.index("u·u_xx")] > 0.9


def test_data_from_a_finer_grid_carry_the_error_of_that_grid():
    times, fine = trajectory(generator(200), wave(200), 20)
    states = resampled(fine, (100,))
    closure = resampled(exact_closure(generator(200), host(CENTRAL, 200), fine), (100,))
    found = split(host(CENTRAL), closure, times, states, generator(200))
    row = found.findings[0].evidence.sel(candidate="u·u_xx")
    assert float(row["expected"]) == pytest.approx(DX / 4)
    assert float(row["coefficient"]) == pytest.approx(DX / 4, rel=0.05)


def test_error_of_linear_advection_can_not_be_told_from_diffusion():
    g = grid()
    made = ude.PDE(lambda t, s: -g.d(s.u, scheme=BACKWARD), g, ["u"])
    other = ude.PDE(lambda t, s: -g.d(s.u, scheme=CENTRAL), g, ["u"])
    times, states = trajectory(made, wave(), 20)
    found = split(other, exact_closure(made, other, states), times, states, made)
    assert found.findings[0].severity == "note"
    assert "can't be told from a physical one" in found.findings[0].statement


def test_two_grids_single_out_what_goes_with_the_spacing():
    results, spacings = [], []
    for points in (100, 200):
        times, states = trajectory(generator(points), wave(points), 20)
        closure = exact_closure(generator(points), host(CENTRAL, points), states)
        only = {"u": ("u_xx", "u·u_xx")}
        results.append(split(host(CENTRAL, points), closure, times, states, generator(points), only=only).fields)
        spacings.append(2 * np.pi / points)
    found = refinement(results, spacings)
    d = found.datasets["u"]
    assert float(d["physical"].sel(candidate="u_xx")) == pytest.approx(NU, rel=0.02)
    assert float(d["per_dx"].sel(candidate="u·u_xx")) == pytest.approx(0.5, rel=0.05)
    assert abs(float(d["physical"].sel(candidate="u·u_xx"))) < 0.05 * DX / 2
    assert found.findings[0].severity == "warning"
    with pytest.raises(OptionError, match="two different spacings"):
        refinement(results[:1], spacings[:1])


# ---- modified equations --------------------------------------------------------------------------------------------


def made_of(rhs, points=100):
    g = grid(points)
    model = ude.PDE(lambda t, s: rhs(g, s.u), g, ["u"])
    return modified_equation(model, UniformGrid.of(model))


def test_each_scheme_s_leading_error_is_the_textbook_one():
    schemes = ude.schemes
    cases = [
        (schemes.Backward(1), 1, -DX / 2, "-dx/2", "u_xx"),
        (schemes.Forward(1), 1, DX / 2, "dx/2", "u_xx"),
        (schemes.Central(2), 2, DX**2 / 6, "dx²/6", "u_xxx"),
        (schemes.Central(4), 4, -(DX**4) / 30, "-dx⁴/30", "u_xxxxx"),
    ]
    for scheme, order, factor, text, label in cases:
        m = made_of(lambda g, u, scheme=scheme: g.d(u, scheme=scheme))
        (term,) = [t for t in m.terms if t.actual]
        assert (term.order, term.factor_text, term.label) == (order, text, label)
        assert term.factor == pytest.approx(factor, rel=1e-6)


def test_series_in_the_spacing_adds_up_to_the_whole_error():
    m = made_of(lambda g, u: -g.d(u * u / 2, scheme=BACKWARD))
    u = wave()
    whole = m.whole_error(0.0, u)
    by_order = m.by_order(0.0, u)
    assert np.abs(whole - by_order.sum(axis=0)).max() < 1e-6 * np.abs(whole).max()
    assert np.abs(by_order[0]).max() > 10 * np.abs(by_order[1]).max()


def test_errors_of_staggered_differences_cancel():
    """(u u_x)_x by differences at faces: every stencil alone is of first order, together they are of second."""
    m = made_of(lambda g, u: g.d(0.5 * (u + np.roll(u, -1)) * g.d(u, scheme=ude.schemes.Forward(1)), scheme=BACKWARD))
    by_order = m.by_order(0.0, wave())
    assert np.abs(by_order[1]).max() > 1e-5
    staggered = made_of(lambda g, u: g.d(g.d(u, scheme=ude.schemes.Forward(1)), scheme=BACKWARD)).by_order(0.0, wave())
    assert np.abs(staggered[0]).max() < 1e-7 * np.abs(wave()).max()
    assert np.abs(staggered[1]).max() == pytest.approx(DX**2 / 12 * 0.5, rel=1e-3)


def test_upwinding_s_error_is_diffusion_by_the_speed():
    m = made_of(lambda g, u: -g.upwind(u, u - 1.5))
    u = wave()
    expected = 0.5 * DX * np.abs(u - 1.5) * UniformGrid(("x",), (DX,), (True,)).derivative(u, (2,))
    np.testing.assert_allclose(m.by_order(0.0, u)[0], expected, atol=1e-9)


def test_networks_and_boundaries_stay_out():
    g = ude.Grid(ude.Axis("x", 0.0, 1.0, 40, boundary=(ude.Dirichlet(0.0), ude.Dirichlet(0.0))))
    model = ude.PDE(
        lambda t, s, p, net: net.c(s.u) + g.d(s.u, scheme=ude.schemes.Central(2)),
        g, ["u"], networks={"c": ude.nn.MLP(1, 1, (3,))},
    )  # fmt: skip
    m = modified_equation(model, UniformGrid.of(model))
    x = g.coordinates("x")
    u = np.sin(np.pi * x)
    inside = m.space.interior((40,), m.margin)
    assert 0 < inside.sum() < 40
    np.testing.assert_allclose(m.without_error(0.0, u)[inside], np.pi * np.cos(np.pi * x)[inside], rtol=1e-6)


# ---- regression ----------------------------------------------------------------------------------------------------


def test_bootstrap_intervals_cover_where_neighbours_agree():
    """Noise with correlation over five cells: intervals from independent samples would cover far less."""
    generator_ = np.random.default_rng(0)
    truth = np.array([0.03, -0.5])
    covered = []
    x = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    for _ in range(100):
        phases = generator_.uniform(0, 2 * np.pi, (40, 2))
        columns = np.stack([np.sin(3 * x + phases[:, :1]), np.cos(2 * x + phases[:, 1:])], axis=-1)
        noise = generator_.standard_normal((40, 20)).repeat(5, axis=1)
        target = columns @ truth + 0.3 * noise
        samples = Samples.make(
            ["a", "b"], columns.reshape(-1, 2), target.reshape(-1), blocks_of(40, (100,)).reshape(-1)
        )
        r = regress(samples)
        covered.append((r.low <= truth) & (truth <= r.high))
    assert 0.88 <= np.mean(covered) <= 0.99


def test_shares_add_up_and_idle_columns_have_none():
    generator_ = np.random.default_rng(1)
    a, b = generator_.standard_normal((2, 2000))
    b = 0.9 * a + 0.3 * b
    r = regress(Samples.make(["a", "b"], np.stack([a, b], 1), 2.0 * a, np.arange(2000) // 20))
    assert r.shares.sum() == pytest.approx(r.r_squared)
    assert abs(r.shares[1]) < 1e-8
    assert r.inflation[0] > 5


def test_selection_keeps_the_terms_that_are_there():
    generator_ = np.random.default_rng(2)
    columns = generator_.standard_normal((3000, 6))
    target = columns[:, 1] - 0.3 * columns[:, 4] + 0.6 * generator_.standard_normal(3000)
    samples = Samples.make(list("abcdef"), columns, target, np.arange(3000) // 30)
    assert select_columns(samples) == [1, 4]
    assert select_columns(samples, forced=[0]) == [0, 1, 4]
    assert select_columns(samples, gain=0.2) == [1]


def test_values_are_printed_with_the_uncertainty_of_their_last_digits():
    shown = [shown_with_error(*v) for v in ((0.03471, 0.0042), (0.0302, 0.0003), (1.0, 0.0), (123.4, 12.0), (5.0, 1.0))]
    assert shown == ["0.0347(42)", "0.0302(3)", "1", "123(12)", "5.00(100)"]


def test_central_weights_are_exact_for_polynomials_and_resampling_for_waves():
    for order in range(1, 9):
        offsets, weights = central_weights(order)
        for power in range(order + 6):
            expected = float(np.prod(np.arange(1, order + 1))) if power == order else 0.0
            found = np.dot(weights, np.array(offsets, dtype=float) ** power)
            size = np.dot(np.abs(weights), np.abs(np.array(offsets, dtype=float)) ** power)
            assert found == pytest.approx(expected, abs=1e-8 * size)
    x = np.arange(30) * 2 * np.pi / 30
    finer = resampled(np.sin(4 * x)[None], (50,))[0]
    np.testing.assert_allclose(finer, np.sin(4 * np.arange(50) * 2 * np.pi / 50), atol=1e-13)


# ---- fits ----------------------------------------------------------------------------------------------------------


def test_fitted_closure_is_flagged_where_the_host_s_scheme_differs(fits):
    half = np.pi / 40
    audit = fits["other"].audit(checks="truncation")
    assert audit["truncation"].fields["u"].kept[0] > 10
    assert not audit.passed and audit.severity == "warning"
    row = audit.findings[0].evidence.sel(candidate="u·u_xx")
    assert float(row["coefficient"]) == pytest.approx(half, rel=0.05)
    clean = fits["same"].audit(checks="truncation")
    assert clean.passed
    coefficients = clean.findings[0].evidence["coefficient"]
    assert float(coefficients.sel(candidate="u_xx")) == pytest.approx(NU, rel=0.02)


def test_report_is_kept_in_the_tree_and_the_file(fits, tmp_path):
    fit = fits["other"]
    audit = fit.audit(checks="truncation")
    stored = fit.tree["/diagnostics/audit_truncation_u"].to_dataset(inherit=False)
    assert stored.identical(audit["truncation"].fields["u"].dataset())
    fit.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc").tree["/diagnostics/audit_truncation_u"].to_dataset(inherit=False)
    np.testing.assert_array_equal(again["coefficient"], stored["coefficient"])
    assert again["candidate"].values.tolist() == stored["candidate"].values.tolist()
    assert "warning" in repr(audit) and "dx/2" in audit._repr_html_()
    assert audit.to_tree()["findings"]["severity"].values.tolist() == ["warning"]
    assert len(audit.plot().axes) == 2


def test_refined_fit_splits_the_coefficients(fits):
    finer = fitted(linear_closure(CENTRAL, 60), dataset(60), (NU, np.pi / 60))
    audit = fits["other"].audit(ude.Truncation(refined=finer))
    d = audit["truncation"].refinement.datasets["u"]
    assert float(d["per_dx"].sel(candidate="u·u_xx")) == pytest.approx(0.5, rel=0.02)
    assert audit.findings[-1].check == "refinement"


def test_models_without_a_grid_take_a_spacing_and_say_so():
    n = 40
    g = grid(n)
    data = dataset(n).rename({"x": "u_0"}).drop_vars("u_0")
    del data.attrs["unideq_model"]

    def rhs(t, s, p, net):
        second = g.d(s.u, order=2, scheme=CENTRAL)
        return {"u": -s.u * g.d(s.u, scheme=CENTRAL) + net.closure(second, s.u * second)}

    model = ude.ODE(rhs, {"u": n}, networks={"closure": ude.nn.MLP(2, 1, ())})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = fitted(model, data, (NU, np.pi / n))
    note = fit.audit(checks="truncation").findings[0]
    assert note.severity == "note" and "spacing=" in note.statement
    assert fit.audit(ude.Truncation(spacing={"x": 2 * np.pi / n})).severity == "warning"


def test_own_candidates_enter(fits):
    own = {"(u²)_x": lambda f, d: d(f["u"] ** 2, 1)}
    audit = fits["same"].audit(ude.Truncation(candidates=own))
    assert "(u²)_x" not in audit["truncation"].fields["u"].regression.names
    with pytest.raises(OptionError, match="as a function of"):
        ude.Truncation(candidates={"x": 3})


def test_bad_settings_are_named(fits):
    fit = fits["same"]
    with pytest.raises(OptionError, match="Did you mean `truncation`"):
        fit.audit("truncaton")
    with pytest.raises(OptionError, match="resolution"):
        ude.Truncation(resolution=2.0)
    with pytest.raises(DataError, match="unideq_model"):
        generator_of(dataset(20, 2).assign_attrs(unideq_model="{"))
    with pytest.raises(ModelError, match="positive number"):
        UniformGrid.of(object(), {"x": -1.0})
    assert json.loads(dataset(20, 2).attrs["unideq_model"])["kind"] == "PDE"
