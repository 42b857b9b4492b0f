"""Where a learned term was seen and is believed: regions, seeds that disagree, held-out times that leave."""

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.result.ensemble import near_best
from unideq.result.learned import visited
from unideq.result.plot import plot_learned
from unideq.result.region import Region, believed, disagreement, seen_in_training

TIMES = np.linspace(0.0, 3.0, 13)


@pytest.fixture(scope="module")
def fit():
    """du/dt = −f(u), from 4 down; the last third isn't trained on."""
    data = xr.Dataset({"u": ("time", 4.0 * np.exp(-TIMES))}, {"time": TIMES})
    model = ude.ODE(
        lambda t, s, p, net: {"u": -net.f(s.u)}, ["u"], networks={"f": ude.nn.MLP(1, 1, (4,), input_scale=2.0)}
    )
    return ude.fit(model, data, phases=ude.Adam(3e-2, 80), seeds=3, holdout=0.34, progress=False)


def test_a_region_is_between_ends_in_a_hull_or_a_box():
    assert Region(np.array([[1.0], [3.0]])).holds(np.array([[2.0], [3.5], [0.5]])).tolist() == [True, False, False]
    triangle = Region(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    assert triangle.holds(np.array([[0.2, 0.2], [0.9, 0.9]])).tolist() == [True, False]
    line = Region(np.array([[0.0, 0.0], [1.0, 1.0]]))
    assert line.holds(np.array([[0.5, 0.5], [0.5, 1.5]])).tolist() == [True, False]
    box = Region(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))
    assert box.holds(np.array([[0.5, 0.5, 0.9], [0.5, 0.5, 2.0]])).tolist() == [True, False]


def test_what_training_saw_ends_where_its_measurements_do(fit):
    region, beyond = seen_in_training(fit, visited(fit, "f"))
    course = fit.tree["/solution"]["u"].isel(seed=fit.record.best_seed, trajectory=0)
    last = TIMES[TIMES <= 2.0][-1]
    low, high = region.ends
    np.testing.assert_allclose([low[0], high[0]], [course.sel(time=last), course.sel(time=0.0)])
    np.testing.assert_allclose(beyond.min(), course.sel(time=3.0))
    assert not region.holds(beyond).all()


def test_seeds_agree_where_they_saw_data_and_less_beyond(fit):
    seen = visited(fit, "f")
    region, _ = seen_in_training(fit, seen)
    points, spread, scale = believed(fit, seen, region)
    values = np.stack([fit.network("f", s)(points[:, 0]) for s in fit.seeds])
    np.testing.assert_allclose(scale, np.ptp(values[fit.record.best_seed]))
    if near_best(fit.record).all():
        np.testing.assert_allclose(spread, values.std(axis=0) / scale)
    far = disagreement(fit, "f", np.array([[40.0]]), scale)
    assert far[0] > np.median(spread)


def test_an_audit_says_where_and_how_far(fit):
    audit = fit.audit("belief")
    (finding,) = audit.findings
    assert "`f` was seen at" in finding.statement
    assert "of what held-out times call it with lies outside" in finding.statement
    assert set(audit["belief"].groups) == {"belief_f"}
    audit.plot()
    assert "belief_f" in "".join(fit.tree["/diagnostics"].children)
    with pytest.raises(ude.OptionError, match="network"):
        fit.audit(ude.audit.Belief(network="g"))


def test_one_seed_alone_is_no_evidence(fit):
    total = fit.record.best_total
    fit.record.best_total = np.where(np.arange(3) == fit.record.best_seed, total, 1e6)
    try:
        (finding,) = fit.audit("belief").findings
    finally:
        fit.record.best_total = total
    assert finding.severity == "note"
    assert "nothing says how far `f` is believed" in finding.statement


def test_pictures_mark_the_ends_of_what_training_saw(fit):
    (dotted,) = plot_learned(fit).collections
    ends, _ = seen_in_training(fit, visited(fit, "f"))
    np.testing.assert_allclose([path.vertices[0, 0] for path in dotted.get_paths()], np.ravel(ends.ends))


def test_seeds_that_disagree_are_hatched_and_warned_of():
    times = np.linspace(0.0, 6.0, 25)
    data = xr.Dataset({"x": ("time", np.cos(times)), "v": ("time", -np.sin(times))}, {"time": times})
    model = ude.ODE(
        lambda t, s, p, net: {"x": s.v, "v": net.f(s.x, s.v)}, ["x", "v"], networks={"f": ude.nn.MLP(2, 1, (4,))}
    )
    fit = ude.fit(model, data, objective=ude.Collocation(), phases=ude.Adam(1e-6, 1), seeds=3, progress=False)
    fit.record.best_total = np.ones(3)  # all as good as the best
    assert fit.audit("belief").severity == "warning"
    assert plot_learned(fit).get_title(loc="right") == "hatched: seeds disagree"
