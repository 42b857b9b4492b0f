"""`APriori`: fit what a closure says of measured snapshots, its subgrid terms, without solving anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..checks import flag, known_arguments, number, settle, whole
from ..closure.symmetry import Turn, names_of_fields, odd_fields, turns_of
from ..errors import DataError, OptionError
from ..graph import Graph
from ..model.closed import SUFFIX
from ..model.on_grid import OnGrid
from ..stored import stored
from .comparison import compared
from .estimation_problem import EstimationProblem
from .observations import Observations
from .program import Given, LossProgram, Pointwise
from .spectral import check_spectral
from .windowed import Variation, Windowed
from .windows import Snapshots, WindowBatch, check_measured

__all__ = ["APriori"]

WHO = "`APriori`"


@stored
@known_arguments
@dataclass(frozen=True)
class APriori(Windowed):
    """Misfit of what is measured of the states' functions, such as `NAME_subgrid`, at the measured states themselves.

    Every observable counts that isn't a state: of a closed model its subgrid terms, in units of their spread. For
    `PDE`, `Stepper` and `ODE`; a stepper's snapshots may be one a trajectory.

    Parameters
    ----------
    batch
        Snapshots a mini-batch; None: all in every iteration (deterministic, so BFGS works). Training is then judged by
        fixed snapshots, held-out ones where there are any.
    spectral
        Weight of the misfit of the terms' spectra: the mean squared difference of ln E(k) over the grid's shells.
    augment
        Whether each snapshot of a batch, fields and terms, is turned or reflected by a drawn element of the grid's
        symmetries (8 on a square): for closures that shall turn with the flow, without `Learned(equivariant=True)`.
    odd
        With it: fields that change their sign in a mirror. Default: what the equations say.
    seed
        Of the order of the snapshots and of the turns. Those of an iteration depend on it and on the iteration alone.

    Notes
    -----
    What a filter makes of a force that isn't symmetric is part of the subgrid term, and doesn't turn with the flow.

    Examples
    --------
    >>> import unideq as ude
    >>> phases = [ude.Adam(1e-3, 500), ude.Adam(1e-4, 200, objective=ude.Unrolled(steps=4, batch=8))]
    >>> settings = {"objective": ude.APriori(batch=16, spectral=0.1), "phases": phases}
    """

    kind: ClassVar[str] = "a_priori"
    solves: ClassVar[bool] = False
    batch: int | None = None
    spectral: float = 0.0
    augment: bool = False
    odd: tuple[str, ...] | None = None
    seed: int = 0

    window: ClassVar[int] = 1
    before: ClassVar[int] = 0

    def __post_init__(self) -> None:
        settle(self, whole, "batch", least=1, none=True)
        settle(self, number, "spectral", least=0)
        settle(self, flag, "augment")
        settle(self, whole, "seed", least=0)
        settle(self, names_of_fields, "odd")
        if self.augment and self.batch is None:
            raise OptionError("`augment=True` turns the snapshots of each mini-batch. Give `batch=`, e.g. `batch=16`.")
        if self.odd is not None and not self.augment:
            raise OptionError("`odd` says how fields are reflected, which `augment=True` alone does.")

    # ---- what counts ------------------------------------------------------------------------------------------

    def fitted(self, problem: EstimationProblem) -> tuple[str, ...]:
        """The measured observables that aren't states."""
        model, names = problem.model, problem.observations.names
        states = {model.observed_state(s.name) for s in model.states}
        there = [n for n in model.observables if n not in states]
        if not there:
            raise OptionError(
                f"{WHO} fits what a model observes besides its states, and this one observes nothing else. Close it, "
                "`model.closed(...)`, or give it `observe=`."
            )
        found = tuple(n for n in names if n in there)
        if not found:
            listing = ", ".join(f"`{n}`" for n in there)
            raise DataError(
                f"{WHO} fits {listing}, and the data have {', '.join(f'`{n}`' for n in names)} alone. "
                "`ude.coarsen(data, coarse_model)` makes them."
            )
        return found

    def check(self, problem: EstimationProblem) -> None:
        model, observations = problem.model, problem.observations
        if model.inputs:
            raise OptionError(
                f"{WHO} looks at snapshots, and the model reads a forcing of each trajectory's own "
                f"(`{next(iter(model.inputs))}`). Give one forcing for all."
            )
        wrong = next((n for n, cost in problem.costs.items() if cost.over != "times"), None)
        if wrong is not None:
            raise OptionError(f'{WHO} solves nothing, so the cost `{wrong}` can only be one with `over="times"`.')
        if any(r.weight for r in problem.rankings.values()):
            raise OptionError(f"{WHO} solves nothing, and `rankings` are of solutions. Take `Trajectory()`.")
        loss = problem.loss
        if loss.beside or loss.limited or loss.whole:
            raise OptionError(
                f"{WHO} takes losses of single values: none with standard deviations or limits beside them, or of "
                "whole series."
            )
        names = self.fitted(problem)
        for s in observations.series:
            check_measured(s, {n: n for n in names}, WHO)
        for name in names:
            values = observations.pooled(name)
            if not values.std() > 1e-9 * np.abs(values).max():
                raise DataError(f"`{name}` doesn't vary in the data: there is nothing to fit.")
        if self.spectral:
            check_spectral(problem, names, "APriori")
        if self.augment:
            self._turns(problem)
        self.windows(problem)

    def snapshots(self, problem: EstimationProblem, observations: Observations) -> Snapshots:
        return Snapshots.of(problem.model, observations, WHO, spaced=False)

    # ---- programs ---------------------------------------------------------------------------------------------

    def program(self, problem: EstimationProblem, windows: WindowBatch) -> LossProgram:
        """The program on given snapshots."""
        problem = replace(problem, picking=True)
        names = self.fitted(problem)
        points, targets = self.data(problem, windows)
        graph = problem.rebased(problem.model.observation)
        outputs = {**{f"observed.{n}": graph.outputs[n] for n in names}, **problem.cost_outputs("times")}
        source = Pointwise("snapshots", Graph(graph.inputs, outputs), points)
        spectra = check_spectral(problem, names, "APriori") if self.spectral else ()
        return compared(problem, source, Given("target", targets), names, dict.fromkeys(spectra, self.spectral))

    def data(self, problem: EstimationProblem, windows: WindowBatch) -> list[dict[str, np.ndarray]]:
        """Snapshots, and what is measured there."""
        points = {"t": windows.start, "u": windows.states[:, 0]}
        if windows.conditions is not None:
            points["c"] = windows.conditions
        targets = {n: windows.values[n][:, 0] for n in self.fitted(problem)}
        for name, values in targets.items():
            if not np.isfinite(values).all():
                raise DataError(f"`{name}` has NaN in a snapshot. {WHO} needs whole fields: fill it.")
        return [points, targets]

    def variation(self, problem: EstimationProblem) -> Variation | None:
        """Each snapshot is turned or reflected."""
        if not self.augment:
            return None
        (turns, odd), states, names = self._turns(problem), problem.model.states, self.fitted(problem)

        def vary(windows: WindowBatch, place: tuple[int, ...]) -> WindowBatch:
            drawn = np.random.default_rng([*place, 1]).integers(len(turns), size=len(windows))
            fields = {n: _turned(v, n in odd, turns, drawn) for n, v in states.split(windows.states).items()}
            terms = {n: _turned(windows.values[n], n.removesuffix(SUFFIX) in odd, turns, drawn) for n in names}
            moved = states.join(fields, windows.states.shape[:2])
            return replace(windows, states=moved, values={**windows.values, **terms})

        return vary

    def _turns(self, problem: EstimationProblem) -> tuple[tuple[Turn, ...], frozenset[str]]:
        """The grid's symmetries, and which fields are odd."""
        model, who = problem.model, "`APriori(augment=True)`"
        if not isinstance(model, OnGrid) or model.grid is None:
            raise OptionError(f"{who} turns fields on a grid, and this model has none.")
        known = [n + SUFFIX for n in model.named["closure"].outputs] if "closure" in model.named else []
        other = next((n for n in self.fitted(problem) if n not in known), None)
        if other is not None:
            raise OptionError(f"{who} knows how subgrid terms turn with their fields, and not how `{other}` does.")
        return turns_of(model.grid, who), odd_fields(model, self.odd, who)


def _turned(fields: np.ndarray, odd: bool, turns: tuple[Turn, ...], drawn: np.ndarray) -> np.ndarray:
    """Fields (B, …, *grid), each by its own turn."""
    made = np.empty_like(fields)
    for k, turn in enumerate(turns):
        rows = drawn == k
        made[rows] = (-1.0 if odd and turn.mirrors else 1.0) * turn.of(fields[rows])
    return made
