"""Effects of inputs that always rise together: rankings of interventions against prediction alone, at several weights.

The synthetic experiment of Zou et al. (ICML 2024, arXiv:2402.17233): y' = -y + x1 - x2, where x1 decays and x2 is
1.5 x1 up to 1e-4, so that measurements can't tell the two apart. Each series has one of three pairs of interventions in
its last ten points, and it is known which of the pair has the larger effect. Trained is (1 - alpha) MSE + alpha
cross-entropy.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import xarray as xr
from _causal_peers import train_lstm

import unideq as ude
from unideq.harness import Study

WINDOW = 10
"""Points at the end in which interventions happen, and whose prediction counts."""
SHARPNESS = 1000.0
TIMES = np.arange(100) * 0.01
PAIRS = (({"x1": 1.0}, {"x1": 2.0}), ({"x2": 2.0}, {"x2": 1.0}), ({"x2": 1.0}, {"x1": 1.0}))
"""Interventions, the one with the larger effect last."""
GOAL = 0.02


def series(count: int, seed: int) -> xr.Dataset:
    """The published data; y(0), which isn't said there, is uniform between 0.5 and 1.5."""
    draw = np.random.default_rng([2402, seed])
    amplitude, rate = draw.uniform(1.0, 2.0, (count, 1)), draw.uniform(5.0, 15.0, (count, 1))
    x1 = amplitude * np.exp(-rate * TIMES)
    x2 = 1.5 * x1 + 1e-4 * draw.normal(size=x1.shape)
    first = draw.uniform(0.5, 1.5, count)
    coords = {"time": TIMES, "trajectory": np.arange(count)}
    own = {n: xr.DataArray(v, coords, ("trajectory", "time")) for n, v in (("x1", x1), ("x2", x2))}
    truth = ude.ODE(lambda t, s, p, net, forcing: {"y": -s.y + forcing.x1 - forcing.x2}, ["y"], forcings=["x1", "x2"])
    y = truth.solve(TIMES, {"y": first}, forcings=own)["y"].values
    case = draw.permutation(np.arange(count) % 3)
    return xr.Dataset({"y": (("trajectory", "time"), y), **own}, coords).assign_coords(
        case=("trajectory", case), first=("trajectory", first)
    )


def believed(data: xr.Dataset, train: int, wrong: float, seed: int) -> xr.Dataset:
    """The data with what is believed of each series: its case, or 3 more where the order is the wrong one."""
    draw = np.random.default_rng([17, seed])
    chosen = draw.permutation(train)[: round(wrong * train)]
    code = data["case"].values.copy()
    code[chosen] += 3
    return data.assign_coords(believed=("trajectory", code))


def orders(code: int) -> list[ude.Intervention]:
    pair = PAIRS[code % 3]
    window = (float(TIMES[-WINDOW - 1]), float(TIMES[-1]))
    made = [ude.Intervention(add=one, during=window) for one in pair]
    return made if code < 3 else made[::-1]


def rankings(data: xr.Dataset, coordinate: str, weight: float, train: int) -> dict[str, ude.Ranking]:
    """One a case that there is; weighted so that every training series counts as much."""
    codes = data[coordinate].values[:train]
    return {
        f"case_{code}": ude.Ranking(
            "y", orders(code), weight * float((codes == code).mean()), SHARPNESS, where={coordinate: int(code)}
        )
        for code in np.unique(codes)
    }


def model_of(name: str) -> ude.ODE:
    """y' by what is assumed of it."""
    inputs, first = ["x1", "x2"], {"y": "first"}
    if name == "black box":
        return ude.structural_ode({"y": ["y", *inputs]}, forcings=inputs, hidden=(16, 16), initial=first)

    def mechanism(t, state, p, net, forcing):
        return {"y": -p.decay * state.y + p.a * forcing.x1 + p.b * forcing.x2}

    known = {"decay": ude.Parameter(0.5, positive=True), "a": 0.0, "b": 0.0}
    return ude.ODE(mechanism, ["y"], known, forcings=inputs, initial=first)


