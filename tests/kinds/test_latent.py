"""Latent models: an encoder begins what nobody measures, alike on both engines, and its fits are like all others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from nn.point_formulas import expanded
from unideq.doctor import julia_engine
from unideq.engine import get_engine
from unideq.objective import EstimationProblem, GaussianLikelihood, Observations, SolverSettings, SquaredError
from unideq.objective.encoded import EncodedBatches, encoded_program
from unideq.result.encoding import begins, codes
from unideq.result.sampling import problem_of

RATES = 0.6
TRUE = 0.8


def series(count: int = 12, points: int = 6, seed: int = 0) -> list[xr.Dataset]:
    """Brightness exp(−x) of decays x' = −0.8 x from several begins, at times of their own; one value is missing."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(count):
        times = np.concatenate([[0.0], np.sort(rng.uniform(0.1, 3.0, points - 1 - i % 2))])
        values = np.exp(-rng.uniform(0.5, 2.0) * np.exp(-TRUE * times))
        values[2] = np.nan if i == 1 else values[2]
        made.append(xr.Dataset({"brightness": ("time", values)}, {"time": times}))
    return made


def decay(t, state, p):
    return {"x": -p.rate * state.x}


def seen(t, state):
    return {"brightness": np.exp(-state.x)}


def latent(encoder=None, **more):
    dynamics = ude.ODE(decay, {"x": ude.State(positive=True)}, {"rate": ude.Parameter(RATES, positive=True)})
    return ude.Latent(encoder or ude.RecurrentEncoder(6), dynamics, seen, **more)


def neural(**more):
    """A learned field of two states, seen by a network; beside them a clock that begins at 0."""
    dynamics = ude.ODE(
        lambda t, state, p, net: {"z": net.field(np.concatenate([state.z, np.stack([state.age])])), "age": 1.0},
        {"z": 2, "age": ()},
        networks={"field": ude.nn.MLP(3, 2, (4,))},
        initial={"age": 0.0},
    )
    return ude.Latent(ude.SetEncoder(3, heads=2, hidden=(4,)), dynamics, {"brightness": ude.nn.MLP(3, 1, (4,))}, **more)


BATCHED = ude.Trajectory(batch=4)


@pytest.fixture(scope="module")
def fit() -> ude.Fit:
    phases, held = [ude.Adam(2e-2, 200)], ude.Holdout(trajectories=(10, 11))
    return ude.fit(latent(), series(), phases=phases, holdout=held, progress=False, engine="jax")


@pytest.fixture(scope="module")
def drawn() -> ude.Fit:
    return ude.fit(neural(variational=True), series(), objective=BATCHED, phases=ude.Adam(1e-2, 4), progress=False)


def test_a_mechanism_behind_a_nonlinear_sensor_is_found(fit):
    assert fit.parameters["rate"] == pytest.approx(TRUE, rel=0.05)
    fresh = series(1, seed=7)
    found = fit.predict(data=fresh)
    np.testing.assert_allclose(found["brightness"].values, fresh[0]["brightness"].values, atol=0.05)


def test_begins_are_what_the_encoder_says_of_the_series(fit):
    problem = problem_of(fit.record)
    said = codes(problem, get_engine("jax"), fit.record.chosen_theta)["mean"]
    assert said.shape == (1, 12, 1)
    own = np.stack([fit.record.layout.unpack(row)["initial.x"] for row in fit.record.chosen_theta])
    np.testing.assert_allclose(own, np.log1p(np.exp(said[..., 0])), rtol=1e-10)
    begun = fit.predict(time=[0.0, 1.0])["x"].values[:, 0]
    np.testing.assert_allclose(begun, fit.parameters["initial.x"], rtol=1e-8)


def test_what_follows_is_not_read(fit):
    """A forecast doesn't depend on measurements behind `since`, and says up to when it reads them."""
    one, changed = series(2, seed=3), series(2, seed=3)
    late = [d["time"].values > 1.5 for d in one]
    for d, mask in zip(changed, late, strict=True):
        d["brightness"].values[mask] = 0.1
    found, same = (fit.predict(time=[0.0, 3.0], data=d, since=1.5) for d in (one, changed))
    xr.testing.assert_identical(found, same)
    assert found.attrs["encoded_until"] == 1.5


def test_the_context_is_all_that_is_read():
    model = latent(context=1.0)
    settled = model.reading_like([s for s in problem_series(model)])
    rows = settled.rows_read(problem_series(model), problem_series(model))
    assert rows[..., 0].max() <= 1.0 and settled.reading.span == 1.0
    measured = rows[..., -1].sum(axis=1)
    within = [np.isfinite(s.values["brightness"][s.times <= 1.0]).sum() for s in problem_series(model)]
    np.testing.assert_array_equal(measured, within)


def problem_series(model):
    return Observations.given(series(), model).series


