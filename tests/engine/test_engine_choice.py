"""Which engine computes from a file that was trained elsewhere: the one asked for, chosen, trained on, or here."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import unideq as ude
from result.growth import growth_data, growth_model, untrained
from unideq.engine import get_engine, registry
from unideq.errors import EngineMissing, UnideqWarning
from unideq.result.file import write_training
from unideq.solvers import SOLVERS, SolverSettings, counterpart, solvers_of


@pytest.fixture
def no_julia(monkeypatch):
    """A machine on which no Julia is found and none runs."""
    monkeypatch.setattr(registry, "usable_julia", lambda: None)
    monkeypatch.setattr(registry, "_made", {n: e for n, e in registry._made.items() if n != "julia"})
    monkeypatch.setattr(registry, "_chosen", None)
    monkeypatch.delenv("UNIDEQ_ENGINE", raising=False)


@pytest.fixture
def julias_file(tmp_path):
    """As a fit writes it that Julia trained with its stiff solver and its adjoint."""
    record = untrained(growth_model(), growth_data()).record
    record.engine = {**record.engine, "name": "julia"}
    solver = record.settings.solver
    object.__setattr__(solver, "name", "rodas5p")
    object.__setattr__(solver, "adjoint", "discrete")
    write_training(record, tmp_path / "julia.nc")
    return tmp_path / "julia.nc"


def test_a_file_trained_on_julia_predicts_without_julia_and_says_who_does(no_julia, julias_file):
    fit = ude.Fit.load(julias_file)
    with pytest.warns(UnideqWarning) as told:
        found = fit.predict([0.0, 1.0])["x"].values
    texts = [str(w.message) for w in told]
    assert any("engine `jax` computes instead" in t and 'Fit.load(path, engine="jax")' in t for t in texts)
    assert any("lacks the solver `rodas5p`" in t and "`kvaerno5`" in t for t in texts)
    assert np.isfinite(found).all()
    assert fit.engine.name == "jax"


@pytest.mark.parametrize("how", ["set_engine", "environment", "argument"])
def test_an_engine_that_was_chosen_is_taken_without_a_word(no_julia, julias_file, monkeypatch, how):
    if how == "set_engine":
        ude.set_engine("jax")
    elif how == "environment":
        monkeypatch.setenv("UNIDEQ_ENGINE", "jax")
    fit = ude.Fit.load(julias_file, engine="jax" if how == "argument" else None)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fit.predict([0.0, 1.0])
    assert not [w for w in told if "computes instead" in str(w.message)]
    assert fit.engine.name == "jax"


def test_asking_for_an_engine_that_is_missing_fails(no_julia, julias_file):
    with pytest.raises(EngineMissing, match="unideq setup"):
        ude.Fit.load(julias_file, engine="julia").predict([0.0, 1.0])


def test_where_there_is_no_engine_the_message_names_the_one_from_pypi(no_julia, julias_file, monkeypatch):
    monkeypatch.setattr(registry, "available", lambda: [])
    monkeypatch.setattr(registry, "_first_available", lambda: None)
    with pytest.raises(EngineMissing, match=r"trained on engine `julia`.*pip install"):
        ude.Fit.load(julias_file).predict([0.0, 1.0])


def test_a_file_goes_on_with_its_own_engine_where_that_is_here():
    assert registry.engine_for(get_engine().name, None, "") is get_engine()


def test_every_adaptive_solver_has_a_counterpart_of_its_kind():
    for engine in ("jax", "julia"):
        for name, solver in SOLVERS.items():
            other = counterpart(SolverSettings(name), engine).name
            if solver.fixed or engine in solver.engines:
                assert other == name
            else:
                assert other in solvers_of(engine)
                if solver.kind in ("explicit", "stiff"):
                    assert SOLVERS[other].kind == solver.kind
