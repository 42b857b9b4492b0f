"""Differential-algebraic systems on the Julia engine: closed forms, published values, exact gradients, order, a fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import SolveError

from .. import algebraic
from ..problems import integration, least_squares

TIGHT = {"rtol": 1e-11, "atol": 1e-11}


@pytest.mark.parametrize("name", list(algebraic.PROBLEMS))
@pytest.mark.parametrize("solver", ["rodas5p", "rodas4"])
def test_solutions_and_gradients_are_exact(julia, name: str, solver: str):
    made = algebraic.program(name, name=solver, **TIGHT)
    states = julia.integrate(made.sources[0], algebraic.THETA).arrays["sol.u"]
    expected = algebraic.PROBLEMS[name][2](algebraic.THETA)
    np.testing.assert_allclose(states, np.stack([expected, expected]), rtol=1e-8)
    found = julia.value_and_gradient(made, algebraic.THETA)
    np.testing.assert_allclose(found.total, algebraic.value(name, algebraic.THETA), rtol=1e-9)
    np.testing.assert_allclose(np.asarray(found.gradient), algebraic.derivative(name), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", list(algebraic.PROBLEMS))
def test_reverse_and_forward_mode_are_those_of_the_steps_taken(julia, name: str):
    made, along = (
        algebraic.program(name, rtol=1e-4, atol=1e-4),
        np.array([0.3, -0.8, 0.5]),
    )  # coarse: exact all the same
    gradient = np.asarray(julia.value_and_gradient(made, algebraic.THETA).gradient)
    pushed = float(julia.jacobian_vector(made, algebraic.THETA, along))
    np.testing.assert_allclose(pushed, gradient @ along, rtol=1e-11)


@pytest.mark.parametrize(("solver", "order"), [("rodas4", 4), ("rodas5p", 5)])
def test_the_order_is_kept_in_both_kinds_of_states(julia, solver: str, order: int):
    expected = algebraic.smooth_solution(algebraic.THETA)[-1]
    steps, errors = [], []
    for rtol in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9):
        source = algebraic.program("smooth", name=solver, rtol=rtol, atol=rtol).sources[0]
        found = julia.integrate(source, algebraic.THETA)
        steps.append(float(found.statistics["accepted"][0]))
        errors.append(np.abs(found.arrays["sol.u"][0, -1] - expected))
    for kind in range(2):
        slope = np.polyfit(np.log(steps), np.log(np.array(errors)[:, kind]), 1)[0]
        assert slope < -(order - 0.4)
    assert np.max(errors[-1]) < 1e-8


def coupled(t, u, p):
    """32 cells of diffusion with a sink that an equation of its own decides, 0 = z + z³ − a u: a sparse Jacobian."""
    cells, sinks = [u[i] for i in range(32)], [u[32 + i] for i in range(32)]
    around = [cells[i - 1] - 2.0 * cells[i] + cells[(i + 1) % 32] for i in range(32)]
    moving = [100.0 * p[0] * around[i] - p[1] * sinks[i] + p[3] * np.cos(t) for i in range(32)]
    return moving + [sinks[i] + sinks[i] ** 3 - p[2] * cells[i] for i in range(32)]


def test_many_states_have_sparse_factors(julia):
    start = np.concatenate([1.0 + np.sin(2 * np.pi * np.arange(32) / 32), np.ones(32)])[None]
    times, theta = np.linspace(0.0, 2.0, 9)[None, 1:], np.array([1.0, 0.3, 0.8, 0.7])
    source = integration(coupled, start, times, 4, name="rodas5p", rtol=1e-9, atol=1e-9, max_steps=10_000)
    source = replace(source, algebraic=tuple(range(32, 64)))
    made = least_squares(source, np.random.default_rng(0).normal(size=(1, 8, 64)))
    gradient = np.asarray(julia.value_and_gradient(made, theta).gradient)
    forward = [float(julia.jacobian_vector(made, theta, e)) for e in np.eye(4)]
    np.testing.assert_allclose(gradient, forward, rtol=1e-9)
    h = 1e-5
    sides = [[float(julia.value(made, theta + s * h * e).total) for s in (1, -1)] for e in np.eye(4)]
    np.testing.assert_allclose(gradient, [(a - b) / (2 * h) for a, b in sides], rtol=1e-6)


# ---- models ----------------------------------------------------------------------------------------------------------

RATES = {"slow": 0.04, "fast": 3e7, "back": 1e4}
BEGUN = {"y1": 1.0, "y2": 0.0}


def reactions(t, s, p):
    """Robertson's, with the total instead of the third rate."""
    first, back, third = p.slow * s.y1, p.back * s.y2 * s.y3, p.fast * s.y2**2
    return {"y1": back - first, "y2": first - back - third, "y3": s.y1 + s.y2 + s.y3 - 1.0}


