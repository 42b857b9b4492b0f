"""Data sets larger than memory: read in blocks that fit a buffer, every window once an epoch, the same every time."""

import json

import numpy as np
import pytest

import unideq as ude
from unideq.errors import DataError, OptionError
from unideq.objective import Observations

from .stepping import advection, made, waves

zarr = pytest.importorskip("zarr")
pytestmark = pytest.mark.filterwarnings("ignore:Consolidated metadata")

SNAPSHOT = 2 * 8 * 16  # bytes in memory: the state, and the field that it is
BUFFER = 40 * SNAPSHOT
TRAJECTORIES, STEPS = 4, 60


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Four trajectories of 61 snapshots: six times the buffer."""
    path = tmp_path_factory.mktemp("stream") / "waves.zarr"
    data = advection(1.3).rollout({"u": waves(TRAJECTORIES)}, STEPS)
    data = data.assign_coords(trajectory=[10 * (i + 1) for i in range(TRAJECTORIES)])
    data.to_zarr(path, encoding={"u": {"chunks": (1, 16, *data["u"].shape[2:])}})
    assert TRAJECTORIES * (STEPS + 1) * SNAPSHOT > 6 * BUFFER
    return path


def reader(store, buffer=BUFFER):
    return made(advection(1.0), ude.Stream(store, buffer))


def keys(batch):
    """What tells windows apart."""
    return [s[0].tobytes() for s in batch.states]


def test_an_epoch_serves_every_window_once_within_the_buffer(store):
    problem = reader(store)
    objective = ude.Unrolled(3, batch=10)
    source = objective.windows(problem)
    assert source.count == TRAJECTORIES * (STEPS + 1 - 3)
    epochs = [[], []]
    for place in range(0, 2 * source.count, 8):
        for k, key in enumerate(keys(source.take(place, 8))):
            if place + k < 2 * source.count:
                epochs[(place + k) // source.count].append(key)
    everything = advection(1.3).rollout({"u": waves(TRAJECTORIES)}, STEPS)["u"].values[:, :-3].reshape(-1, 16)
    wanted = sorted(row.tobytes() for row in everything)
    assert sorted(epochs[0]) == wanted
    assert sorted(epochs[1]) == wanted
    assert epochs[0] != epochs[1]
    assert 0 < problem.observations.stream.peak <= BUFFER


def test_windows_are_consecutive_snapshots_with_their_times(store):
    source = ude.Unrolled(3, stride=2).windows(reader(store))
    batch = source.take(5, 20)
    for states, start in zip(batch.states, batch.start, strict=True):
        # u_t + 1.3 u_x = 0: the phase of the first mode moves by 1.3·dt a snapshot (RK4 is right to about 1e-8 here).
        phase = np.unwrap(np.angle(np.fft.rfft(states)[:, 1]))
        assert np.diff(phase) == pytest.approx(np.full(3, -1.3 * 0.05), abs=1e-7)
        assert start / 0.1 == pytest.approx(round(start / 0.1), abs=1e-9)


def test_the_batch_of_an_iteration_is_the_same_wherever_reading_began(store):
    objective = ude.Unrolled(2, batch=9)
    one, two = (objective.windows(reader(store)) for _ in range(2))
    for place in range(0, 300, 9):
        one.take(place, 9)
    assert keys(one.take(297, 9)) == keys(two.take(297, 9))


def test_neighbours_are_mixed(store):
    source = ude.Unrolled(1).windows(reader(store, 200 * SNAPSHOT))
    starts = source.take(0, 32).start
    assert len(np.unique(starts)) > 12
    assert np.abs(np.diff(starts)).mean() > 0.2


def test_held_out_parts_of_a_stream_are_never_trained_on(store):
    holdout = ude.Holdout(fraction=0.25, trajectories=(40,))
    problem = made(advection(1.0), ude.Stream(store, BUFFER), holdout=holdout)
    objective = ude.Unrolled(3)
    source = objective.windows(problem)
    kept = STEPS + 1 - round(0.25 * (STEPS + 1))
    assert source.count == 3 * (kept - 3)
    assert source.take(0, source.count).start.max() + 3 * 0.05 <= (kept - 1) * 0.05 + 1e-9
    held = objective.held_windows(problem, problem.observations)
    assert held is not None
    assert held.count == (STEPS + 1 - 3) + 3 * (STEPS + 1 - kept - 3 + 1)
    last = STEPS * 0.05
    assert held.take(0, held.count).start.max() + 3 * 0.05 == pytest.approx(last)


def test_a_fit_from_a_stream_finds_the_speed_and_its_file_keeps_the_reference(store, tmp_path):
    stepper = advection(1.0)
    objective = ude.Unrolled(2, batch=16)
    settings = {"objective": objective, "phases": ude.Adam(5e-3, 150), "progress": False, "report_every": 50}
    fit = ude.fit(stepper, ude.Stream(store, BUFFER), **settings)
    assert float(fit.parameters["speed"]) == pytest.approx(1.3, abs=1e-3)
    assert fit.record.observations.stream.peak <= BUFFER
    assert fit.tree["solution"]["u"].sizes["time"] <= 200
    path = tmp_path / "fit.nc"
    fit.save(path)
    again = ude.Fit.load(path)
    reference = json.loads(again.tree["observations"].attrs["stream"])
    assert reference["path"] == str(store)
    assert again.tree["observations"]["u"].nbytes < BUFFER
    assert again.tree["observations"]["u"].nbytes < 0.3 * 8 * TRAJECTORIES * (STEPS + 1) * 16
    assert "dataset" not in again.record.observations.stream.__dict__  # nothing was opened
    memory = ude.fit(stepper, advection(1.3).rollout({"u": waves(TRAJECTORIES)}, STEPS), **settings)
    assert float(memory.parameters["speed"]) == pytest.approx(float(fit.parameters["speed"]), abs=2e-3)


def test_a_fit_from_a_stream_goes_on_where_it_was_interrupted(store, tmp_path):
    settings = {"objective": ude.Unrolled(2, batch=16), "progress": False, "report_every": 10}
    phases = ude.Adam(5e-3, 60)
    whole = ude.fit(advection(1.0), ude.Stream(store, BUFFER), phases=phases, **settings)

    def stop(report):
        if report.iteration >= 30:
            raise KeyboardInterrupt

    path = tmp_path / "run.nc"
    part = ude.fit(advection(1.0), ude.Stream(store, BUFFER), phases=phases, checkpoint=path, callback=stop, **settings)
    assert part.status.startswith("interrupted")
    finished = ude.resume(path, progress=False)
    assert (finished.theta == whole.theta).all()
    totals = [f.record.history.joined(1)["total"] for f in (whole, finished)]
    assert (totals[0] == totals[1]).all()


def test_netcdf_files_and_lazy_datasets_are_streamed_too(store, tmp_path):
    import xarray as xr

    path = tmp_path / "waves.nc"
    with xr.open_zarr(store, chunks=None) as data:
        data.load().to_netcdf(path, engine="h5netcdf")
    wanted = keys(ude.Unrolled(2).windows(reader(store)).take(0, 12))
    with xr.open_dataset(path, engine="h5netcdf") as lazy:
        assert keys(ude.Unrolled(2).windows(made(advection(1.0), ude.Stream(lazy, BUFFER))).take(0, 12)) == wanted
    assert keys(ude.Unrolled(2).windows(made(advection(1.0), ude.Stream(path, BUFFER))).take(0, 12)) == wanted


def test_bad_streams_are_refused(store, tmp_path):
    with pytest.raises(OptionError, match="path or a Dataset"):
        ude.Stream(3)
    with pytest.raises(OptionError, match="whole bytes"):
        ude.Stream(store, 0.5)
    with pytest.raises(DataError, match="no data set"):
        made(advection(1.0), ude.Stream(tmp_path / "nothing.zarr"))
    with pytest.raises(OptionError, match=r"too small: two windows of 9 snapshots take 4608 bytes"):
        ude.Unrolled(8).windows(reader(store, 10 * SNAPSHOT))
    with pytest.raises(OptionError, match="needs all data in memory"):
        ude.fit(advection(1.0), ude.Stream(store), objective=ude.Trajectory(), progress=False)
    with pytest.raises(DataError, match="needs a `Stepper`"):
        Observations.of(ude.Stream(store), ude.ODE(lambda t, s: {"u": -s.u}, ["u"]))
    data = advection(1.3).rollout({"u": waves(2)}, 20)
    data["u"].values[1, 7, 3] = np.nan
    data.to_zarr(tmp_path / "holes.zarr")
    with pytest.raises(DataError, match=r"`u` has NaN in the snapshot at time 0.35 of trajectory 1"):
        source = ude.Unrolled(2).windows(made(advection(1.0), ude.Stream(tmp_path / "holes.zarr", BUFFER)))
        source.take(0, source.count)
