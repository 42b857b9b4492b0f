"""The gradient check passes for a right gradient and catches a wrong one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import unideq as ude
from unideq.errors import OptionError


class Wrong:
    """An engine whose gradient is too long by a factor."""

    def __init__(self, engine: Any, factor: float) -> None:
        self._engine, self._factor = engine, factor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def value_and_gradient(self, objective: Any, theta: np.ndarray, per_term: bool = False) -> Any:
        found = self._engine.value_and_gradient(objective, theta, per_term)
        return replace(found, gradient=self._factor * found.gradient)


@pytest.fixture(scope="module")
def check(fitted):
    return fitted.check_gradient()


def test_adjoint_forward_mode_and_differences_agree(check):
    assert check.passed
    assert check.forward_error < 1e-10  # the same discrete solve, differentiated two ways
    assert check.difference_error < 1e-3  # the solver seen from outside, at rtol = 1e-6
    assert check.adjoint.shape == check.forward.shape == check.difference.shape == (8,)
    assert check.gradient_norm > 0


def test_verdict_is_readable(check):
    text = repr(check)
    assert "passed" in text
    assert "adjoint − forward mode" in text
    assert "Trajectory" in text
    assert "passed" in check._repr_html_()


def test_gradient_off_by_two_percent_is_caught(fitted):
    wrong = ude.Fit(fitted.record, Wrong(fitted.engine, 1.02)).check_gradient()
    assert not wrong.passed
    assert wrong.forward_error == pytest.approx(0.02 / 1.02, rel=0.05)
    assert wrong.difference_error == pytest.approx(0.02 / 1.02, rel=0.2)
    assert "FAILED" in repr(wrong)


def test_unknown_seed_and_senseless_steps_are_refused(fitted):
    with pytest.raises(OptionError, match="no seed 99"):
        fitted.check_gradient(seed=99)
    with pytest.raises(OptionError, match="step"):
        fitted.check_gradient(step=0.0)
