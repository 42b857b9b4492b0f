"""Checks of closures, each on a synthetic sick and a synthetic sound one."""

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.audit import ClosureSpectrum, Coupled, GradientModel
from unideq.errors import OptionError

LINE = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 32), scheme=ude.schemes.Fourier())
X = LINE.coordinates("x")
SQUARE = ude.Grid(*(ude.Axis(n, 0.0, 2 * np.pi, 16) for n in "xy"), scheme=ude.schemes.Fourier())
WIDTH = 2 * 2 * np.pi / 16


def with_values(fit, **values):
    """The same fit as if training had found these."""
    layout = fit.record.layout
    for name, value in values.items():
        fit.record.best_theta[0, layout.offsets[name]] = value
    fit._computed, fit.__dict__ = None, {k: v for k, v in fit.__dict__.items() if k not in ("model", "tree")}
    return fit


def trained(model, data):
    """Hardly: what it finds is written over."""
    settings = {"objective": ude.Unrolled(steps=1), "phases": ude.Adam(1e-9, 1), "engine": "jax"}
    return ude.fit(ude.Stepper(model, 0.1), data, progress=False, **settings)


@pytest.fixture(scope="module")
def line():
    """Waves that grow as exp(t), closed by −u: standing; `high` adds to high wavenumbers, which hold little."""

    def closure(t, s, p):
        fourth = LINE.symbols.x**4
        return -s.u + p.high * LINE.fourier(s.u, fourth / (fourth + 4.0**4))

    model = ude.PDE(lambda t, s: s.u, LINE, ["u"]).closed(closure, {"high": 1.0})
    u = np.stack([np.sin(X + a) + 0.02 * np.sin(9 * X) for a in (0.0, 1.0)])[:, None] * np.ones((2, 4, 1))
    lead = ("trajectory", "time", "x")
    data = xr.Dataset({"u": (lead, u), "u_subgrid": (lead, -u)}, {"time": 0.1 * np.arange(4), "x": X})
    return trained(model, data)


@pytest.fixture(scope="module")
def square():
    """Vortices whose closure is the nonlinear gradient model, and a drag."""
    model = ude.PDE(lambda t, s: 0.0 * s.vorticity, SQUARE, ["vorticity"])
    gradient = ude.closures.NonlinearGradient()
    closed = model.closed(gradient).closed(lambda t, s, p: -p.drag * s.vorticity, {"drag": 0.0})
    x, y = np.meshgrid(*[SQUARE.coordinates(n) for n in "xy"], indexing="ij")
    w = np.stack([np.sin(2 * x + t) * np.cos(y) + np.cos(x + 2 * y - t) + np.sin(3 * y + x) for t in (0.0, 0.4, 0.9)])
    term = gradient.term(model, {"vorticity": w}, None, None)["vorticity"] - 0.3 * w
    lead = ("time", "x", "y")
    coords = {"time": 0.1 * np.arange(3), **{n: SQUARE.coordinates(n) for n in "xy"}}
    return trained(closed, xr.Dataset({"vorticity": (lead, w), "vorticity_subgrid": (lead, term)}, coords))


def only(audit):
    (finding,) = audit.findings
    return finding


def test_a_closure_that_is_the_nonlinear_gradient_model_transfers_no_energy(square):
    found = only(with_values(square, drag=0.0).audit("gradient_model"))
    assert found.severity == "warning"
    assert "is the nonlinear gradient model: it transfers no energy" in found.statement
    assert found.evidence["correlation"].item() == pytest.approx(1.0, abs=1e-9)
    assert found.evidence["coefficient"].item() == pytest.approx(1.0, abs=1e-9)
    assert abs(found.evidence["net"].item()) < 1e-3
    assert found.evidence["net_true"].item() < -0.1
    assert "Unrolled" in found.advice


def test_one_that_dissipates_is_another_closure(square):
    found = only(with_values(square, drag=0.3).audit(["gradient_model"]))
    assert found.severity == "ok"
    assert found.evidence["net"].item() == pytest.approx(found.evidence["net_true"].item())
    strict = only(square.audit(GradientModel(correlation=0.1, width=WIDTH / 2)))
    assert strict.severity == "ok" and "transfers energy" in strict.statement
    assert strict.evidence["coefficient"].item() == pytest.approx(4 * found.evidence["coefficient"].item())