def test_robertsons_reactions_reach_the_published_values(julia):
    states = ["y1", ude.State("y2", scale=1e-5), ude.State("y3", algebraic=True)]
    dae = ude.ODE(reactions, states, RATES, initial=BEGUN)
    solver = ude.Rodas5P(rtol=1e-10, atol={"y1": 1e-14, "y2": 1e-20, "y3": 1e-14})
    course = dae.solve([0.0, 40.0, 1e11], engine=julia, solver=solver)
    # Hairer & Wanner, Solving ODEs II; Test Set for Initial Value Problem Solvers, problem ROBER
    published = [0.2083340149701255e-07, 0.8333360770334713e-13, 0.9999999791665050]
    np.testing.assert_allclose([course[n][-1] for n in ("y1", "y2", "y3")], published, rtol=1e-7)

    def written_out(t, s, p):
        return {**reactions(t, s, p), "y3": p.fast * s.y2**2}

    ode = ude.ODE(written_out, ["y1", states[1], "y3"], RATES, initial={**BEGUN, "y3": 0.0})
    other = ode.solve([0.0, 40.0], engine=julia, solver=solver)
    for name in ("y1", "y2", "y3"):
        np.testing.assert_allclose(course[name][:2], other[name], rtol=1e-10, atol=1e-18)


def learning(net=True, guess=0.5):
    """How fast x moves is what an equation with a learned part says: 0 = v + v³ − drive(x)."""

    def rhs(t, s, p, net):
        drive = net.drive(s.x) if "drive" in model_networks else p.pull * s.x
        return {"x": -s.v, "v": s.v + s.v**3 - drive}

    model_networks = {"drive": ude.nn.MLP(1, 1, (5,))} if net else {}
    states = ["x", ude.State("v", algebraic=True)]
    parameters = {} if net else {"pull": 2.0}
    return ude.ODE(rhs, states, parameters, model_networks, initial={"v": guess})


@pytest.fixture(scope="module")
def measured(julia):
    times = np.linspace(0.0, 3.0, 13)
    return learning(net=False).solve(times, {"x": np.array([1.0, 1.6])}, engine=julia).dataset


@pytest.fixture(scope="module")
def fit(julia, measured):
    phases = [ude.Adam(0.02, 150), ude.BFGS(150)]
    return ude.fit(learning(), measured, phases=phases, engine=julia, progress=False)


def test_a_network_in_the_residual_is_learned(fit, measured, julia):
    assert fit.record.settings.solver.name == "rodas5p"
    assert "initial.v" not in fit.record.layout
    found = np.squeeze(fit.predict(measured["time"].values)["v"])
    np.testing.assert_allclose(found, measured["v"], atol=0.01)
    assert fit.check_gradient().passed
    new = fit.predict([0.0, 1.0, 2.0], {"x": 1.3})
    truth = learning(net=False).solve([0.0, 1.0, 2.0], {"x": 1.3}, engine=julia)
    np.testing.assert_allclose(np.squeeze(new["v"]), truth["v"], atol=0.03)


def test_files_keep_it(fit, tmp_path):
    fit.save(tmp_path / "fit.nc")
    again = ude.Fit.load(tmp_path / "fit.nc", engine="julia")
    assert again.model.states["v"].algebraic
    xr.testing.assert_equal(again.predict([0.0, 1.0])["v"], fit.predict([0.0, 1.0])["v"])


def test_other_solvers_and_uses_are_refused_by_name(fit, measured, julia, tmp_path):
    model = learning(net=False)
    with pytest.raises(ude.errors.OptionError, match=r'`tsit5` solves no algebraic equations.*`solver="rodas4"`'):
        model.solve([0.0, 1.0], {"x": 1.0}, engine=julia, solver="tsit5")
    with pytest.raises(ude.errors.EngineUnsupported, match=r"`gauss` doesn't go with algebraic equations"):
        ude.fit(model, measured, solver=ude.Rodas5P(adjoint="gauss"), engine=julia, progress=False)
    with pytest.raises(ude.errors.OptionError, match=r"`MultipleShooting` .*`v` is algebraic"):
        ude.fit(model, measured, objective=ude.MultipleShooting(3), engine=julia, progress=False)
    with pytest.raises(ude.errors.OptionError, match=r"`Collocation` .*`v` is algebraic"):
        ude.fit(model, measured, objective=ude.Collocation(), engine=julia, progress=False)
    with pytest.raises(ude.errors.ModelError, match=r"The audit .*`v` is algebraic"):
        fit.audit()
    with pytest.raises(ude.errors.ModelError, match=r"Recovery .*`v` is algebraic"):
        fit.recover()
    with pytest.raises(ude.errors.ModelError, match=r"A script .*`v`"):
        fit.export_julia(tmp_path / "model.jl")


def test_where_no_values_fit_is_told(julia):
    circle = ude.ODE(
        lambda t, s, p: {"x": s.z, "z": s.x**2 + s.z**2 - 1.0},
        ["x", ude.State("z", algebraic=True)],
        initial={"x": 0.0},
    )
    up = circle.solve([0.0, 1.0], engine=julia)  # x = sin t
    np.testing.assert_allclose(up["x"][1], np.sin(1.0), rtol=1e-7)
    down = circle.solve([0.0, 1.0], {"x": 0.0, "z": -1.0}, engine=julia)
    np.testing.assert_allclose(down["x"][1], -np.sin(1.0), rtol=1e-7)
    with pytest.raises(SolveError, match=r"Trajectory 0: no values of the algebraic states are found.*`initial="):
        circle.solve([0.0, 1.0], {"x": 2.0}, engine=julia)
    with pytest.raises(SolveError, match=r"the residuals don't decide `z`.*index 2"):
        circle.solve([0.0, 1.0], {"x": 1.0, "z": 0.0}, engine=julia)
    with pytest.raises(SolveError):  # at π / 2 z comes to 0, and the other branch meets it
        circle.solve([0.0, 3.0], engine=julia)
