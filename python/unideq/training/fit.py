"""`fit`: train a model on data. The one function that most users call."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import xarray as xr

from ..checks import flag, function, known_arguments, shown, writable
from ..engine import Engine, Report, checked_engine, get_engine
from ..engine.registry import engine_for
from ..errors import DataError, ModelError, OptionError
from ..graph.location import warn_user
from ..model import ODE, Stepper
from ..model.switches import switches
from ..objective import Holdout, Loss, ObjectiveSpecification, Observations, Stream, Unrolled
from ..objective.attributes import check_attributes
from ..objective.balance import Balance, Causal
from ..objective.doubts import tell_doubts
from ..residual import Residual, ResidualProblem
from ..solvers import Solver
from .base_trainer import BaseTrainer
from .concerns import wrong_gradient
from .phase import Phase
from .record import Record
from .residual_record import ResidualTraining
from .residual_settings import ResidualSettings
from .residual_trainer import ResidualTrainer
from .settings import FitSettings
from .stage import fingerprint_of
from .trainer import Trainer

if TYPE_CHECKING:
    from ..result.fit import Fit
    from ..result.residual_fit import ResidualFit

__all__ = ["fit", "resume"]


@overload
def fit(
    model: ResidualProblem,
    data: None = None,
    *,
    objective: Residual | None = None,
    phases: Phase | Sequence[Phase] | None = None,
    seeds: int | Sequence[int] = 1,
    balance: Mapping[str, float] | Balance | Causal | Sequence[Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    engine: str | Engine | None = None,
    progress: bool = True,
    report_every: int = 50,
    callback: Callable[[Report], Any] | None = None,
) -> ResidualFit: ...


@overload
def fit(
    model: ODE,
    data: xr.Dataset | Sequence[xr.Dataset] | Stream,
    *,
    time_unit: str | None = None,
    objective: ObjectiveSpecification | None = None,
    phases: Phase | Sequence[Phase] | None = None,
    seeds: int | Sequence[int] = 1,
    loss: str | Loss | Callable[..., Any] | None = None,
    holdout: float | Holdout | None = None,
    regularise: Any = None,
    penalty: Any = None,
    solver: str | Solver = "auto",
    rtol: float = 1e-6,
    atol: float | Mapping[str, float] | None = None,
    dt: float | None = None,
    max_steps: int = 4096,
    adjoint: str = "auto",
    estimate_initial: bool = True,
    early_stopping: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    engine: str | Engine | None = None,
    progress: bool = True,
    report_every: int = 50,
    callback: Callable[[Report], Any] | None = None,
) -> Fit: ...


@known_arguments
def fit(
    model: ODE | ResidualProblem,
    data: xr.Dataset | Sequence[xr.Dataset] | Stream | None = None,
    *,
    time_unit: str | None = None,
    objective: ObjectiveSpecification | None = None,
    phases: Phase | Sequence[Phase] | None = None,
    seeds: int | Sequence[int] = 1,
    loss: str | Loss | Callable[..., Any] | None = None,
    holdout: float | Holdout | None = None,
    regularise: Any = None,
    penalty: Any = None,
    solver: str | Solver = "auto",
    rtol: float = 1e-6,
    atol: float | Mapping[str, float] | None = None,
    dt: float | None = None,
    max_steps: int = 4096,
    adjoint: str = "auto",
    estimate_initial: bool = True,
    early_stopping: int | None = None,
    balance: Mapping[str, float] | Balance | Causal | Sequence[Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    engine: str | Engine | None = None,
    progress: bool = True,
    report_every: int = 50,
    callback: Callable[[Report], Any] | None = None,
) -> Fit | ResidualFit:
    """Train a model on measurements, or networks on the equations of a `ResidualProblem`.

    Parameters
    ----------
    model
        What to train: `ODE`, `PDE`, `Stepper` or `ResidualProblem`.
    data
        Dataset with variables named after the model's observables, an increasing `time` coordinate, optionally a
        `trajectory` dimension; or a list of Datasets, one a trajectory, with different times. NaN means not measured; a
        variable that is absent is an unobserved one. For `Unrolled` also a `Stream` of a data set larger than memory.
        Of a residual problem None: its terms have their measurements (`ude.Data`).
    time_unit
        What a unit of the model's time is, where the data's times are dates or time spans: `D` (days), `h`, `m`
        (minutes), `s`, … Times then count from the first date, which the result keeps: `predict` takes dates.
    objective
        `Trajectory()` (default), `MultipleShooting(5)` or `Collocation()`; of a `Stepper`, `Unrolled()` (default) or
        `Trajectory()`; of a residual problem `Residual()`. A phase may have its own.
    phases
        What to run in order; default `[Adam(1e-2, 1000), BFGS(500)]`, of a `Stepper` `[Adam(1e-3, 1000), LBFGS(300)]`
        (without the latter for mini-batches and `gradient="none"`), of a residual problem
        `[Adam(ExponentialDecay(1e-3, 0.9, 1000), 10_000), GaussNewton(100)]`, the latter at 512 points a term at least
        (`LBFGS(1000)` instead above 2000 free numbers).
    seeds
        Number of ensemble members, or their seeds. They differ in the networks' initial weights and train together,
        vectorised.
    loss
        `squared_error` (default), `huber`, `gaussian`, a loss with settings, or a NumPy function of
        (predicted, observed).
    holdout
        What training doesn't see: the last fraction of the times, or a `Holdout`.
    regularise
        `L2(weight)`, `L1(weight)` or a number (an L2 weight).
    penalty
        Function of (t, state, p, net), a `Penalty` with a weight, or a dict of them: averaged along the solution.
    solver
        `auto` (chooses between `tsit5` and the engine's best stiff solver, and says so), or one of `tsit5`, `dopri5`,
        `kvaerno5`, `kencarp4`, and with `dt=` the fixed-step `euler`, `heun`, `rk4`; each engine has more. Or one with
        its settings, `ude.Tsit5(rtol=1e-8)`, `ude.RK4(dt=0.01)`; then the next five are left out.
    rtol
        Relative tolerance of the solver.
    atol
        Absolute tolerance, in the states' units: a number, or a dict state → number. None: 1e-6, and for states whose
        known values (measurements, initial values, `State.scale`) stay below 0.1, 1e-6 of their size.
    dt
        Step of the fixed-step solvers, in time units.
    max_steps
        Step limit of one integration; a rejected training step where it is reached.
    adjoint
        How gradients go through the solver: `auto` (the engine's own default), `backsolve`, or another of the engine.
    estimate_initial
        Whether initial values that aren't known are trained (they start at the first measurement) or kept there.
    early_stopping
        Stop after this many iterations without a lower held-out error, and report the parameters that had the lowest.
    balance
        Of a residual problem: how its terms are weighted. A dict term → weight, a rule that moves the weights while
        Adam, AdamW or SOAP train (`LearningRateAnnealing()`, `GradientNorm()`, `NeuralTangentKernel()`, `ConFIG()`,
        `PCGrad()`), `Causal()`, or a list of these. Phases after it keep the weights that it found.
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

    Returns
    -------
    Fit
        Also after Ctrl-C and after failures: `fit.status` says how it ended. Of a residual problem a `ResidualFit`.

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
    path = None if checkpoint is None else writable(checkpoint, "checkpoint", what="The checkpoint")
    flag(progress, "progress")
    function(callback, "callback", needs="a function of the report", takes=1, none=True)
    chosen = checked_engine(engine)
    if isinstance(model, ResidualProblem):
        others = {
            "data": data, "loss": loss, "holdout": holdout, "regularise": regularise, "penalty": penalty,
            "solver": solver, "rtol": rtol, "atol": atol, "dt": dt, "max_steps": max_steps, "adjoint": adjoint,
            "estimate_initial": estimate_initial, "early_stopping": early_stopping, "time_unit": time_unit,
        }  # fmt: skip
        _refuse(others)
        chosen_settings = ResidualSettings.of(model, objective, phases, seeds, balance, report_every)
        return _fit_residual(model, chosen_settings, path, chosen, progress, callback)
    if not isinstance(model, ODE):
        raise ModelError(
            f"`fit` needs a model, e.g. `unideq.ODE(...)`, or a `unideq.ResidualProblem`, not {type(model).__name__}."
        )
    if data is None:
        raise DataError("`fit` needs measurements to train this model on: `ude.fit(model, dataset)`.")
    if balance is not None:
        raise OptionError(
            "`balance` weighs the terms of a `ResidualProblem`. The terms of this model have their weights in "
            "`penalty` and `regularise`."
        )
    if isinstance(model, Stepper):
        _refuse_solver({"solver": solver, "rtol": rtol, "atol": atol, "dt": dt, "max_steps": max_steps})
    settings = FitSettings.of(
        objective, phases, seeds, loss, holdout, regularise, penalty, solver, rtol, atol, dt, max_steps, adjoint,
        estimate_initial, early_stopping, report_every, isinstance(model, Stepper),
    )  # fmt: skip
    model = _coupled(model, settings)  # fmt: skip
    _warn_of_equal_seeds(model, settings.seeds)
    observations = Observations.given(data, model, time_unit=time_unit)
    check_attributes(observations.dataset)
    settings = settings.at(observations.clock)
    tell_doubts(data, model, observations, observations.split(settings.holdout)[0], settings.estimate_initial)
    chosen = get_engine(chosen)
    trainer = Trainer(model, observations, settings, chosen, callback=callback)
    fingerprint = trainer.settings.fingerprint(model.to_json(), observations.digest)
    record = None
    if path is not None and path.exists():
        record = _own_checkpoint(path, fingerprint)
        # The record's settings name the solver that `auto` chose.
        trainer = Trainer(model, observations, record.settings, chosen, callback=callback)
    if record is None:
        record = trainer.start()
        record.fingerprint = fingerprint
    return _run(trainer, record, path, progress, automatic=settings.solver.name == "auto")


def _fit_residual(
    problem: ResidualProblem,
    settings: ResidualSettings,
    path: Path | None,
    engine: str | Engine | None,
    progress: bool,
    callback: Callable[[Report], Any] | None,
) -> ResidualFit:
    """`fit` of a residual problem."""
    _warn_of_equal_seeds(problem, settings.seeds)
    trainer = ResidualTrainer(problem, settings, get_engine(engine), callback=callback)
    # Only a checkpoint is ever compared.
    fingerprint = "" if path is None else fingerprint_of(settings.to_json(), problem.to_json())
    if path is not None and path.exists():
        return _run(trainer, _own_checkpoint(path, fingerprint), path, progress)
    record = trainer.start()
    record.fingerprint = fingerprint
    return _run(trainer, record, path, progress)


def _warn_of_equal_seeds(model: ODE | ResidualProblem, seeds: Sequence[int]) -> None:
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


def _set(given: Mapping[str, Any]) -> Iterator[str]:
    """The names of options that differ from `fit`'s defaults."""
    defaults = {name: p.default for name, p in inspect.signature(fit).parameters.items()}
    for name, value in given.items():
        if value is not defaults[name] and not (isinstance(value, (str, int, float, bool)) and value == defaults[name]):
            yield name


def _refuse(given: Mapping[str, Any]) -> None:
    """Raise an `OptionError` where an option was given that means nothing to residual problems."""
    for name in _set(given):
        raise OptionError(f"`{name}` isn't for residual problems: {_WHY_NOT.get(name, _NOTHING_SOLVED)}.")


def _refuse_solver(given: Mapping[str, Any]) -> None:
    """Raise an `OptionError` where an option was given that means nothing to steppers."""
    for name in _set(given):
        raise OptionError(
            f"`{name}={shown(given[name])}` is for models continuous in time; a stepper has its scheme and its dt. "
            "Leave it out."
        )


_NOTHING_SOLVED = "nothing is solved in time, the networks are the solution. Leave it out"
_WHY_NOT = {
    "data": "measurements are terms of theirs, `ude.Data(dataset)`",
    "loss": "their terms are mean squares of residuals, scaled by `weight` and `balance`",
    "holdout": "they are judged by fixed points of their own; compare with held-back data by `fit.error(reference)`",
    "early_stopping": "they are judged by fixed points of their own; stop by `callback`",
    "penalty": "add a term to the problem",
    "regularise": "add a term to the problem, or use `AdamW` with its `weight_decay`",
    "estimate_initial": "initial values are terms, `ude.Initial(...)`",
}


def _coupled(model: ODE, settings: FitSettings) -> ODE:
    """The stepper with the coupling that the objectives ask for."""
    objectives = [s.objective for s in settings.stages()]
    asked = {o.coupling for o in objectives if isinstance(o, Unrolled) and o.coupling is not None}
    if not asked:
        return model
    if len(asked) > 1 or any(isinstance(o, Unrolled) and o.coupling is None for o in objectives):
        raise OptionError(
            f"One fit trains one stepper, and its phases ask for several couplings: {sorted(asked)}, its own. "
            "Give all objectives the same `coupling`."
        )
    coupling = asked.pop()
    if not isinstance(model, Stepper):
        raise ModelError(f"`coupling` says how a stepper is corrected; the model is {type(model).__name__}.")
    if coupling == model.coupling:
        return model
    correction = model.named.get("correction")
    if correction is None:
        raise ModelError(f'`coupling="{coupling}"` needs a stepper with a `correction`, and this one has none.')
    missing = [n for n in model.states.names if n not in correction.outputs]
    if missing and coupling == "prediction":
        raise ModelError(
            f'The correction returns nothing for {", ".join(f"`{m}`" for m in missing)}. With `coupling="prediction"` '
            "it gives every field's next state."
        )
    return model._copy(coupling=coupling)


def _own_checkpoint(path: Path, fingerprint: str) -> Any:
    """The training that a checkpoint of the same call holds."""
    from ..result.file import read_training

    record = read_training(path)
    if record.fingerprint != fingerprint:
        raise OptionError(
            f"The checkpoint `{path}` belongs to another call (other model, data or settings). "
            "Delete it, or choose another file name."
        )
    return record


def _run(trainer: BaseTrainer[Any], record: Record, path: Path | None, progress: bool, automatic: bool = False) -> Any:
    """Train on from where the record stands, with checkpoints at `path`; the fit."""
    from ..result.file import write_training
    from ..result.fit import Fit
    from ..result.residual_fit import ResidualFit

    if path is not None:
        trainer.save = lambda record: write_training(record, path)
    ran = not record.done
    if ran:
        trainer.run(record, progress, automatic)
    made: Any = (ResidualFit if isinstance(record, ResidualTraining) else Fit)(record, trainer.engine)  # type: ignore[arg-type]
    if ran and isinstance(made, Fit) and record.history.iterations and switches(made.model):
        trainer.tell(record, wrong_gradient(made))
    return made


def resume(path: str | os.PathLike[str], engine: str | Engine | None = None, progress: bool = True) -> Any:
    """Go on with the training that a file holds (a checkpoint, or a saved fit that was interrupted).

    Parameters
    ----------
    path
        File written by `fit(checkpoint=...)` or `Fit.save`; it is also where new checkpoints go.
    engine
        Default: the engine that the training ran on; where that is missing the chosen one, or with a warning another.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Fit or ResidualFit
        By what the file holds.
    """
    from ..result.file import read_training

    flag(progress, "progress")
    given = checked_engine(engine)
    record = read_training(path)
    chosen = engine_for(record.engine["name"], given, 'resume(path, engine="NAME")', keep=True)
    if isinstance(record, ResidualTraining):
        trainer: Any = ResidualTrainer(record.problem, record.settings, chosen)
    else:
        trainer = Trainer(record.model, record.observations, record.settings, chosen)
    return _run(trainer, record, Path(path), progress)
