"""What all tests share."""

import os

import pytest
from hypothesis import settings

settings.register_profile("quick", derandomize=True, deadline=None)
settings.register_profile("long", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session", autouse=True)
def engine_of_the_tests():
    """The embedded engine, unless the caller chose another: tests of the Julia engine ask for it by name."""
    if "UNIDEQ_ENGINE" in os.environ:
        yield
        return
    os.environ["UNIDEQ_ENGINE"] = "jax"
    yield
    del os.environ["UNIDEQ_ENGINE"]


@pytest.fixture(autouse=True)
def operations_of_the_package():
    """What a test or an example registers is gone after it."""
    from unideq.graph.operation import OPERATIONS, UFUNCS

    before = dict(OPERATIONS), dict(UFUNCS)
    yield
    for table, entries in zip((OPERATIONS, UFUNCS), before, strict=True):
        table.clear()
        table.update(entries)


@pytest.fixture
def double_precision():
    """JAX's own functions compute in float64, as the engine's programs do: for tests that compare with them."""
    import jax

    with jax.enable_x64(True):
        yield
