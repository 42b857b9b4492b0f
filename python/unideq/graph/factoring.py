"""Sums with common factors put in brackets: a·b + a·c becomes a·(b + c), W x + W y becomes W (x + y).

What a differential equation asks of a network is a sum of derivatives, and derivatives pass a layer linearly. Taken out
of brackets layer by layer, they go through the network as one: ∂²u/∂x² + ∂²u/∂y², or ∂u/∂t − ε ∂²u/∂x², costs one
product with each layer's matrix where its summands would cost one each. For the Laplacian this is the forward Laplacian
of Li et al. 2023 (arXiv:2307.08214); here it comes out of the graph for any sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import Any

from .expression import Expression, apply, constant
from .frozen import freeze
from .graph import Graph
from .operations.building import stretch

__all__ = ["factored"]

Term = tuple[float, tuple[Expression, ...]]
"""A coefficient, and old expressions whose product it multiplies."""
Job = Generator[Any, Any, Expression]
"""What can wait for other jobs: it yields them and is sent their results, so that deep graphs need no deep stack."""


def factored(graph: Graph) -> Graph:
    """The graph with common factors of its sums in brackets, equal but for rounding; as it is where that saves nothing.

    Only what nothing else reads is rewritten, so nothing is computed twice.

    Examples
    --------
    >>> from unideq.graph import Graph, factored, variable
    >>> w, x, y = variable("w", (9, 9)), variable("x", (9,)), variable("y", (9,))
    >>> made = factored(Graph([w, x, y], {"sum": w @ x - 2.0 * (w @ y)}))
    >>> sum(node.operation == "matmul" for node in made.nodes)
    1
    """
    made = Graph(graph.inputs, _Rewriting(graph).outputs())
    return made if _work(made) < _work(graph) else graph


def _work(graph: Graph) -> int:
    """Multiplications, additions and function values: bilinear operations add up what they multiply."""
    return sum(node.entry.work(node) * max(1, len(node.entry.linear)) for node in graph.nodes)


class _Rewriting:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.users = Counter(id(i) for node in graph.nodes for i in node.inputs)
        self.users.update(id(o) for o in graph.outputs.values())
        self.made: dict[int, Expression] = {}

    def outputs(self) -> dict[str, Expression]:
        return {name: self._finish(self._new(node)) for name, node in self.graph.outputs.items()}

    @staticmethod
    def _finish(job: Job) -> Expression:
        waiting, sent = [job], None
        while waiting:
            try:
                waiting.append(waiting[-1].send(sent))
                sent = None
            except StopIteration as done:
                waiting.pop()
                sent = done.value
        assert sent is not None
        return sent

    def _single(self, node: Expression) -> bool:
        return self.users[id(node)] == 1

    def _new(self, node: Expression) -> Job:
        """The new form of an old expression."""
        if id(node) not in self.made:
            if node.operation in ("add", "subtract"):
                made = yield self._sum(self._terms(1.0, node, outermost=True))
            elif node.inputs:
                inputs = []
                for i in node.inputs:
                    inputs.append((yield self._new(i)))
                same = all(new is old for new, old in zip(inputs, node.inputs, strict=True))
                made = node if same else apply(node.operation, *inputs, **node.attributes)
            else:
                made = node
            self.made[id(node)] = stretch(made, node.shape)
        return self.made[id(node)]

    # ---- sums as lists of products ----------------------------------------------------------------------------

    def _terms(self, coefficient: float, node: Expression, outermost: bool = False) -> list[Term]:
        """What is added up to this expression, as far as nothing else reads the partial sums."""
        found: list[Term] = []
        waiting = [(coefficient, node, outermost)]
        while waiting:
            c, x, opened = waiting.pop()
            if x.dtype == "bool" or not (opened or self._single(x)):
                found.append((c, (x,)))
            elif x.operation in ("add", "subtract"):
                a, b = x.inputs
                waiting += [(c if x.operation == "add" else -c, b, False), (c, a, False)]
            elif x.operation == "negative":
                waiting.append((-c, x.inputs[0], False))
            elif x.operation == "multiply" and (n := _number(x.inputs[0])) is not None and x.inputs[1].shape == x.shape:
                waiting.append((c * n, x.inputs[1], False))
            else:
                found.append(self._product(c, x))
        return found

    def _product(self, coefficient: float, node: Expression) -> Term:
        """The factors of a product, as far as nothing else reads the partial ones."""
        factors, waiting = [], [node]
        while waiting:
            x = waiting.pop()
            number = _number(x) if x.shape == () else None
            if number is not None:
                coefficient *= number
            elif x.operation == "multiply" and self._single(x):
                waiting += reversed(x.inputs)
            elif x.operation == "negative" and self._single(x):
                coefficient = -coefficient
                waiting.append(x.inputs[0])
            else:
                factors.append(x)
        return coefficient, tuple(factors)

    def _sum(self, terms: list[Term]) -> Job:
        """The terms added up, what they share taken out."""
        terms, made = list(terms), []
        for shared, members in self._linear_groups(terms):
            common, scaled = _common(members)
            inside = [(c * k, f) for c, (x,) in scaled for k, f in self._terms(1.0, x.inputs[shared[1]])]
            made.append((common, (yield self._outside(shared, members[0][1][0], inside))))
            terms = [t for t in terms if all(t is not m for m in members)]
        while (factor := _most_common(terms)) is not None:
            members = [t for t in terms if any(f is factor for f in t[1])]
            terms = [t for t in terms if all(t is not m for m in members)]
            common, scaled = _common(members)
            rest = [term for c, f in scaled for term in self._opened(c, _without(f, factor))]
            inner = yield self._sum(rest)
            made.append((common, inner * (yield self._new(factor))))
        for c, factors in terms:
            product = None
            for f in sorted(factors, key=lambda factor: factor.size):
                new = yield self._new(f)
                product = new if product is None else product * new
            made.append((c, constant(1.0) if product is None else product))
        return _added(made)

    def _opened(self, coefficient: float, factors: tuple[Expression, ...]) -> list[Term]:
        """A term without the factor taken out: alone, its last factor may be a sum itself."""
        return self._terms(coefficient, factors[0]) if len(factors) == 1 else [(coefficient, factors)]

    # ---- common linear maps -----------------------------------------------------------------------------------

    def _linear_groups(self, terms: list[Term]) -> list[tuple[Any, list[Term]]]:
        """Terms that are the same linear map of something: two or more of each."""
        groups: dict[Any, list[Term]] = {}
        for term in terms:
            if len(term[1]) == 1 and self._single(term[1][0]) and self._worth(term[1][0]):
                for key in _linear_maps(term[1][0]):
                    groups.setdefault(key, []).append(term)
        chosen, taken = [], set()
        for key, members in sorted(groups.items(), key=lambda item: -len(item[1])):
            free = [t for t in members if id(t) not in taken]
            if len(free) >= 2:
                taken.update(map(id, free))
                chosen.append((key, free))
        return chosen

    def _worth(self, x: Expression) -> bool:
        """Maps that make arrays smaller are added up afterwards, unless there is a product to save."""
        while _is_map(x) and x.inputs[0].size > x.size and self._single(x.inputs[0]):
            x = x.inputs[0]
        return not _is_map(x) or x.inputs[0].size <= x.size

    def _outside(self, key: Any, like: Expression, inside: list[Term]) -> Job:
        at = key[1]
        moved = stretch((yield self._sum(inside)), like.inputs[at].shape)
        others = []
        for k, i in enumerate(like.inputs):
            others.append(moved if k == at else (yield self._new(i)))
        return apply(like.operation, *others, **like.attributes)


def _linear_maps(x: Expression) -> list[tuple]:
    """The linear maps that an expression can be seen as, each with the operand it is applied to: a key to group by."""
    found = []
    for at in reversed(x.entry.linear):
        attributes = tuple((k, freeze(v)) for k, v in sorted(x.attributes.items()))
        others = tuple(id(i) for k, i in enumerate(x.inputs) if k != at)
        found.append((x.operation, at, x.inputs[at].shape, others, attributes))
    return found


def _is_map(x: Expression) -> bool:
    """Whether it is a linear map of its only operand."""
    return len(x.inputs) == 1 and x.entry.linear == (0,)


def _number(x: Expression) -> float | None:
    """The value of a constant that is the same everywhere."""
    if not x.is_constant or x.dtype == "bool" or not x.size or not (x.value == x.value.flat[0]).all():
        return None
    return float(x.value.flat[0])


def _common(terms: list[Term]) -> tuple[float, list[Term]]:
    """The coefficient that all terms share, and the terms without it."""
    common = terms[0][0]
    if all(c == common for c, _ in terms):
        return common, [(1.0, factors) for _, factors in terms]
    return 1.0, terms


def _most_common(terms: list[Term]) -> Expression | None:
    """The factor that most terms share; None where none is in two."""
    counts: Counter[int] = Counter()
    known: dict[int, Expression] = {}
    for _, factors in terms:
        if len(factors) > 1 or not factors:
            distinct = {id(f): f for f in factors}
            known.update(distinct)
            counts.update(distinct.keys())
    best = max(counts, key=lambda i: counts[i], default=None)
    return known[best] if best is not None and counts[best] >= 2 else None


def _without(factors: tuple[Expression, ...], factor: Expression) -> tuple[Expression, ...]:
    at = next(k for k, f in enumerate(factors) if f is factor)
    return factors[:at] + factors[at + 1 :]


def _added(terms: list[tuple[float, Expression]]) -> Expression:
    """Σ c x, those that are subtracted last."""
    total: Any = None
    for c, x in sorted(terms, key=lambda term: term[0] < 0):
        if total is None:
            total = x if c == 1 else -x if c == -1 else c * x
        elif c < 0:
            total = total - (x if c == -1 else -c * x)
        else:
            total = total + (x if c == 1 else c * x)
    return constant(0.0) if total is None else total
