"""Inverse problems: coefficients and unknown terms from scattered measurements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude

pytest.importorskip("diffrax")

FIXED = ude.samplers.LatinHypercube(redraw=None)


def scattered(count: int, noise: float, solution: Any, low: Any = (0, 0), high: Any = (1, 1)) -> xr.Dataset:
    rng = np.random.default_rng(0)
    x, t = (lo + (hi - lo) * rng.random(count) for lo, hi in zip(low, high, strict=True))
    values = solution(x, t) + noise * rng.standard_normal(count)
    return xr.Dataset({"u": ("point", values)}, {"x": ("point", x), "t": ("point", t)})


def test_a_diffusivity_is_recovered_within_one_percent():
    diffusivity = 0.15
    measured = scattered(60, 1e-3, lambda x, t: np.exp(-diffusivity * np.pi**2 * t) * np.sin(np.pi * x))

    def pinned(at: Any, raw: Any) -> Any:
        return np.sin(np.pi * at.x) + at.t * at.x * (1 - at.x) * raw.u

    problem = ude.ResidualProblem(
        {"x": (0, 1), "t": (0, 1)},
        {"u": ude.Field(ude.nn.MLP(2, 1, hidden=(16, 16)), pinned)},
        {
            "heat": ude.Interior(lambda at, field, p: ude.d(field.u, at.t) - p.D * ude.d(field.u, at.x, 2), points=64),
            "data": ude.Data(measured, weight=10.0),
        },
        parameters={"D": ude.Parameter(0.5, positive=True)},
    )
    fit = ude.fit(
        problem, objective=ude.Residual(sampler=FIXED), phases=[ude.Adam(1e-2, 200), ude.LBFGS(300)], progress=False
    )
    assert fit.parameters["D"] == pytest.approx(diffusivity, rel=0.01)
