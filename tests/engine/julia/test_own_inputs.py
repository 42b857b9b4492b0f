"""Inputs of a trajectory's own on the Julia engine: every adjoint against closed forms, and kernels that are shared."""

from __future__ import annotations

import numpy as np
import pytest

import unideq as ude

from .. import own_inputs

TIGHT = {"rtol": 1e-10, "atol": 1e-10, "max_steps": 100_000}


@pytest.mark.parametrize("interpolation", ["linear", "previous"])
@pytest.mark.parametrize(
    ("name", "adjoint"),
    [
        *(("tsit5", a) for a in ("discrete", "forward", "gauss", "interpolating", "quadrature", "backsolve")),
        *((n, "discrete") for n in ("vern7", "rodas5p")),
        ("rodas5p", "gauss"),
    ],
)
def test_gradients_go_through_constants_by_every_adjoint(julia, name: str, adjoint: str, interpolation: str):
    program, theta, value, derivative = own_inputs.squares(interpolation, name=name, adjoint=adjoint, **TIGHT)
    found = julia.value_and_gradient(program, theta)
    np.testing.assert_allclose(found.total, value, rtol=1e-7)
    np.testing.assert_allclose(np.asarray(found.gradient), derivative, rtol=1e-6)


@pytest.mark.parametrize("name", ["tsit5", "rodas5p"])
def test_forward_and_reverse_mode_are_transposes(julia, name: str):
    program, theta, *_ = own_inputs.squares("previous", name=name, **{**TIGHT, "rtol": 1e-4})
    gradient, along = np.asarray(julia.value_and_gradient(program, theta).gradient), np.array([0.3, -0.8])
    np.testing.assert_allclose(julia.jacobian_vector(program, theta, along), gradient @ along, rtol=1e-8)


def test_both_engines_have_the_same_numbers(julia):
    model, data = own_inputs.model(), own_inputs.inflows("linear")
    settings = {"conditions": {"w": own_inputs.WEIGHTS}, "forcings": {"inflow": data}, "solver": ude.Tsit5(rtol=1e-10)}
    ours, theirs = (model.solve(own_inputs.TIMES, engine=e, **settings)["x"] for e in (julia, "jax"))
    np.testing.assert_allclose(ours, theirs, atol=1e-7)
