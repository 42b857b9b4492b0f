"""`fit`: train a model. The one function that most users call."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np
import xarray as xr

from ..checks import flag, function, writable
from ..engine import Engine, Report, checked_engine, get_engine
from ..engine.registry import engine_for
from ..errors import OptionError
from ..graph.location import warn_user
from ..model import Layout
from ..objective import Holdout, Loss, Objective, Observations, Stream
from ..objective.weighting_rules import Balance, Causal
from ..optimise import Phase
from ..solvers import Solver
from .kind import kind_of
from .record import Record
from .settings import FitSettings
from .trainer import Trainer
from .transferred import Transferred

if TYPE_CHECKING:
    from ..result.fit import Fit

__all__ = ["FitOptions", "fit", "resume"]


class FitOptions(TypedDict, total=False):
    """What some kinds of model take besides; see `fit`. A kind checks its own, and refuses those of others."""

    time_unit: str | None
    loss: str | Loss | Callable[..., Any] | None
    holdout: float | Holdout | None
    regularise: Any
    cost: Any
    rankings: Any
    solver: str | Solver
    estimate_initial: bool
    balance: Mapping[str, float] | Balance | Causal | Sequence[Any] | None


def fit(
    model: Any,
    data: xr.Dataset | Sequence[xr.Dataset] | Stream | None = None,
    *,
    objective: Objective | None = None,
    phases: Phase | Sequence[Phase] | None = None,
    seeds: int | Sequence[int] = 1,
    checkpoint: str | os.PathLike[str] | None = None,
    engine: str | Engine | None = None,
    progress: bool = True,
    report_every: int = 50,
    callback: Callable[[Report], Any] | None = None,
    **options: Unpack[FitOptions],
) -> Fit:
    """Train a model on measurements, or networks on the equations of a `ResidualProblem` or a `BackwardProblem`.

    Parameters
    ----------
    model
        What to train: `ODE`, `PDE`, `Stepper`, `Koopman`, `Latent`, `ResidualProblem` or `BackwardProblem`.
    data
        Dataset with variables named after the model's observables, an increasing `time` coordinate, optionally a
        `trajectory` dimension; or a list of Datasets, one a trajectory, with different times. NaN means not measured; a
        variable that is absent is an unobserved one. For `Unrolled` also a `Stream` of a data set larger than memory.
        Where a `cost` alone is minimised, a Dataset without variables: times (the last one being the end), conditions
        and initial values of each trajectory. Of a residual problem None: its terms have their measurements
        (`ude.Data`); nor of a backward problem, which is trained on random paths.
    objective
        `Trajectory()` (default), `MultipleShooting(5)`, `Collocation()` or `APriori()`; of a `Stepper`, `Unrolled()`
        (default), `APriori()` or `Trajectory()`; of a `Koopman` model `Linearity()`; of a residual problem
        `Residual()`, of a backward one `Martingale()`. A phase may have its own.
    phases
        What to run in order; default `[Adam(1e-2, 1000), BFGS(500)]`, of a `Stepper` or `Koopman` model
        `[Adam(1e-3, 1000), LBFGS(300)]` (without the latter for mini-batches and `gradient="none"`), of a residual
        problem `[Adam(ExponentialDecay(1e-3, 0.9, 1000), 10_000), GaussNewton(100)]`, the latter at 512 points a term
        at least (`LBFGS(1000)` instead above 2000 free numbers), of a backward one `Adam(CosineDecay(1e-3), 1000)`.
    seeds
        Number of ensemble members, or their seeds. They differ in the networks' initial weights and train together,
        vectorised.
    checkpoint
        netCDF file to write while training. Where it exists already from the same call, training goes on from it.
    engine
        `julia` or `jax`; None for the chosen one.
    progress
        Whether to show a progress bar.
    report_every
        Iterations between two reports (progress, checkpoint, held-out score, callback).
    callback
        Called with every report; returning False stops the training.

    Other Parameters
    ----------------
    time_unit
        What a unit of the model's time is, where the data's times are dates or time spans: `D` (days), `h`, `m`
        (minutes), `s`, … Times then count from the first date, which the result keeps: `predict` takes dates.
    loss
        `squared_error` (default), `huber`, `gaussian`, a loss with settings, a NumPy function of (predicted, observed),
        a `SeriesLoss` of whole trajectories, or a dict variable → loss.
    holdout
        What training doesn't see: the last fraction of the times, or a `Holdout`, which may stop training early
        (`ude.Holdout(0.25, patience=100)`).
    regularise
        `L2(weight)`, `L1(weight)` or a number (an L2 weight).
    cost
        What shall be small besides, or alone: a function of (t, state, p, net, forcing), averaged along the solution; a
        `Cost` with a weight, which may be an integral or at the end; or a dict of them.
    rankings
        What is known about the effects of interventions: a `Ranking`, or a dict of them.
    solver
        `auto` (chooses between `tsit5` and the engine's best stiff solver, and says so), or another name: `tsit5`,
        `dopri5`, `kvaerno5`, `kencarp4`, …; or one with its settings, `ude.Tsit5(rtol=1e-8)`, `ude.RK4(dt=0.01)`,
        `ude.Auto(max_steps=20_000)`. Those left out: `rtol` 1e-6; `atol` 1e-6, and for states whose known values
        (measurements, initial values, `State.scale`) stay below 0.1, 1e-6 of their size; `max_steps` 4096, a rejected
        training step where it is reached; the engine's own `adjoint`.
    estimate_initial
        Whether initial values that aren't known are trained (they start at the first measurement) or kept there.
    balance
        Of a residual problem: how its terms are weighted. A dict term → weight, a rule that moves the weights while
        Adam, AdamW or SOAP train (`LearningRateAnnealing()`, `GradientNorm()`, `NeuralTangentKernel()`, `ConFIG()`,
        `PCGrad()`), `Causal()`, or a list of these. Phases after it keep the weights that it found.

    Returns
    -------
    Fit
        Also after Ctrl-C and after failures: `fit.status` says how it ended.

    Raises
    ------
    DataError, ModelError, OptionError
        For bad input, before anything is compiled.
    FileFormatError
        If the checkpoint exists and isn't ours.

    Examples
    --------
    >>> import numpy as np, xarray as xr, unideq as ude
    >>> times = np.linspace(0, 2, 9)
    >>> data = xr.Dataset({"x": ("time", 3 * np.exp(-0.7 * times))}, coords={"time": times})
    >>> rate = ude.Parameter(2.0, positive=True)
    >>> model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": rate})
    >>> fitted = ude.fit(model, data, phases=[ude.BFGS(50)], progress=False)
    >>> round(float(fitted.parameters["rate"]), 4)
    0.7
    """
    path = checked_run(checkpoint, progress, callback)
    checked_engine(engine)
    kind = kind_of(model)
    kind.check_arguments(options)
    model, observations, settings = kind.settle(model, data, objective, phases, seeds, report_every, **options)
    _warn_of_equal_seeds(model, settings.seeds)
    chosen = get_engine(engine)
    return trained(model, observations, settings, chosen, path, progress, callback)


def checked_run(checkpoint: Any, progress: Any, callback: Any) -> Path | None:
    """Where checkpoints go, after a check of how a training is to be followed."""
    path = None if checkpoint is None else writable(checkpoint, "checkpoint", what="The checkpoint")
    flag(progress, "progress")
    function(callback, "callback", needs="a function of the report", takes=1, none=True)
    return path


def trained(
    model: Any,
    observations: Observations | None,
    settings: FitSettings,
    engine: Engine,
    path: Path | None,
    progress: bool,
    callback: Callable[[Report], Any] | None,
    begin: Callable[[Layout, np.ndarray], np.ndarray] | None = None,
    *more: Any,
    transferred: Transferred | None = None,
    iterate: bool = True,
) -> Fit:
    """The fit of a model, all of it checked; see `Trainer` and `Trainer.start`.

    `more`: what decides the run besides model, data and settings, so that a checkpoint belongs to it. Without
    `iterate` it is over before its first iteration.
    """
    trainer = Trainer(model, observations, settings, engine, callback=callback)
    automatic = kind_of(model).may_switch(settings)
    digest = [] if observations is None else [observations.digest]
    fingerprint = trainer.task.settings.fingerprint(model.to_json(), *digest, *more)
    if path is not None and path.exists():
        record = _own_checkpoint(path, fingerprint)
        # The record's settings name the solver that `auto` chose; the call has what files can't hold of its phases.
        record.settings = replace(record.settings, phases=settings.phases)
        trainer = Trainer(model, observations, record.settings, engine, callback=callback)
    else:
        record = trainer.start(begin)
        record.fingerprint = fingerprint
        if transferred is not None:
            record.transferred = replace(transferred, start=record.theta.copy())
            trainer.tell(record, transferred.concerns)
        if not iterate:
            record.status = "finished"
    return _run(trainer, record, path, progress, automatic)


def _warn_of_equal_seeds(model: Any, seeds: Sequence[int]) -> None:
    """Warn where all members of an ensemble start, and so end, at the same."""
    drawn = [e.name for e in model.layout.of_kind("network") if e.name not in model.weights]
    if len(seeds) == 1 or drawn:
        return
    if model.networks:
        why, remedy = "this model's carry weights already", "`seeds=1`, or draw them anew: `model.without_weights()`"
    else:
        why, remedy = "this model has no network", "`seeds=1`"
    warn_user(
        f"{len(seeds)} seeds were asked for, but they differ in the networks' initial weights alone, and {why}: "
        f"all members will be equal. Use {remedy}."
    )


def _own_checkpoint(path: Path, fingerprint: str) -> Record:
    """The training that a checkpoint of the same call holds."""
    from ..result.file import read_training

    record = read_training(path)
    if record.fingerprint != fingerprint:
        raise OptionError(
            f"The checkpoint `{path}` belongs to another call (other model, data or settings). "
            "Delete it, or choose another file name."
        )
    return record


def _run(trainer: Trainer, record: Record, path: Path | None, progress: bool, automatic: bool = False) -> Fit:
    """Train on from where the record stands, with checkpoints at `path`; the fit."""
    from ..result.file import write_training
    from ..result.fit import Fit

    if path is not None:
        trainer.save = lambda record: write_training(record, path)
    if record.done:
        return Fit(record, trainer.engine)
    trainer.run(record, progress, automatic)
    made = Fit(record, trainer.engine)
    trainer.tell(record, record.kind.concerns(made))
    return made


def resume(path: str | os.PathLike[str], engine: str | Engine | None = None, progress: bool = True) -> Fit:
    """Go on with the training that a file holds (a checkpoint, or a saved fit that was interrupted).

    Parameters
    ----------
    path
        File written by `fit(checkpoint=...)` or `Fit.save`; it is also where new checkpoints go.
    engine
        Default: the engine that the training ran on; where that is missing the chosen one, or with a warning another.
    progress
        Whether to show a progress bar.
    """
    from ..result.file import read_training

    flag(progress, "progress")
    given = checked_engine(engine)
    record = read_training(path)
    chosen = engine_for(record.engine["name"], given, 'resume(path, engine="NAME")', keep=True)
    return _run(Trainer(record.model, record.observations, record.settings, chosen), record, Path(path), progress)
