"""Closures of turbulence and what transfer learning changes in them (after Subel et al., arXiv:2206.03198).

A convolutional network learns the subgrid term of a filtered flow; it is then used where the flow is another one.
Three transfers of two-dimensional turbulence and one of randomly forced Burgers: decaying to forced, a Reynolds number
(viscosity) eight times larger (smaller), forcing at wavenumber 8 to 4. Of each: scores at home, on the target without
retraining, with each layer retrained on a tenth of the target's data, with all layers, from scratch; the best layer and
all with a fiftieth; and the layer that spectra pick beforehand. Errors of the spectrum are of ln E, scale by scale.

`published`: normalised by snapshot, output by the deviation of the training data. `quadratic`: Π(λω) = λ² Π(ω) besides,
by construction. Coupled: every closure in the coarse solver, far beyond the data. Better: what augmentation, circular
padding, flux and skew forms, equivariance, a spectral loss and some coupled training each add where all data are there.

Scaled down from 10 layers of 64 channels on 128 x 128 points to 5 of 16 on 32 x 32, truth 128 x 128 instead of 512 or
1024, and from Reynolds numbers of 1e3 and 1e5 to 125 and 1000, which this truth resolves: two cores, some hours.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from _closure_flows import HOT, SLOW, TRANSFERS, Trained, Workshop
from _closure_pictures import draw_coupled, draw_transfers

import unideq as ude
from unideq.harness import Study

CLOSURES: dict[str, tuple[tuple[str, Any], ...]] = {"published": (), "quadratic": (("quadratic", True),)}
METRICS = ("correlation", "rmse", "spectrum_rmse")
TENTH, FIFTIETH = 0.1, 0.02
FORMS: dict[str, dict[str, Any]] = {
    "zero padding": {"form": (("boundary", "zero"),)},
    "circular padding": {},
    "quadratic": {"form": (("quadratic", True),)},
    "augmented": {"training": (("augment", True),)},
    "equivariant": {"form": (("equivariant", True),)},
    "flux": {"form": (("form", "flux"),)},
    "skew, dissipative": {"form": (("form", "skew"), ("dissipation", True))},
    "spectral loss": {"training": (("spectral", 0.1),)},
}
STABLE = {
    "skew, dissipative": FORMS["skew, dissipative"]["form"],
    "skew, dissipative, quadratic": (*FORMS["skew, dissipative"]["form"], *FORMS["quadratic"]["form"]),
}
"""That can't gain energy."""
CLASSICAL = {
    "Smagorinsky": ude.closures.Smagorinsky,
    "Leith": ude.closures.Leith,
    "dynamic Smagorinsky": ude.closures.DynamicSmagorinsky,
    "dynamic Leith": ude.closures.DynamicLeith,
    "nonlinear gradient": ude.closures.NonlinearGradient,
}


def figures(table: Any, name: str) -> dict[str, float]:
    return {metric: float(table[metric].sel(closure=name)) for metric in METRICS}


# ---- transfers ----------------------------------------------------------------------------------------------------


def transfer(study: Study, shop: Workshop, case: str, closure: str, seed: int) -> None:
    """One network, where it is at home and where it isn't."""
    home, target = TRANSFERS[case]
    trained = shop.base(home, seed, CLOSURES[closure])

    def score(fit: ude.Fit, _: int) -> dict[str, float]:
        return figures(shop.scores(target, fit=fit), "fit")

    def note(retrained: str, share: float, found: dict[str, float], **more: Any) -> None:
        study.record(retrained=retrained, share=share, **found, **more)

    note("at home", 1.0, figures(shop.scores(home, fit=trained.fit), "fit"))
    part = shop.part(target, TENTH)
    began = time.perf_counter()
    sweep = ude.transfer_sweep(
        trained.fit,
        part,
        score=score,
        baselines=["none"],
        phases=shop.again(target, part, seed),
        holdout=None,
        progress=False,
    )
    seconds = (time.perf_counter() - began) / len(sweep.fits)
    for (retrained, _), _fit in sweep.fits.items():
        found = sweep.dataset["score"].sel(retrained=retrained).isel(fraction=0, seed=0)
        note(retrained, TENTH, {m: float(found.sel(metric=m)) for m in METRICS}, seconds=seconds)
    slowly = shop.again(target, part, seed, whole=True)
    full = trained.fit.transfer(part, "all", slowly, holdout=None, progress=False)
    note("full", TENTH, score(full, seed))
    scratch = shop.fit(shop.stepper(target, trained.closure), part, slowly, seed)
    note("scratch", TENTH, score(scratch, seed))
    best = str(sweep.ranked("spectrum_rmse")["retrained"].values[0])
    field = shop.coarse(target).fields[0]
    pick = ude.pick_layer(trained.fit, part[[field]])
    right = pick.rank_correlation(sweep, "spectrum_rmse")
    note("pick", TENTH, {}, layer=pick.layer, best=best, order=list(pick.order), rank_correlation=right)
    little = shop.part(target, FIFTIETH)
    for retrained in (best, "all"):
        phases = shop.again(target, little, seed, whole=retrained == "all")
        again = trained.fit.transfer(little, retrained, phases, holdout=None, progress=False)
        note("full" if retrained == "all" else retrained, FIFTIETH, score(again, seed))


