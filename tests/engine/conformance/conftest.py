"""What every engine must do: each test runs once an engine, and is skipped, which is told, where that isn't there."""

from __future__ import annotations

import pytest

from unideq.doctor import julia_engine
from unideq.engine import Engine, get_engine

from .cases import MARKS


@pytest.fixture(scope="session", params=[pytest.param(name, marks=marks) for name, marks in MARKS.items()])
def engine(request: pytest.FixtureRequest) -> Engine:
    """An engine, one for all tests."""
    if request.param == "julia" and not julia_engine().usable:
        pytest.skip("no Julia engine was found; `unideq doctor` tells what is missing")
    if request.param == "jax":
        pytest.importorskip("diffrax")
    return get_engine(request.param)
