"""Problems that the engine's tests share: vector fields with known solutions, objectives with known minima."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unideq.engine import Engine, get_engine
from unideq.graph import Expression, Graph, apply, constant, variable
from unideq.objective.program import Integration, LossProgram, Pointwise, SolverSettings
from unideq.optimise import FirstOrder, Phase
from unideq.stored import from_json

Rhs = Callable[[Expression, Expression, Expression], Sequence[Any]]


def engine() -> Engine:
    """The embedded engine, one for all tests: compiled functions are shared."""
    return get_engine("jax")


def vector_field(rhs: Rhs, states: int, parameters: int) -> Graph:
    """Graph of du/dt from a function of (t, u, theta)."""
    t, u, theta = variable("t"), variable("u", (states,)), variable("theta", (parameters,))
    return Graph([t, u, theta], {"du": np.stack(rhs(t, u, theta))})


def integration(
    rhs: Rhs,
    start_state: Any,
    times: Any,
    parameters: int = 1,
    start: Any = None,
    **solver: Any,
) -> Integration:
    """A batch (B, n) of starts, or one start (n,), integrated over times (B, K) or (K,); start time 0 by default.

    `solver` goes to `SolverSettings`: tsit5 at 1e-8 by default. The states are recorded as `sol.u`.
    """
    states = np.atleast_2d(np.asarray(start_state, dtype=float))
    grid = np.atleast_2d(np.asarray(times, dtype=float))
    field = vector_field(rhs, states.shape[1], parameters)
    t, u, theta = field.inputs
    settings = SolverSettings(**{"name": "tsit5", "rtol": 1e-8, "atol": 1e-8, **solver})
    begin = np.zeros(len(states)) if start is None else np.asarray(start, dtype=float)
    initial = Graph([theta], {"u0": constant(states)})
    return Integration("sol", field, initial, begin, grid, Graph([t, u, theta], {"u": u}), settings)


def least_squares(source: Integration, data: np.ndarray) -> LossProgram:
    """Mean squared distance of all states from data (B, K, n), and a small ridge on θ as a second term."""
    found = variable(f"{source.name}.u", data.shape)
    theta = source.vector_field.input("theta")
    residual = found - data
    loss = Graph([found, theta], {"fit": np.mean(residual * residual), "ridge": np.sum(theta * theta)})
    return LossProgram((source,), loss, {"fit": 1.0, "ridge": 1e-4})


def network_rhs(sizes: tuple[int, ...] = (2, 4, 2)) -> tuple[Rhs, int]:
    """Lotka–Volterra growth and death with a small tanh network for the interaction; and the number of parameters."""
    parameters = 2 + sum((a + 1) * b for a, b in itertools.pairwise(sizes))

    def rhs(t: Expression, u: Expression, theta: Expression) -> Sequence[Any]:
        layer, at = u, 2
        for i, (a, b) in enumerate(itertools.pairwise(sizes)):
            layer = theta[at : at + a * b].reshape(b, a) @ layer + theta[at + a * b : at + (a + 1) * b]
            at += (a + 1) * b
            if i < len(sizes) - 2:
                layer = np.tanh(layer)
        growth, death = apply("softplus", theta[0]), apply("softplus", theta[1])
        return [growth * u[0] - layer[0], layer[1] - death * u[1]]

    return rhs, parameters


def ude_objective(points: int = 8, **solver: Any) -> tuple[LossProgram, np.ndarray]:
    """A small Lotka–Volterra UDE fitted to a smooth curve; and parameters to start from."""
    rhs, parameters = network_rhs()
    times = np.linspace(0.0, 1.5, points + 1)[1:]
    source = integration(rhs, [1.0, 1.2], times, parameters, **solver)
    data = np.stack([1.0 + 0.4 * np.sin(times), 1.2 * np.exp(-0.5 * times)], axis=1)[None]
    theta = 0.4 * np.random.default_rng(5).standard_normal(parameters)
    return least_squares(source, data), theta


def rosenbrock() -> LossProgram:
    """(1 − x)² + 100 (y − x²)² as two pointwise residual terms; minimum 0 at (1, 1)."""
    theta, one = variable("theta", (2,)), variable("one")
    residuals = Graph([theta, one], {"r": one - theta[0], "s": 10.0 * (theta[1] - theta[0] ** 2)})
    r, s = variable("p.r", (1,)), variable("p.s", (1,))
    loss = Graph([r, s, theta], {"valley": np.sum(s * s), "slope": np.sum(r * r)})
    return LossProgram((Pointwise("p", residuals, {"one": np.ones(1)}),), loss, {"valley": 1.0, "slope": 1.0})


def quadratic(size: int = 4) -> tuple[LossProgram, np.ndarray]:
    """½ Σ cᵢ (θᵢ − mᵢ)² with condition number 100, over points i; and its minimiser m."""
    centre = np.linspace(-1.0, 2.0, size)
    stiffness = np.geomspace(1.0, 100.0, size)
    theta, weights = variable("theta", (size,)), variable("weights", (size,))
    residual = np.sum(weights * (theta - centre) * (theta - centre))
    values = variable("p.value", (size,))
    points = {"weights": 0.5 * np.diag(stiffness)}
    source = Pointwise("p", Graph([theta, weights], {"value": residual}), points)
    return LossProgram((source,), Graph([values, theta], {"square": np.sum(values)}), {"square": 1.0}), centre


@dataclass(frozen=True)
class Lion(FirstOrder):
    """Lion (Chen et al. 2023, arXiv:2302.06675), as a user writes it."""

    kind: ClassVar[str] = "lion"
    learning_rate: float = 1e-2
    iterations: int = 30
    beta1: float = 0.9
    beta2: float = 0.99
    objective: None = None

    def memory(self, size: int) -> dict[str, np.ndarray]:
        return {"mean": np.zeros(size), "step": np.zeros(size)}

    def remember(self, state: Mapping[str, Any], gradient: Any) -> dict[str, Any]:
        mean = state["mean"]
        step = np.sign(self.beta1 * mean + (1 - self.beta1) * gradient)
        return {"step": step, "mean": self.beta2 * mean + (1 - self.beta2) * gradient}

    def direction(self, state: Mapping[str, Any], age: Any) -> Any:
        return state["step"]


def phase_of(name: str, settings: Mapping[str, Any]) -> Phase:
    """The phase of an optimiser by its name in files, from settings as files have them."""
    return from_json(Phase, {"optimizer": name, **settings})


def edge_objective() -> LossProgram:
    """x² − 0.001 log x: NaN or infinite for x ≤ 0, minimum at √0.0005."""
    theta, one = variable("theta", (1,)), variable("one")
    graph = Graph([theta, one], {"value": one * (theta[0] ** 2 - 0.001 * np.log(theta[0]))})
    value = variable("p.value", (1,))
    return LossProgram(
        (Pointwise("p", graph, {"one": np.ones(1)}),), Graph([value, theta], {"v": np.sum(value)}), {"v": 1.0}
    )
