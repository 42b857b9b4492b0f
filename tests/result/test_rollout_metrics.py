"""Rollout metrics against numbers that can be written down."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import unideq as ude
from unideq.errors import DataError
from unideq.grid.spectrum import energy_spectrum

N = 16
X = 2 * np.pi * np.arange(N) / N
TIMES = np.arange(5.0)


def fields(values):
    """(trajectory, time, x) as a Dataset."""
    return xr.Dataset({"u": (("trajectory", "time", "x"), values)}, coords={"time": TIMES, "x": X})


SINES = np.stack([np.tile(np.sin(X), (5, 1)), np.tile(2.0 * np.sin(2 * X), (5, 1))])


def test_the_relative_error_of_a_scaled_field_is_the_scale():
    found = ude.rollout_metrics(fields(1.25 * SINES), fields(SINES))
    assert found["relative_l2"].dims == ("variable", "trajectory", "time")
    assert found["relative_l2"].values == pytest.approx(np.full((1, 2, 5), 0.25), rel=1e-12)
    assert found["correlation"].values == pytest.approx(np.ones((1, 2, 5)), rel=1e-12)
    assert np.isinf(found["correlation_time"].values).all()


def test_the_normalised_error_is_that_of_list_et_al():
    found = ude.rollout_metrics(fields(1.25 * SINES), fields(SINES))
    # mean over x of (0.25·sin)², divided by max sin² = 1.
    assert found["normalised_mse"].values == pytest.approx(np.full((1, 2, 5), 0.25**2 / 2), rel=1e-12)
    far = ude.rollout_metrics(fields(100.0 * SINES), fields(SINES), clip=30.0)
    assert (far["normalised_mse"].values == 30.0).all()
    assert (far["mean_normalised_mse"].values == 30.0).all()


def test_the_correlation_of_shifted_sines_is_the_cosine_of_the_shift():
    shifts = np.array([0.0, 0.3, 0.6, 0.7, 1.5])  # cos: 1, 0.955, 0.825, 0.765, 0.07
    shifted = np.sin(X[None, :] - shifts[:, None])[None]
    found = ude.rollout_metrics(fields(shifted), fields(SINES[:1]))
    assert found["correlation"].values[0, 0] == pytest.approx(np.cos(shifts), abs=1e-12)
    assert found["correlation_time"].item() == 3.0
    # ‖sin(x − s) − sin x‖ / ‖sin‖ = 2·sin(s/2): above 1 from s = π/3 on.
    assert found["relative_l2"].values[0, 0] == pytest.approx(2 * np.sin(shifts / 2), abs=1e-12)
    assert found["divergence_time"].item() == 4.0


def test_a_rollout_that_blew_up_counts_as_diverged_and_costs_the_clip():
    broken = SINES.copy()
    broken[1, 3:] = np.nan
    found = ude.rollout_metrics(fields(broken), fields(SINES))
    assert found["divergence_time"].values[0].tolist() == [np.inf, 3.0]
    assert found["correlation_time"].values[0].tolist() == [np.inf, 3.0]
    assert found["normalised_mse"].values[0, 1].tolist() == [0.0, 0.0, 0.0, 30.0, 30.0]
    assert found["mean_normalised_mse"].values[0].tolist() == [0.0, 15.0]


def test_snapshots_that_the_truth_lacks_say_nothing():
    holes = SINES.copy()
    holes[0, 2] = np.nan
    found = ude.rollout_metrics(fields(SINES), fields(holes))
    assert np.isnan(found["relative_l2"].values[0, 0, 2])
    assert found["mean_normalised_mse"].values[0, 0] == 0.0
    assert np.isinf(found["divergence_time"].values).all()


def test_a_sine_has_its_energy_at_its_wavenumber():
    found = ude.rollout_metrics(fields(SINES), fields(SINES))
    expected = np.zeros((2, N // 2 + 1))
    expected[0, 1], expected[1, 2] = 0.25, 1.0  # ½·mean(a² sin²) = a²/4
    assert found["wavenumber"].values == pytest.approx(np.arange(N // 2 + 1.0))
    assert found["spectrum_true"].values[0, :, 0] == pytest.approx(expected, abs=1e-14)


def test_a_plane_wave_in_two_dimensions_has_its_energy_in_its_shell():
    mesh = np.meshgrid(X, X, indexing="ij")
    numbers, energy = energy_spectrum(np.cos(3 * mesh[0] + 4 * mesh[1]), [2 * np.pi, 2 * np.pi])
    assert int(np.argmax(energy)) == 5
    assert numbers[5] == pytest.approx(5.0)
    assert energy[5] == pytest.approx(0.25, rel=1e-12)


@settings(deadline=None, max_examples=25)
@given(hnp.arrays(float, st.sampled_from([(7,), (8,), (6, 8), (5, 7)]), elements=st.floats(-10, 10)), st.floats(0.5, 9))
def test_energies_sum_to_half_the_mean_square(values, length):
    _, energy = energy_spectrum(values, [length] * values.ndim)
    assert energy.sum() == pytest.approx(0.5 * (values**2).mean(), rel=1e-10, abs=1e-12)


def test_only_shared_times_and_variables_are_compared():
    true = fields(SINES).assign(v=(("trajectory", "time"), np.ones((2, 5))))
    found = ude.rollout_metrics(fields(SINES).isel(time=[0, 2, 4]), true)
    assert found["time"].values.tolist() == [0.0, 2.0, 4.0]
    assert found["variable"].values.tolist() == ["u"]
    with pytest.raises(DataError, match="share no time"):
        ude.rollout_metrics(fields(SINES).assign_coords(time=TIMES + 100.0), true)
    with pytest.raises(DataError, match="no variable in common"):
        ude.rollout_metrics(fields(SINES).rename(u="w"), true)
    with pytest.raises(DataError, match="has 1 trajectories, true has 2"):
        ude.rollout_metrics(fields(SINES[:1]), true)
    with pytest.raises(DataError, match="has shape"):
        ude.rollout_metrics(fields(SINES).isel(x=slice(0, 8)), fields(SINES))


def test_scalars_have_errors_but_no_spectrum():
    one = xr.Dataset({"y": ("time", [1.0, 2.0])}, coords={"time": [0.0, 1.0]})
    found = ude.rollout_metrics(one * 1.5, one)
    assert found["relative_l2"].values.ravel() == pytest.approx([0.5, 0.5])
    assert "spectrum" not in found


def test_the_picture_shows_errors_correlation_and_spectra():
    found = ude.rollout_metrics(fields(1.1 * SINES), fields(SINES))
    axes = ude.plot_rollout_metrics(found).axes
    assert [ax.get_title(loc="left") for ax in axes] == ["relative L2 error", "correlation", "energy of u"]
    assert axes[0].get_lines()[0].get_ydata() == pytest.approx(np.full(5, 0.1))
