"""Pictures say what they should: axes, labels, held-out shading, bands, and nothing about pyplot."""

from __future__ import annotations

from pathlib import Path

import matplotlib.colors
import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import unideq as ude
from unideq.errors import OptionError
from unideq.result.hull import convex_hull, inside
from unideq.result.learned import visited
from unideq.result.plot import overview, plot_data, plot_history, plot_learned, plot_residuals
from unideq.result.plot.field import plot_field
from unideq.result.plot.style import COLOURS

from .growth import growth_data, untrained


def every_axes(figure: Figure) -> list[Axes]:
    return list(figure.get_axes())


def shaded(ax: Axes) -> list[Rectangle]:
    return [p for p in ax.patches if p.get_label() == "_held out"]


@pytest.fixture(scope="module")
def figure(fitted) -> Figure:
    return fitted.plot()


@pytest.fixture(scope="module")
def field() -> ude.Fit:
    """A travelling bump on twelve cells, a learned source that acts on every cell."""

    def advection(t, state, p, net):
        return {"u": -p.speed * (state.u - np.roll(state.u, 1)) + 0.1 * net.source(state.u)}

    model = ude.ODE(advection, {"u": 12}, {"speed": ude.Parameter(3.0)}, {"source": ude.nn.MLP(1, 1, hidden=(3,))})
    times = np.linspace(0.0, 1.0, 9)
    cells = np.arange(12)
    u = np.exp(-0.3 * (cells[None] - 4.0 - 3.0 * times[:, None]) ** 2)
    data = xr.Dataset({"u": (("time", "cell"), u, {"units": "K"})}, coords={"time": times})
    return untrained(model, data, holdout=0.25)


@pytest.fixture(scope="module")
def vector() -> ude.Fit:
    """Three states in one array; a network of all three called with one array; two trajectories."""
    model = ude.ODE(lambda t, state, p, net: {"v": net.rhs(state.v)}, {"v": 3}, networks={"rhs": ude.nn.MLP(3, 3)})
    times = np.linspace(0.0, 1.0, 5)
    v = np.stack([np.cos(times), np.sin(times), np.exp(-times)], axis=1)
    data = xr.Dataset({"v": (("trajectory", "time", "k"), np.stack([v, 2 * v]))}, coords={"time": times})
    return untrained(model, data)


# ---- the overview -------------------------------------------------------------------------------------------------


def test_overview_has_a_picture_for_everything(figure):
    titles = [ax.get_title(loc="left") for ax in every_axes(figure)]
    assert titles == ["x", "", "double", "", "learned: loss", "training"]


def test_overview_labels_axes_with_names_and_units(figure):
    data, residual, *_ = every_axes(figure)
    assert data.get_ylabel() == "dry mass [g]"
    assert residual.get_ylabel() == "residual [g]"
    assert residual.get_xlabel() == "time since sowing [days]"


def test_figure_shows_itself_once_and_leaves_pyplot_alone(fitted):
    pyplot.close("all")
    before = dict(pyplot.rcParams)
    drawn = fitted.plot()
    assert pyplot.get_fignums() == []
    assert drawn._repr_png_().startswith(b"\x89PNG")
    assert dict(pyplot.rcParams) == before


def test_overview_is_written_where_asked(fitted, tmp_path):
    fitted.plot(tmp_path / "fit.svg")
    assert "<svg" in (tmp_path / "fit.svg").read_text()[:2000]
    with pytest.raises(OptionError, match="can't be written"):
        fitted.plot(path=tmp_path / "no" / "fit.png")
    with pytest.raises(OptionError, match="can't be written"):
        fitted.plot(path=tmp_path / "fit.docx")


def test_overview_shows_chosen_variables_only(fitted):
    titles = [ax.get_title(loc="left") for ax in every_axes(overview(fitted, variables=["double"], networks=[]))]
    assert titles == ["double", "", "training"]
    with pytest.raises(OptionError, match="Did you mean `double`"):
        overview(fitted, variables=["duoble"])


