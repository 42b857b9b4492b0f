"""`SDE`: a system dX = f dt + G dW, drift and diffusion traced once from NumPy functions, with networks in either."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from ..checks import choice, known_arguments, number
from ..errors import DataError, ModelError
from ..graph import Expression, Graph, topological
from ..nn import Network
from .declared import Rhs
from .description import warn_unused
from .equations import Equations
from .initial import Steady
from .model import Model
from .names import check_dimensions, normal_keys
from .state import StateTable
from .stochastic.diffusion import CALCULI, NOISES, own_alone, traced_diffusion

if TYPE_CHECKING:
    from ..engine import Engine

__all__ = ["SDE"]


class SDE(Model):
    """Stochastic differential equations dX = f(t, X, θ) dt + G(t, X, θ) dW, with known and learned terms in f and G.

    Parameters
    ----------
    drift
        `f(t, state, p, net, forcing)` (trailing arguments may be left out), written in NumPy; returns a dict state →
        value. It is called when the model is made, with symbolic arrays, and never again.
    diffusion
        The same for what multiplies the noise; states that it leaves out have none. Its form is said by `noise`.
    states, parameters, networks, observe
        As of `ODE`.
    forcings
        Name → DataArray over `time`, the same for all trajectories.
    initial
        State → number or array, or the name of a coordinate along the data's `trajectory` dimension. States left out
        start at their first measurement.
    noise
        `diagonal`: each state has a Brownian motion of its own, and the diffusion is one standard deviation (per square
        root of time) a state, >= 0. `scalar`: one Brownian motion drives all. `general`: the diffusion of a state is a
        list of numbers, one a Brownian motion (of an array state: an array with a last axis of them).
    calculus
        `ito` or `stratonovich`: what the integral over dW means.

    Raises
    ------
    ModelError, TraceError
        If the parts don't fit, the diffusion is nothing, or negative where it is a standard deviation.

    Examples
    --------
    >>> import unideq as ude
    >>> model = ude.SDE(
    ...     lambda t, state, p: {"x": -p.rate * state.x},
    ...     lambda t, state, p: {"x": p.sigma},
    ...     states=["x"],
    ...     parameters={"rate": 2.0, "sigma": ude.Parameter(0.5, positive=True)},
    ... )
    >>> print(model.equations())
    d x = (-rate·x) dt + (sigma) dW
    >>> paths = model.solve([0.0, 0.5, 1.0], {"x": 1.0}, paths=500, seed=1)
    >>> dict(paths.sizes)
    {'path': 500, 'time': 3}
    """

    _parts: ClassVar[tuple[str, ...]] = (*Model._parts, "noise", "calculus")

    @known_arguments
    def __init__(
        self,
        drift: Rhs,
        diffusion: Rhs,
        states: Any,
        parameters: Mapping[str, Any] | None = None,
        networks: Mapping[str, Network] | None = None,
        forcings: Mapping[str, xr.DataArray] | None = None,
        observe: Rhs | None = None,
        initial: Mapping[str, Any] | None = None,
        noise: str = "diagonal",
        calculus: str = "ito",
    ) -> None:
        self.noise = choice(noise, "noise", NOISES)
        self.calculus = choice(calculus, "calculus", CALCULI)
        if isinstance(initial, (str, Steady)):
            raise ModelError("An `SDE` never rests, so it can't begin at a steady state. Give `initial` values.")
        self._declare(StateTable(states), parameters, networks, forcings, initial)
        self._check()
        drifting = self._traced_rhs(drift)
        if self.delays:
            raise ModelError("An `SDE` has no past: leave out `state.lag(...)`.")
        diffusing = self._named(traced_diffusion(self, diffusion))
        observation = self._traced_observation(observe)
        self._set_equations({"vector_field": drifting, "diffusion": diffusing, "observation": observation})
        check_dimensions(self)
        warn_unused(self)

    def _check(self) -> None:
        decided = next((s.name for s in self.states if s.algebraic), None)
        if decided is not None:
            raise ModelError(f"An `SDE` has no algebraic states, and `{decided}` is one. Write it into the equations.")
        if self.inputs:
            raise ModelError(
                f"An `SDE` reads no forcing of a trajectory's own, as `{next(iter(self.inputs))}` is. Give one for all "
                "(a DataArray over `time`), or a `ude.Condition` for what is constant along a trajectory."
            )
        estimated = next((n for n, v in self.initial.items() if isinstance(v, Steady) or hasattr(v, "free")), None)
        if estimated is not None:
            raise ModelError(
                f"The initial value of `{estimated}` can't be estimated in an `SDE`: give a number. `FilterLikelihood("
                "spread=...)` says how far it may be from the truth."
            )

    def _set_equations(self, named: Mapping[str, Graph]) -> None:
        super()._set_equations(named)
        self.diffusion = self.bound(self.named["diffusion"])

    def _further_inputs(self, outputs: Mapping[str, Expression]) -> list[Expression]:
        used = topological(outputs.values())
        own = ("w", "P", "R", "next", "span")
        return [i for i in used if i.operation == "input" and (i.name in own or i.name.startswith("past."))]

    # ---- reading ----------------------------------------------------------------------------------------------

    @property
    def named_diffusion(self) -> Expression:
        """In named values: (n,) where each state has a Brownian motion of its own, else (n, m)."""
        return self.named["diffusion"].outputs["diffusion"]

    @property
    def brownian(self) -> int:
        """Number m of Brownian motions."""
        return self.named_diffusion.shape[-1]

    @cached_property
    def additive(self) -> bool:
        """Whether the diffusion doesn't depend on the states."""
        return self._u not in set(self.named["diffusion"].nodes)

    @cached_property
    def own_alone(self) -> bool:
        """Whether each state's noise is its own, and depends on no other state."""
        return own_alone(self)

    def equations(self) -> Equations:
        """The traced equations; print them, or let Jupyter show the LaTeX."""
        return Equations.of_sde(self)

    @property
    def compiled(self) -> tuple[str, Graph]:
        """What engines compile, and what it is called."""
        return "drift", self.vector_field

    def continuous(self, doing: str) -> Graph:
        """Not for SDEs: a solver of ordinary equations would leave out the noise."""
        raise ModelError(
            f"{doing[0].upper()}{doing[1:]} solves ordinary equations, and this model is an `SDE`. Train it with "
            "`ude.TransitionLikelihood()`, `ude.FilterLikelihood()` or `ude.DistributionMatching()`."
        )

    # ---- values -----------------------------------------------------------------------------------------------

    def __call__(
        self, t: float, state: Mapping[str, Any], parameters: Any = None, **conditions: float
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Drift and diffusion at one state, evaluated with NumPy: a dict state → value each.

        Parameters
        ----------
        t
            Time.
        state
            State → value.
        parameters
            Dict of names, a flat θ, or None for the initial values.
        conditions
            Condition → number; those left out take their defaults.
        """
        values = {
            "t": number(t, "t", error=DataError),
            "u": self.states.join(state),
            "theta": self.resolve_theta(parameters),
        }
        if self.constants is not None or conditions:
            values["c"] = self.conditions_array(normal_keys(conditions))[0]
        drift = self.states.split(self.vector_field.evaluate(values)["du"])
        diffusion = self.diffusion.evaluate(values)["diffusion"]
        if diffusion.ndim == 1:
            return drift, self.states.split(diffusion)
        rows = self.states.windows
        return drift, {s.name: diffusion[rows[s.name]].reshape(*s.shape, self.brownian) for s in self.states}

    def solve(
        self,
        times: Any,
        initial: Mapping[str, Any] | None = None,
        parameters: Any = None,
        *,
        paths: int = 100,
        seed: int = 0,
        dt: float | None = None,
        scheme: str = "auto",
        conditions: Mapping[str, Any] | None = None,
        engine: str | Engine | None = None,
        **settings: Any,
    ) -> xr.Dataset:
        """Paths of the process; the same seed gives the same Brownian paths, at half the step as well.

        Parameters
        ----------
        times
            Output times, increasing, whole numbers of the smallest gap apart; the first is the start.
        initial
            State → value; states left out take the model's `initial`. With a leading axis (paths,): a start a path.
        parameters
            Dict of names, a flat θ, or None for the initial values.
        paths
            Number of paths.
        seed
            Of the Brownian motions. A path depends on it and on its number alone.
        dt
            Time step; the gap between output times is a whole number of them. Default: a tenth of the gap.
        scheme
            `euler_maruyama` (strong order 1/2, with additive noise 1), `milstein` (1; noise that commutes), `heun`
            (1/2, with noise that commutes 1), `srk` (3/2 for additive noise, and where each state's noise is its own;
            else 1), or `auto`: the highest order that the noise allows without drawing double integrals.
        conditions
            Condition → one number, or one a path.
        engine
            As of other models.

        Returns
        -------
        Dataset
            States and observables over (path, time); `paths.quantile([0.05, 0.5, 0.95], "path")` are their bands.

        Raises
        ------
        DataError, OptionError
            For times that no equal steps reach, a scheme that the noise doesn't allow, or missing initial values.
        """
        from ..result.paths import simulate

        return simulate(self, times, initial, parameters, paths, seed, dt, scheme, conditions, engine, **settings)

    # ---- JSON -------------------------------------------------------------------------------------------------

    def _more_to_json(self) -> dict[str, Any]:
        return {"noise": self.noise, "calculus": self.calculus}

    def _read_more(self, data: Mapping[str, Any]) -> None:
        self.noise = choice(data["noise"], "noise", NOISES)
        self.calculus = choice(data["calculus"], "calculus", CALCULI)

    def __repr__(self) -> str:
        return (
            f"SDE(states={list(self.states.names)}, parameters={[*self.parameters, *self.grouped]}, "
            f"networks={list(self.networks)}, noise={self.noise!r}, calculus={self.calculus!r})"
        )
