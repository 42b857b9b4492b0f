"""Maps, `Stepper`: rolled out in steps from measured snapshots, by no solver but their own scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from ..checks import shown, whole
from ..errors import OptionError
from ..model import Stepper
from ..objective import Observations, Unrolled
from ..objective.own_inputs import constant_rows
from ..objective.windowed import Windowed
from ..objective.windows import state_observables
from ..optimise import LBFGS, Adam
from ..result.fit import Fit
from ..result.sampling import labelled, problem_of
from ..result.stepping import steps_to
from ..training.judge import Judge, windows_judge
from ..training.kind import register_kind
from ..training.record import Record
from ..training.stage import Stage
from .measured import Measured
from .measured_settings import MeasuredSettings
from .measured_task import MeasuredTask

__all__ = ["Map"]


class MapTask(MeasuredTask):
    """A stepper on snapshots."""

    def _choose(self, record: Record) -> None:
        """Warn where the step is unstable at the first snapshot, before training fails for it."""
        first, model = self.train.series[0], self.model
        observables = state_observables(model, self.observations.names)
        u = model.states.join({state: first.values[name][0] for state, name in observables.items()})
        if np.isfinite(u).all():
            c = constant_rows(model, [first])
            model.check_stability(u[None], record.theta[0][: model.layout.size], c, float(first.times[0]))

    def _judge_of_held_out(self, held: Observations) -> Judge:
        # Held-out windows of the last unroll length, the same in all stages.
        windowed = [s.objective for s in self.stages if isinstance(s.objective, Windowed)]
        unrolled = [o for o in windowed if isinstance(o, Unrolled)]
        return windows_judge(self.engine, (unrolled or windowed or [Unrolled()])[-1], self.problem, self.observations)

    def why_gave_up(self, record: Record, stage: Stage, tried: str) -> str:
        return (
            f"in {stage.label}, {tried} (infinite rollouts or losses); "
            "best parameters so far kept. Try a smaller learning rate, fewer `steps`, a `curriculum`, "
            '`gradient="none"`, or smaller or more `substeps` of the stepper.'
        )


@register_kind(Stepper)
class Map(Measured):
    """`Stepper`."""

    words = "steppers"
    task = MapTask
    options = ("time_unit", "loss", "holdout", "regularise", "cost")
    refused: ClassVar[Mapping[str, str]] = {
        **Measured.refused,
        "rankings": "is for models continuous in time, solved under other inputs. Fit the stepper's ODE or PDE.",
        "solver": "is for models continuous in time; a stepper has its scheme and its dt. Leave it out.",
        "estimate_initial": "is for models continuous in time; rollouts start at measured snapshots. Leave it out.",
    }
    instead: ClassVar[Mapping[str, str]] = {
        **Measured.instead,
        "export_julia": "A stepper can't be exported as a script. Export the PDE or ODE that it was made from.",
    }

    def refusal(self, name: str, value: Any) -> str:
        if name in Measured.refused:
            return super().refusal(name, value)
        return f"`{name}={shown(value)}` {self.refused[name]}"

    def defaults(self, objective: Any, phases: Any) -> tuple[Any, Any]:
        objective = Unrolled() if objective is None else objective
        if phases is not None:
            return objective, phases
        # Line searches compare values of one function and trust its gradient.
        searched = getattr(objective, "batch", None) is None and getattr(objective, "gradient", "full") != "none"
        return objective, (Adam(1e-3, 1000), LBFGS(300)) if searched else (Adam(1e-3, 1000),)

    def fitted(self, model: Stepper, settings: MeasuredSettings) -> Stepper:
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
        return model.with_coupling(asked.pop())

    def method(self, record: Record) -> str:
        return f"{record.model.scheme_text} in steps of {record.model.dt:g}"

    def own_rows(self, record: Record) -> list[tuple[str, str]]:
        return [("scheme", record.method), ("initial values", "each window's or trajectory's first snapshot")]

    # ---- predictions ------------------------------------------------------------------------------------------

    def predict(
        self,
        fit: Fit,
        time: Any = None,
        initial: Any = None,
        seed: Any = None,
        *,
        steps: int | None = None,
        conditions: Mapping[str, Any] | None = None,
        forcings: None = None,
        events: None = None,
        intervention: None = None,
    ) -> xr.Dataset:
        """See `Fit.predict`."""
        if events is not None:
            raise OptionError("`events` are for models continuous in time; a stepper has none.")
        if intervention is not None:
            raise OptionError("`intervention` is for models continuous in time; a stepper takes `conditions`.")
        if forcings is not None:
            raise OptionError("`forcings` are for models continuous in time; a stepper has none of a trajectory's own.")
        if steps is not None:
            count = whole(steps, "steps", least=0)
            if time is not None:
                raise OptionError("Give `time` or `steps`, not both.")
            first = fit.record.observations.series[0].start if initial is None else 0.0
            time = first + fit.model.dt * np.arange(int(count) + 1)
        if initial is None and conditions is not None:
            raise OptionError("`conditions` go with `initial`; along the data they come from its coordinates.")
        return self.predicted(fit, time, initial, seed, conditions=conditions)

    def check_times(self, record: Record, grid: np.ndarray) -> None:
        between = grid[grid.ndim == 1 and (steps_to(problem_of(record), grid) < 0).all(axis=0)]
        if len(between):
            raise OptionError(
                f"No rollout reaches time {between[0]:g}: they start at snapshots, in steps of {record.model.dt:g}."
            )

    def start_from(
        self, fit: Fit, initial: Mapping[str, Any], grid: np.ndarray, seed: int, conditions: Any = None
    ) -> xr.Dataset:
        theta = fit.theta_of(seed)[: fit.model.layout.size]
        found = fit.trained(seed).solve(grid, initial, theta, conditions=conditions, engine=fit.engine, throw=False)
        return labelled(found.dataset, fit.record)