# ---- data and residuals -------------------------------------------------------------------------------------------


def test_held_out_times_are_shaded_between_the_last_training_and_the_first_held_out_time(fitted):
    times = growth_data()["time"].values
    for ax in (plot_data(fitted, "x"), plot_residuals(fitted, "x")):
        (region,) = shaded(ax)
        assert region.get_x() == pytest.approx(0.5 * (times[12] + times[13]))
        assert region.get_x() + region.get_width() >= times[-1]


def test_points_are_the_measurements_filled_for_training_open_for_held_out(fitted):
    data = growth_data()["double"].values
    points = [line for line in plot_data(fitted, "double").get_lines() if line.get_marker() == "o"]
    training, held = points
    np.testing.assert_array_equal(training.get_ydata(), data[:13])
    np.testing.assert_array_equal(held.get_ydata(), data[13:])
    assert matplotlib.colors.to_hex(held.get_markerfacecolor()) == "#ffffff"
    assert matplotlib.colors.to_hex(training.get_markerfacecolor()) != "#ffffff"


def test_line_is_the_best_seed_and_band_holds_it(fitted):
    ax = plot_data(fitted, "x")
    line = next(line for line in ax.get_lines() if line.get_marker() != "o")
    stored = fitted.tree["/solution"]["x"].sel(seed=fitted.best_seed).isel(trajectory=0)
    np.testing.assert_array_equal(line.get_ydata(), stored)
    near = ude.result.ensemble.near_best(fitted.record)
    assert len([c for c in ax.collections if isinstance(c, PolyCollection)]) == int(near.sum() > 1)


def test_residuals_are_predicted_minus_measured(fitted):
    points = [line for line in plot_residuals(fitted, "x").get_lines() if line.get_marker() == "o"]
    data = growth_data()["x"]
    best = fitted.tree["/solution"]["x"].sel(seed=fitted.best_seed).isel(trajectory=0).sel(time=data.time)
    drawn = np.concatenate([p.get_ydata() for p in points])
    np.testing.assert_allclose(drawn, best.values - data.values, atol=1e-14)


def test_trajectories_get_a_colour_each_and_at_most_six_are_shown():
    model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": 1.0})
    times = np.linspace(0.0, 1.0, 4)
    x = np.arange(1.0, 10.0)[:, None] * np.exp(-times)
    data = xr.Dataset({"x": (("trajectory", "time"), x)}, coords={"time": times, "trajectory": list("abcdefghi")})
    fit = untrained(model, data, holdout=ude.Holdout(trajectories=("i",)))
    ax = plot_data(fit)
    lines = [line for line in ax.get_lines() if line.get_marker() != "o"]
    assert [line.get_color() for line in lines] == list(COLOURS)
    assert ax.get_title(loc="right") == "6 of 9 trajectories"
    assert lines[-1].get_label() == "i (held out)"
    assert shaded(ax) == []
    chosen = plot_data(fit, trajectories=["b", "h"])
    assert [line.get_label() for line in chosen.get_lines() if line.get_marker() != "o"] == ["b", "h"]
    with pytest.raises(OptionError, match="trajectory"):
        plot_data(fit, trajectories=["z"])


def many(count: int) -> ude.Fit:
    """Trajectories of x' = −x from 1, 2, …; one of them was measured as if it had another rate."""
    model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": 1.0}, initial={"x": "x_0"})
    times, first = np.linspace(0.0, 1.0, 5), np.arange(1.0, count + 1.0)
    x = first[:, None] * np.exp(-times)
    x[2] = first[2] * np.exp(-3.0 * times)
    data = xr.Dataset({"x": (("trajectory", "time"), x)}, {"time": times, "x_0": ("trajectory", first)})
    return untrained(model, data)


