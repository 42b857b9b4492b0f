"""Koopman autoencoders on the three systems of Lusch, Kutz & Brunton (2018), beside DMD and EDMD.

A slow manifold (two real eigenvalues), the pendulum (a continuous spectrum) and the mean-field flow behind a cylinder,
on its attractor. Test losses are those of the paper, 0.1 (reconstruction + prediction) + linearity + a little of the
largest error, each apart as well, on whole trajectories that nobody trained on: predictions look 30 snapshots ahead,
linearity to their end. Trained by Adam and then by self-scaled Broyden steps on all windows.

DMD and EDMD (polynomial kernel) are PyDMD's, fitted to the same snapshots, where it is installed:
`pip install pydmd`.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import xarray as xr
from _koopman_pictures import draw
from _koopman_systems import SYSTEMS, System

import unideq as ude
from unideq.graph import batched
from unideq.harness import Study

HORIZON, FAR = 30, 1500
PAIRS = 300
"""Of snapshots that EDMD's kernel matrix is made of."""


def states_of(data: xr.Dataset, system: System) -> np.ndarray:
    """(trajectories, times, n)."""
    return np.stack([data[n].values for n in system.states], axis=-1)


def orbits(model: ude.Koopman, y: np.ndarray, count: int) -> np.ndarray:
    """Latent coordinates (B, count, m) after 1 … count steps from y (B, m)."""
    graph = batched(model.orbit(count), ("u",), len(y))
    return graph.evaluate({"u": y, "theta": model.resolve_theta()})["u"]


def decoded(model: ude.Koopman, y: np.ndarray) -> np.ndarray:
    return np.stack(list(model.decode(y).values()), axis=-1)


def losses(model: ude.Koopman, system: System, data: xr.Dataset) -> dict[str, float]:
    """The paper's terms on whole trajectories, from their first snapshots."""
    x = states_of(data, system)
    y = model.encode(x)
    moved = orbits(model, y[:, 0], system.linear)
    first, ahead = decoded(model, y[:, 0]), decoded(model, moved[:, :HORIZON])
    errors = first - x[:, 0], ahead - x[:, 1 : HORIZON + 1]
    terms = {
        "reconstruction": float((errors[0] ** 2).mean()),
        "prediction": float((errors[1] ** 2).mean()),
        "linearity": float(((moved - y[:, 1:]) ** 2).mean()),
        "relative linearity": float(((moved - y[:, 1:]) ** 2).mean() / y.var(axis=(0, 1)).mean()),
    }
    largest = float(np.abs(errors[0]).max() + np.abs(errors[1][:, 0]).max())
    total = 0.1 * (terms["reconstruction"] + terms["prediction"]) + terms["linearity"] + system.infinity * largest
    return {"test loss": total, **terms, "worst": float(np.abs(errors[1]).max())}


def far_error(model: ude.Koopman, system: System, data: xr.Dataset) -> dict[str, float]:
    """Relative error |x − x̂| / |x| over 1500 steps, each trajectory's worst: the worst, and the median, of all."""
    x = states_of(data, system)
    steps = x.shape[1] - 1
    found = decoded(model, orbits(model, model.encode(x[:, 0]), steps))
    error = np.linalg.norm(found - x[:, 1:], axis=-1) / np.linalg.norm(x[:, 1:], axis=-1)
    worst = error.max(axis=1)
    return {"worst relative error": float(worst.max()), "median of the worst": float(np.median(worst)), "steps": steps}


# ---- training -----------------------------------------------------------------------------------------------------


def train(study: Study, system: System, seed: int) -> ude.Fit:
    """Adam, then quasi-Newton steps, on windows that say the most for their price."""
    given = study.settings[system.name]
    data = system.data(given["trajectories"], 1000 + seed, given["snapshots"], given["every"], training=True)
    objective = system.objective(given["snapshots"] - 1)
    phases = [
        ude.Adam(ude.CosineDecay(5e-3, 1e-4), given["adam"]),
        ude.BFGS(given["bfgs"], update="self_scaled_broyden", tolerance=1e-13),
    ]
    unit = ude.SquaredError(scale=dict.fromkeys(system.states, 1.0))
    wall, cpu = time.perf_counter(), time.process_time()
    model = system.model(given["width"])
    options = {"seeds": (seed,), "engine": study.engine, "progress": False, "report_every": 200}
    fit = ude.fit(model, data, objective=objective, loss=unit, phases=phases, **options)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    test = system.data(study.settings["test"], 1)
    found = losses(fit.model, system, test)
    more: dict[str, Any] = {}
    if system.name == "discrete spectrum":
        growth = np.sort(fit.model.spectrum()["growth"].values)
        more = {"lambda": float(growth[0]), "mu": float(growth[1])}
    if system.name == "pendulum":
        more = far_error(fit.model, system, system.data(study.settings["far"], 2, FAR + 1))
        more |= frequencies(fit.model)
    if system.name == "flow on the attractor":
        more = limit_cycle(fit.model, system)
    study.record(
        published=system.published, seconds=wall, processor_seconds=cpu,
        weights=int(fit.model.layout.size), iterations=fit.record.history.iterations, **found, **more,
    )  # fmt: skip
    return fit


def frequencies(model: ude.Koopman) -> dict[str, float]:
    """The largest relative error of ω over amplitudes of up to 2.8, against π / (2 K(sin² θ₀/2))."""
    from scipy.special import ellipk

    angles = np.linspace(0.2, 2.8, 27)
    found = model.spectrum(states={"angle": angles, "velocity": np.zeros_like(angles)})["frequency"].values[:, 0]
    exact = np.pi / (2 * ellipk(np.sin(angles / 2) ** 2))
    return {"worst frequency error": float(np.abs(np.abs(found) / exact - 1).max())}


