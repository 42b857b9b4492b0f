"""Kernels in Fourier space: classes of synthetic kernels, layers' spectra, what a transfer changed, landscapes."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.audit.kernels import kernel_classes
from unideq.audit.kernels.layers import Layers
from unideq.audit.kernels.pick import Pick, picked
from unideq.audit.kernels.preactivations import spectral_shift
from unideq.audit.states import data_states
from unideq.errors import DataError, ModelError, OptionError
from unideq.result.transfer_sweep import TransferSweep

POINTS = np.arange(-2, 3)
X, Y = np.meshgrid(POINTS, POINTS, indexing="ij")
CENTRE = 1.0 * ((X == 0) & (Y == 0))


def gauss(width):
    bell = np.exp(-(X**2 + Y**2) / (2 * width**2))
    return bell / bell.sum()


def gabor(wavenumber, angle, phase=0.0):
    along = X * np.cos(angle) + Y * np.sin(angle)
    return np.cos(wavenumber * along + phase) * np.exp(-(X**2 + Y**2) / (2 * 1.3**2))


def laplacian_of_gaussian():
    found = (X**2 + Y**2 - 2.0) * np.exp(-(X**2 + Y**2) / 2)
    return found - found.mean()


KERNELS = {
    "low-pass": [gauss(0.8), gauss(1.5), 1.0 * (np.maximum(abs(X), abs(Y)) <= 1)],
    "high-pass": [CENTRE - gauss(1.0), CENTRE - gauss(1.5), np.where(X**2 + Y**2 == 1, 1.0, -4 * CENTRE)],
    "band-pass": [gauss(0.7) - gauss(1.4), gauss(0.8) - gauss(1.6), laplacian_of_gaussian()],
    "Gabor": [gabor(k, a, p) for k in (1.5, 1.8) for a in (0.0, 0.4, 0.8, np.pi / 2, 2.2) for p in (0.0, np.pi / 2)],
    "all-pass": [CENTRE, np.roll(CENTRE, 1, axis=0), -2.0 * CENTRE],
    "band-stop": [CENTRE - 2.2 * (gauss(0.7) - gauss(1.4))],
    "zero": [0.0 * CENTRE],
}


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("shape", [(16, 16), (32, 32), (33, 24)])
def test_synthetic_kernels_are_what_they_are_made_to_be(kind, shape):
    assert set(kernel_classes(np.array(KERNELS[kind]), shape)["kind"].tolist()) == {kind}


@pytest.mark.parametrize("kind", ["low-pass", "high-pass", "band-pass", "Gabor", "all-pass"])
def test_classes_bear_noise_of_a_tenth_of_the_kernel(kind):
    rng = np.random.default_rng(0)
    kernels = np.array(KERNELS[kind])
    noise = rng.normal(size=(20, *kernels.shape))
    noise *= (
        0.1 * np.linalg.norm(kernels, axis=(1, 2))[:, None, None] / np.linalg.norm(noise, axis=(2, 3), keepdims=True)
    )
    assert set(kernel_classes(kernels + noise, (32, 32))["kind"].ravel().tolist()) == {kind}


def test_gabor_kernels_have_their_wavenumber_and_direction():
    for angle in (0.0, 0.4, 0.8, 1.4, 2.2):
        found = kernel_classes(gabor(1.8, angle, np.pi / 2), (64, 64))
        assert float(found["peak"]) == pytest.approx(1.8, abs=0.25)
        apart = (np.degrees(angle) - float(found["orientation"]) + 90) % 180 - 90
        assert abs(apart) < 6.0
    assert np.isnan(kernel_classes(gauss(1.0), (32, 32))["orientation"])


def test_one_dimension_has_no_directions():
    given = np.array([[1.0, 2.0, 1.0], [-1.0, 2.0, -1.0], [1.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    found = kernel_classes(given, (16,))
    assert found["kind"].tolist() == ["low-pass", "high-pass", "band-pass", "all-pass", "band-stop"]
    np.testing.assert_allclose(found["gain_mean"][:3], [1.0, 0.0, 0.0], atol=1e-12)
    assert float(found["peak"][2]) == pytest.approx(np.pi / 2)


@pytest.mark.parametrize(
    ("kernels", "shape"), [(np.ones((5, 5)), (4, 4)), (np.ones(3), (8, 8)), (np.array([np.nan]), (8,)), (np.ones(3), 8)]
)
def test_kernels_that_fit_no_grid_are_told(kernels, shape):
    with pytest.raises(OptionError):
        kernel_classes(kernels, shape)


# ---- of a fit ------------------------------------------------------------------------------------------------------


def flow(viscosity):
    fine = ude.problems.Burgers(points=32, viscosity=viscosity, dt=0.01)
    coarse = replace(fine, points=16)
    return coarse.model(), ude.coarsen(fine.data(trajectories=2, steps=6), coarse.model())


@pytest.fixture(scope="module")
def base():
    coarse, data = flow(0.1)
    closure = ude.closures.Learned(ude.nn.CNN(1, 1, channels=(4,), kernel=5)).scaled(coarse, data)
    return ude.fit(
        coarse.closed(closure), data, objective=ude.APriori(), phases=ude.Adam(1e-2, 20), seeds=2, progress=False
    )


@pytest.fixture(scope="module")
def target():
    return flow(0.02)[1]


@pytest.fixture(scope="module")
def moved(base, target):
    return base.transfer(target, ["closure.layer_1"], progress=False)


def test_kernel_spectra_are_transforms_of_the_kernels_in_zeros(base):
    found = ude.kernel_spectra(base, clusters=3, seed=1)
    assert found["magnitude"].dims == ("kernel", "k_x") and found.sizes == {"kernel": 8, "k_x": 16}
    kernel = base.record.layout.unpack(base.theta_of(1))["closure.layer_1.weight"][2, 0]
    padded = np.fft.fftshift(np.abs(np.fft.fft(np.pad(kernel, (0, 11)))))
    one = found.isel(kernel=(found["layer"] == "closure.layer_1") & (found["output"] == 2))
    np.testing.assert_allclose(one["magnitude"].values[0], padded, rtol=1e-12)
    counts = np.bincount(found["cluster"], minlength=3)
    assert (np.diff(counts) <= 0).all() and counts[0] > 0
    xr.testing.assert_identical(found, ude.kernel_spectra(base, clusters=3, seed=1))  # fixed starts


def test_clusters_are_kernels_of_one_form():
    from unideq.audit.kernels.classes import transforms
    from unideq.audit.kernels.spectra import _clusters

    sizes = np.array([1.0, 3.0, -0.5, 2.0])
    given = np.concatenate([sizes[:3, None, None] * gauss(1.0), sizes[:, None, None] * laplacian_of_gaussian()])
    assert _clusters(transforms(given, (16, 16)).reshape(7, -1), 2).tolist() == [1, 1, 1, 0, 0, 0, 0]


def test_preactivations_are_the_linear_layers_of_the_network(base):
    of = Layers.of(base, None, "a test")
    inputs, layers = of.preactivations(base.theta, data_states(base))
    values = base.record.layout.unpack(base.theta)
    kernel, bias = values["closure.layer_1.weight"], values["closure.layer_1.bias"]
    by_hand = bias[:, None] + sum(kernel[:, :, 2 + j] @ np.roll(inputs, -j, axis=-1) for j in POINTS)
    np.testing.assert_allclose(layers["closure.layer_1"], by_hand, atol=1e-12)
    np.testing.assert_allclose(inputs.std(axis=-1), 1.0, rtol=1e-9)  # normalised by snapshot


def test_spectra_before_and_after_differ_behind_what_was_retrained(base, target, moved):
    found = ude.preactivation_spectra(base, target, transferred=moved, seed=0)
    energy = found["energy"]
    assert energy["source"].values.tolist() == ["base", "target", "transferred"]
    assert energy["layer"].values.tolist() == ["inputs", "closure.layer_1", "closure.layer_2"]
    np.testing.assert_array_equal(
        energy.sel(source="target", layer="inputs"), energy.sel(source="transferred", layer="inputs")
    )
    assert (
        energy.sel(source="target", layer="closure.layer_1")
        != energy.sel(source="transferred", layer="closure.layer_1")
    ).all()
    same = ude.preactivation_spectra(base, base.record.observations.dataset[["u"]], seed=0)
    np.testing.assert_allclose(same["shift"], 0.0, atol=1e-12)


def test_linear_layers_of_one_channel_add_nothing_to_the_distance(target):
    coarse, data = flow(0.1)
    network = ude.nn.CNN(1, 1, channels=(1, 1), kernel=3, activation="identity")
    model = coarse.closed(ude.closures.Learned(network))
    fit = ude.fit(model, data, objective=ude.APriori(), phases=ude.Adam(1e-3, 1), progress=False)
    found = ude.preactivation_spectra(fit, target)
    assert float(found["shift"][0]) > 0.05
    np.testing.assert_allclose(found["shift"], float(found["shift"][0]), rtol=1e-6)


def test_shifts_are_mean_logarithms_of_gains_and_the_least_is_picked():
    base = np.array([[1.0, 4.0, 0.0], [2.0, 2.0, 2.0]])
    shift = spectral_shift(base, base * np.exp(2.0) ** np.array([[1.0, -2.0, 5.0], [0.5, 0.5, 0.5]]))
    np.testing.assert_allclose(shift, [1.5, 0.5])  # where there is no energy, nothing is compared
    found = xr.Dataset({"shift": ("layer", [0.1, 0.9, 0.4, 0.6])}, {"layer": ["inputs", "f.a", "f.b", "f.c"]})
    assert picked(found).order == ("f.b", "f.c", "f.a")


def test_changes_are_ranked_and_only_where_it_was_retrained(base, moved):
    found = ude.kernel_changes(moved, seed=1)
    assert (np.diff(found["change"]) <= 0).all()
    known = [f.record.layout.unpack(f.theta_of(1)) for f in (base, moved)]
    most = found.isel(kernel=0)
    place = int(most["output"]), int(most["input"])
    change = known[1]["closure.layer_1.weight"][place] - known[0]["closure.layer_1.weight"][place]
    assert float(most["change"]) == pytest.approx(np.linalg.norm(change))
    assert found["layer_change"].values[0] > 0 and found["layer_change"].values[1] == 0
    xr.testing.assert_identical(found, ude.kernel_changes(moved, base, seed=1))
    with pytest.raises(OptionError, match="wasn't transferred: give `base=`"):
        ude.kernel_changes(base)


def test_landscapes_move_every_filter_by_its_length(base, tmp_path):
    found = ude.loss_landscape(base, points=3, seed=1)
    assert found["loss"].dims == ("a", "b")
    middle = float(found["loss"].sel(a=0.0, b=0.0))
    assert middle == pytest.approx(float(base.record.best_total[1]), rel=1e-9)
    assert (found["loss"].values.ravel()[[0, 2, 6, 8]] > middle).all()
    # The same by hand, along the first direction.
    layout, generator = base.record.layout, np.random.default_rng(0)
    values = layout.unpack(base.theta_of(1))
    for name in ("closure.layer_1.weight", "closure.layer_2.weight"):
        own = values[name].reshape(len(values[name]), -1)
        drawn = generator.normal(size=own.shape)
        scaled = drawn * np.linalg.norm(own, axis=1, keepdims=True) / np.linalg.norm(drawn, axis=1, keepdims=True)
        values[name] = values[name] + scaled.reshape(values[name].shape)
    line = ude.loss_landscape(base, points=3, directions=1, seed=1)
    for picture, landscape in (("plane.png", found), ("line.png", line)):
        ude.plot_loss_landscape(landscape, tmp_path / picture)
    along = line["loss"]
    from unideq.training.trainer import Trainer

    record = base.record
    task = Trainer(record.model, record.observations, record.settings, base.engine).task
    by_hand = base.engine.value(task.stages[0].objective.build(task.problem), layout.pack(values)).total
    assert float(along.sel(a=1.0)) == pytest.approx(float(by_hand), rel=1e-9)


def test_an_explanation_has_all_of_it(base, target, moved, tmp_path):
    found = base.explain(target, moved, clusters=2)
    assert set(found.tree.children) == {"kernels", "preactivations", "kernels_transferred", "changes"}
    assert found.pick is not None and set(found.pick.order) == {"closure.layer_1", "closure.layer_2"}
    assert "most changed: `closure.layer_1`" in repr(found) and "8 kernels" in repr(found)
    found.plot(tmp_path / "explained.png")
    alone = base.explain()
    assert alone.pick is None
    alone.plot(tmp_path / "alone.png")
    assert min(f.stat().st_size for f in tmp_path.iterdir()) > 10_000
    pick = ude.pick_layer(base, target)
    assert found.pick.order == pick.order
    assert pick.dataset["shift"].sel(layer=pick.layer) == pick.dataset["shift"][1:].min()


def test_the_verdict_is_compared_with_a_sweep_by_ranks():
    def sweep(*scores):
        names = ["f.a", "f.b", "f.c", "full"]
        score = np.reshape([*scores, 0.0], (4, 1, 1, 1))
        coords = {"retrained": names, "fraction": [1.0], "seed": [0], "metric": ["score"]}
        return TransferSweep(xr.Dataset({"score": (tuple(coords), score)}, coords), {})

    pick = Pick(xr.Dataset({"shift": ("layer", [3.0, 2.0, 1.0])}, {"layer": list("abc")}), ("f.a", "f.b", "f.c"))
    assert pick.layer == "f.a"
    assert pick.rank_correlation(sweep(1.0, 2.0, 9.0)) == pytest.approx(1.0)
    assert pick.rank_correlation(sweep(3.0, 2.0, 1.0)) == pytest.approx(-1.0)
    assert pick.rank_correlation(sweep(2.0, 1.0, 3.0)) == pytest.approx(0.5)
    with pytest.raises(OptionError, match="scores of 1 of these layers"):
        pick.rank_correlation(sweep(1.0, np.nan, np.nan))


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda f, d: ude.kernel_spectra(f, "closur"), OptionError, "Did you mean `closure`"),
        (lambda f, d: ude.kernel_spectra(f, layers=["closure.layer_3"]), OptionError, "`closure.layer_3`"),
        (lambda f, d: ude.kernel_spectra(f, clusters=9), OptionError, "more than there are kernels, 8"),
        (lambda f, d: ude.kernel_spectra(f, clusters=0), OptionError, "`clusters`"),
        (lambda f, d: ude.kernel_spectra(f, seed=7), OptionError, "no seed 7"),
        (lambda f, d: ude.kernel_spectra(f.model), OptionError, "`kernel_spectra` needs `fit`"),
        (lambda f, d: ude.loss_landscape(f, points=4), OptionError, "odd number of `points`"),
        (lambda f, d: ude.loss_landscape(f, within="closure.layer_9"), OptionError, "Did you mean `closure.layer_2`"),
        (lambda f, d: ude.loss_landscape(f, within="closure.layer_1.bias"), OptionError, "Nothing moves"),
        (lambda f, d: ude.loss_landscape(f, span=0), OptionError, "`span`"),
        (lambda f, d: ude.loss_landscape(f, directions=3), OptionError, "`directions`"),
        (lambda f, d: ude.pick_layer(f, 5), OptionError, "`pick_layer` needs `data`"),
        (lambda f, d: ude.pick_layer(f, d[["u_subgrid"]]), DataError, "`u`"),
        (lambda f, d: f.explain(d, f.model), OptionError, "`transferred`"),
    ],
)
def test_what_cant_be_explained_is_told(base, target, call, kind, words):
    with pytest.raises(kind, match=words):
        call(base, target)


def test_networks_of_points_and_walls_are_told():
    times = np.linspace(0, 1, 4)
    data = xr.Dataset({"x": ("time", np.exp(-times))}, {"time": times})
    model = ude.ODE(lambda t, s, p, net: {"x": -net.f(s.x)}, ["x"], {}, {"f": ude.nn.MLP(1, 1, (2,))})
    fit = ude.fit(model, data, objective=ude.Collocation(), phases=ude.Adam(1e-2, 1), progress=False)
    with pytest.raises(OptionError, match="`f` is `MLP`"):
        ude.kernel_spectra(fit, "f")
    with pytest.raises(OptionError, match="this model has none"):
        fit.explain()
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 8, boundary=ude.Dirichlet(0.0)))
    net = ude.nn.CNN(1, 1, channels=(), kernel=3, boundary="zero")
    walls = ude.PDE(lambda t, s, p, net: {"u": net.f(s.u)}, grid, ["u"], {}, {"f": net})
    rows = np.sin(np.pi * grid.coordinates("x")) * np.exp(-times)[:, None]
    data = xr.Dataset({"u": (("time", "x"), rows)}, {"time": times, "x": grid.coordinates("x")})
    fit = ude.fit(walls, data, objective=ude.Collocation(), phases=ude.Adam(1e-2, 1), progress=False)
    assert ude.kernel_spectra(fit).sizes["kernel"] == 1
    with pytest.raises(ModelError, match="periodic axes, and `x` isn't"):
        fit.explain()
