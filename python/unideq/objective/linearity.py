"""`Linearity`: what a Koopman autoencoder is trained on, windows of snapshots without any solve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments, number, settle, whole
from ..errors import DataError, OptionError
from ..graph import Graph, batched, rebuild, variable
from ..model import Koopman
from ..stored import stored
from .estimation_problem import EstimationProblem
from .losses import SquaredError
from .observations import Observations
from .program import LossProgram, Pointwise
from .windowed import Windowed
from .windows import Snapshots, WindowBatch, state_observables, step_ratio

__all__ = ["Linearity"]

WHO = "`Linearity`"


@stored
@known_arguments
@dataclass(frozen=True)
class Linearity(Windowed):
    """Reconstruction, prediction and linearity of a `Koopman` model on windows x₀, x₁, … of consecutive snapshots.

    Terms, each a mean square over windows: `reconstruction` of x₀ − φ⁻¹(φ(x₀)); `prediction` of xₖ − φ⁻¹(Kᵏ φ(x₀)),
    k = 1 … `prediction`, both in units of the states' spread; `linearity` of φ(xₖ) − Kᵏ φ(x₀), k = 1 … `linear`, in
    units of the latent coordinates. All are sums of squares, which `GaussNewton` needs.

    Parameters
    ----------
    horizon
        Snapshots that predictions look ahead.
    linear
        Snapshots that linearity looks ahead; default: as far as predictions.
    reconstruction, prediction, linearity
        Weights of the terms. Zero leaves a term out.
    infinity
        Weight of the largest error of a reconstruction of x₀ plus that of a prediction of x₁ (term `infinity`); with it
        `GaussNewton` has no sum of squares. Zero leaves it out.
    batch
        Windows a mini-batch; None: all windows in every iteration (deterministic, so BFGS works).
    stride
        Snapshots between the starts of two windows.
    seed
        Of the order of the windows. The batch of an iteration depends on it and on the iteration alone.

    Notes
    -----
    Latent coordinates have no scale of their own: small ones make `linearity` small. `prediction` isn't fooled.

    Examples
    --------
    >>> import unideq as ude
    >>> published = ude.Linearity(30, linear=50, reconstruction=0.1, prediction=0.1, linearity=1.0, batch=256)
    >>> published.window
    51
    """

    kind: ClassVar[str] = "linearity"
    solves: ClassVar[bool] = False
    horizon: int = 10
    linear: int | None = None
    reconstruction: float = 1.0
    prediction: float = 1.0
    linearity: float = 1.0
    infinity: float = 0.0
    batch: int | None = None
    stride: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        settle(self, whole, "horizon", "stride", least=1)
        settle(self, whole, "linear", "batch", least=1, none=True)
        settle(self, whole, "seed", least=0)
        settle(self, number, "reconstruction", "prediction", "linearity", "infinity", least=0)
        if not (self.reconstruction or self.prediction):
            raise OptionError(
                f"{WHO} needs `reconstruction` or `prediction`: without them all latent coordinates become zero."
            )

    @property
    def ahead(self) -> int:
        """Snapshots that linearity looks ahead."""
        return self.linear or self.horizon

    @property
    def window(self) -> int:
        """Snapshots a window."""
        return 1 + max(self.horizon, self.ahead)

    @property
    def before(self) -> int:
        return 1

    def check(self, problem: EstimationProblem) -> None:
        """Complain about what can't be trained this way, before anything is compiled."""
        if not isinstance(problem.model, Koopman):
            raise OptionError(
                f"{WHO} is for `Koopman` models, and the model is {type(problem.model).__name__}. Use "
                "`Trajectory()`, `MultipleShooting()` or, for steppers, `Unrolled()`."
            )
        if type(problem.loss) is not SquaredError:
            raise OptionError(
                f"{WHO} is made of squares: `loss` can only be `ude.SquaredError(...)`, with `scale` and `weights`, "
                f"not {problem.loss!r}."
            )
        for name in problem.observations.names:
            values = problem.observations.pooled(name)
            shown = np.ptp(values[np.isfinite(values)]) if np.isfinite(values).any() else 0.0
            if not shown > 1e-9 * np.nanmax(np.abs(values), initial=0.0):
                raise DataError(f"`{name}` doesn't vary in the data: leave it out of `states`.")
        self.windows(problem)

    def _none_left(self, observations: Observations) -> None:
        best = max(observations.series, key=lambda s: len(s.times))
        raise DataError(
            f"{WHO} looks {self.window - 1} snapshots ahead and needs windows of {self.window}, but the longest of "
            f"{len(observations)} training trajectories ({best.label!r}) has {len(best.times)}. Use a smaller "
            "`horizon` and `linear`, hold out less, or give longer trajectories."
        )

    def snapshots(self, problem: EstimationProblem, observations: Observations) -> Snapshots:
        return Snapshots.of(problem.model, observations, WHO)

    # ---- programs ---------------------------------------------------------------------------------------------

    def program(self, problem: EstimationProblem, windows: WindowBatch) -> LossProgram:
        """The program on given windows."""
        (data,) = self.data(problem, windows)
        model = problem.model
        assert isinstance(model, Koopman)
        ratio = step_ratio(model.dt, problem.observations.series)
        source = Pointwise("windows", problem.rebased(self._residuals(problem, model, ratio)), data)
        theta = problem.theta()
        arrays = {name: variable(name, shape) for name, shape in source.shapes.items()}
        names = [n for n in ("reconstruction", "prediction", "linearity") if getattr(self, n)]
        terms: dict[str, Any] = {}
        for name in names:
            residual: Any = arrays[f"windows.{name}"]
            terms[name] = np.sum(residual * residual) * (1.0 / source.count)
        weights = {n: getattr(self, n) for n in names}
        if self.infinity:
            errors: Any = arrays["windows.errors"]
            largest: Any = np.max(np.abs(errors.reshape(source.count, 2, -1)), axis=(0, 2))
            terms["infinity"], weights["infinity"] = np.sum(largest), self.infinity
        more, extra = problem.extra_terms(theta, {})
        loss = Graph((*arrays.values(), theta), {**terms, **more})
        residuals = {n: f"windows.{n}" for n in names}
        return LossProgram((source,), loss, {**weights, **extra}, residuals)

    def _residuals(self, problem: EstimationProblem, model: Koopman, ratio: int) -> Graph:
        """Of one window `x` (L, n): arrays whose sums of squares are the terms."""
        x: Any = variable("x", (self.window, model.size))
        theta = model.layout.variable()
        columns = state_observables(model, problem.observations.names, WHO)
        factors = [problem.loss.weights.get(n, 1.0) ** 0.5 / problem.scales[n] for n in columns.values()]
        factor = np.repeat(factors, [s.size for s in model.states])

        def at(graph: Graph, rows: Any) -> Any:
            """The graph of one vector at each of these rows."""
            many = batched(graph, ("u",), rows.shape[0])
            (output,) = many.outputs.values()
            return rebuild([output], {many.input("u"): rows})[0]

        def mean(part: Any) -> Any:
            return part * part.size**-0.5

        moved = model.orbit(self.window - 1, ratio)
        latent: Any = at(model.lift, x[: self.ahead + 1] if self.linearity else x[:1])
        later: Any = rebuild([moved.outputs["u"]], {moved.input("u"): latent[0]})[0]
        found: dict[str, Any] = {}
        decoded: Any = at(model.lower, np.concatenate([latent[:1], later[: self.horizon]], axis=0))
        errors = (decoded - x[: self.horizon + 1]) * factor
        if self.reconstruction:
            found["reconstruction"] = mean(errors[0])
        if self.prediction:
            found["prediction"] = mean(errors[1:])
        if self.linearity:
            found["linearity"] = mean(latent[1:] - later[: self.ahead])
        if self.infinity:
            found["errors"] = errors[:2]
        return Graph((x, theta), found)

    def data(self, problem: EstimationProblem, windows: WindowBatch) -> list[dict[str, np.ndarray]]:
        """The windows' states."""
        return [{"x": windows.states}]
