"""Both engines give the same numbers: values and gradients of every model of the zoo, at tolerance 1e-10."""

from __future__ import annotations

import numpy as np
import pytest

from unideq import Stepper
from unideq.engine import Engine, get_engine
from unideq.objective.program import Integration, Rollout

from ..specimen import Specimen, program
from ..zoo import ZOO

TOLERANCE = 1e-10
IMPLICIT = {"jax": "kvaerno5", "julia": "rodas5p"}


@pytest.fixture(scope="module", params=list(ZOO))
def specimen(request: pytest.FixtureRequest) -> Specimen:
    return ZOO[request.param]()


def solver(specimen: Specimen, engine: Engine) -> str:
    if specimen.stiff:
        return IMPLICIT[engine.name]
    return "rk4" if specimen.dt else "tsit5"


def test_values_and_gradients_agree(julia: Engine, specimen: Specimen):
    found = {}
    for engine in (julia, get_engine("jax")):
        objective, theta = program(specimen, engine, solver(specimen, engine), TOLERANCE)
        found[engine.name] = engine.value_and_gradient(objective, theta)
    ours, theirs = found["julia"], found["jax"]
    assert np.isfinite(theirs.total)
    # Fixed steps are the same on both engines, those of adaptive solvers are not.
    exact = isinstance(specimen.model, Stepper) or specimen.dt is not None
    values, gradients = (1e-12, 1e-10) if exact else (1e-7, 1e-6)
    np.testing.assert_allclose(ours.total, theirs.total, rtol=values)
    for name, value in theirs.terms.items():
        np.testing.assert_allclose(ours.terms[name], value, rtol=values, err_msg=name)
    assert ours.gradient is not None
    assert theirs.gradient is not None
    distance = np.linalg.norm(ours.gradient - theirs.gradient)
    assert distance <= gradients * np.linalg.norm(theirs.gradient)


def test_solutions_agree(julia: Engine, specimen: Specimen):
    found = {}
    for engine in (julia, get_engine("jax")):
        objective, theta = program(specimen, engine, solver(specimen, engine), TOLERANCE)
        source = objective.sources[0]
        if isinstance(source, Rollout):
            found[engine.name] = engine.rollout(source, theta)
        elif isinstance(source, Integration):
            found[engine.name] = engine.integrate(source, theta)
        else:
            pytest.skip("nothing is integrated")
    assert (found["julia"].status == 0).all()
    for name, array in found["jax"].arrays.items():
        np.testing.assert_allclose(found["julia"].arrays[name], array, rtol=1e-6, atol=1e-6, err_msg=name)


def test_one_evaluation_agrees_to_rounding(julia: Engine, specimen: Specimen):
    field = specimen.model.vector_field
    generator = np.random.default_rng(2)
    values = {node.name: 1.0 + 0.3 * np.asarray(generator.standard_normal(node.shape)) for node in field.inputs}
    values["theta"] = specimen.model.initial_theta(0)
    ours, theirs = (engine.evaluate(field, values)["du"] for engine in (julia, get_engine("jax")))
    reference = field.evaluate(values)["du"]
    np.testing.assert_allclose(ours, reference, rtol=0, atol=1e-12 * np.abs(reference).max())
    np.testing.assert_allclose(theirs, reference, rtol=0, atol=1e-12 * np.abs(reference).max())


def test_forward_mode_agrees_with_reverse_mode(julia: Engine, specimen: Specimen):
    objective, theta = program(specimen, julia, solver(specimen, julia), 1e-6)  # coarse steps: exact all the same
    along = np.random.default_rng(1).standard_normal(theta.shape)
    gradient = julia.value_and_gradient(objective, theta).gradient
    assert gradient is not None
    scale = np.linalg.norm(gradient) * np.linalg.norm(along)
    assert abs(float(julia.jacobian_vector(objective, theta, along)) - gradient @ along) <= 1e-10 * scale
