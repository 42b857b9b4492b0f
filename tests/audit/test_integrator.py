"""Maps that were learned in the place of fields: Euler at the data's step is a residual network."""

import warnings

import numpy as np
import pytest

import unideq as ude
from unideq.audit import Integrator, StatesSubject

TURN = ude.ODE(lambda t, s: {"x": s.v, "v": -s.x}, ["x", "v"])
TIMES = 0.25 * np.arange(13)


@pytest.fixture(scope="module")
def turning():
    starts = np.random.default_rng(0).normal(size=(2, 4))
    return TURN.solve(TIMES, {"x": starts[0], "v": starts[1]}, engine="jax").dataset[["x", "v"]]


def linear():
    """A linear field as a network: what it has learned can be read off."""

    def rhs(t, s, p, net):
        slopes = net.f(s.x, s.v)
        return {"x": slopes[0], "v": slopes[1]}

    return ude.ODE(rhs, ["x", "v"], networks={"f": ude.nn.MLP(2, 2, ())})


def trained(stepper, data, **settings):
    options = {"objective": ude.Unrolled(steps=1), "phases": [ude.BFGS(40)], "progress": False, "engine": "jax"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ude.UnideqWarning)  # Euler may be told to be unstable at the drawn weights
        return ude.fit(stepper, data, **{**options, **settings})


@pytest.fixture(scope="module")
def mapped(turning):
    return trained(ude.Stepper(linear(), 0.25, "euler"), turning)


def test_euler_at_the_datas_step_learns_the_map(mapped):
    # NN = (exp(hA) − 1) / h, and not A = [[0, 1], [−1, 0]].
    weight = mapped.model.weights["f.layer_1.weight"]
    exact = np.array([[np.cos(0.25) - 1, np.sin(0.25)], [-np.sin(0.25), np.cos(0.25) - 1]]) / 0.25
    np.testing.assert_allclose(weight, exact, atol=1e-4)
    audit = mapped.audit("integrator")
    (finding,) = audit.findings
    assert finding.severity == "warning"
    assert "the map of the integrator was learned" in finding.statement
    assert "with_scheme" in finding.advice
    found = audit["integrator"].dataset
    assert list(found["integrator"].values) == ["euler, h", "euler, h/2", "euler, h/4", "rk4, h/4"]
    # By finer and finer steps the field (exp(hA) − 1)/h gives exp of itself: as wrong as that is.
    from scipy.linalg import expm

    moved = (expm(0.25 * exact) - expm(0.25 * np.array([[0.0, 1.0], [-1.0, 0.0]]))) @ np.eye(2)
    relative = np.linalg.norm(moved, 2) / np.linalg.norm(0.25 * exact, 2)
    assert float(found["interval_error"][-1]) == pytest.approx(relative, rel=1e-3)
    assert float(found["interval_error"][0]) < 1e-3
    assert mapped.tree["diagnostics"]["audit_integrator"].to_dataset(inherit=False).identical(found)


def test_going_on_through_finer_steps_learns_the_field(mapped, turning):
    again = trained(mapped.model.with_scheme("rk4", substeps=2), turning)
    np.testing.assert_allclose(again.model.weights["f.layer_1.weight"], [[0.0, 1.0], [-1.0, 0.0]], atol=1e-4)
    (finding,) = again.audit(Integrator(steps=5, conditions=2)).findings
    assert finding.severity == "ok"
    assert "a field was learned" in finding.statement
    assert again.audit("integrator").plot().axes


def test_noise_hides_the_difference(turning):
    noisy = turning + 0.2 * np.random.default_rng(1).normal(size=turning.x.shape)
    (finding,) = trained(ude.Stepper(linear(), 0.25, "euler"), noisy).audit("integrator").findings
    assert finding.severity == "note"
    assert "can't be told apart" in finding.statement


def test_what_is_trained_without_steps_is_not_asked(mapped):
    data = mapped.record.observations.dataset[["x", "v"]]
    settings = {"objective": ude.Collocation(), "solver": ude.RK4(dt=0.25), "phases": [ude.BFGS(1)]}
    smoothed = ude.fit(linear(), data, progress=False, engine="jax", **settings)
    assert not Integrator.suits(StatesSubject(smoothed))
    (finding,) = smoothed.audit("integrator").findings
    assert finding.severity == "note"
    assert "wasn't trained through fixed steps" in finding.statement


def test_other_schemes_keep_values_and_are_refused_where_there_is_none():
    stepper = ude.Stepper(linear(), 0.5, "euler", substeps=2)
    theta = stepper.initial_theta(3)
    other = stepper.with_theta(theta).with_scheme("heun")
    assert (other.scheme.name, other.substeps, other.dt) == ("heun", 2, 0.5)
    np.testing.assert_array_equal(other.resolve_theta(), theta)
    same = ude.Stepper(linear(), 0.5, "heun", substeps=2)
    state = {"x": 0.3, "v": -1.0}
    assert other(0.0, state) == same(0.0, state, theta)
    for wrong in ({"scheme": "rk5"}, {"substeps": 0}, {"dt": -1.0}):
        with pytest.raises(ude.OptionError, match=next(iter(wrong))):
            stepper.with_scheme(**wrong)
    with pytest.raises(ude.ModelError, match="linear"):
        stepper.with_scheme("etdrk4")
