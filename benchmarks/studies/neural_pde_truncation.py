"""Truncation error learned as physics: Burgers closures of Mohan et al. (arXiv:2411.15101), audited and beaten.

Data: u_t = -u D1(u) + nu u_xx by a first-order backward D1 (so it obeys nu u_xx + dx/2 u u_xx), 100 points, RK4, to
T = 0.5. A network replaces diffusion in a host with the same D1 (experiment 1) or a sixth-order one (experiment 2):
there it has to learn the data's truncation error as well. The recipe of the paper (dense 100-20-20-100, three detached
steps, Adam) is repeated and audited; then closures that are the same everywhere and see neighbours only are trained
through five steps: two learned stencils in the unmatched host, one in a host matched to the data as the audit advises.
Initial states: 1, with a plateau of 2 (training) or 10 (test). Each dt of 0.01 is two RK4 steps: with one, as
published, the truth itself blows up on the plateau of 10 (CFL 1.6).
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import unideq as ude
from unideq.harness import Study

POINTS, VISCOSITY, DT, SUBSTEPS, STEPS = 100, 0.03, 0.01, 2, 50
LOOK = 7
"""Steps between two spectra along a rollout."""
AMPLITUDES = [1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
TRAIN, TEST = 2.0, 10.0
GOAL = {TRAIN: 0.003, TEST: 0.01}
BACKWARD, SIXTH = ude.schemes.Backward(1), ude.schemes.Central(6)
DENSE = ude.nn.MLP(POINTS, POINTS, (20, 20))
STENCIL = ude.nn.CNN(1, 1, channels=(), kernel=7)

CASES: dict[str, dict[str, Any]] = {
    "1: published recipe": {"host": "backward", "closure": "dense", "training": "published"},
    "2: published recipe": {"host": "sixth order", "closure": "dense", "training": "published"},
    "2: two learned stencils": {"host": "sixth order", "closure": "two stencils", "training": "rollouts"},
    "matched host: a learned stencil": {"host": "backward", "closure": "stencil", "training": "rollouts"},
}
CLOSURES: dict[str, tuple[dict[str, ude.nn.Network], Any]] = {
    "dense": ({"closure": DENSE}, lambda net, u: net.closure(u)),
    "stencil": ({"closure": STENCIL}, lambda net, u: net.closure(u)),
    "two stencils": ({"closure": STENCIL, "factor": STENCIL}, lambda net, u: net.closure(u) + u * net.factor(u)),
}
"""Networks, and how they enter: all values at once, L₁u, or L₁u + u·L₂u with seven-point stencils L."""
PUBLISHED = {
    ("1: published recipe", TRAIN): "1.0006",
    ("2: published recipe", TRAIN): "1.0004 to 1.028",
    ("1: published recipe", TEST): "1.46 to 1.21",
    ("2: published recipe", TEST): "1.86 to 3.4",
}
"""Largest |eigenvalue| of the one-step Jacobian along the rollout, read off the paper's figures."""


