"""Losses of whole series: peaks and areas, in trajectories of several lengths."""

import json

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from objective.building import NAN, decay
from unideq.engine import get_engine
from unideq.errors import DataError, OptionError
from unideq.objective import Loss, Trajectory
from unideq.stored import from_json
from unideq.training import Trainer, kind_of

PARTS = [
    xr.Dataset({"x": ("time", [1.0, 3.0, 2.0])}, {"time": [0.0, 1.0, 2.0]}),
    xr.Dataset({"x": ("time", [2.0, 1.0])}, {"time": [0.0, 4.0]}),
    xr.Dataset({"x": ("time", [0.0, 2.0, 4.0])}, {"time": [0.0, 2.0, 3.0]}),
]
PREDICTED = np.array([[1.0, 2.0, 2.5], [2.0, 2.0, 99.0], [1.0, 1.0, 1.0]])


def peak(t, predicted, observed):
    return (np.max(predicted) - np.max(observed)) ** 2


def area(t, predicted, observed):
    def of(values):
        return np.sum((values[1:] + values[:-1]) * (t[1:] - t[:-1])) / 2

    return abs(of(predicted) - of(observed))


def made(loss, data=PARTS, objective=None):
    objective = objective or Trajectory()
    model = decay(initial={"y": 0.0})
    _, observations, settings = kind_of(model).settle(model, data, objective, ude.Adam(), 1, 50, loss=loss)
    problem = Trainer(model, observations, settings, get_engine("jax")).task.problem
    return objective.build(problem), problem


@pytest.mark.parametrize(("loss", "each"), [(peak, [0.25, 0.0, 9.0]), (area, [0.75, 2.0, 2.0])])
def test_each_trajectory_is_seen_as_a_whole(loss, each):
    program, problem = made(ude.SeriesLoss(loss, scale={"x": 1.0}))
    found = program.loss.evaluate({"theta": problem.initial_theta(0), "solve.observed.x": PREDICTED})["x"]
    assert found == pytest.approx(np.mean(each), rel=1e-12)
    scaled, problem = made({"x": ude.SeriesLoss(loss, scale={"x": 2.0})})
    again = scaled.loss.evaluate({"theta": problem.initial_theta(0), "solve.observed.x": PREDICTED})["x"]
    assert again == pytest.approx(found / (4 if loss is peak else 2), rel=1e-12)


def test_it_is_written_with_its_graphs():
    loss = made(ude.SeriesLoss(peak))[1].loss
    assert sorted(loss.graphs) == ["2", "3"]
    again = from_json(Loss, json.loads(json.dumps(loss.to_json())))
    assert again.graphs["3"].evaluate({"t": [0, 1, 2], "predicted": [1, 2, 3], "observed": [0, 0, 1]})["value"] == 4.0


def test_what_is_no_loss_of_a_series_is_told():
    gaps = [xr.Dataset({"x": ("time", [1.0, NAN, 2.0]), "y": ("time", [0.0, 1.0, NAN])}, {"time": [0.0, 1.0, 2.0]})]
    for data, loss, objective, error, words in [
        (gaps, {"x": ude.SeriesLoss(peak), "y": "huber"}, None, DataError, "`x` wasn't measured at time 1 of"),
        (PARTS, ude.SeriesLoss(lambda t, p, o: p - o), None, OptionError, "one number a trajectory"),
        (PARTS, ude.SeriesLoss(lambda t, p, o: np.max(o)), None, OptionError, "doesn't depend on its second"),
        (PARTS, ude.SeriesLoss(peak), ude.MultipleShooting(2), OptionError, "`MultipleShooting` cuts"),
        (PARTS, ude.SeriesLoss(peak), ude.Trajectory(horizon=2.0), OptionError, "without `horizon`"),
    ]:
        with pytest.raises(error, match=words):
            made(loss, data, objective)
    program, _ = made({"x": ude.SeriesLoss(lambda t, p, o: np.max(p)), "y": "huber"}, gaps)  # reads no measurement
    assert set(program.terms) == {"x", "y"}
