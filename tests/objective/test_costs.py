"""Goals without measurements: integrals, ends, means along solutions; a controller beside Riccati's optimum."""

import numpy as np
import pytest
import xarray as xr
from scipy.linalg import solve_continuous_are

import unideq as ude
from unideq.audit.states import data_states
from unideq.engine import get_engine
from unideq.errors import DataError, ModelError, OptionError
from unideq.objective import Trajectory
from unideq.training import Trainer, kind_of

ENDS = [2.0, 3.0]
RATE = 0.7
TIMES = [xr.Dataset(coords={"time": [0.0, 0.5, end], "x0": x0}) for end, x0 in zip(ENDS, [1.0, 2.0], strict=True)]
COSTS = {
    "area": ude.Cost(lambda t, state, p: state.x**2, 0.5, over="integral"),
    "left": ude.Cost(lambda t, state, p: p.rate * state.x, 2.0, over="end"),
    "mean": lambda t, state: state.x,
}


def decay(**more):
    return ude.ODE(lambda t, s, p: {"x": -p.rate * s.x}, ["x"], {"rate": RATE}, initial={"x": "x0"}, **more)


def exact(rate):
    """The three terms' values."""
    ends, x0 = np.array(ENDS), np.array([1.0, 2.0])
    area = x0**2 * (1 - np.exp(-2 * rate * ends)) / (2 * rate)
    mean = [x * np.exp(-rate * np.array([0.0, 0.5, end])).sum() for end, x in zip(ENDS, x0, strict=True)]
    return np.array([area.mean(), (rate * x0 * np.exp(-rate * ends)).mean(), np.sum(mean) / 6])


def program(objective, data=TIMES, cost=COSTS, **settings):
    model, observations, chosen = kind_of(decay()).settle(
        decay(), data, objective, ude.Adam(), 1, 50, cost=cost, solver=ude.Tsit5(rtol=1e-10, atol=1e-10), **settings
    )
    problem = Trainer(model, observations, chosen, get_engine("jax")).task.problem
    return objective.build(problem), problem


def test_costs_and_their_gradient_are_exact():
    made, problem = program(Trajectory())
    found = get_engine("jax").value_and_gradient(made, problem.initial_theta(0))
    assert [float(found.terms[n]) for n in COSTS] == pytest.approx(exact(RATE), rel=1e-8)
    slopes = (exact(RATE + 1e-5) - exact(RATE - 1e-5)) / 2e-5
    assert found.gradient[0] == pytest.approx(slopes @ [0.5, 2.0, 1.0] * problem.layout["rate"].scale, rel=1e-6)


def test_pieces_of_trajectories_add_up_to_their_integrals():
    shooting = ude.MultipleShooting(2)
    made, problem = program(shooting)
    theta = problem.layout.pack({"rate": RATE, "segments.x": np.array([1.0, 2.0]) * np.exp(-RATE * 0.5)})
    found = get_engine("jax").value_and_gradient(made, theta)
    assert [float(found.terms[n]) for n in ("area", "left")] == pytest.approx(exact(RATE)[:2], rel=1e-8)
    assert float(found.terms["continuity"]) > 0.0  # it hasn't ended where nothing was said to begin


def test_goals_stand_beside_measurements():
    data = [d.assign(x=("time", [1.0, 0.7, 0.3])) for d in TIMES]
    made, problem = program(Trajectory(), data, {"area": COSTS["area"]}, loss="gaussian")
    assert list(made.terms) == ["x", "area"]
    assert not problem.observations.unmeasured


def test_a_controller_trained_without_measurements_is_riccatis(tmp_path):
    cost, effort = np.eye(2), 0.5
    a, b = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0], [1.0]])
    value = solve_continuous_are(a, b, cost, [[effort]])
    gain = (b.T @ value / effort).ravel()

    def law(state, p):
        return -p.stiffness * state.x - p.damping * state.v

    model = ude.ODE(
        lambda t, state, p: {"x": state.v, "v": law(state, p)},
        ["x", "v"],
        {"stiffness": 0.3, "damping": 0.3},
        initial={"x": "x0", "v": "v0"},
    )
    starts = {"x0": ("trajectory", [1.0, 0.0]), "v0": ("trajectory", [0.0, 1.0])}
    times = xr.Dataset(coords={"time": [0.0, 2.0], **starts})
    goals = {
        "running": ude.Cost(lambda t, s, p: s.x**2 + s.v**2 + effort * law(s, p) ** 2, over="integral"),
        "final": ude.Cost(lambda t, s: np.stack([s.x, s.v]) @ value @ np.stack([s.x, s.v]), over="end"),
    }
    tight = ude.Tsit5(rtol=1e-9, atol=1e-9)
    fit = ude.fit(model, times, cost=goals, phases=ude.BFGS(60), solver=tight, progress=False)
    assert [float(fit.parameters[n]) for n in ("stiffness", "damping")] == pytest.approx(gain, rel=1e-4)
    assert fit.record.best_total[0] == pytest.approx(np.trace(value) / 2, rel=1e-8)
    fit.save(tmp_path / "law.nc")
    again = ude.Fit.load(tmp_path / "law.nc")
    assert again.record.observations.unmeasured and again.record.settings.costs["final"].over == "end"
    with pytest.raises(DataError, match="goals alone"):
        data_states(again)
    with pytest.raises(DataError, match=r"goals alone.*`fit.network"):
        again.recover()
    again.report(tmp_path / "law.html")
    assert "costs alone" in (tmp_path / "law.html").read_text()
    assert again.predict([0.0, 5.0], {"x": 1.0, "v": 0.0})["x"].values.ravel()[-1] == pytest.approx(0.0, abs=0.05)


def test_goals_that_cannot_be_are_told():
    for change, error, words in [
        ({"objective": ude.Collocation()}, OptionError, "`Collocation` solves nothing.*`area`.*integral"),
        ({"holdout": 0.3}, DataError, "Nothing is measured, so nothing can be held out"),
        ({"cost": None}, DataError, "no variable.*`cost=ude.Cost"),
    ]:
        with pytest.raises(error, match=words):
            program(**{"objective": Trajectory(), **change})
    with pytest.raises(ModelError, match="`x` isn't measured and has no initial value"):
        free = ude.ODE(lambda t, s: {"x": -s.x}, ["x"])
        ude.fit(free, TIMES, cost=COSTS["mean"], phases=ude.Adam(1e-2, 1), progress=False)
    with pytest.raises(DataError, match=r"xr.Dataset\(coords="):
        ude.fit(decay(), cost=COSTS)
    with pytest.raises(OptionError, match=r"`over`.*`integral`"):
        ude.Cost(lambda t, s: s.x, over="integrals")
