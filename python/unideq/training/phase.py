"""Phases of a training: which optimiser, for how long, at which learning rate, and on which objective."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from ..checks import choice, instance, known_arguments, number, settle, whole
from ..errors import unknown
from ..objective.base import ObjectiveSpecification
from .schedule import SCHEDULES, Schedule

__all__ = [
    "BFGS",
    "LBFGS",
    "SOAP",
    "Adam",
    "AdamW",
    "GaussNewton",
    "Phase",
]


UPDATES = ("bfgs", "self_scaled_bfgs", "self_scaled_broyden")
LATER = {"skip": None, "update": "bfgs"}
"""Options that came later, left out at their defaults: runs saved before go on."""


class Phase:
    """Base of all phases; use `Adam`, `AdamW`, `LBFGS` or `BFGS`."""

    optimizer: ClassVar[str] = ""
    iterations: int
    objective: ObjectiveSpecification | None

    def settings(self) -> dict[str, Any]:
        """JSON-serialisable description, without the objective."""
        values: dict[str, Any] = {"optimizer": self.optimizer}
        for name, value in self.__dict__.items():
            if name == "objective" or (name in LATER and value == LATER[name]):
                continue
            values[name] = {"schedule": type(value).__name__, **asdict(value)} if isinstance(value, Schedule) else value
        return values

    def _check(self) -> None:
        """Check what phases have in common; a class has some of these."""
        own = self.__dict__
        if "learning_rate" in own and not isinstance(own["learning_rate"], Schedule):
            settle(self, number, "learning_rate", above=0, hint=_OR_SCHEDULE)
        for word, names, limits in _LIMITS:
            settle(self, word, *(n for n in names if n in own), **limits)
        needs = "an objective such as `ude.Trajectory()`"
        settle(self, instance, "objective", kinds=ObjectiveSpecification, needs=needs, none=True)


_LIMITS: tuple[tuple[Any, tuple[str, ...], dict[str, Any]], ...] = (
    (whole, ("iterations", "memory", "line_search", "precondition_every"), {"least": 1}),
    (number, ("beta1", "beta2"), {"least": 0, "below": 1}),
    (number, ("epsilon", "tolerance", "weight_decay"), {"least": 0}),
    (number, ("clip",), {"above": 0, "none": True}),
    (number, ("skip",), {"above": 1, "none": True}),
)
_OR_SCHEDULE = "Or give a schedule, such as `ude.CosineDecay(1e-2)`."


@known_arguments
@dataclass(frozen=True)
class Adam(Phase):
    """Adam (Kingma & Ba 2015).

    Parameters
    ----------
    learning_rate
        A number or a schedule.
    iterations
        Number of updates.
    beta1, beta2, epsilon
        As in the paper.
    clip
        Largest allowed gradient norm, or None.
    skip
        Leave out updates whose gradient norm exceeds `skip` times the running mean of the accepted updates' norms
        (exponential, 0.99 an update); None: none. They are logged as rejected, and cost no learning rate; after 200
        in a row the seed stops.
    objective
        Objective of this phase; default: the one given to `fit`.
    """

    optimizer: ClassVar[str] = "adam"
    learning_rate: float | Schedule = 1e-3
    iterations: int = 1000
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    clip: float | None = None
    skip: float | None = None
    objective: ObjectiveSpecification | None = None

    def __post_init__(self) -> None:
        self._check()


@known_arguments
@dataclass(frozen=True)
class AdamW(Phase):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019); the decay acts on network weights only."""

    optimizer: ClassVar[str] = "adamw"
    learning_rate: float | Schedule = 1e-3
    iterations: int = 1000
    weight_decay: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    clip: float | None = None
    skip: float | None = None
    objective: ObjectiveSpecification | None = None

    def __post_init__(self) -> None:
        self._check()


@known_arguments
@dataclass(frozen=True)
class LBFGS(Phase):
    """Limited-memory BFGS with a strong-Wolfe (zoom) line search (Nocedal & Wright, algorithms 3.5, 3.6, 7.4).

    Parameters
    ----------
    iterations
        Largest number of updates.
    memory
        Number of update pairs kept.
    tolerance
        Stops where the gradient's largest entry falls below it.
    line_search
        Largest number of evaluations a line search.
    objective
        Objective of this phase; default: the one given to `fit`.
    """

    optimizer: ClassVar[str] = "lbfgs"
    iterations: int = 500
    memory: int = 20
    tolerance: float = 1e-9
    line_search: int = 20
    objective: ObjectiveSpecification | None = None

    def __post_init__(self) -> None:
        self._check()


