"""The graphs that a stepper is made of: solver, correction and the step of both, with the scheme's coefficients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..errors import ModelError
from ..graph import Expression, Graph, topological, variable
from .black_box_solver import BlackBox
from .coefficients import Coefficients
from .condition import condition_values
from .correction import coupled
from .on_grid import OnGrid
from .parameter import Parameter
from .stability import warn_unstable
from .steppers import Scheme

__all__ = ["StepGraphs"]


class StepGraphs(OnGrid, stored=False):
    """What `Stepper` is built on: see there."""

    dt: float
    scheme: Scheme
    substeps: int
    coupling: str
    solver: BlackBox | None
    continuous_in_time = False
    starts_at_measurements = True
    _parts: ClassVar[tuple[str, ...]] = (*OnGrid._parts, "dt", "scheme", "substeps", "coupling", "solver")

    def _set_equations(self, named: Mapping[str, Graph]) -> None:
        self.named = dict(named)
        for key in ("step", "correction_graph", "_solver_state", "coefficients", "learned"):
            self.__dict__.pop(key, None)
        self.observation = self.bound(self.named_observation)
        if "vector_field" in self.named:
            self.vector_field = self.bound(self.named_vector_field)
        _ = self.step

    def _valued(self, parameters: dict[str, Parameter], weights: dict[str, np.ndarray]) -> Any:
        made = super()._valued(parameters, weights)
        if any(p is not self.parameters[n] for n, p in parameters.items() if not p.free):
            made._set_equations(self.named)  # the scheme's coefficients are made of fixed parameters
        return made

    def _with_free(self, names: tuple[str, ...], free: Callable[[str], bool]) -> Any:
        for name in names:
            if name in self.parameters and not self.parameters[name].free and free(name):
                raise ModelError(
                    f"`{name}` may be part of the scheme's own numbers, so a stepper can't free it. Free it in the "
                    f'model, `model.thawed("{name}")`, and make the stepper anew.'
                )
        return super()._with_free(names, free)

    # ---- the step ---------------------------------------------------------------------------------------------

    @cached_property
    def coefficients(self) -> Coefficients:
        """The scheme's multipliers on Fourier modes."""
        return Coefficients(self)

    @property
    def constants(self) -> Expression | None:
        size = len(self.conditions) + self.coefficients.size
        return variable("c", (size,)) if size else None

    def _constant_views(self, c: Expression) -> dict[Expression, Expression]:
        return {**super()._constant_views(c), **self.coefficients.views(c, len(self.conditions))}

    def conditions_array(self, values: Mapping[str, Any] | None = None, count: int | None = None) -> np.ndarray:
        """As of any model; then the scheme's coefficients where those depend on conditions."""
        plain = super().conditions_array(values, count)
        if not self.coefficients.size:
            return plain
        return np.concatenate([plain, self.coefficients.packed(plain[:, : len(self.conditions)])], axis=-1)

    @cached_property
    def _solver_state(self) -> Expression | None:
        """S(t, u) in named values; None for a black box."""
        if self.coupling == "prediction":
            return self._u  # the solver isn't asked
        if self.solver is not None:
            return None
        return self.scheme.advance(self, self.dt / self.substeps, self.substeps, self.coefficients.times)

    def _further_inputs(self, outputs: Mapping[str, Expression]) -> list[Expression]:
        coefficients = list(self.coefficients.variables.values()) if "named" in self.__dict__ else []
        solved = [i for i in _inputs(*outputs.values()) if i.name == "s"]
        return [*super()._further_inputs(outputs), *coefficients, *solved]

    @cached_property
    def step(self) -> Graph:
        """u⁺ = S(t, u, θ): inputs t, u, (c,) θ; output `u`."""
        solved = self._solver_state
        return self.bound(self._named({} if solved is None else {"u": coupled(self, solved)}))

    @cached_property
    def correction_graph(self) -> Graph:
        """The next state where the solver's result is given: inputs t, u, s = S(u) (n,), (c,) θ; output `u`."""
        s = variable("s", (self.size,))
        bound = self.bound(self._named({"u": coupled(self, s)}))
        order = [bound.input("t"), bound.input("u"), s, *(i for i in bound.inputs if i.name in ("c", "theta"))]
        return Graph(order, bound.outputs)

    @property
    def has_step_graph(self) -> bool:
        """Whether the whole step is a graph; false where its solver is a black box."""
        return bool(self.step.outputs)

    def black_box(self, states: np.ndarray, conditions: Mapping[str, Any] | None = None) -> np.ndarray:
        """S(u) of the black box for a batch of states (B, n) → (B, n)."""
        if self.solver is None:
            raise ModelError("This stepper's solver is a graph, not a black box: see `stepper.step`.")
        return self.solver(self.states, states, condition_values(self.conditions, conditions, len(states)))

    def checked_theta(self, parameters: Any = None) -> np.ndarray:
        """θ as `resolve_theta` gives it, with the linear part's parameters at the values that its coefficients have.

        Raises
        ------
        ModelError
            If a parameter of the linear part has another value.
        """
        theta = self.resolve_theta(parameters)
        if self.scheme.needs_linear and self.solver is None:
            values = self.layout.unpack(theta)
            for node in _inputs(*self.named["linear"].outputs.values()):
                name = node.name.removeprefix("p.")
                if node.name.startswith("p.") and not np.allclose(
                    values[name], self.parameters[name].array, rtol=1e-12
                ):
                    raise ModelError(
                        f"`{name}` is part of the linear part, whose coefficients are computed once, at "
                        f"{self.parameters[name].array}. Make a stepper with the other value: "
                        f"`stepper.with_values({{{name!r}: ...}})`."
                    )
        return theta

    def check_stability(
        self, u: np.ndarray, theta: np.ndarray, c: np.ndarray | None = None, start: float = 0.0
    ) -> None:
        """Warn where an explicit step is unstable for the vector field linearised at the first of these states.

        Parameters
        ----------
        u
            States (B, n).
        theta
            θ (P,).
        c
            What graphs read as `c` (B, q).
        start
            Time.
        """
        checked = self.__dict__.setdefault("_checked", set())
        key = np.concatenate([theta, np.zeros(0) if c is None else c[0]]).tobytes()
        if not self.scheme.stability or self.solver is not None or self.coupling == "prediction" or key in checked:
            return
        checked.add(key)  # eigenvalues cost many evaluations: once for these parameters and conditions
        warn_unstable(self, start, u[0], np.zeros(0) if c is None else c[0], theta)


def _inputs(*expressions: Expression) -> list[Expression]:
    return [n for n in topological(expressions) if n.operation == "input"]
