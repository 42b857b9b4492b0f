"""`Stepper`: a model's fixed-step scheme u⁺ = S(t, u, θ) as a graph, with or without a learned correction."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from ..checks import choice, known_arguments, number, refused, whole
from ..errors import DataError, ModelError, OptionError
from ..graph import Graph
from ..nn import Network
from .black_box_solver import BlackBox, black_box_parts
from .correction import COUPLINGS, traced_correction
from .declared import Rhs
from .description import warn_unused
from .equations import Equations
from .further import with_further
from .model import Model
from .names import check_dimensions
from .ode import ODE
from .on_grid import OnGrid
from .step import StepGraphs
from .steppers import SCHEMES

if TYPE_CHECKING:
    from ..engine import Engine
    from ..grid import Grid
    from ..result.solution import Solution

__all__ = ["Stepper"]

MOST_SUBSTEPS = 1000
"""No engine compiles as many in bearable time."""


class Stepper(StepGraphs):
    """A fixed-step scheme of a PDE or ODE, as one graph: what is rolled out, and trained through.

    Parameters
    ----------
    model
        A `PDE` or `ODE`; or a NumPy function {field: array} → {field: array} that advances the fields by `dt`, a black
        box without derivative (it may take the conditions as a second argument). A black box needs `grid` and `fields`.
    dt
        Time between two states of a rollout.
    scheme
        `euler`, `heun`, `rk4`, `ssprk3` (any model); `imex` (semi-implicit Euler), `imex2` (ARS(2,2,2)), `etd1`,
        `etdrk2`, `etdrk4` (PDEs with `linear=`).
    substeps
        Scheme steps that make one `dt`. Each is a part of the step's graph, and more than about ten take long to
        compile: without a correction, make `dt` smaller instead, since data may be any number of steps apart.
    correction
        `C(t, state, p, net)` → dict field → value, learned or known.
    coupling
        How the correction joins the solver S. `parallel`: u⁺ = S(u) + dt·C(u). `sequential`: u⁺ = C(S(u)), with C the
        full next state. `prediction`: u⁺ = C(u), without a solver. Fields that C leaves out aren't corrected.
    networks
        Networks that the correction calls, besides the model's.
    parameters
        Parameters and conditions that the correction reads, besides the model's.
    grid, fields
        Of a black box.

    Attributes
    ----------
    step
        Graph (t, u, θ), or (t, u, c, θ) with conditions → `u`: ready for `Rollout.step`.

    Raises
    ------
    ModelError, OptionError
        If the parts don't fit; names the remedy.

    Examples
    --------
    >>> import unideq as ude, numpy as np
    >>> grid = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 32))
    >>> heat = ude.PDE(lambda t, state: 0.0 * state.u, grid, ["u"], linear=lambda d: 0.1 * d.x**2)
    >>> step = ude.Stepper(heat, 0.5, "etdrk4")
    >>> after = step(0.0, {"u": np.sin(grid.coordinates("x"))})["u"]
    >>> bool(np.allclose(after, np.exp(-0.05) * np.sin(grid.coordinates("x"))))
    True
    """

    @known_arguments
    def __init__(
        self,
        model: ODE | Callable[..., Any],
        dt: float,
        scheme: str = "rk4",
        substeps: int = 1,
        correction: Rhs | None = None,
        coupling: str = "parallel",
        networks: Mapping[str, Network] | None = None,
        parameters: Mapping[str, Any] | None = None,
        grid: Grid | None = None,
        fields: Any = None,
    ) -> None:
        self.dt = float(number(dt, "dt", above=0))
        self.substeps = _substeps(substeps)
        choice(scheme, "scheme", SCHEMES)
        choice(coupling, "coupling", COUPLINGS)
        if correction is None and coupling != "parallel":
            raise ModelError(f'`coupling="{coupling}"` needs a `correction`.')
        self.scheme, self.coupling = SCHEMES[scheme], coupling
        named = self._take(model, grid, fields, networks, parameters)
        if correction is not None:
            named["correction"] = traced_correction(self, correction)
        found = next((s.name for s in self.states if s.algebraic), None)
        if found is not None:
            raise ModelError(
                f"A stepper has no algebraic states, and `{found}` is one. Fit and solve the model itself."
            )
        if isinstance(model, ODE) and model.delays:
            raise ModelError(
                f"A stepper has no past, and the model reads it (`state.lag({model.delays[0]:g})`). Fit and solve the "
                "model itself."
            )
        self._set_equations(named)
        check_dimensions(self)
        if self.solver is None or correction is not None:
            warn_unused(self)

    def _take(self, model: Any, grid: Any, fields: Any, networks: Any, parameters: Any) -> dict[str, Graph]:
        """The tables of names, the model's and the correction's own together; the model's equations."""
        if isinstance(model, Model) and not isinstance(model, ODE):
            raise ModelError(
                "A stepper can't be stepped again. Give the PDE or ODE that it was made from."
                if isinstance(model, Stepper)
                else f"A `{type(model).__name__}` has steps of its own. Give a PDE or ODE."
            )
        self.solver = None
        if not isinstance(model, ODE):
            self.solver, self.grid, states = black_box_parts(model, grid, fields)
            self._declare(states, parameters, networks, None, None)
            for name, condition in self.grouped.items():
                raise ModelError(
                    f"`{name}` is one value a `{condition.per}`, and a black box is rolled out without them. Make it "
                    "one for all, or write the step as a `ude.PDE`."
                )
            return {"observation": self._traced_observation(None)}
        if grid is not None or fields is not None:
            raise ModelError("`grid` and `fields` are for black boxes; the model has its own.")
        if model.inputs:
            listing = ", ".join(f"`{n}`" for n in model.inputs)
            raise ModelError(
                f"A stepper can't read a trajectory's own forcing ({listing}). Fit and solve the model itself, or "
                "give one forcing for all."
            )
        if model.triggers:
            raise ModelError(
                f"A stepper has no events, and the model has `{model.triggers[0].name}`. Fit and solve that itself."
            )
        for name in OnGrid._parts:
            setattr(self, name, getattr(model, name, None))
        for name, value in with_further(model, parameters, networks).items():
            setattr(self, name, value)
        if self.scheme.needs_linear and "linear" not in model.named:
            raise ModelError(
                f"The scheme `{self.scheme.name}` treats a linear part by its Fourier symbol, and the model has none. "
                "Give the PDE `linear=lambda d, p: ...` (and leave those terms out of its right-hand side), or take "
                'an explicit scheme, e.g. `scheme="rk4"`.'
            )
        return {key: self._named(graph.outputs) for key, graph in model.named.items()}

    def continuous(self, doing: str) -> Graph:
        """Not for steppers: adaptive solvers would leave out the scheme and the correction."""
        raise ModelError(
            f"{doing[0].upper()}{doing[1:]} integrates a vector field, and a stepper is a map. Train it with "
            "`ude.Unrolled`, roll it out with `rollout`, or use the PDE or ODE that it was made from."
        )

    # ---- values -----------------------------------------------------------------------------------------------

    def __call__(self, t: float, state: Mapping[str, Any], parameters: Any = None, **conditions: float) -> Any:
        """The state one `dt` later, evaluated with NumPy.

        Parameters
        ----------
        t
            Time at the start of the step.
        state
            Field → value.
        parameters
            Dict of names, a flat θ, or None for the initial values.
        conditions
            Condition → number; those left out take their defaults.
        """
        u = self.states.join(state)
        values = {"t": number(t, "t", error=DataError), "u": u, "theta": self.checked_theta(parameters)}
        if self.constants is not None:
            values["c"] = self.conditions_array(conditions)[0]
        graph = self.step
        if not self.has_step_graph:
            graph, values["s"] = self.correction_graph, self.black_box(u[None], conditions)[0]
        return self.states.split(graph.evaluate(values)["u"])

    def rollout(
        self,
        initial: Mapping[str, Any] | None,
        steps: int,
        parameters: Any = None,
        every: int = 1,
        conditions: Mapping[str, Any] | None = None,
        engine: str | Engine | None = None,
        start: float = 0.0,
        precision: str = "float64",
    ) -> xr.Dataset:
        """States after every step (or each `every`-th), the initial one included.

        Parameters
        ----------
        initial
            Field → value (*grid), or (B, *grid) for B trajectories; fields left out take the model's `initial`.
        steps
            Number of steps of length `dt`; a multiple of `every`.
        parameters
            Dict of names, a flat θ, or None for the initial values.
        every
            Steps between two recorded states.
        conditions
            Condition → one number, or one a trajectory.
        engine
            As in `solve`. Black boxes run in NumPy.
        start
            Time of the initial state.
        precision
            `float64`, or `float32`: on JAX the whole rollout is in single precision; on Julia convolutions and large
            products of matrices are.

        Returns
        -------
        Dataset
            Fields and observables with dimensions (trajectory, time, *grid); `trajectory` only where there are several.
        """
        from ..result.rollout import rollout

        return rollout(self, initial, steps, parameters, every, conditions, engine, start, precision)

    def solve(
        self, times: Any, initial: Mapping[str, Any] | None = None, parameters: Any = None, **settings: Any
    ) -> Solution:
        """Roll out through these times, whole numbers of steps apart; see `unideq.result.rollout.solve_by_steps`."""
        from ..result.rollout import solve_by_steps

        return solve_by_steps(self, times, initial, parameters, **settings)

    # ---- reading ----------------------------------------------------------------------------------------------

    @property
    def compiled(self) -> tuple[str, Graph]:
        if self.has_step_graph:
            return f"step ({self.scheme_text})", self.step
        return f"step behind the {self.scheme_text}", self.correction_graph

    def equations(self) -> Equations:
        """The model's equations, and the step that is made of them."""
        return Equations.of_stepper(self)

    def __repr__(self) -> str:
        return (
            f"Stepper(states={list(self.states.names)}, dt={self.dt:g}, scheme={self.scheme_text!r}, "
            f"substeps={self.substeps}, coupling={self.coupling!r}, networks={list(self.networks)})"
        )

    @property
    def scheme_text(self) -> str:
        """The solver in a word."""
        return self.scheme.name if self.solver is None else f"black box {self.solver.name}"

    # ---- new models and JSON ----------------------------------------------------------------------------------

    def with_solver(self, function: Callable[..., Any]) -> Stepper:
        """The same stepper with another black-box function, e.g. after it was read from a file."""
        if self.solver is None:
            raise ModelError("This stepper's solver is a graph, not a black box.")
        if not callable(function):
            raise refused(function, "function", "", "a function of the fields", error=ModelError)
        return self._copy(solver=BlackBox(function))

    def with_scheme(self, scheme: str | None = None, substeps: int | None = None, dt: float | None = None) -> Stepper:
        """The same stepper, values and weights included, with another scheme or finer steps: the same field otherwise.

        Parameters
        ----------
        scheme
            As of `Stepper`; None: its own.
        substeps
            Scheme steps that make one `dt`; None: as many as it has.
        dt
            Time between two states; None: its own. A correction in sequence with the solver belongs to its dt.

        Examples
        --------
        >>> import unideq as ude
        >>> decay = ude.ODE(lambda t, state: {"x": -state.x}, ["x"])
        >>> float(ude.Stepper(decay, 0.5, "euler").with_scheme("rk4", substeps=4)(0.0, {"x": 1.0})["x"].round(6))
        0.606531
        """
        chosen = choice(scheme, "scheme", SCHEMES, none=True) or self.scheme.name
        if self.solver is not None or self.coupling == "prediction":
            raise ModelError("This stepper has no scheme of ours: a black box, or a correction, makes its steps.")
        if SCHEMES[chosen].needs_linear and not self.has_linear:
            raise ModelError(
                f"The scheme `{chosen}` treats a linear part by its Fourier symbol, and the model has none. Take an "
                'explicit scheme, e.g. `with_scheme("rk4")`.'
            )
        given = number(dt, "dt", above=0, none=True)
        return self._copy(
            scheme=SCHEMES[chosen],
            substeps=self.substeps if substeps is None else _substeps(substeps),
            dt=self.dt if given is None else float(given),
        )

    def with_coupling(self, coupling: str) -> Stepper:
        """The same stepper with its correction coupled otherwise."""
        if coupling == self.coupling:
            return self
        correction = self.named.get("correction")
        if correction is None:
            raise ModelError(f'`coupling="{coupling}"` needs a stepper with a `correction`, and this one has none.')
        missing = [n for n in self.states.names if n not in correction.outputs]
        if missing and coupling == "prediction":
            raise ModelError(
                f"The correction returns nothing for {', '.join(f'`{m}`' for m in missing)}. With "
                '`coupling="prediction"` it gives every field\'s next state.'
            )
        return self._copy(coupling=coupling)

    def __reduce__(self) -> Any:
        """As of any model; a black box goes along where it can be imported, else `with_solver` gives it back."""
        if self.solver is None or not _importable(self.solver.function):
            return super().__reduce__()
        return _with_function, (self.to_json(), self.solver.function)

    def _more_to_json(self) -> dict[str, Any]:
        return {
            "grid": None if self.grid is None else self.grid.to_json(),
            "dt": self.dt,
            "scheme": self.scheme.name,
            "substeps": self.substeps,
            "coupling": self.coupling,
            "black_box": None if self.solver is None else self.solver.name,
        }

    def _read_more(self, data: Mapping[str, Any]) -> None:
        self.grid = None  # type: ignore[assignment]
        if data["grid"] is not None:
            super()._read_more(data)
        self.dt, self.scheme = float(number(data["dt"], "dt", above=0)), SCHEMES[data["scheme"]]
        self.substeps = _substeps(data["substeps"])
        self.coupling = data["coupling"]
        self.solver = None if data["black_box"] is None else BlackBox(None, data["black_box"])


def _substeps(given: Any) -> int:
    count = whole(given, "substeps", least=1)
    if count > MOST_SUBSTEPS:
        raise OptionError(
            f"`substeps` is {count}, and each is a part of the step's graph: at most {MOST_SUBSTEPS}. "
            "Make `dt` smaller."
        )
    return count


def _importable(function: Any) -> bool:
    """Whether pickle can name it: functions of modules, not lambdas and local ones."""
    try:
        return function is not None and bool(pickle.dumps(function))
    except Exception:  # whatever the function's own parts raise
        return False


def _with_function(data: Mapping[str, Any], function: Callable[..., Any]) -> Stepper:
    return Stepper.from_json(data).with_solver(function)
