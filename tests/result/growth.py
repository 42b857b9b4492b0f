"""The small model and data that the tests of results share, and fits without training."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

import unideq as ude
from unideq.engine import get_engine
from unideq.objective import Observations
from unideq.training import Trainer, kind_of

SETTINGS: dict[str, Any] = {
    "phases": [ude.Adam(2e-2, 40), ude.BFGS(12)],
    "seeds": 3,
    "holdout": 0.25,
    "solver": "tsit5",
    "report_every": 10,
    "progress": False,
}


def growth_model() -> ude.ODE:
    """dx/dt = rate·x − loss(x) with an unknown loss."""

    def growth(t, state, p, net):
        return {"x": p.rate * state.x - net.loss(state.x)}

    return ude.ODE(
        growth,
        states=[ude.State("x", positive=True, units="g", description="mass")],
        parameters={"rate": ude.Parameter(0.8, positive=True, units="1/d"), "fixed": ude.Parameter(2.0, free=False)},
        networks={"loss": ude.nn.MLP(1, 1, hidden=(4,), last_layer_scale=0.3)},
        observe=lambda t, state, p: {"x": state.x, "double": p.fixed * state.x},
    )


def growth_data() -> xr.Dataset:
    """Logistic growth with one missing value."""
    times = np.linspace(0.0, 6.0, 17)
    x = 1.0 / (1.0 + 9.0 * np.exp(-times))
    double = 2.0 * x
    double[3] = np.nan
    return xr.Dataset(
        {
            "x": ("time", x, {"units": "g", "long_name": "dry mass"}),
            "double": ("time", double, {"units": "g"}),
        },
        coords={"time": ("time", times, {"units": "days", "long_name": "time since sowing"})},
        attrs={"title": "Growth of nothing in particular", "source": "The logistic function"},
    )


def untrained(model: ude.ODE, data: Any, seeds: int = 1, **settings: Any) -> ude.Fit:
    """A fit before its first iteration: enough for everything that shows a solution."""
    values = {"phases": [ude.Adam(1e-2, 10)], "solver": ude.Tsit5(atol=1e-6), "report_every": 10, **settings}
    engine = get_engine()
    observations = Observations.from_data(data, model.observables)
    chosen = kind_of(model).chosen(seeds=seeds, **values)
    return ude.Fit(Trainer(model, observations, chosen, engine).start(), engine)
