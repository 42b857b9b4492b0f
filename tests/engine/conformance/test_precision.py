"""Single precision on every engine: close to double, never the same, refused where it can't hold."""

import dataclasses

import numpy as np
import pytest

import unideq as ude
from unideq.engine import Minimisation
from unideq.errors import OptionError
from unideq.graph import Graph, variable
from unideq.objective.program import Given, LossProgram, Pointwise, Rollout
from unideq.optimise import Adam, Phase
from unideq.stored import from_json

from ..runs import Recorder

pytestmark = pytest.mark.usefixtures("only_full_reports", "double_precision")

SIDE, CHANNELS = 24, 6
GRID = ude.Grid(*(ude.Axis(name, 0.0, 2 * np.pi, SIDE) for name in "xy"), scheme=ude.schemes.Fourier())
NETWORK = ude.nn.CNN(1, 1, (CHANNELS, CHANNELS), 3, dimensions=2, boundary=("periodic", "zero"))
DRAWN = NETWORK.draw(np.random.default_rng(0))
SIZE = sum(array.size for array in DRAWN.values())


def closed(field, theta):
    """The network's value, and a product of matrices that BLAS makes."""
    weights, at = {}, 0
    for name, array in DRAWN.items():
        weights[name] = theta[at : at + array.size].reshape(*array.shape)
        at += array.size
    value = NETWORK.expand(weights, field[None])[0]
    mixing = np.add.outer(np.sin(np.arange(96.0)), np.cos(np.arange(SIDE))) / 96.0
    return value + (mixing.T @ (mixing @ (value @ value))) + 0.1 * GRID.laplacian(field) + np.sin(theta[0]) ** 3


def start(count):
    x, y = GRID.mesh()
    return np.stack([np.sin(x + k) * np.cos(2 * y) for k in range(count)]).reshape(count, -1)


THETA = np.concatenate([array.ravel() for array in DRAWN.values()]) + 0.01


def rollout(precision):
    u, theta = variable("u", (SIDE**2,)), variable("theta", (SIZE,))
    new = u + 0.02 * closed(u.reshape(SIDE, SIDE), theta).reshape(-1)
    states = {"start": start(2), "t": np.zeros(2)}
    return Rollout("roll", Graph((u, theta), {"u": new}), Graph((u,), {"u": u}), states, 0.02, 5, precision=precision)


def pointwise():
    field, theta = variable("field", (SIDE, SIDE)), variable("theta", (SIZE,))
    fields = start(3).reshape(-1, SIDE, SIDE)
    source = Pointwise("at", Graph((field, theta), {"y": closed(field, theta)}), {"field": fields})
    y, aim = variable("at.y", fields.shape), variable("aim.y", fields.shape)
    loss = Graph((y, aim, theta), {"fit": np.mean((y - aim) ** 2)})
    return LossProgram((source, Given("aim", {"y": fields**2})), loss, {"fit": 1.0})


def unrolled():
    source = rollout("float64")
    u, theta = variable("roll.u", source.shapes["roll.u"]), variable("theta", (SIZE,))
    return LossProgram((source,), Graph((u, theta), {"fit": np.mean((u - 0.3) ** 2)}), {"fit": 1.0})


def test_rollouts_differ_by_rounding(engine):
    double, single = (engine.rollout(rollout(p), THETA).arrays["roll.u"] for p in ("float64", "float32"))
    assert single.dtype == float
    difference = np.abs(single - double).max() / np.abs(double).max()
    assert 1e-10 < difference < 1e-5


@pytest.mark.parametrize("make", [pointwise, unrolled])
def test_training_differs_by_rounding_and_resumes_bit_for_bit(engine, make):
    objective, theta = make(), np.stack([THETA, 1.1 * THETA])

    def run(phase, stop=None, **more):
        recorder = Recorder(stop)
        return engine.minimise(Minimisation(objective, theta, phase, report_every=4, **more), recorder).last

    double, single = run(Adam(1e-3, 8)), run(Adam(1e-3, 8, precision="float32"))
    assert single.theta.dtype == float and all(a.dtype.itemsize == 8 for a in single.state.values() if a.ndim > 1)
    assert 0 < np.abs(single.total - double.total).max() < 1e-4 * double.total.max()
    assert 0 < np.abs(single.theta - double.theta).max() < 1e-4
    first = run(Adam(1e-3, 8, precision="float32"), stop=1)
    assert first.iteration == 4
    again = run(Adam(1e-3, 8, precision="float32"), state=first.state)
    np.testing.assert_array_equal(again.theta, single.theta)
    np.testing.assert_array_equal(run(Adam(1e-3, 8)).theta, double.theta)


def test_phases_keep_it_and_solves_with_error_control_refuse_it():
    assert "precision" not in Adam().to_json()
    phase = Adam(precision="float32")
    assert from_json(Phase, phase.to_json()) == phase != dataclasses.replace(phase, precision="float64")
    model = ude.ODE(lambda t, s, p: -p.k * s.u, ["u"], {"k": 1.0})
    data = model.solve(np.linspace(0, 1, 5), {"u": 1.0}).dataset
    with pytest.raises(OptionError, match=r"`Adam on Trajectory` solves the model with error control.*Leave out"):
        ude.fit(model, data, phases=phase, progress=False)
    box = ude.Stepper(lambda fields: fields, 0.1, grid=GRID, fields=["u"], correction=lambda t, s: {"u": 0.0 * s.u})
    with pytest.raises(OptionError, match="A black box computes in what it computes in"):
        box.rollout({"u": np.ones(GRID.shape)}, 1, precision="float32")
