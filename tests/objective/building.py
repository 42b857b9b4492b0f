"""Small models, data and problems that the tests of objectives share."""

import numpy as np
import xarray as xr

from unideq.model import ODE, State
from unideq.objective import EstimationProblem, Observations, SolverSettings, loss_of
from unideq.objective.cost import costs_of
from unideq.objective.regularise import regulariser_of

NAN = np.nan


def decay(**settings):
    """dx/dt = −rate·x, dy/dt = x."""
    return ODE(lambda t, s, p: {"x": -p.rate * s.x, "y": s.x}, ["x", "y"], {"rate": 2.0}, **settings)


def dataset(times, **variables):
    return xr.Dataset({k: ("time", v) for k, v in variables.items()}, coords={"time": times})


def problem(model, data, loss=None, holdout=None, regularise=None, cost=None, **settings):
    everything = Observations.from_data(data, model.observables)
    train, _ = everything.split(holdout)
    costs = {n: p.traced(model) for n, p in costs_of(cost).items()}
    return EstimationProblem.make(
        model, train, everything, loss_of(loss), SolverSettings(), regulariser_of(regularise), costs, **settings
    )


def ready(specification, made, seed=0):
    """The problem with the objective's entries, θ at its start, and the program."""
    extended = made.extended(specification.entries(made))
    theta = extended.initial_theta(seed, specification.guesses(made))
    return extended, theta, specification.build(extended)


def initial(program, theta):
    return program.sources[0].initial.evaluate({"theta": theta})["u0"]


def terms(program, theta, **arrays):
    """The loss terms for made-up arrays; keys have `__` for `.`."""
    return program.loss.evaluate({"theta": theta, **{k.replace("__", "."): v for k, v in arrays.items()}})


def positive_pair():
    return ODE(lambda t, s: {"a": -s.a, "b": s.a}, [State("a", positive=True), State("b")])
