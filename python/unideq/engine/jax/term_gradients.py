"""Every term's own gradient at little cost: terms that share no source are differentiated apart.

One backward pass for T terms with T cotangents would go through all sources T times; residuals at points of their own
need each source once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...graph import Graph
from ...graph.graph import topological
from ...objective.program import LossProgram
from ..term_roles import Roles
from .objective import make_objective

__all__ = ["make_term_gradients"]


def make_term_gradients(objective: LossProgram, roles: Roles) -> Callable[..., Any]:
    """`(theta, data, weights (T,)) -> terms (T,), gradients (B, P), rest (P,), failed`.

    `gradients` are those of the balanced terms, unweighted; `rest` is that of the weighted sum of all others.
    """
    names = objective.terms
    parts = [_part(objective, roles, *group) for group in _groups(objective)]
    order = np.argsort([names.index(name) for part in parts for name in part.terms], kind="stable")

    def run(theta: jax.Array, data: Any, weights: jax.Array) -> Any:
        found = [part(theta, data, weights) for part in parts]
        failed = jnp.any(jnp.stack([broken for *_, broken in found]))
        terms = jnp.concatenate([own for own, *_ in found])[order]
        own = {name: row for part, (_, rows, _, _) in zip(parts, found, strict=True)
               for name, row in zip(part.balanced, rows, strict=True)}  # fmt: skip
        gradients = jnp.stack([own[name] for name in roles.balanced])
        rest = sum((other for _, _, other, _ in found), jnp.zeros_like(theta))
        return (
            jnp.where(failed, jnp.nan, terms),
            jnp.where(failed, jnp.nan, gradients),
            jnp.where(failed, jnp.nan, rest),
            failed,
        )

    return run


def _groups(objective: LossProgram) -> list[tuple[list[int], list[str]]]:
    """(sources, terms), such that terms of different groups read different sources."""
    owner = {key: i for i, source in enumerate(objective.sources) for key in source.shapes}
    groups: list[tuple[set[int], list[str]]] = []
    for name, node in objective.loss.outputs.items():
        inputs = {n.name for n in topological([node]) if n.operation == "input"}
        reads, terms = _with_earlier(objective, owner, {owner[key] for key in inputs if key in owner}), [name]
        apart = []
        for sources, others in groups:
            if sources & reads:
                reads, terms = reads | sources, others + terms
            else:
                apart.append((sources, others))
        groups = [*apart, (reads, terms)]
    return [(sorted(sources), terms) for sources, terms in groups]


def _with_earlier(objective: LossProgram, owner: Mapping[str, int], places: set[int]) -> set[int]:
    """Sources by their places, with all whose arrays they read."""
    more = {owner[name] for place in places for name in objective.sources[place].reads}
    return places if more <= places else _with_earlier(objective, owner, places | more)


class _part:
    """The terms of one group: values, the balanced ones' gradients, the weighted sum's of the others."""

    def __init__(self, objective: LossProgram, roles: Roles, sources: list[int], terms: list[str]) -> None:
        self.sources, self.terms = sources, terms
        self.balanced = [name for name in terms if name in roles.balanced]
        self.others = [name for name in terms if name not in roles.balanced and name not in roles.silent]
        self.at = np.array([objective.terms.index(name) for name in terms], dtype=np.int64)
        chosen = tuple(objective.sources[i] for i in sources)
        arrays = {key for source in chosen for key in source.shapes} | {"theta"}
        inputs = [node for node in objective.loss.inputs if node.name in arrays]
        graph = Graph(inputs, {name: objective.loss.outputs[name] for name in terms})
        self.loss = make_objective(LossProgram(chosen, graph, {}))

    def __call__(self, theta: jax.Array, data: Any, weights: jax.Array) -> Any:
        own = {"sources": [data["sources"][i] for i in self.sources], "weights": jnp.ones(len(self.terms))}

        def terms_of(one: jax.Array) -> Any:
            _, (terms, failed) = self.loss(one, own)
            return terms, failed

        rows = [jnp.asarray([float(name == wanted) for name in self.terms]) for wanted in self.balanced]
        if self.others:
            among = jnp.asarray([float(name in self.others) for name in self.terms])
            rows.append(among * weights[self.at])
        if not rows:
            terms, failed = terms_of(theta)
            return terms, [], jnp.zeros_like(theta), jnp.asarray(failed)
        terms, pull, failed = jax.vjp(terms_of, theta, has_aux=True)
        (pulled,) = (pull(rows[0])[0][None],) if len(rows) == 1 else jax.vmap(pull)(jnp.stack(rows))
        count = len(self.balanced)
        rest = pulled[count] if self.others else jnp.zeros_like(theta)
        return terms, [pulled[i] for i in range(count)], rest, jnp.asarray(failed)
