"""Fits that the tests of results share: trained once a session."""

from __future__ import annotations

import pytest

import unideq as ude
from training.specimens import heat
from unideq.result import Fit

from .growth import SETTINGS, growth_data, growth_model


@pytest.fixture(scope="session")
def fitted() -> ude.Fit:
    """Three seeds on the growth data; the last quarter of the times held out."""
    return ude.fit(growth_model(), growth_data(), **SETTINGS)


@pytest.fixture(scope="session")
def heat_fit() -> Fit:
    """Two seeds of the inverse heat problem, with moving weights."""
    phases = [ude.Adam(5e-3, 100), ude.GaussNewton(15)]
    return ude.fit(heat(), phases=phases, seeds=2, balance=ude.GradientNorm(every=20), progress=False)
