"""Distribution shift: none on the training data, the more the further one goes, and at the right time and place."""

import re

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import unideq as ude
from unideq.audit.rollout.closure_inputs import ClosureInputs
from unideq.audit.rollout.distance import Cloud, energy_distance
from unideq.audit.rollout.shift import _dataset, _finding, training_cloud
from unideq.audit.states import data_states
from unideq.errors import OptionError

POINTS = 32
GRID = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, POINTS))
X = GRID.coordinates("x")


def advection(network, call) -> ude.Fit:
    """u_t = −u_x + a closure that is next to nothing; the data holds waves of amplitude 1 that travel."""
    model = ude.PDE(
        lambda t, s, p, net: -GRID.d(s.u) + 1e-12 * call(net, s.u), GRID, ["u"], networks={"closure": network}
    )
    times = 0.1 * np.arange(31)
    states = np.sin(X - times[:, None])
    data = xr.Dataset({"u": (("time", "x"), states)}, {"time": times, "x": X})
    return ude.fit(
        model, data, objective=ude.Collocation(), phases=ude.Adam(1e-3, 1), estimate_initial=False,
        solver=ude.RK4(dt=0.1), progress=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def pointwise():
    return advection(ude.nn.MLP(2, 1, (3,)), lambda net, u: net.closure(u, GRID.d(u)))


@pytest.fixture(scope="module")
def whole():
    return advection(ude.nn.MLP(POINTS, POINTS, (3,)), lambda net, u: net.closure(u))


@pytest.mark.parametrize("kind", ["pointwise", "whole"])
def test_rollouts_of_the_training_conditions_stay_inside(kind, request):
    fit = request.getfixturevalue(kind)
    audit = fit.audit(checks="shift")
    (finding,) = audit.findings
    d = audit["shift"].datasets["closure"]
    assert finding.severity == "ok" and int(d["first_step"][0]) == -1
    assert float(d["outside"].max()) <= 0.1
    assert float(d["energy"][0]) < 0.01


@pytest.mark.parametrize("kind", ["pointwise", "whole"])
def test_larger_waves_are_further_outside(kind, request):
    fit = request.getfixturevalue(kind)
    new = {"u": np.array([1.0, 1.5, 3.0, 10.0])[:, None] * np.sin(X)}
    audit = fit.audit(checks="shift", new=new)
    d = audit["shift"].datasets["closure"]
    ratio = d["ratio"].values.reshape(5, d.sizes["step"], -1).max(axis=(1, 2))
    assert ratio[1] < 1.3 and (np.diff(ratio[1:]) > 0).all() and ratio[-1] > 5
    assert (np.diff(d["energy"].values[1:]) > 0).all()
    assert [f.severity for f in audit.findings] == ["ok", "warning"]
    assert "leave the training distribution" in audit.findings[1].statement


def test_place_and_time_of_leaving_are_named(pointwise):
    """A bump on the wave: only the cells near it are outside, and they are from the start."""
    bump = np.sin(X) + 3.0 * np.exp(-20 * (X - np.pi) ** 2)
    audit = pointwise.audit(ude.Shift(steps=4), new={"u": bump})
    d = audit["shift"].datasets["closure"].isel(condition=1)
    ratio = d["ratio"].values[0]
    outside = np.flatnonzero(ratio > max(1.0, ratio.max() / 4))
    assert int(d["first_step"]) == 0
    assert outside.min() >= 12 and outside.max() <= 20
    assert f"at cells {outside[0]}–{outside[-1]} of {POINTS}" in audit.findings[1].statement


def test_growing_rollouts_leave_later(whole):
    """A wave that starts inside the training distribution and grows leaves it on the way."""
    model = ude.PDE(
        lambda t, s, p, net: -GRID.d(s.u) + p.growth * s.u + 1e-12 * net.closure(s.u), GRID, ["u"], {"growth": 1.0},
        networks={"closure": ude.nn.MLP(POINTS, POINTS, (3,))},
    )  # fmt: skip
    fit = ude.fit(
        model, whole.record.observations.dataset.drop_vars("start", errors="ignore"), objective=ude.Collocation(),
        phases=ude.Adam(1e-9, 1), estimate_initial=False, solver=ude.RK4(dt=0.1), progress=False,
    )  # fmt: skip
    d = fit.audit("shift")["shift"].datasets["closure"]
    assert 1 <= int(d["first_step"][0]) <= 10
    assert d["ratio"].values[0, -1] > 3.0


def test_networks_on_a_grid_are_seen_by_patches():
    fit = advection(ude.nn.CNN(1, 1, (2,), dimensions=1), lambda net, u: net.closure(u))
    inputs = ClosureInputs.of(fit, "closure", radius=1)
    assert inputs.layout == "grid" and inputs.place_shape == (POINTS,)
    u = np.sin(X)
    rows = inputs.rows(np.zeros(1), u[None])[0]
    np.testing.assert_allclose(rows, np.stack([u, np.roll(u, -1), np.roll(u, 1)], axis=1))
    audit = fit.audit(checks="shift", new={"u": 3.0 * u})
    assert [f.severity for f in audit.findings] == ["ok", "warning"]
    assert len(audit.plot().axes) == 3


def test_result_is_stored(pointwise, tmp_path):
    audit = pointwise.audit(checks="shift")
    pointwise.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc").tree["/diagnostics/audit_shift_closure"].to_dataset(inherit=False)
    np.testing.assert_array_equal(again["ratio"], audit["shift"].datasets["closure"]["ratio"])
    with pytest.raises(OptionError, match="radius"):
        ude.Shift(radius=-1)


# ---- what counts as leaving ---------------------------------------------------------------------------------------


def transient():
    """Training samples of a decay from 10: the first few are far from the rest, and no rollout leaves by them."""
    times = np.linspace(0.0, 40.0, 401)
    path = 10.0 * np.exp(-0.8 * times)[:, None]
    return path, Cloud.of(path, np.arange(401) // 2 % 5)


def _finding_of(rolled):
    _, cloud = transient()
    rows = np.asarray(rolled)[..., None, None]  # condition, step, one place, one feature
    count = len(rows)
    return _finding(_dataset(cloud, rows, (), ["new"] * count, [f"new {k}" for k in range(count)], 0.1), "f", "new")


def test_training_data_never_leave_their_own_distribution():
    path, cloud = transient()
    assert cloud.distance(path)[0] > 1.25 * cloud.quantile(0.99)  # by the Mahalanobis distance alone it would
    found = _finding_of([path[:, 0]])
    assert found.severity == "ok" and "0.0 % of the places" in found.statement


def test_one_outlier_is_no_leaving_but_a_stretch_is():
    path, _ = transient()
    once, long = path[:, 0].copy(), path[:, 0].copy()
    once[40] = 30.0
    long[40:] = 30.0
    assert _finding_of([once]).severity == "ok"
    found = _finding_of([once, long, path[:, 0]])
    assert "from 1 of 3 new conditions: at the worst from step 40," in found.statement
    times = float(re.search(r"up to (\S+) times as far as", found.statement).group(1))
    assert times > 1.0 and found.severity == "warning"
    assert "step -1" not in found.statement


# ---- distances -----------------------------------------------------------------------------------------------------


def test_distance_of_a_gaussian_cloud_is_its_mahalanobis_distance():
    generator = np.random.default_rng(0)
    mixing = np.array([[2.0, 0.0], [1.0, 0.5]])
    samples = generator.standard_normal((4000, 2)) @ mixing.T
    cloud = Cloud.of(samples, np.arange(4000) % 5)
    covariance = mixing @ mixing.T
    points = np.array([[4.0, 0.0], [0.0, 3.0]])
    expected = np.sqrt(np.einsum("ij,jk,ik->i", points, np.linalg.inv(covariance), points) / 2)
    np.testing.assert_allclose(cloud.distance(points), expected, rtol=0.05)
    assert cloud.quantile(0.99) == pytest.approx(np.sqrt(9.21 / 2), rel=0.06)  # χ² with two degrees of freedom


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 100.0), st.floats(-5.0, 5.0))
def test_distance_does_not_depend_on_units(scale, offset):
    generator = np.random.default_rng(1)
    samples, points = generator.standard_normal((300, 3)), generator.standard_normal((20, 3)) * 2
    folds = np.arange(300) % 5
    one = Cloud.of(samples, folds).distance(points)
    two = Cloud.of(samples * scale + offset, folds).distance(points * scale + offset)
    np.testing.assert_allclose(one, two, rtol=1e-6)


def test_directions_that_never_vary_do_not_make_everything_far():
    generator = np.random.default_rng(2)
    samples = generator.standard_normal((200, 1)) * np.ones(10)  # one degree of freedom in ten features
    cloud = Cloud.of(samples, np.arange(200) % 5, np.zeros(10, dtype=int))
    point = np.zeros((1, 10))
    point[0, 0] = 0.05  # one twentieth of a standard deviation off the line
    assert cloud.distance(point)[0] < 1.0


def test_energy_distance_vanishes_for_equal_distributions_and_grows_with_the_shift():
    generator = np.random.default_rng(3)
    x, y = generator.standard_normal((2, 500, 2))
    values = [energy_distance(x + shift, y) for shift in (0.0, 0.5, 1.0, 3.0)]
    assert values[0] < 0.01 and (np.diff(values) > 0).all()
    assert energy_distance(y, y) == pytest.approx(0.0, abs=1e-12)


def test_self_distances_come_from_other_folds(pointwise):
    cloud = training_cloud(ClosureInputs.of(pointwise, "closure"), data_states(pointwise))
    assert cloud.reference.shape == (31 * POINTS,)
    assert 0.5 < np.median(cloud.reference) < 1.5
