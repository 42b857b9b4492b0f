"""Unrolled fits that stop, fail, go on, or ask for something else than the default."""

import numpy as np
import pytest

import unideq as ude
from unideq.kinds import Map

from .burgers import GRID, STARTS, burgers


@pytest.fixture(scope="module")
def data():
    return burgers(0.1).rollout(STARTS, 16)


def test_an_interrupted_run_with_mini_batches_goes_on_bit_for_bit(data, tmp_path):
    settings = {
        "objective": ude.Unrolled(2, "none", batch=6),
        "phases": [ude.Adam(1e-2, 40), ude.AdamW(1e-3, 30)],
        "progress": False,
        "report_every": 10,
        "seeds": 2,
    }

    def model():
        net = {"closure": ude.nn.MLP(1, 1, (3,))}
        pde = ude.PDE(
            lambda t, s, p, net: -s.u * GRID.d(s.u) + net.closure(GRID.d(s.u, order=2)), GRID, ["u"], networks=net
        )
        return ude.Stepper(pde, 0.05, "heun")

    whole = ude.fit(model(), data, **settings)
    count = [0]

    def stop(report):
        count[0] += 1
        if count[0] == 5:
            raise KeyboardInterrupt

    path = tmp_path / "run.nc"
    part = ude.fit(model(), data, checkpoint=path, callback=stop, **settings)
    assert part.status.startswith("interrupted")
    assert part.record.history.iterations == 50
    finished = ude.resume(path, progress=False)
    assert finished.status == "finished"
    assert (finished.record.best_theta == whole.record.best_theta).all()
    assert (finished.record.theta == whole.record.theta).all()
    for name in ("total", "gradient_norm", "judged_total", "judged_iteration"):
        one, two = (f.record.history.joined(2)[name] for f in (whole, finished))
        assert np.array_equal(one, two)
    assert len(finished.tree["learned_term"].data_vars) == 2


def test_early_stopping_watches_held_out_windows(data):
    found = ude.fit(
        burgers(0.1),
        data,
        objective=ude.Unrolled(2, batch=4),
        phases=ude.Adam(1e-2, 400),
        holdout=ude.Holdout(trajectories=(2,), patience=60),
        report_every=20,
        progress=False,
    )
    assert found.status.startswith("stopped early")
    assert found.record.history.iterations < 400
    assert float(found.parameters["nu"]) == pytest.approx(0.1, abs=1e-3)


def test_a_coupling_asked_for_is_that_of_the_model_that_comes_back(data):
    def next_state(t, state, p):
        return {"u": p.gain * state.u}

    stepper = ude.Stepper(
        ude.PDE(lambda t, s: 0.1 * GRID.d(s.u, order=2), GRID, ["u"]),
        0.05,
        correction=next_state,
        parameters={"gain": 0.9},
    )
    assert stepper.coupling == "parallel"
    phases = ude.Adam(1e-2, 3)
    found = ude.fit(stepper, data, objective=ude.Unrolled(2, coupling="sequential"), phases=phases, progress=False)
    assert found.model.coupling == "sequential"
    same = ude.fit(stepper, data, objective=ude.Unrolled(2), phases=phases, progress=False)
    assert same.model.coupling == "parallel"
    assert float(found.record.history.joined(1)["total"][0, 0]) != float(same.record.history.joined(1)["total"][0, 0])
    mixed = [ude.Adam(1e-3, 2, objective=ude.Unrolled(1, coupling="parallel")), ude.Adam(1e-3, 2)]
    with pytest.raises(ude.OptionError, match="several couplings"):
        ude.fit(stepper, data, objective=ude.Unrolled(2), phases=mixed, progress=False)


def phases(objective):
    """Optimisers that a stepper's fit has by default."""
    return [(type(s.phase).__name__, s.objective) for s in Map().chosen(objective).stages()]


def test_defaults_suit_steppers():
    assert phases(None) == [("Adam", ude.Unrolled()), ("LBFGS", ude.Unrolled())]
    # A line search trusts one function and its gradient: neither mini-batches nor detached states have that.
    for objective in (ude.Unrolled(batch=8), ude.Unrolled(gradient="none")):
        assert phases(objective) == [("Adam", objective)]


def test_a_rollout_that_blows_up_is_a_rejected_step_not_a_dead_run(data):
    found = ude.fit(
        burgers(0.05),
        data,
        objective=ude.Unrolled(4, batch=4),
        phases=ude.Adam(1e6, 30),
        progress=False,
        report_every=10,
    )
    assert np.isfinite(found.theta).all()
    assert np.isfinite(found.record.best_total).all()
    assert found.record.history.joined(1)["rejected"].any()
    assert float(found.parameters["nu"]) == pytest.approx(0.05, rel=1e-9)  # the start was the best


def test_training_an_unstable_step_says_so_before_it_fails():
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 16), scheme=ude.schemes.Central(2))
    heat = ude.PDE(lambda t, s, p: p.D * grid.laplacian(s.u), grid, ["u"], {"D": 1.0})
    limit = grid.axis("x").spacing ** 2 / 2
    data = ude.Stepper(heat, limit / 2, "euler").rollout({"u": np.sin(2 * np.pi * grid.coordinates())}, 8, every=4)
    model = ude.Stepper(heat, 2 * limit, "euler")
    with pytest.warns(ude.UnideqWarning, match="`euler` is unstable"):
        ude.fit(model, data, objective=ude.Unrolled(steps=1), phases=ude.BFGS(1), progress=False)