def trained(name: str, data: xr.Dataset, weight: float, study: Study) -> list[dict]:
    """RMSE and causal error of a fit, by seed."""
    given, train = study.settings, study.settings["train"]
    model = model_of(name)
    fit = ude.fit(
        model,
        data,
        rankings=rankings(data, "believed", weight, train),
        holdout=ude.Holdout(trajectories=tuple(data["trajectory"].values[train:].tolist())),
        phases=[ude.Adam(ude.CosineDecay(1e-2), given["adam"]), ude.BFGS(given["bfgs"])],
        seeds=study.seeds if model.networks else 1,
        solver=ude.Tsit5(rtol=1e-5, atol=1e-6),
        engine=study.engine,
        progress=False,
    )
    y = fit.predict(TIMES, seed="all")["y"].values
    truth = fit.rankings({f"case_{k}": ude.Ranking("y", orders(k), where={"case": k}) for k in range(3)}, seed="all")
    error = truth["causal_error"]
    known = fit.record.layout.unpack(fit.theta) if not model.networks else {}
    return [
        {
            "seed": seed,
            **scores(y[k], data, train),
            "causal_error": float(error[k].sel(part="held_out")),
            "causal_error_training": float(error[k].sel(part="training")),
            "parameters": ", ".join(f"{n} = {float(v):.4g}" for n, v in known.items()),
        }
        for k, seed in enumerate(fit.seeds)
    ]


def scores(y: np.ndarray, data: xr.Dataset, train: int) -> dict:
    """Root mean squared errors of the last points, of trained and of held-out series."""
    square = (y - data["y"].values)[:, -WINDOW:] ** 2
    return {"rmse": float(np.sqrt(square[train:].mean())), "rmse_training": float(np.sqrt(square[:train].mean()))}


def recurrent(data: xr.Dataset, weight: float, study: Study) -> list[dict]:
    """The same of an LSTM."""
    train = study.settings["train"]
    inputs = np.stack([data["x1"].values, data["x2"].values], axis=-1)
    y, case = data["y"].values, data["case"].values
    changed = np.repeat(inputs[:, None], 2, axis=1)
    for row, code in enumerate(case):
        for k, done in enumerate(PAIRS[code]):
            for n, value in done.items():
                changed[row, k, -WINDOW:, ["x1", "x2"].index(n)] += value
    best = (data["believed"].values < 3).astype(int)[:train]
    found = []
    for seed in range(study.seeds):
        run = train_lstm(y[:train], inputs[:train], changed[:train], best, weight, SHARPNESS, study.settings, seed)
        effects = np.stack([run(y[:, 0], changed[:, k]).mean(axis=1) for k in range(2)], axis=1)
        wrong = effects[:, 1] <= effects[:, 0]
        errors = {"causal_error": float(wrong[train:].mean()), "causal_error_training": float(wrong[:train].mean())}
        found.append({"seed": seed, **scores(run(y[:, 0], inputs), data, train), **errors, "parameters": ""})
    return found


def main() -> None:
    shared = {"lstm_width": 16, "lstm_rate": 1e-2, "batch": 200}
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={"seeds": 2, "train": 30, "test": 60, "alphas": [0.0, 1e-2], "adam": 150, "bfgs": 60,
               "models": ["black box", "LSTM"], "wrong": [0.0, 0.2], "lstm_iterations": 300, **shared},
        full={"seeds": 4, "train": 60, "test": 200, "alphas": [0.0, 1e-4, 1e-3, 1e-2, 1e-1], "adam": 300, "bfgs": 200,
              "models": ["black box", "mechanistic", "LSTM"], "wrong": [0.0, 0.2], "lstm_iterations": 2000,
              **shared},
    )  # fmt: skip
    given = study.settings
    cases = [
        {"model": m, "wrong": w, "alpha": a}
        for m in given["models"]
        for w in given["wrong"]
        for a in given["alphas"]
        if a or not w
    ]
    every = series(given["train"] + given["test"], 0)
    for unit in study.units(cases):
        data = believed(every, given["train"], unit["wrong"], 0)
        weight = unit["alpha"] / (1.0 - unit["alpha"])
        began = time.perf_counter()
        lstm = unit["model"] == "LSTM"
        found = recurrent(data, weight, study) if lstm else trained(unit["model"], data, weight, study)
        for row in found:
            study.record(**row, seconds=(time.perf_counter() - began) / len(found))
    report(study)


