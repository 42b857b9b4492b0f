"""Fits, models and what is made of them travel to other processes: pickled as the file would be, or told what to do."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest

import unideq as ude
from unideq.errors import EngineError, ModelError
from unideq.result import Fit

from .growth import growth_data, growth_model, untrained

GRID = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 8))


def halved(fields):
    """A black box that can be imported."""
    return {"u": 0.5 * fields["u"]}


def there_and_back(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


def test_a_fit_comes_back_with_all_of_its_tree(fitted):
    expected = fitted.tree
    again = there_and_back(fitted)
    assert again.tree.identical(expected)
    assert repr(again) == repr(fitted)
    assert again.engine.name == fitted.engine.name
    np.testing.assert_array_equal(again.predict([0.0, 1.0])["x"], fitted.predict([0.0, 1.0])["x"])


def test_pickling_computes_nothing():
    fit = untrained(growth_model(), growth_data())
    again = there_and_back(fit)
    assert fit._computed is None
    assert again._computed is None
    np.testing.assert_array_equal(again.record.best_theta, fit.record.best_theta)


def test_what_was_added_to_a_fit_travels_too(fitted):
    copied = copy.deepcopy(fitted)
    copied.add_group("/symbolic/loss", growth_data())
    assert "loss" in there_and_back(copied).tree["symbolic"].children
    assert "symbolic" not in fitted.tree.children


def test_a_residual_fit_travels(heat_fit):
    again = there_and_back(heat_fit)
    assert isinstance(again, Fit)
    assert again.tree.identical(heat_fit.tree)
    np.testing.assert_array_equal(again.predict(grid=5)["u"], heat_fit.predict(grid=5)["u"])


def test_solutions_audits_and_checks_travel(fitted):
    model = fitted.trained()
    solution = model.solve([0.0, 1.0], {"x": 0.1})
    again = there_and_back(solution)
    assert again.dataset.identical(solution.dataset)
    assert again.model(0.0, {"x": 0.3}) == model(0.0, {"x": 0.3})
    audit = fitted.audit(checks="shift")
    assert str(there_and_back(audit)) == str(audit)
    check = fitted.check_gradient(directions=2)
    assert str(there_and_back(check)) == str(check)


def test_a_stepper_takes_its_black_box_along_where_that_can_be_imported():
    correction: dict[str, Any] = {"correction": lambda t, s, p: {"u": p.k * s.u}, "parameters": {"k": 0.1}}
    known = ude.Stepper(halved, 0.1, grid=GRID, fields=["u"], **correction)
    start = {"u": np.ones(8)}
    np.testing.assert_array_equal(there_and_back(known)(0.0, start)["u"], known(0.0, start)["u"])
    local = ude.Stepper(lambda fields: halved(fields), 0.1, grid=GRID, fields=["u"], **correction)
    with pytest.raises(ModelError, match="with_solver"):
        there_and_back(local)(0.0, start)


# ---- other processes ----------------------------------------------------------------------------------------------


def seen(fit: Any) -> tuple[list[float], int]:
    return fit.predict([0.0, 2.0])["x"].values.tolist(), os.getpid()


def test_spawned_processes_predict(fitted):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found, process = pool.submit(seen, fitted).result(timeout=300)
    assert process != os.getpid()
    np.testing.assert_allclose(found, fitted.predict([0.0, 2.0])["x"].values, rtol=1e-12)


def test_joblib_predicts(fitted):
    joblib = pytest.importorskip("joblib")
    (found,) = joblib.Parallel(n_jobs=2)(joblib.delayed(lambda fit: seen(fit)[0])(f) for f in [fitted])
    np.testing.assert_allclose(found, fitted.predict([0.0, 2.0])["x"].values, rtol=1e-12)


def _forked(queue: Any, fit: Any, folder: str) -> None:
    told = []
    for attempt in (
        lambda: fit.predict([0.0, 3.0]),
        lambda: untrained(growth_model(), growth_data()).tree,
        lambda: ude.fit(growth_model(), growth_data(), phases=ude.Adam(1e-2, 1), progress=False),
        lambda: growth_model().solve([0.0, 1.0], {"x": 0.1}),
    ):
        try:
            attempt()
            told.append("nothing")
        except EngineError as error:
            told.append(str(error))
    fit.save(os.path.join(folder, "child.nc"))  # all of its tree was computed before: no engine is needed
    queue.put(told)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning", "ignore:.*fork:DeprecationWarning")
def test_a_forked_child_says_what_to_do_instead_of_hanging(fitted, tmp_path):
    assert fitted.tree
    context: Any = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_forked, args=(queue, fitted, str(tmp_path)))
    child.start()
    child.join(120)
    hung = child.is_alive()
    child.kill()
    assert not hung
    for text in queue.get():
        assert 'multiprocessing.get_context("spawn")' in text
    assert ude.Fit.load(tmp_path / "child.nc").tree.identical(fitted.tree)
    assert np.isfinite(fitted.predict([0.0, 3.0])["x"]).all()  # the parent's engine is as it was
