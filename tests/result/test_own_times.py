"""Many trajectories with times of their own: results grow with the measurements, not with the square of the runs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError
from unideq.objective import Observations
from unideq.objective.own_times import along, has_own_times, on_common_times, worth_it
from unideq.result.file import write_tree
from unideq.result.plot import plot_data
from unideq.result.rollout_metrics import rollout_metrics

from .growth import untrained

TIMES = 20


def runs(count: int) -> list[xr.Dataset]:
    """Decays, each measured at 20 times of its own (the first at 12 only), with a dose and an attribute."""
    generator = np.random.default_rng(0)
    made = []
    for k in range(count):
        times = np.sort(generator.uniform(0.0, 10.0, 12 if k == 0 else TIMES))
        values = (1.0 + k / count) * np.exp(-0.3 * times)
        made.append(
            xr.Dataset(
                {"x": ("time", values, {"units": "g"})}, {"time": ("time", times, {"units": "d"}), "dose": 1.0 + k}
            )
        )
    return made


def decay() -> ude.ODE:
    def rhs(t, state, p, net):
        return {"x": -p.k * state.x + 0.1 * net.rest(state.x)}

    return ude.ODE(rhs, ["x"], {"k": ude.Parameter(0.2, positive=True)}, {"rest": ude.nn.MLP(1, 1, (2,))})


@pytest.fixture(scope="module")
def fit() -> ude.Fit:
    return untrained(decay(), runs(30), seeds=2, holdout=0.25)


def test_few_or_shared_times_stay_on_one_axis():
    assert not has_own_times(Observations.from_data(runs(20), {"x": ()}).dataset)
    shared = [d.assign_coords(time=np.arange(len(d.time))) for d in runs(100)]
    assert Observations.from_data(shared, {"x": ()}).dataset.sizes["time"] == TIMES
    assert worth_it([np.arange(20) + k / 100 for k in range(30)])
    assert not worth_it([np.arange(1000.0), np.arange(1000) + 0.5])


def test_groups_have_a_row_of_times_a_trajectory(fit):
    for group, width in (("observations", TIMES), ("solution", TIMES + 198), ("learned_term", TIMES + 198)):
        tree = fit.tree[group].to_dataset()
        assert tree["time"].dims == ("trajectory", "sample"), group
        assert tree.sizes["trajectory"] == 30
        assert tree.sizes["sample"] == width
    assert fit.tree["solution"]["x"].dims == ("seed", "trajectory", "sample")
    assert fit.tree["observations"]["held_out"].sum() == 3 + 29 * 5
    first = fit.tree["solution"].to_dataset().isel(trajectory=0, seed=0)
    assert np.isfinite(first["time"]).sum() == 12 + 198
    np.testing.assert_array_equal(np.isfinite(first["x"]), np.isfinite(first["time"]))
    assert fit.tree["solution"]["time"].attrs["units"] == "d"


def test_values_are_those_of_one_axis(fit):
    """The same integrations: what a solution says at a measured time doesn't depend on the layout."""
    union = np.unique(np.concatenate([d["time"].values for d in runs(30)]))
    common = fit.predict(union, seed="all")
    solution = fit.tree["solution"].to_dataset()
    for k, data in enumerate(runs(30)):
        times, values = along(solution, "x", k)
        at = np.searchsorted(times, data["time"].values)
        np.testing.assert_array_equal(times[at], data["time"].values)
        expected = common["x"].values[:, k, np.searchsorted(union, data["time"].values)]
        np.testing.assert_allclose(values[:, at], expected, rtol=1e-4)
    errors = fit.predict().isel(seed=0, missing_dims="ignore")
    assert errors["x"].dims == ("trajectory", "sample")


def test_scores_are_those_of_one_axis(fit):
    train, held = fit.record.observations.split(fit.record.settings.holdout)
    assert held is not None
    solution = fit.tree["solution"].to_dataset()
    for part, name in ((train, "rmse_training"), (held, "rmse_held_out")):
        squares = []
        for k, s in enumerate(part.series):
            times, values = along(solution, "x", k)
            squares.append((values[0, np.isin(times, s.times)] - s.values["x"]) ** 2)
        expected = np.sqrt(np.concatenate(squares).mean())
        assert float(fit.tree["diagnostics"][name][0, 0]) == pytest.approx(expected, rel=1e-12)
        own = [np.sqrt(one.mean()) if one.size else np.nan for one in squares]
        np.testing.assert_allclose(fit.tree["diagnostics"][f"trajectory_{name}"][0, :, 0], own, rtol=1e-12)