def test_rows_hold_times_values_and_what_was_measured():
    model = latent().reading_like(problem_series(latent()))
    (_, second, *_), rows = problem_series(model), model.rows_read(problem_series(model), problem_series(model))
    known = np.isfinite(second.values["brightness"])
    reading = model.reading
    own = rows[1][rows[1][:, -1] > 0][::-1]
    np.testing.assert_allclose(own[:, 0] * reading.span, second.times[known], rtol=1e-14)
    np.testing.assert_allclose(own[1:, 1] * reading.span, np.diff(second.times[known]), rtol=1e-12)
    np.testing.assert_allclose(own[:, 2] * reading.scale[0] + reading.shift[0], second.values["brightness"][known])


def test_padding_changes_nothing():
    """A series reads alike beside a longer one, for a memory and for a set."""
    for encoder in (ude.RecurrentEncoder(4, cell="lstm"), ude.SetEncoder(4, heads=2), ude.SetEncoder(4, heads=0)):
        model = latent(encoder)
        short, model = problem_series(model)[1], model.reading_like(problem_series(model))
        theta = model.initial_theta(0)
        said = []
        for rows in (
            model.rows_read([short], [short]),
            model.rows_read(problem_series(model), problem_series(model))[1:2],
        ):
            if isinstance(encoder, ude.SetEncoder):
                said.append(model.set_graph(rows.shape[1]).evaluate({"w": rows[0], "theta": theta})["mean"])
                continue
            step, read = model.memory
            memory = np.zeros(8)
            for row in rows[0]:
                memory = step.evaluate({"u": memory, "w": row, "theta": theta})["u"]
            said.append(read.evaluate({"u": memory, "theta": theta})["mean"])
        np.testing.assert_allclose(*said, rtol=1e-12)


