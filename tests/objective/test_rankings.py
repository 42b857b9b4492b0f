"""Interventions and rankings: inputs changed exactly, batches, other objectives, results, files, audits, sweeps."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.engine import get_engine
from unideq.graph.operations.interpolation import COLUMNS, evaluate_polynomial
from unideq.model import Record, row_tables
from unideq.objective import Trajectory
from unideq.objective.alternatives import Alternatives
from unideq.training import Trainer, kind_of

TIMES = np.linspace(0.0, 2.0, 5)
LATE = (1.0, 2.0)
UP, DOWN = ude.Intervention({"u": 1.0}, during=LATE), ude.Intervention({"v": 1.0}, during=LATE)


def model(a=0.05, b=-0.45):
    """x' = a u + b v − x: data in which v = u tell a + b alone."""
    return ude.ODE(
        lambda t, s, p, net, forcing: {"x": p.a * forcing.u + p.b * forcing.v - s.x},
        ["x"],
        {"a": a, "b": b},
        forcings=["u", "v"],
        initial={"x": 1.0},
    )


@pytest.fixture(scope="module")
def data():
    """a = 1, b = −1.4, four runs of two cases."""
    u = np.outer([1.0, 2.0, 0.5, 1.5], np.exp(-TIMES))
    inputs = {n: xr.DataArray(u, {"time": TIMES}, ("trajectory", "time")) for n in ("u", "v")}
    made = model(1.0, -1.4).solve(TIMES, forcings=inputs)
    found = xr.Dataset({"x": (("trajectory", "time"), made["x"].values), **inputs}, {"time": TIMES})
    return found.assign_coords(trajectory=list("abcd"), case=("trajectory", ["up", "down", "up", "up"]))


RANKINGS = {
    "up": ude.Ranking("x", [{}, UP], 0.05, where={"case": "up"}),
    "down": ude.Ranking("x", [DOWN, {}], 0.05, where={"case": "down"}),
}
WEIGHTS = (1e-15, 1.0)
HELD = ude.Holdout(trajectories="d")
SETTINGS = {"holdout": HELD, "phases": ude.BFGS(40), "solver": ude.RK4(dt=0.125, adjoint="direct"), "progress": False}


