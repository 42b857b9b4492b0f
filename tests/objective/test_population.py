"""Parameters that spread over a population: joint estimates, and the marginal likelihood against published values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.objective.laplace import marginal_programs
from unideq.result.sampling import problem_of
from unideq.training.marginal import Marginal

TIMES = np.array([1.0, 2.0, 3.0])
PEOPLE = 6
WEIGHTS = [-0.5, 0.3, 0.1, 0.8, -0.7, 0.2]


def linear() -> ude.ODE:
    rate = ude.Parameter(1.5, per="trajectory", spread=ude.Normal(0.4), units="1/h")
    return ude.ODE(lambda t, state, p: {"x": p.rate + 0.0 * state.x}, ["x"], {"rate": rate}, initial={"x": 0.0})


def covariate() -> ude.ODE:
    """The same, with what a person's weight changes of it: a network's value less that at the usual weight, 0."""

    def growth(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
        return {"x": p.rate + net.effect(p.weight) - net.effect(0.0) + 0.0 * state.x}

    rate = ude.Parameter(1.5, per="trajectory", spread=ude.Normal(0.4), units="1/h")
    parameters = {"rate": rate, "weight": ude.Condition(0.0)}
    return ude.ODE(growth, ["x"], parameters, {"effect": ude.nn.MLP(1, 1, ())}, initial={"x": 0.0})


def measured() -> xr.Dataset:
    generator = np.random.default_rng(3)
    rates = 2.0 + 0.5 * generator.standard_normal(PEOPLE)
    values = rates[:, None] * TIMES + 0.2 * generator.standard_normal((PEOPLE, len(TIMES)))
    coords = {"time": TIMES, "trajectory": list("abcdef"), "start": ("trajectory", np.zeros(PEOPLE))}
    coords["weight"] = ("trajectory", WEIGHTS)
    return xr.Dataset({"x": (("trajectory", "time"), values)}, coords)


def effects(fit: ude.Fit) -> np.ndarray:
    """What people's weights change."""
    return fit.network("effect")(np.array(WEIGHTS)) - fit.network("effect")(0.0)


def minus_log_likelihood(mean: float, spread: float, noise: float, effects: np.ndarray) -> float:
    """Of the linear mixed model that `covariate` is: each person's values are jointly normal."""
    covariance = spread**2 * np.outer(TIMES, TIMES) + noise**2 * np.eye(len(TIMES))
    left = measured()["x"].values - (mean + effects)[:, None] * TIMES
    quadratic = np.einsum("pi,ij,pj->", left, np.linalg.inv(covariance), left)
    return 0.5 * quadratic + 0.5 * PEOPLE * float(np.linalg.slogdet(2.0 * np.pi * covariance)[1])


@pytest.fixture(scope="module")
def fit() -> ude.Fit:
    return ude.fit(covariate(), measured(), loss="gaussian", phases=[ude.Laplace(60)], progress=False)


def test_laplace_finds_the_maximum_of_a_linear_populations_likelihood(fit: ude.Fit) -> None:
    found: list[Any] = [float(fit.parameters[n]) for n in ("typical.rate", "spread.rate", "noise.x")]
    found.append(effects(fit))
    least = minus_log_likelihood(*found)
    for k in range(4):
        for change in (0.97, 1.03):
            assert minus_log_likelihood(*(v * change if j == k else v for j, v in enumerate(found))) > least
    count = measured()["x"].size
    constants = count * (np.log(problem_of(fit.record).scales["x"]) + 0.5 * np.log(2.0 * np.pi))
    assert count * float(fit.record.best_total[0]) + constants == pytest.approx(least, abs=1e-5)


def test_groups_are_at_their_conditional_means(fit: ude.Fit) -> None:
    mean, spread, noise = (float(fit.parameters[n]) for n in ("typical.rate", "spread.rate", "noise.x"))
    own = (measured()["x"].values @ TIMES) / (TIMES @ TIMES) - effects(fit)
    trust = spread**2 / (spread**2 + noise**2 / (TIMES @ TIMES))
    assert np.allclose(fit.parameters["rate"], mean + trust * (own - mean), atol=1e-5)


def test_the_gradient_follows_the_deviations_a_networks_included(fit: ude.Fit) -> None:
    problem = problem_of(fit.record)
    cost = Marginal(fit.engine, problem, marginal_programs(problem))
    theta = fit.theta + 0.1 * ~problem.layout.mask("deviation")
    _, _, gradient, settled = cost(theta)
    assert problem.layout.mask("network").any()
    for place in np.flatnonzero(~problem.layout.mask("deviation")):
        step = 1e-4 * (np.arange(len(theta)) == place)
        difference = (cost(settled + step)[0] - cost(settled - step)[0]) / 2e-4
        assert gradient[place] == pytest.approx(difference, rel=1e-5, abs=1e-8)


