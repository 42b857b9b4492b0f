"""Part of studies: fits of one model to many data sets of the same shape, trained together as one ensemble.

What is minimised for each data set is exactly what `unideq.fit` minimises: the same programs, optimisers and starts.
Only the measurements become entries of θ that training keeps fixed, so that ensemble members may have different ones
and everything is compiled once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

import unideq as ude
from unideq.engine import Minimisation, get_engine
from unideq.graph import Graph, constant, substitute
from unideq.model import Entry
from unideq.objective import LossProgram as Program
from unideq.objective import Observations
from unideq.training import FitSettings, Trainer


def fit_many(
    model: ude.ODE, datasets: Sequence[xr.Dataset], settings: FitSettings, engine: str | None = None
) -> list[ude.Fit]:
    """One `Fit` a data set.

    Parameters
    ----------
    model
        What to train.
    datasets
        Same variables, same times, nothing missing.
    settings
        As of `unideq.fit`; scales of the loss and the solver must be given, so that nothing but the measurements
        differs between data sets.
    engine
        Default: the usual choice.
    """
    chosen = get_engine(engine)
    trainers = [Trainer(model, Observations.from_data(d, model.observables), settings, chosen) for d in datasets]
    records = [t.start() for t in trainers]
    first = trainers[0]
    own = first.task.problem.layout.size
    theta = np.stack([r.theta for r in records])  # (data sets, seeds, P)
    for stage in first.stages:
        measured = [_measured(stage.objective.build(t.task.problem), t.task.observations) for t in trainers]
        program, size = _with_data_in_theta(first, stage.objective, measured[0])
        values = np.stack([np.concatenate([v.reshape(-1) for v in m.values()]) for m in measured])
        data = np.repeat(values[:, None], theta.shape[1], axis=1)
        whole = np.concatenate([theta, data], axis=-1).reshape(-1, own + size)
        free = np.concatenate([first.task.problem.layout.free_mask, np.zeros(size, bool)])
        phase = stage.phase.lasting(stage.iterations)
        run = Minimisation(program, whole, phase, free, report_every=stage.iterations)
        last = chosen.minimise(run, lambda report: True).last
        theta = last.best_theta[:, :own].reshape(theta.shape)
        totals = last.best_total.reshape(theta.shape[:2])
    for record, best, total in zip(records, theta, totals, strict=True):
        record.theta = record.best_theta = record.held_theta = best
        record.best_total, record.stage, record.status = total, len(first.stages), "finished"
    return [ude.Fit(record, chosen) for record in records]


def _measured(program: Program, observations: Observations) -> dict[Any, np.ndarray]:
    """The constants of a loss that hold measurements."""
    known = {float(v) for name in observations.names for v in observations.pooled(name).reshape(-1)}
    found = {}
    for node in program.loss.nodes:
        if node.operation == "constant" and node.value.size > 1 and {float(v) for v in node.value.reshape(-1)} <= known:
            found[node] = node.value
    return found


def _with_data_in_theta(trainer: Trainer, objective: Any, measured: dict[Any, np.ndarray]) -> tuple[Program, int]:
    """The program of an objective with θ prolonged by the measurements, and their number."""
    entries = [Entry(f"measured.{k}", v.shape, "data", False) for k, v in enumerate(measured.values())]
    problem = trainer.task.problem.extended(entries)
    program = objective.build(problem)
    theta = problem.theta()
    replaced = {
        constant(v): problem.layout.view(theta, e.name) for e, v in zip(entries, measured.values(), strict=True)
    }
    loss: Graph = substitute(program.loss, replaced)
    return Program(program.sources, loss, program.weights), sum(e.size for e in entries)
