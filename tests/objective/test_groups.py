"""Parameters by group: one value a site or trajectory, in every objective, kind of model, file and prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.objective import EstimationProblem, Observations
from unideq.objective.doubts import tell_doubts
from unideq.objective.groups import group_values, groups_of, starting_groups
from unideq.objective.losses import GaussianLikelihood
from unideq.objective.program import SolverSettings

TIMES = np.linspace(0.0, 2.0, 9)
RATES = {"A": 0.4, "B": 1.1, "C": 2.0}
SITES = ["A", "B", "A", "C"]


def decay(t: Any, state: Any, p: Any) -> dict[str, Any]:
    return {"x": -p.rate * p.common * state.x}


def made(**more: Any) -> ude.ODE:
    rate = ude.Parameter(0.8, positive=True, per="site", units="1/h", **more)
    return ude.ODE(decay, ["x"], {"rate": rate, "common": ude.Parameter(1.0, free=False), "used": ude.Condition(1.0)})


def measured() -> xr.Dataset:
    rates = np.array([RATES[s] for s in SITES])[:, None]
    values = np.array([2.0, 3.0, 2.5, 1.0])[:, None] * np.exp(-rates * TIMES)
    coords = {"time": TIMES, "trajectory": list("abcd"), "site": ("trajectory", SITES)}
    return xr.Dataset({"x": (("trajectory", "time"), values)}, coords)


@pytest.fixture(scope="module")
def model() -> ude.ODE:
    with pytest.warns(ude.UnideqWarning, match="`used`"):
        return made()


@pytest.fixture(scope="module")
def fit(model: ude.ODE) -> ude.Fit:
    return ude.fit(model, measured(), phases=[ude.BFGS(40)], progress=False)


def assert_found(fit: ude.Fit, tolerance: float) -> None:
    found = fit.parameters["rate"]
    assert found.dims == ("site",) and found["site"].values.tolist() == ["A", "B", "C"]
    assert np.allclose(found.values, list(RATES.values()), rtol=tolerance)


def test_each_site_has_its_rate(fit: ude.Fit) -> None:
    assert_found(fit, 1e-5)


@pytest.mark.parametrize(
    ("objective", "tolerance"),
    [(ude.MultipleShooting(5), 1e-5), (ude.Collocation(), 5e-2)],
    ids=["shooting", "collocation"],
)
def test_other_objectives_find_the_same(model: ude.ODE, objective: Any, tolerance: float) -> None:
    assert_found(ude.fit(model, measured(), objective=objective, phases=[ude.BFGS(150)], progress=False), tolerance)


@pytest.mark.parametrize(
    "objective", [ude.Trajectory(), ude.Unrolled(steps=2, gradient="one_step")], ids=["rollout", "windows"]
)
@pytest.mark.filterwarnings("ignore:Condition `used`")
def test_steppers_pick_each_trajectorys_value(model: ude.ODE, objective: Any) -> None:
    stepper = ude.Stepper(model, 0.25)
    fit = ude.fit(stepper, measured(), objective=objective, phases=[ude.BFGS(30)], progress=False)
    assert_found(fit, 1e-3)
    along = fit.predict()
    assert np.allclose(along["rate"].values, [RATES[s] for s in SITES], rtol=1e-3)
    assert np.allclose(along["x"].values, measured()["x"].values, rtol=1e-4)
    alone = fit.predict(steps=4, initial={"x": 1.0}, conditions={"site": "B"})
    assert float(alone["x"][-1]) == pytest.approx(np.exp(-1.1), rel=1e-3)


def test_costs_and_learned_terms_read_the_values_of_groups() -> None:
    def rhs(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
        return {"x": -p.rate * state.x + 1e-9 * net.f(p.rate)}

    model = ude.ODE(
        rhs, ["x"], {"rate": ude.Parameter(0.8, positive=True, per="trajectory")}, {"f": ude.nn.MLP(1, 1, (2,))}
    )
    cost = ude.Cost(lambda t, state, p: (p.rate - 1.0) ** 2, weight=1e4)
    fit = ude.fit(model, measured(), phases=[ude.BFGS(40)], cost={"near": cost}, progress=False)
    assert fit.parameters["rate"].dims == ("trajectory",)
    assert np.allclose(fit.parameters["rate"], 1.0, atol=1e-2)
    argument = fit.tree["/learned_term"]["f_argument_0"].isel(seed=0, time=0).values
    assert np.allclose(argument, fit.parameters["rate"].values)


def test_results_have_the_groups_labels(fit: ude.Fit, tmp_path: Any) -> None:
    assert fit.tree["/parameters"]["rate"].dims == ("seed", "site")
    assert fit.tree["/solution"]["rate"].dims == ("seed", "trajectory")
    fit.save(tmp_path / "fit.nc")
    loaded = ude.Fit.load(tmp_path / "fit.nc")
    assert float(loaded.parameters["rate"].sel(site="C")) == float(fit.parameters["rate"].sel(site="C"))
    assert loaded.model.grouped["rate"].known == fit.model.grouped["rate"].known
    fit.report(tmp_path / "report.html")
    assert "rate of site B" in (tmp_path / "report.html").read_text(encoding="utf-8")
    fit.model.save(tmp_path / "model.json")
    solved = ude.ODE.load(tmp_path / "model.json").solve([0.0, 1.0], {"x": 1.0}, conditions={"site": ["A", "C"]})
    assert np.allclose(solved["x"][:, -1], np.exp([-0.4, -2.0]), rtol=1e-5)


def test_predictions_take_a_group_by_its_label_or_another_value(fit: ude.Fit) -> None:
    known = fit.predict([0.0, 1.0], {"x": 1.0}, conditions={"site": "B"})
    assert float(known["x"][-1]) == pytest.approx(np.exp(-1.1), rel=1e-5)
    new = fit.predict([0.0, 1.0], {"x": 1.0}, conditions={"rate": 0.5})
    assert float(new["x"][-1]) == pytest.approx(np.exp(-0.5), rel=1e-5)
    moved = fit.predict([0.0, 1.0], conditions={"site": "C"})
    assert np.allclose(moved["x"][:, -1] / moved["x"][:, 0], np.exp(-2.0), rtol=1e-4)
    other = fit.predict([0.0, 1.0], conditions={"rate": 0.5})
    assert np.allclose(other["x"][:, -1] / other["x"][:, 0], np.exp(-0.5), rtol=1e-4)


def test_training_on_with_other_trajectories_keeps_values_by_label(fit: ude.Fit) -> None:
    parts = [measured().isel(trajectory=i, time=slice(0, 9 - i)) for i in (3, 0)]
    further = fit.train(ude.BFGS(1), parts, objective=ude.Collocation(), freeze="rate", progress=False)
    assert further.parameters["rate"]["site"].values.tolist() == ["C", "A"]
    assert np.allclose(further.parameters["rate"], [2.0, 0.4], rtol=1e-5)


def test_labels_may_be_numbers(model: ude.ODE) -> None:
    found = Observations.given(measured().assign_coords(site=("trajectory", [7, 8, 7, 9])), model)
    assert groups_of(model, found.series)["rate"].labels == (7, 8, 9)
    again = Observations.of(found.dataset, model)
    assert groups_of(model, again.series)["rate"].index.tolist() == [0, 1, 0, 2]


def test_groups_may_be_combinations_of_two_coordinates(tmp_path: Any) -> None:
    model: Any = ude.ODE(decay, ["x"], {"rate": ude.Parameter(0.8, positive=True, per=("site", "year")), "common": 1.0})
    data = measured().assign_coords(year=("trajectory", [2020, 2020, 2021, 2020]))
    observations = Observations.given(data, model)
    groups = groups_of(model, observations.series)["rate"]
    assert groups.per == "site_year" and groups.labels == ("A 2020", "B 2020", "A 2021", "C 2020")
    again = Observations.of(observations.dataset, model)  # as files hold it
    assert groups_of(model, again.series)["rate"].labels == groups.labels
    model.with_groups({"rate": {"A 2020": 0.4, "B 2020": 1.1, "A 2021": 0.6}}).save(tmp_path / "model.json")
    known = ude.ODE.load(tmp_path / "model.json")
    assert known.grouped["rate"].parameter.per == ("site", "year")
    said = {"site": ["A", "B"], "year": 2020}
    assert known.conditions_array(said).tolist() == [[0.4], [1.1]]
    assert known.conditions_array({"site_year": "A 2021"}).tolist() == [[0.6]]
    with pytest.raises(ude.UnideqError, match="none was trained for 'B 2021'"):
        known.conditions_array({"site": "B", "year": 2021})
    with pytest.raises(ude.UnideqError, match="`site` alone labels no group: say `year`, too"):
        known.conditions_array({"site": "B"})
    with pytest.raises(ude.UnideqError, match="lack the coordinate `year`, which groups the parameter `rate`"):
        Observations.given(measured(), model)


def told(model: ude.ODE, data: xr.Dataset, holdout: ude.Holdout | None = None) -> None:
    observations = Observations.given(data, model)
    tell_doubts(data, model, observations, observations.split(holdout)[0])


def test_a_group_that_training_sees_nothing_of_is_told(model: ude.ODE) -> None:
    with pytest.warns(ude.UnideqWarning, match="`rate` of site 'C' has no measurement .* stays at its guess, 0.8"):
        told(model, measured(), ude.Holdout(trajectories=["d"]))


def test_one_group_is_told(model: ude.ODE) -> None:
    with pytest.warns(ude.UnideqWarning, match="have one only, 'A'"):
        told(model, measured().isel(trajectory=[0, 2]))


def test_a_free_parameter_may_be_fixed_and_freed_by_name(model: ude.ODE) -> None:
    assert not model.frozen("rate").grouped["rate"].parameter.free
    assert model.frozen("rate").thawed("rate").grouped["rate"].parameter.free
    assert float(model.with_values({"rate": 0.3}).grouped["rate"].parameter.array) == 0.3


def test_another_models_groups_are_where_training_starts(fit: ude.Fit) -> None:
    begun = made().initialised_from(fit.model)
    observations = Observations.given(measured().assign_coords(site=("trajectory", list("CADB"))), begun)
    with pytest.warns(ude.UnideqWarning, match=r"none of site 'D': there it starts at its guess, 0.8"):
        begun = starting_groups(begun, observations.series)
    assert first_rates(begun, observations) == pytest.approx([2.0, 0.4, 0.8, 1.1], rel=1e-5)


def test_a_population_starts_at_anothers_deviations() -> None:
    spread = ude.ODE(
        decay, ["x"], {"rate": ude.Parameter(0.8, positive=True, per="site", spread=ude.LogNormal(0.4)), "common": 1.0}
    )
    known = spread.with_groups({"rate": {"A": 0.5, "B": 1.6}}, {"rate": (0.9, 0.3)})
    begun = spread.initialised_from(known)
    observations = Observations.given(measured(), begun)
    assert starting_groups(begun, observations.series) is begun  # a new group is typical
    assert first_rates(begun, observations) == pytest.approx([0.5, 1.6, 0.9], rel=1e-12)


def first_rates(model: Any, observations: Observations) -> list[float]:
    """Where the groups' values start."""
    loss = GaussianLikelihood()
    problem = EstimationProblem.make(model, observations, observations, loss, SolverSettings(), None, {})
    theta = problem.initial_theta(0)
    found = group_values(model, problem.groups, problem.layout, theta)["rate"]
    return (problem.layout["rate"].inside(found) if "rate" in problem.layout else found).tolist()


def test_what_has_no_meaning_in_another_model_is_told(fit: ude.Fit) -> None:
    def of(rate: ude.Parameter) -> ude.ODE:
        return ude.ODE(decay, ["x"], {"rate": rate, "common": 1.0})

    with pytest.warns(ude.UnideqWarning, match="`rate` is one value a `site` in the other model and one for all"):
        of(ude.Parameter(0.7)).initialised_from(fit.model)
    with pytest.warns(ude.UnideqWarning, match="one value a `site` in the other model and one a `batch` in this one"):
        of(ude.Parameter(0.7, per="batch")).initialised_from(fit.model)
    spread = of(ude.Parameter(0.7, positive=True, per="site", spread=ude.LogNormal(0.2)))
    shared = of(ude.Parameter(0.9, positive=True))
    assert float(spread.initialised_from(shared).grouped["rate"].parameter.array) == 0.9
    assert float(shared.initialised_from(spread).parameters["rate"].array) == 0.7
    with pytest.raises(ude.UnideqError, match=r"Parameter `rate`: .*upper bound"):
        of(ude.Parameter(0.3, upper=1.5, lower=0.1, per="site")).initialised_from(fit.model)
