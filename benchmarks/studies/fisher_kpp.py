"""Fisher-KPP: growth by a network and diffusion by a learned three-point stencil; published: D w within 1 to 5 %.

The experiment of Rackauckas et al. (arXiv:2001.04385): D = 0.01, r = 1, 26 periodic points 0.04 apart, one solution
over t = 0..5 with 11 snapshots. Reaction network 1-10-20-10-1, stencil D0 (w1, w2, w3) from 6.5 (1.1, -2.5, 1.0),
penalty on |w1 + w2 + w3|; Adam, then BFGS. D0 and w are degenerate: their product is compared with D/dx² (1, -2, 1).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import unideq as ude
from unideq.harness import Study

DX, DIFFUSIVITY, GROWTH = 0.04, 0.01, 1.0
EXACT = DIFFUSIVITY / DX**2 * np.array([1.0, -2.0, 1.0])
PUBLISHED_SECONDS = (1053, 3430)
PUBLISHED_FIRST = (5.94, 6.18)
GOAL = 0.01


def problem() -> ude.problems.FisherKPP:
    return ude.problems.FisherKPP(DIFFUSIVITY, GROWTH, length=26 * DX, points=26, dt=0.5 / 20)


def measurements(engine: str | None) -> xr.Dataset:
    """The source's initial plateau, then 11 snapshots over t = 0..5."""
    made = problem()
    x = made.grid().coordinates("x")
    start = 0.5 * (np.tanh((x - 0.4) / 0.02) - np.tanh((x - 0.6) / 0.02))
    times = np.linspace(0.0, 5.0, 11)
    solved = made.model().solve(times, {"rho": start}, solver=ude.Tsit5(rtol=1e-10, atol=1e-10), engine=engine)
    return solved.dataset


def hybrid() -> ude.PDE:
    """Nothing known but that growth is local and that neighbours exchange."""

    def rhs(t: Any, state: Any, p: Any, net: Any) -> Any:
        rho = state.rho
        spread = p.w[0] * np.roll(rho, 1) + p.w[1] * rho + p.w[2] * np.roll(rho, -1)
        return net.reaction(rho) + p.d0 * spread

    parameters = {"d0": 6.5, "w": [1.1, -2.5, 1.0]}
    network = ude.nn.MLP(1, 1, hidden=(10, 20, 10), activation="tanh")
    return ude.PDE(rhs, problem().grid(), ["rho"], parameters, {"reaction": network}, initial=None)


def reaction_error(fit: ude.Fit, seed: int) -> float:
    """Relative L2 error of the learned growth on 0 <= rho <= 1."""
    rho = np.linspace(0.0, 1.0, 101)
    learned = growth_of(fit, seed, rho)
    exact = GROWTH * rho * (1.0 - rho)
    return float(np.linalg.norm(learned - exact) / np.linalg.norm(exact))


def growth_of(fit: ude.Fit, seed: int, rho: np.ndarray) -> np.ndarray:
    """The network's values: du/dt of constant fields, less what a stencil with a sum makes of them."""
    model, theta = fit.model, fit.record.chosen_theta[fit.seeds.index(seed)]
    own = theta[: model.layout.size]
    values = model.layout.unpack(own)
    change = [model(0.0, {"rho": np.full(26, r)}, own)["rho"][0] for r in rho]
    return np.array(change) - float(values["d0"]) * float(values["w"].sum()) * rho


def main() -> None:
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={"seeds": 3, "adam": 400, "bfgs": 1000},
        full={"seeds": 10, "adam": 400, "bfgs": 1000},
    )
    data, model = measurements(study.engine), hybrid()
    rho = np.linspace(0.0, 1.0, 101)
    for unit in study.units(seed=list(range(study.seeds))):
        began = time.perf_counter()
        fit = ude.fit(
            model, data, seeds=[unit["seed"]], engine=study.engine, progress=False, estimate_initial=False,
            phases=[ude.Adam(1e-2, study.settings["adam"]), ude.BFGS(study.settings["bfgs"], tolerance=1e-12)],
            cost=ude.Cost(lambda t, state, p: abs(p.w.sum()), 1.0), solver=ude.Tsit5(rtol=1e-7, atol=1e-7),
        )  # fmt: skip
        seconds = time.perf_counter() - began
        product = float(fit.parameters["d0"]) * fit.parameters["w"]
        study.record(
            status=fit.status, seconds=seconds, first=product[0], middle=product[1], last=product[2],
            stencil_error=float(np.abs(product / EXACT - 1.0).max()), reaction_error=reaction_error(fit, unit["seed"]),
            relative_misfit=float(np.sqrt(((fit.predict(data["time"].values).rho - data.rho) ** 2).sum()
                                          / (data.rho**2).sum())),
            growth=growth_of(fit, unit["seed"], rho).tolist(),
        )  # fmt: skip
    report(study, rho)


def report(study: Study, rho: np.ndarray) -> None:
    rows = study.rows
    table = [
        {
            "seed": r["seed"],
            "D0 w1": r["first"],
            "D0 w2": r["middle"],
            "D0 w3": r["last"],
            "largest error of D0 w, %": 100 * r["stencil_error"],
            "reaction, relative L2, %": 100 * r["reaction_error"],
            "solution, relative L2": r["relative_misfit"],
            "seconds": r["seconds"],
        }
        for r in rows
    ]
    errors, seconds = np.array([r["stencil_error"] for r in rows]), np.array([r["seconds"] for r in rows])
    path = study.figure_path("fisher_kpp.png")
    if path is not None:
        draw(rows, rho, path)
    study.finish(
        headline={
            "median error of D0 w": float(np.median(errors)),
            "largest error of D0 w": float(errors.max()),
            "seeds within 1 %": int((errors <= GOAL).sum()),
            "seeds": len(rows),
            "median error of the reaction": float(np.median([r["reaction_error"] for r in rows])),
            "median seconds a fit": float(np.median(seconds)),
            "published seconds": f"{PUBLISHED_SECONDS[0]} to {PUBLISHED_SECONDS[1]}",
            "published D0 w1": f"{PUBLISHED_FIRST[0]} to {PUBLISHED_FIRST[1]}, exact {EXACT[0]:g}",
        },
        table=table,
    )


def draw(rows: list[dict], rho: np.ndarray, path: Path) -> None:
    """Learned growth beside the true one; learned stencils beside the true one."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for k, r in enumerate(rows):
        left.plot(rho, r["growth"], color="tab:blue", alpha=0.5, lw=1.0, label=None if k else "learned, all seeds")
    left.plot(rho, GROWTH * rho * (1 - rho), "k--", lw=1.2, label="r ρ (1 − ρ)")
    left.set(xlabel="ρ", ylabel="growth", title="Reaction")
    left.legend(frameon=False)
    place = np.arange(3)
    right.bar(place, EXACT, 0.6, color="0.85", label="D/dx² · (1, −2, 1)")
    for k, r in enumerate(rows):
        values = [r["first"], r["middle"], r["last"]]
        right.plot(place + 0.02 * (k - len(rows) / 2), values, "o", ms=4, color="tab:blue", label=None if k else "D₀ w")
    right.set_xticks(place, ["w₁", "w₂", "w₃"])
    right.set(title="Stencil")
    right.legend(frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
