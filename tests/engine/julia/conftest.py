"""Tests of the Julia engine run where a Julia with all packages is found, and are skipped elsewhere, which is told."""

from pathlib import Path

import pytest

from unideq.doctor import julia_engine
from unideq.engine import get_engine


def pytest_collection_modifyitems(items):
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    usable = not ours or julia_engine().usable
    for item in ours:
        item.add_marker(pytest.mark.julia)
        if not usable:
            item.add_marker(pytest.mark.skip(reason="no Julia engine was found; `unideq doctor` tells what is missing"))


@pytest.fixture(scope="session")
def julia():
    """The Julia engine, one for all tests."""
    return get_engine("julia")
