"""Fresh data for every iteration: each iteration gets its own, whatever the chunks, and a run resumes bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unideq.engine import Engine, Minimisation, Minimised, Report, batches
from unideq.engine.julia import optimise
from unideq.errors import ModelError, OptionError

from ..growing import ADAM, POINTS, RATE, STARTS, STEPS, Following, Random, growth, totals_of
from ..problems import phase_of

pytestmark = pytest.mark.usefixtures("only_full_reports")


def run(
    engine: Engine, stop_after: int | None = None, theta: np.ndarray = STARTS, **more: Any
) -> tuple[Minimised, dict[str, Any]]:
    reports: list[Report] = []

    def callback(report: Report) -> bool:
        reports.append(report)
        return len(reports) != stop_after

    name, settings = more.pop("name", "adam"), more.pop("settings", ADAM)
    found = engine.minimise(Minimisation(growth(), theta, phase_of(name, settings), **more), callback)
    keys = ("total", "gradient_norm", "rejected")
    return found, {key: np.concatenate([getattr(r, key) for r in reports], axis=1) for key in keys}


def test_every_iteration_gets_its_own_data(engine: Engine):
    given = Random()
    found, log = run(engine, batches=given)
    assert given.asked == list(range(40))
    np.testing.assert_allclose(log["total"][:, 0], totals_of(0, STARTS[:, 0]), rtol=1e-12)
    stopped, _ = run(engine, batches=given, report_every=10, stop_after=2)
    _, next_one = run(engine, batches=given, state=stopped.last.state, report_every=1, stop_after=1)
    np.testing.assert_allclose(next_one["total"][:, 0], totals_of(20, stopped.last.theta[:, 0]), rtol=1e-12)
    assert abs(found.last.theta[1, 0] - RATE) < 0.03


@pytest.mark.parametrize("memory", [1, 3 * 8 * POINTS * (STEPS + 1), 2**20])
@pytest.mark.parametrize("report_every", [7, 40])
def test_neither_chunks_nor_reports_change_a_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, memory: int, report_every: int
):
    expected, log = run(engine, batches=Random())
    for module in (batches, optimise):  # each engine has its own
        monkeypatch.setattr(module, "MEMORY", memory)
    found, other = run(engine, batches=Random(), report_every=report_every)
    for key, values in log.items():
        np.testing.assert_array_equal(other[key], values)
    np.testing.assert_array_equal(found.last.theta, expected.last.theta)


def test_a_run_with_batches_resumes_bit_for_bit(engine: Engine):
    unbroken, log = run(engine, batches=Random())
    first, head = run(engine, batches=Random(), report_every=9, stop_after=2)
    second, tail = run(engine, theta=np.zeros((3, 1)), batches=Random(), report_every=9, state=first.last.state)
    for key, values in log.items():
        np.testing.assert_array_equal(np.concatenate([head[key], tail[key]], axis=1), values)
    np.testing.assert_array_equal(second.last.theta, unbroken.last.theta)


def test_batches_may_follow_the_parameters(engine: Engine):
    found, log = run(engine, theta=STARTS[:1], batches=Following())
    expected = (0.1 * 1.0, STARTS[0, 0])
    start = np.random.default_rng(0).uniform(0.5, 2.0, (POINTS, 1))
    powers = (expected[1] + expected[0]) ** np.arange(1, STEPS + 1) - expected[1] ** np.arange(1, STEPS + 1)
    prior = 2e-3 * (expected[1] - 1.0) ** 2
    np.testing.assert_allclose(log["total"][0, 0], ((start * powers) ** 2).mean() + prior, rtol=1e-12)
    assert (np.diff(log["total"][0]) != 0).all()
    assert found.last.theta[0, 0] > STARTS[0, 0] + 0.5  # the target runs ahead of θ
    _, other = run(engine, theta=STARTS[:1], batches=Following(), report_every=3)
    np.testing.assert_array_equal(other["total"], log["total"])
    with pytest.raises(OptionError, match="Fit one seed at a time"):
        run(engine, batches=Following())


def test_a_batch_that_fails_at_the_start_isnt_the_end(engine: Engine):
    class Broken(Random):
        def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
            made = super().__call__(iteration)
            return [{"start": np.full((POINTS, 1), np.inf)}, *made[1:]] if iteration < 2 else made

    found, log = run(engine, batches=Broken())
    assert log["rejected"].sum(axis=1).tolist() == [2, 2, 2]
    assert found.last.finished.tolist() == [0, 0, 0]
    assert abs(found.last.theta[1, 0] - RATE) < 0.05


@pytest.mark.parametrize("name", ["lbfgs", "bfgs"])
def test_line_searches_refuse_batches(engine: Engine, name: str):
    with pytest.raises(OptionError, match="fresh batches need Adam, AdamW or SOAP"):
        run(engine, batches=Random(), name=name, settings={"iterations": 3})


def test_a_batch_of_another_form_is_named(engine: Engine):
    with pytest.raises(ModelError, match=r"`start` in a batch of `sol` needs shape \(4, 1\).*not \(5, 1\)"):
        run(engine, batches=Random((POINTS + 1, 1)))

    class Misspelt(Random):
        def __call__(self, iteration: int, theta: np.ndarray | None = None) -> list[dict[str, np.ndarray]]:
            return [{"strat": np.ones((POINTS, 1))}, {}, {}]

    with pytest.raises(OptionError, match=r"`strat`\. Did you mean `start`"):
        run(engine, batches=Misspelt())
