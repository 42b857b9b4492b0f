"""Drift and diffusion from paths: Ornstein–Uhlenbeck, a double well, noisy and partial measurement, pelts of 21 years.

Processes whose transitions (Ornstein–Uhlenbeck) or equations (double well) are known are measured, and their drift and
diffusion are found by each objective; the bar is maximum likelihood with the exact transitions. The pelts of the Hudson
Bay Company are the real series: held-out log likelihoods of the next year beside those of a random walk.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import xarray as xr

import unideq as ude
from unideq.harness import Study

GOAL = 0.05
RATE, SIGMA, WELL, NOISE = 2.0, 0.5, 0.6, 0.1
"""Of the Ornstein–Uhlenbeck process, and the double well's diffusion; noise of the noisy measurement."""


def linear(rate: float = RATE, sigma: float = SIGMA) -> ude.SDE:
    given = {"rate": ude.Parameter(rate, positive=True), "sigma": ude.Parameter(sigma, positive=True)}
    return ude.SDE(lambda t, s, p: {"x": -p.rate * s.x}, lambda t, s, p: {"x": p.sigma}, ["x"], given)


def well(networks: bool = False) -> ude.SDE:
    nets = {
        "f": ude.nn.MLP(1, 1, (12,), input_scale=1.0),
        "g": ude.nn.MLP(1, 1, (4,), output_activation="softplus"),
    }
    return ude.SDE(
        lambda t, s, p, net: {"x": net.f(s.x) if networks else s.x - s.x**3},
        lambda t, s, p, net: {"x": net.g(s.x) if networks else WELL},
        ["x"],
        networks=nets if networks else None,
    )


def measured(model: ude.SDE, length: float, step: float, seed: int, study: Study) -> xr.Dataset:
    paths = study.settings["paths"]
    drawn = model.solve(np.arange(0, length, step), {"x": 1.0}, paths=paths, seed=seed, engine=study.engine)
    return drawn.rename(path="trajectory").transpose("trajectory", "time")


def likeliest(x: np.ndarray, h: float) -> tuple[float, float]:
    """Rate and sigma of greatest exact likelihood."""
    kept = (x[:, 1:] * x[:, :-1]).sum() / (x[:, :-1] ** 2).sum()
    rate = -np.log(kept) / h
    return rate, float(np.sqrt(2 * rate * ((x[:, 1:] - kept * x[:, :-1]) ** 2).mean() / (1 - kept**2)))


def objectives(study: Study) -> dict[str, tuple]:
    """Name → (objective, loss, phases)."""
    given = study.settings
    adam = ude.Adam(ude.CosineDecay(0.05), given["adam"])
    return {
        "transitions, moments": (ude.TransitionLikelihood(substeps=2), None, ude.BFGS(60)),
        "transitions, Euler": (ude.TransitionLikelihood("euler"), None, ude.BFGS(60)),
        "filter, noisy": (ude.FilterLikelihood(), "gaussian", ude.BFGS(60)),
        "distributions, energy": (ude.DistributionMatching(batch=256), None, adam),
        "distributions, moments": (ude.DistributionMatching(batch=256, score="moments"), None, adam),
    }


def ornstein_uhlenbeck(name: str, seed: int, study: Study) -> dict:
    data = measured(linear(), study.settings["length"], 0.1, seed, study)
    exact = likeliest(data["x"].values, 0.1)
    if name == "exact likelihood":
        found, sigma = exact
    else:
        objective, loss, phases = objectives(study)[name]
        if loss:
            data = data + NOISE * np.random.default_rng(seed).standard_normal(data["x"].shape)
        fit = ude.fit(linear(1.0, 1.0), data, objective=objective, loss=loss, phases=phases, engine=study.engine,
                      progress=False)  # fmt: skip
        found, sigma = (float(fit.parameters[n]) for n in ("rate", "sigma"))
    return {
        "drift": abs(found / RATE - 1),
        "diffusion": abs(sigma / SIGMA - 1),
        "from_likeliest": abs(found / exact[0] - 1),
    }