def plateau(amplitude: float, points: int = POINTS) -> np.ndarray:
    """1, with `amplitude` on the points 2 … N/2 − 1."""
    u = np.ones(points)
    u[2 * points // POINTS : points // 2] = amplitude
    return u


def truth(points: int = POINTS) -> ude.problems.Burgers:
    return ude.problems.Burgers(VISCOSITY, points=points, dt=DT, substeps=SUBSTEPS, advection=BACKWARD, diffusion=SIXTH)


def data_of(amplitudes: list[float], engine: str | None, points: int = POINTS) -> xr.Dataset:
    start = np.stack([plateau(a, points) for a in amplitudes])
    made = truth(points).data(steps=STEPS, initial={"u": start}, engine=engine)
    return made.assign_coords(trajectory=amplitudes)


def stepper(host: str, closure: str, points: int = POINTS) -> ude.Stepper:
    """The known part, −u D₁u, and networks for the rest."""
    grid = truth(points).grid()
    scheme = {"backward": BACKWARD, "sixth order": SIXTH}[host]
    networks, learned = CLOSURES[closure]

    def rhs(t: Any, state: Any, p: Any, net: Any) -> Any:
        return -state.u * grid.d(state.u, scheme=scheme) + learned(net, state.u)

    return ude.Stepper(ude.PDE(rhs, grid, ["u"], networks=networks), DT, "rk4", SUBSTEPS)


def train(case: dict[str, Any], data: xr.Dataset, seed: int, settings: dict[str, Any], points: int = POINTS) -> ude.Fit:
    model = stepper(case["host"], case["closure"], points)
    if case["training"] == "published":
        objective = ude.Unrolled(steps=3, gradient="none")
        phases: list[Any] = [ude.Adam(ude.CosineDecay(0.01), settings["adam"])]
    else:
        objective = ude.Unrolled(steps=5)
        phases = [ude.Adam(3e-3, 250), ude.BFGS(settings["bfgs"], tolerance=1e-12)]
    return ude.fit(model, data, objective=objective, phases=phases, seeds=[seed], loss="squared_error",
                   engine=settings["engine"], progress=False)  # fmt: skip


def relative_error(fit: ude.Fit, exact: xr.Dataset) -> np.ndarray:
    """Relative L2 distance from the data at T, one a condition; infinite after a blow-up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = exact.u.isel(time=0).values
        end = fit.model.rollout({"u": start}, STEPS, fit.theta[: fit.model.layout.size], every=STEPS).u.values[:, -1]
    exact_end = exact.u.isel(time=-1).values
    error = np.linalg.norm(end - exact_end, axis=1) / np.linalg.norm(exact_end, axis=1)
    return np.where(np.isfinite(error), error, np.inf)


def spectral_radii(fit: ude.Fit, amplitude: float) -> list[float]:
    """Spectral radius of the one-step Jacobian at the states of the model's own rollout."""
    from unideq.graph import jacobian

    model, theta = fit.model, fit.theta[: fit.model.layout.size]
    matrix = jacobian(model.step, "u", "u")
    u, radii = plateau(amplitude), []
    for k in range(STEPS):
        values = {"t": k * DT, "u": u, "theta": theta}
        if k % LOOK == 0:
            dense = np.zeros((POINTS, POINTS))
            dense[matrix.rows, matrix.columns] = next(iter(matrix.graph.evaluate(values).values()))
            if not np.isfinite(dense).all():
                break
            radii.append(float(np.abs(np.linalg.eigvals(dense)).max()))
        u = model.step.evaluate(values)["u"]
        if not np.isfinite(u).all():
            break
    return radii


def coefficients(audit: Any) -> dict[str, float]:
    """What the audit's regression says: the viscosity, and c of c·u·u_xx."""
    found = {"nu": np.nan, "nu_error": np.nan, "c": np.nan, "c_error": np.nan, "r_squared": np.nan}
    if "truncation" not in audit.outcomes or "u" not in audit["truncation"].fields:
        return found
    r = audit["truncation"].fields["u"].regression
    found["r_squared"] = float(r.r_squared)
    keys = {"u_xx": "nu", "u·u_xx": "c"}
    for name, value, error in zip(r.names, r.coefficients, r.standard_errors, strict=True):
        if name in keys:
            found |= {keys[name]: float(value), f"{keys[name]}_error": float(error)}
    return found


def main() -> None:
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={"seeds": 1, "adam": 3000, "bfgs": 300, "amplitudes": [2.0, 4.0, 6.0, 10.0]},
        full={"seeds": 3, "adam": 6000, "bfgs": 500, "amplitudes": AMPLITUDES},
    )
    settings = {**study.settings, "engine": study.engine}
    train_data = data_of([TRAIN], study.engine)
    exact = data_of([TRAIN, TEST], study.engine)
    others = data_of(study.settings["amplitudes"], study.engine)
    audits: dict[str, tuple[Any, str]] = {}
    for unit in study.units(case=list(CASES), seed=list(range(study.seeds))):
        began = time.perf_counter()
        fit = train(CASES[unit["case"]], train_data, unit["seed"], settings)
        seconds = time.perf_counter() - began
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            audit = fit.audit(new={"u": plateau(TEST)[None]}, truth=truth().stepper())
            cases = {"u": others.u.isel(time=0).values}
            verified = audit["flow_map"].verify(cases) if "flow_map" in audit.outcomes else None
        errors = relative_error(fit, exact)
        row: dict[str, Any] = {
            "seconds": seconds, "weights": sum(n.size for n in fit.model.networks.values()),
            "error_train": errors[0], "error_test": errors[1], **coefficients(audit),
            "severity": audit.severity, "report": repr(audit),
            "radii_train": spectral_radii(fit, TRAIN), "radii_test": spectral_radii(fit, TEST),
            "flagged": any(f.check == "truncation" and f.severity == "warning" for f in audit.findings),
        }  # fmt: skip
        if verified is not None:
            row |= {"verdicts_right": verified.right, "verdicts": verified.total}
        study.record(**row)
        if unit["seed"] == 0:
            audits[unit["case"]] = (audit, repr(audit))
            path = study.figure_path(f"neural_pde_truncation_audit_{list(CASES).index(unit['case']) + 1}.png")
            if path is not None:
                audit.plot().savefig(path, dpi=130)
    report(study)


