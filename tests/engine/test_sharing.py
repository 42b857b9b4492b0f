"""Programs that differ in their numbers alone share compiled code, and still compute with their own numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax
import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.engine.jax import JaxEngine
from unideq.graph import Graph, variable
from unideq.objective import Observations
from unideq.training import Trainer, kind_of

from . import own_inputs
from .problems import engine

TIMES = np.linspace(0.0, 2.0, 6)
_compiled: list[str] = []


def _heard(event: str, duration: float, **_: object) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        _compiled.append(event)


@pytest.fixture(scope="module", autouse=True)
def listening():
    jax.monitoring.register_event_duration_secs_listener(_heard)


@contextmanager
def compilations() -> Iterator[list[str]]:
    """What XLA compiles within."""
    found: list[str] = []
    before = len(_compiled)
    yield found
    found += _compiled[before:]


def model(guess: float = 0.5, start: float = 2.0, dose: float = 1.0, decay: float = 0.3) -> ude.ODE:
    """x' = dose(t) − rate x − 0.25 x z, z' = x − decay z; z starts at a known value."""
    supply = xr.DataArray(dose * np.array([0.0, 1.0, 0.5, 0.2]), {"time": [0.0, 0.5, 1.1, 3.0]}, "time")

    def rhs(t, state, p, net, forcing):
        return {"x": forcing.dose - p.rate * state.x - 0.25 * state.x * state.z, "z": state.x - decay * state.z}

    rates = {"rate": ude.Parameter(guess, positive=True)}
    return ude.ODE(rhs, ["x", "z"], rates, initial={"z": start}, forcings={"dose": supply})


def measurements(seed: int) -> xr.Dataset:
    noise = np.random.default_rng(seed).normal(size=len(TIMES))
    values = np.exp(-0.7 * TIMES) + 0.1 * noise
    values[2] = np.nan
    return xr.Dataset({"x": ("time", values)}, {"time": TIMES})


def fit(
    data: xr.Dataset,
    rate: float = 1e-2,
    iterations: int = 10,
    tolerance: float = 1e-6,
    engine: str = "jax",
    **numbers: float,
) -> ude.Fit:
    phases = [ude.Adam(ude.CosineDecay(rate), iterations, clip=10.0 * rate), ude.BFGS(3)]
    return ude.fit(
        model(**numbers), data, phases=phases, solver=ude.Tsit5(rtol=tolerance), progress=False, engine=engine
    )


def test_another_fit_of_the_same_form_compiles_nothing():
    def used(made: ude.Fit, later: float) -> ude.Fit:
        made.predict(TIMES * (1.0 - later))
        made.predict(TIMES * (1.0 - later), initial={"x": 0.3 + later, "z": 0.1})
        assert made.tree and made.status == "finished"
        return made

    used(fit(measurements(0)), 0.0)
    with compilations() as made:
        used(
            fit(measurements(1), rate=2e-2, iterations=14, tolerance=1e-7, start=1.5, dose=2.5, decay=0.37, guess=0.8),
            0.05,
        )
    assert made == []
    with compilations() as made:
        fit(measurements(0).isel(time=slice(4)))
    assert made  # and other shapes are other programs


def fit_of_runs(size: float, engine: str = "jax") -> ude.Fit:
    """Runs with conditions and forcings of their own, each so many times as large."""
    data = [
        d.assign(x=size * d.x, inflow=size * d.inflow).assign_coords(w=d.w * (1 + 0.1 * size))
        for d in own_inputs.measurements("previous")
    ]
    return ude.fit(own_inputs.model("previous"), data, phases=[ude.Adam(1e-3, 3)], progress=False, engine=engine)


def test_other_inputs_of_each_trajectory_compile_nothing():
    fit_of_runs(1.0)
    with compilations() as made:
        fit_of_runs(1.7)
    assert made == []


def program(data: xr.Dataset, **numbers: float):
    made = model(**numbers)
    settings = kind_of(made).chosen(ude.Trajectory(), [ude.BFGS(1)], solver=ude.Tsit5(atol=1e-6))
    trainer = Trainer(made, Observations.of(data, made), settings, engine())
    return trainer.stages[0].objective.build(trainer.task.problem), trainer.task.problem.initial_theta(0)


@pytest.mark.parametrize(
    "change",
    [{"guess": 0.8}, {"start": 1.0}, {"start": 0.0}, {"dose": 3.0}, {"decay": 0.7}, {"decay": 1.0}, {"data": 3}],
    ids=str,
)
def test_shared_code_computes_with_each_programs_own_numbers(change: dict[str, float]):
    """Compared with an engine that has compiled nothing before, 0 and 1 included, which XLA might have known."""
    shared = engine()
    objective, theta = program(measurements(0))
    shared.value_and_gradient(objective, theta)
    numbers = {k: v for k, v in change.items() if k != "data"}
    other, at = program(measurements(change.get("data", 0)), **numbers)
    found, expected = shared.value(other, at), JaxEngine().value(other, at)
    np.testing.assert_allclose(found.total, expected.total, rtol=1e-12)
    assert not np.isclose(found.total, shared.value(objective, theta).total, rtol=1e-6)


def test_a_number_that_is_both_data_and_code_isnt_taken_for_either():
    """Equal constants are one expression: here a target that happens to be the equation's own coefficient."""
    objective, theta = program(measurements(0).fillna(0.25), decay=0.25)
    engine().value(objective, theta)
    other, at = program(measurements(0).fillna(0.75), decay=0.25)
    third, _ = program(measurements(0).fillna(0.25), decay=0.5)
    for each in (other, third):
        np.testing.assert_allclose(engine().value(each, at).total, JaxEngine().value(each, at).total, rtol=1e-12)


def test_evaluations_share_code_too():
    t = variable("t")
    graphs = [Graph([t], {"y": np.exp(0.1 * k * t + k) ** 3}) for k in (3.7, 4.9)]
    first, second = (engine().evaluate(graph, {"t": 0.5})["y"] for graph in graphs)
    np.testing.assert_allclose([first, second], [np.exp(3 * (0.05 * k + k)) for k in (3.7, 4.9)], rtol=1e-12)
    with compilations() as made:
        engine().evaluate(Graph([t], {"y": np.exp(0.1 * 5.3 * t + 5.3) ** 3}), {"t": 0.5})
    assert made == []
