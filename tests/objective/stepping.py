"""Small steppers and data that the tests of unrolled training share."""

import numpy as np
import xarray as xr

import unideq as ude
from unideq.objective import EstimationProblem, Observations, SolverSettings, loss_of
from unideq.objective.cost import costs_of
from unideq.objective.regularise import regulariser_of

DT = 0.1
GRID = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 16), scheme=ude.schemes.Fourier())
X = GRID.coordinates("x")


def spiral(a=0.5, b=0.7, dt=DT, scheme="rk4"):
    """dx/dt = −a·x + b·y, dy/dt = −b·x − 0.2·y."""

    def rhs(t, s, p):
        return {"x": -p.a * s.x + p.b * s.y, "y": -p.b * s.x - 0.2 * s.y}

    return ude.Stepper(ude.ODE(rhs, ["x", "y"], {"a": a, "b": b}), dt, scheme)


def spiral_data(steps=20, trajectories=3, every=1, seed=0):
    """Rollouts of the spiral with a = 0.3 and b = 1."""
    start = np.random.default_rng(seed).normal(size=(2, trajectories))
    return spiral(0.3, 1.0).rollout({"x": start[0], "y": start[1]}, steps, every=every)


def growth(rate=1.0):
    """u⁺ = u + dt·rate·u with dt = 1: explicit Euler, so that derivatives can be written down."""
    return ude.Stepper(ude.ODE(lambda t, s, p: {"u": p.rate * s.u}, ["u"], {"rate": rate}), 1.0, "euler")


def series(values, dt=1.0, name="u"):
    """One trajectory of a scalar."""
    values = np.asarray(values, dtype=float)
    return xr.Dataset({name: ("time", values)}, coords={"time": dt * np.arange(len(values))})


def advection(speed, dt=0.05):
    """u_t = −c u_x on a periodic grid, in Fourier space."""
    model = ude.PDE(lambda t, s, p: -p.speed * GRID.d(s.u), GRID, ["u"], {"speed": speed})
    return ude.Stepper(model, dt, "rk4")


def waves(trajectories=2):
    """Smooth initial fields (trajectories, x)."""
    return np.stack([np.sin(X + k) + 0.3 * np.cos(2 * X - k) for k in range(trajectories)])


def made(model, data, **settings):
    """The problem of fitting a stepper to data."""
    everything = Observations.of(data, model)
    train, _ = everything.split(settings.pop("holdout", None))
    costs = {n: p.traced(model) for n, p in costs_of(settings.pop("cost", None)).items()}
    loss, regulariser = loss_of(settings.pop("loss", None)), regulariser_of(settings.pop("regularise", None))
    return EstimationProblem.make(model, train, everything, loss, SolverSettings(), regulariser, costs)