def test_a_dozen_trajectories_get_a_picture_each_on_the_same_axes():
    axes = every_axes(many(8).plot())
    small = axes[:8]
    for at, ax in enumerate(small):
        (points,) = [line for line in ax.get_lines() if line.get_marker() == "o"]
        assert points.get_ydata()[0] == at + 1.0  # type: ignore[index]
        assert ax.get_ylim() == small[0].get_ylim()
        assert ax.texts[0].get_text() == str(at)
    (below,) = [ax for ax in axes if "8 trajectories" in ax.get_title(loc="right")]
    assert below.get_ylabel() == "residual"


def test_of_many_trajectories_the_worst_and_the_middling_one_are_shown():
    axes = every_axes(many(30).plot())
    names = [line.get_label() for line in axes[0].get_lines() if not str(line.get_label()).startswith("_")]
    assert len(names) == 6
    assert names[1] == "2"
    assert "5 worst of 30" in axes[0].get_title(loc="right")
    quantiles = axes[1]
    assert "30 trajectories" in quantiles.get_title(loc="right")
    (median,) = [line for line in quantiles.get_lines() if len(line.get_xdata()) > 2]  # type: ignore[arg-type]
    np.testing.assert_allclose(median.get_ydata(), 0.0, atol=1e-5)


# ---- fields and vectors -------------------------------------------------------------------------------------------


def test_field_is_an_image_over_time_and_space(field):
    axes = {ax.get_title(loc="left"): ax for ax in every_axes(field.plot())}
    for kind in ("measured", "predicted", "residual"):
        image = next(c for c in axes[f"u, {kind}"].collections if isinstance(c, QuadMesh))
        assert image.get_array().shape[0] == 12
    assert axes["u, residual"].get_ylabel() == "cell"
    assert any(line.get_label() == "_held out" for line in axes["u, measured"].get_lines())


def test_measured_and_predicted_fields_share_their_colours(field):
    limits = [plot_field(field, "u", kind).collections[0].get_clim() for kind in ("measured", "predicted")]
    assert limits[0] == limits[1]
    low, high = plot_field(field, "u", "residual").collections[0].get_clim()
    assert low == -high


def test_components_of_a_short_vector_are_lines(vector):
    labels = [line.get_label() for line in plot_data(vector).get_lines() if line.get_marker() != "o"]
    assert labels == ["v[0]", "v[1]", "v[2]"]


# ---- learned terms ------------------------------------------------------------------------------------------------


def test_learned_term_of_one_argument_is_a_line_over_the_visited_states(fitted):
    ax = plot_learned(fitted)
    x = fitted.tree["/solution"]["x"].sel(seed=fitted.best_seed).values
    line = ax.get_lines()[-1]
    assert ax.get_xlabel() == "x [g]"
    assert line.get_xdata().min() == pytest.approx(x.min())
    assert line.get_xdata().max() == pytest.approx(x.max())
    said = fitted.network("loss")(line.get_xdata())
    np.testing.assert_allclose(line.get_ydata(), said, atol=1e-12)


def test_learned_term_on_a_field_is_sampled_in_every_cell(field):
    seen = visited(field, "source")
    assert seen.arguments.shape == seen.outputs.shape
    assert seen.arguments.shape[3:] == (12, 1)


def test_learned_term_of_three_arguments_has_a_picture_for_each(vector):
    titles = [ax.get_xlabel() for ax in every_axes(vector.plot()) if ax.get_title(loc="left") == "learned: rhs"]
    assert titles == ["v[0]", "v[1]", "v[2]"]
    assert len(plot_learned(vector, "rhs", 2).get_lines()) == 3
    with pytest.raises(OptionError, match="panel"):
        plot_learned(vector, "rhs", 3)