def double_well(name: str, seed: int, study: Study, path: Path | None = None) -> dict:
    """Relative L2 errors over the states between the 2 % and 98 % quantiles of the data."""
    data = measured(well(), study.settings["length"], 0.1, seed, study)
    objective, _, _ = objectives(study)[name]
    phases = [ude.Adam(1e-2, study.settings["adam"]), ude.BFGS(study.settings["bfgs"])]
    fit = ude.fit(
        well(True), data, objective=objective, phases=phases, holdout=0.2, engine=study.engine, progress=False
    )
    low, high = np.quantile(data["x"].values, [0.02, 0.98])
    x = np.linspace(low, high, 101)
    drift, diffusion = fit.network("f")(x).ravel(), fit.network("g")(x).ravel()
    truth = x - x**3
    if path is not None:
        fit.plot(path)
    return {
        "drift": float(np.sqrt(((drift - truth) ** 2).mean() / (truth**2).mean())),
        "diffusion": float(np.sqrt(((diffusion / WELL - 1) ** 2).mean())),
        "from_likeliest": None,
        "audit": fit.audit().severity,
    }


def pelts(name: str, study: Study) -> dict:
    """−ln density of the next year's log pelts, by year, on the years after 1914."""
    raw = ude.datasets.hudson_bay()
    data = xr.Dataset({n: ("time", np.log(raw[n].values)) for n in ("hare", "lynx")}, {"time": raw["time"].values})
    noise = {n: ude.Parameter(0.5, positive=True) for n in ("a", "b")}
    known = {"growth": 0.5, "eaten": 0.03, "death": 0.8, "born": 0.02}
    known = {n: ude.Parameter(v, positive=True) for n, v in known.items()}
    drifts = {
        "random walk": (lambda t, s, p: {"hare": 0.0, "lynx": 0.0}, {}),
        "Lotka–Volterra": (
            lambda t, s, p: {
                "hare": p.growth - p.eaten * np.exp(s.lynx),
                "lynx": p.born * np.exp(s.hare) - p.death,
            },
            known,
        ),
    }
    drift, parameters = drifts[name]
    model = ude.SDE(drift, lambda t, s, p: {"hare": p.a, "lynx": p.b}, ["hare", "lynx"], {**parameters, **noise})
    fit = ude.fit(model, data, objective=ude.TransitionLikelihood(substeps=8), phases=ude.BFGS(150),
                  holdout=ude.Holdout(after=1914.5), engine=study.engine, progress=False)  # fmt: skip
    held = fit.tree["/training"].to_dataset()["held_out_total"].values
    return {"held_out": float(held[0, -1]), "training": float(fit.record.best_total[0])}


def main() -> None:
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={"seeds": 1, "paths": 8, "length": 60.0, "adam": 150, "bfgs": 80},
        full={"seeds": 3, "paths": 20, "length": 200.0, "adam": 600, "bfgs": 200},
    )
    kinds = ["exact likelihood", *objectives(study)]
    cases = [{"process": "Ornstein–Uhlenbeck", "by": n, "seed": k} for k in range(study.seeds) for n in kinds]
    cases += [{"process": "double well", "by": "transitions, moments", "seed": k} for k in range(study.seeds)]
    cases += [{"process": "pelts", "by": n, "seed": 0} for n in ("random walk", "Lotka–Volterra")]
    for unit in study.units(cases):
        began, name, seed = time.perf_counter(), unit["by"], unit["seed"]
        if unit["process"] == "pelts":
            found = pelts(name, study)
        elif unit["process"] == "double well":
            found = double_well(name, seed, study, study.figure_path("stochastic.png") if seed == 0 else None)
        else:
            found = ornstein_uhlenbeck(name, seed, study)
        study.record(**found, seconds=time.perf_counter() - began)
    report(study)


def report(study: Study) -> None:
    """Largest errors over the seeds."""
    table, headline = [], {"goal": GOAL}
    for process in ("Ornstein–Uhlenbeck", "double well"):
        for name in dict.fromkeys(r["by"] for r in study.rows_where(process=process)):
            rows = study.rows_where(process=process, by=name)
            worst = {n: max(r[n] for r in rows) for n in ("drift", "diffusion")}
            table.append(
                {"process": process, "by": name, **worst, "seconds": float(np.median([r["seconds"] for r in rows]))}
            )
            headline |= {f"{process} {name} {n}".replace(" ", "_").replace(",", ""): v for n, v in worst.items()}
    for name in ("random walk", "Lotka–Volterra"):
        (row,) = study.rows_where(process="pelts", by=name)
        headline[f"pelts_{name.replace(' ', '_')}_held_out"] = row["held_out"]
    study.finish(headline=headline, table=table)


if __name__ == "__main__":
    main()