def report(study: Study) -> None:
    dx = 2 * np.pi / POINTS
    table, headline = [], {}
    for case in CASES:
        rows = study.rows_where(case=case)
        if not rows:
            continue
        worst = lambda key, rows=rows: float(np.max([np.inf if r[key] is None else r[key] for r in rows]))  # noqa: E731
        middle = lambda key, rows=rows: float(np.median([np.inf if r[key] is None else r[key] for r in rows]))  # noqa: E731
        radii = {key: [r[key] for r in rows if r[key]] for key in ("radii_train", "radii_test")}
        found = [r["c"] for r in rows if r["c"] is not None]
        table.append(
            {
                "case": case,
                "weights": rows[0]["weights"],
                "error on 2, %": 100 * middle("error_train"),
                "worst": 100 * worst("error_train"),
                "error on 10, %": 100 * middle("error_test"),
                "worst ": 100 * worst("error_test"),
                "flagged": f"{sum(r['flagged'] for r in rows)}/{len(rows)}",
                "c / (dx/2)": float(np.median(found)) / (dx / 2) if found else None,
                "|λ| on 2": _span(radii["radii_train"]),
                "|λ| on 10": _span(radii["radii_test"]),
                "published, 2": PUBLISHED.get((case, TRAIN)),
                "published, 10": PUBLISHED.get((case, TEST)),
                "verdicts right": f"{sum(r.get('verdicts_right') or 0 for r in rows)}/"
                f"{sum(r.get('verdicts') or 0 for r in rows)}",
                "seconds": middle("seconds"),
            }
        )
        headline[f"{case}: median error on 2 and 10"] = f"{middle('error_train'):.2g}, {middle('error_test'):.2g}"
    headline["goal"] = f"{GOAL[TRAIN]:g} on 2, {GOAL[TEST]:g} on 10"
    path = study.figure_path("neural_pde_truncation.png")
    if path is not None:
        draw(study, path)
    study.finish(headline=headline, table=table)


def _span(radii: list[list[float]]) -> str | None:
    if not radii:
        return None
    first, last = np.median([r[0] for r in radii]), np.median([r[-1] for r in radii])
    return f"{first:.4g} to {last:.4g} (max {max(max(r) for r in radii):.4g})"


def draw(study: Study, path: Path) -> None:
    """Spectral radii of the one-step Jacobians along rollouts, training condition left, test condition right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    for axes, key, title in zip(
        figure.subplots(1, 2), ("radii_train", "radii_test"), ("plateau of 2 (training)", "plateau of 10"), strict=True
    ):
        for k, case in enumerate(CASES):
            for j, r in enumerate(study.rows_where(case=case)):
                label = case if j == 0 and key == "radii_train" else None
                axes.plot(np.arange(len(r[key])) * LOOK * DT, r[key], color=f"C{k}", lw=1.2, alpha=0.7, label=label)
        axes.axhline(1.0, color="0.5", lw=0.8, ls="--")
        axes.set(xlabel="time", ylabel="largest |eigenvalue|, one step", title=title)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
