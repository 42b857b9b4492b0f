"""Latent models: periodic series at irregular times beside a hand-written latent ODE, and a pendulum seen in pictures.

`periodic`: the toy data of Rubanova, Chen and Duvenaud (arXiv:1907.03907): series sin(2πft + φ) with a frequency of
their own, 50 irregular times in [0, 5], noise 0.01. An encoder reads the first half, a latent ODE of 10 states is
trained on the whole: a variational model, 500 iterations of Adam. Scores on new series: inside what was read, forecast,
and forecast twice as far as training went. Peer: the same model by hand in equinox, diffrax and optax, same sizes,
solver and noise, trained in the same process; processor time a step, in turns. `recurrent` is a GRU that goes on
from its memory.

`pendulum`: pictures of 8 × 8 pixels of a damped pendulum, through an unknown lens. The encoder reads nine pictures,
the decoder is a network of the bob's place. `mechanistic`: the equation of the pendulum with unknown stiffness and
damping. `neural`: a learned field of four states. Scores on new series as above; the mechanistic one finds the
stiffness.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import xarray as xr
from _latent_peer import Peer
from _latent_pictures import draw

import unideq as ude
from unideq.harness import Study

SIGMA = 0.01
HALF, WHOLE, FAR = 2.5, 5.0, 10.0
STIFFNESS, DAMPING, STEP, READ = 4.0, 0.05, 0.25, 2.0
PIXELS = 8

# ---- periodic series ----------------------------------------------------------------------------------------------


def periodic(count: int, seed: int, points: int = 50, until: float = WHOLE, noise: float = SIGMA) -> list[xr.Dataset]:
    """Series of one variable at times of their own, the first one 0."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        frequency, phase = rng.uniform(0.4, 0.8), rng.uniform(0, 2 * np.pi)
        times = np.concatenate([[0.0], np.sort(rng.uniform(0.0, until, points - 1))])
        values = np.sin(2 * np.pi * frequency * times + phase) + noise * rng.standard_normal(points)
        made.append(xr.Dataset({"x": ("time", values)}, {"time": times}))
    return made


def latent_ode(size: dict[str, int]) -> ude.Latent:
    n, hidden = size["latent"], size["hidden"]
    dynamics = ude.ODE(
        lambda t, state, p, net: {"z": net.field(state.z)}, {"z": n}, networks={"field": ude.nn.MLP(n, n, (hidden,))}
    )
    encoder, decoder = ude.RecurrentEncoder(size["units"]), {"x": ude.nn.MLP(n, 1, (hidden,))}
    return ude.Latent(encoder, dynamics, decoder, variational=True, context=HALF)


def train(
    study: Study, model: ude.Latent, data: list[xr.Dataset], iterations: int, seed: int, report_every: int
) -> ude.Fit:
    settings = study.settings
    return ude.fit(
        model,
        data,
        objective=ude.Trajectory(batch=settings["batch"], seed=seed),
        loss=ude.GaussianLikelihood(sigma={"x": SIGMA}),
        phases=[ude.Adam(settings["rate"], iterations)],
        solver="auto" if model.step else ude.Tsit5(rtol=settings["rtol"], atol=settings["rtol"]),
        seeds=[seed],
        engine=study.engine,
        report_every=report_every,
        progress=False,
    )


def toy(study: Study, seed: int) -> None:
    """Ours and the peer's, and the time of a step of both."""
    settings = study.settings
    data, batch, rate = periodic(settings["series"], seed), settings["batch"], settings["rate"]
    ours, memory = latent_ode(settings["size"]), ude.recurrent(["x"], 0.1, settings["size"]["units"], context=HALF)
    fits = [train(study, m, data, settings["iterations"], seed, settings["timed"]) for m in (ours, memory)]
    for name, fit in zip(("unideq", "recurrent"), fits, strict=True):
        score(study, name, lambda new, times, fit=fit: shown(fit, new, times))
    fit = fits[0]
    model, series = fit.record.model, fit.record.observations.series
    rows = model.rows_read(series, series)
    times, values = np.stack([s.times for s in series]), np.stack([s.values["x"] for s in series])
    peer = Peer(rows, times, values, settings["size"], SIGMA, settings["rtol"], seed)
    peer.train(1, batch, rate)
    peer.train(settings["iterations"] - 1, batch, rate)
    score(study, "by hand", lambda new, times: by_hand(peer, model, new, times))
    if seed == 0 and study.engine == "jax":
        own, theirs, steps = [], [], settings["timed"]
        for _ in range(settings["rounds"]):
            short, long = (spent(study, ours, data, n, seed) for n in (steps, 2 * steps))
            own.append((long - short) / steps)
            theirs.append(peer.train(steps, batch, rate) / steps)
        study.record(model="unideq", ms_a_step=1e3 * float(np.median(own)))
        study.record(model="by hand", ms_a_step=1e3 * float(np.median(theirs)))


