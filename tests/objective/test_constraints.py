"""Constraints by the augmented Lagrangian, on an optimal control problem with a known optimum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.training import kind_of

LIMIT = 1.0 / 9.0
KNOTS = np.linspace(0.0, 1.0, 13)
TIMES = xr.Dataset(coords={"time": np.linspace(0.0, 1.0, 49)})


def control(t: Any, p: Any) -> Any:
    """Linear between knots, as the optimal one is."""
    return np.sum(p.u * np.maximum(0.0, 1.0 - 12.0 * np.abs(t - KNOTS)))


def goals(**limit: Any) -> dict[str, ude.Cost]:
    return {
        "effort": ude.Cost(lambda t, s, p: control(t, p) ** 2, 0.5, over="integral"),
        "limit": ude.Constraint(lambda t, s: s.x, below=LIMIT, weight=100.0, **limit),
        "back": ude.Constraint(lambda t, s: s.x, equals=0.0, over="end", weight=100.0),
        "turned": ude.Constraint(lambda t, s: s.v, equals=-1.0, over="end", weight=100.0),
    }


def mass() -> ude.ODE:
    return ude.ODE(
        lambda t, s, p: {"x": s.v, "v": control(t, p)},
        ["x", "v"],
        {"u": np.zeros(13)},
        initial={"x": 0.0, "v": 1.0},
    )


def fitted(iterations: int) -> ude.Fit:
    return ude.fit(mass(), TIMES, cost=goals(), phases=ude.BFGS(iterations), solver="tsit5", progress=False)


@pytest.fixture(scope="module")
def fit() -> ude.Fit:
    return fitted(300)


def test_bryson_and_denhams_optimum(fit: ude.Fit) -> None:
    """Bryson & Ho 1975, section 3.11: ½ ∫ u² dt = 4 / (9 l), with u = −2/(3 l) (1 − t/(3 l)) up to t = 3 l."""
    terms = fit.record.history.joined(1)["terms"]
    assert 0.5 * float(terms["effort"][0, -1]) == pytest.approx(4.0 / (9.0 * LIMIT), rel=2e-3)
    exact = -2.0 / (3.0 * LIMIT) * np.maximum(1.0 - np.minimum(KNOTS, 1.0 - KNOTS) / (3.0 * LIMIT), 0.0)
    assert np.asarray(fit.parameters["u"]) == pytest.approx(exact, abs=0.2)
    path = fit.predict()
    assert float(path["x"].max()) < LIMIT + 1e-4
    assert float(path["x"][-1]) == pytest.approx(0.0, abs=1e-4)
    assert float(path["v"][-1]) == pytest.approx(-1.0, abs=1e-4)
    assert sum("is kept to" in event for event in fit.events) == 3


def test_multipliers_are_the_prices_of_the_bounds(fit: ude.Fit, tmp_path: Any) -> None:
    """d(4 / (9 l))/dl = −4 / (9 l²), shared by the times at which the limit holds."""
    fit.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc")
    multipliers = again.tree["/parameters"].to_dataset()["multiplier.limit"].isel(seed=0, trajectory=0)
    assert float(multipliers.mean()) == pytest.approx(4.0 / (9.0 * LIMIT**2), rel=0.05)
    rows = dict(again.record.settings.rows())
    assert rows["stages"] == "BFGS on Trajectory, 300 iterations in 10 rounds"
    assert "limit (≤ 0.111111 at all times)" in rows["costs"]
    assert np.array_equal(again.theta, fit.theta)


def test_what_is_not_kept_is_told() -> None:
    with pytest.warns(
        ude.UnideqWarning, match=r"The constraint `limit` .* is violated by 0\.[0-9]+, and 0.0001 is its"
    ):
        fitted(3)


@pytest.mark.parametrize(
    "settings",
    [
        {"objective": ude.MultipleShooting(3)},
        {"objective": ude.Trajectory(horizon=0.5)},
        {"objective": ude.Trajectory(batch=2), "phases": ude.Adam(1e-2, 2)},
        {"phases": ude.BFGS(2, objective=ude.Collocation())},
        {"holdout": 0.2},
    ],
    ids=["shooting", "horizon", "batch", "collocation", "holdout"],
)
def test_they_are_for_whole_solutions(settings: dict[str, Any]) -> None:
    data = TIMES.assign(x=("time", np.linspace(0.0, 0.1, 49)))
    chosen: dict[str, Any] = {"phases": ude.BFGS(2), **settings}
    with pytest.raises(ude.UnideqError, match="The constraint `limit` "):
        ude.fit(mass(), data, cost=goals(), progress=False, **chosen)


def test_phases_shorter_than_the_rounds_keep_all_their_iterations() -> None:
    limit = {"limit": ude.Constraint(lambda t, state: state.x, below=1.0, rounds=10)}
    for given in (1, 3, 7, 25):
        settings = kind_of(ude.ODE(lambda t, s, p: {"x": -p.k * s.x}, ["x"], {"k": 1.0})).chosen(
            ude.Trajectory(), ude.Adam(0.1, given), cost=limit
        )
        parts = [stage.iterations for stage in settings.stages()]
        assert sum(parts) == given and min(parts) >= 1 and len(parts) == min(given, 10)


def test_rankings_stand_beside_constraints() -> None:
    """What is solved under other inputs doesn't count in a bound: x = a u (1 − exp(−t)), below 0.4 for u = 1."""
    times = np.linspace(0.0, 3.0, 7)
    data = xr.Dataset({"x": ("time", 0.5 * (1 - np.exp(-times))), "u": ("time", np.ones(7))}, {"time": times})
    settings: dict[str, Any] = {"forcings": ["u"], "initial": {"x": 0.0}}
    model = ude.ODE(lambda t, s, p, net, forcing: {"x": p.a * forcing.u - s.x}, ["x"], {"a": 1.0}, **settings)
    fit = ude.fit(
        model, data, cost={"limit": ude.Constraint(lambda t, s: s.x, below=0.4, weight=100.0)},
        rankings=ude.Ranking("x", [{}, {"u": 1.0}]), phases=ude.BFGS(100), progress=False,
    )  # fmt: skip
    assert any("`limit` (≤ 0.4 at all times) is kept" in event for event in fit.events)
    assert float(fit.parameters["a"]) == pytest.approx(0.4 / (1 - np.exp(-3.0)), rel=5e-3)
