"""How far a Lorenz solve and two gradients are from the flop limit of one core, and from exp and tanh alone.

Flops are counted from the graphs: additions and multiplications of every evaluation (of the vector field forwards, of
its vector-Jacobian product backwards, once a stage), and of Tsit5's sums over its stages. The core's peak is measured
by Horner's rule at 1000 points in compiled Julia, the costs of `exp` and of NNlib's `tanh_fast` in loops as long. All
data fit the first-level cache, so memory sets no limit; its speed is given for scale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from _models import forward, lorenz, work
from _peers import Field, julia_peer
from gradient_peers import CASES, MAX_STEPS, TOLERANCE

from unideq.engine import get_engine
from unideq.graph import Graph, vjp
from unideq.harness import Study

STAGES = 6
"""Evaluations in a step of Tsit5; the last of a step is the first of the next."""
TRANSCENDENTAL = ("exp", "tanh")


def flops_of(graph: Graph) -> int:
    """Additions and multiplications of one evaluation; what only puts parts of θ together isn't counted."""
    total = 0
    for node in graph.nodes:
        if node.operation == "matmul":
            total += 2 * node.size * node.inputs[0].shape[-1]
        elif node.operation == "power":
            total += 2 * node.size
        elif node.operation in ("add", "subtract", "multiply", "divide"):
            total += 0 if any(part.operation == "pad" for part in node.inputs) else node.size
    return total


def transcendentals_of(graph: Graph) -> int:
    """Values of exp and tanh in one evaluation."""
    return sum(node.size for node in graph.nodes if node.operation in TRANSCENDENTAL)


def stage_sums(states: int, steps: int) -> int:
    """Flops of Tsit5's sums: increments of stages 2 … 7, and the error."""
    return steps * 2 * states * (sum(range(1, STAGES + 1)) + STAGES + 1)


def forward_count(graph: Graph, states: int, steps: int) -> tuple[int, int]:
    """Flops and transcendentals of a solve."""
    evaluations = STAGES * steps + 1
    return evaluations * flops_of(graph) + stage_sums(states, steps), evaluations * transcendentals_of(graph)


def lorenz_case() -> tuple[Callable[[], Any], int, int]:
    """The solve to t = 100, its flops, and its transcendentals."""
    model, engine = lorenz(), get_engine("julia")
    theta = model.initial_theta()
    integration = forward(model, np.array([1.0, 0.0, 0.0]), 0.0, np.array([100.0]), "tsit5", 1e-8, 200_000)
    steps = int(engine.integrate(integration, theta).statistics["steps"][0])
    return lambda: engine.integrate(integration, theta), *forward_count(model.vector_field, 3, steps)


def gradient_case(name: str) -> tuple[Callable[[], Any], int, int]:
    """Loss and gradient, its flops, and its transcendentals."""
    make, _, start, times = CASES[name]
    model, engine = make(), get_engine("julia")
    ours = work(model, start[None], times, engine, TOLERANCE, MAX_STEPS)
    (integration,) = ours.objective.sources
    counted = engine.integrate(integration, ours.theta).statistics
    steps, accepted = int(counted["steps"][0]), int(counted["accepted"][0])
    flops, functions = forward_count(model.vector_field, 2, steps)
    backwards = vjp(model.vector_field, ["u", "theta"])
    flops += accepted * STAGES * (flops_of(backwards) + len(ours.theta)) + stage_sums(2, accepted)
    functions += accepted * STAGES * transcendentals_of(backwards)
    return lambda: engine.value_and_gradient(ours.objective, ours.theta), flops, functions


def main() -> None:
    study = Study.from_command_line(__file__, __doc__, quick={"rounds": 15}, full={"rounds": 60})
    for _ in study.units(what=["machine"]):
        field = Field()
        field.enter_peer(julia_peer("peak.jl"), {}, "machine")
        for name, row in field.race(study.settings["rounds"], "").items():
            facts, seconds = field.entrants[name].facts, row["median_ms"] * 1e-3
            study.record(
                name=name.removeprefix("machine: "),
                gflops=facts["flops"] / seconds * 1e-9 if "flops" in facts else None,
                nanoseconds=seconds / facts["items"] * 1e9 if "items" in facts else None,
                gb_per_second=facts["bytes"] / seconds * 1e-9 if "bytes" in facts else None,
            )
    machine = {row["name"]: row for row in study.rows_where(what="machine")}
    makers = {"lorenz": (lorenz_case, None)} | {
        name: (lambda name=name: gradient_case(name), function)
        for name, function in (("lotka_volterra", "exp"), ("spiral", "tanh_fast"))
    }
    for unit in study.units(what=list(makers)):
        make, function = makers[unit["what"]]
        field = Field()
        counts: dict[str, int] = {}

        def prepared(make: Any = make, counts: dict[str, int] = counts) -> Callable[[], Any]:
            call, counts["flops"], counts["functions"] = make()
            return call

        field.enter("unideq/julia", prepared, lambda _: {})
        for row in field.race(study.settings["rounds"], "unideq/julia").values() if field.entrants else ():
            seconds, peak = row["median_ms"] * 1e-3, machine["multiply-add"]["gflops"] * 1e9
            alone = counts["functions"] * machine[function]["nanoseconds"] * 1e-9 if function else None
            study.record(
                median_ms=row["median_ms"],
                flops=counts["flops"],
                gflops=counts["flops"] / seconds * 1e-9,
                share_of_peak=counts["flops"] / peak / seconds,
                exp_and_tanh=counts["functions"],
                exp_and_tanh_ms=None if alone is None else alone * 1e3,
                over_exp_and_tanh=None if alone is None else seconds / alone,
            )
        for why in field.absent.values():
            study.record(note=why)
    headline: dict[str, Any] = {}
    for name in makers:
        for row in study.rows_where(what=name):
            headline[f"{name}: share of peak"] = row.get("share_of_peak")
            headline[f"{name}: over exp and tanh alone"] = row.get("over_exp_and_tanh")
    study.finish(headline=headline)


if __name__ == "__main__":
    main()
