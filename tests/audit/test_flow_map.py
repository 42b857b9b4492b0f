"""Flow-map spectra: exact for linear maps, alike by both methods, and a verdict on stability that can be checked."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import unideq as ude
from unideq.audit.rollout.dynamics import Dynamics
from unideq.audit.rollout.spectrum import horizon_spectrum, step_spectrum
from unideq.audit.states import data_states
from unideq.audit.wilson import wilson
from unideq.engine import get_engine
from unideq.errors import DataError, ModelError, OptionError

GRID = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 24))
X = GRID.coordinates("x")


def burgers() -> ude.PDE:
    return ude.PDE(lambda t, s: -s.u * GRID.d(s.u) + 0.1 * GRID.laplacian(s.u), GRID, ["u"])


def flow(model, dt, starts, theta=None) -> Dynamics:
    return Dynamics(model, theta, dt, get_engine(), np.atleast_2d(starts))


def cubic(weight: float) -> ude.Fit:
    """x' = −x + w·x³ cell by cell; the data decays (w = 0)."""
    model = ude.ODE(
        lambda t, s, p, net: {"x": -s.x + net.closure(s.x**3)}, {"x": 3}, networks={"closure": ude.nn.MLP(1, 1, ())}
    )
    return with_weight(model, weight)


def with_weight(model: ude.ODE, weight: float) -> ude.Fit:
    """A fit to decaying data whose closure has this weight."""
    times = 0.05 * np.arange(41)
    states = np.array([0.5, -0.3, 0.2]) * np.exp(-times)[:, None]
    data = xr.Dataset({"x": (("time", "x_0"), states)}, {"time": times})
    fit = ude.fit(
        model, data, objective=ude.Collocation(), phases=ude.Adam(1e-3, 1), estimate_initial=False, solver="tsit5",
        progress=False,
    )  # fmt: skip
    start = fit.record.layout.offsets["closure.layer_1.weight"]
    fit.record.best_theta[0, start : start + 2] = [weight, 0.0]
    fit._computed = None
    return fit


@pytest.fixture(scope="module")
def fit():
    return cubic(1.0)


# ---- spectra -------------------------------------------------------------------------------------------------------


def test_linear_system_has_the_eigenvalues_of_its_scheme_s_polynomial():
    a = np.random.default_rng(0).standard_normal((6, 6)) * 0.5
    dynamics = flow(ude.ODE(lambda t, s: {"x": a @ s.x}, {"x": 6}), 0.1, np.ones(6))
    z = np.linalg.eigvals(a) * 0.1 / dynamics.repeats
    expected = (1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24) ** dynamics.repeats
    found = step_spectrum(dynamics, 0.0, np.ones(6))
    np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(expected), rtol=1e-10)
    whole, gains = horizon_spectrum(dynamics, [0.0, 0.1, 0.2], np.ones((3, 6)))
    np.testing.assert_allclose(np.sort(np.abs(whole)), np.sort(np.abs(expected) ** 3), rtol=1e-8)
    assert (np.diff(gains) != 0).all()


def test_exact_heat_step_has_the_eigenvalues_of_the_heat_equation():
    heat = ude.PDE(lambda t, s: 0.0 * s.u, GRID, ["u"], linear=lambda d: 0.2 * d.x**2)
    stepper = ude.Stepper(heat, 0.5, "etdrk4")
    found = np.sort(np.abs(step_spectrum(flow(stepper, 0.5, np.ones(24)), 0.0, np.ones(24))))[::-1]
    waves = np.abs(np.fft.fftfreq(24, 1 / 24))
    np.testing.assert_allclose(found, np.sort(np.exp(-0.1 * waves**2))[::-1], atol=1e-9)


def test_several_steps_to_a_data_interval_make_one_map():
    stepper = ude.Stepper(burgers(), 0.05)
    u = 1.0 + np.sin(X)
    once, twice = flow(stepper, 0.05, u), flow(stepper, 0.1, u)
    middle = once.advance(np.zeros(1), u[None])[0]
    np.testing.assert_allclose(twice.jacobian(0.0, u), once.jacobian(0.05, middle) @ once.jacobian(0.0, u), atol=1e-12)
    with pytest.raises(ModelError, match="whole number of steps"):
        flow(stepper, 0.07, u)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6))
