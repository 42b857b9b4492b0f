"""DeepXDE's side of the residual benchmark: answers requests as `_serve.py` says. `DDE_BACKEND` chooses its backend."""

from __future__ import annotations

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")  # DeepXDE's own switch to float64 doesn't reach JAX

import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from _serve import serve

with redirect_stdout(sys.stderr):  # it says there which backend it has; answers are read from the standard output
    import deepxde as dde

    dde.config.set_default_float("float64")
BACKEND = os.environ["DDE_BACKEND"]
if BACKEND == "pytorch":
    import torch

    torch.set_num_threads(1)  # the matrices are small: more threads only wait for each other


def equation(x: Any, y: Any) -> Any:
    """Δu + u − q."""
    u_xx, u_yy = (dde.grad.hessian(y, x, i=k, j=k) for k in (0, 1))
    if BACKEND == "jax":  # there derivatives come with the function that they are the value of, and so does y
        u_xx, u_yy, y = u_xx[0], u_yy[0], y[0]
    q = (1 - 17 * np.pi**2) * dde.backend.sin(np.pi * x[:, 0:1]) * dde.backend.sin(4 * np.pi * x[:, 1:2])
    return u_xx + u_yy + y - q


def training(problem: dict[str, Any]) -> tuple[Callable[[], Any], dict[str, Any]]:
    """Adam with new points in every iteration."""
    box = dde.geometry.Rectangle([-1, -1], [1, 1])
    walls = dde.icbc.DirichletBC(box, lambda x: np.zeros((len(x), 1)), lambda _, on_boundary: on_boundary)
    count = problem["points"]
    data = dde.data.PDE(box, equation, walls, num_domain=count, num_boundary=count, train_distribution="pseudo")
    network = dde.nn.FNN([2, *problem["hidden"], 1], "tanh", "Glorot normal")
    model = dde.Model(data, network)
    model.compile("adam", lr=problem["learning_rate"], loss_weights=[1, problem["wall_weight"]], verbose=0)

    def call() -> Any:
        fresh = dde.callbacks.PDEPointResampler(period=1)
        return model.train(iterations=problem["iterations"], display_every=10**9, callbacks=[fresh], verbose=0)

    call()
    return call, {}


def prepare(problem: dict[str, Any]) -> Iterator[tuple[str, Callable[[], tuple[Callable[[], Any], dict[str, Any]]]]]:
    yield BACKEND, lambda: training(problem)


if __name__ == "__main__":
    serve(prepare)
