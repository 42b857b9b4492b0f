"""Koopman models in Julia: the terms, the gradients that Adam and BFGS follow, and the forecasts of the JAX engine."""

import numpy as np
import pytest
import xarray as xr

import unideq as ude

SPECTRA = {
    "matrix": {"dynamics": "matrix", "parameters": {"matrix": [[0.9, 0.2], [-0.1, 0.8]]}},
    "rates": {"pairs": 0},
    "pairs": {"pairs": 1, "parameters": {"frequency": [2.0], "growth": [-0.4]}},
    "frequency": {"dynamics": "parametrised", "auxiliary": ude.nn.MLP(1, 1, (4,), output_shift=1.0)},
    "both": {"dynamics": "parametrised", "auxiliary": ude.nn.MLP(1, 2, (4,), output_shift=1.0)},
}


@pytest.mark.parametrize("name", SPECTRA)
def test_both_engines_train_and_forecast_alike(julia, name):
    t = 0.1 * np.arange(6)
    start = np.random.default_rng(0).normal(size=(5, 1))
    dims = ("trajectory", "time")
    data = xr.Dataset({"x": (dims, start * np.cos(t)), "y": (dims, -start * np.sin(t))}, {"time": t})
    model = ude.Koopman(["x", "y"], 0.1, ude.nn.MLP(2, 2, (4,)), ude.nn.MLP(2, 2, (4,)), **SPECTRA[name])
    objective = ude.Linearity(3, linear=4, infinity=0.1)
    settings = {"objective": objective, "phases": [ude.Adam(1e-2, 5), ude.BFGS(4)], "progress": False}
    there, here = (ude.fit(model, data, engine=engine, **settings) for engine in ("julia", "jax"))
    np.testing.assert_allclose(there.theta, here.theta, rtol=1e-6, atol=1e-9)
    terms = [fit.tree["training"].ds["term_value"] for fit in (there, here)]
    np.testing.assert_allclose(*terms, rtol=1e-6, atol=1e-12)
    for state in ("x", "y"):
        np.testing.assert_allclose(there.predict()[state], here.predict()[state], rtol=1e-6, atol=1e-9)
