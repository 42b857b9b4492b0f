"""The table of solvers: what it marks for an engine is there, and every reader reads this one table."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

import unideq
from unideq.engine.julia.solver_table import solver_rows
from unideq.errors import EngineUnsupported, OptionError
from unideq.solvers import SOLVERS, Solver, SolverSettings, check_solver, solvers_of, stiff_solver

JULIA = next(f for p in Path(unideq.__file__).parents if (f := p / "julia").is_dir())


@pytest.mark.parametrize("name", solvers_of("jax"))
def test_diffrax_or_the_jax_engine_has_what_is_marked_for_it(name):
    diffrax = pytest.importorskip("diffrax")
    from unideq.engine.jax.solvers import make_solver

    made = make_solver(SOLVERS[name])
    assert isinstance(made, diffrax.AbstractSolver)
    assert made.order(None) == SOLVERS[name].order  # type: ignore[arg-type]
    assert isinstance(made, diffrax.AbstractImplicitSolver) == (SOLVERS[name].kind == "stiff")


def test_the_table_that_unideq_jl_reads_is_this_one():
    stored = json.loads((JULIA / "src" / "solve" / "solvers.json").read_text(encoding="utf-8"))
    assert stored == solver_rows(), "python -m unideq.engine.julia.solver_table julia/src/solve/solvers.json"
    assert list(stored) == solvers_of("julia")


def test_unideq_jl_knows_the_packages_of_its_solvers():
    project = tomllib.loads((JULIA / "Project.toml").read_text(encoding="utf-8"))
    source = (JULIA / "src" / "solve" / "methods.jl").read_text(encoding="utf-8")
    late = dict(re.findall(r'"(\w+)" => "([0-9a-f-]{36})"', source))
    assert late.items() <= project["weakdeps"].items()
    assert {row["package"] for row in solver_rows().values()} <= {*late, *project["deps"]}
    extensions = "".join(f.read_text(encoding="utf-8") for f in (JULIA / "ext").glob("*.jl"))
    assert all(f"run_integration_workload(:{package})" in extensions for package in late if package != "LinearSolve")


@pytest.mark.parametrize("engine", ["jax", "julia"])
def test_an_engines_own_choice_is_a_stiff_solver_that_it_has(engine):
    assert stiff_solver(engine) in solvers_of(engine)
    assert SOLVERS[stiff_solver(engine)].kind == "stiff"


@pytest.mark.parametrize("name", SOLVERS)
def test_an_entry_says_what_it_is(name):
    entry = SOLVERS[name]
    assert issubclass(entry, Solver)
    assert entry.__doc__
    assert entry.engines.keys() <= {"jax", "julia"}
    assert entry.kind in ("explicit", "stiff", "stabilised", "strong stability preserving")
    assert entry.instead is None or entry.instead in SOLVERS
    for engine in ("jax", "julia"):
        settings = SolverSettings(name, dt=0.1)
        if engine in entry.engines:
            check_solver(settings, engine)
        else:
            with pytest.raises(EngineUnsupported, match=f"lacks the solver `{name}`; engine `"):
                check_solver(settings, engine)


def test_a_name_that_is_in_no_table_is_told_wherever_it_is_met():
    with pytest.raises(OptionError, match=r"Unknown solver `tsit6`.*`tsit5`"):
        check_solver(SolverSettings("tsit6"), "jax")
    with pytest.raises(OptionError, match="Unknown solver `tsit6`"):
        _ = SolverSettings("tsit6").entry