def spent(study: Study, model: ude.Latent, data: list[xr.Dataset], iterations: int, seed: int) -> float:
    """Processor time of a fit (s); what isn't a step is the same whatever the iterations."""
    began = time.process_time()
    train(study, model, data, iterations, seed, study.settings["timed"])
    return time.process_time() - began


def shown(fit: ude.Fit, new: list[xr.Dataset], times: np.ndarray) -> np.ndarray:
    return fit.predict(time=times, data=new, since=HALF)["x"].values


def by_hand(peer: Peer, model: ude.Latent, new: list[xr.Dataset], times: np.ndarray) -> np.ndarray:
    from unideq.objective import Observations

    series = Observations.given(new, model).series
    return peer.predict(model.rows_read(series, series), np.tile(times, (len(new), 1)))


def score(study: Study, name: str, predict: Any) -> None:
    """Mean squared errors on new series without noise, on an even grid as far as twice the training's."""
    new, times = periodic(study.settings["test"], 10_000), np.linspace(0.0, FAR, 201)
    truth = np.stack([true_series(i, times) for i in range(len(new))])
    error = (predict(new, times) - truth) ** 2
    parts = {"inside": times <= HALF, "forecast": (times > HALF) & (times <= WHOLE), "far": times > WHOLE}
    study.record(model=name, **{f"mse_{part}": float(error[:, there].mean()) for part, there in parts.items()})


def true_series(index: int, times: np.ndarray) -> np.ndarray:
    """Series `index` of the test data, without noise."""
    rng = np.random.default_rng(10_000)
    frequency = phase = 0.0
    for _ in range(index + 1):
        frequency, phase = rng.uniform(0.4, 0.8), rng.uniform(0, 2 * np.pi)
        rng.uniform(0.0, WHOLE, 49)
        rng.standard_normal(50)
    return np.sin(2 * np.pi * frequency * times + phase)


# ---- a pendulum in pictures ---------------------------------------------------------------------------------------


def swing(t: Any, state: Any, p: Any) -> dict[str, Any]:
    return {"angle": state.speed, "speed": -p.stiffness * np.sin(state.angle) - p.damping * state.speed}