@known_arguments
@dataclass(frozen=True)
class BFGS(Phase):
    """BFGS with the dense inverse Hessian and a strong-Wolfe line search (Nocedal & Wright, algorithms 3.5, 3.6, 6.1).

    Memory grows with the square of the number of parameters: prefer `LBFGS` above a few thousand.

    Parameters
    ----------
    iterations
        Largest number of updates.
    tolerance
        Stops where the gradient's largest entry falls below it.
    line_search
        Largest number of evaluations a line search.
    update
        How the inverse Hessian takes a new pair: `"bfgs"`; `"self_scaled_bfgs"`, which scales it before every update;
        or `"self_scaled_broyden"`, which also chooses the member of Broyden's family (Al-Baali & Khalfan 2005). On
        residual problems the self-scaled ones have been found to go on where BFGS stalls (Urbán, Stefanou & Pons 2025).
    objective
        Objective of this phase; default: the one given to `fit`.
    """

    optimizer: ClassVar[str] = "bfgs"
    iterations: int = 500
    tolerance: float = 1e-9
    line_search: int = 20
    update: str = "bfgs"
    objective: ObjectiveSpecification | None = None

    def __post_init__(self) -> None:
        self._check()
        settle(self, choice, "update", choices=UPDATES)


@known_arguments
@dataclass(frozen=True)
class GaussNewton(Phase):
    """Gauss–Newton steps with Levenberg–Marquardt damping, for losses that are sums of squared residuals.

    Solves (JᵀJ + μI) δ = −Jᵀr with the Jacobian J of all residuals (in the smaller of its two dimensions), bends the
    step along the geodesic by a second-order correction (Transtrum & Sethna 2012, arXiv:1201.5885), and takes it where
    it lowers the loss; else μ grows (Nocedal & Wright, section 10.3; damping after Nielsen 1999). The natural gradient
    of a least-squares loss: on residual problems it reaches errors that first-order methods don't, from the initial
    weights on. Every term needs to be a mean of squared residuals at points; give at least as many residuals as
    parameters, the points stay the same throughout.

    Memory grows with residuals × parameters, time with residuals × parameters²: some thousands of each.

    Parameters
    ----------
    iterations
        Largest number of updates.
    damping
        First μ, as a fraction of the largest diagonal entry of JᵀJ.
    tolerance
        Stops where the gradient's largest entry falls below it.
    objective
        Objective of this phase; default: the one given to `fit`.
    """

    optimizer: ClassVar[str] = "gauss_newton"
    iterations: int = 200
    damping: float = 1e-3
    tolerance: float = 1e-12
    objective: ObjectiveSpecification | None = None

    def __post_init__(self) -> None:
        self._check()
        settle(self, number, "damping", above=0, below=1e9)


@known_arguments
@dataclass(frozen=True)
class SOAP(Phase):
    """SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv:2409.11321, algorithm 3).

    Weight matrices are preconditioned from both sides; biases and parameters take Adam's step.

    Parameters
    ----------
    learning_rate
        A number or a schedule.
    iterations
        Number of updates.
    beta1, beta2
        Of the moments in the eigenbasis, and β₂ of the preconditioner.
    epsilon
        Added to the root of the second moment.
    precondition_every
        Iterations between two updates of the eigenbases.
    objective
        Objective of this phase; default: the one given to `fit`.
    """

    optimizer: ClassVar[str] = "soap"
    learning_rate: float | Schedule = 3e-3
    iterations: int = 1000
    beta1: float = 0.95
    beta2: float = 0.95
    epsilon: float = 1e-8
    precondition_every: int = 10
    objective: ObjectiveSpecification | None = None

    def __post_init__(self) -> None:
        self._check()


PHASES = {c.__name__: c for c in (Adam, AdamW, SOAP, LBFGS, BFGS, GaussNewton)}


def phase_from_settings(settings: dict[str, Any]) -> Phase:
    """Inverse of `Phase.settings`."""
    values = dict(settings)
    optimizer = values.pop("optimizer")
    for cls in PHASES.values():
        if cls.optimizer == optimizer:
            rate = values.get("learning_rate")
            if isinstance(rate, dict):
                rate = dict(rate)
                schedule: Any = SCHEDULES[rate.pop("schedule")]
                values["learning_rate"] = schedule(
                    **{k: tuple(v) if isinstance(v, list) else v for k, v in rate.items()}
                )
            return cls(**values)
    raise unknown("optimizer", optimizer, [c.optimizer for c in PHASES.values()])
