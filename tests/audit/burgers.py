"""Burgers' equation as published: data by backward differences, hosts with and without that scheme, exact closures.

Mohan, Chattopadhyay & Miller (arXiv:2411.15101): u_t = −u u_x + ν u_xx, periodic, N = 100, ν = 0.03, RK4 with
dt = 0.01 to T = 0.5, from 1 with a step to 2.
"""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

import unideq as ude
from unideq.audit.truncation import Truncation, TruncationOutcome
from unideq.audit.truncation.decompose import decompose
from unideq.audit.truncation.modified_equation import modified_equation
from unideq.audit.truncation.uniform_grid import UniformGrid

NU, DT = 0.03, 0.01
BACKWARD, CENTRAL = ude.schemes.Backward(1), ude.schemes.Central(6)


def grid(points: int = 100) -> ude.Grid:
    return ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, points))


def generator(points: int = 100, nu: float = NU) -> ude.PDE:
    """The model that makes the data."""
    g = grid(points)
    return ude.PDE(
        lambda t, s, p: -s.u * g.d(s.u, scheme=BACKWARD) + p.nu * g.d(s.u, order=2, scheme=CENTRAL),
        g,
        ["u"],
        {"nu": nu},
    )


def host(scheme, points: int = 100) -> ude.PDE:
    """What the closure is added to."""
    g = grid(points)
    return ude.PDE(lambda t, s: -s.u * g.d(s.u, scheme=scheme), g, ["u"])


def front(points: int = 100) -> np.ndarray:
    u = np.ones(points)
    u[2 : points // 2] = 2.0
    return u


def wave(points: int = 100) -> np.ndarray:
    return 1.5 + 0.5 * np.sin(np.arange(points) * 2 * np.pi / points)


def trajectory(model: ude.PDE, start: np.ndarray, steps: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Times (K,) and states (K, n) by the test's own Runge–Kutta steps."""

    def rate(u):
        return model(0.0, {"u": u})["u"]

    states = [start]
    for _ in range(steps):
        u = states[-1]
        a = rate(u)
        b = rate(u + DT / 2 * a)
        c = rate(u + DT / 2 * b)
        states.append(u + DT / 6 * (a + 2 * b + 2 * c + rate(u + DT * c)))
    return DT * np.arange(steps + 1), np.array(states)


def exact_closure(model: ude.PDE, of: ude.PDE, states: np.ndarray) -> np.ndarray:
    """What a host lacks of another model, at states (K, n)."""
    return np.array([model(0.0, {"u": u})["u"] - of(0.0, {"u": u})["u"] for u in states])


def split(of: ude.PDE, closure, times, states, data: ude.PDE | None = None, only=None, **settings) -> TruncationOutcome:
    """`decompose` for a host and the model that made the data."""
    made = None if data is None else modified_equation(data, UniformGrid.of(data))
    host = modified_equation(of, UniformGrid.of(of))
    found = decompose(host, made, times, states, closure, [len(times)], Truncation(**settings), only)
    return TruncationOutcome.of(found, data is not None)


def dataset(points: int = 40, steps: int = 20) -> xr.Dataset:
    """Data with its provenance."""
    model = generator(points)
    times, states = trajectory(model, wave(points), steps)
    coords = {"time": times, "x": grid(points).coordinates("x")}
    data = xr.Dataset({"u": (("time", "x"), states)}, coords=coords)
    return data.assign_attrs(unideq_model=json.dumps(model.to_json()))


def linear_closure(scheme, points: int = 40) -> ude.PDE:
    """A host whose closure is linear in u_xx and u·u_xx, so that training finds the best such one."""
    g = grid(points)

    def rhs(t, s, p, net):
        second = g.d(s.u, order=2, scheme=CENTRAL)
        return -s.u * g.d(s.u, scheme=scheme) + net.closure(second, s.u * second)

    return ude.PDE(rhs, g, ["u"], networks={"closure": ude.nn.MLP(2, 1, ())})


def fitted(model, data: xr.Dataset, weights: tuple[float, float]) -> ude.Fit:
    """A fit whose linear closure has these coefficients, as if training had found them."""
    fit = ude.fit(
        model, data, objective=ude.Collocation(), phases=ude.Adam(1e-3, 1), solver=ude.RK4(dt=DT),
        estimate_initial=False, progress=False,
    )  # fmt: skip
    layout = fit.record.layout
    start = layout.offsets["closure.layer_1.weight"]
    fit.record.best_theta[0, start : start + 3] = [*weights, 0.0]
    fit._computed = None
    return fit