def limit_cycle(model: ude.Koopman, system: System) -> dict[str, float]:
    """μ and ω on the limit cycle, where they are 0 and 1."""
    late = system.data(8, 3, 2, 2000).isel(time=-1)
    rates = model.spectrum(states={n: late[n].values for n in system.states})
    growth, turn = rates["growth"].values[:, 0], np.abs(rates["frequency"].values[:, 0])
    return {"mu on the cycle": float(np.abs(growth).max()), "omega on the cycle": float(turn.mean())}


# ---- DMD and EDMD -------------------------------------------------------------------------------------------------


def baseline(study: Study, system: System, method: str) -> None:
    """Predictions by PyDMD's operators, from the first snapshots of the same tests."""
    try:
        from pydmd import DMD  # pyright: ignore[reportMissingImports]
        from pydmd.edmd import EDMD  # pyright: ignore[reportMissingImports]
    except ImportError:
        study.record(note="`pip install pydmd`")
        return
    given, test = study.settings[system.name], states_of(system.data(study.settings["test"], 1), system)
    x = states_of(system.data(given["trajectories"], 1000, system.snapshots), system)
    n = len(system.states)
    now, after = x[:, :-1].reshape(-1, n).T, x[:, 1:].reshape(-1, n).T
    some = np.random.default_rng(0).permutation(now.shape[1])[:PAIRS]
    cpu = time.process_time()
    if method == "DMD":
        made = DMD(svd_rank=-1).fit(now, after)
        start = test[:, 0] @ np.linalg.pinv(made.modes).T
    else:
        kernel = {"kernel_metric": "poly", "kernel_params": {"degree": int(method[-1]), "coef0": 1.0, "gamma": 1.0}}
        made = EDMD(svd_rank=0.999999999999, **kernel).fit(now[:, some], after[:, some])
        start = np.stack([made.eigenfunctions(one).ravel() for one in test[:, 0]])
    powers = made.eigs[:, None] ** np.arange(HORIZON + 1)
    found = np.real(np.einsum("br,rk,nr->bkn", start, powers, made.modes))
    cpu = time.process_time() - cpu
    error = (found - test[:, : HORIZON + 1]) ** 2
    rates = np.log(made.eigs.astype(complex)) / system.dt
    slowest = rates[np.argsort(-np.real(rates))][:4]
    study.record(
        reconstruction=float(error[:, 0].mean()), prediction=float(error[:, 1:].mean()),
        worst=float(np.sqrt(error.max())), processor_seconds=cpu, rank=len(made.eigs),
        rates=[[float(np.real(r)), float(np.imag(r))] for r in slowest],
    )  # fmt: skip


# ---- all ----------------------------------------------------------------------------------------------------------


def main() -> None:
    slow = {"trajectories": 60, "snapshots": 26, "every": 2, "adam": 400, "bfgs": 600, "width": 16}
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={
            "seeds": 1, "test": 200, "far": 50, "methods": ["DMD", "EDMD 3"],
            "discrete spectrum": slow,
            "flow on the attractor": {**slow, "snapshots": 16, "bfgs": 300},
            "pendulum": {**slow, "trajectories": 100, "snapshots": 11, "every": 10, "bfgs": 400},
        },
        full={
            "seeds": 3, "test": 1000, "far": 100, "methods": ["DMD", "EDMD 3", "EDMD 5"],
            "discrete spectrum": {**slow, "trajectories": 100, "bfgs": 1500},
            "flow on the attractor": {**slow, "snapshots": 16, "bfgs": 1500},
            "pendulum": {
                "trajectories": 500, "snapshots": 11, "every": 10, "adam": 1500, "bfgs": 8000, "width": 22,
            },
        },
    )  # fmt: skip
    fits: dict[str, ude.Fit] = {}
    for unit in study.units([{"system": n, "part": "Koopman", "seed": k} for k in range(study.seeds) for n in SYSTEMS]):
        fits.setdefault(unit["system"], train(study, SYSTEMS[unit["system"]], unit["seed"]))
    pairs = [{"system": n, "part": "baseline", "method": m} for m in study.settings["methods"] for n in SYSTEMS]
    for unit in study.units(pairs):
        baseline(study, SYSTEMS[unit["system"]], unit["method"])
    report(study, fits)


def report(study: Study, fits: dict[str, ude.Fit]) -> None:
    """Medians over seeds."""
    headline: dict[str, Any] = {}
    for name, system in SYSTEMS.items():
        rows = study.rows_where(system=name, part="Koopman")
        for key in ("test loss", "reconstruction", "prediction", "linearity", "processor_seconds"):
            headline[f"{name}: {key}"] = float(np.median([r[key] for r in rows]))
        headline[f"{name}: of the published"] = headline[f"{name}: test loss"] / system.published
        for key in ("mu", "lambda", "worst relative error", "median of the worst", "worst frequency error"):
            if key in rows[0]:
                headline[f"{name}: {key}"] = float(np.median([r[key] for r in rows]))
        for row in study.rows_where(system=name, part="baseline"):
            headline[f"{name}: prediction by {row['method']}"] = row.get("prediction")
    path = study.figure_path("koopman.png")
    if path is not None and len(fits) == len(SYSTEMS):
        draw(fits, path)
    study.finish(headline=headline)


if __name__ == "__main__":
    main()
