"""`MultipleShooting`: segments, starts, continuity, with numbers worked out by hand."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objective.building import NAN, dataset, decay, initial, positive_pair, problem, ready, terms
from unideq.errors import DataError, ModelError, UnideqWarning
from unideq.model import ODE, Parameter
from unideq.objective import Holdout, MultipleShooting

TIMES = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
X = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
Y = [0.0, NAN, 2.0, NAN, 4.0, 5.0]


def raises(kind, *parts):
    return pytest.raises(kind, match=".*".join(re.escape(p) for p in parts))


def measured(**changes):
    return dataset(TIMES, **{"x": X, "y": Y, **changes})


def bounds(specification, made):
    return [(g.trajectory, g.first, g.last) for g in specification.segments(made)]


# ---- segments ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (2, [(0, k, k + 1) for k in range(5)]),
        (3, [(0, 0, 2), (0, 2, 4), (0, 4, 5)]),
        (4, [(0, 0, 3), (0, 3, 5)]),
        (6, [(0, 0, 5)]),
        (99, [(0, 0, 5)]),
    ],
)
def test_groups_share_their_first_and_last_measurement(size, expected):
    assert bounds(MultipleShooting(size), problem(decay(), measured())) == expected


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(2, 6))
def test_segments_cover_every_trajectory_without_gaps(counts, size):
    data = [dataset(np.arange(float(n)), x=np.arange(float(n)), y=np.arange(float(n))) for n in counts]
    found = bounds(MultipleShooting(size), problem(decay(), data))
    for i, n in enumerate(counts):
        own = [(a, b) for k, a, b in found if k == i]
        assert own[0][0] == 0 and own[-1][1] == n - 1
        assert all(b == a for (_, b), (a, _) in pairwise(own))
        assert all(b - a <= size - 1 for a, b in own)


def test_program_of_two_trajectories():
    other = dataset([10.0, 11.0, 13.0], x=[3.0, 2.0, 1.0], y=[7.0, 8.0, 9.0])
    made, theta, program = ready(MultipleShooting(3), problem(decay(), [measured(), other]))
    source = program.sources[0]
    np.testing.assert_array_equal(source.times, [[0, 1, 2], [2, 3, 4], [4, 5, 5], [10, 11, 13]])
    np.testing.assert_array_equal(source.start, [0, 2, 4, 10])
    assert made.layout["segments.x"].shape == (2,)
    assert made.layout.names == ("rate", "initial.x", "initial.y", "segments.x", "segments.y")
    # starts: the initial states, and what was measured (y at t = 2 and 4)
    np.testing.assert_allclose(initial(program, theta), [[1, 0], [4, 2], [16, 4], [3, 7]], atol=1e-12)


# ---- continuity -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guess", [0.3, 40.0])
def test_continuity_gains_nothing_from_an_unmeasured_state_that_is_small(guess):
    hidden = dataset(TIMES, x=X)
    made, theta, program = ready(MultipleShooting(3), problem(decay(initial={"y": Parameter(guess)}), hidden))
    rng = np.random.default_rng(0)
    starts, ends = rng.normal(3.0, 1.0, (3, 2)), rng.normal(3.0, 1.0, (3, 2))
    found = []
    for factor in (1.0, 0.05):
        values = made.layout.unpack(theta)
        values["segments.x"], values["segments.y"] = starts[1:, 0], factor * starts[1:, 1]
        values["initial.x"], values["initial.y"] = starts[:1, 0], factor * starts[:1, 1]
        states = np.zeros((3, 3, 2))
        states[:, -1] = ends * [1.0, factor]
        own = terms(program, made.layout.pack(values), solve__state=states, solve__observed__x=np.ones((3, 3)))
        found.append(own["continuity"])
    jumps = ends[:2] - starts[1:]
    y = np.concatenate([starts, ends])[:, 1]
    floor = 1e-4 * np.mean(y**2) + (1e-6 * guess) ** 2  # for a state that doesn't vary
    assert found[0] == pytest.approx(np.mean(jumps**2 / [np.var(X), y.var() + floor]), rel=1e-12)
    assert found[1] == pytest.approx(found[0], rel=5e-3)  # all that the floor at a steady state may change


def test_continuity_is_the_mean_squared_jump_in_units_of_the_scales():
    _, theta, program = ready(MultipleShooting(3, continuity=7.0), problem(decay(), measured()))
    assert program.weights == {"x": 1.0, "y": 1.0, "continuity": 7.0}
    sx, sy = np.std(X), np.std([0, 2, 4, 5])
    state = np.zeros((3, 3, 2))
    state[0, -1] = [4.5, 2.0]  # ends; the next starts are (4, 2) and (16, 4)
    state[1, -1] = [16.0, 1.0]
    state[2, -1] = [-99.0, 99.0]  # the last segment has no successor
    value = terms(
        program, theta, solve__state=state, solve__observed__x=np.ones((3, 3)), solve__observed__y=np.ones((3, 3))
    )
    assert value["continuity"] == pytest.approx(((0.5 / sx) ** 2 + (3.0 / sy) ** 2) / 4)


def test_trajectories_are_not_tied_to_each_other():
    other = dataset([10.0, 11.0, 12.0, 13.0], x=[3.0, 2.0, 1.0, 1.0], y=[7.0, 8.0, 9.0, 9.0])
    _, theta, program = ready(MultipleShooting(4), problem(decay(), [measured(), other]))
    starts = initial(program, theta)
    state = np.zeros((3, 4, 2))
    state[0, -1] = starts[1]
    state[1, -1] = 1e6  # the end of the first trajectory, which nothing follows
    ones = np.ones((3, 4))
    assert (
        terms(program, theta, solve__state=state, solve__observed__x=ones, solve__observed__y=ones)["continuity"] == 0.0
    )


def test_one_segment_has_no_continuity_term_and_is_told_to_be_a_trajectory():
    with pytest.warns(UnideqWarning, match=r"at most 6 times.*which is `Trajectory\(\)`"):
        made, _, program = ready(MultipleShooting(6), problem(decay(), measured()))
    assert program.weights == {"x": 1.0, "y": 1.0}
    assert made.layout.names == ("rate", "initial.x", "initial.y")


def test_data_terms_count_shared_measurements_in_both_segments():
    _, theta, program = ready(MultipleShooting(3), problem(decay(), measured()))
    x = np.array([[1, 2, 4], [4, 8, 16], [16, 32, -9]], dtype=float)
    x[1, 0] += 1.0  # the shared measurement at t = 2, seen from the second segment
    value = terms(program, theta, solve__state=np.zeros((3, 3, 2)), solve__observed__x=x, solve__observed__y=x)
    assert value["x"] == pytest.approx(1.0 / 8 / np.var(X))


def test_exact_solution_has_no_jump_and_no_misfit():
    times = np.linspace(0.0, 2.0, 9)
    x, y = 3 * np.exp(-2 * times), 1.5 * (1 - np.exp(-2 * times))
    _, theta, program = ready(MultipleShooting(4), problem(decay(), dataset(times, x=x, y=y)))
    source, starts = program.sources[0], initial(program, theta)
    span = source.times - source.start[:, None]
    solved_x = starts[:, :1] * np.exp(-2 * span)
    solved_y = starts[:, 1:] + starts[:, :1] / 2 * (1 - np.exp(-2 * span))
    state = np.stack([solved_x, solved_y], axis=-1)
    value = terms(program, theta, solve__state=state, solve__observed__x=solved_x, solve__observed__y=solved_y)
    assert max(value.values()) < 1e-25


# ---- starts -----------------------------------------------------------------------------------------------------


def test_unmeasured_states_start_at_their_initial_guess_and_have_free_starts():
    model = decay(initial={"y": Parameter(6.0, lower=0.0, upper=10.0)})
    made, theta, program = ready(MultipleShooting(3), problem(model, dataset(TIMES, x=X)))
    np.testing.assert_allclose(initial(program, theta)[:, 1], [6, 6, 6])
    # bounds of the initial value aren't bounds of what comes later
    assert made.layout["segments.y"].lower is None and made.layout["segments.y"].upper is None
    assert made.layout["segments.y"].free and made.layout["segments.y"].scale == 6.0
    state = np.zeros((3, 3, 2))
    state[:2, -1, 0] = [4.0, 16.0]
    state[:2, -1, 1] = [9.0, 6.0]
    value = terms(program, theta, solve__state=state, solve__observed__x=np.ones((3, 3)))
    y = np.array([6.0, 6.0, 6.0, 9.0, 6.0, 0.0])  # all starts and ends
    assert value["continuity"] == pytest.approx(3.0**2 / y.var() / 4, rel=1e-3)
    assert set(value) == {"x", "continuity"}


def test_starts_between_measurements_are_interpolated():
    _, theta, program = ready(MultipleShooting(4), problem(decay(), measured()))
    np.testing.assert_allclose(initial(program, theta), [[1, 0], [8, 3]], atol=1e-12)  # y at 3 between 2 and 4


def test_positive_states_keep_positive_starts():
    data = dataset([0.0, 1.0, 2.0], a=[1.0, 0.0, 2.0], b=[1.0, 0.0, 2.0])
    made, theta, program = ready(MultipleShooting(2), problem(positive_pair(), data))
    assert made.layout["segments.a"].lower == 0.0
    np.testing.assert_allclose(initial(program, theta)[1], [1e-3 * np.std([1, 0, 2]), 0.0], atol=1e-12)


def test_starts_at_the_data_add_nothing_to_theta():
    made, theta, program = ready(MultipleShooting(3, starts="data"), problem(decay(), measured()))
    assert made.layout.names == ("rate", "initial.x", "initial.y")
    np.testing.assert_allclose(initial(program, theta), [[1, 0], [4, 2], [16, 4]], atol=1e-12)
    moved = made.layout.pack({"initial.x": [3.0]}, theta)
    np.testing.assert_allclose(initial(program, moved), [[3, 0], [4, 2], [16, 4]], atol=1e-12)


def test_starts_at_the_data_need_data():
    with raises(DataError, "needs `y` measured where segments start", "at time 3 of trajectory 0", 'starts="free"'):
        ready(MultipleShooting(4, starts="data"), problem(decay(), measured()))
    model = decay(initial={"y": 0.0})
    with raises(ModelError, "needs every state measured; `y` isn't", 'starts="free"'):
        ready(MultipleShooting(3, starts="data"), problem(model, dataset(TIMES, x=X)))


def test_array_states_have_array_starts():
    import xarray as xr

    values = np.arange(10.0).reshape(5, 2)
    model = ODE(lambda t, s: {"u": -s.u}, {"u": 2})
    data = xr.Dataset({"u": (("time", "x"), values)}, coords={"time": np.arange(5.0)})
    made, theta, program = ready(MultipleShooting(3), problem(model, data))
    assert made.layout["segments.u"].shape == (1, 2)
    np.testing.assert_allclose(initial(program, theta), [[0, 1], [4, 5]], atol=1e-12)


def test_a_trajectory_held_out_altogether_has_no_segments():
    data = [measured(), dataset([0.0, 1.0, 2.0], x=[9.0, 8.0, 7.0], y=[1.0, 1.0, 1.0])]
    made, theta, program = ready(MultipleShooting(3), problem(decay(), data, holdout=Holdout(trajectories=[0])))
    assert bounds(MultipleShooting(3), made) == [(1, 0, 2)]
    np.testing.assert_allclose(initial(program, theta), [[9, 1]], atol=1e-12)
    assert made.layout["initial.x"].shape == (2,)


def test_penalties_skip_padded_times():
    made = problem(decay(), measured(), cost=lambda t, s: s.x)
    _, theta, program = ready(MultipleShooting(3), made)
    arrays = {
        "solve__observed__x": np.ones((3, 3)),
        "solve__observed__y": np.ones((3, 3)),
        "solve__state": np.zeros((3, 3, 2)),
    }
    cost = np.array([[1.0, 1, 1], [2, 2, 2], [3, 3, 1000]])
    assert terms(program, theta, solve__cost__cost=cost, **arrays)["cost"] == pytest.approx(15 / 8)
