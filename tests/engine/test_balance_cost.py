"""What weights that move cost on JAX: terms are differentiated apart at updates alone, each at its own source."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from unideq.engine.jax.arguments import Arguments
from unideq.engine.jax.optimise import Task, _make_chunk
from unideq.engine.jax.programs import source_data
from unideq.engine.loop import empty_logs
from unideq.engine.minimisation import Minimisation
from unideq.engine.term_roles import Roles

from .balanced import POINTS, settings_of, starts
from .linear import Linear
from .problems import phase_of

pytestmark = pytest.mark.usefixtures("double_precision")


def conditions(jaxpr) -> list:
    """All `cond`s in a program and its parts."""
    found = []
    for equation in jaxpr.eqns:
        if equation.primitive.name == "cond":
            found.append(equation)
        for value in equation.params.values():
            for part in value if isinstance(value, (tuple, list)) else (value,):
                inner = getattr(part, "jaxpr", part)
                if hasattr(inner, "eqns"):
                    found += conditions(inner)
    return found


def products(jaxpr) -> int:
    """Multiplications in a program, by the size of their results."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("mul", "dot_general"):
            total += int(np.prod(equation.outvars[0].aval.shape))
        for value in equation.params.values():
            for part in value if isinstance(value, (tuple, list)) else (value,):
                inner = getattr(part, "jaxpr", part)
                if hasattr(inner, "eqns"):
                    total += products(inner)
    return total


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("rule", ["annealing", "gradient_norm", "ntk"])
def test_terms_are_differentiated_apart_at_updates_alone(rule, seeds):
    """A condition on a batched value would have become a selection between both branches."""
    problem = Linear.random(15, POINTS, 6)
    objective, balancing = problem.objective(), problem.balancing(rule, **settings_of(rule))
    settings = phase_of("adam", {"learning_rate": 0.01, "iterations": 20})
    asked = Minimisation(objective, starts(seeds, 6), settings, balancing=balancing, report_every=20)
    start, mask = asked.start(), np.ones(6, bool)
    roles = Roles.of(balancing, objective, start["weights"])
    numbers = Arguments.of(objective)
    chunk = _make_chunk(Task(objective, settings, balancing, roles), seeds, 20, numbers)
    data = {
        "objective": {
            "sources": [source_data(s) for s in objective.sources], "weights": np.ones(3), "constants": numbers.values,
        },
        "settings": settings.numbers(),
        "free": mask, "decay": mask, "iterations": 20, "same_again": True, "counted": np.ones((1, 6)),
        "rate": 0.1, "every": 10,
    }  # fmt: skip
    program = jax.make_jaxpr(lambda s, logs: chunk(s, logs, data, None, 0, 20))(start, empty_logs(asked, start))
    (condition,) = conditions(program.jaxpr)
    assert condition.invars[0].aval.shape == ()
    ordinary, update = (products(branch.jaxpr) for branch in condition.params["branches"])
    assert ordinary < update


def test_a_terms_gradient_costs_its_own_source_alone():
    """Ten terms' gradients at ten sources take about what one gradient of the total takes, not ten times that."""
    from unideq.engine.jax.derivative import value_and_gradient_of
    from unideq.engine.jax.objective import make_objective
    from unideq.engine.jax.term_gradients import make_term_gradients

    problem = Linear.random(16, {f"t{i}": 50 for i in range(10)}, 20)
    objective = problem.objective()
    roles = Roles.of(problem.balancing("gradient_norm"), objective, np.ones((1, 10)))
    data = {"sources": [source_data(s) for s in objective.sources], "weights": np.ones(10)}
    apart = jax.make_jaxpr(make_term_gradients(objective, roles))(np.ones(20), data, np.ones(10))
    together = jax.make_jaxpr(value_and_gradient_of(make_objective(objective)))(np.ones(20), data)
    assert products(apart.jaxpr) < 1.2 * products(together.jaxpr)