def test_files_grow_with_the_runs_and_come_back(fit, tmp_path):
    sizes = []
    for count in (30, 60):
        one = untrained(decay(), runs(count))
        one.save(tmp_path / f"{count}.nc")
        sizes.append((tmp_path / f"{count}.nc").stat().st_size)
    assert sizes[1] < 2.2 * sizes[0]
    fit.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc")
    assert again.tree.identical(fit.tree)
    assert [s.start for s in again.record.observations.series] == [s.start for s in fit.record.observations.series]


def test_files_on_one_axis_still_load_and_draw(fit, tmp_path):
    """As versions before wrote them."""
    groups: dict[str, Any] = {node.path: node.to_dataset(inherit=False) for node in fit.tree.subtree}
    groups["/"].attrs["unideq_format"] = 1
    groups["/"].attrs["model"] = json.dumps(fit.record.model.to_json())
    del groups["/"].attrs["given"]
    union = np.unique(np.concatenate([d["time"].values for d in runs(30)]))
    groups["/observations"] = on_common_times(groups["/observations"].drop_vars("held_out"))
    groups["/solution"] = fit.predict(union, seed="all")
    assert groups["/observations"].sizes["time"] == len(union)
    write_tree(xr.DataTree.from_dict(groups), tmp_path / "old.nc")
    old = ude.Fit.load(tmp_path / "old.nc")
    assert old.tree["solution"]["x"].dims == ("seed", "trajectory", "time")
    for a, b in zip(old.record.observations.series, fit.record.observations.series, strict=True):
        np.testing.assert_array_equal(a.times, b.times)
        assert a.start == b.start
    ax = plot_data(old, trajectories=[0])
    np.testing.assert_array_equal(ax.get_lines()[1].get_xdata()[:9], runs(1)[0]["time"].values[:9])


def test_pictures_show_every_trajectory_at_its_own_times(fit, tmp_path):
    ax = plot_data(fit, trajectories=[0, 3])
    lines = [line for line in ax.get_lines() if line.get_marker() != "o" and len(line.get_xdata()) > 2]
    for line, k in zip(lines, (0, 3), strict=True):
        times = runs(4)[k]["time"].values
        assert (line.get_xdata()[0], line.get_xdata()[-1]) == (times[0], times[-1])
        assert np.isfinite(line.get_ydata()).all()
    fit.plot(tmp_path / "all.png")
    fit.report(tmp_path / "report.html")
    assert "times 0." in (tmp_path / "report.html").read_text()


def test_data_may_come_in_rows(fit):
    rows = fit.tree["observations"].to_dataset().drop_vars(["held_out", "start"])
    again = Observations.from_data(rows, {"x": ()})
    for a, b in zip(again.series, fit.record.observations.series, strict=True):
        np.testing.assert_array_equal(a.times, b.times)
        np.testing.assert_array_equal(a.values["x"], b.values["x"])
        assert a.extra["dose"] == b.extra["dose"]
    with pytest.raises(DataError, match="dimensions \\(trajectory, sample\\)"):
        Observations.from_data(rows.rename(trajectory="sample", sample="trajectory"), {"x": ()})


def test_rollouts_of_a_stepper_have_rows_too():
    step = ude.Stepper(ude.ODE(lambda t, s, p: {"x": -p.k * s.x}, ["x"], {"k": 0.5}), 0.1)
    parts = []
    for k in range(60):
        times = 0.001 * k + 0.1 * np.arange(10 - k % 2)
        parts.append(xr.Dataset({"x": ("time", np.exp(-0.3 * times))}, {"time": times}))
    observations = Observations.of(parts, step)
    assert has_own_times(observations.dataset)
    fit = ude.fit(step, parts, phases=ude.Adam(1e-2, 1), progress=False)
    solution = fit.tree["solution"].to_dataset()
    assert solution["time"].dims == ("trajectory", "sample")
    times, values = along(solution, "x", 1)
    assert len(times) == 9
    expected = step.rollout({"x": float(parts[1]["x"][0])}, 8, fit.theta[:1])["x"]
    np.testing.assert_allclose(values[0], expected, rtol=1e-9)
    common = on_common_times(observations.dataset)
    metrics = rollout_metrics(fit.predict(common["time"].values), common)
    assert np.isfinite(metrics["relative_l2"]).sum() == sum(len(p.time) for p in parts)