def pendulum(count: int, seed: int, until: float, noise: float = 0.02) -> tuple[xr.Dataset, np.ndarray]:
    """Pictures (trajectory, time, row, column) through a lens that bends them, and the angles behind them."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(until / STEP) + 1) * STEP
    model = ude.ODE(swing, ["angle", "speed"], {"stiffness": STIFFNESS, "damping": DAMPING})
    begin = {"angle": rng.uniform(-2.2, 2.2, count), "speed": rng.uniform(-1.0, 1.0, count)}
    angle = model.solve(times, begin)["angle"].values
    x, y = np.sin(angle), -np.cos(angle)
    x, y = x + 0.2 * x * y, y + 0.15 * x**2
    across = np.linspace(-1.6, 1.6, PIXELS)
    distance = (across - x[..., None, None]) ** 2 + (across[:, None] - y[..., None, None]) ** 2
    pictures = np.exp(-distance / 0.35)
    pictures = pictures + noise * rng.standard_normal(pictures.shape)
    return xr.Dataset({"picture": (("trajectory", "time", "row", "column"), pictures)}, {"time": times}), angle


def camera(place: Any, net: Any) -> dict[str, Any]:
    return {"picture": np.reshape(net.camera(place), (PIXELS, PIXELS))}


def seen(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
    return camera(np.stack([np.sin(state.angle), np.cos(state.angle)]), net)


def seen_of_latent(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
    return camera(state.z, net)


def mechanistic(encoder: Any) -> ude.Latent:
    values = {"stiffness": ude.Parameter(2.0, positive=True), "damping": ude.Parameter(0.5, positive=True)}
    dynamics = ude.ODE(swing, ["angle", "speed"], values)
    return ude.Latent(encoder, dynamics, seen, networks={"camera": lens(2)}, context=READ)


def neural(encoder: Any) -> ude.Latent:
    field = ude.nn.MLP(4, 4, (32,))
    dynamics = ude.ODE(lambda t, state, p, net: {"z": net.field(state.z)}, {"z": 4}, networks={"field": field})
    return ude.Latent(encoder, dynamics, seen_of_latent, networks={"camera": lens(4)}, context=READ)


def lens(inputs: int) -> ude.nn.MLP:
    return ude.nn.MLP(inputs, PIXELS**2, (64, 64), activation="swish")


def pictures(study: Study, kind: str, seed: int) -> None:
    settings = study.settings
    data, _ = pendulum(settings["films"], seed, 5.0)
    encoder = ude.RecurrentEncoder(settings["memory"])
    began = time.perf_counter()
    fit = ude.fit(
        {"mechanistic": mechanistic, "neural": neural}[kind](encoder),
        data,
        objective=ude.Trajectory(batch=settings["batch"], seed=seed),
        phases=[ude.Adam(ude.CosineDecay(5e-3, 0.02), settings["frames"])],
        solver=ude.Tsit5(rtol=1e-4, atol=1e-4),
        seeds=[seed],
        engine=study.engine,
        report_every=max(settings["frames"] // 8, 1),
        progress=False,
    )
    seconds = time.perf_counter() - began
    new, _ = pendulum(settings["test"], 10_000, 15.0, noise=0.0)
    found = fit.predict(time=new["time"].values, data=new, since=READ)
    error = (found["picture"].values - new["picture"].values) ** 2
    times = new["time"].values
    parts = {"inside": times <= READ, "forecast": (times > READ) & (times <= 5.0), "far": times > 5.0}
    scores = {f"mse_{part}": float(error[:, there].mean()) for part, there in parts.items()}
    own = {n: float(v) for n, v in fit.parameters.items() if n in ("stiffness", "damping")}
    each = error.mean(axis=(0, 2, 3)).tolist()
    most = int(np.argmax(new["picture"].values.var(axis=1).sum(axis=(1, 2))))  # the film in which most moves
    film = {n: d["picture"].values[most, ::8].tolist() for n, d in (("truth", new), ("found", found))}
    study.record(model=kind, seconds=seconds, **scores, **own, each=each, film=film)


# ---- all ----------------------------------------------------------------------------------------------------------


def main() -> None:
    common = {"batch": 50, "rate": 1e-2, "rtol": 1e-3, "size": {"latent": 10, "hidden": 50, "units": 40}}
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={**common, "seeds": 1, "series": 200, "test": 50, "iterations": 120, "timed": 40, "rounds": 1,
               "films": 100, "frames": 300, "memory": 64},
        full={**common, "seeds": 3, "series": 1000, "test": 200, "iterations": 500, "timed": 100, "rounds": 5,
              "films": 400, "frames": 2500, "memory": 64},
    )  # fmt: skip
    units: list[dict[str, Any]] = [{"part": "periodic", "seed": k} for k in range(study.seeds)]
    units += [{"part": "pendulum", "kind": k, "seed": s} for s in range(study.seeds) for k in ("mechanistic", "neural")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ude.UnideqWarning)  # what isn't encoded
        for unit in study.units(units):
            if unit["part"] == "periodic":
                toy(study, unit["seed"])
            else:
                pictures(study, unit["kind"], unit["seed"])
    report(study)


def middle(rows: list[dict[str, Any]], name: str) -> float | None:
    found = [r[name] for r in rows if r.get(name) is not None]
    return float(np.median(found)) if found else None


def report(study: Study) -> None:
    table, headline = [], {}
    for part in ("periodic", "pendulum"):
        for model in dict.fromkeys(r["model"] for r in study.rows_where(part=part)):
            rows = study.rows_where(part=part, model=model)
            names = ("mse_inside", "mse_forecast", "mse_far", "ms_a_step", "stiffness", "damping")
            table.append({"data": part, "model": model, **{n: middle(rows, n) for n in names}})
    steps = [middle(study.rows_where(part="periodic", model=m), "ms_a_step") for m in ("unideq", "by hand")]
    if all(steps):
        headline["time a step over that by hand"] = steps[0] / steps[1]  # type: ignore[operator]
    stiffness = [r["stiffness"] for r in study.rows_where(part="pendulum", model="mechanistic")]
    headline["error of the stiffness"] = max(abs(s / STIFFNESS - 1) for s in stiffness)
    path = study.figure_path("latent.png")
    if path is not None:
        draw(study.rows, path)
    study.finish(headline=headline, table=table)


if __name__ == "__main__":
    main()
