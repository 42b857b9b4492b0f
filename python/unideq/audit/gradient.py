"""`fit.check_gradient`: is the gradient that training used the derivative of the loss that it reported?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ..checks import known_arguments, number, whole
from ..errors import OptionError
from ..model.switches import SMOOTH, switches, switches_of
from ..objective import LossProgram
from ..training.trainer import Trainer

if TYPE_CHECKING:
    from ..result.fit import Fit

__all__ = ["GradientCheck", "check_gradient"]


@dataclass(frozen=True)
class GradientCheck:
    """Derivatives of the last stage's total along random unit directions in θ, computed in three ways.

    Attributes
    ----------
    adjoint
        gradient · direction (D,): what training uses.
    forward
        Forward mode through the same solve (D,); NaN where the engine has none.
    difference
        Central finite differences (D,), extrapolated to step zero (Richardson).
    resolution
        How far the finite differences themselves can be trusted (D,): rounding and solver noise over the step.
    explained
        How far, at most, these derivatives are from those at tolerances a hundred times tighter: what the solver's
        tolerance explains. Where terms cancel, near a minimum, it is much more than the tolerance times the gradient.
        Measured only where the comparison would fail without it, else 0.
    gradient_norm
        Length of the gradient over the free entries of θ.
    scale
        What all differences are relative to: the largest of these derivatives.
    tolerance
        Largest relative difference that the solver's tolerances explain.
    objective, solver, seed, moved
        What was differentiated, how, whose θ, and whether beside it, since the trained θ is a minimum.
    """

    adjoint: np.ndarray
    forward: np.ndarray
    difference: np.ndarray
    resolution: np.ndarray
    explained: float
    gradient_norm: float
    scale: float
    tolerance: float
    objective: str
    solver: str
    seed: int
    moved: bool
    switches: tuple[str, ...] = ()
    """Comparisons at which the equations or costs jump, and whose moment moves with θ: no gradient has that."""

    @property
    def forward_error(self) -> float:
        """Largest |adjoint − forward|, relative; NaN where there is no forward mode."""
        finite = np.isfinite(self.forward)
        return float(np.abs(self.adjoint - self.forward)[finite].max()) / self.scale if finite.any() else float("nan")

    @property
    def difference_error(self) -> float:
        """Largest |adjoint − finite difference| beyond what differences resolve and tolerances explain, relative."""
        beyond = np.abs(self.adjoint - self.difference) - self.resolution - 2.0 * self.explained
        excess = np.maximum(beyond, 0.0)
        return float(excess.max()) / self.scale

    @property
    def passed(self) -> bool:
        """Whether both comparisons agree as well as the solver's tolerances let them."""
        errors = [self.difference_error, *([self.forward_error] if np.isfinite(self.forward_error) else [])]
        finite = np.isfinite(self.adjoint).all() and np.isfinite(self.difference).all()
        return bool(finite and max(errors) <= self.tolerance)

    @property
    def verdict(self) -> str:
        """One sentence."""
        if not np.isfinite(self.adjoint).all() or not np.isfinite(self.difference).all():
            return "The solver fails at or near these parameters: no gradient to compare. Try another seed."
        if self.passed:
            if self.explained:
                return "The gradient is right to the solver's tolerance; a tighter `rtol` would make it more exact."
            return f"The gradient is right to the solver's tolerance (relative differences below {self.tolerance:.0e})."
        if self.switches:
            shown = " and ".join(f"`{s}`" for s in self.switches)
            return (
                f"The gradient is wrong: it leaves out that parameters move the moment at which {shown} switches. "
                f"No tolerance changes that. {SMOOTH}."
            )
        return (
            f"The gradient is off by more than the solver's tolerance explains ({self.tolerance:.0e}). "
            "Tighten `rtol` and `atol`, or try another `adjoint`; if that doesn't help, please report it as a bug."
        )

    def _rows(self) -> list[tuple[str, str]]:
        forward = f"{self.forward_error:.2e}" if np.isfinite(self.forward_error) else "not available"
        place = ", beside its minimum" if self.moved else ""
        return [
            ("objective", f"{self.objective}, solver {self.solver}, seed {self.seed}{place}"),
            ("gradient norm", f"{self.gradient_norm:.4g}"),
            ("adjoint − forward mode", forward),
            ("adjoint − finite differences", f"{self.difference_error:.2e}"),
            ("finite differences resolve", f"{float(self.resolution.max()) / self.scale:.2e}"),
            *([("tolerances explain", f"{self.explained / self.scale:.2e}")] if self.explained else []),
        ]

    def __repr__(self) -> str:
        lines = [f"  {name:<30} {value}" for name, value in self._rows()]
        head = f"GradientCheck along {len(self.adjoint)} directions: {'passed' if self.passed else 'FAILED'}"
        return "\n".join([head, *lines, f"  {self.verdict}"])

    def _repr_html_(self) -> str:
        cell = "padding:2px 14px 2px 0;text-align:left"
        rows = "".join(
            f'<tr><th style="{cell}">{escape(name)}</th><td style="{cell}">{escape(value)}</td></tr>'
            for name, value in self._rows()
        )
        colour = "#0072b2" if self.passed else "#d55e00"
        return (
            f'<div><strong style="color:{colour}">Gradient check {"passed" if self.passed else "failed"}</strong> '
            f'along {len(self.adjoint)} directions<table style="border-collapse:collapse">{rows}</table>'
            f"{escape(self.verdict)}</div>"
        )


