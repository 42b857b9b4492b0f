"""Programs that differ in numbers alone share compiled code in Julia, and compute with their own numbers."""

from __future__ import annotations

import numpy as np
import pytest

from ..test_sharing import fit, fit_of_runs, measurements, program


def forms(julia) -> int:
    """How many kernels Julia has compiled."""
    return len(julia.julia.package.KERNELS)


def test_another_fit_of_the_same_form_compiles_nothing(julia):
    """Small whole numbers and halves are code; all that could be measured is data."""
    fit(measurements(0), start=1.3, guess=0.45, engine="julia").predict(np.linspace(0.0, 2.0, 6))
    before = forms(julia)
    again = fit(
        measurements(1),
        rate=2e-2,
        iterations=14,
        tolerance=1e-7,
        start=1.7,
        dose=2.5,
        decay=0.37,
        guess=0.83,
        engine="julia",
    )
    again.predict(np.linspace(0.1, 1.9, 6))
    assert again.status == "finished"
    assert forms(julia) == before


def test_other_inputs_of_each_trajectory_compile_nothing(julia):
    fit_of_runs(1.0, "julia")
    before = forms(julia)
    fit_of_runs(1.7, "julia")
    assert forms(julia) == before


@pytest.mark.parametrize(
    "change", [{"start": 1.3}, {"start": 0.0}, {"decay": 0.7}, {"dose": 3.0}, {"data": 3}], ids=str
)
def test_shared_code_computes_with_each_programs_own_numbers(julia, change):
    """Compared with what is compiled for the program alone."""
    objective, theta = program(measurements(0))
    first = julia.value_and_gradient(objective, theta)
    numbers = {k: v for k, v in change.items() if k != "data"}
    other, at = program(measurements(change.get("data", 0)), **numbers)
    found = julia.value_and_gradient(other, at)
    julia.clear()
    julia.julia.package.forget_kernels_b()
    expected = julia.value_and_gradient(other, at)
    np.testing.assert_allclose(found.total, expected.total, rtol=1e-13)
    np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-12)
    assert not np.isclose(found.total, first.total, rtol=1e-6)
