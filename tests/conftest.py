"""What all tests share."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def engine_of_the_tests():
    """The embedded engine, unless the caller chose another: tests of the Julia engine ask for it by name."""
    if "UNIDEQ_ENGINE" in os.environ:
        yield
        return
    os.environ["UNIDEQ_ENGINE"] = "jax"
    yield
    del os.environ["UNIDEQ_ENGINE"]


@pytest.fixture
def double_precision():
    """JAX's own functions compute in float64, as the engine's programs do: for tests that compare with them."""
    import jax

    with jax.enable_x64(True):
        yield