@known_arguments
def check_gradient(
    fit: Fit, seed: int | None = None, directions: int = 8, step: float = 1e-3, tolerance: float | None = None
) -> GradientCheck:
    """Compare the adjoint gradient of the last stage's objective at the trained θ with two other ways to get it.

    Where the gradient vanishes (a minimum was reached) nothing could be compared, so a point close by is taken.
    Forward mode differentiates the same discrete solve, so it agrees almost to rounding; finite differences see the
    solver from outside, so they agree to its tolerance.

    Parameters
    ----------
    fit
        A trained model.
    seed
        Whose θ; default: the best seed's.
    directions
        Number D of random unit directions over the free entries of θ.
    step
        Largest finite-difference step h in θ (which is stored in units of each entry's initial size). Steps h and h/2
        are extrapolated to zero; smaller ones tell how far that can be trusted.
    tolerance
        Largest relative difference to accept; default: 1000 rtol, but at least 1e-6 (and that for fixed steps).

    Raises
    ------
    OptionError
        For an unknown seed or settings out of range.

    Examples
    --------
    >>> import numpy as np, xarray as xr, unideq as ude
    >>> times = np.linspace(0, 2, 9)
    >>> data = xr.Dataset({"x": ("time", 3 * np.exp(-0.7 * times))}, coords={"time": times})
    >>> model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": 2.0})
    >>> ude.fit(model, data, phases=[ude.Adam(1e-2, 5)], progress=False).check_gradient().passed
    True
    """
    directions = whole(directions, "directions", "check_gradient", least=1)
    step = number(step, "step", "check_gradient", above=0, below=1)
    tolerance = number(tolerance, "tolerance", "check_gradient", above=0, none=True)
    record = fit.record
    if seed is not None and seed not in fit.seeds:
        raise OptionError(f"There is no seed {seed!r}; this fit has {list(fit.seeds)}.")
    chosen = fit.best_seed if seed is None else seed
    theta = record.chosen_theta[fit.seeds.index(chosen)]
    trainer = Trainer(record.model, record.observations, record.settings, fit.engine)
    stage = trainer.stages[min(record.stage, len(trainer.stages) - 1)]
    solver = record.settings.solver
    # A step limit met by chance at a shifted θ would look like a wrong gradient.
    problem = replace(trainer.task.problem, solver=replace(solver, max_steps=4 * solver.max_steps))
    program = stage.objective.build(problem)

    free = problem.layout.free_mask
    generator = np.random.default_rng(0)
    along = np.where(free, generator.normal(size=(directions, len(theta))), 0.0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)

    theta, gradient, total, moved = _somewhere_steep(fit, program, theta, free, generator)
    difference, resolution = _differences(fit, program, theta, along, step)
    if tolerance is None:
        tolerance = max(1e3 * float(solver.rtol), 1e-6) if solver.dt is None else 1e-6
    adjoint = along @ gradient
    check = GradientCheck(
        adjoint,
        np.array([_forward(fit, program, theta, d) for d in along]),
        difference,
        resolution,
        0.0,
        float(np.linalg.norm(gradient)),
        float(np.nanmax([np.abs(adjoint).max(), np.abs(difference).max(), 1e-6 * abs(total), 1e-300])),
        tolerance,
        type(stage.objective).__name__,
        solver.name,
        chosen,
        moved,
        _switches(trainer),
    )
    if check.passed or solver.dt is not None or check.switches:
        return check
    tight = problem.solver.tightened(100)
    found = fit.engine.value_and_gradient(stage.objective.build(replace(problem, solver=tight)), theta)
    assert found.gradient is not None
    change = np.abs(along @ np.where(free, found.gradient, 0.0) - adjoint)
    return replace(check, explained=float(np.nanmax(change, initial=0.0)))


def _switches(trainer: Trainer) -> tuple[str, ...]:
    """What jumps in the trained model, and in its costs."""
    found = list(switches(trainer.task.model))
    for cost in trainer.task.problem.costs.values():
        if cost.graph is not None:
            found += switches_of(trainer.task.model, cost.graph)
    return tuple(dict.fromkeys(s.text for s in found))


def _somewhere_steep(
    fit: Fit, program: LossProgram, theta: np.ndarray, free: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float, bool]:
    """θ, its gradient, its total, and whether θ had to be moved by 1 % of its entries' sizes to have a gradient."""
    moved = False
    while True:
        found = fit.engine.value_and_gradient(program, theta)
        assert found.gradient is not None
        gradient, total = np.where(free, found.gradient, 0.0), float(found.total)
        if moved or not np.linalg.norm(gradient) < 1e-2 * abs(total) or not free.any():
            return theta, gradient, total, moved
        theta, moved = theta + 0.01 * np.where(free, generator.choice([-1.0, 1.0], len(theta)), 0.0), True


def _forward(fit: Fit, program: LossProgram, theta: np.ndarray, direction: np.ndarray) -> float:
    from ..errors import EngineUnsupported

    try:
        return float(fit.engine.jacobian_vector(program, theta, direction))
    except EngineUnsupported:
        return float("nan")


def _differences(
    fit: Fit, program: LossProgram, theta: np.ndarray, along: np.ndarray, step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Extrapolated central differences and their own uncertainty, (D,) each; all values in one vectorised call."""
    steps = step * np.array([1.0, 0.5, 0.3, 0.15])
    shifted = np.stack([theta + sign * h * d for d in along for h in steps for sign in (1.0, -1.0)])
    values = np.asarray(fit.engine.value(program, shifted).total).reshape(len(along), len(steps), 2)
    central = (values[..., 0] - values[..., 1]) / (2.0 * steps)
    extrapolated = central[:, 1::2] + (central[:, 1::2] - central[:, 0::2]) / 3.0
    # The larger steps carry less solver noise; what the smaller ones change bounds noise and truncation.
    return extrapolated[:, 0], np.abs(extrapolated[:, 0] - extrapolated[:, 1])
