"""The JAX engine's loss and gradient against hand-written diffrax + equinox: time, compilation, batching."""

import jax
import numpy as np
from _hand_written import LotkaVolterra, Spiral, training, value_and_gradient
from _models import lotka_volterra, spiral, work

import unideq as ude
from unideq.engine import Minimisation, get_engine
from unideq.harness import Study, ratio, time_interleaved

TOLERANCE = 1e-6
MAX_STEPS = 4096
ITERATIONS = 200
"""Adam updates in one timed training run."""

study = Study.from_command_line(
    __file__,
    __doc__,
    quick={"rounds": 15, "batches": [1, 64]},
    full={"rounds": 60, "batches": [1, 8, 64]},
)
engine = get_engine("jax")
generator = np.random.default_rng(0)

CASES = {
    "lotka_volterra": (lotka_volterra, LotkaVolterra, np.array([0.44249296, 4.6280594]), np.linspace(0.0, 3.0, 31)),
    "spiral": (spiral, Spiral, np.array([2.0, 0.0]), np.linspace(0.0, 1.5, 30)),
}

for unit in study.units(case=list(CASES), batch=study.settings["batches"]):
    make, peer, start, times = CASES[unit["case"]]
    batch = unit["batch"]
    u0 = start * (1.0 + 0.05 * generator.normal(size=(batch, 2)) * (batch > 1))
    model = make()
    ours = work(model, u0, times, engine, TOLERANCE, MAX_STEPS)
    one = batch == 1
    problem = (peer(ours.values), u0[0] if one else u0, times, ours.data[0] if one else ours.data, TOLERANCE, MAX_STEPS)
    hand = value_and_gradient(*problem)
    compiled, data = engine.compiled_value_and_gradient(ours.objective)
    theta = jax.numpy.asarray(ours.theta)
    calls = {
        "unideq": lambda compiled=compiled, theta=theta, data=data: compiled(theta, data),
        "diffrax": hand,
        "numpy": lambda ours=ours: engine.value_and_gradient(ours.objective, ours.theta),
    }
    timings = time_interleaved(calls, rounds=study.settings["rounds"])
    compared = ratio(timings, "unideq", "diffrax")
    value = float(np.asarray(engine.value_and_gradient(ours.objective, ours.theta).total))
    row = {
        "unideq_ms": timings["unideq"].median * 1e3,
        "diffrax_ms": timings["diffrax"].median * 1e3,
        "ratio": compared.median,
        "ratio_low": compared.low,
        "ratio_high": compared.high,
        "numpy_in_and_out_ms": timings["numpy"].median * 1e3,
        "unideq_compile_s": timings["unideq"].first,
        "diffrax_compile_s": timings["diffrax"].first,
        "compile_ratio": timings["unideq"].first / timings["diffrax"].first,
        "loss_difference": abs(value - float(hand()[0])) / abs(value),
    }
    if one:
        settings = ude.Adam(1e-3, ITERATIONS)
        run = Minimisation(ours.objective, ours.theta[None], settings)

        def train(run: Minimisation = run) -> None:
            engine.minimise(run, lambda report: True)

        loops = time_interleaved(
            {"unideq": train, "diffrax": training(ITERATIONS, *problem)}, rounds=max(3, study.settings["rounds"] // 5)
        )
        row["unideq_adam_ms"] = loops["unideq"].median * 1e3 / ITERATIONS
        row["diffrax_adam_ms"] = loops["diffrax"].median * 1e3 / ITERATIONS
        row["adam_ratio"] = ratio(loops, "unideq", "diffrax").median
    study.record(**row)

headline = {}
for case in CASES:
    rows = {row["batch"]: row for row in study.rows_where(case=case)}
    headline[f"{case}_time_over_diffrax"] = rows[1]["ratio"]
    headline[f"{case}_compile_over_diffrax"] = rows[1]["compile_ratio"]
    headline[f"{case}_adam_over_diffrax"] = rows[1]["adam_ratio"]
    headline[f"{case}_64_trajectories_over_1"] = rows[64]["unideq_ms"] / rows[1]["unideq_ms"]
study.finish(headline=headline)