def test_a_closure_with_wrong_high_wavenumbers_is_told_in_spite_of_its_correlation(line):
    found = only(with_values(line, high=0.9).audit("closure_spectrum"))
    assert found.severity == "warning" and "high wavenumbers are wrong although its correlation" in found.statement
    assert found.evidence["correlation"].item() > 0.99
    share = 1.0 - 0.9 * 9**4 / (9**4 + 4**4)
    ratio = (found.evidence["spectrum"] / found.evidence["spectrum_true"])[9].item()
    assert ratio == pytest.approx(share**2, rel=1e-6)
    assert f"off by a factor of {1 / share**2:.3g}" in found.statement
    assert "spectral" in found.advice


def test_one_whose_spectrum_is_right_is_let_alone(line):
    found = only(with_values(line, high=0.0).audit(ClosureSpectrum(factor=1.01)))
    assert found.severity == "ok" and "warned from 1.01" in found.statement


def test_a_closure_that_is_good_a_priori_and_unstable_coupled_is_told(line):
    found = only(with_values(line, high=10.0).audit(Coupled(turnovers=5, conditions=1)))
    assert found.severity == "warning" and "stable a priori, unstable coupled" in found.statement
    assert found.evidence["correlation"].item() > 0.8
    assert found.evidence.sizes["run"] == 1
    # ½ (0.02)² exp(2·10·h t)/2 = 10 · ¼ with h = 9⁴/(9⁴ + 4⁴): t = ln(√20 / 0.02) / (10 h).
    rate = 10.0 * 9**4 / (9**4 + 4**4)
    exact = np.log(np.sqrt(9.0) / 0.02) / rate
    assert exact < found.evidence["blow_up_time"].item() < exact + 0.15


def test_a_stable_one_says_for_how_long_it_was_followed(line):
    audit = with_values(line, high=0.0).audit(Coupled(turnovers=5))
    found = only(audit)
    assert found.severity == "ok" and "all 2 runs are stable for" in found.statement
    assert found.evidence["stable_turnovers"].min() >= 5
    assert len(audit.plot().axes) == 1


def test_a_pde_is_rolled_out_by_steps_that_its_stiffness_allows(line):
    stiff = ude.PDE(lambda t, s: 30.0 * LINE.d(s.u, order=2), LINE, ["u"])
    model = stiff.closed(lambda t, s, p: -p.k * 30.0 * LINE.d(s.u, order=2), {"k": 0.9})
    data = line.record.observations.dataset
    settings = {"objective": ude.Collocation(), "phases": ude.Adam(1e-9, 1), "estimate_initial": False}
    fit = ude.fit(model, data[["u"]], solver=ude.RK4(dt=0.001), engine="jax", progress=False, **settings)
    found = only(fit.audit(Coupled(turnovers=1, conditions=1)))  # u_t = 3 u_xx: λ dt = −77 for an interval
    assert "moves" in found.statement and "unstable coupled: the energy" in found.statement
    assert np.isinf(found.evidence["blow_up_time"]).all()
    decayed = 0.5 * np.exp(-0.6) * np.array([1.0, np.exp(-0.6)])
    assert found.evidence["energy"][0, 1:3].values == pytest.approx(0.5 * decayed, rel=0.02)


def test_checks_of_closures_stand_in_every_audit_of_one_and_bother_no_other(line):
    audit = line.audit()
    assert {"gradient_model", "closure_spectrum", "coupled"} <= {f.check for f in audit.findings}
    assert len(audit.plot().subfigs) >= 3
    assert "audit_coupled_u" in line.tree["/diagnostics"]
    open_model = ude.PDE(lambda t, s, p: -p.k * s.u, LINE, ["u"], {"k": 1.0})
    data = line.record.observations.dataset[["u"]]
    other = trained(open_model, data)
    assert not {f.check for f in other.audit().findings} & {"gradient_model", "closure_spectrum", "coupled"}
    with pytest.raises(OptionError, match="closed"):
        other.audit("coupled")
    without = [f for f in line.audit(["closure_spectrum", "coupled"], data=data).findings]
    assert "not checked" in without[0].statement and "ude.coarsen" in without[0].statement
    assert without[1].severity == "ok" and "correlation" not in without[1].statement
