"""Variables of the environment that other packages read, and what is said where they hold what can't be."""

import os
import subprocess
import sys

import pytest

MODEL = "import unideq as ude; model = ude.ODE(lambda t, state: {'x': -state.x}, ['x'])"
CASES = {
    "JAX_PLATFORMS": (
        "ude.set_engine('jax'); model.solve([0.0, 1.0], {'x': 1.0})",
        "EngineError: JAX finds no device to compute on with `JAX_PLATFORMS=abacus`",
    ),
    "MPLBACKEND": (
        "from unideq.result.plot.style import styled; styled().__enter__()",
        "OptionError: matplotlib can't start with `MPLBACKEND=abacus`",
    ),
}


@pytest.mark.parametrize("variable", CASES)
def test_a_variable_that_stops_another_package_is_named(variable: str):
    code, words = CASES[variable]
    run = subprocess.run(
        [sys.executable, "-c", f"{MODEL}; {code}"],
        env={**os.environ, variable: "abacus"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert words in run.stderr.splitlines()[-1]
