"""torchdiffeq's side of the benchmarks: answers requests as `_serve.py` says. Needs torch and torchdiffeq alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
from _serve import serve
from torch import nn
from torchdiffeq import odeint, odeint_adjoint

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)  # the matrices are tiny: more threads only wait for each other


class Rbf(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.exp(-x * x)


def network(widths: tuple[int, ...], activation: Callable[[], nn.Module], flat: torch.Tensor) -> nn.Sequential:
    """Dense layers with the weights of a flat vector, row by row."""
    parts: list[nn.Module] = []
    start = 0
    for inputs, outputs in pairwise(widths):
        linear = nn.Linear(inputs, outputs)
        with torch.no_grad():
            linear.weight.copy_(flat[start : start + inputs * outputs].reshape(outputs, inputs))
            start += inputs * outputs
            linear.bias.copy_(flat[start : start + outputs])
            start += outputs
        parts += [linear, activation()]
    return nn.Sequential(*parts[:-1])


class LotkaVolterra(nn.Module):
    def __init__(self, theta: torch.Tensor) -> None:
        super().__init__()
        self.growth, self.death = nn.Parameter(theta[0].clone()), nn.Parameter(theta[1].clone())
        self.network = network((2, 5, 5, 5, 2), Rbf, theta[2:])

    def forward(self, t: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.growth, -self.death]) * u + self.network(u)


class Spiral(nn.Module):
    def __init__(self, theta: torch.Tensor) -> None:
        super().__init__()
        self.network = network((2, 50, 2), nn.Tanh, theta)

    def forward(self, t: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        return self.network(u**3)


class Lorenz(nn.Module):
    def __init__(self, theta: torch.Tensor) -> None:
        super().__init__()
        self.sigma, self.rho, self.beta = theta

    def forward(self, t: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        x, y, z = u
        return torch.stack([self.sigma * (y - x), x * (self.rho - z) - y, x * y - self.beta * z])


MODELS = {"lotka_volterra": LotkaVolterra, "spiral": Spiral}
GRADIENTS = {"odeint": odeint, "odeint_adjoint": odeint_adjoint}


def gradient(problem: dict[str, Any], integrate: Any) -> tuple[Callable[[], Any], dict[str, Any]]:
    """Loss and gradient by `dopri5`, backwards through the solver or by the adjoint equations."""
    model = MODELS[problem["case"]](torch.tensor(problem["theta"]))
    u0, times, data = (torch.tensor(problem[name]) for name in ("u0", "times", "data"))
    tolerance = problem["tolerance"]
    parameters = list(model.parameters())

    def call() -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        found = integrate(model, u0, times, rtol=tolerance, atol=tolerance, method="dopri5")
        loss = ((found - data) ** 2).mean(0).sum()
        return loss.detach(), torch.autograd.grad(loss, parameters)

    loss, parts = call()
    return call, {"loss": float(loss), "gradient": torch.cat([part.ravel() for part in parts]).tolist()}


def lorenz(problem: dict[str, Any]) -> tuple[Callable[[], Any], dict[str, Any]]:
    """The forward solve by `dopri5`, without recording gradients."""
    model, u0 = Lorenz(torch.tensor(problem["theta"])), torch.tensor(problem["u0"])
    times = torch.tensor([problem["start"], *problem["times"]])
    tolerance = problem["tolerance"]
    evaluations = 0

    def count(t: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        nonlocal evaluations
        evaluations += 1
        return model(t, u)

    @torch.no_grad()
    def call(field: Any = model) -> torch.Tensor:
        return odeint(field, u0, times, rtol=tolerance, atol=tolerance, method="dopri5")

    states = call(count)[1:].tolist()
    return call, {"states": states, "evaluations": evaluations, "steps": evaluations // 6}


def prepare(problem: dict[str, Any]) -> Iterator[tuple[str, Callable[[], tuple[Callable[[], Any], dict[str, Any]]]]]:
    if problem["case"] == "lorenz":
        yield "dopri5", lambda: lorenz(problem)
    else:
        for name, integrate in GRADIENTS.items():
            yield name, lambda integrate=integrate: gradient(problem, integrate)


if __name__ == "__main__":
    serve(prepare)
