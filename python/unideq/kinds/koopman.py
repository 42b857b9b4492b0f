"""`Koopman`: autoencoders whose latent coordinates move linearly, trained on windows of snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import xarray as xr

from ..errors import OptionError
from ..model import Koopman
from ..objective import Linearity
from ..optimise import LBFGS, Adam
from ..result.fit import Fit
from ..training.kind import register_kind
from ..training.record import Record
from ..training.stage import Stage
from .map import Map, MapTask
from .measured import Measured
from .measured_settings import MeasuredSettings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["KoopmanKind"]


class KoopmanTask(MapTask):
    """A Koopman model on windows of snapshots."""

    def _choose(self, record: Record) -> None:
        """Nothing is to be chosen."""

    def why_gave_up(self, record: Record, stage: Stage, tried: str) -> str:
        return (
            f"in {stage.label}, {tried} (infinite losses); best parameters so far kept. Try a smaller learning rate, a "
            "smaller `horizon`, or the networks' `input_scale` and `output_scale` at the size of the data."
        )


@register_kind(Koopman)
class KoopmanKind(Map):
    """`Koopman`."""

    words = "Koopman models"
    task = KoopmanTask
    computed = ("solution", "learned_term", "spectrum", "diagnostics")
    options = ("time_unit", "loss", "holdout", "regularise")
    refused: ClassVar[Mapping[str, str]] = {
        **Map.refused,
        "cost": "is the mean of a function along solutions, and `Linearity` solves nothing. Leave it out.",
        "rankings": "is for models continuous in time, solved under other inputs. Leave it out.",
        "solver": "is for models continuous in time; latent coordinates move exactly. Leave it out.",
        "estimate_initial": "is for models continuous in time; predictions start at measured snapshots. Leave it out.",
    }
    instead: ClassVar[Mapping[str, str]] = {
        **Measured.instead,
        "export_julia": "There is no vector field to write a script of. The file of `fit.save` holds all of it.",
    }
    pictured = "Forecasts, eigenvalues, eigenfunctions, training"

    def defaults(self, objective: Any, phases: Any) -> tuple[Any, Any]:
        objective = Linearity() if objective is None else objective
        if phases is not None:
            return objective, phases
        return objective, (Adam(1e-3, 1000), LBFGS(300)) if getattr(objective, "batch", None) is None else (
            Adam(1e-3, 1000),
        )

    def fitted(self, model: Koopman, settings: MeasuredSettings) -> Koopman:
        other = next((s.objective for s in settings.stages() if not isinstance(s.objective, Linearity)), None)
        if other is not None:
            raise OptionError(
                f"Koopman models are trained on windows of snapshots, by `ude.Linearity(...)`, not by "
                f"`{type(other).__name__}`."
            )
        return model

    def own_rows(self, record: Record) -> list[tuple[str, str]]:
        return [("latent coordinates", record.method), ("initial values", "each trajectory's first snapshot")]

    def compute(self, fit: Fit) -> dict[str, xr.Dataset]:
        from ..result.koopman import spectra_of_fit

        groups = super().compute(fit)
        diagnostics = groups.pop("/diagnostics")
        return {**groups, "/spectrum": spectra_of_fit(fit), "/diagnostics": diagnostics}

    def plot(self, fit: Fit, path: Any = None, **settings: Any) -> Figure:
        from ..result.plot.koopman import koopman_overview

        return koopman_overview(fit, path, **settings)
