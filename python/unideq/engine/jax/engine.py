"""`JaxEngine`: the engine protocol on JAX. Compiled functions are cached by programs' form: numbers are arguments."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from ...checks import PRECISIONS
from ...errors import ModelError
from ...graph import Graph
from ...objective.program import Integration, LossProgram, Rollout, Source
from ...optimise import Arrays, check_engine, optimizers_of
from ...solvers import adjoints_of, solvers_of
from ...versions import version_of
from ..cache import CompiledCache, IdentityCache
from ..deferred import Deferred
from ..loop import minimise
from ..minimisation import Minimisation
from ..protocol import Integrated, Minimised, Report, Value
from .arguments import Arguments
from .blas_threads import one_blas_thread
from .configuration import configured, in_precision, own_configuration
from .derivative import value_and_gradient_of, value_and_gradients_of_terms
from .lowering import lower
from .objective import make_objective
from .programs import program_of, source_data

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


def _last_constants(*arguments: Any) -> Any:
    """The numbers that were taken out of a program, in the data that its functions take last."""
    return arguments[-1]["constants"]


def _loss_and_gradient(objective: LossProgram) -> Callable[..., Any]:
    return value_and_gradient_of(make_objective(objective))


def _numpy(tree: Any) -> Any:
    """Own, writable NumPy arrays."""
    leaves, structure = jax.tree.flatten(tree)
    return structure.unflatten([np.array(leaf) for leaf in leaves])


class JaxEngine:
    """The embedded engine. Make it with `unideq.engine.get_engine("jax")`."""

    name = "jax"

    def __init__(self) -> None:
        self._cache = CompiledCache()
        self._prepared = {precision: IdentityCache() for precision in PRECISIONS}

    def __repr__(self) -> str:
        return f"JaxEngine({jax.default_backend()}, {len(self._cache)} compiled functions)"

    def __reduce__(self) -> Any:
        """Pickled by name: the process that reads it starts its own, where it computes something."""
        return Deferred, (self.name,)

    def describe(self) -> dict[str, Any]:
        """Versions, devices, solvers, and what it can't do."""
        return {
            "name": self.name,
            "versions": {p: version_of(p) or "unknown" for p in ("jax", "jaxlib", "diffrax", "equinox")},
            "devices": [str(d) for d in jax.devices()],
            "solvers": solvers_of(self.name),
            "adjoints": adjoints_of(self.name),
            "optimizers": optimizers_of(self.name),
            "cannot": ["sparse Jacobians in implicit solvers", "Julia's solvers and adjoints", "Lux networks"],
        }

    def clear(self) -> None:
        """Forget all compiled functions."""
        self._cache.clear()

    def _prepare(self, objective: LossProgram, precision: str = "float64") -> tuple[Arguments, dict[str, Any]]:
        """Numbers and device data of an objective; the weights, cheap and likely to change, are read every time."""

        def read() -> Any:
            found = Arguments.of(objective)
            return found, *jax.device_put(in_precision(([source_data(s) for s in objective.sources], found.values)))

        found, sources, constants = self._prepared[precision].get(objective, read)
        return found, {"sources": sources, "constants": constants, "weights": objective.term_weights}

    def _of_objective(
        self, what: Hashable, objective: LossProgram, seeds: int | None, make: Callable[[], Callable[..., Any]]
    ) -> tuple[Callable[..., Any], dict[str, Any]]:
        """The compiled function `(theta, *rest, data)` that `make()` gives for one θ, and the data."""
        found, data = self._prepare(objective)

        def build() -> Any:
            return jax.jit(found.binding(over_seeds(make(), seeds), _last_constants))

        return self._cache.get((what, found.key, seeds), build), data

    # ---- programs ----------------------------------------------------------------------------------------------

    @configured
    def integrate(self, integration: Integration, theta: np.ndarray) -> Integrated:
        """Solve all initial-value problems of the batch; see `Engine.integrate`."""
        return self._solved(integration, theta)

    def rollout(self, rollout: Rollout, theta: np.ndarray) -> Integrated:
        """Roll out all trajectories of the batch; see `Engine.rollout`."""
        with own_configuration(rollout.precision):
            return self._solved(rollout, theta)

    def _solved(self, source: Source, theta: np.ndarray) -> Integrated:
        array, seeds = _array(theta)
        program, found = program_of(source), Arguments.of(source)
        assert program.solve is not None
        solve = program.solve
        data = {**program.data(source), "constants": found.values}  # first: it refuses what JAX lacks

        def build() -> Any:
            return jax.jit(found.binding(over_seeds(solve(source), seeds), _last_constants))

        function = self._cache.get(("solve", found.key, seeds), build)
        arrays, status, statistics = _numpy(function(*in_precision((array, data))))
        arrays = {name: np.asarray(values, float) for name, values in arrays.items()}
        crossings = statistics.pop("crossings", None)
        return Integrated(arrays, status, statistics, crossings)

    @configured
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
            if over:
                run = jax.vmap(run, in_axes=({name: 0 if name in over else None for name in used},))
            return jax.jit(numbers.binding(lambda arrays, constants: run(arrays), lambda arrays, constants: constants))

        numbers = Arguments.of_graph(graph)
        found = _numpy(self._cache.get(("evaluate", numbers.key, over), build)(arrays, numbers.values))
        if mapped and not over:  # nothing that is used varies: repeat along the axis that was asked for
            count = len(values[mapped[0]])
            found = {name: np.repeat(value[None], count, axis=0) for name, value in found.items()}
        return found

    @configured
    def value(self, objective: LossProgram, theta: np.ndarray) -> Value:
        """Total and terms, without gradient."""
        array, seeds = _array(theta)
        function, data = self._of_objective("value", objective, seeds, lambda: make_objective(objective))
        total, (terms, _) = _numpy(function(array, data))
        return Value(total, self._named(objective, terms), None)

    @configured
    def value_and_gradient(self, objective: LossProgram, theta: np.ndarray, per_term: bool = False) -> Value:
        """Total, terms and gradient in θ; NaN where a solve failed. See `Engine.value_and_gradient`."""
        array, seeds = _array(theta)

        def make() -> Callable[..., Any]:
            return value_and_gradients_of_terms(objective) if per_term else _loss_and_gradient(objective)

        function, data = self._of_objective(("gradient", per_term), objective, seeds, make)
        total, terms, gradient, _ = _numpy(function(array, data))
        return Value(total, self._named(objective, terms), gradient)

    def compiled_value_and_gradient(self, objective: LossProgram) -> tuple[Callable[..., Any], Any]:
        """The compiled function behind `value_and_gradient`, for those who build on JAX themselves.

        Returns
        -------
        function, data
            `function(theta, data)` with θ (P,), float64, gives total, terms, gradient and whether a solve failed, as
            JAX arrays.
        """
        with own_configuration():
            make = lambda: _loss_and_gradient(objective)  # noqa: E731
            function, data = self._of_objective(("gradient", False), objective, None, make)
            return configured(function), jax.device_put(data)

    @configured
    def jacobian_vector(self, objective: LossProgram, theta: np.ndarray, tangent: np.ndarray) -> np.ndarray:
        """Directional derivative of the total along `tangent`, by forward mode through the solver."""
        array, seeds = _array(theta)
        direction = np.asarray(tangent, dtype=float)

        def make() -> Callable[..., Any]:
            loss = make_objective(objective, forward_mode=True)

            def derivative(one: jax.Array, along: jax.Array, data: Any) -> jax.Array:
                return jax.jvp(lambda th: loss(th, data)[0], (one,), (along,))[1]

            return derivative

        function, data = self._of_objective("forward", objective, seeds, make)
        return _numpy(function(array, direction, data))

    def minimise(self, minimisation: Minimisation, callback: Callable[[Report], bool]) -> Minimised:
        """Run the optimiser loop inside the engine; see `Engine.minimise`."""
        check_engine(minimisation.optimizer, self.name)
        from .optimise import JaxRunner

        def make(asked: Minimisation, start: Arrays) -> JaxRunner:
            with own_configuration(asked.precision):
                return JaxRunner(self._cache, self._prepare(asked.objective, asked.precision), asked, start)

        with one_blas_thread():
            return minimise(make, minimisation, callback)

    @staticmethod
    def _named(objective: LossProgram, terms: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.array(terms[..., i]) for i, name in enumerate(objective.terms)}