# ---- coupled runs -------------------------------------------------------------------------------------------------


def coupled(study: Study, shop: Workshop) -> None:
    """Long runs of the forced flow with every closure."""
    data = shop.data(HOT, "test")
    classical = {name: kind(width=shop.width(HOT)) for name, kind in CLASSICAL.items()}
    candidates: dict[str, Any] = {"none": None, **classical}
    for closure, form in CLOSURES.items():
        made, away = shop.base(HOT, 0, form), shop.base(SLOW, 0, form)
        candidates[f"{closure}, at home"] = made.fit.model
        candidates[f"{closure}, from decaying flow"] = shop.moved(away.fit, away.closure, HOT)
        candidates[f"{closure}, retrained"] = shop.moved(retrained(shop, away), away.closure, HOT)
    candidates |= {name: shop.base(HOT, 0, form).fit.model for name, form in STABLE.items()}
    steps = round(study.settings["turnovers"] * turnover(data) / float(data["time"][1] - data["time"][0]))
    scores = ude.closure_scores(
        candidates, data, coarse=shop.coarse(HOT), steps=steps, skip=min(20, steps // 4), dt=0.01
    )
    table = ude.closure_table(scores)
    for name in table["closure"].values:
        study.record(closure=str(name), **{str(n): float(v.sel(closure=name)) for n, v in table.data_vars.items()})
    path = study.figure_path("closure_transfer_coupled.png")
    if path is not None:
        draw_coupled(scores, path)


def retrained(shop: Workshop, away: Trained) -> ude.Fit:
    """All layers, on a tenth of the data."""
    part = shop.part(HOT, TENTH)
    return away.fit.transfer(part, "all", shop.again(HOT, part, 0, whole=True), holdout=None, progress=False)


def turnover(data: Any) -> float:
    """1/√(2 · enstrophy)."""
    return 1.0 / float(np.sqrt((data.vorticity**2).mean()))


# ---- what helps ---------------------------------------------------------------------------------------------------


def better(study: Study, shop: Workshop, variant: str, seed: int) -> None:
    """The network in one other form, or trained otherwise, at home in the forced flow; a priori and coupled."""
    began = time.perf_counter()
    if variant == "coupled training":
        trained = shop.base(HOT, seed)
        fit = shop.train_coupled(trained, HOT, study.settings["coupled"], seed)
    else:
        fit = shop.base(HOT, seed, **FORMS[variant]).fit
    seconds = time.perf_counter() - began
    data = shop.data(HOT, "test")
    scores = ude.closure_scores({"fit": fit}, data, starts=4)
    table = ude.closure_table(scores).sel(closure="fit")
    study.record(seconds=seconds, **{str(n): float(v) for n, v in table.data_vars.items()})


# ---- all ----------------------------------------------------------------------------------------------------------


def main() -> None:
    small = {"points": 512, "coarse": 64, "layers": 5, "channels": 8, "kernel": 5, "epochs": 40, "again": 400}
    large = {"points": 128, "coarse": 32, "layers": 5, "channels": 16, "kernel": 5, "epochs": 30, "again": 150}
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={
            "seeds": 1, "turnovers": 20, "coupled": 20, "cases": ["decaying → forced", "Burgers, ν / 8"],
            "better": ["circular padding", "quadratic"],
            "two-dimensional": {**large, "points": 64, "coarse": 16, "layers": 3, "channels": 8, "snapshots": 100,
                                "test": 40, "reynolds": 200.0},
            "Burgers": {**small, "snapshots": 200, "test": 40, "epochs": 20, "again": 100},
        },
        full={
            "seeds": 3, "turnovers": 250, "coupled": 100, "cases": list(TRANSFERS),
            "better": [*FORMS, "coupled training"],
            "two-dimensional": {**large, "snapshots": 500, "test": 100},
            "Burgers": {**small, "snapshots": 500, "test": 100},
        },
    )  # fmt: skip
    shop = Workshop({n: study.settings[n] for n in ("two-dimensional", "Burgers")}, study.engine)
    units: list[dict[str, Any]] = [
        {"part": "transfer", "case": case, "closure": closure, "seed": seed}
        for seed in range(study.seeds)
        for case in study.settings["cases"]
        for closure in CLOSURES
    ]
    units += [{"part": "coupled"}]
    units += [{"part": "better", "variant": v, "seed": k} for v in study.settings["better"] for k in range(study.seeds)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ude.UnideqWarning)  # data of another size, as they should be
        for unit in study.units(units):
            if unit["part"] == "transfer":
                transfer(study, shop, unit["case"], unit["closure"], unit["seed"])
            elif unit["part"] == "coupled":
                coupled(study, shop)
            else:
                better(study, shop, unit["variant"], unit["seed"])
    report(study)


