"""Any optax transformation as a phase: its way, its state, resuming, what is refused."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import pytest
import xarray as xr

import unideq as ude
from unideq.engine import Minimisation, Report, loop
from unideq.errors import EngineUnsupported, OptionError
from unideq.optimise import Phase, check_engine
from unideq.stored import from_json

from .problems import Lion, edge_objective, engine, rosenbrock

STARTS = np.array([[-1.2, 1.0], [2.0, -1.0], [0.0, 0.5]])

pytestmark = pytest.mark.usefixtures("only_full_reports", "double_precision")


def run(phase: Any, theta: np.ndarray = STARTS, stop_after: int | None = None, **more: Any) -> list[Report]:
    reports: list[Report] = []

    def callback(report: Report) -> bool:
        reports.append(report)
        return len(reports) != stop_after

    objective = more.pop("objective", None) or rosenbrock()
    engine().minimise(Minimisation(objective, theta, phase, **{"report_every": 5, **more}), callback)
    return reports


def test_a_transformation_goes_the_way_that_it_goes_in_optax():
    chain = optax.chain(optax.clip_by_global_norm(1.0), optax.lion(optax.cosine_decay_schedule(1e-2, 20)))
    theta, state = jnp.asarray(STARTS[0]), chain.init(jnp.asarray(STARTS[0]))
    for _ in range(20):
        x, y = theta
        gradient = jnp.stack([-400 * x * (y - x**2) - 2 * (1 - x), 200 * (y - x**2)])
        update, state = chain.update(gradient, state, theta)
        theta = theta + jnp.asarray(update)
    np.testing.assert_allclose(run(ude.Optax(chain, 20))[-1].theta[0], theta, rtol=1e-10)


def test_a_method_of_ones_own_is_that_of_optax():
    theirs = run(ude.Optax(optax.lion(1e-2, weight_decay=0.0), 30))[-1]
    np.testing.assert_allclose(run(Lion())[-1].theta, theirs.theta, rtol=1e-10)
    assert from_json(Phase, Lion(beta1=0.8).to_json()) == Lion(beta1=0.8)


def test_resuming_is_bit_for_bit_and_the_state_is_named_arrays():
    phase = ude.Optax(optax.chain(optax.clip(0.5), optax.adam(0.05)), 20)
    whole = run(phase)
    half = run(phase, stop_after=2)
    rest = run(phase, np.full_like(STARTS, 9.0), state=half[-1].state)
    for name, value in whole[-1].state.items():
        np.testing.assert_array_equal(rest[-1].state[name], value, err_msg=name)
    shapes = {name: value.shape for name, value in whole[-1].state.items() if name.startswith("rule.")}
    assert shapes == {"rule.1.0.count": (3,), "rule.1.0.mu": (3, 2), "rule.1.0.nu": (3, 2)}


def test_a_step_that_fails_is_taken_back_and_halved():
    reports = run(ude.Optax(optax.sgd(0.6), 20), np.array([[0.5]]), objective=edge_objective())
    rates = np.concatenate([r.learning_rate for r in reports], axis=1)[0]
    rejected = np.concatenate([r.rejected for r in reports], axis=1)[0]
    assert rejected.any()
    assert np.isfinite(reports[-1].best_total).all()
    np.testing.assert_allclose(rates[np.flatnonzero(rejected)[0]], 0.5)


def interrupt(report: Report) -> None:
    raise KeyboardInterrupt


def test_a_fit_goes_on_from_its_checkpoint_with_the_same_transformation_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SILENCE", np.inf)
    model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": 0.5})
    time = np.linspace(0.0, 2.0, 9)
    path, more = tmp_path / "fit.nc", {"progress": False, "engine": "jax", "report_every": 5}
    measured = xr.Dataset({"x": ("time", np.exp(-0.8 * time))}, {"time": time})
    unbroken = ude.fit(model, measured, phases=[ude.Optax(optax.adam(0.05), 20)], **more)
    stopped = ude.fit(
        model, measured, phases=[ude.Optax(optax.adam(0.05), 20)], checkpoint=path, callback=interrupt, **more
    )
    assert stopped.status.startswith("interrupted: after 5 iterations")
    with pytest.raises(OptionError, match=r"can't hold the transformation of `Optax`.*ude\.fit"):
        ude.resume(path, progress=False)
    with pytest.raises(OptionError, match="belongs to another call"):
        ude.fit(model, measured, phases=[ude.Optax(optax.adam(0.04), 20)], checkpoint=path, **more)
    ended = ude.fit(model, measured, phases=[ude.Optax(optax.adam(0.05), 20)], checkpoint=path, **more)
    np.testing.assert_array_equal(ended.record.theta, unbroken.record.theta)
    assert ude.Fit.load(path).parameters["rate"] == pytest.approx(float(unbroken.parameters["rate"]))


def test_transformations_are_told_apart_by_what_they_compute():
    first, again, other = (ude.Optax(optax.adam(rate), 5).to_json() for rate in (0.1, 0.1, 0.2))
    assert first == again != other


def test_the_other_engine_names_the_one_that_has_it():
    for phase, other, owner in ((ude.Optax(optax.sgd(0.1)), "julia", "jax"), (ude.Optimisers("Lion"), "jax", "julia")):
        with pytest.raises(
            EngineUnsupported, match=rf'lacks the phase.*; engine `{owner}` has it. Say `engine="{owner}"`'
        ):
            check_engine(phase, other)
