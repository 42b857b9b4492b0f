"""Backward problems: paths against what is known by hand, linear generators, ready problems against their PDE."""

import numpy as np
import pytest

import unideq as ude
from unideq import problems as P
from unideq.backward.path import Path


def heat(sigma=2.0, steps=4, **more):
    """∂u/∂t + ½ σ² Δu + f = 0 with |x|² at the end: u = |x|² + σ² d (T − t) where f = 0."""
    made = {"generator": lambda t, x, y, z: 0.0, "diffusion": sigma, **more}
    generator = made.pop("generator")
    return ude.BackwardProblem(generator, lambda x: np.sum(x**2), [1.0, -0.5, 0.0], 0.5, steps=steps, **made)


def quiet(problem):
    """θ with networks that say nothing."""
    theta = problem.initial_theta(0)
    theta[problem.layout.mask("network")] = 0.0
    return theta


@pytest.fixture(scope="module")
def w():
    return np.random.default_rng(0).normal(scale=np.sqrt(0.5 / 4), size=(4, 3))


@pytest.mark.parametrize("learns", ["gradient", "gradients", "solution"])
def test_without_a_generator_the_guide_is_the_solution_and_only_time_steps_are_missed(learns, w):
    """σ²|w|² stands where σ² d dt is meant; Z = 2 σ x is exact."""
    problem = heat(learns=learns)
    found = Path(problem).graph("x", "z", "mismatch", "first").evaluate({"w": w, "theta": quiet(problem)})
    np.testing.assert_allclose(found["x"], np.cumsum([problem.initial, *(2.0 * w)], axis=0))
    np.testing.assert_allclose(found["z"], 4.0 * found["x"][:-1])
    np.testing.assert_allclose(found["mismatch"], 1.25 + 4.0 * np.sum(w**2) - found["first"])
    if learns == "solution":
        assert found["first"] == pytest.approx(1.25 + 4.0 * 3 * 0.5)


def test_a_diffusion_of_any_shape_is_the_same_process(w):
    sigma = np.diag([2.0, 2.0, 2.0])
    made = (heat(), heat([2.0, 2.0, 2.0]), heat(sigma), heat(lambda t, x: sigma + 0.0 * t))
    whole = [Path(p).graph("mismatch").evaluate({"w": w, "theta": quiet(p)})["mismatch"] for p in made]
    np.testing.assert_allclose(whole, whole[0])
    assert heat(sigma=np.ones((3, 2))).noises == 2


def test_weights_of_linear_generators_are_discounts_and_changes_of_drift(w):
    def weight(generator):
        problem = heat(generator=generator)
        return Path(problem).graph("weight").evaluate({"w": w, "theta": quiet(problem)})["weight"]

    assert weight(lambda y: -0.3 * y) == pytest.approx(np.exp(-0.3 * 0.5))
    c = np.array([0.1, 0.2, -0.3])
    assert weight(lambda z: np.sum(c * z)) == pytest.approx(np.exp(c @ w.sum(axis=0) - 0.5 * c @ c * 0.5))


def test_y_is_made_step_by_step_where_the_generator_reads_it(w):
    problem = heat(generator=lambda t, y, z: -y + 0.1 * z[0] * t)
    found = Path(problem).graph("y", "z").evaluate({"w": w, "theta": quiet(problem)})
    y, dt = [found["y"][0]], 0.125
    for n in range(4):
        z = found["z"][n]
        y.append(y[-1] - dt * (-y[-1] + 0.1 * z[0] * n * dt) + z @ w[n])
    np.testing.assert_allclose(found["y"], y)


def test_a_problem_comes_back_from_its_file(tmp_path):
    problem = heat(generator=lambda y: -y, learns="gradients", guided=False)
    problem.save(tmp_path / "heat.json")
    again = ude.BackwardProblem.load(tmp_path / "heat.json")
    assert again.to_json() == problem.to_json()
    theta, w = problem.initial_theta(3), np.ones((4, 3))
    values = [Path(p).graph("mismatch").evaluate({"w": w, "theta": theta})["mismatch"] for p in (problem, again)]
    assert values[0] == values[1]


# ---- ready problems -----------------------------------------------------------------------------------------------

SOLUTIONS = {
    "BlackScholesBarenblatt": lambda p, t, x: np.exp((p.rate + p.volatility**2) * (p.horizon - t)) * np.sum(x**2),
    "BurgersType": lambda p, t, x: 1 / (1 + np.exp(-t - np.mean(x))),
    "QuadraticGradient": lambda p, t, x: np.sin((p.horizon - t + np.mean(x**2)) ** p.exponent),
    "ReactionDiffusion": lambda p, t, x: (
        1 + p.level + np.sin(np.sum(x) / np.sqrt(len(x))) * np.exp(0.5 * (t - p.horizon))
    ),
}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_ready_problems_have_the_solutions_that_they_name(name):
    """∂u/∂t + ½ tr(σσᵀ ∇²u) + f(t, x, u, σᵀ∇u) by central differences, and the value at the start."""
    ready = getattr(P, name)(dimension=3)
    problem, solution = ready.problem(), lambda t, x: SOLUTIONS[name](ready, t, x)
    t, x, h = 0.4 * ready.horizon, np.array([0.3, -0.2, 0.5]), 1e-4
    eye = h * np.eye(3)
    u, ahead, behind = solution(t, x), *([solution(t, x + s * e) for e in eye] for s in (1, -1))
    slope, curvature = np.subtract(ahead, behind) / (2 * h), (np.add(ahead, behind) - 2 * u) / h**2
    sigma = np.broadcast_to(problem.equations["diffusion"].evaluate({"t": t, "x": x})["value"], 3)
    f = problem.equations["generator"].evaluate({"t": t, "x": x, "y": u, "z": sigma * slope})["value"]
    rate = (solution(t + h, x) - solution(t - h, x)) / (2 * h)
    assert rate + 0.5 * np.sum(sigma**2 * curvature) + f == pytest.approx(0.0, abs=1e-5)
    end = problem.equations["terminal"].evaluate({"x": x})["value"]
    assert end == pytest.approx(solution(ready.horizon, x), rel=1e-12)
    assert ready.value == pytest.approx(solution(0.0, problem.initial), rel=1e-12)


def test_published_values():
    assert P.HamiltonJacobiBellman().value == pytest.approx(4.590162, abs=5e-7)
    assert P.BlackScholesBarenblatt().value == pytest.approx(77.104879, abs=5e-7)
    assert P.HighDimensionalAllenCahn().value == 0.0528
    assert np.isnan(P.HighDimensionalAllenCahn(dimension=4).value)
