"""The flow map that an audit looks at: one step of a model over one data interval, its rollouts and its Jacobians."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...engine import Engine
from ...errors import ModelError
from ...graph import Graph, jvp, rebuild, vjp
from ...model import Model, with_rows

__all__ = ["Dynamics"]

_MOST_SUBSTEPS = 400
BEFORE = 1.0 - 1e-9
"""Where a step ends that looks at the forcing before it jumps there."""
_STABLE = 2.0
"""Runge–Kutta steps are so short that step · largest |eigenvalue| of the vector field stays below this."""


class Dynamics:
    """u(t) → u(t + dt) of a model at fixed parameters.

    A `Stepper`'s is its own step (or several of them); another model's is made of classical Runge–Kutta steps.

    Parameters
    ----------
    model
        The model.
    theta
        Its flat parameters; default: initial values.
    dt
        Interval.
    engine
        What evaluates the graphs.
    starts
        States (B, n) that say how short Runge–Kutta steps must be.
    constants
        What the model's graphs read as `c` at those states, (B, q).
    tables
        Forcing of a trajectory's own → its tables, whose rows `constants` end with.

    Raises
    ------
    ModelError
        For events, black boxes, a dt that isn't a whole number of steps, and vector fields too stiff for
        explicit steps.
    """

    def __init__(
        self,
        model: Model,
        theta: np.ndarray | None,
        dt: float,
        engine: Engine,
        starts: np.ndarray,
        constants: np.ndarray | None = None,
        tables: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        if model.triggers:
            raise ModelError(
                f"A flow map is one of equations without events, and the model has `{model.triggers[0].name}`. Leave "
                "`flow_map` out of `checks`."
            )
        self.model, self.dt, self.engine = model, dt, engine
        self.theta = model.resolve_theta(theta)
        own = getattr(model, "step", None)
        if isinstance(own, Graph):
            if not own.outputs:
                raise ModelError(
                    "The step's solver is a black box: it has no Jacobian. Leave `flow_map` out of `checks`."
                )
            ratio = dt / model.dt  # type: ignore[attr-defined]
            self.repeats = max(1, round(ratio))
            if abs(ratio - self.repeats) > 1e-6 * ratio:
                raise ModelError(f"The data's interval {dt:g} isn't a whole number of steps of {model.dt:g}.")  # type: ignore[attr-defined]
            self.step = own
        else:
            field = with_rows(model.vector_field, tables or {})
            needed = max(self._substeps(field, starts, constants), *(_knots(t, dt) for t in (tables or {}).values()), 1)
            self.repeats = min(needed, _MOST_SUBSTEPS)
            self.step = _runge_kutta(field, dt / self.repeats, BEFORE if tables else 1.0)
        self.tangent = jvp(self.step, "u")
        self.cotangent = vjp(self.step, "u")

    @property
    def size(self) -> int:
        """Length n of the state."""
        return self.model.size

    def _substeps(self, field: Graph, starts: np.ndarray, constants: np.ndarray | None) -> int:
        graph = jvp(field, "u")
        generator = np.random.default_rng(0)
        largest = 0.0
        for k in range(0, len(starts), max(1, len(starts) // 4)):
            u, c = starts[k], None if constants is None else constants[k]
            v = generator.standard_normal(len(u))
            for _ in range(30):
                v = v / np.linalg.norm(v)
                v = self._run(graph, 0.0, u, c, {"tangent.u": v})["du"]
                if not np.isfinite(v).all() or not v.any():
                    break
            size = float(np.linalg.norm(v))
            largest = max(largest, size if np.isfinite(size) else 0.0)
        needed = max(1, int(np.ceil(1.3 * self.dt * largest / _STABLE)))
        if needed > _MOST_SUBSTEPS:
            raise ModelError(
                f"One data interval {self.dt:g} would take {needed} explicit steps (the vector field's largest "
                f"eigenvalue is about {largest:.3g}). Audit a `Stepper` of the model with an implicit or exponential "
                "scheme instead."
            )
        return needed

    def _run(
        self,
        graph: Graph,
        t: Any,
        u: np.ndarray,
        c: np.ndarray | None,
        more: dict[str, Any],
        mapped: Sequence[str] = (),
    ) -> dict[str, np.ndarray]:
        values = {"t": t, "u": u, "theta": self.theta, **more}
        if c is not None:
            values["c"] = c
        return self.engine.evaluate(graph, {k: v for k, v in values.items() if k in graph.input_names}, mapped)

    def advance(self, t: np.ndarray, u: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        """States (B, n) at times (B,) → one interval later; `c` (B, q)."""
        mapped = ("t", "u") if c is None else ("t", "u", "c")
        for k in range(self.repeats):
            u = self._run(self.step, t + k * self.dt / self.repeats, u, c, {}, mapped)["u"]
        return u

    def rollout(self, start: np.ndarray, u: np.ndarray, steps: int, c: np.ndarray | None = None) -> np.ndarray:
        """States (B, steps + 1, n) from states (B, n) at times (B,); NaN after a blow-up."""
        states = [np.asarray(u, dtype=float)]
        with np.errstate(all="ignore"):
            for k in range(steps):
                states.append(self.advance(start + k * self.dt, states[-1], c))
        return np.stack(states, axis=1)

    def jacobian(self, t: float, u: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        """∂u(t + dt)/∂u(t), (n, n), at one state."""
        matrix = np.eye(self.size)
        for k in range(self.repeats):
            now = t + k * self.dt / self.repeats
            matrix = self._run(self.tangent, now, u, c, {"tangent.u": matrix}, ("tangent.u",))["u"]
            if k + 1 < self.repeats:
                u = self._run(self.step, now, u, c, {})["u"]
        return matrix.T  # row i held the derivative along direction i

    def along(self, t: float, u: np.ndarray, v: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        """Jacobian · v at one state, without the matrix."""
        for k in range(self.repeats):
            now = t + k * self.dt / self.repeats
            v = self._run(self.tangent, now, u, c, {"tangent.u": v})["u"]
            if k + 1 < self.repeats:
                u = self._run(self.step, now, u, c, {})["u"]
        return v

    def back(self, t: float, u: np.ndarray, v: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
        """Jacobianᵀ · v at one state."""
        inner = [u]
        for k in range(self.repeats - 1):
            inner.append(self._run(self.step, t + k * self.dt / self.repeats, inner[-1], c, {})["u"])
        for k in reversed(range(self.repeats)):
            v = self._run(self.cotangent, t + k * self.dt / self.repeats, inner[k], c, {"cotangent.u": v})["u"]
        return v


def _knots(table: Mapping[str, Any], dt: float) -> int:
    """How many steps an interval takes that are no longer than a forcing is usually known apart."""
    spans = np.diff(np.asarray(table["breaks"], dtype=float), axis=-1)
    return int(np.ceil(dt / np.median(spans[spans > 0]))) if (spans > 0).any() else 1


def _runge_kutta(field: Graph, h: float, end: float) -> Graph:
    """One classical Runge–Kutta step of a vector field, as a graph; `end`: what part of it the last stage looks at."""
    t, u = field.input("t"), field.input("u")

    def rate(shift: float, state: Any) -> Any:
        (found,) = rebuild([field.outputs["du"]], {t: t + shift, u: state})
        return found

    first = field.outputs["du"]
    second = rate(h / 2, u + h / 2 * first)
    third = rate(h / 2, u + h / 2 * second)
    fourth = rate(end * h, u + h * third)
    return Graph(field.inputs, {"u": u + h / 6 * (first + 2.0 * second + 2.0 * third + fourth)})
