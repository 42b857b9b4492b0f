"""Residual problems train on the Julia engine as on the JAX engine, and resume bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unideq as ude
from training.specimens import KAPPA, BrokenOff, breaking_off, heat, poisson, poisson_solution
from unideq.engine import Engine
from unideq.training import trainer

ADAPTIVE = ude.Residual(sampler=ude.samplers.ResidualAdaptive(every=10))
SETTINGS: dict[str, Any] = {
    "phases": [ude.Adam(5e-3, 20), ude.Adam(2e-3, 20, objective=ADAPTIVE), ude.LBFGS(8)],
    "balance": [{"ends": 5.0}, ude.GradientNorm(every=10)],
    "report_every": 10,
    "progress": False,
}


def test_both_engines_take_the_same_course(julia: Engine):
    """Moving weights and adaptive points included: the same draws, the same choices, to round-off."""
    ours, theirs = (ude.fit(poisson(), engine=e, **SETTINGS).tree["/training"].to_dataset() for e in (julia, "jax"))
    first = {"iteration": slice(0, 40)}  # a line search may branch on a last bit
    for name in ("total", "term_value", "weight"):
        np.testing.assert_allclose(ours[name].isel(first), theirs[name].isel(first), rtol=1e-6, err_msg=name)


def test_broken_run_resumes_to_the_same_end(julia: Engine, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "SAVE_EVERY", 0.0)
    path = tmp_path / "checkpoint.nc"
    unbroken = ude.fit(poisson(), engine=julia, **SETTINGS)
    with pytest.raises(BrokenOff):
        ude.fit(poisson(), engine=julia, **SETTINGS, checkpoint=path, callback=breaking_off(2))
    again = ude.resume(path, engine=julia, progress=False)
    for group in ("training", "weights", "snapshots"):
        assert unbroken.tree[group].to_dataset().identical(again.tree[group].to_dataset()), group


def test_coefficient_is_recovered_and_the_equation_solved(julia: Engine):
    phases = [ude.Adam(5e-3, 200), ude.GaussNewton(30, objective=ude.Residual(points={"heat": 120, "ends": 32}))]
    fit = ude.fit(heat(), phases=phases, progress=False, engine=julia)
    assert abs(float(fit.parameters["kappa"]) / KAPPA - 1.0) < 0.01
    steps = [ude.Adam(1e-2, 100), ude.GaussNewton(40)]
    solved = ude.fit(poisson(), phases=steps, seeds=2, progress=False, engine=julia)
    assert float(solved.error(poisson_solution())["u"]) < 1e-4
