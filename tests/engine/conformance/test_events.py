"""Events: both engines against closed forms, gradients included."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.objective import EstimationProblem, Observations, SquaredError, Trajectory
from unideq.solvers import SOLVERS, solver_settings, stiff_solver

from .. import events
from .cases import each, ours

TIGHT = {"rtol": 1e-9, "atol": 1e-9}


def loss(model: ude.ODE, data, name: str = "tsit5", tolerance: float = 1e-10, **costs: ude.Cost):
    """The squared misfit of whole trajectories, and where θ starts."""
    observations = Observations.of(data, model)
    settings = solver_settings(SOLVERS[name](rtol=tolerance, atol=tolerance, max_steps=20_000))
    problem = EstimationProblem.make(model, observations, observations, SquaredError(), settings, None, costs)
    return Trajectory().build(problem), problem.initial_theta(0)


def agree(engine, program, theta, rtol: float = 1e-6, step: float = 1e-5):
    """Reverse mode, forward mode and finite differences of fourth order say the same."""
    gradient = np.asarray(engine.value_and_gradient(program, theta).gradient)
    for k, along in enumerate(np.eye(len(theta))):
        np.testing.assert_allclose(engine.jacobian_vector(program, theta, along), gradient[k], rtol=1e-8, atol=1e-12)
        far = [engine.value_and_gradient(program, theta + n * step * along).total for n in (-2, -1, 1, 2)]
        differences = (far[0] - 8 * far[1] + 8 * far[2] - far[3]) / (12 * step)
        np.testing.assert_allclose(gradient[k], differences, rtol=rtol, atol=1e-7)
    return gradient


@each(lambda engine: ["tsit5", stiff_solver(engine)])
def test_doses_from_tables_are_superposed(engine, name: str):
    solver = SOLVERS[name](**TIGHT)
    tables = {"dose": events.DOSES, "dose_time": events.AT}
    found = events.patients().solve(events.HOURS, events=tables, solver=solver, engine=engine)
    for i in range(3):
        exact = events.absorbed(events.HOURS, events.DOSES[i], events.AT[i])
        np.testing.assert_allclose(found["blood"][i], exact, atol=2e-7)
    # At the time of a dose, the state is the one before it; the events have both.
    assert found["gut"][0, 0] == 0.0
    assert found.events["event_time"][0].values.tolist() == [0.0, 8.0, 16.0]
    np.testing.assert_allclose(found.events["gut"][0].diff("side").values[:, 0], [4.0, 3.0, 2.0], rtol=1e-12)
    # Two at one time come one after the other.
    np.testing.assert_allclose(found.events["gut"][2, :2].values, [[0.0, 1.0], [1.0, 2.0]], atol=1e-12)


@each(ours("tsit5", "rodas5p"))
def test_an_infusion_fills_at_a_constant_rate(engine, name: str):
    model = ude.ODE(
        lambda t, s, p: {"blood": -p.k * s.blood},
        ["blood"],
        {"k": events.K, "strength": 2.0},
        initial={"blood": 0.0},
        events=[
            ude.Dose("blood", amount="dose", at="at", duration="lasting"),
            ude.Dose("blood", amount="strength", at=[5.0], duration=1.0),
        ],
    )
    tables = {
        "dose": [[6.0, 1.0], [4.0, np.nan]],
        "at": [[1.0, 2.0], [0.5, np.nan]],
        "lasting": [[2.0, 0.0], [8.0, np.nan]],
    }
    found = model.solve(events.HOURS, events=tables, solver=SOLVERS[name](**TIGHT), engine=engine)
    more = events.infused(events.HOURS, 2.0, 5.0, 1.0)
    bolus = np.where(events.HOURS > 2.0, np.exp(-events.K * (events.HOURS - 2.0)), 0.0)
    exact = [events.infused(events.HOURS, 3.0, 1.0, 2.0) + bolus, events.infused(events.HOURS, 0.5, 0.5, 8.0)]
    np.testing.assert_allclose(found["blood"], np.stack(exact) + more, atol=1e-7)


@each(ours("tsit5", "rodas5p"))
def test_gradients_go_through_doses_resets_and_their_values(engine, name: str):
    model = ude.ODE(
        lambda t, s, p: {"x": -p.k * s.x * s.x, "y": p.k * s.x - 0.1 * s.y},
        ["x", "y"],
        {"k": 0.7, "strength": 1.5, "kept": 0.6},
        initial={"x": ude.Parameter(2.0), "y": 0.0},
        events=[
            ude.Dose("x", amount="strength", at="at"),
            ude.Event(
                lambda t, s, p: {"x": p.kept * s.x, "y": s.y + p.part * s.x}, at="cut", values="part", name="cut"
            ),
        ],
    )
    times = np.array([0.5, 1.0, 2.0, 4.0])
    tables = {"at": [[0.3, 2.0], [0.0, np.nan]], "cut": [[2.0], [1.1]], "part": [[0.2], [0.5]]}
    made = model.solve(times, events=tables, start=0.0, solver=SOLVERS[name](**TIGHT), engine=engine)
    data = made.dataset.assign({n: (("trajectory", f"{n}_k"), np.array(v)) for n, v in tables.items()})
    data = data.assign_coords(start=0.0)
    program, theta = loss(model.with_values({"k": 0.5, "strength": 1.2, "kept": 0.5}), data, name)
    agree(engine, program, theta, rtol=2e-6 if name == "rodas5p" else 1e-6)


def test_a_ball_bounces_twenty_times(engine):
    model, times = events.ball(), np.linspace(0.0, 7.5, 31)
    found = model.solve(times, solver=ude.Tsit5(**TIGHT), engine=engine)
    exact, _, hits = events.bounced(times, 1.0, 0.9)
    np.testing.assert_allclose(found["height"], exact[:, 0], atol=1e-9)
    np.testing.assert_allclose(found.events["event_time"], hits, atol=1e-9)
    assert len(hits) == 20 and set(found.events["event"].values) == {"bounce"}
    np.testing.assert_allclose(found.events["speed"].sel(side="after"), -0.9 * found.events["speed"].sel(side="before"))
    # Its gradient, against the derivative of the closed form.
    data = xr.Dataset({"height": ("time", 0.0 * times), "speed": ("time", 0.0 * times)}, {"time": times})
    program, theta = loss(model, data)
    _, slopes, _ = events.bounced(times, 1.0, 0.9)
    # Scales are 1 where nothing varies: terms are mean squares.
    wanted = sum(2 * exact[:, i] @ slopes[:, i] / len(times) for i in range(2))
    gradient = np.asarray(engine.value_and_gradient(program, theta).gradient)
    np.testing.assert_allclose(gradient, [wanted[1] * 0.9, wanted[0]], rtol=1e-8)


@each(lambda engine: ["tsit5", stiff_solver(engine)])
def test_a_thermostat_switches_at_its_thresholds(engine, name: str):
    # x' = on − x, on ∈ {0, 1}: up to the upper threshold, down to the lower one; a switched linear system.
    model = ude.ODE(
        lambda t, s, p: {"x": 2.0 * s.on - s.x, "on": 0.0},
        ["x", "on"],
        {"low": 0.5, "high": 1.5},
        initial={"x": 0.0, "on": 1.0},
        events=[
            ude.Event(lambda t, s: {"on": 0.0}, when=lambda t, s, p: s.x - p.high, direction="up", name="off"),
            ude.Event(lambda t, s: {"on": 1.0}, when=lambda t, s, p: s.x - p.low, direction="down", name="on"),
        ],
    )
    times = np.linspace(0.0, 6.0, 7)
    found = model.solve(times, solver=SOLVERS[name](rtol=1e-9, atol=1e-9), engine=engine)
    hits, at = [np.log(4.0)], np.log(4.0)  # 2 (1 − e^−t) = 1.5; then each way takes ln 3
    while at + np.log(3.0) <= 6.0:
        at += np.log(3.0)
        hits.append(at)
    np.testing.assert_allclose(found.events["event_time"], hits, atol=1e-7)
    assert found.events["event"].values.tolist() == ["off", "on", "off", "on", "off"][: len(hits)]
    data = found.dataset[["x"]].isel(time=slice(1, None)).assign_coords(start=0.0)
    program, theta = loss(model.with_values({"low": 0.45, "high": 1.4}), data, name, 1e-9)
    if engine.name == "julia" or name == "tsit5":
        agree(engine, program, theta, rtol=1e-5)


def test_moments_and_trajectories_of_their_own(engine):
    # x' = v until x reaches a threshold of the trajectory's own, or a time that is estimated has come; then it rests.
    model = ude.ODE(
        lambda t, s, p: {"x": s.v, "v": 0.0},
        ["x", "v"],
        {"speed": 1.0, "stop": 2.5, "wall": ude.Condition()},
        initial={"x": 0.0, "v": 0.0},
        events=[
            ude.Event(lambda t, s, p: {"v": p.speed}, at=0.0),
            ude.Event(lambda t, s: {"v": 0.0}, when=lambda t, s, p: s.x - p.wall, name="wall"),
            ude.Event(lambda t, s: {"v": 0.0}, when=lambda t, s, p: t - p.stop, name="late"),
        ],
    )
    wall = np.array([0.7, 100.0, 2.5])
    found = model.solve([0.0, 1.0, 4.0], conditions={"wall": wall}, solver=ude.Tsit5(**TIGHT), engine=engine)
    np.testing.assert_allclose(found["x"], [[0.0, 0.7, 0.7], [0.0, 1.0, 2.5], [0.0, 1.0, 2.5]], atol=1e-9)
    data = xr.Dataset(
        {"x": (("trajectory", "time"), [[3.0], [3.0]])}, {"time": [4.0], "wall": ("trajectory", wall[:2])}
    )
    program, theta = loss(model, data.assign_coords(start=0.0))
    gradient = engine.value_and_gradient(program, theta).gradient
    # x ends at the wall, or at speed · stop: the mean of ((x − 3) / 3)² has this derivative, the first trajectory none.
    np.testing.assert_allclose(gradient, [-0.5 * 2.5 / 9, -0.5 * 2.5 / 9], rtol=1e-9)


def test_what_never_ends_is_stopped_and_what_never_happens_is_told(engine):
    with pytest.raises(ude.SolveError, match="Zeno"):
        events.ball(0.5).solve([0.0, 0.5, 10.0], engine=engine)
    with pytest.warns(ude.UnideqWarning, match="`bounce` never happened.*crosses zero nowhere downwards"):
        events.ball(0.5).solve([0.0, 0.2, 0.4], engine=engine)


def test_an_integral_stops_where_an_event_says(engine):
    # x' = 1 up to a wall that is estimated, then x' = 0: the mean integral of x over time, and its derivative.
    model = ude.ODE(
        lambda t, s, p: {"x": s.going, "going": 0.0},
        ["x", "going"],
        {"wall": 2.0},
        initial={"x": 0.0, "going": 1.0},
        events=[ude.Event(lambda t, s: {"going": 0.0}, when=lambda t, s, p: s.x - p.wall)],
    )
    data = xr.Dataset({"x": ("time", [0.0, 2.0])}, {"time": [0.0, 5.0]})
    cost = ude.Cost(lambda t, s: s.x + 3.0 * s.going, over="integral").traced(model)
    program, theta = loss(model, data, area=cost)
    found = engine.value_and_gradient(program, theta)
    # ∫ x = wall²/2 + wall (5 − wall), and 3 wall while it goes; the measurements fit. θ is in units of 2.
    np.testing.assert_allclose(found.terms["area"], 2.0 + 6.0 + 6.0, rtol=1e-9)
    np.testing.assert_allclose(np.ravel(found.gradient), 2.0 * (2.0 + 5.0 - 4.0 + 3.0), rtol=1e-8)


def test_a_fit_of_patients_finds_their_rates(engine, tmp_path):
    both = list(zip(events.DOSES, events.AT, strict=True))
    courses = {n: np.stack([course(events.HOURS, *one) for one in both]) for n, course in events.COURSES.items()}
    data = xr.Dataset(
        {name: (("trajectory", "time"), course) for name, course in courses.items()}
        | {n: (("trajectory", "number"), v) for n, v in (("dose", events.DOSES), ("dose_time", events.AT))},
        {"time": events.HOURS, "trajectory": ["a", "b", "c"]},
    )
    start = events.patients().with_values({"ka": 1.0, "k": 0.2})
    fit = ude.fit(start, data, objective=ude.MultipleShooting(5), phases=[ude.BFGS(40)], engine=engine, progress=False)
    np.testing.assert_allclose([fit.parameters["ka"], fit.parameters["k"]], [events.KA, events.K], rtol=2e-3)
    less = fit.predict([0.0, 9.0], events={"dose": [1.0], "dose_time": [8.0]})
    wanted = events.absorbed(np.array([9.0]), np.ones(1), np.array([8.0]))
    np.testing.assert_allclose(less["blood"][:, 1], np.repeat(wanted, 3), rtol=5e-3)
    assert fit.tree["/events"]["event_time"].sel(trajectory="a").values.tolist() == [[0.0, 8.0, 16.0]]
    fit.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc", engine=engine)
    np.testing.assert_array_equal(again.predict([0.0, 9.0])["blood"], fit.predict([0.0, 9.0])["blood"])