def report(study: Study) -> None:
    """Medians of RMSE and means of causal errors over the seeds; the least causal error at no more RMSE than alone."""
    table, headline = [], {}
    for name in study.settings["models"]:
        alone = study.rows_where(model=name, alpha=0.0)
        base = float(np.median([r["rmse"] for r in alone]))
        for wrong in study.settings["wrong"]:
            for alpha in study.settings["alphas"]:
                rows = alone if alpha == 0.0 else study.rows_where(model=name, alpha=alpha, wrong=wrong)
                if alpha == 0.0 and wrong:
                    continue
                errors = [r["causal_error"] for r in rows]
                table.append(
                    {
                        "model": name,
                        "rankings wrong": f"{100 * wrong:g} %" if alpha else "–",
                        "α": alpha,
                        "RMSE": float(np.median([r["rmse"] for r in rows])),
                        "of α = 0": float(np.median([r["rmse"] for r in rows])) / base,
                        "causal error": float(np.mean(errors)),
                        "least to greatest": f"{min(errors):.3g} to {max(errors):.3g}",
                        "seconds a fit": float(np.median([r["seconds"] for r in rows])),
                    }
                )
        own = [t for t in table if t["model"] == name]
        good = [t["causal error"] for t in own if t["α"] and t["rankings wrong"] == "0 %" and t["of α = 0"] <= 1.0]
        word = name.replace(" ", "_")
        headline[f"causal_error_of_{word}_alone"] = own[0]["causal error"]
        headline[f"causal_error_of_{word}_at_no_more_rmse"] = min(good) if good else None
    headline["goal"] = GOAL
    path = study.figure_path("causal_rankings.png")
    if path is not None:
        draw(table, path)
    study.finish(headline=headline, table=table)


def draw(table: list[dict], path: Path) -> None:
    """Prediction error and causal error against α, a line a model; dashed with wrong rankings."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = list(dict.fromkeys(t["model"] for t in table))
    colours = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
    weights = sorted({t["α"] for t in table})
    place = {a: k for k, a in enumerate(weights)}
    for name, colour in zip(names, colours, strict=False):
        own = [t for t in table if t["model"] == name]
        for words, line in (("0 %", "-"), ("20 %", "--")):
            rows = [t for t in own if t["rankings wrong"] in (words, "–")]
            if len(rows) < 2:
                continue
            label = name if line == "-" else None
            for axes, key in ((left, "RMSE"), (right, "causal error")):
                axes.plot([place[t["α"]] for t in rows], [t[key] for t in rows], line, color=colour, marker="o", ms=4,
                          label=label if axes is left else None)  # fmt: skip
    for axes in (left, right):
        axes.set_xticks(range(len(weights)), ["0", *(f"{a:g}" for a in weights[1:])])
        axes.set_xlabel("α")
        axes.spines[["top", "right"]].set_visible(False)
    left.set(yscale="log", ylabel="RMSE of the last 10 points")
    right.axhline(GOAL, color="#8a8a8a", lw=1.0)
    right.annotate("goal", (len(weights) - 1, GOAL), xytext=(0, 3), textcoords="offset points", ha="right", fontsize=8)
    right.plot([], [], "k--", label="20 % of the rankings wrong")
    right.set(ylabel="causal error", ylim=(-0.03, 1.03))
    figure.legend(loc="outside upper center", ncols=5, frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