def test_moments_that_move_with_a_groups_value_are_refused() -> None:
    spread = ude.Parameter(1.0, positive=True, per="trajectory", spread=ude.LogNormal(0.3))
    with pytest.warns(
        ude.UnideqWarning, match=r"as an event, `ude.Event\(change, when=.* t - p.lag\)`, the moment has"
    ):
        late = ude.ODE(
            lambda t, state, p: {"x": np.where(t < p.lag, 0.0, 1.0) - state.x}, ["x"], {"lag": spread},
            initial={"x": 0.0},
        )  # fmt: skip
    with pytest.raises(ude.UnideqError, match="jump at the switch `t < lag`, whose moment moves with `lag`"):
        ude.fit(late, measured(), loss="gaussian", phases=[ude.Laplace(1)], progress=False)


def test_other_phases_keep_the_spread() -> None:
    fit = ude.fit(linear(), measured(), loss="gaussian", phases=[ude.BFGS(40)], progress=False)
    assert float(fit.parameters["spread.rate"]) == pytest.approx(0.4, rel=1e-12)
    mean, noise = (float(fit.parameters[n]) for n in ("typical.rate", "noise.x"))
    own = (measured()["x"].values @ TIMES) / (TIMES @ TIMES)
    trust = 0.4**2 / (0.4**2 + noise**2 / (TIMES @ TIMES))
    assert np.allclose(fit.parameters["rate"], mean + trust * (own - mean), atol=1e-3)


def test_results_have_typical_values_spreads_and_groups(fit: ude.Fit, tmp_path: Any) -> None:
    tree = fit.tree["/parameters"]
    assert tree["rate"].dims == tree["deviation.rate"].dims == ("seed", "trajectory")
    fit.save(tmp_path / "fit.nc")
    loaded = ude.Fit.load(tmp_path / "fit.nc")
    assert np.array_equal(loaded.parameters["rate"], fit.parameters["rate"])
    typical = loaded.model.solve([0.0, 1.0], {"x": 0.0})
    assert float(typical["x"][-1]) == pytest.approx(float(fit.parameters["typical.rate"]), rel=1e-6)
    person = loaded.predict([0.0, 1.0], {"x": 0.0}, conditions={"trajectory": "c"})
    assert float(person["x"][-1]) == pytest.approx(float(fit.parameters["rate"].sel(trajectory="c")), rel=1e-6)


def test_theophyllines_published_estimates() -> None:
    """Those of R's nlme 3.1-169 for the book's model (Pinheiro & Bates 2000, chapter 8), by its own approximation: with
    independent deviations (`fm2Theo.nlme` in its tests' output), that of the elimination rate is nought."""

    def kinetics(t: Any, state: Any, p: Any) -> dict[str, Any]:
        into = p.absorption * state.gut
        return {"gut": -into, "concentration": p.elimination * (into / p.clearance - state.concentration)}

    def spread(value: float, deviation: float) -> ude.Parameter:
        return ude.Parameter(value, positive=True, per="trajectory", spread=ude.LogNormal(deviation))

    parameters = {
        "absorption": spread(1.6, 0.6),
        "clearance": spread(0.04, 0.2),
        "elimination": ude.Parameter(0.085, positive=True),
    }
    initial = {"gut": "dose", "concentration": 0.0}
    model = ude.ODE(kinetics, ["gut", "concentration"], parameters, initial=initial)
    fit = ude.fit(
        model, ude.datasets.theophylline(), loss="gaussian", phases=[ude.Laplace(25)], solver="tsit5", progress=False
    )
    found = fit.parameters
    means = [float(np.log(found[n])) for n in ("elimination", "typical.absorption", "typical.clearance")]
    widths = [float(found[n]) for n in ("spread.absorption", "spread.clearance", "noise.concentration")]
    assert means == pytest.approx([-2.455, 0.466, -3.227], abs=0.02)
    assert widths == pytest.approx([0.644, 0.167, 0.709], rel=0.025)


def test_new_groups_are_weighed_against_the_spread(fit: ude.Fit) -> None:
    new = measured().assign_coords(trajectory=list("uvwxyz")) + 1.0  # of the same shape: nothing is compiled again
    found = fit.adapted(new, ude.BFGS(40), progress=False)
    mean, spread, noise = (float(fit.parameters[n]) for n in ("typical.rate", "spread.rate", "noise.x"))
    own = (new["x"].values @ TIMES) / (TIMES @ TIMES) - effects(fit)
    trust = spread**2 / (spread**2 + noise**2 / (TIMES @ TIMES))
    assert found.parameters["rate"]["trajectory"].values.tolist() == list("uvwxyz")
    assert np.allclose(found.parameters["rate"], mean + trust * (own - mean), atol=1e-4)
    for name in ("typical.rate", "spread.rate", "noise.x"):
        assert float(found.parameters[name]) == pytest.approx(float(fit.parameters[name]), rel=1e-12)


def test_a_spread_that_nobody_estimates_is_told() -> None:
    fit = ude.fit(linear(), measured(), loss="gaussian", phases=[ude.BFGS(1)], progress=False)
    assert any("only `ude.Laplace()` estimates it" in event for event in fit.events)
