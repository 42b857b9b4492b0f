"""Fits that the tests of results share: trained once a session."""

from __future__ import annotations

import pytest

import unideq as ude

from .growth import SETTINGS, growth_data, growth_model


@pytest.fixture(scope="session")
def fitted() -> ude.Fit:
    """Three seeds on the growth data; the last quarter of the times held out."""
    return ude.fit(growth_model(), growth_data(), **SETTINGS)
