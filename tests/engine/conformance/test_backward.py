"""Paths of backward problems: both engines have the values and gradients of the graph evaluated with NumPy."""

import numpy as np
import pytest

import unideq as ude
from unideq.engine import Engine, Minimisation
from unideq.graph import vjp
from unideq.objective.program import LossProgram, Pointwise

pytestmark = pytest.mark.usefixtures("only_full_reports")


def problem(learns: str) -> ude.BackwardProblem:
    """One that reads all there is: drift, a diffusion of another shape than x, and y and z in the generator."""
    outputs = {"solution": 1}.get(learns, 2)
    return ude.BackwardProblem(
        lambda t, x, y, z: -0.3 * y + 0.2 * np.sin(z[0] * x[1]) - t * np.sum(z**2),
        lambda x: np.log(1.0 + np.sum(x**2)),
        [0.5, -0.2, 0.1],
        0.8,
        drift=lambda t, x: -0.5 * x,
        diffusion=lambda t, x: np.array([[1.0, 0.0], [0.2, 0.5], [0.0, 1.0]]) * (1.0 + 0.1 * x[0]),
        steps=3,
        learns=learns,
        network=ude.nn.MLP(3 if learns == "gradients" else 4, outputs, (5,)),
    )


def reference(program: LossProgram, theta: np.ndarray) -> tuple[float, np.ndarray]:
    """The total and its gradient by the graphs' own derivatives, path by path."""
    (source,) = program.sources
    assert isinstance(source, Pointwise)
    total, slope = 0.0, np.zeros_like(theta)
    reverse = vjp(source.graph, "theta")
    for w in source.data["w"]:
        values = {"w": w, "theta": theta}
        found = source.graph.evaluate(values)
        total += sum(np.sum(v**2) for v in found.values())
        slope += reverse.evaluate({**values, **{f"cotangent.{n}": 2.0 * v for n, v in found.items()}})["theta"]
    return total / source.count, slope / source.count


@pytest.mark.parametrize("learns", ["gradient", "gradients", "solution"])
def test_values_and_gradients_are_those_of_the_graphs(engine: Engine, learns: str) -> None:
    made = problem(learns)
    theta, program = made.initial_theta(1), ude.Martingale(paths=6).build(made)
    total, gradient = reference(program, theta)
    found = engine.value_and_gradient(program, theta)
    assert found.total == pytest.approx(total, rel=1e-10)
    assert found.gradient is not None
    np.testing.assert_allclose(found.gradient, gradient, rtol=1e-8, atol=1e-12)


def test_training_on_fresh_paths_is_the_same_on_all_engines(engine: Engine) -> None:
    """Against the reference's loss and gradient: in Adam's first step each number moves by the learning rate."""
    made, objective = problem("gradient"), ude.Martingale(paths=6)
    theta, program = made.initial_theta(1), objective.build(made)
    batches = objective.batches(made, engine.evaluate)
    assert batches is not None
    run = Minimisation(program, theta[None], ude.Adam(1e-3, 3), batches=batches)
    found = engine.minimise(run, lambda _: True).last
    first = reference(program, theta)[0]
    assert found.total[0, 0] == pytest.approx(first, rel=1e-10)
    second = program.with_data({"paths": batches(1)[0]})
    moved = theta - 1e-3 * np.sign(reference(program, theta)[1])
    assert found.total[0, 1] == pytest.approx(reference(second, moved)[0], rel=1e-5)
