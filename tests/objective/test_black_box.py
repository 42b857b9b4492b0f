"""Black-box steps: trained without their derivative, and equal to the same step as a graph where both are possible."""

import numpy as np
import pytest

import unideq as ude
from unideq.errors import OptionError, UnideqError
from unideq.objective.black_box import host_rollout

from .stepping import GRID, X, made, waves

DT = 0.05
SHIFT = np.exp(-1j * np.fft.rfftfreq(16, 1 / 16) * DT)
SHIFT[-1] = 1.0  # the highest mode has no odd derivative on the grid


def shift(fields):
    """u(x) → u(x − dt), exactly."""
    return {"u": np.fft.irfft(np.fft.rfft(fields["u"]) * SHIFT, n=16)}


def damping(t, state, p, net):
    return {"u": -p.rate * state.u + 0.1 * net.closure(state.u)}


NETWORKS = {"closure": ude.nn.MLP(1, 1, (3,))}
PARAMETERS = {"rate": 0.5}


def black_box(coupling="parallel", correction=damping):
    return ude.Stepper(
        shift,
        DT,
        correction=correction,
        coupling=coupling,
        networks=NETWORKS,
        parameters=PARAMETERS,
        grid=GRID,
        fields=["u"],
    )


def graph(coupling="parallel", correction=damping):
    """The same step as a graph: advection, exact by ETD."""
    pde = ude.PDE(lambda t, s: 0.0 * s.u, GRID, ["u"], linear=lambda d: -1.0 * d.x)
    return ude.Stepper(
        pde, DT, "etd1", correction=correction, coupling=coupling, networks=NETWORKS, parameters=PARAMETERS
    )


def truth(steps=8):
    times = DT * np.arange(steps + 1)
    u = np.exp(-0.3 * times)[:, None] * np.sin(X[None, :] - times[:, None]) + 0.2
    return ude.Stepper(
        ude.PDE(lambda t, s: -0.3 * s.u, GRID, ["u"], linear=lambda d: -1.0 * d.x), DT, "etdrk4"
    ).rollout({"u": np.stack([u[0], waves()[1]])}, steps)


def gradients(stepper, objective, data):
    problem = made(stepper, data)
    engine = ude.get_engine()
    theta = problem.initial_theta(3)
    program = objective.build(problem)
    batches = objective.batches(problem, engine.evaluate)
    if batches is not None:
        fresh = batches(0, theta)
        first, given = program.sources
        program = type(program)(
            (type(first)(first.name, first.graph, fresh[0]), type(given)(given.name, fresh[1])),
            program.loss,
            program.weights,
        )
    found = engine.value_and_gradient(program, theta[None])
    return float(found.total[0]), np.asarray(found.gradient[0])


@pytest.mark.parametrize("coupling", ["parallel", "sequential"])
@pytest.mark.parametrize(("gradient", "warmup"), [("none", 0), ("none", 2), ("one_step", 0)])
def test_a_black_box_learns_what_the_same_step_as_a_graph_learns(coupling, gradient, warmup):
    def full_state(t, state, p, net):
        return {"u": state.u * p.rate + 0.1 * net.closure(state.u)}

    correction = damping if coupling == "parallel" else full_state
    objective = ude.Unrolled(3, gradient, warmup=warmup)
    value, slope = gradients(black_box(coupling, correction), objective, truth())
    expected, wanted = gradients(graph(coupling, correction), objective, truth())
    assert value == pytest.approx(expected, rel=1e-10)
    assert slope == pytest.approx(wanted, rel=1e-10, abs=1e-12)


def test_rollouts_on_the_host_are_those_of_the_engine():
    data = truth()
    start = data["u"].values[:, 0]
    theta = black_box().initial_theta(2)
    engine = ude.get_engine()
    path, _ = host_rollout(black_box(), engine.evaluate, theta, {"start": start, "t": np.zeros(2)}, 6)
    expected = graph().rollout({"u": start}, 6, theta, engine=engine)["u"].values
    assert path == pytest.approx(expected, abs=1e-11)


def test_a_fit_of_a_black_box_finds_its_damping_without_any_derivative_of_the_solver():
    stepper = ude.Stepper(
        shift, DT, correction=lambda t, s, p: {"u": -p.rate * s.u}, parameters=PARAMETERS, grid=GRID, fields=["u"]
    )
    clean = [waves()]
    for _ in range(12):
        clean.append(np.stack([shift({"u": u})["u"] - DT * 0.3 * u for u in clean[-1]]))
    data = stepper.rollout({"u": waves()}, 12)
    data = data.assign(u=(data["u"].dims, np.stack(clean, axis=1)))
    found = ude.fit(
        stepper,
        data,
        objective=ude.Unrolled(3, "none", batch=8),
        phases=ude.Adam(2e-2, 250),
        progress=False,
        holdout=0.2,
    )
    assert float(found.parameters["rate"]) == pytest.approx(0.3, abs=2e-4)
    assert found.tree["diagnostics"]["rmse_held_out"].item() < 1e-3
    direct = ude.fit(stepper, data, objective=ude.Unrolled(3, "one_step"), phases=ude.BFGS(20), progress=False)
    assert float(direct.parameters["rate"]) == pytest.approx(0.3, abs=1e-8)


def test_a_full_gradient_through_a_black_box_is_refused_with_what_to_do():
    with pytest.raises(OptionError, match=r'NumPy function without derivative. Use `Unrolled\(gradient="none"\)`'):
        ude.fit(black_box(), truth(), objective=ude.Unrolled(2), progress=False)
    with pytest.raises(OptionError, match="whole rollout"):
        ude.Trajectory().build(made(black_box(), truth()))


def test_a_black_box_whose_solver_is_not_asked_may_have_the_full_gradient():
    def next_state(t, state, p, net):
        return {"u": p.rate * state.u + net.closure(state.u)}

    value, slope = gradients(black_box("prediction", next_state), ude.Unrolled(2), truth())
    assert np.isfinite(value)
    assert np.abs(slope).max() > 0


def test_ensembles_and_coarse_data_are_refused():
    with pytest.raises(UnideqError, match="one seed at a time"):
        ude.fit(
            black_box(), truth(), objective=ude.Unrolled(2, "none"), phases=ude.Adam(1e-3, 2), seeds=2, progress=False
        )
    with pytest.raises(OptionError, match="every 2 steps"):
        coarse = truth().isel(time=slice(None, None, 2))
        ude.fit(black_box(), coarse, objective=ude.Unrolled(2, "none"), progress=False)
