"""`JuliaEngine`: the engine protocol on Unideq.jl. Compiled programs are cached by graphs and settings, not by data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ModelError
from ...graph import Graph
from ...objective.program import Integration, LossProgram, Rollout, Source, graph_key
from ...optimise import check_engine, optimizers_of
from ...solvers import adjoints_of, solvers_of
from ..cache import CompiledCache, HashedKey, IdentityCache
from ..deferred import Deferred
from ..loop import minimise
from ..minimisation import Minimisation
from ..protocol import Integrated, Minimised, Report, Value
from .bridge import Bridge, address, contiguous
from .data import objective_data, source_data, whole_data
from .program import evaluation_json, objective_json, source_json
from .programs import program_of
from .start import start

__all__ = ["JuliaEngine", "Prepared"]


@dataclass
class Prepared:
    """A compiled objective in Julia, its number of parameters, and the data and weights that it holds at the moment."""

    handle: Any
    parameters: int
    data: np.ndarray | None = None
    weights: list[float | None] | None = None


class JuliaEngine:
    """The flagship engine. Make it with `unideq.engine.get_engine("julia")`; one process has one Julia."""

    name = "julia"

    def __init__(self) -> None:
        self.julia = start()
        self.bridge = Bridge(self.julia)
        self._cache = CompiledCache()
        self._keys = IdentityCache()

    def __repr__(self) -> str:
        julia = f"Julia {self.julia.versions['julia']}, threads: {self.julia.threads}"
        return f"JuliaEngine({julia}, {len(self._cache)} compiled programs)"

    def __reduce__(self) -> Any:
        """Pickled by name: the process that reads it starts its own, where it computes something."""
        return Deferred, (self.name,)

    def describe(self) -> dict[str, Any]:
        """Versions, threads, solvers, and what it can't do."""
        packages = json.loads(str(self.bridge.call("package_versions", "asking for versions")))
        return {
            "name": self.name,
            "versions": {**self.julia.versions, **packages},
            "devices": [f"cpu, {self.julia.threads} thread{'s' * (self.julia.threads > 1)}"],
            "threads": self.julia.threads,
            "solvers": solvers_of(self.name),
            "adjoints": adjoints_of(self.name),
            "optimizers": optimizers_of(self.name),
            "cannot": ["accelerators", "the adjoints `checkpointed` and `direct`"],
        }

    def clear(self) -> None:
        """Forget all compiled programs."""
        self._cache.clear()

    # ---- programs ----------------------------------------------------------------------------------------------

    def prepared(self, objective: LossProgram, precision: str = "float64") -> Prepared:
        """The compiled objective, with this objective's data and weights in it.

        Objectives that differ in these alone share one; whoever makes several calls asks before each.
        """
        key, data = self._keys.get(
            objective, lambda: (HashedKey(("objective", objective.key)), contiguous(objective_data(objective)))
        )
        whose = key if precision == "float64" else (key, precision)
        found = self._cache.get(whose, lambda: self._compile(objective, precision))
        weights = list(map(objective.weights.get, objective.loss.outputs))
        if found.data is not data or found.weights != weights:
            whole = whole_data(objective, data)
            self.bridge.call("set_data_b", "handing over the data", found.handle, address(whole), whole.size)
            found.data, found.weights = data, weights
        return found

    def _compile(self, objective: LossProgram, precision: str) -> Prepared:
        handle = self.bridge.call("prepare_objective", "compiling the objective", objective_json(objective, precision))
        return Prepared(handle, int(handle.parameters))

    def _ready(self, objective: LossProgram, theta: Any) -> tuple[Any, np.ndarray, bool]:
        """Julia's objective with its data, θ as (S, P), and whether θ was one vector."""
        found = self.prepared(objective)
        return found.handle, *_ensemble(theta, found.parameters)

    def integrate(self, integration: Integration, theta: np.ndarray) -> Integrated:
        """Solve all initial-value problems of the batch; see `Engine.integrate`."""
        return self._solved(integration, theta)

    def rollout(self, rollout: Rollout, theta: np.ndarray) -> Integrated:
        """Roll out all trajectories of the batch; see `Engine.rollout`."""
        # A step without parameters doesn't look at θ, whatever its length.
        return self._solved(rollout, theta if rollout.parameters else np.asarray(theta, dtype=float)[..., :0])

    def _solved(self, source: Source, theta: np.ndarray) -> Integrated:
        """A batch of trajectories at every θ."""
        array, single = _ensemble(theta, source.parameters)
        data, counted = contiguous(source_data(source)), program_of(source).counted

        def compile() -> Any:
            return self.bridge.call("prepare_source", "compiling a batch of solves", source_json(source))

        handle = self._cache.get(HashedKey(("solve", source.key)), compile)
        seeds, more = len(array), program_of(source).reported(source)
        shapes = {name: (seeds, *shape) for name, shape in source.shapes.items()}
        flat, batch = np.empty(sum(map(_size, shapes.values()))), next(iter(source.shapes.values()))[0]
        status, statistics = np.empty((seeds, batch)), np.empty((seeds, batch, len(counted) + _size(more)))
        self.bridge.call(
            "solve_source_b", "integrating", handle, address(data), data.size, address(array), seeds,
            address(flat), address(status), address(statistics),
        )  # fmt: skip
        pick = (lambda x: x[0].copy()) if single else (lambda x: x.copy())
        arrays = {name: pick(part) for name, part in _split(flat, shapes).items()}
        whole, rest = np.split(statistics, [len(counted)], axis=-1)
        counts = dict(zip(counted, np.moveaxis(whole.astype(np.int64), -1, 0), strict=True))
        crossings = pick(rest.reshape(*rest.shape[:2], *more)) if _size(more) else None
        return Integrated(
            arrays, pick(status.astype(np.int64)), {name: pick(n) for name, n in counts.items()}, crossings
        )

    def evaluate(self, graph: Graph, values: Mapping[str, Any], mapped: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """Evaluate a graph; the inputs named in `mapped` carry an extra leading axis, and so do then all outputs."""
        used = {node.name: node for node in graph.nodes if node.operation == "input"}
        arrays: dict[str, np.ndarray] = {}
        for name, node in used.items():
            if name not in values:
                raise ModelError(f"No value for graph input `{name}`; it needs an array of shape {node.shape}.")
            arrays[name] = contiguous(values[name])
            inner = arrays[name].shape[1:] if name in mapped else arrays[name].shape
            if inner != node.shape:
                raise ModelError(f"Graph input `{name}` needs shape {node.shape}, not {inner}.")
        over = tuple(sorted(set(mapped) & set(used)))
        counts = {len(arrays[name]) for name in over}
        if len(counts) > 1:
            raise ModelError(f"The mapped inputs {', '.join(over)} differ in length: {sorted(counts)}.")
        count = counts.pop() if counts else 1
        handle = self._cache.get(
            ("evaluation", graph_key(graph), over),
            lambda: self.bridge.call("prepare_evaluation", "compiling a graph", evaluation_json(graph, over)),
        )
        inputs = np.concatenate([np.zeros(0), *(arrays[name].ravel() for name in sorted(used))])
        shapes = {name: (count, *e.shape) for name, e in graph.outputs.items()}
        flat = np.empty(sum(map(_size, shapes.values())))
        self.bridge.call("evaluate_b", "evaluating a graph", handle, address(inputs), count, address(flat))
        found = _split(flat, shapes)
        if over:
            return {name: value.copy() for name, value in found.items()}
        if mapped:  # nothing that is used varies: repeat along the axis that was asked for
            return {name: np.repeat(value, len(values[mapped[0]]), axis=0) for name, value in found.items()}
        return {name: value[0].copy() for name, value in found.items()}

    def value(self, objective: LossProgram, theta: np.ndarray) -> Value:
        """Total and terms, without gradient."""
        handle, array, single = self._ready(objective, theta)
        names = objective.terms
        total, terms = np.empty(len(array)), np.empty((len(array), len(names)))
        self.bridge.call(
            "value_b", "computing the loss", handle, address(array), len(array), address(total), address(terms)
        )
        return _value(names, total, terms, None, single)

    def value_and_gradient(self, objective: LossProgram, theta: np.ndarray, per_term: bool = False) -> Value:
        """Total, terms and gradient in θ; NaN where a solve failed. See `Engine.value_and_gradient`."""
        handle, array, single = self._ready(objective, theta)
        names = objective.terms
        seeds, size = array.shape
        total, terms = np.empty(seeds), np.empty((seeds, len(names)))
        gradient = np.empty((seeds, len(names), size) if per_term else (seeds, size))
        self.bridge.call(
            "value_and_gradient_b", "computing the gradient", handle, address(array), seeds, address(total),
            address(terms), address(gradient), per_term,
        )  # fmt: skip
        return _value(names, total, terms, gradient, single)

    def jacobian_vector(self, objective: LossProgram, theta: np.ndarray, tangent: np.ndarray) -> np.ndarray:
        """Directional derivative of the total along `tangent`, by forward mode through the solver."""
        handle, array, single = self._ready(objective, theta)
        direction, found = contiguous(tangent), np.empty(len(array))
        if direction.shape != array.shape[1:]:
            raise ModelError(f"`tangent` needs shape {array.shape[1:]}, not {direction.shape}.")
        self.bridge.call(
            "jacobian_vector_b", "computing a directional derivative", handle, address(array), len(array),
            address(direction), address(found),
        )  # fmt: skip
        return np.array(found[0]) if single else found

    def minimise(self, minimisation: Minimisation, callback: Callable[[Report], bool]) -> Minimised:
        """Run the optimiser loop inside the engine; see `Engine.minimise`."""
        check_engine(minimisation.optimizer, self.name)
        from .optimise import JuliaRunner

        return minimise(lambda *given: JuliaRunner(self, *given), minimisation, callback)


def _ensemble(theta: Any, parameters: int) -> tuple[np.ndarray, bool]:
    """θ as (S, P), and whether it was one vector."""
    array = contiguous(theta)
    if array.ndim not in (1, 2) or array.shape[-1] != parameters:
        raise ModelError(f"θ needs shape ({parameters},) or (S, {parameters}), not {array.shape}.")
    return (array[None], True) if array.ndim == 1 else (array, False)


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _split(flat: np.ndarray, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Views of a flat array, one after the other."""
    ends = np.cumsum([_size(shape) for shape in shapes.values()])
    parts = np.split(flat, ends[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def _value(names: Sequence[str], total: np.ndarray, terms: np.ndarray, gradient: Any, single: bool) -> Value:
    if single:
        named = {name: np.array(terms[0, i]) for i, name in enumerate(names)}
        return Value(np.array(total[0]), named, None if gradient is None else gradient[0].copy())
    return Value(total, {name: terms[:, i].copy() for i, name in enumerate(names)}, gradient)