def test_jacobian_is_the_derivative_of_the_step(seed):
    generator = np.random.default_rng(seed)
    u, v = 1.0 + 0.3 * np.sin(X), generator.standard_normal(24)
    dynamics = flow(burgers(), 0.05, u)
    h = 1e-5
    ahead, behind = dynamics.advance(np.zeros(2), np.stack([u + h * v, u - h * v]))
    np.testing.assert_allclose(dynamics.jacobian(0.0, u) @ v, (ahead - behind) / (2 * h), atol=1e-7)
    np.testing.assert_allclose(dynamics.along(0.0, u, v), dynamics.jacobian(0.0, u) @ v, atol=1e-12)
    np.testing.assert_allclose(dynamics.back(0.0, u, v), dynamics.jacobian(0.0, u).T @ v, atol=1e-12)


def test_krylov_and_dense_spectra_agree():
    pytest.importorskip("scipy")
    u = 1.0 + np.sin(X)
    dynamics = flow(burgers(), 0.1, u)
    path = dynamics.rollout(np.zeros(1), u[None], 5)[0, :5]
    times = 0.1 * np.arange(5)
    dense, krylov = (step_spectrum(dynamics, 0.0, u, count=4, dense=d) for d in (True, False))
    np.testing.assert_allclose(np.abs(krylov), np.abs(dense[:4]), rtol=1e-8)
    (whole, gains), (sparse, lanczos) = (
        horizon_spectrum(dynamics, times, path, count=4, dense=d) for d in (True, False)
    )
    np.testing.assert_allclose(np.abs(sparse), np.abs(whole[:4]), rtol=1e-8)
    np.testing.assert_allclose(lanczos, gains, rtol=1e-4)


def test_stiff_vector_fields_are_referred_to_steppers():
    stiff = ude.ODE(lambda t, s: {"x": -1e6 * s.x}, {"x": 2})
    with pytest.raises(ModelError, match="Audit a `Stepper`"):
        flow(stiff, 1.0, np.ones(2))


# ---- verdicts ------------------------------------------------------------------------------------------------------


def test_decaying_system_is_stable_and_its_spectrum_inside_the_circle():
    audit = cubic(0.0).audit(checks="flow_map")
    (finding,) = audit.findings
    assert finding.severity == "ok" and "stable a priori" in finding.statement
    d = audit["flow_map"].dataset
    radius = np.hypot(d["one_step_real"], d["one_step_imaginary"]).values
    np.testing.assert_allclose(radius[np.isfinite(radius)], np.exp(-0.05), rtol=1e-6)
    whole = np.hypot(d["whole_horizon_real"], d["whole_horizon_imaginary"]).values
    np.testing.assert_allclose(whole, np.exp(-0.05 * 40), rtol=1e-5)
    assert not np.isclose(np.nanmax(whole), np.nanmax(radius))


def test_conditions_beyond_the_separatrix_are_called_unstable(fit):
    """x' = −x + x³ blows up from |x| > 1 and decays from |x| < 1."""
    audit = fit.audit(checks="flow_map", new={"x": np.array([[0.1, 0.2, 0.9], [0.1, 0.2, 1.6]])})
    d = audit["flow_map"].dataset
    assert d["kind"].values.tolist() == ["training", "new", "new"]
    assert d["unstable"].values.tolist() == [0, 0, 1]
    assert [f.severity for f in audit.findings] == ["ok", "warning"]
    assert "1 of 2 new conditions look unstable" in audit.findings[1].statement
    assert np.isnan(d["whole_horizon_real"].values[2]).all()  # no spectrum of a horizon that isn't reached


