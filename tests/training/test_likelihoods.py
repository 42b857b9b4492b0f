"""Fits whose likelihood has a maximum that is known otherwise: means of counts and of logarithms, SciPy's optimum."""

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize
from scipy.stats import nbinom

import unideq as ude

COUNTS = np.random.default_rng(3).negative_binomial(4.0, 4.0 / 10.0, 30).astype(float)


@pytest.fixture(scope="module")
def constant():
    """A level that doesn't change: its estimate is a mean."""
    return ude.ODE(lambda t, state: {"x": 0.0 * state.x}, ["x"], initial={"x": ude.Parameter(4.0, positive=True)})


def fitted(model, values, loss):
    data = xr.Dataset({"x": ("time", values)}, {"time": np.arange(len(values), dtype=float)})
    fit = ude.fit(model, data, loss=loss, phases=ude.BFGS(200), seeds=1, progress=False)
    return {n: float(np.ravel(v)[0]) for n, v in fit.parameters.items()}


def test_the_poisson_rate_of_a_constant_level_is_the_mean_count(constant):
    assert fitted(constant, COUNTS, "poisson")["initial.x"] == pytest.approx(COUNTS.mean(), rel=1e-5)


def test_the_log_normal_level_is_the_geometric_mean(constant):
    logs = np.log(COUNTS + 1.0)
    found = fitted(constant, COUNTS + 1.0, "log_normal")
    assert found["initial.x"] == pytest.approx(np.exp(logs.mean()), rel=1e-4)
    assert found["noise.x"] == pytest.approx(logs.std(), rel=1e-4)


def test_the_dispersion_of_counts_is_scipys(constant):
    def minus_log(p):
        mean, dispersion = np.exp(p)
        return -nbinom.logpmf(COUNTS, 1 / dispersion, 1 / (1 + dispersion * mean)).sum()

    mean, dispersion = np.exp(minimize(minus_log, [1.0, -1.0], method="Nelder-Mead", options={"xatol": 1e-8}).x)
    found = fitted(constant, COUNTS, {"x": "negative_binomial"})
    assert found["initial.x"] == pytest.approx(mean, rel=1e-4)
    assert found["noise.x"] == pytest.approx(dispersion, rel=1e-3)
