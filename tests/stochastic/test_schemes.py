"""Orders of convergence, in paths and in distribution, and what a scheme's noise has to be."""

from __future__ import annotations

import numpy as np
import pytest

import unideq as ude
from unideq.errors import DataError, ModelError, OptionError
from unideq.model.stochastic.schemes import scheme_of
from unideq.noise import brownian

from .processes import SIGMA, geometric, ornstein_uhlenbeck

PATHS = 300


def order(model: ude.SDE, scheme: str, exact: np.ndarray, start: dict[str, float], steps=(8, 16, 32, 64)) -> float:
    """Slope of the mean error at t = 1 over the step, both in logarithms."""
    errors = []
    for count in steps:
        found = model.solve([0.0, 1.0], start, paths=PATHS, seed=3, dt=1 / count, scheme=scheme)
        last = np.stack([found[n].values[:, -1] for n in model.states.names], axis=1)
        errors.append(np.abs(last - exact).mean())
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


@pytest.mark.parametrize(
    ("scheme", "calculus", "least"),
    [
        ("euler_maruyama", "ito", 0.5),
        ("milstein", "ito", 1.0),
        ("srk", "ito", 1.5),
        ("heun", "stratonovich", 1.0),
        ("milstein", "stratonovich", 1.0),
    ],
)
def test_strong_order_for_geometric_brownian_motion(scheme: str, calculus: str, least: float):
    """x = exp((μ − σ²/2) t + σ W) of Itô's equation, exp(μ t + σ W) of Stratonovich's."""
    sigma = 0.3
    w = brownian(3, PATHS, 1, 1, 1.0)[0][:, 0]
    drift = 0.5 - sigma**2 / 2 * (calculus == "ito")
    model = geometric(calculus, "scalar", sigma)
    assert scheme_of(model, scheme).strong == least
    assert least - 0.12 < order(model, scheme, np.exp(drift + sigma * w), {"x": 1.0}) < least + 0.35


def test_strong_order_of_additive_noise():
    """dx = −x dt + (½ + t) dW: x = e⁻ᵗ (x₀ + ∫ eˢ (½ + s) dW); the finest steps stand for it."""
    model = ude.SDE(lambda t, s: {"x": np.sin(s.x) - s.x**3}, lambda t, s: {"x": 0.4 + 0.3 * t}, ["x"])
    fine = model.solve([0.0, 1.0], {"x": 0.5}, paths=PATHS, seed=3, dt=1 / 512, scheme="srk")
    exact = fine["x"].values[:, -1:]
    assert scheme_of(model).name == "sra1"
    assert order(model, "srk", exact, {"x": 0.5}, (4, 8, 16, 32)) > 1.4
    assert 0.9 < order(model, "euler_maruyama", exact, {"x": 0.5}) < 1.2


def test_strong_order_of_general_noise_that_doesnt_commute():
    model = ude.SDE(
        lambda t, s: {"x": -s.x, "y": s.x - s.y},
        lambda t, s: {"x": [0.5 * s.y, 0.3], "y": [0.2, 0.7 * s.x]},
        ["x", "y"],
        noise="general",
    )
    start = {"x": 0.5, "y": 0.2}
    fine = model.solve([0.0, 1.0], start, paths=PATHS, seed=3, dt=1 / 512, scheme="srk")
    exact = np.stack([fine[n].values[:, -1] for n in ("x", "y")], axis=1)
    assert 0.9 < order(model, "srk", exact, start, (4, 8, 16, 32)) < 1.3
    assert 0.45 < order(model, "euler_maruyama", exact, start) < 0.8
    with pytest.raises(ModelError, match="`milstein` needs noise that commutes"):
        model.solve([0.0, 1.0], start, scheme="milstein")
    assert scheme_of(model).name == "euler_maruyama"  # auto draws no double integrals
    other = ude.SDE(lambda t, s: {"x": -s.x, "y": -s.y}, lambda t, s: {"x": 0.5 * s.y, "y": 0.2 * s.x}, ["x", "y"])
    assert not other.own_alone and scheme_of(other, "srk").name == "sri1"


