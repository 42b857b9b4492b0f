"""What an engine is asked to compute: graphs plus plain settings, all frozen and engine-independent.

An `Objective` is a weighted sum of named terms. Its `sources` produce arrays (states along integrations, values at
points); its `loss` graph turns those arrays and θ into the terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ..checks import choice, settle, whole
from ..errors import OptionError
from ..graph import Graph
from ..solvers import SolverSettings

__all__ = [
    "Balancing",
    "Batches",
    "Given",
    "Integration",
    "Objective",
    "Pointwise",
    "Rollout",
    "SolverSettings",
    "Source",
]


@dataclass(frozen=True)
class Integration:
    """A batch of B initial-value problems of one vector field, observed at given times.

    Attributes
    ----------
    name
        Prefix of the arrays it makes: `NAME.OUTPUT`, shape (B, K, *output shape).
    vector_field
        Graph with inputs `t` (), `u` (n,), `theta` (P,), and output `du` (n,).
    initial
        Graph with input `theta` (P,), output `u0` (B, n).
    start
        Start times (B,).
    times
        Output times (B, K), non-decreasing along K; rows with fewer times repeat their last one.
    observe
        Graph with inputs `t`, `u`, `theta`; each output is recorded at every time.
    solver
        Settings.
    """

    name: str
    vector_field: Graph
    initial: Graph
    start: np.ndarray
    times: np.ndarray
    observe: Graph
    solver: SolverSettings = field(default_factory=SolverSettings)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Array name → shape, as the loss graph sees them."""
        return {f"{self.name}.{key}": (*self.times.shape, *e.shape) for key, e in self.observe.outputs.items()}


@dataclass(frozen=True)
class Pointwise:
    """A graph evaluated at M points.

    Attributes
    ----------
    name
        Prefix of the arrays it makes: `NAME.OUTPUT`, shape (M, *output shape).
    graph
        Inputs are `theta` (P,) and the keys of `points`.
    points
        Input name → array (M, *input shape).
    """

    name: str
    graph: Graph
    points: Mapping[str, np.ndarray]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Array name → shape, as the loss graph sees them."""
        count = len(next(iter(self.points.values())))
        return {f"{self.name}.{key}": (count, *e.shape) for key, e in self.graph.outputs.items()}


@dataclass(frozen=True)
class Rollout:
    """B trajectories of a step u⁺ = S(t, u, c, θ), observed after each recorded step.

    Attributes
    ----------
    name
        Prefix of the arrays it makes: `NAME.OUTPUT`, shape (B, K, *output shape) with K = steps / every.
    step
        Graph with inputs `t` (), `u` (n,), `c` (q,), `theta` (P,), and output `u` (n,): the state one `dt` later.
        `c` holds a trajectory's own constants (conditions, coefficients); where there are none the graph lacks it.
    observe
        Graph with inputs `t`, `u`, `c`, `theta` (any may be left out); each output is recorded after steps
        every, 2·every, …
    data
        `start` (B, n) states, `t` (B,) start times and, where the step reads it, `c` (B, q).
    dt
        Time between two states, in time units.
    steps
        Number of steps m after the warm-up; a multiple of `every`.
    every
        Steps between two recorded states.
    warmup
        Steps before the first one that counts: nothing is recorded, no derivative goes through.
    gradient
        `full`: derivatives go through all steps. `none`: every state is taken as given by the step that follows it (the
        derivative of a recorded state in θ is that of its last step alone).
    checkpoint
        Whether reverse mode keeps O(√m) states and computes the others again, instead of keeping all.
    """

    name: str
    step: Graph
    observe: Graph
    data: Mapping[str, np.ndarray]
    dt: float
    steps: int
    every: int = 1
    warmup: int = 0
    gradient: str = "full"
    checkpoint: bool = False

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("every", 1), ("warmup", 0)):
            settle(self, whole, name, least=least)
        if self.steps % self.every:
            raise OptionError(
                f"`steps` of a rollout needs a multiple of `every`: {self.steps} isn't one of {self.every}."
            )
        settle(self, choice, "gradient", choices=("full", "none"))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Array name → shape, as the loss graph sees them."""
        lead = (len(self.data["start"]), self.steps // self.every)
        return {f"{self.name}.{key}": (*lead, *e.shape) for key, e in self.observe.outputs.items()}


@dataclass(frozen=True)
class Given:
    """Arrays that the loss graph reads as they are: targets, masks.

    Attributes
    ----------
    name
        Prefix: the loss graph sees `NAME.KEY`.
    arrays
        Key → float array.
    """

    name: str
    arrays: Mapping[str, np.ndarray]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Array name → shape, as the loss graph sees them."""
        return {f"{self.name}.{key}": np.shape(value) for key, value in self.arrays.items()}


Source = Integration | Pointwise | Rollout | Given


class Batches(Protocol):
    """Fresh data for every iteration of `Engine.minimise`; the same iteration always gets the same data.

    Attributes
    ----------
    follows_theta
        Whether the data depend on the parameters (a black-box step rolled out at the current θ).
    """

    follows_theta: bool

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        """One dict a source of the objective, in order: `Rollout.data`, `Given.arrays` or `Pointwise.points`, with the
        shapes that the source has; an empty dict leaves a source as it is."""
        ...


@dataclass(frozen=True)
class Balancing:
    """How the weights λ of an objective's terms follow their gradients while it is minimised; plain data.

    Attributes
    ----------
    rule
        A name of `unideq.objective.balance.RULES`: `annealing`, `gradient_norm`, `ntk` move the weights every so many
        iterations; `config`, `pcgrad` combine the terms' gradients into one direction in every iteration.
    terms
        The terms that take part; others keep their weights.
    counted
        (P,) numbers c >= 0 (or bool): the entries of θ that a rule's statistics look at, where free; means are
        Σ c x / Σ c. Or (G, P), a row a group of entries: annealing then takes the groups' largest ratio.
    every
        Iterations between two updates of the weights; the first is before the first update of θ.
    rate
        α of λ ← (1 − α) λ + α λ̂.
    reference
        Annealing: the terms whose gradient is the measure, and whose weights stay.
    denominator
        Annealing: `weighted` (mean |∇ λ_i L_i|, with the current weight) or `plain` (mean |∇ L_i|).
    """

    rule: str
    terms: tuple[str, ...]
    counted: np.ndarray
    every: int = 10
    rate: float = 0.1
    reference: tuple[str, ...] = ()
    denominator: str = "weighted"


@dataclass(frozen=True)
class Objective:
    """Σ weight · term, each term a scalar.

    Attributes
    ----------
    sources
        What produces the arrays: integrations, rollouts, values at points, given arrays.
    loss
        Graph whose inputs are the sources' arrays and `theta` (P,); one scalar output a term.
    weights
        Term name → weight in the total.
    residuals
        Term name → the array (M, …) of a `Pointwise` source whose squares, summed over all but the points and averaged
        over those, are the term. Terms that aren't of this form are left out; Gauss–Newton steps and
        neural-tangent-kernel weights need it of all.
    """

    sources: tuple[Source, ...]
    loss: Graph
    weights: Mapping[str, float]
    residuals: Mapping[str, str] = field(default_factory=dict)

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the terms."""
        return tuple(self.loss.outputs)
