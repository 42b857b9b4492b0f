"""Gradient pathologies of residual training: the published methods, the remedies, and classical solvers beside them.

Helmholtz, the lid-driven cavity and Allen–Cahn. First the four published methods on the first two (arXiv:2001.04536),
then our own recipes on all three, each beside a classical solution of the same problem.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import xarray as xr
from _allen_cahn import reference as allen_cahn_reference
from _best_residual import RECIPES, Recipe
from _cavity import problem as cavity
from _cavity import reference as cavity_reference
from _cavity import solve_cavity, speed_error
from _helmholtz import exact, finite_differences, spectral
from _helmholtz import problem as helmholtz
from _helmholtz import reference as helmholtz_reference
from _pathology_methods import (
    ITERATIONS,
    METHODS,
    PUBLISHED_CAVITY,
    PUBLISHED_HELMHOLTZ,
    SIDES,
    balance,
    network,
    phase,
)
from _pathology_pictures import draw_errors

import unideq as ude
from unideq.harness import Study

GOALS = {"helmholtz": 1e-4, "cavity": 2e-2, "allen_cahn": 5.8e-4}
MINUTES = 15.0
REFERENCES = {"helmholtz": helmholtz_reference, "cavity": cavity_reference, "allen_cahn": allen_cahn_reference}


def published_cases(settings: dict[str, Any]) -> list[dict[str, Any]]:
    sizes = [("helmholtz", size) for size in settings["networks"]]
    sizes += [("cavity", size) for size in settings["cavity"]]
    return [{"problem": p, "network": size, "method": m} for p, size in sizes for m in METHODS]


def run_published(study: Study, unit: dict[str, Any]) -> None:
    """One method on one problem, all seeds together."""
    known = REFERENCES[unit["problem"]]()
    if unit["problem"] == "helmholtz":
        posed = helmholtz(network(unit["method"], unit["network"]), add_sides=True)
    else:
        posed = cavity(network(unit["method"], unit["network"], outputs=2), walls=1.0, add_sides=True)
    rule, iterations = balance(unit["method"], unit["problem"]), study.settings["iterations"]
    began = time.perf_counter()
    fit = ude.fit(
        posed, objective=ude.Residual(points={"walls": SIDES}), phases=phase(iterations), balance=rule,
        seeds=study.seeds, engine=study.engine, progress=False, report_every=500,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    predicted = [fit.predict(**axes(known), seed=s) for s in fit.seeds]
    weights = fit.tree["training"].get("weight")
    study.record(
        status=fit.status, parameters=posed.layout.size, seconds=seconds, iterations=iterations,
        errors=[error_of(unit["problem"], p, known) for p in predicted],
        spectral_norm=[speed_error(p, known, 2) for p in predicted] if unit["problem"] == "cavity" else None,
        weight=None if weights is None else weights.sel(term="walls").isel(iteration=-1).values.tolist(),
    )  # fmt: skip


def axes(known: xr.Dataset) -> dict[str, np.ndarray]:
    return {str(n): known[n].values for n in known.dims}


def error_of(problem: str, predicted: xr.Dataset, known: xr.Dataset) -> float:
    """Relative L2 error; of the cavity, that of the speed."""
    if problem == "cavity":
        return speed_error(predicted, known)
    difference = predicted["u"].transpose(*known["u"].dims).values - known["u"].values
    return float(np.linalg.norm(difference) / np.linalg.norm(known["u"].values))


def run_audit(study: Study, unit: dict[str, Any]) -> None:
    """What the audit says of one method on the Helmholtz problem: verdicts, curvature, ratios of gradients."""
    posed = helmholtz(network(unit["method"], unit["network"]), add_sides=True)
    iterations = max(2000, study.settings["iterations"] // 4)
    fit = ude.fit(
        posed, objective=ude.Residual(points={"walls": SIDES}), phases=phase(ITERATIONS, iterations),
        balance=balance(unit["method"]), engine=study.engine, progress=False, report_every=100,
    )  # fmt: skip
    audit = fit.audit()
    found = audit["balance"].dataset
    path = study.figure_path(f"gradient_pathologies_{unit['method']}.png")
    if path is not None:
        audit.plot().savefig(path, dpi=110)
    study.record(
        warnings=[f.check for f in audit.findings if f.severity == "warning"],
        at=found["iteration"].values.tolist(), hessian_max=found["hessian_max"].values.tolist(),
        norm_ratio=found["norm_ratio"].sel(term="walls").values.tolist(), text=str(audit),
    )  # fmt: skip


def run_best(study: Study, problem: str, recipe: Recipe, seed: int) -> None:
    """Our own recipe on one problem."""
    known = REFERENCES[problem]()
    began = time.perf_counter()
    fit = recipe.fit(seed, study.engine, study.settings["effort"])
    seconds = time.perf_counter() - began
    study.record(
        status=fit.status, parameters=fit.model.layout.size, seconds=seconds,
        error=error_of(problem, fit.predict(**axes(known)), known), goal=GOALS[problem],
        within=seconds <= 60 * MINUTES, recipe=recipe.words,
    )  # fmt: skip


def run_classical(study: Study, problem: str, resolution: int) -> None:
    """The problem by a classical method: error and time."""
    began = time.perf_counter()
    if problem == "helmholtz, differences":
        nodes, u = finite_differences(resolution)
        error = np.linalg.norm(u - exact(nodes[:, None], nodes)) / np.linalg.norm(exact(nodes[:, None], nodes))
    elif problem == "helmholtz, Chebyshev":
        nodes, u = spectral(resolution)
        error = np.linalg.norm(u - exact(nodes[:, None], nodes)) / np.linalg.norm(exact(nodes[:, None], nodes))
    elif problem == "cavity, differences":
        flow = solve_cavity(resolution)
        seconds = time.perf_counter() - began
        known = cavity_reference().isel(x=slice(None, None, 99 // 33), y=slice(None, None, 99 // 33))
        every = resolution // 33
        found = xr.Dataset({n: (("x", "y"), getattr(flow, n)[::every, ::every]) for n in "uv"})
        study.record(seconds=seconds, error=speed_error(found, known))
        return
    else:
        found = allen_cahn_reference(resolution, 201, 1, study.engine)
        seconds = time.perf_counter() - began
        known = allen_cahn_reference(2048, 201, 16, study.engine)["u"].values[:: 2048 // resolution]
        study.record(seconds=seconds, error=float(np.linalg.norm(found["u"].values - known) / np.linalg.norm(known)))
        return
    study.record(seconds=time.perf_counter() - began, error=float(error))


CLASSICAL = (
    ("helmholtz, differences", 256),
    ("helmholtz, Chebyshev", 32),
    ("cavity, differences", 99),
    ("allen_cahn, spectral", 256),
)


def main() -> None:
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={"seeds": 2, "networks": ["50/3"], "cavity": [], "iterations": 4000, "best_seeds": 1, "effort": 0.5},
        full={
            "seeds": 5, "networks": ["50/3", "30/3", "50/5"], "cavity": ["50/3"], "iterations": 40_000,
            "best_seeds": 3, "effort": 1.0,
        },
    )  # fmt: skip
    for unit in study.units([{"part": "published", **case} for case in published_cases(study.settings)]):
        run_published(study, unit)
    audited = [{"part": "audit", "network": study.settings["networks"][0], "method": m} for m in METHODS]
    for unit in study.units(audited):
        run_audit(study, unit)
    for unit in study.units([{"part": "classical", "problem": p, "resolution": n} for p, n in CLASSICAL]):
        run_classical(study, unit["problem"], unit["resolution"])
    best = [{"part": "best", "problem": p, "seed": s} for p in RECIPES for s in range(study.settings["best_seeds"])]
    for unit in study.units(best):
        run_best(study, unit["problem"], RECIPES[unit["problem"]], unit["seed"])
    report(study)


def report(study: Study) -> None:
    table = []
    for row in study.rows_where(part="published"):
        known = PUBLISHED_CAVITY if row["problem"] == "cavity" else PUBLISHED_HELMHOLTZ[row["network"]]
        errors = np.array(row["spectral_norm"] or row["errors"])
        table.append(
            {
                "problem": row["problem"], "network": row["network"], "method": row["method"],
                "published": known[row["method"]], "mean": float(errors.mean()), "median": float(np.median(errors)),
                "least": float(errors.min()), "largest": float(errors.max()), "seeds": len(errors),
                "seconds": row["seconds"],
            }
        )  # fmt: skip
    for row in study.rows_where(part="best"):
        table.append({"problem": row["problem"], "method": "ours", "goal": row["goal"], "median": row["error"],
                      "network": f"{row['parameters']} parameters", "seconds": row["seconds"]})  # fmt: skip
    for row in study.rows_where(part="classical"):
        table.append({"problem": row["problem"], "method": "classical", "network": f"{row['resolution']} cells",
                      "median": row["error"], "seconds": row["seconds"]})  # fmt: skip
    for row in study.rows_where(part="audit"):
        found = {"largest eigenvalue": row["hessian_max"][-1], "warnings": ", ".join(row["warnings"])}
        table.append({"problem": "audit", "network": row["network"], "method": row["method"], **found})
    path = study.figure_path("gradient_pathologies.png")
    if path is not None:
        draw_errors(study.rows, path)
    study.finish(headline=headline(study), table=table)


def headline(study: Study) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for size in study.settings["networks"]:
        means = {r["method"]: float(np.mean(r["errors"])) for r in study.rows_where(network=size, problem="helmholtz")}
        found[f"Helmholtz {size}: M1/M4"] = means["M1"] / means["M4"]
        found[f"Helmholtz {size}: M1/M4, published"] = PUBLISHED_HELMHOLTZ[size]["M1"] / PUBLISHED_HELMHOLTZ[size]["M4"]
    for problem, goal in GOALS.items():
        rows = study.rows_where(part="best", problem=problem)
        found[f"{problem}, ours: median error"] = float(np.median([r["error"] for r in rows]))
        found[f"{problem}, ours: goal"] = goal
        found[f"{problem}, ours: median seconds"] = float(np.median([r["seconds"] for r in rows]))
    return found


if __name__ == "__main__":
    main()
