"""Delay differential equations on the Julia engine: closed forms, exact gradients, order, a fit."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import unideq as ude

from .. import delays

TIGHT = {"rtol": 1e-11, "atol": 1e-11}


@pytest.mark.parametrize("solver", ["tsit5", "vern7", "dopri5", "bs3"])
def test_solutions_and_gradients_are_exact(julia, solver: str):
    made = delays.program(name=solver, **({"rtol": 1e-9, "atol": 1e-9} if solver == "bs3" else TIGHT))
    states = julia.integrate(made.sources[0], delays.THETA).arrays["sol.u"]
    expected = delays.solution(delays.THETA)
    np.testing.assert_allclose(states, np.stack([expected, expected]), rtol=1e-8, atol=1e-9)
    found = julia.value_and_gradient(made, delays.THETA)
    np.testing.assert_allclose(found.total, delays.value(delays.THETA), rtol=1e-8)
    np.testing.assert_allclose(np.asarray(found.gradient), delays.derivative(), rtol=1e-7)


@pytest.mark.parametrize("solver", ["tsit5", "vern7"])
def test_reverse_and_forward_mode_are_those_of_the_steps_taken(julia, solver: str):
    made, along = delays.program(name=solver, rtol=1e-3, atol=1e-3), np.array([0.3, -0.8, 0.5])
    gradient = np.asarray(julia.value_and_gradient(made, delays.THETA).gradient)
    pushed = float(julia.jacobian_vector(made, delays.THETA, along))
    np.testing.assert_allclose(pushed, gradient @ along, rtol=1e-11)


RATES = {"growth": 1.6, "capacity": 2.0}


def hutchinson(t, s, p):
    """Growth that the crowd of a while ago holds back: it swings."""
    return {"x": p.growth * s.x * (1.0 - s.lag(1.0).x / p.capacity)}


def test_the_order_is_kept_where_kinks_come_back(julia):
    model = ude.ODE(hutchinson, ["x"], RATES, initial={"x": 0.5})

    def solved(rtol):
        course = model.solve([0.0, 6.5], engine=julia, solver=ude.Tsit5(rtol=rtol, atol=rtol))
        return float(course["x"][-1]), float(course.statistics["accepted"][0])

    exact, steps, errors = solved(1e-12)[0], [], []
    for rtol in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8):
        value, count = solved(rtol)
        steps.append(count)
        errors.append(abs(value - exact))
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] < -4.2
    assert errors[-1] < 1e-6
    before = np.array([0.0, 0.5, 1.0])  # x(t - 1) is 0.5 there; fewer stops are on this way
    course = model.solve(before, engine=julia)
    np.testing.assert_allclose(course["x"], 0.5 * np.exp(1.6 * 0.75 * before), rtol=1e-7)


@pytest.fixture(scope="module")
def data(julia):
    model = ude.ODE(hutchinson, ["x"], RATES)
    return model.solve(np.linspace(0.0, 8.0, 33), {"x": np.array([0.5, 3.0])}, engine=julia).dataset


@pytest.fixture(scope="module")
def fit(julia, data):
    learned = ude.ODE(
        lambda t, s, p, net: {"x": s.x * (p.growth - net.held(s.lag(1.0).x))},
        ["x"],
        {"growth": 1.0},
        {"held": ude.nn.MLP(1, 1, (5,), input_scale=2.0)},
    )
    area = ude.Cost(lambda t, s, p: s.x, over="integral", weight=1e-6)
    phases = [ude.Adam(0.02, 200), ude.BFGS(200)]
    return ude.fit(learned, data, cost={"area": area}, phases=phases, engine=julia, progress=False)


def test_a_network_of_the_past_is_learned(fit, data, tmp_path):
    assert fit.record.settings.solver.name == "tsit5"
    np.testing.assert_allclose(fit.predict(data["time"].values)["x"].squeeze(), data["x"], atol=0.03)
    assert fit.check_gradient().passed
    fit.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc", engine="julia")
    assert again.model.delays == (1.0,)
    xr.testing.assert_equal(again.predict([0.0, 3.0])["x"], fit.predict([0.0, 3.0])["x"])
    low, high = fit.network("held")(np.array([0.5, 3.0]))
    assert float(high - low) == pytest.approx(1.6 * 1.25, abs=0.3)


def test_gradients_through_inputs_costs_and_a_history_of_ones_own(julia):
    steps = xr.DataArray(
        [0.0, 1.0, 0.5, 0.5], {"time": [0.0, 0.75, 2.0, 5.0]}, "time", attrs={"interpolation": "previous"}
    )

    def rhs(t, s, p, net, forcing):
        past = np.where(t < 1.3, p.level * np.cos(t - 1.3), s.lag(1.3).x)
        return {"x": -p.rate * past + forcing.inflow}

    model = ude.ODE(rhs, ["x"], {"rate": 0.8, "level": 1.0}, forcings={"inflow": steps}, initial={"x": 1.0})
    course = model.solve(np.linspace(0.0, 5.0, 11), engine=julia)
    early = 1.0 - 0.8 * (np.sin(0.5 - 1.3) + np.sin(1.3))  # ∫ cos(s − 1.3)
    np.testing.assert_allclose(float(course["x"][1]), early, rtol=1e-7)
    start = model.with_values({"rate": 0.5, "level": 0.7})
    area = ude.Cost(lambda t, s, p: s.x**2, over="integral", weight=1e-9)
    found = ude.fit(start, course.dataset, cost={"area": area}, phases=[ude.BFGS(60)], engine=julia, progress=False)
    assert float(found.parameters["rate"]) == pytest.approx(0.8, rel=1e-3)
    assert float(found.parameters["level"]) == pytest.approx(1.0, rel=1e-3)


def test_other_solvers_and_uses_are_refused_by_name(fit, data, julia, tmp_path):
    model = ude.ODE(hutchinson, ["x"], RATES)
    with pytest.raises(ude.errors.OptionError, match=r"`rodas5p` solves no equations with delays.*`solver=\"tsit5\"`"):
        model.solve([0.0, 1.0], {"x": 1.0}, engine=julia, solver="rodas5p")
    with pytest.raises(ude.errors.OptionError, match=r"`rk4` solves no equations with delays"):
        model.solve([0.0, 1.0], {"x": 1.0}, engine=julia, solver=ude.RK4(dt=0.1))
    with pytest.raises(ude.errors.EngineUnsupported, match=r"`gauss` doesn't go with equations with delays"):
        ude.fit(model, data, solver=ude.Tsit5(adjoint="gauss"), engine=julia, progress=False)
    with pytest.raises(ude.errors.OptionError, match=r"`MultipleShooting` .*`state.lag\(1\)`"):
        ude.fit(model, data, objective=ude.MultipleShooting(3), engine=julia, progress=False)
    with pytest.raises(ude.errors.OptionError, match=r"`Collocation` .*`state.lag\(1\)`"):
        ude.fit(model, data, objective=ude.Collocation(), engine=julia, progress=False)
    with pytest.raises(ude.errors.ModelError, match=r"The audit .*`state.lag\(1\)`"):
        fit.audit()
    with pytest.raises(ude.errors.ModelError, match=r"Recovery .*`state.lag\(1\)`"):
        fit.recover()
    with pytest.raises(ude.errors.ModelError, match=r"A script .*`state.lag\(1\)`"):
        fit.export_julia(tmp_path / "model.jl")