def test_draws_are_new_in_every_iteration_and_the_same_again(drawn):
    problem = problem_of(drawn.record)
    rows = list(enumerate(problem.observations.series))
    batches = EncodedBatches(problem, rows, 4, (0, 0))
    first, again, other = (batches(k)[1]["noise"] for k in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (4, 2) and not np.any(first == other)


def test_the_bound_has_the_divergence_of_all_series(drawn):
    problem, engine = problem_of(drawn.record), drawn.engine
    rows = list(enumerate(problem.observations.series))
    program = encoded_program(problem, rows, None)
    said = codes(problem, engine, drawn.record.chosen_theta)
    mean, spread = said["mean"][0], said["log_deviation"][0]
    expected = 0.5 * np.sum(np.exp(2 * spread) + mean**2 - 1 - 2 * spread) / problem.observations.count
    found = engine.value(program, drawn.theta)
    np.testing.assert_allclose(found.terms["divergence"], expected, rtol=1e-10)
    assert program.weights["divergence"] == 1.0
    parts = [encoded_program(problem, rows[i : i + 4], None) for i in (0, 4, 8)]
    shares = [sum(len(s.times[np.isfinite(s.values["brightness"])]) for _, s in rows[i : i + 4]) for i in (0, 4, 8)]
    sums = [engine.value(p, drawn.theta).terms["divergence"] * n for p, n in zip(parts, shares, strict=True)]
    np.testing.assert_allclose(np.sum(sums) / problem.observations.count, expected, rtol=1e-10)


def test_an_encoder_that_tells_nothing_apart_is_told(drawn):
    assert not [e for e in drawn.events if "begin alike" in e]
    silent = drawn.record.theta.copy()
    for entry in drawn.record.layout.entries:
        if entry.name.startswith("encoder_head"):
            silent[:, drawn.record.layout.window(entry.name)] = 0.0
    problem = problem_of(drawn.record)
    record = replace(drawn.record, best_theta=begins(problem, drawn.engine, silent))
    (told,) = record.kind.concerns(ude.Fit(record, drawn.engine))
    assert "all 12 series begin alike" in told and "prior_weight" in told


def test_known_begins_stay_known(drawn):
    ages = drawn.predict(time=[0.0, 2.0])["age"].values
    np.testing.assert_allclose(ages, [[0.0, 2.0]] * 12, rtol=1e-6, atol=1e-12)
    assert "initial.age" not in drawn.record.layout


def test_a_fit_is_saved_read_back_and_goes_on_bit_for_bit(tmp_path):
    model, phases = neural(variational=True), [ude.Adam(1e-2, 6)]
    run = {"objective": BATCHED, "phases": phases, "progress": False, "engine": "jax", "report_every": 2}
    whole = ude.fit(model, series(), **run)
    path, reports = tmp_path / "fit.nc", []

    def interrupt(report):
        reports.append(report)
        if len(reports) == 2:
            raise KeyboardInterrupt

    ude.fit(model, series(), checkpoint=path, callback=interrupt, **run)
    resumed = ude.resume(path, engine="jax", progress=False)
    np.testing.assert_array_equal(resumed.theta, whole.theta)
    resumed.save(path)
    loaded = ude.Fit.load(path, engine="jax")
    xr.testing.assert_identical(loaded.predict(data=series(2)), whole.predict(data=series(2)))
    assert loaded.model.to_json() == whole.model.to_json()


def test_it_answers_like_other_fits(drawn, tmp_path):
    assert "divergence" in drawn.tree["/training"]["term"].values.tolist()
    drawn.plot(tmp_path / "fit.png")
    drawn.report(tmp_path / "fit.html")
    assert drawn.audit() is not None
    assert "SetEncoder" in (tmp_path / "fit.html").read_text(encoding="utf-8")
    further = drawn.train(ude.Adam(1e-3, 2), freeze="field", progress=False)
    np.testing.assert_array_equal(
        further.model.weights["field.layer_1.weight"], drawn.model.weights["field.layer_1.weight"]
    )


def test_held_out_series_are_encoded_by_what_they_have(fit):
    totals = np.array(fit.record.history.held_total)
    assert np.isfinite(totals).all() and totals[-1] < 0.1 * totals[0]
    held = fit.predict().isel(trajectory=10)
    one = series()[10]
    known = held["brightness"].sel(time=one["time"], method="nearest")
    np.testing.assert_allclose(known.values, one["brightness"].values, atol=0.05)


def test_conditions_come_with_the_series_of_a_batch():
    """Of the solutions of a batch, `c` is what the chosen series have, and nothing is known of it beforehand."""
    dynamics = ude.ODE(lambda t, s, p: {"x": -p.rate * s.x}, ["x"], {"rate": ude.Condition()})
    model = ude.Latent(ude.SetEncoder(2, heads=0, hidden=(2,)), dynamics, seen)
    data = [d.assign_coords(rate=float(i)) for i, d in enumerate(series(6))]
    given = Observations.given(data, model)
    model = model.reading_like(given.series)
    problem = EstimationProblem.make(model, given, given, SquaredError(), SolverSettings("tsit5"), None, {})
    rows = list(enumerate(given.series))
    program, (_, own, solved, _) = encoded_program(problem, rows, 2), EncodedBatches(problem, rows, 2, (0, 0))(0)
    np.testing.assert_array_equal(own["c"][:, 0], solved["rows"])
    solve: Any = program.sources[2]
    values = {"theta": problem.initial_theta(0), "encode.mean": np.array([[1.0], [2.0]]), "own.c": own["c"]}
    begun = solve.initial.evaluate(values)
    np.testing.assert_array_equal(begun["u0"], [[1.0], [2.0]])
    np.testing.assert_array_equal(begun["c"], own["c"])
    assert np.isnan(solve.known_constants()).all() and solve.known_constants().shape == (6, 1)


ENGINES = ["jax", pytest.param("julia", marks=pytest.mark.julia)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_recurrent_forecaster_goes_on_from_its_memory(cell, engine):
    """Its solution is the recurrence h⁺ = cell(x(h), h), shown by a linear layer."""
    if engine == "julia" and not julia_engine().usable:
        pytest.skip("no Julia engine was found; `unideq doctor` tells what is missing")
    model = ude.recurrent(["x", "y"], dt=0.5, units=3, cell=cell)
    weights = model.layout.unpack(model.initial_theta(3))
    own = {n.removeprefix("cell."): w for n, w in weights.items() if n.startswith("cell.")}
    memory = np.linspace(-0.5, 0.7, model.size)
    found = model.solve(
        np.arange(5) * 0.5, {"memory": memory}, model.initial_theta(3), solver=ude.Euler(dt=0.5), engine=engine
    )
    for k in range(5):
        seen = weights["shown.layer_1.weight"] @ memory[:3] + weights["shown.layer_1.bias"]
        np.testing.assert_allclose([found["x"].values[k], found["y"].values[k]], seen, rtol=1e-9)
        memory = expanded(model.networks["cell"], own, np.concatenate([seen, memory]))


@pytest.mark.julia
def test_both_engines_give_the_same():
    """Of a memory, and of a set whose begins are drawn."""
    if not julia_engine().usable:
        pytest.skip("no Julia engine was found; `unideq doctor` tells what is missing")
    for model in (latent(ude.RecurrentEncoder(3)), neural(variational=True)):
        given = Observations.given(series(4), model)
        loss = GaussianLikelihood(sigma={"brightness": 0.1})
        problem = EstimationProblem.make(
            model.reading_like(given.series), given, given, loss, SolverSettings("tsit5"), None, {}
        )
        theta = problem.initial_theta(1)
        program = encoded_program(problem, list(enumerate(given.series)), 2)
        ours, theirs = (get_engine(name).value_and_gradient(program, theta) for name in ("jax", "julia"))
        np.testing.assert_allclose(theirs.total, ours.total, rtol=1e-5)
        assert ours.gradient is not None and theirs.gradient is not None
        np.testing.assert_allclose(theirs.gradient, ours.gradient, rtol=1e-3, atol=1e-5)