def test_verdict_is_verified_on_many_conditions(fit):
    audit = fit.audit(checks="flow_map")
    sizes = np.concatenate([np.linspace(0.1, 0.9, 15), np.linspace(1.5, 3.0, 15)])
    verified = audit["flow_map"].verify({"x": sizes[:, None] * np.array([1.0, -0.5, 0.2])})
    assert (verified.right, verified.total) == (30, 30)
    assert verified.table == {
        ("stable", "stable"): 15, ("stable", "unstable"): 0, ("unstable", "stable"): 0, ("unstable", "unstable"): 15,
    }  # fmt: skip
    assert verified.low == pytest.approx(0.8865, abs=1e-3) and verified.high == 1.0
    assert "right in 30 of 30" in repr(verified)


@pytest.mark.parametrize(("weight", "unstable"), [(2.25, 0), (2.35, 1)])
def test_errors_that_grow_a_hundredfold_beyond_the_truths_are_unstable(weight, unstable):
    """x' = w·x over two units of time grows by e^2w, 90 or 110; the truth stands still."""
    model = ude.ODE(lambda t, s, p, net: {"x": net.closure(s.x)}, {"x": 3}, networks={"closure": ude.nn.MLP(1, 1, ())})
    fit = with_weight(model, weight)
    truth = ude.ODE(lambda t, s: {"x": 0.0 * s.x}, {"x": 3})
    d = fit.audit("flow_map", truth=truth)["flow_map"].dataset
    assert float(d["e_foldings"][0]) == pytest.approx(2.0 * weight, rel=1e-4)
    assert int(d["unstable"][0]) == unstable


def test_truth_that_grows_as_fast_clears_the_model(fit):
    """Growth that the truth has too isn't the closure's fault."""
    truth = ude.ODE(lambda t, s: {"x": -s.x + s.x**3}, {"x": 3})
    new = {"x": np.array([0.1, 0.2, 1.02])}
    found = fit.audit(checks="flow_map", truth=truth, new=new)["flow_map"]
    assert found.dataset["source"].values.tolist() == ["model", "truth"]
    assert found.dataset["e_foldings"].values[1] == pytest.approx(0.0, abs=1e-6)
    alone = fit.audit(checks="flow_map", new=new)["flow_map"]
    assert alone.dataset["e_foldings"].values[1] > 3.0
    verified = found.verify({"x": np.array([[0.3, 0.1, 0.2], [0.5, 0.5, 0.9]])})
    assert verified.right == 2 and np.nanmax(verified.cases["error"].values) < 1e-6


def test_stored_spectra_come_back(fit, tmp_path):
    audit = fit.audit(checks="flow_map")
    fit.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc").tree["/diagnostics/audit_flow_map"].to_dataset(inherit=False)
    np.testing.assert_array_equal(again["one_step_real"], audit["flow_map"].dataset["one_step_real"])
    assert len(audit.plot().axes) == 2


def test_bad_input_is_named(fit):
    for arguments, error, words in (
        ({"checks": ude.FlowMap(steps=1)}, OptionError, "2 <= `first`"),
        ({"new": {"y": np.zeros(3)}}, ModelError, "lacks the state `x`"),
        ({"truth": ude.ODE(lambda t, s: {"x": -s.x}, {"x": 4})}, None, "on the model's grid"),
    ):
        if error is not None:
            with pytest.raises(error, match=words):
                fit.audit(**{"checks": "flow_map", **arguments})
        else:  # a check that can't be made is a note
            (note,) = fit.audit(checks="flow_map", **arguments).findings
            assert note.severity == "note" and words in note.statement
    with pytest.raises(OptionError, match="`error`"):
        fit.audit("flow_map")["flow_map"].verify({"x": np.zeros(3)}, error=0.0)


def test_single_times_have_no_flow(fit):
    one = data_states(fit).thinned(1)
    with pytest.raises(DataError, match="two times"):
        one.interval()


def test_wilson_intervals_have_their_published_values():
    assert wilson(0, 20) == (0.0, pytest.approx(0.1611, abs=1e-4))
    assert wilson(15, 20) == (pytest.approx(0.5313, abs=1e-4), pytest.approx(0.8881, abs=1e-4))
