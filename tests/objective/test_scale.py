"""The scale of residuals: the standard deviation, which lone outliers don't change, and the rest never differs from."""

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.objective import Observations
from unideq.objective.scale import far_values, scale_of


def observed(values, **coords):
    values = np.asarray(values, dtype=float)
    dims = ("trajectory", "time") if values.ndim == 2 else ("time",)
    times = np.arange(values.shape[-1], dtype=float)
    return Observations.from_data(xr.Dataset({"x": (dims, values)}, coords={"time": times, **coords}), {"x": ()})


T = np.linspace(0.0, 10.0, 60)
WAVE = np.sin(T)


def plain(values):
    return float(np.std(values[np.isfinite(values)]))


@pytest.mark.parametrize(("at", "size"), [([20], 1e3), ([20], 20.0), ([20, 21], 1e6), ([7, 30, 50], -300.0)])
def test_lone_outliers_leave_the_scale_of_the_others(at, size):
    values = WAVE.copy()
    values[at] = size
    assert observed(values).scale("x") == plain(np.delete(WAVE, at))
    assert plain(values) > 2.0 * plain(WAVE)  # what it was


@pytest.mark.parametrize(
    "values",
    [
        WAVE,
        np.exp(-5.0 * np.arange(12.0)),  # the first value is 10⁴ times the rest's deviation
        np.exp(5.0 * np.arange(12.0)),
        np.where((T > 3) & (T < 4), 1e4, 0.0) + 0.01 * WAVE,  # a pulse of six measurements
        1.0 / np.cosh(20.0 * (T - 5.0)) ** 2,  # a soliton passes
        np.r_[np.zeros(30), np.full(30, 1e5)] + WAVE,  # a front
        np.random.default_rng(0).standard_t(2, 200),
        np.random.default_rng(1).lognormal(0.0, 1.0, 60),
        np.r_[np.zeros(19), 5.0, np.zeros(20)],  # nothing to compare with
        np.r_[WAVE[:8], 1e3],  # too few
        np.where(np.arange(60) % 4 == 0, 1e4, WAVE),  # too many
        np.full(20, 7.0),
    ],
    ids=["wave", "decay", "growth", "pulse", "soliton", "front", "tails", "skew", "event", "few", "many", "constant"],
)
def test_without_outliers_the_scale_is_the_standard_deviation_to_the_last_bit(values):
    assert observed(values).scale("x") == scale_of(values)


def test_outliers_are_looked_for_in_each_trajectory_and_cell():
    both = np.stack([WAVE, WAVE])
    both[1, 30] = 500.0
    assert observed(both).scale("x") == plain(np.delete(both.ravel(), 90))
    field = np.tile(WAVE[:, None], (1, 3))
    field[30, 1] = 500.0
    data = xr.Dataset({"x": (("time", "cell"), field)}, coords={"time": T})
    assert Observations.from_data(data, {"x": (3,)}).scale("x") == pytest.approx(np.std(np.delete(field.ravel(), 91)))


def test_missing_measurements_beside_an_outlier_dont_hide_it():
    values = WAVE.copy()
    values[[19, 21]], values[20] = np.nan, 1e3
    assert observed(values).scale("x") == plain(np.delete(WAVE, [19, 20, 21]))


@pytest.mark.parametrize("load", [ude.datasets.hudson_bay, ude.datasets.theophylline, ude.datasets.alpha_pinene])
def test_published_data_keep_their_scale(load):
    data = load()
    shapes = {str(n): () for n in data.data_vars}
    found = Observations.from_data(data, shapes)
    for name in shapes:
        assert found.scale(name) == scale_of(found.pooled(name)[np.isfinite(found.pooled(name))])


# ---- values that mean something else -----------------------------------------------------------------------------


@pytest.mark.parametrize("fill", [9.96921e36, 9.969209968386869e36, 1e20, -1e30, -9999.0, -999.0, 4e9])
@pytest.mark.parametrize("count", [1, 3, 20])
def test_values_far_from_all_others_are_found(fill, count):
    values = WAVE.copy()
    values[10 : 10 + count] = fill
    assert far_values(values).tolist() == [fill] * count


@pytest.mark.parametrize(
    "values",
    [
        WAVE,
        1e20 * WAVE,
        np.full(20, 1e20),
        np.r_[np.zeros(19), 5.0],
        1.0 / np.cosh(20.0 * (T - 5.0)) ** 2,
        np.exp(T),
        np.array([1.0, 1e9]),
        np.linspace(-9999.0, 9999.0, 21),
        np.array([998.0, 1003.0, 999.5, -999.0, 1001.0, -1000.0]),
        np.array([]),
    ],
)
def test_values_among_others_are_left_alone(values):
    assert far_values(values).size == 0
