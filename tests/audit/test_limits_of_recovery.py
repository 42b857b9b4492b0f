"""Limits of what recovery takes for equal, finished or hopeless, pinned by a case on either side of each."""

import numpy as np
import pytest

from unideq.audit.recovery.refit import Likelihood, Refit
from unideq.audit.recovery.samples import _about_equal
from unideq.audit.recovery.search import Search
from unideq.audit.recovery.selection import _finalists

NONE = np.zeros(0, dtype=int)
TWO = Likelihood(np.zeros(2, dtype=int), np.zeros(1), np.ones(2, dtype=bool))
"""Of two measurements of one variable."""


def measured(value, promise):
    """Residuals (2,) of this negative log-likelihood, and a derivative along which it promises to fall by so much."""
    return np.exp(value / 2.0) * np.sqrt([2.0 * promise, 2.0 - 2.0 * promise]), np.array([[1.0], [0.0]])


@pytest.mark.parametrize(("promise", "done"), [(0.9e-3, True), (1.1e-3, False)])
def test_a_refit_ends_where_a_step_promises_less_than_a_thousandth(promise, done):
    job = Refit((0,), np.array([0]), np.zeros(1))
    job.take(*measured(0.0, promise), TWO, np.array([0]))
    assert job.done is done


class Promising:
    """Derivatives that promise 0.5 for ever, of residuals that stay as they are."""

    free, batch = np.array([0]), 1

    def __init__(self, value):
        self.value = value

    def evaluate(self, vectors):
        return [np.stack([part] * len(vectors)) for part in measured(self.value, 0.5)]


@pytest.mark.parametrize(("promised", "cut"), [(14.9, False), (15.1, True)])
def test_a_refit_is_cut_short_that_promises_to_stay_fifteen_above_the_best(promised, cut):
    search = Search(Promising(promised + 0.5), TWO, 1, 1, NONE, "bic", 1)  # type: ignore[arg-type]
    search.found[()] = Refit((), NONE, np.zeros(1), value=0.0)
    job = search.job((0,), np.zeros(1))
    search.run([job])
    assert (job.turns == 4) is cut


@pytest.mark.parametrize(("behind", "finalists"), [(1.9, 2), (2.1, 1)])
def test_equals_of_a_size_are_two_apart_at_most(behind, finalists):
    ranked = [(10.0, Refit((0,), NONE, np.zeros(1))), (10.0 + behind, Refit((1,), NONE, np.zeros(1)))]
    assert len(_finalists(ranked, 6.0)) == finalists


@pytest.mark.parametrize(("error", "seeds"), [(1.24, [0, 1]), (1.26, [1]), (np.nan, [1])])
def test_seeds_are_used_that_are_within_a_quarter_of_the_best(error, seeds):
    assert _about_equal(np.array([error, 1.0])).tolist() == seeds
