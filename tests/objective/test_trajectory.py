"""`Trajectory`: times, padding, horizons, curriculum; and the JSON of all objectives."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from objective.building import dataset, decay, initial, problem, ready, terms
from unideq.errors import DataError, FileFormatError, OptionError
from unideq.objective import Collocation, MultipleShooting, Objective, Trajectory
from unideq.objective.own_times import padded, padded_values, real_times
from unideq.stored import from_json


def raises(kind, *parts):
    return pytest.raises(kind, match=".*".join(re.escape(p) for p in parts))


def three():
    """Trajectories of 3, 1 and 2 times."""
    return [
        dataset([0.0, 1.0, 2.0], x=[1.0, 2.0, 3.0], y=[0.0, 1.0, 2.0]),
        dataset([5.0], x=[4.0], y=[3.0]),
        dataset([1.0, 4.0], x=[5.0, 6.0], y=[4.0, 5.0]),
    ]


def test_rows_are_padded_with_their_last_time_and_nan():
    rows = [np.array([0.0, 1.0, 2.0]), np.array([5.0])]
    np.testing.assert_array_equal(padded(rows), [[0, 1, 2], [5, 5, 5]])
    np.testing.assert_array_equal(padded_values(rows), [[0, 1, 2], [5, np.nan, np.nan]])
    assert padded_values([np.ones((2, 4)), np.ones((3, 4))]).shape == (2, 3, 4)
    np.testing.assert_array_equal(real_times([3, 1]), [[True] * 3, [True, False, False]])


def test_program_solves_every_trajectory_over_its_own_times():
    made, theta, program = ready(Trajectory(), problem(decay(), three()))
    (source,) = program.sources
    np.testing.assert_array_equal(source.times, [[0, 1, 2], [5, 5, 5], [1, 4, 4]])
    np.testing.assert_array_equal(source.start, [0, 5, 1])
    np.testing.assert_allclose(initial(program, theta), [[1, 0], [4, 3], [5, 4]], atol=1e-12)
    assert source.shapes == {"solve.observed.x": (3, 3), "solve.observed.y": (3, 3)}
    assert made.layout.names == ("rate", "initial.x", "initial.y")


def test_a_perfect_prediction_costs_nothing_whatever_the_padding_holds():
    _, theta, program = ready(Trajectory(), problem(decay(), three()))
    x = np.array([[1.0, 2.0, 3.0], [4.0, -9.0, -9.0], [5.0, 6.0, -9.0]])
    value = terms(program, theta, solve__observed__x=x, solve__observed__y=x - 1)
    assert value == {"x": 0.0, "y": 0.0}
    x[2, 1] += 2.0
    assert terms(program, theta, solve__observed__x=x, solve__observed__y=x)["x"] == pytest.approx(
        4 / 6 / np.var([1, 2, 3, 4, 5, 6])
    )


def test_horizon_counts_from_each_start_and_drops_trajectories_beyond_it():
    _, theta, program = ready(Trajectory(horizon=1.0), problem(decay(), three()))
    np.testing.assert_array_equal(program.sources[0].times, [[0, 1], [5, 5], [1, 1]])
    late = [d.assign_coords(start=float(s)) for d, s in zip(three(), (0, 0, 0), strict=True)]
    _, theta, program = ready(Trajectory(horizon=1.0), problem(decay(), late))
    np.testing.assert_array_equal(program.sources[0].times, [[0, 1], [1, 1]])
    np.testing.assert_allclose(initial(program, theta), [[1, 0], [5, 4]], atol=1e-12)
    with raises(DataError, "A horizon of 0.5 leaves no measurement. Lengthen it."):
        ready(Trajectory(horizon=0.5), problem(decay(), [late[1].drop_vars("start").assign_coords(start=0.0)]))


def test_a_horizon_that_only_sees_the_starts_is_refused():
    with raises(DataError, "A horizon of 0.5 reaches no measurement after", "The first comes 1 later: lengthen"):
        ready(Trajectory(horizon=0.5), problem(decay(), three()))


def test_a_measurement_at_the_horizon_counts_despite_rounding():
    times = 1900.0 + 0.1 * np.arange(10)
    data = dataset(times, x=np.arange(10.0), y=np.arange(10.0))
    _, _, program = ready(Trajectory(horizon=0.3), problem(decay(), data))
    assert program.sources[0].times.shape == (1, 4)


def test_curriculum_divides_a_phase_between_horizons():
    objective = Trajectory(curriculum=((2.0, 100), (5.0, 50)))
    assert objective.stages(400) == [(Trajectory(2.0), 100), (Trajectory(5.0), 50), (Trajectory(), 250)]
    assert objective.stages(120) == [(Trajectory(2.0), 100), (Trajectory(5.0), 20)]
    assert Trajectory(horizon=9.0).stages(10) == [(Trajectory(9.0), 10)]


@given(st.lists(st.tuples(st.floats(0.1, 100), st.integers(1, 50)), max_size=5), st.integers(1, 200))
def test_stages_use_all_iterations_and_no_more(curriculum, iterations):
    stages = Trajectory(curriculum=tuple(sorted(curriculum))).stages(iterations)
    assert sum(n for _, n in stages) == iterations
    assert all(n > 0 and not objective.curriculum for objective, n in stages)


@pytest.mark.parametrize(
    "objective",
    [
        Trajectory(),
        Trajectory(horizon=3.0, curriculum=((1.0, 10), (2.0, 20))),
        MultipleShooting(7, continuity=2.0, starts="data"),
        MultipleShooting(np.int64(3)),
        Collocation(points=50, smoothing=0.1),
    ],
    ids=repr,
)
def test_json_round_trip(objective):
    assert from_json(Objective, json.loads(json.dumps(objective.to_json()))) == objective


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: Trajectory(horizon=0.0), OptionError, "`horizon` as a number > 0 or None, not 0.0"),
        (lambda: Trajectory(horizon="long"), OptionError, "`horizon` as a number > 0 or None, not 'long'"),
        (lambda: Trajectory(curriculum=((1.0, 0),)), OptionError, "pairs (horizon > 0, iterations >= 1)"),
        (
            lambda: Trajectory(curriculum=(1.0, 2.0)),
            OptionError,
            "pairs (horizon > 0, iterations >= 1), such as `[(1.0, 200), (5.0, 200)]`, not (1.0, 2.0)",
        ),
        (lambda: MultipleShooting(1), OptionError, "`group_size` as a whole number >= 2, not 1"),
        (lambda: MultipleShooting(2.5), OptionError, "`group_size` as a whole number >= 2, not 2.5"),
        (lambda: MultipleShooting("five"), OptionError, "`group_size` as a whole number >= 2, not 'five'"),
        (lambda: MultipleShooting(3, continuity=0), OptionError, "`continuity` as a number > 0, not 0"),
        (lambda: MultipleShooting(3, starts="dat"), OptionError, "Did you mean `data`?"),
        (lambda: Collocation(points=1), OptionError, "`points` as a whole number >= 2 and <= 1e+06 or None, not 1"),
        (lambda: Collocation(smoothing=-1.0), OptionError, "`smoothing` as a number >= 0 or None, not -1.0"),
        (
            lambda: from_json(Objective, {"kind": "shooting"}),
            FileFormatError,
            "Unknown objective `shooting`",
        ),
        (lambda: from_json(Objective, {"kind": "collocation", "knots": 3}), FileFormatError, "damaged"),
    ],
)
def test_bad_settings_say_why(make, kind, message):
    with raises(kind, message):
        make()
