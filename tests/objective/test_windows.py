"""Windows of trajectories: which there are, in which order they come, and data that can't be cut into any."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import unideq as ude
from unideq.errors import DataError
from unideq.objective import Observations
from unideq.objective.windows import Shuffled, Snapshots, step_ratio

from .stepping import GRID, advection, made, series, spiral, spiral_data, waves


def snapshots(lengths):
    """Snapshots whose only state says which they are."""
    count = sum(lengths)
    states = np.arange(count, dtype=float)[:, None]
    times = np.concatenate([np.arange(n, dtype=float) for n in lengths])
    return Snapshots(states, {"u": states[:, 0]}, times, lengths)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), st.integers(1, 4), st.integers(1, 3))
def test_windows_never_reach_into_the_next_trajectory(lengths, length, stride):
    found = snapshots(lengths)
    starts = found.window_starts(length, stride)
    ends = np.cumsum(lengths)
    begins = ends - lengths
    expected = [s for a, b in zip(begins, ends, strict=True) for s in range(a, b - length + 1, stride)]
    assert starts.tolist() == expected
    if len(starts):
        batch = found.batch(starts, length)
        assert (np.diff(batch.states[..., 0], axis=1) == 1).all()
        assert (np.diff(batch.values["u"], axis=1) == 1).all()


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 30), st.integers(1, 7), st.integers(0, 5))
def test_every_window_comes_once_an_epoch_whatever_the_batch_size(count, size, seed):
    found = snapshots([count])
    source = Shuffled(found, found.window_starts(1), 1, (seed,))
    batches = [source.take(i * size, size).states[:, 0, 0] for i in range(2 * count)]
    served = np.concatenate(batches)
    for epoch in range(2):
        assert sorted(served[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_the_order_depends_on_seed_and_place_alone():
    found = snapshots([40])
    one, two = (Shuffled(found, found.window_starts(3), 3, (7,)) for _ in range(2))
    far = one.take(160, 8).states
    one.take(0, 8)
    assert (two.take(160, 8).states == far).all()
    other = Shuffled(found, found.window_starts(3), 3, (8,))
    assert (other.take(160, 8).states != far).any()
    assert (one.take(0, 38).states != one.take(38, 38).states).any()


def test_windows_carry_their_conditions_and_start_times():
    found = snapshots([4, 3])
    found.conditions = np.array([[1.0], [2.0]])
    batch = found.batch(found.window_starts(3), 3)
    assert batch.conditions.ravel().tolist() == [1.0, 1.0, 2.0]
    assert batch.start.tolist() == [0.0, 1.0, 0.0]


def test_data_at_every_third_step_are_compared_every_third_step():
    data = spiral_data(21, every=3)
    assert step_ratio(0.1, Observations.of(data, spiral()).series) == 3
    program = ude.Unrolled(2).build(made(spiral(), data))
    assert (program.sources[0].steps, program.sources[0].every) == (6, 3)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([0.0, 0.25, 0.5], "0.25 apart, the stepper's dt is 0.1: that is 2.5 steps"),
        ([0.0, 0.1, 0.25], "aren't evenly spaced: 0.15 after time 0.1"),
        ([0.0, 0.1, 0.2, 0.4, 0.5], "no snapshot at time 0.3"),
        ([0.0, 0.05, 0.1], "0.5 steps, not a whole number"),
    ],
)
def test_times_that_no_step_reaches_are_told_with_the_numbers(times, words):
    data = xr.Dataset({"x": ("time", np.ones(len(times))), "y": ("time", np.ones(len(times)))}, {"time": times})
    with pytest.raises(DataError, match=words):
        ude.Unrolled(1).build(made(spiral(), data))


def test_trajectories_of_different_spacing_are_refused():
    data = [spiral_data(8, 1), spiral_data(8, 1, every=2)]
    data = [d.isel(trajectory=0, drop=True) for d in data]
    with pytest.raises(DataError, match=r"a snapshot every 0.2, trajectory 0 every 0.1"):
        ude.Unrolled(1).build(made(spiral(), data))


def test_nan_in_a_snapshot_names_trajectory_time_and_variable():
    data = spiral_data().copy(deep=True)
    data["y"].values[1, 4] = np.nan
    with pytest.raises(DataError, match=r"`y` has NaN in the snapshot at time 0.4 of trajectory 1 \(1 of 21"):
        ude.Unrolled().build(made(spiral(), data))


def test_a_lost_snapshot_is_named_by_its_time():
    data = spiral_data().copy(deep=True)
    for name in ("x", "y"):
        data[name].values[1, 4] = np.nan
    with pytest.raises(DataError, match=r"Trajectory 1 has no snapshot at time 0.4 "):
        ude.Unrolled().build(made(spiral(), data))


def test_trajectories_that_end_early_are_padded_with_nan_and_cut():
    data = spiral_data().copy(deep=True)
    for name in ("x", "y"):
        data[name].values[1, 15:] = np.nan
    source = ude.Unrolled(4).windows(made(spiral(), data))
    assert source.count == 17 + 11 + 17


def test_a_state_that_nobody_measured_has_no_rollout():
    with pytest.raises(DataError, match="`y` isn't in the data"):
        made(spiral(), spiral_data().drop_vars("y"))


def test_fields_on_another_grid_are_refused_with_both_grids():
    data = advection(1.0).rollout({"u": waves()}, 4)
    with pytest.raises(DataError, match=r"the data has 8 points .* grid 16 points"):
        made(advection(1.0), data.isel(x=slice(None, None, 2)))


def test_space_may_come_before_time():
    data = advection(1.0).rollout({"u": waves()}, 4)
    turned = data.transpose("x", "time", "trajectory")
    one, two = (made(advection(1.0), d).observations for d in (data, turned))
    assert (one.series[1].values["u"] == two.series[1].values["u"]).all()
    assert one.dataset["u"].dims == ("trajectory", "time", "x")


def test_conditions_come_from_coordinates_of_the_trajectories():
    model = ude.PDE(lambda t, s, p: -p.speed * GRID.d(s.u), GRID, ["u"], {"speed": ude.Condition(1.0)})
    stepper = ude.Stepper(model, 0.05)
    data = stepper.rollout({"u": waves()}, 6, conditions={"speed": [0.5, 2.0]})
    problem = made(stepper, data)
    program = ude.Unrolled(2).build(problem)
    assert sorted(set(program.sources[0].data["c"][:, 0])) == [0.5, 2.0]
    value = ude.get_engine("jax").value(program, np.zeros((1, 0)))
    assert float(value.total[0]) < 1e-25


def test_a_condition_of_two_numbers_is_refused():
    model = ude.PDE(lambda t, s, p: -p.speed * GRID.d(s.u), GRID, ["u"], {"speed": ude.Condition(1.0)})
    stepper = ude.Stepper(model, 0.05)
    data = stepper.rollout({"u": waves(1)[0]}, 6).assign_coords(speed=np.nan)
    with pytest.raises(DataError, match="`speed` of trajectory 0 must be one finite number"):
        ude.Unrolled(2).build(made(stepper, data))


def test_a_curriculum_with_no_batch_left_names_the_longest_trajectory():
    data = [series(np.ones(3)), series(np.ones(5))]
    model = ude.Stepper(ude.ODE(lambda t, s, p: {"u": p.rate * s.u}, ["u"], {"rate": 1.0}), 1.0, "euler")
    with pytest.raises(DataError, match=r"(?s)no batch left.*steps=6.*windows of 7 snapshots.*\(1\) has 5"):
        ude.fit(model, data, objective=ude.Unrolled(curriculum=[(1, 2, 1e-3), (6, 2, 1e-3)]), progress=False)


def test_held_out_windows_compare_with_held_out_snapshots_only():
    data = spiral_data(20, 2)
    model = spiral()
    everything = Observations.of(data, model)
    problem = made(model, data, holdout=ude.Holdout(fraction=0.25))
    cut = problem.observations.series[0].times[-1]
    source = ude.Unrolled(3, warmup=1).held_windows(problem, everything)
    batch = source.take(0, source.count)
    first_compared = batch.start + 0.1 * 2
    assert source.count == 2 * 3
    assert (first_compared > cut + 1e-9).all()
