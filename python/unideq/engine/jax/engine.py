"""`JaxEngine`: the engine protocol on JAX. Compiled functions are cached by the graphs' identity and the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...errors import ModelError
from ...graph import Graph
from ...objective.program import Balancing, Batches, Integration, Objective, Rollout
from ...versions import version_of
from ..cache import CompiledCache, HashedKey, IdentityCache
from ..keys import graph_key, objective_key, source_key, term_weights
from ..loop import Phase, minimise
from ..optimizer_state import OPTIMIZERS
from ..options import adjoints_of, solvers_of
from ..protocol import Integrated, Minimised, OptimizerSettings, Report, Value
from .blas_threads import one_blas_thread
from .derivative import value_and_gradient_of, value_and_gradients_of_terms
from .integrate import integration_data, make_integration
from .lowering import lower
from .objective import make_objective, source_data
from .rollout import make_rollout, rollout_data

__all__ = ["JaxEngine"]


def over_seeds(function: Callable[..., Any], seeds: int | None) -> Callable[..., Any]:
    """`function(theta, *rest)` mapped over θ's leading axis; an ensemble of one runs without the mapping's cost."""
    if seeds is None:
        return function
    if seeds == 1:
        return lambda theta, *rest: jax.tree.map(lambda x: x[None], function(theta[0], *rest))
    return lambda theta, *rest: jax.vmap(lambda one: function(one, *rest))(theta)


def _array(theta: Any) -> tuple[np.ndarray, int | None]:
    array = np.asarray(theta, dtype=float)
    if array.ndim not in (1, 2):
        raise ModelError(f"θ needs shape (P,) or (S, P), not {array.shape}.")
    return array, None if array.ndim == 1 else len(array)


def _numpy(tree: Any) -> Any:
    """Own, writable NumPy arrays."""
    leaves, structure = jax.tree.flatten(tree)
    return structure.unflatten([np.array(leaf) for leaf in leaves])


class JaxEngine:
    """The embedded engine. Make it with `unideq.engine.get_engine("jax")`."""

    name = "jax"

    def __init__(self) -> None:
        self._cache = CompiledCache()
        self._prepared = IdentityCache()

    def __repr__(self) -> str:
        return f"JaxEngine({jax.default_backend()}, {len(self._cache)} compiled functions)"

    def describe(self) -> dict[str, Any]:
        """Versions, devices, solvers, and what it can't do."""
        return {
            "name": self.name,
            "versions": {p: version_of(p) or "unknown" for p in ("jax", "jaxlib", "diffrax", "equinox")},
            "devices": [str(d) for d in jax.devices()],
            "solvers": solvers_of(self.name),
            "adjoints": adjoints_of(self.name),
            "optimizers": list(OPTIMIZERS),
            "cannot": ["sparse Jacobians in implicit solvers", "Julia's solvers and adjoints", "Lux networks"],
        }

    def clear(self) -> None:
        """Forget all compiled functions."""
        self._cache.clear()

    def _prepare(self, objective: Objective) -> tuple[HashedKey, dict[str, Any]]:
        """Cache key and device data of an objective; the weights, cheap and likely to change, are read every time."""
        key, sources = self._prepared.get(
            objective, lambda: (HashedKey(objective_key(objective)), jax.device_put(source_data(objective)))
        )
        return key, {"sources": sources, "weights": term_weights(objective)}

    # ---- programs ----------------------------------------------------------------------------------------------

    def integrate(self, integration: Integration, theta: np.ndarray) -> Integrated:
        """Solve all initial-value problems of the batch; see `Engine.integrate`."""
        array, seeds = _array(theta)

        def build() -> Any:
            run = make_integration(integration)

            def solve(one: jax.Array, data: Any) -> Any:
                arrays, status, statistics = run(one, data)
                good = status == 0
                masked = {
                    key: jnp.where(good.reshape((-1,) + (1,) * (value.ndim - 1)), value, jnp.nan)
                    for key, value in arrays.items()
                }
                return masked, status, statistics

            return jax.jit(over_seeds(solve, seeds))

        function = self._cache.get(("integrate", source_key(integration), seeds), build)
        arrays, status, statistics = _numpy(function(array, integration_data(integration)))
        return Integrated(arrays, status, statistics)

    def rollout(self, rollout: Rollout, theta: np.ndarray) -> Integrated:
        """Roll out all trajectories of the batch; see `Engine.rollout`."""
        array, seeds = _array(theta)

        def build() -> Any:
            return jax.jit(over_seeds(make_rollout(rollout), seeds))

        function = self._cache.get(("rollout", HashedKey(source_key(rollout)), seeds), build)
        return Integrated(*_numpy(function(array, rollout_data(rollout))))

    def evaluate(self, graph: Graph, values: Mapping[str, Any], mapped: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """Evaluate a graph; the inputs named in `mapped` carry an extra leading axis, and so do then all outputs."""
        used = {node.name: node for node in graph.nodes if node.operation == "input"}
        arrays = {}
        for name, node in used.items():
            if name not in values:
                raise ModelError(f"No value for graph input `{name}`; it needs an array of shape {node.shape}.")
            arrays[name] = np.asarray(values[name], dtype=float)
            inner = arrays[name].shape[1:] if name in mapped else arrays[name].shape
            if inner != node.shape:
                raise ModelError(f"Graph input `{name}` needs shape {node.shape}, not {inner}.")
        over = tuple(sorted(set(mapped) & set(used)))

        def build() -> Any:
            run = lower(graph)
            if not over:
                return jax.jit(run)
            return jax.jit(jax.vmap(run, in_axes=({name: 0 if name in over else None for name in used},)))

        found = _numpy(self._cache.get(("evaluate", graph_key(graph), over), build)(arrays))
        if mapped and not over:  # nothing that is used varies: repeat along the axis that was asked for
            count = len(values[mapped[0]])
            found = {name: np.repeat(value[None], count, axis=0) for name, value in found.items()}
        return found

    def value(self, objective: Objective, theta: np.ndarray) -> Value:
        """Total and terms, without gradient."""
        array, seeds = _array(theta)
        key, data = self._prepare(objective)

        def build() -> Any:
            return jax.jit(over_seeds(make_objective(objective), seeds))

        total, (terms, _) = _numpy(self._cache.get(("value", key, seeds), build)(array, data))
        return Value(total, self._named(objective, terms), None)

    def value_and_gradient(self, objective: Objective, theta: np.ndarray, per_term: bool = False) -> Value:
        """Total, terms and gradient in θ; NaN where a solve failed. See `Engine.value_and_gradient`."""
        array, seeds = _array(theta)
        key, data = self._prepare(objective)

        def build() -> Any:
            if per_term:
                return jax.jit(over_seeds(value_and_gradients_of_terms(objective), seeds))
            return jax.jit(over_seeds(value_and_gradient_of(make_objective(objective)), seeds))

        function = self._cache.get(("gradient", key, seeds, per_term), build)
        total, terms, gradient, _ = _numpy(function(array, data))
        return Value(total, self._named(objective, terms), gradient)

    def compiled_value_and_gradient(self, objective: Objective) -> tuple[Callable[..., Any], Any]:
        """The compiled function behind `value_and_gradient`, for those who build on JAX themselves.

        Returns
        -------
        function, data
            `function(theta, data)` with θ (P,) gives total, terms, gradient and whether a solve failed, as JAX arrays.
        """
        key, data = self._prepare(objective)
        function = self._cache.get(
            ("gradient", key, None, False), lambda: jax.jit(value_and_gradient_of(make_objective(objective)))
        )
        return function, jax.device_put(data)

    def jacobian_vector(self, objective: Objective, theta: np.ndarray, tangent: np.ndarray) -> np.ndarray:
        """Directional derivative of the total along `tangent`, by forward mode through the solver."""
        array, seeds = _array(theta)
        key, data = self._prepare(objective)
        direction = np.asarray(tangent, dtype=float)

        def build() -> Any:
            loss = make_objective(objective, forward_mode=True)

            def derivative(one: jax.Array, along: jax.Array, data: Any) -> jax.Array:
                return jax.jvp(lambda th: loss(th, data)[0], (one,), (along,))[1]

            return jax.jit(over_seeds(derivative, seeds))

        return _numpy(self._cache.get(("forward", key, seeds), build)(array, direction, data))

    def minimise(
        self,
        objective: Objective,
        theta: np.ndarray,
        optimizer: OptimizerSettings,
        free: np.ndarray,
        callback: Callable[[Report], bool],
        report_every: int = 50,
        state: Mapping[str, np.ndarray] | None = None,
        decay: np.ndarray | None = None,
        batches: Batches | None = None,
        balancing: Balancing | None = None,
        weights: np.ndarray | None = None,
    ) -> Minimised:
        """Run the optimiser loop inside the engine; see `Engine.minimise`."""
        from .optimise import JaxRunner

        def make(phase: Phase) -> JaxRunner:
            return JaxRunner(self._cache, self._prepare(objective), phase)

        with one_blas_thread():
            return minimise(
                make, objective, theta, optimizer, free, callback, report_every, state, decay, batches, balancing,
                weights,
            )  # fmt: skip

    @staticmethod
    def _named(objective: Objective, terms: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.array(terms[..., i]) for i, name in enumerate(objective.terms)}
