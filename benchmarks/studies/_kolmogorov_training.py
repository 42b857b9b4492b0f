"""Part of a study: Kolmogorov flow on a coarse grid, corrected by networks that ONE, NOG and WIG train.

After List et al. (arXiv:2402.12971), scaled down: truth on 64 x 64 points instead of 128 x 128, coarsened to 32 x 32
and cut to the wavenumbers up to 10 that the coarse solver keeps after dealiasing; forcing k = 6; a step is an ETDRK4
step of 0.02 in both, so that the coarse solver lacks what the scales it can't see do. The network acts on its result,
u+ = v + NN(v, Re) with v = solver(u). Six Reynolds numbers to train with, two to test.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import xarray as xr

import unideq as ude
from unideq.harness import Study

TRAIN, TEST = [300.0, 400.0, 500.0, 700.0, 800.0, 900.0], [600.0, 1000.0]
TRAININGS = {"ONE": "one_step", "NOG": "none", "WIG": "full"}
CASES = {f"Kolmogorov {t}": t for t in TRAININGS}
COARSE = "Kolmogorov coarse solver"
FINE_POINTS, POINTS, DT = 64, 32, 0.02
STEPS, WARMUP, COUNTED, EACH, BATCH, RATE = 100, 400, 12, 4, 4, 1e-3
PUBLISHED = {"ONE": "1.05e-2", "NOG": "8.6e-3", "WIG": "8.2e-3"}
"""L2 errors read off the paper's figure, 1.08 million weights."""
SIZE = 5.0
"""Of the vorticity, about its standard deviation."""


def data(numbers: list[float], each: int, steps: int, seed: int, engine: str | None) -> xr.Dataset:
    """Developed flow, `each` trajectories a Reynolds number, on the coarse grid."""
    fine = ude.problems.KolmogorovFlow(points=FINE_POINTS, dt=DT, scheme="etdrk4")
    grid, conditions = coarse().grid(), {"reynolds": np.repeat(numbers, each)}
    made = fine.data(
        len(numbers) * each, steps, warmup=WARMUP, seed=seed, on=grid, conditions=conditions, engine=engine
    )
    field = made.vorticity.transpose("trajectory", "time", "x", "y")
    return made.assign(vorticity=field.copy(data=grid.dealias(field.values)))


def coarse() -> ude.problems.KolmogorovFlow:
    return ude.problems.KolmogorovFlow(points=POINTS, dt=DT, scheme="etdrk4")


def stepper(learned: bool) -> ude.Stepper:
    """The coarse solver, or its result plus the network's."""
    model = coarse().model()
    if not learned:
        return ude.Stepper(model, DT, "etdrk4")

    def closure(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
        return {"vorticity": state.vorticity + net.closure(state.vorticity / SIZE, p.reynolds / 600.0)}

    network = ude.nn.ResNet(2, 1, 16, 3, dimensions=2, output_scale=0.1, last_layer_scale=0.1)
    return ude.Stepper(model, DT, "etdrk4", correction=closure, coupling="sequential", networks={"closure": network})


def train(training: str, seed: int, stages: list[list[int]], measured: xr.Dataset, engine: str | None) -> ude.Fit:
    """A curriculum of unroll lengths; ONE gets as many single steps instead. Wild gradients are left out."""
    phases = []
    for k, (m, iterations) in enumerate(stages):
        one = training == "ONE"
        objective = ude.Unrolled(1 if one else m, TRAININGS[training], batch=BATCH * (m if one else 1), seed=seed)
        decay = 0.1 if k == len(stages) - 1 else 1.0
        rate = ude.CosineDecay(RATE / (k + 1), decay)
        phases.append(ude.Adam(rate, iterations, skip=10.0, objective=objective))
    return ude.fit(stepper(True), measured, objective=phases[0].objective, phases=phases, seeds=[seed], holdout=None,
                   engine=engine, report_every=100, progress=False)  # fmt: skip


def judged(model: ude.Stepper, theta: Any, true: xr.Dataset, engine: str | None) -> dict[str, Any]:
    """Relative L2 errors of rollouts from test states."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = {"vorticity": true.vorticity.isel(time=0).values}
        numbers = {"reynolds": true["reynolds"].values}
        rolled = model.rollout(start, COUNTED, theta, conditions=numbers, engine=engine)
    metrics = ude.rollout_metrics(rolled, true).isel(variable=0)
    errors = np.minimum(metrics["relative_l2"].transpose("trajectory", "time").values[:, 1:], 10.0)
    each = errors.mean(axis=1)
    row = {"error": each.mean(), "one_step_error": errors[:, 0].mean(), "error_by_step": errors.mean(axis=0)}
    return row | {f"error_at_{n:g}": each[true["reynolds"].values == n].mean() for n in TEST}


def run(study: Study) -> None:
    """Records the coarse solver and every training."""
    measured = data(TRAIN, EACH, STEPS, 0, study.engine)
    true = data(TEST, 5, COUNTED, 1000, study.engine)
    units = [{"case": COARSE, "seed": None}]
    units += [{"case": c, "seed": k} for c in CASES for k in range(study.settings["kolmogorov_seeds"])]
    for unit in study.units(units):
        began = time.perf_counter()
        if unit["case"] == COARSE:
            study.record(seconds=None, weights=0, **judged(stepper(False), None, true, study.engine))
            continue
        stages = study.settings["kolmogorov"]
        fit = train(CASES[unit["case"]], unit["seed"], stages, measured, study.engine)
        seconds, weights = time.perf_counter() - began, fit.model.layout.size
        study.record(seconds=seconds, weights=weights, **judged(fit.model, fit.theta[:weights], true, study.engine))


def table(study: Study) -> list[dict[str, Any]]:
    """One row a case: relative L2 error, mean over steps and tests."""
    result = []
    for case in (COARSE, *CASES):
        rows = study.rows_where(case=case)
        errors = [r["error"] for r in rows]
        result.append(
            {
                "case": case, "weights": rows[0]["weights"], "seeds": len(rows),
                "error, median": float(np.median(errors)),
                "smallest": min(errors), "largest": max(errors),
                "one step": float(np.median([r["one_step_error"] for r in rows])),
                **{f"at {n:g}": float(np.median([r[f"error_at_{n:g}"] for r in rows])) for n in TEST},
                "seconds": float(np.median([r["seconds"] or 0.0 for r in rows])),
                "published": PUBLISHED.get(CASES.get(case, "")),
            }
        )  # fmt: skip
    return result


def headline(study: Study) -> dict[str, float]:
    """Factors between the trainings."""
    middle = {c: float(np.median([r["error"] for r in study.rows_where(case=c)])) for c in (COARSE, *CASES)}
    return {
        "Kolmogorov, coarse solver over WIG": middle[COARSE] / middle["Kolmogorov WIG"],
        "Kolmogorov, ONE over WIG": middle["Kolmogorov ONE"] / middle["Kolmogorov WIG"],
        "Kolmogorov, NOG over WIG": middle["Kolmogorov NOG"] / middle["Kolmogorov WIG"],
    }