def test_weak_order_of_euler_maruyama_and_a_second_order_scheme():
    """E x of geometric Brownian motion grows by (1 + μh)ⁿ with Euler–Maruyama: order 1; by the exact e^μ to h² with
    the Runge–Kutta scheme. The same paths leave the Monte Carlo error out: W itself is the control variate."""
    model, paths, weak = geometric("ito", "scalar", 0.3), 4000, {}
    for scheme in ("euler_maruyama", "srk"):
        off = []
        for count in (2, 4, 8):
            found = model.solve([0.0, 1.0], {"x": 1.0}, paths=paths, seed=0, dt=1 / count, scheme=scheme)
            w = brownian(0, paths, 1, 1, 1.0)[0][:, 0, 0]
            exact = np.exp(0.5 - 0.045 + 0.3 * w)
            off.append(abs((found["x"].values[:, -1] - exact).mean()))
        weak[scheme] = -np.polyfit(np.log([2, 4, 8]), np.log(off), 1)[0]
    assert 0.8 < weak["euler_maruyama"] < 1.2
    assert weak["srk"] > 1.6


def test_a_seed_is_a_path_at_every_step():
    """Half the step leads along the same Brownian path: solutions come closer; another seed leads elsewhere."""
    model = ornstein_uhlenbeck()
    times = np.linspace(0, 1, 5)
    draw = lambda **more: model.solve(times, {"x": 1.0}, **{"paths": 3, "seed": 5, **more})["x"].values  # noqa: E731
    coarse, fine, finest = (draw(dt=0.25 / k) for k in (4, 8, 64))
    assert np.abs(fine - finest).max() < 0.5 * np.abs(coarse - finest).max() < 0.01
    np.testing.assert_array_equal(draw(paths=5, dt=0.25 / 4)[:3], coarse)
    assert np.abs(draw(seed=6) - coarse).max() > 0.1


def test_an_ensemble_has_the_moments_of_its_process():
    model, times = ornstein_uhlenbeck(), np.array([0.0, 0.2, 1.0])
    found = model.solve(times, {"x": 1.0}, paths=4000, seed=2)["x"].values
    variance = SIGMA**2 / 4 * (1 - np.exp(-4 * times))
    np.testing.assert_allclose(found.mean(axis=0), np.exp(-2 * times), atol=4 * np.sqrt(variance.max() / 4000))
    np.testing.assert_allclose(found.var(axis=0)[1:], variance[1:], rtol=4 * np.sqrt(2 / 4000))


def test_stratonovichs_drift_is_converted():
    """x ∘ dW with drift 0 is Itô's with drift x σ²/2; a network's diffusion is converted by its derivative."""
    net = ude.nn.MLP(1, 1, (3,), output_activation="softplus")
    made = [
        ude.SDE(lambda t, s, p, net: {"x": -s.x}, lambda t, s, p, net: {"x": net.g(s.x)}, ["x"], networks={"g": net},
                calculus=c)
        for c in ("stratonovich", "ito")
    ]  # fmt: skip
    from unideq.model.stochastic.diffusion import drift

    theta, h = made[0].initial_theta(0), 1e-6
    g = [made[1](0.0, {"x": 0.3 + k * h}, theta)[1]["x"] for k in (-1, 0, 1)]
    graph = made[0].bound(made[0]._named({"du": drift(made[0], "ito")}))
    found = graph.evaluate({"t": 0.0, "u": np.array([0.3]), "theta": theta})["du"]
    np.testing.assert_allclose(found, -0.3 + 0.5 * g[1] * (g[2] - g[0]) / (2 * h), rtol=1e-8)


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"times": [0.0]}, DataError, "two output times at least"),
        ({"times": [0.0, 0.1, 0.25]}, DataError, "0.25 isn't a whole number of the smallest gap, 0.1"),
        ({"dt": 0.3}, OptionError, "isn't a whole number of steps of 0.3"),
        ({"dt": -0.1}, OptionError, "`dt`"),
        ({"scheme": "eulr"}, OptionError, "Unknown scheme `eulr`. Possible: `auto`, `euler_maruyama`"),
        ({"paths": 0}, OptionError, "`paths`"),
        ({"initial": {"x": np.zeros(3)}, "paths": 4}, DataError, "3 rows for 4 paths"),
        ({"initial": {"y": 1.0}}, ModelError, "`y`"),
        ({"initial": None}, ModelError, "x"),
    ],
    ids=str,
)
def test_paths_that_cant_be_are_refused(settings, error, says):
    given = {"times": [0.0, 1.0], "initial": {"x": 1.0}, **settings}
    with pytest.raises(error, match=says):
        ornstein_uhlenbeck().solve(given.pop("times"), given.pop("initial"), **given)