@pytest.fixture(scope="module")
def sweep(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    return ude.ranking_sweep(model(-2.0, 1.5), data, WEIGHTS, rankings=RANKINGS, checkpoints=folder, **SETTINGS), folder


def problem(data, objective, **settings):
    made = kind_of(model()).settle(model(), data, objective, ude.Adam(), 1, 50, rankings=RANKINGS, **settings)
    return Trainer(*made, get_engine("jax")).task.problem


def test_measurements_leave_open_what_rankings_say(sweep):
    found, _ = sweep
    error, rmse = found.dataset["causal_error"].sel(seed=0), found.dataset["rmse"].sel(seed=0, variable="x")
    assert error.sel(weight=1e-15).values.tolist() == [1.0, 1.0]  # the signs that it started with
    assert error.sel(weight=1.0).values.tolist() == [0.0, 0.0]
    assert (rmse < 1e-4).all()
    fit = found.fits[1.0]
    assert fit.parameters["a"] + fit.parameters["b"] == pytest.approx(-0.4, abs=1e-3)
    assert fit.parameters["a"] > 0 > fit.parameters["b"]


def test_effects_are_those_of_the_equations(sweep):
    fit = sweep[0].fits[1.0]
    found = fit.rankings()
    assert np.isnan(found["violated"].sel(ranking="up", trajectory="b"))
    assert found["held_out"].values.tolist() == [False, False, False, True]
    effect = found["effect"].sel(ranking="up", trajectory="d").values
    more = fit.parameters["a"] * -np.expm1(-np.clip(TIMES - 1.0, 0.0, None))
    assert effect[1] - effect[0] == pytest.approx(more.mean(), rel=1e-5)
    one = fit.predict(TIMES, intervention=UP)["x"] - fit.tree["/solution"]["x"].sel(seed=0, time=TIMES)
    np.testing.assert_allclose(one.sel(trajectory="a"), more, atol=1e-5)


def test_a_fit_keeps_its_rankings_in_files_and_reports(sweep, tmp_path):
    fit = sweep[0].fits[1.0]
    fit.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc")
    xr.testing.assert_identical(again.rankings(), fit.rankings())
    assert str(again.record.settings.rankings["up"]) == "nothing done < u + 1 during 1 … 2"
    assert again.record.settings.options()["rankings"].keys() == RANKINGS.keys()
    assert "nothing done &lt; u + 1 during 1 … 2" in again.kind.sections(again)["Rankings"]


def test_the_audit_tells_violated_rankings(sweep):
    alone, both = (sweep[0].fits[w].audit() for w in WEIGHTS)
    assert [f.severity for f in both.findings] == ["note", "ok", "ok"]
    wrong = next(f for f in alone.findings if f.severity == "warning")
    assert "`up` (nothing done < u + 1 during 1 … 2) is violated in 3 of 3 trajectories (2 trained on, 1 held out)" in (
        wrong.statement
    )
    assert "weight" in wrong.advice and wrong.evidence["violated"].sum() == 3


def test_a_sweep_goes_on_where_it_stopped_and_is_drawn(sweep, data, tmp_path):
    found, folder = sweep
    assert {p.name for p in folder.iterdir()} == {"weight_1e-15.nc", "weight_1.nc"}
    again = ude.ranking_sweep(model(-2.0, 1.5), data, WEIGHTS, rankings=RANKINGS, checkpoints=folder, **SETTINGS)
    xr.testing.assert_identical(again.dataset, found.dataset)
    figure = found.plot(tmp_path / "sweep.png")
    assert [ax.get_ylabel() for ax in figure.axes] == ["RMSE", "share of rankings violated"]


def test_batches_have_the_loss_of_all_in_the_mean(data):
    objective = Trajectory(batch=2)
    made = problem(data, objective)
    whole, program, batches = Trajectory().build(made), objective.build(made), objective.batches(made, None)
    draw = np.random.default_rng(0)
    known = {(r, one.key): draw.normal(size=5) for r in range(4) for one in (ude.Intervention(), UP, DOWN)}
    series = list(enumerate(made.observations.series))
    effects = [Alternatives.of(made, series, RANKINGS, alike) for alike in (False, True)]

    def terms(program, alike, data):
        rows = np.array([known[r, one.key] for r, one in effects[alike].rows])
        rows = rows[data["alternatives"]["rows"].astype(int)] if alike else rows
        arrays = {f"{source}.{n}": v for source, d in data.items() for n, v in d.items()}
        arrays |= {n: np.zeros(shape) for n, shape in program.sources[0].shapes.items()}
        arrays |= {n: 1e-3 * rows for n in program.sources[-1].shapes} | {"theta": made.initial_theta(0)}
        return program.loss.evaluate({n: arrays[n] for n in program.loss.input_names})

    names = [source.name for source in program.sources]
    parts = [terms(program, 1, dict(zip(names, batches(k), strict=True))) for k in range(2)]  # one epoch
    every = terms(whole, 0, {})
    for name in RANKINGS:
        assert np.mean([p[name] for p in parts]) == pytest.approx(every[name], rel=1e-12)


def test_other_objectives_solve_alternatives_from_the_start(data):
    for objective in (ude.MultipleShooting(3), ude.Collocation(), Trajectory()):
        *_, solved = objective.build(problem(data, objective)).sources
        assert solved.name == "alternatives" and solved.start.tolist() == [0.0] * 8
        assert solved.times.tolist() == [TIMES.tolist()] * 8


def test_without_a_weight_nothing_is_solved_besides(data):
    reported = {n: replace(r, weight=0.0) for n, r in RANKINGS.items()}
    program = Trajectory().build(replace(problem(data, Trajectory()), rankings=reported))
    assert program.terms == ("x",) and len(program.sources) == 1


@pytest.mark.parametrize("done", ["add", "set"])
def test_a_forcing_is_changed_within_its_times_alone(done):
    at = np.array([-1.0, 0.0, 0.99, 1.0, 2.0, 2.49, 2.5, 4.0, 5.0])
    for method in ("linear", "previous", "cubic"):
        kept = row_tables("q", method, [Record(np.arange(5.0), np.array([0.0, 2.0, -1.0, 3.0, 1.0]))])
        kept = {key: kept[key][0] for key in COLUMNS}
        changed = ude.Intervention(**{done: {"q": 7.0}}, during=(1.0, 2.5)).changed("q", kept)
        before = evaluate_polynomial(at, **kept)
        inside = (at >= 1.0) & (at < 2.5)
        wanted = np.where(inside, 7.0 + (before if done == "add" else 0.0), before)
        np.testing.assert_allclose(evaluate_polynomial(at, **changed), wanted, atol=1e-12)


def test_conditions_and_forcings_of_a_solve_are_changed():
    made = ude.ODE(
        lambda t, s, p, net, forcing: {"x": p.w + forcing.q},
        ["x"],
        {"w": ude.Condition()},
        forcings=["q"],
        initial={"x": 0.0},
    )
    given = xr.DataArray([0.0, 4.0], {"time": [0.0, 4.0]}, "time")
    done = ude.Intervention({"w": 0.5}, set={"q": 3.0})
    found = made.solve(
        [0.0, 1.0], conditions={"w": [1.0, 2.0]}, forcings={"q": given}, intervention=done, solver=ude.RK4(dt=0.5)
    )
    np.testing.assert_allclose(found["x"][:, -1], [4.5, 5.5], rtol=1e-9)
    assert found.dataset["w"].values.tolist() == [1.5, 2.5]


def test_a_structural_model_depends_on_parents_alone():
    made = ude.structural_ode(
        {"a": ["a", "u"], "b": ["a", "k"]},
        mechanisms={"a": lambda t, state, p, net, forcing: forcing.u - p.loss * state.a},
        parameters={"loss": 0.5, "k": ude.Condition()},
        forcings=["u"],
    )
    assert made.equations().text == "d a/dt = u(t) - loss·a\nd b/dt = d_b(a, k)"
    one, other = (made(0.0, {"a": 1.0, "b": b}, u=2.0, k=0.3) for b in (0.0, 5.0))
    assert one == other and one["a"] == 1.5


def test_goals_may_be_rankings_alone(data):
    found = problem(data.drop_vars("x"), Trajectory())
    assert found.observations.unmeasured
    assert set(replace(found, costs={}).rankings) == set(RANKINGS)
