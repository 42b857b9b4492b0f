"""The model that a fit hands out, saves, exports and audits is the trained one, whichever way it comes."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from training.specimens import heat
from unideq.engine import get_engine
from unideq.errors import ModelError, UnideqWarning
from unideq.kinds.residual_settings import ResidualSettings
from unideq.objective import Observations
from unideq.result.file import read_training, write_training
from unideq.training import Trainer, kind_of

from .growth import growth_data

GRID = ude.Grid(ude.Axis("x", 0.0, 2.0, 16))
X = GRID.coordinates("x")
TIMES = np.linspace(0.0, 1.0, 6)
FIELD = xr.Dataset({"u": (("time", "x"), np.outer(np.exp(-TIMES), 1.5 + np.sin(np.pi * X)))}, {"time": TIMES, "x": X})
PARAMETERS = {"rate": ude.Parameter(0.8, positive=True), "kept": ude.Parameter(0.1, free=False)}
NETWORKS = {"loss": ude.nn.MLP(1, 1, (3,)), "gain": ude.nn.MLP(1, 1, (2,))}


def ode() -> ude.ODE:
    def growth(t, state, p, net):
        return {"x": p.rate * net.gain(state.x) - net.loss(state.x), "hidden": p.kept * state.x}

    return ude.ODE(growth, ["x", "hidden"], PARAMETERS, NETWORKS, initial={"hidden": ude.Parameter(0.3)})


def pde(parameters: Any = PARAMETERS) -> ude.PDE:
    def reaction(t, state, p, net):
        return p.kept * GRID.laplacian(state.u) + p.rate * net.gain(state.u) - net.loss(state.u)

    return ude.PDE(reaction, GRID, ["u"], parameters, NETWORKS)


def started(model: Any, data: Any) -> ude.Fit:
    observations = Observations.of(data, model)
    solver = {} if isinstance(model, ude.Stepper) else {"solver": ude.Tsit5(atol=1e-6)}
    settings = kind_of(model).chosen(seeds=2, report_every=10, **solver)
    return ude.Fit(Trainer(model, observations, settings, get_engine()).start(), get_engine())


def residual() -> ude.Fit:
    problem = heat()
    settings = ResidualSettings.of(problem, None, [ude.Adam(1e-3, 2)], 2, 10)
    return ude.Fit(Trainer(problem, None, settings, get_engine()).start(), get_engine())


def fit_of(kind: str) -> Any:
    """A fit whose θ lies far from where it began, as if trained; the second seed is the better one."""
    data = growth_data().drop_vars("double")
    made = {
        "ode": lambda: started(ode(), data),
        "pde": lambda: started(pde(), FIELD),
        "conditions": lambda: started(pde({**PARAMETERS, "kept": ude.Condition(0.1)}).at(kept=0.2), FIELD),
        "stepper": lambda: started(ude.Stepper(pde(), 0.2, "rk4"), FIELD),
        "residual": residual,
    }[kind]()
    record = made.record
    generator = np.random.default_rng(3)
    for theta in (record.best_theta, record.theta):
        theta += np.where(record.layout.free_mask, generator.normal(0.0, 0.5, theta.shape), 0.0)
    record.best_total[:] = (2.0, 1.0)
    return made


KINDS = ("ode", "pde", "conditions", "stepper", "residual")


@pytest.fixture(scope="module")
def fits() -> dict[str, Any]:
    return {kind: fit_of(kind) for kind in KINDS}


def value(kind: str, model: Any, parameters: Any = None) -> np.ndarray:
    """What a model says somewhere, with NumPy: its derivative, its next state, its field."""
    if kind == "residual":
        found = model({"x": np.linspace(0.1, 0.9, 5), "t": 0.3}, parameters)
        found = {**found, **model.residual("heat", {"x": np.linspace(0.1, 0.9, 5), "t": 0.3}, parameters)}
    elif kind == "ode":
        found = model(0.2, {"x": 0.7, "hidden": 0.4}, parameters)
    else:
        found = model(0.2, {"u": 1.0 + 0.5 * np.cos(np.pi * X)}, parameters)
    return np.concatenate([np.ravel(v) for v in found.values()])


def ways(kind: str, fit: Any, folder: Any) -> dict[str, Any]:
    """Every way in which a fit's model can be had."""
    name = "problem" if kind == "residual" else "model"
    given, trained = fit.record.model, fit.trained()
    read = ude.ResidualProblem if kind == "residual" else ude.ODE
    write_training(fit.record, folder / "fit.nc")
    trained.save(folder / "model.json")
    loaded = ude.Fit.load(folder / "fit.nc")
    with xr.open_datatree(folder / "fit.nc", engine="h5netcdf") as tree:
        description = json.loads(tree.attrs[name])
    found = {
        "the attribute": fit.model,
        "trained": trained,
        "trained(seed)": fit.trained(fit.best_seed),
        "at θ by hand": given.with_theta(fit.theta[: given.layout.size]),
        "save and load": read.load(folder / "model.json"),
        "to_json": read.from_json(json.loads(json.dumps(trained.to_json()))),
        "pickle": pickle.loads(pickle.dumps(trained)),
        "copy": copy.deepcopy(trained),
        "the file's attribute": read.from_json(description),
        "the loaded fit": loaded.model,
        "the loaded fit's trained": loaded.trained(),
        "the pickled fit": pickle.loads(pickle.dumps(fit)).model,
    }
    if kind != "residual":
        found["with_values"] = trained.with_values({"rate": trained.parameters["rate"].array})
        found["at"] = trained.at()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_all_ways_to_a_fits_model_lead_to_the_trained_one(kind, fits, tmp_path):
    fit = fits[kind]
    given = fit.record.model
    expected = value(kind, given, fit.theta[: given.layout.size])
    assert np.abs(value(kind, given) - expected).max() > 0.05  # untrained it says something else
    for way, model in ways(kind, fit, tmp_path).items():
        np.testing.assert_allclose(value(kind, model), expected, rtol=1e-12, atol=1e-14, err_msg=way)
        np.testing.assert_allclose(model.initial_theta(7), fit.theta[: model.layout.size], rtol=1e-12, err_msg=way)
    assert np.abs(value(kind, fit.trained(0)) - expected).max() > 0.01  # the other seed is another model
    np.testing.assert_array_equal(
        value(kind, fit.trained().without_weights().with_theta(fit.theta[: given.layout.size])),
        value(kind, fit.trained()),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_gives_back_the_given_model_too_so_that_training_goes_on_unchanged(kind, fits, tmp_path):
    record = fits[kind].record
    write_training(record, tmp_path / "fit.nc")
    again = read_training(tmp_path / "fit.nc")
    assert again.model.to_json() == record.model.to_json()
    assert "weights" not in again.model.to_json()


def test_the_trained_model_solves_to_what_the_fit_predicts(fits):
    fit = fits["ode"]
    times = [0.0, 1.0, 2.0]
    start = {"x": float(fit.parameters["initial.x"][0])}
    solution = fit.trained().solve(times, start)  # `hidden` starts where the fit found that it does
    expected = fit.predict(times)
    for name in ("x", "hidden"):
        np.testing.assert_allclose(solution[name], expected[name], rtol=1e-4, atol=1e-5)
    other = fit.record.model.solve(times, start, fit.theta[: fit.model.layout.size])
    assert value("ode", other.model) == pytest.approx(value("ode", fit.model))  # a solution holds what was solved


def test_a_rollout_of_the_trained_stepper_is_the_fits(fits):
    fit = fits["stepper"]
    start = {"u": FIELD["u"].values[0]}
    np.testing.assert_allclose(fit.model.rollout(start, 4)["u"], fit.predict(steps=4)["u"], rtol=1e-9)


def test_scripts_of_the_trained_model_hold_its_numbers(fits, tmp_path):
    fit = fits["ode"]
    start = {"x": 1.0, "hidden": float(fit.parameters["initial.hidden"][0])}
    settings: dict[str, Any] = {"solver": ude.Tsit5(rtol=1e-6, atol=1e-6, max_steps=40960)}
    fit.export_julia(tmp_path / "fit.jl", [0.0, 1.0], {"x": 1.0})
    fit.trained().export_julia(tmp_path / "trained.jl", [0.0, 1.0], {"x": 1.0}, **settings)
    theta = fit.theta[: fit.model.layout.size]
    fit.record.model.export_julia(tmp_path / "by_hand.jl", [0.0, 1.0], start, theta, **settings)
    texts = [(tmp_path / f"{name}.jl").read_text() for name in ("fit", "trained", "by_hand")]
    numbers = [np.array([float(n) for n in _numbers(text)]) for text in texts]
    np.testing.assert_allclose(numbers[0], numbers[2], rtol=1e-12)
    np.testing.assert_allclose(numbers[1], numbers[2], rtol=1e-12)


def _numbers(text: str) -> list[str]:
    import re

    return re.findall(r"(?<![\w.])-?\d+\.\d+(?:e-?\d+)?", text)


@pytest.mark.parametrize("kind", ["ode", "pde", "stepper"])
def test_replacing_one_network_keeps_what_the_other_has_learned(kind, fits):
    fit = fits[kind]
    made = [model.replace("loss", lambda p, x: p.k * x, {"k": 0.25}) for model in (fit.record.model, fit.model)]
    theta = made[0].layout.pack(
        {n: v for n, v in fit.model.layout.unpack(fit.theta[: fit.model.layout.size]).items() if n in made[0].layout},
        made[0].initial_theta(),
    )
    expected = value(kind, made[0], theta)
    np.testing.assert_allclose(value(kind, made[1]), expected, rtol=1e-12)
    assert np.abs(value(kind, made[0]) - expected).max() > 0.01


def test_a_stepper_made_of_a_trained_model_is_trained(fits):
    fit = fits["pde"]
    theta = fit.theta[: fit.model.layout.size]
    by_hand = value("stepper", ude.Stepper(fit.record.model, 0.1), theta)
    np.testing.assert_allclose(value("stepper", ude.Stepper(fit.model, 0.1)), by_hand, rtol=1e-12)


def test_values_that_rounding_put_onto_a_bound_can_be_handed_out():
    parameters = {"k": ude.Parameter(1.0, positive=True), "m": ude.Parameter(0.5, lower=0.0, upper=1.0)}
    model = ude.ODE(lambda t, s, p: {"x": -p.k * s.x + p.m}, ["x"], parameters)
    made = model.with_theta(np.array([-800.0, 40.0]))
    assert 0.0 < made.parameters["k"].array < 1e-300
    assert 1.0 - 1e-15 < made.parameters["m"].array < 1.0
    np.testing.assert_allclose(made(0.0, {"x": 1.0})["x"], 1.0)
    with pytest.raises(ModelError, match="finite numbers: `k` is nan"):
        model.with_theta(np.array([np.nan, 0.0]))


def test_a_trained_model_starts_every_seed_alike_and_says_so(fits):
    fit = fits["ode"]
    trained = Trainer(fit.model, fit.record.observations, fit.record.settings, get_engine()).start()
    np.testing.assert_allclose(trained.theta[0][: fit.model.layout.size], fit.theta[: fit.model.layout.size])
    data = growth_data().drop_vars("double")
    with pytest.warns(UnideqWarning, match=r"carry weights already: .*without_weights\(\)"):
        ude.fit(fit.model, data, seeds=2, phases=[ude.Adam(1e-3, 1)], solver="tsit5", progress=False)
    assert not fit.model.without_weights().weights


def test_model_files_of_before_weights_still_load(tmp_path):
    model = ode()
    content = {"unideq_format": 1, "unideq_version": "0.1", "model": model.to_json()}
    assert "weights" not in content["model"]
    (tmp_path / "old.json").write_text(json.dumps(content))
    old = ude.ODE.load(tmp_path / "old.json")
    np.testing.assert_array_equal(old.initial_theta(3), model.initial_theta(3))
