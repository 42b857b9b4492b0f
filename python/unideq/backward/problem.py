"""`BackwardProblem`: a semilinear parabolic equation in many dimensions as a forward–backward stochastic one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..checks import array, choice, flag, known_arguments, number, whole
from ..errors import ModelError, OptionError
from ..graph import Expression, Graph, batched, gradient, variable
from ..graph.transform import rebuild
from ..model import Entry, Layout, Parameter
from ..model.declared import weight_entries
from ..model.values import Valued
from ..nn import MLP, Network
from ..noise import increments
from .equations import traced_equations
from .stored import problem_from_json, problem_to_json

__all__ = ["LEARNS", "BackwardProblem", "called"]

LEARNS = ("gradient", "gradients", "solution")
PILOT = 512
"""Paths that say, before training, where the forward process goes and how large things are."""


class BackwardProblem(Valued):
    """∂u/∂t + ½ tr(σσᵀ ∇²u) + μ·∇u + f(t, x, u, σᵀ∇u) = 0 with u(T, x) = g(x), solved at one point and along the paths
    that start there.

    Along X with dX = μ dt + σ dW the solution Y = u(t, X) obeys dY = −f(t, X, Y, Z) dt + Z·dW, with Z = σᵀ∇u. Networks
    stand for Z (or u); they and u(t₀, x₀) are trained so that Y meets g(X) at the end of every path. No grid, and no
    second derivative: a hundred dimensions are no harder than ten.

    Parameters
    ----------
    generator
        f(t, x, y, z): a number, with y = u and z = σᵀ∇u (k,). A NumPy function of one point, as all others.
    terminal
        g(x): a number.
    initial
        x₀ (d,), where the solution is wanted and all paths start.
    horizon
        T − t₀, in time units.
    drift
        μ(t, x): (d,) or a number; or one of these itself. Default: none.
    diffusion
        σ(t, x): a number or (d,), with a Brownian motion a component (k = d), or (d, k); or one of these itself.
    steps
        N, Euler–Maruyama steps of a path: the error of the time steps falls like 1/N.
    learns
        `gradient` (default): one network (t, x) ↦ z. `gradients`: a network x ↦ z for every time, as in the source.
        `solution`: one network (t, x) ↦ u, and z from its derivative.
    network
        Takes x, standardised, with t in front of it but for `gradients`; gives z (k) or u (1), in units of their size.
        Default: two hidden layers of 64 units (d + 10 for `gradients`).
    start
        t₀.
    guided
        Whether networks learn what is left beside the solution of the equation without its generator, which one long
        step of the forward process estimates; else all of it.

    Attributes
    ----------
    layout
        Of θ: `u0`, u(t₀, x₀), and `z0`, σᵀ∇u there, where they are numbers of their own; then the networks' weights.
    equations
        `drift`, `diffusion`, `generator`, `terminal` → graph.

    Raises
    ------
    ModelError, OptionError, TraceError
        If parts don't fit each other, a function can't be traced, or the forward process doesn't stay finite.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> def square(x):
    ...     return np.sum(x**2)
    >>> heat = ude.BackwardProblem(lambda t, x, y, z: 0.0, square, np.zeros(5), 1.0, diffusion=np.sqrt(2))
    >>> heat
    BackwardProblem(dimension=5, horizon=1, steps=20, learns='gradient')
    >>> bool(abs(heat.parameters["u0"].array - 10.0) < 0.5)  # its guess is the mean of g at the end of some paths
    True

    References
    ----------
    E, Han and Jentzen, "Deep learning-based numerical methods for high-dimensional parabolic partial differential
    equations and backward stochastic differential equations" (2017), arXiv:1706.04702. `solution`: Raissi (2018),
    arXiv:1804.07010.
    """

    @known_arguments
    def __init__(
        self,
        generator: Callable[..., Any],
        terminal: Callable[..., Any],
        initial: Any,
        horizon: float,
        drift: Any = 0.0,
        diffusion: Any = 1.0,
        *,
        steps: int = 20,
        learns: str = "gradient",
        network: Network | None = None,
        start: float = 0.0,
        guided: bool = True,
    ) -> None:
        of = type(self).__name__
        self.initial = array(initial, "initial", of, ndim=1, hint="It is one point x₀ of d coordinates.")
        if not self.initial.size:
            raise ModelError("`initial` of `BackwardProblem` is empty. Give the coordinates of x₀.")
        self.horizon = float(number(horizon, "horizon", of, above=0))
        self.start = float(number(start, "start", of))
        self.steps = whole(steps, "steps", of, least=1)
        self.learns = choice(learns, "learns", LEARNS, of)
        self.guided = flag(guided, "guided", of)
        self.equations = traced_equations(self.dimension, generator, terminal, drift, diffusion)
        self.network = self._checked_network(network)
        self.signs = np.random.default_rng(0).choice([-1.0, 1.0], self.noises)
        self._look_around()
        self.weights: dict[str, np.ndarray] = {}
        self.parameters, entries = {}, []
        if self.learns != "solution":
            self.parameters["u0"] = Parameter(self.scales["terminal_mean"])
            entries.append(replace(Entry.of_parameter("u0", self.parameters["u0"]), scale=self._size))
        if self.learns == "gradients":
            self.parameters["z0"] = Parameter(np.zeros(self.noises))
            entries.append(replace(Entry.of_parameter("z0", self.parameters["z0"]), scale=self.gradient_scale))
        self.layout = Layout([*entries, *weight_entries(self.networks)])

    # ---- what it is -------------------------------------------------------------------------------------------

    @property
    def dimension(self) -> int:
        """d."""
        return len(self.initial)

    @property
    def noises(self) -> int:
        """Number k of Brownian motions."""
        shape = self.equations["diffusion"].outputs["value"].shape
        return shape[1] if len(shape) == 2 else self.dimension

    @property
    def networks(self) -> dict[str, Network]:
        """Name in θ → network: `u`, `z`, or `z_1`, `z_2`, … of the inner times."""
        if self.learns == "gradients":
            return {f"z_{n}": self.network for n in range(1, self.steps)}
        return {"u" if self.learns == "solution" else "z": self.network}

    @property
    def gradient_scale(self) -> float:
        """The usual size of a component of z: what the spread of g at the end comes from."""
        return self.scales["terminal_spread"] / np.sqrt(self.horizon * self.noises)

    @property
    def _size(self) -> float:
        return max(abs(self.scales["terminal_mean"]), self.scales["terminal_spread"])

    def _checked_network(self, network: Any) -> Network:
        inputs = self.dimension + (self.learns != "gradients")
        outputs = 1 if self.learns == "solution" else self.noises
        if network is None:
            width = self.dimension + 10 if self.learns == "gradients" else 64
            return MLP(inputs, outputs, (width, width), last_layer_scale=0.1)
        if not isinstance(network, Network) or network.acts_on != "points":
            shown = f"{network.__name__} itself" if isinstance(network, type) else type(network).__name__
            raise ModelError(
                f"`network` of `BackwardProblem` needs e.g. `ude.nn.MLP({inputs}, {outputs})`, not {shown}."
            )
        if (network.inputs, network.outputs) != (inputs, outputs):
            takes = "x" if self.learns == "gradients" else "t and x"
            gives = "u" if self.learns == "solution" else "z, a number for each Brownian motion"
            raise ModelError(
                f"The network takes {takes} ({inputs} numbers) and gives {gives} ({outputs}); this one takes "
                f"{network.inputs} and gives {network.outputs}. Write `ude.nn.MLP({inputs}, {outputs}, ...)`."
            )
        return network

    def _look_around(self) -> None:
        """Where the forward process goes, and how large g is there: `scales`."""
        from .path import forward_path

        w, x = forward_path(self, self.steps)
        ends = Graph([w], {"x": x, "terminal": called(self.equations["terminal"], x=x[self.steps])})
        drawn = increments(0, 0, (PILOT, *w.shape), self.horizon / self.steps)
        found = batched(ends, ["w"], PILOT).evaluate({"w": drawn})
        paths, values = found["x"], found["terminal"]
        for what, array_ in (("the forward process X", paths), ("the terminal condition g(X)", values)):
            if not np.isfinite(array_).all():
                raise ModelError(
                    f"{what} isn't finite along {int((~np.isfinite(array_.reshape(PILOT, -1)).all(axis=1)).sum())} of "
                    f"{PILOT} paths that were tried. Look at `drift`, `diffusion` and `terminal`, or take more `steps`."
                )
        spread = float(values.std())
        mean, deviation = paths.mean(axis=0), paths.std(axis=0)
        self.scales: dict[str, Any] = {
            "terminal_mean": float(values.mean()),
            "terminal_spread": spread if spread > 1e-12 * abs(values).max() else float(abs(values).max()) or 1.0,
            "mean": mean,
            "deviation": np.where(deviation > 1e-12 * (1 + abs(mean)), deviation, 1.0),
        }

    # ---- what is learned --------------------------------------------------------------------------------------

    def standardised(self, x: Any, index: int | None = None) -> Any:
        """x (d,) as networks take it: by its mean and deviation at a time, or over all times."""
        mean, deviation = self.scales["mean"], self.scales["deviation"]
        if index is not None:
            return (x - mean[index]) * (1.0 / deviation[index])
        middle = mean.mean(axis=0)
        return (x - middle) * (1.0 / np.sqrt((deviation**2 + (mean - middle) ** 2).mean(axis=0)))

    def _output(self, x: Any, name: str) -> Any:
        theta = self.layout.variable()
        weights = {w: self.layout.view(theta, f"{name}.{w}") for w in self.network.weight_shapes()}
        return self.network.expand(weights, x)

    def learned_at(self, index: int = 0) -> Graph:
        """Graph t, x, theta → `z` and, where it is what is learned, `u`, at one point.

        Parameters
        ----------
        index
            Of the time step, which matters to `gradients` alone.
        """
        t, x, theta = variable("t"), variable("x", (self.dimension,)), self.layout.variable()
        inputs = t, x, theta
        guide = self.without_generator(t, x) if self.guided else None
        if self.learns == "gradients" and index == 0:
            return Graph(inputs, {"z": self.layout.view(theta, "z0") + self._guiding(guide, t, x)})
        if self.learns == "gradients":
            raw = self._output(self.standardised(x, index), f"z_{index}")
            return Graph(inputs, {"z": raw * self.gradient_scale + self._guiding(guide, t, x)})
        time: Any = (t - (self.start + 0.5 * self.horizon)) * (np.sqrt(12.0) / self.horizon)
        joined: Any = np.concatenate([time.reshape(1), self.standardised(x)])  # type: ignore[call-overload]
        raw = self._output(joined, "u" if self.learns == "solution" else "z")
        if self.learns == "gradient":
            return Graph(inputs, {"z": raw * self.gradient_scale + self._guiding(guide, t, x)})
        u = raw[0] * self.scales["terminal_spread"] + (self.scales["terminal_mean"] if guide is None else guide)
        return Graph(inputs, {"u": u, "z": self.along_noise(t, x, gradient(u, [x])[0])})

    def _guiding(self, guide: Any, t: Any, x: Any) -> Any:
        return 0.0 if guide is None else self.along_noise(t, x, gradient(guide, [x])[0])

    def without_generator(self, t: Any, x: Any) -> Any:
        """About E g(X) at the end for paths from (t, x), the solution where f = 0: by one long step to two points.

        The points x + μ τ ± σ √τ ξ with signs ξ and τ = T − t have the mean and the variances of such a step. In many
        dimensions two are enough, as |σ √τ ξ| hardly varies.
        """
        left: Any = (self.start + self.horizon) - t
        drift, sigma = (called(self.equations[n], t=t, x=x) for n in ("drift", "diffusion"))
        far: Any = np.sqrt(left) * (sigma @ self.signs if sigma.ndim == 2 else sigma * self.signs)
        ends = [called(self.equations["terminal"], x=x + drift * left + one) for one in (far, -far)]
        return 0.5 * (ends[0] + ends[1])

    def along_noise(self, t: Any, x: Any, slope: Any) -> Any:
        """σᵀ∇u (k,) of a gradient (d,)."""
        sigma = called(self.equations["diffusion"], t=t, x=x)
        return sigma * slope if sigma.ndim < 2 else sigma.T @ slope

    def __call__(self, t: Any, x: Any, parameters: Any = None) -> dict[str, np.ndarray]:
        """What the networks say at points, evaluated with NumPy.

        Parameters
        ----------
        t, x
            Times (M,) or one, and points (M, d) or one (d,).
        parameters
            Dict of names, a flat θ, or None for the initial values.

        Returns
        -------
        dict
            `z`, σᵀ∇u (M, k), and where the solution itself is learned `u` (M,); without M for one point.
        """
        points = array(x, "x", type(self).__name__, finite=False)
        if points.shape[-1:] != (self.dimension,) or points.ndim > 2:
            raise OptionError(f"`x` needs shape (M, {self.dimension}) or ({self.dimension},), not {points.shape}.")
        one, rows = points.ndim == 1, np.atleast_2d(points)
        times = np.broadcast_to(array(t, "t", type(self).__name__), len(rows))
        if ((times < self.start) | (times > self.start + self.horizon)).any():
            raise OptionError(
                f"`t` needs times from {self.start:g} to {self.start + self.horizon:g}: networks know no other."
            )
        steps = np.minimum((times - self.start) * self.steps / self.horizon + 1e-9, self.steps - 1).astype(int)
        theta = self.resolve_theta(parameters)
        graphs = {n: self.learned_at(n) for n in np.unique(steps if self.learns == "gradients" else 0 * steps)}
        made = [
            graphs[n if self.learns == "gradients" else 0].evaluate({"t": time, "x": row, "theta": theta})
            for n, time, row in zip(steps, times, rows, strict=True)
        ]
        found = {name: np.stack([m[name] for m in made]) for name in made[0]}
        return {name: v[0] for name, v in found.items()} if one else found

    # ---- reading, JSON ----------------------------------------------------------------------------------------

    def describe(self) -> str:
        """Sizes, settings and networks, as text."""
        rows = [f"{type(self).__name__} in {self.dimension} dimensions, {self.noises} Brownian motions"]
        rows.append(f"  time       {self.start:g} to {self.start + self.horizon:g} in {self.steps} steps")
        rows += [f"  {n:<10} {g.operation_count} operations" for n, g in self.equations.items()]
        several = f", one for each of {len(self.networks)} times" if len(self.networks) > 1 else ""
        rows.append(f"  learns     {self.learns}: {self.network!r} ({self.network.size} weights{several})")
        return "\n".join(rows)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(dimension={self.dimension}, horizon={self.horizon:g}, steps={self.steps}, "
            f"learns={self.learns!r})"
        )

    def to_json(self) -> dict[str, Any]:
        """All there is to the problem, without the Python functions: read back by `from_json`."""
        return problem_to_json(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BackwardProblem:
        """Inverse of `to_json`."""
        return problem_from_json(cls, data)


def called(graph: Graph, **values: Any) -> Any:
    """The one output of a graph at other expressions; those that it doesn't read may be left out."""
    (output,) = graph.outputs.values()
    replaced: dict[Expression, Expression] = {i: values[i.name] for i in graph.inputs if i.name in values}
    return rebuild([output], replaced)[0]