def middle(rows: list[dict[str, Any]], metric: str = "spectrum_rmse") -> float:
    return float(np.median([r[metric] for r in rows])) if rows else float("nan")


def report(study: Study) -> None:
    """Medians over the seeds; ratios to the error at home."""
    table, headline = [], {}
    for case in study.settings["cases"]:
        for closure in CLOSURES:
            rows = study.rows_where(part="transfer", case=case, closure=closure)
            own = [r for r in rows if r["retrained"] != "pick"]
            home = middle([r for r in own if r["retrained"] == "at home"])
            for retrained, share in dict.fromkeys((r["retrained"], r["share"]) for r in own):
                these = [r for r in own if (r["retrained"], r["share"]) == (retrained, share)]
                error = middle(these)
                table.append(
                    {
                        "case": case, "closure": closure, "retrained": retrained, "share of the data": share,
                        "seeds": len(these), "correlation": middle(these, "correlation"), "RMSE": middle(these, "rmse"),
                        "RMSE of ln E": error, "of at home": error / home,
                    }
                )  # fmt: skip
            picks = [r for r in rows if r["retrained"] == "pick"]
            words = f"{case}, {closure}"
            headline[f"{words}: spectrum, none over home"] = ratio(table, case, closure, "none", TENTH)
            headline[f"{words}: full, a tenth"] = ratio(table, case, closure, "full", TENTH)
            layers = [r for r in own if "layer" in r["retrained"]]
            tenth = [middle([r for r in layers if r["retrained"] == n and r["share"] == TENTH]) for n in names(layers)]
            headline[f"{words}: best layer, {TENTH:g}"] = min(tenth, default=np.nan) / home
            fiftieth = middle([r for r in layers if r["share"] == FIFTIETH])  # of each seed its own best
            headline[f"{words}: best layer, {FIFTIETH:g}"] = fiftieth / home
            headline[f"{words}: picks right"] = sum(r["layer"] == r["best"] for r in picks) / len(picks)
            headline[f"{words}: rank correlation"] = middle(picks, "rank_correlation")
    path = study.figure_path("closure_transfer.png")
    if path is not None:
        draw_transfers(table, path)
    for row in study.rows_where(part="coupled"):
        headline[f"{row['closure']}: stable turnovers"] = row["stable_turnovers"]
        headline[f"{row['closure']}: tail bias"] = row["tail_bias"]
    for variant in study.settings["better"]:
        headline[f"{variant}: spectrum"] = middle(study.rows_where(part="better", variant=variant))
    study.finish(headline=headline, table=table)


def names(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(r["retrained"] for r in rows))


def ratio(table: list[dict[str, Any]], case: str, closure: str, retrained: str, share: float) -> float:
    return next(
        t["of at home"]
        for t in table
        if (t["case"], t["closure"], t["retrained"], t["share of the data"]) == (case, closure, retrained, share)
    )


if __name__ == "__main__":
    main()
