"""Trajectories of very different lengths, all at once and in mini-batches: what each alone would give."""

from __future__ import annotations

import numpy as np
import xarray as xr

import unideq as ude
from unideq.engine import Engine
from unideq.objective import EstimationProblem, Observations, SolverSettings, Trajectory, loss_of

from .cases import each, ours

COUNT, BATCH = 40, 8
GENERATOR = np.random.default_rng(3)
LENGTHS = [3 if k % 5 else 40 + k for k in range(COUNT)]
DATA = [
    xr.Dataset({"x": ("time", GENERATOR.uniform(0.5, 2.0, n))}, {"time": 0.2 * np.arange(n), "w": 0.5 + 0.05 * k})
    for k, n in enumerate(LENGTHS)
]
COST = {"small": ude.Cost(lambda t, state, p: state.x**2, weight=0.3)}


def problem(solver: str = "tsit5", cost: bool = True) -> EstimationProblem:
    """x' = −k w x with pulses at times of every trajectory's own, initial values estimated."""
    model = ude.ODE(
        lambda t, s, p, net, forcing: {"x": -p.k * p.w * s.x + forcing.inflow},
        ["x"],
        {"k": 0.4, "w": ude.Condition()},
        forcings={"inflow": ude.Forcing("previous")},
    )
    own = [
        d.assign(inflow=("time", np.where(np.arange(n) == n // 2, 1.0, 0.0)))
        for d, n in zip(DATA, LENGTHS, strict=True)
    ]
    observed = Observations.given(own, model, None, None)
    settings = SolverSettings(solver, rtol=1e-9, atol=1e-9)
    costs = {n: c.traced(model) for n, c in COST.items()} if cost else {}
    return EstimationProblem.make(model, observed, observed, loss_of(None), settings, None, costs)


def exact(k: int, rate: float, initial: float) -> np.ndarray:
    """x of a trajectory at its times, from its initial value and the pulse of one interval."""
    n, rate = LENGTHS[k], rate * (0.5 + 0.05 * k)
    times, begin = 0.2 * np.arange(n), 0.2 * (n // 2)
    since, until = (np.maximum(times - edge, 0.0) for edge in (begin, begin + 0.2 if n // 2 < n - 1 else np.inf))
    return initial * np.exp(-rate * times) + (np.exp(-rate * until) - np.exp(-rate * since)) / rate


def expected(made: EstimationProblem, theta: np.ndarray) -> dict[str, float]:
    values = made.layout.unpack(theta)
    found = [exact(k, float(values["k"]), values["initial.x"][k]) for k in range(COUNT)]
    scale = made.scales["x"]
    misfit = np.concatenate([(x - d["x"].values) / scale for x, d in zip(found, DATA, strict=True)])
    return {"x": float(np.mean(misfit**2)), "small": float(np.mean(np.concatenate(found) ** 2))}


def test_lengths_change_nothing(engine: Engine):
    made = problem()
    theta = made.initial_theta(0)
    found = engine.value_and_gradient(Trajectory().build(made), theta)
    for name, value in expected(made, theta).items():
        np.testing.assert_allclose(found.terms[name], value, rtol=1e-6, err_msg=name)
    step = 1e-5 * np.eye(len(theta))[[0, 1, COUNT]]
    total = lambda at: sum(w * v for w, v in zip((1.0, 0.3), expected(made, at).values(), strict=True))  # noqa: E731
    slopes = [(total(theta + d) - total(theta - d)) / 2e-5 for d in step]
    assert found.gradient is not None
    np.testing.assert_allclose(found.gradient[[0, 1, COUNT]], slopes, rtol=1e-5, atol=1e-9)


@each(ours("tsit5", "rodas5p"))
def test_the_batches_of_an_epoch_amount_to_all(engine: Engine, name: str):
    made = problem(name)
    objective = Trajectory(batch=BATCH, seed=2)
    program, batches = objective.build(made), objective.batches(made, engine.evaluate)
    assert batches is not None
    theta = made.initial_theta(0)
    whole = engine.value_and_gradient(Trajectory().build(made), theta)
    totals, gradients, seen = [], [], []
    for iteration in range(COUNT // BATCH):
        data = batches(iteration)
        seen += data[0]["rows"].tolist()
        named = {s.name: new for s, new in zip(program.sources, data, strict=True)}
        found = engine.value_and_gradient(program.with_data(named), theta)
        totals.append(found.total)
        gradients.append(found.gradient)
    assert sorted(seen) == list(range(COUNT))
    assert whole.gradient is not None
    np.testing.assert_allclose(np.mean(totals), whole.total, rtol=1e-7)
    np.testing.assert_allclose(np.mean(gradients, axis=0), whole.gradient, rtol=1e-6, atol=1e-9)


def test_training_in_batches_finds_the_rate(engine: Engine):
    parameters = {"k": 0.4, "w": ude.Condition()}
    model = ude.ODE(lambda t, s, p: {"x": -p.k * p.w * s.x}, ["x"], parameters, initial={"x": 1.0})
    data = []
    for d in DATA:
        rate = 0.7 * float(d["w"])
        data.append(d.assign(x=("time", np.exp(-rate * d["time"].values))))
    fit = ude.fit(
        model,
        data,
        objective=Trajectory(batch=BATCH),
        phases=[ude.Adam(0.02, 300)],
        solver="tsit5",
        engine=engine,
        progress=False,
        report_every=100,
    )
    np.testing.assert_allclose(fit.parameters["k"], 0.7, rtol=5e-3)
    assert len(fit.record.history.judged_total) == 3
