"""`Rollout`: steps, made again and again."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from ...checks import PRECISIONS, choice, settle, whole
from ...errors import ModelError, OptionError
from ...graph import Graph
from .source import Source

__all__ = ["Rollout"]


@dataclass(frozen=True)
class Rollout(Source):
    """B trajectories of a step u⁺ = S(t, u, c, w, θ), observed after each recorded step.

    Attributes
    ----------
    name
        Prefix of the arrays it makes: `NAME.OUTPUT`, shape (B, K, *output shape) with K = steps / every.
    step
        Graph with inputs `t` (), `u` (n,), `c` (q,), `w` (k,), `theta` (P,), and output `u` (n,): the state one `dt`
        later. `c` holds a trajectory's own constants (conditions, coefficients), `w` what is given for this very step
        (increments of noise, measured inputs), without a derivative; where there are none the graph lacks them.
    observe
        Graph with inputs `t`, `u`, `c`, `theta` (any may be left out); each output is recorded after steps
        every, 2·every, …
    data
        `start` (B, n) states, `t` (B,) start times and, where the step reads them, `c` (B, q) and `w`
        (B, warmup + steps, k), a row a step.
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
    precision
        `float64`; or `float32`: a rollout on its own computes in single precision. Within an objective that is for the
        optimiser to say.
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
    precision: str = "float64"

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("every", 1), ("warmup", 0)):
            settle(self, whole, name, least=least)
        if self.steps % self.every:
            raise OptionError(
                f"`steps` of a rollout needs a multiple of `every`: {self.steps} isn't one of {self.every}."
            )
        settle(self, choice, "gradient", choices=("full", "none"))
        settle(self, choice, "precision", choices=PRECISIONS)
        made = self.warmup + self.steps
        for name, rows, shape in (("c", (), "(B, q)"), ("w", (made,), f"(B, {made}, k), a row a step")):
            if name not in self.data:
                if name in (*self.step.input_names, *self.observe.input_names):
                    raise ModelError(f"The step of `{self.name}` reads `{name}`; give it in `data`, shape {shape}.")
            elif np.shape(self.data[name])[:-1] != (len(self.data["start"]), *rows):
                raise ModelError(
                    f"`{name}` of `{self.name}` needs shape {shape}, B = {len(self.data['start'])}, "
                    f"not {np.shape(self.data[name])}."
                )
        if "w" in self.observe.input_names:
            raise ModelError(
                f"What `{self.name}` observes can't read `w`, which a step has. Make it part of the state."
            )

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        lead = (len(self.data["start"]), self.steps // self.every)
        return {f"{self.name}.{key}": (*lead, *e.shape) for key, e in self.observe.outputs.items()}

    @property
    def graphs(self) -> tuple[Graph, ...]:
        return self.step, self.observe

    @property
    def settings(self) -> Hashable:
        return self.steps, self.every, self.warmup, self.gradient, self.checkpoint, self.precision
