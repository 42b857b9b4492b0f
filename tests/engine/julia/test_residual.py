"""Residual problems in Julia: the JAX engine's values, gradients and fields, for all that a term can be made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.engine import Engine, get_engine

BOX = {"x": (-1.0, 2.0), "y": (0.0, 1.0), "t": (0.0, 0.5)}


def helmholtz() -> ude.ResidualProblem:
    def equation(at: Any, field: Any, p: Any) -> Any:
        forcing = np.sin(np.pi * at.x) * np.sin(4 * np.pi * at.y)
        return ude.d(field.u, at.x, 2) + ude.d(field.u, at.y, 2) + p.k**2 * field.u + 100 * forcing

    return ude.ResidualProblem(
        {"x": (-1, 1), "y": (-1, 1)},
        {"u": ude.nn.ModifiedMLP(2, 1, hidden=(9, 9))},
        {"pde": ude.Interior(equation), "walls": ude.Boundary(lambda at, field: field.u, weight=10.0)},
        parameters={"k": ude.Parameter(1.0, positive=True)},
    )


def flow() -> ude.ResidualProblem:
    """Two fields of one network, derived velocities, an unknown force, periodic in x, order four, measurements."""

    def momentum(at: Any, field: Any, p: Any, net: Any) -> Any:
        bending = sum(
            factor * ude.d(field.psi, *order)
            for factor, order in ((1, (at.x, 4)), (2, (at.x, 2, at.y, 2)), (1, (at.y, 4)))
        )
        return {
            "along": ude.d(field.u, at.t) + field.u * ude.d(field.u, at.x) - p.nu * bending - net.force(field.q),
            "pair": (field.v + ude.d(field.q, at.y), field.u),
        }

    measured = xr.Dataset({"u": (("x", "t"), np.arange(6.0).reshape(3, 2))}, {"x": [-1, 0, 2], "t": [0, 0.3], "y": 0.5})
    fields = ude.Field(
        ude.nn.MLP(6, 2, hidden=(7, 7)), transform=lambda at, raw: (at.y**2 * raw.psi, raw.q), periodic={"x": 2}
    )
    return ude.ResidualProblem(
        BOX,
        {("psi", "q"): fields},
        {
            "momentum": ude.Interior(momentum),
            "ends": ude.Boundary(lambda at, field: field.q - field(y=0.25).q, sides={"y": 1.0}),
            "start": ude.Initial(lambda at, field: field.psi),
            "data": ude.Data(measured),
        },
        parameters={"nu": ude.Parameter(0.1, lower=0.0, upper=1.0)},
        networks={"force": ude.nn.MLP(1, 1, hidden=(5,))},
        outputs={"u": lambda at, field: ude.d(field.psi, at.y), "v": lambda at, field: -ude.d(field.psi, at.x)},
    )


CASES = {
    "helmholtz": (helmholtz, ude.Residual(points=24)),
    "flow": (flow, ude.Residual(points=16, sampler=ude.samplers.LatinHypercube())),
    "causal": (flow, ude.Residual(points=16, causal=ude.Causal(chunks=4, tolerance=0.01))),
}


@pytest.mark.parametrize("case", list(CASES))
def test_terms_and_gradients_are_those_of_the_other_engine(julia: Engine, case: str):
    make, specification = CASES[case]
    problem = make()
    specification.check(problem)
    objective, theta = specification.build(problem), problem.initial_theta(1)
    ours, theirs = (engine.value_and_gradient(objective, theta) for engine in (julia, get_engine("jax")))
    assert list(ours.terms) == list(theirs.terms)
    for name, value in theirs.terms.items():
        np.testing.assert_allclose(ours.terms[name], value, rtol=1e-12, err_msg=name)
    assert ours.gradient is not None
    assert theirs.gradient is not None
    assert np.linalg.norm(ours.gradient - theirs.gradient) <= 1e-10 * np.linalg.norm(theirs.gradient)


def test_fields_and_derived_quantities_are_those_of_numpy(julia: Engine):
    problem = flow()
    theta, rng = problem.initial_theta(1), np.random.default_rng(0)
    points = {n: low + (high - low) * rng.random(20) for n, (low, high) in BOX.items()}
    found = julia.evaluate(problem.solution, {**points, "theta": theta}, list(points))
    for name, values in problem(points, theta).items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12, atol=1e-14, err_msg=name)
