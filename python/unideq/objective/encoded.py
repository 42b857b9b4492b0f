"""The program of `Trajectory` on a latent model: an encoder reads the series of a batch, solutions begin where it says.

`encode`, a rollout along a series' rows or values of sets, and the given `drawn` (noise) and `own` (conditions) are
read by `solve`, whose observations are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..graph import Graph, constant, variable
from ..model import Latent, RecurrentEncoder
from ..noise import increments
from .estimation_problem import EstimationProblem
from .own_times import padded
from .program import Given, LossProgram, Pointwise, Rollout, Source
from .series import Series
from .trajectory_batches import Targets, TrajectoryBatches, in_batches

__all__ = ["EncodedBatches", "encoded_program", "encoder_source", "latent_of"]

DIVERGENCE = "divergence"
"""Term of the loss: how far the encoder's distributions are from the standard normal one."""


def latent_of(problem: EstimationProblem) -> Latent:
    """The problem's model."""
    assert isinstance(problem.model, Latent)
    return problem.model


def encoder_source(problem: EstimationProblem, rows: np.ndarray) -> Source:
    """What makes `encode.mean`, and `encode.log_deviation` where there is one, (B, …, encoded), of rows (B, K, …)."""
    model, (count, steps, _) = latent_of(problem), rows.shape
    if not isinstance(model.encoder, RecurrentEncoder):
        return Pointwise("encode", problem.rebased(model.set_graph(steps)), {"w": rows})
    step, said = map(problem.rebased, model.memory)
    data = {"start": np.zeros((count, step.input("u").size)), "t": np.zeros(count), "w": rows}
    return Rollout("encode", step, said, data, 1.0, steps, steps)


@dataclass(frozen=True)
class Begins:
    """What the sources before the solutions hold for the trajectories of a problem, a row each; by source.

    Of an encoder's distribution, `drawn` is zero here: the mean.
    """

    data: Mapping[str, Mapping[str, np.ndarray]]

    @classmethod
    def of(cls, problem: EstimationProblem, chosen: Sequence[int]) -> Begins:
        """Those of these trajectories."""
        model, indices = latent_of(problem), list(chosen)
        assert problem.rows_read is not None
        data: dict[str, dict[str, np.ndarray]] = {"encode": {"w": problem.rows_read[indices]}}
        if model.variational:
            data["drawn"] = {"noise": np.zeros((len(indices), model.encoded))}
        if problem.constants is not None:
            data["own"] = {"c": problem.constants[indices]}
        return cls(data)

    def chosen(self, rows: np.ndarray) -> list[dict[str, np.ndarray]]:
        """Those of some, one dict a source."""
        return [{name: values[rows] for name, values in arrays.items()} for arrays in self.data.values()]

    def sources(self, problem: EstimationProblem, rows: np.ndarray) -> list[Source]:
        """The sources, on some rows."""
        (first, *others), names = self.chosen(rows), list(self.data)[1:]
        return [encoder_source(problem, first["w"]), *(Given(n, d) for n, d in zip(names, others, strict=True))]


def encoded_program(problem: EstimationProblem, rows: Sequence[tuple[int, Series]], batch: int | None) -> LossProgram:
    """The program of these trajectories, (index, part that counts), or of the first batch of them."""
    model, size = latent_of(problem), len(rows) if batch is None else min(batch, len(rows))
    indices, kept = [i for i, _ in rows], [s for _, s in rows]
    before = Begins.of(problem, indices).sources(problem, np.arange(size))
    made = problem.integration(
        "`Trajectory`", problem.initial_states(problem.theta())[indices], indices,
        np.array([s.start for s in kept]), padded([s.times for s in kept]),
    )  # fmt: skip
    targets = Targets.of(problem, rows)
    program = in_batches(problem, replace(made, initial=_initial(problem, before, size)), targets, size, before)
    if not model.variational or not problem.populations:
        return program
    mean, spread = (_said(before[0], name, size) for name in ("mean", "log_deviation"))
    each: Any = 0.5 * np.sum(np.exp(2.0 * spread) + mean**2 - 1.0 - 2.0 * spread)  # type: ignore[call-overload]
    # As much as it counts in the sum of all values' costs, whose mean (times the variables) the others make.
    share = len(rows) / size / sum(targets.counts.values())
    loss = Graph(program.loss.inputs, {**program.loss.outputs, DIVERGENCE: each * share})
    weights = {**program.weights, DIVERGENCE: model.prior_weight * len(targets.counts)}
    return replace(program, loss=loss, weights=weights)


def _said(encode: Source, name: str, size: int) -> Any:
    """What the encoder says (B, encoded)."""
    shape = encode.shapes[f"encode.{name}"]
    return variable(f"encode.{name}", shape).reshape(size, shape[-1])


def _initial(problem: EstimationProblem, before: Sequence[Source], size: int) -> Graph:
    """`Integration.initial`: the encoder's code, made states, beside known ones."""
    model, theta = latent_of(problem), problem.theta()
    arrays: dict[str, Any] = {}
    for source in before:
        arrays |= {name: variable(name, shape) for name, shape in source.shapes.items()}
    code = _said(before[0], "mean", size)
    if model.variational:
        code = code + np.exp(_said(before[0], "log_deviation", size)) * arrays["drawn.noise"]  # type: ignore[call-overload]
    begun = model.begin(code)
    columns = [
        begun[s.name]
        if s.name in begun
        else constant(np.tile(np.broadcast_to(model.initial[s.name], s.shape).ravel(), (size, 1)))
        for s in model.states
    ]
    u0: Any = np.concatenate(columns, axis=1) if len(columns) > 1 else columns[0]  # type: ignore[call-overload]
    outputs = {"u0": u0, **({"c": arrays["own.c"]} if "own.c" in arrays else {})}
    return Graph((theta, *arrays.values()), outputs)


class EncodedBatches(TrajectoryBatches):
    """Mini-batches of trajectories, with what the encoder reads of each; begins of a distribution are drawn anew."""

    def __init__(
        self, problem: EstimationProblem, rows: Sequence[tuple[int, Series]], size: int, seed: Sequence[int]
    ) -> None:
        super().__init__(Targets.of(problem, rows), size, seed)
        self.begins = Begins.of(problem, [i for i, _ in rows])

    def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
        solved, *targets = super().__call__(iteration)
        before = self.begins.chosen(solved["rows"].astype(int))
        for arrays in before:
            if "noise" in arrays:
                arrays["noise"] = increments(self.seed, iteration, arrays["noise"].shape)
        return [*before, solved, *targets]
