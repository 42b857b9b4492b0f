"""One path of a `BackwardProblem`: the forward process, what networks say along it, and by how much Y misses g(X)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph import Expression, Graph, batched, constant, partition, pullback, variable
from ..graph.transform import rebuild

if TYPE_CHECKING:
    from .problem import BackwardProblem

__all__ = ["Path", "forward_path"]


class Path:
    """A path as expressions in its Brownian increments `w` (N, k) and θ.

    Networks see all times at once, as rows of one matrix: they don't depend on Y, and X doesn't on them.

    Parameters
    ----------
    problem
        Whose path.
    steps
        N; default: the problem's own. Of `gradients` a multiple of those: a network stays for its whole step.

    Attributes
    ----------
    x, z
        X (N + 1, d) and Z (N, k).
    u
        What a network says of u, (N + 1,), where it does.
    y
        Y (N + 1,), from u(t₀, x₀) on by Z.
    mismatch
        g(X) − Y at the end.
    """

    def __init__(self, problem: BackwardProblem, steps: int | None = None) -> None:
        self.problem, self.steps = problem, problem.steps if steps is None else steps
        self.dt = problem.horizon / self.steps
        self.theta = problem.layout.variable()
        self.w, self.x = forward_path(problem, self.steps)
        self.times = problem.start + self.dt * np.arange(self.steps + 1)
        self.u, self.z = self._learned()
        self.driven: Any = np.sum(self.z * self.w, axis=1)  # type: ignore[call-overload]
        self.first = self.u[0] if self.u is not None else problem.layout.view(self.theta, "u0")

    def graph(self, *names: str) -> Graph:
        """The graph w, theta → attributes of these names."""
        return Graph((self.w, self.theta), {name: getattr(self, name) for name in names})

    def _learned(self) -> tuple[Any, Any]:
        problem, x, steps = self.problem, self.x, self.steps
        if problem.learns == "gradients":
            every = steps // problem.steps
            rows = [self._each(problem.learned_at(n // every), x[n : n + 1], n, 1)["z"] for n in range(steps)]
            return None, np.concatenate(rows)  # type: ignore[call-overload]
        if problem.learns == "gradient":
            return None, self._each(problem.learned_at(), x[:-1], 0, steps)["z"]
        made = self._each(problem.learned_at(), x, 0, steps + 1)
        return made["u"], made["z"][:-1]

    def _each(self, graph: Graph, x: Any, first: int, count: int, **more: Any) -> dict[str, Any]:
        """Outputs of a graph of one point (t, x, …, θ) at `count` points of the path."""
        values = {"t": constant(self.times[first : first + count]), "x": x, **more}
        mapped = [n for n in graph.input_names if n in values]
        many = batched(graph, mapped, count)
        made = rebuild(list(many.outputs.values()), {many.input(n): values[n] for n in mapped})
        return dict(zip(many.outputs, made, strict=True))

    def generators(self, y: Any) -> Any:
        """f (N,) along the path, for y (N,)."""
        return self._each(self.problem.equations["generator"], self.x[:-1], 0, self.steps, y=y, z=self.z)["value"]

    @cached_property
    def y(self) -> Any:
        """Y step by step; what f has that doesn't depend on y is computed for all times at once."""
        before, rest = partition(self.problem.equations["generator"], "t", "x", "z")
        parts = self._each(before, self.x[:-1], 0, self.steps, z=self.z) if before.outputs else {}
        (value,) = rest.outputs.values()
        if not any(n.operation == "input" and n.name == "y" for n in rest.nodes):
            change = self.driven - self.dt * rebuild([value], {rest.input(n): v for n, v in parts.items()})[0]
            return np.concatenate([self.first.reshape(1), self.first + np.cumsum(change)])  # type: ignore[call-overload]
        found = [self.first]
        for n in range(self.steps):
            at = {rest.input(name): rows[n] for name, rows in parts.items()} | {rest.input("y"): found[-1]}
            found.append(found[-1] - self.dt * rebuild([value], at)[0] + self.driven[n])
        return np.stack(found)  # type: ignore[call-overload]

    @property
    def along(self) -> Any:
        """u along the path: a network's, else Y."""
        return self.y if self.u is None else self.u

    @property
    def end(self) -> Any:
        """Y at the end."""
        return self.y[self.steps]

    @property
    def terminal(self) -> Any:
        """g(X) at the end."""
        graph = self.problem.equations["terminal"]
        return rebuild([graph.outputs["value"]], {graph.inputs[0]: self.x[self.steps]})[0]

    @property
    def mismatch(self) -> Any:
        return self.terminal - self.end

    @property
    def local(self) -> Any:
        """By how much a network's u isn't consistent: Y one step from u, against u there (N,); and g − u at the end."""
        ahead = self.u[:-1] - self.dt * self.generators(self.u[:-1]) + self.driven
        return self.u[1:] - ahead

    @property
    def weight(self) -> Any:
        """Λ at the end, with dΛ = Λ (f_y dt + f_z·dW): E[Λ (g(X) − Y)] is what u(t₀, x₀) lacks, to first order."""
        generator = self.problem.equations["generator"]
        _, _, y, z = generator.inputs
        slopes = pullback([generator.outputs["value"]], [constant(1.0)], [y, z])
        graph = Graph(generator.inputs, {"y": slopes[0], "z": slopes[1]})
        along = self._each(graph, self.x[:-1], 0, self.steps, y=self.y[:-1], z=self.z)
        turned = np.sum(along["z"] * self.w) - 0.5 * self.dt * np.sum(along["z"] ** 2)  # type: ignore[call-overload]
        return np.exp(turned + self.dt * np.sum(along["y"]))  # type: ignore[call-overload]


def forward_path(problem: BackwardProblem, steps: int) -> tuple[Expression, Any]:
    """The increments w (N, k), and X (N + 1, d) by Euler–Maruyama's rule in those."""
    from .problem import called

    w = variable("w", (steps, problem.noises))
    dt = problem.horizon / steps
    rows: list[Any] = [constant(problem.initial)]
    for n in range(steps):
        at = {"t": constant(problem.start + n * dt), "x": rows[-1]}
        drift, sigma = called(problem.equations["drift"], **at), called(problem.equations["diffusion"], **at)
        rows.append(rows[-1] + drift * dt + (sigma @ w[n] if sigma.ndim == 2 else sigma * w[n]))
    return w, np.stack(rows)  # type: ignore[call-overload]