def test_learned_term_of_two_arguments_is_drawn_inside_the_hull_only():
    model = ude.ODE(
        lambda t, state, p, net: {"x": -state.y + 0.01 * net.f(state.x, state.y), "y": state.x},
        ["x", "y"],
        networks={"f": ude.nn.MLP(2, 1, hidden=(3,))},
    )
    times = np.linspace(0.0, 6.2, 12)
    fit = untrained(model, xr.Dataset({"x": ("time", np.cos(times)), "y": ("time", np.sin(times))}, {"time": times}))
    ax = plot_learned(fit)
    image = next(c for c in ax.collections if isinstance(c, QuadMesh))
    values = np.ma.filled(image.get_array(), np.nan)
    drawn = np.isfinite(values).mean()
    assert drawn == pytest.approx(np.pi / 4, abs=0.06)  # a disc in its square
    assert np.isnan(values[0, 0])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")


def test_hull_of_a_square_with_points_inside_has_four_corners():
    points = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5], [0.2, 0.7]])
    hull = convex_hull(points)
    assert {tuple(p) for p in hull} == {(0, 0), (1, 0), (1, 1), (0, 1)}
    assert inside(np.array([[0.5, 0.5], [1.5, 0.5]]), hull).tolist() == [True, False]
    assert len(convex_hull(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]))) < 3


# ---- history ------------------------------------------------------------------------------------------------------


def test_history_shows_all_iterations_stages_and_held_out_losses(fitted):
    ax = plot_history(fitted)
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert ax.get_yscale() == "log"
    best = lines[f"total, seed {fitted.best_seed}"]
    np.testing.assert_array_equal(best.get_xdata(), np.arange(1, 53))
    assert lines["held-out"].get_xdata().tolist() == fitted.record.history.held_iteration
    assert "term double" in lines
    words = {text.get_text() for text in ax.texts}
    assert {"Adam\ntrajectory", "BFGS\ntrajectory"} <= words


def test_history_without_iterations_says_so(field):
    assert plot_history(field).texts[0].get_text() == "no iteration yet"


def test_axes_given_are_drawn_on(fitted):
    figure = Figure()
    axes = figure.subplots(2, 2).ravel()
    drawn = [plot_data(fitted, "x", axes[0]), plot_residuals(fitted, "x", axes[1]), plot_learned(fitted, ax=axes[2])]
    drawn.append(plot_history(fitted, axes[3]))
    assert drawn == list(axes)
    figure.savefig(Path("/dev/null"), format="png")


# ---- stiff problems: times that grow by factors --------------------------------------------------------------------


@pytest.fixture(scope="module")
def stiff() -> ude.Fit:
    times = np.concatenate([[0.0], np.geomspace(1e-4, 1e3, 25)])
    data = xr.Dataset({"x": ("time", 1.0 / (1.0 + times))}, {"time": times})
    data["time"].attrs["units"] = "s"
    model = ude.ODE(lambda t, s, p: {"x": -p.k * s.x**2}, ["x"], {"k": ude.Parameter(1.2, positive=True)})
    return ude.fit(model, data, phases=ude.BFGS(3), progress=False)


def test_time_is_logarithmic_where_measured_times_grow_by_factors(stiff):
    for ax in (plot_data(stiff), plot_residuals(stiff), *stiff.plot().axes[:2]):
        assert ax.get_xscale() == "symlog"  # the measurement at 0 is shown
        assert ax.get_xlim()[0] == 0.0
    assert plot_data(stiff, log_time=False).get_xscale() == "linear"
    grid = stiff.tree["/solution"]["time"].values
    assert 0.4 < (grid < 0.3).mean() < 0.6  # as many points a decade early as late
    exact = 1.0 / (1.0 + stiff.parameters["k"] * grid * stiff.parameters["initial.x"][0])
    shown = stiff.tree["/solution"]["x"].values[0, 0] / stiff.parameters["initial.x"][0]
    np.testing.assert_allclose(shown, exact, atol=1e-5)


def test_time_is_linear_for_even_times_unless_asked_for(fitted):
    assert plot_data(fitted, "x").get_xscale() == "linear"
    assert fitted.plot(log_time=True).axes[0].get_xscale() in ("log", "symlog")
