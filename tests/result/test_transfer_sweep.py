"""Sweeps of transfers: every layer beside the baselines, on data that none saw; what has finished isn't run again."""

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError, ModelError, OptionError
from unideq.training.trainer import Trainer

TIMES = np.linspace(0.0, 2.0, 9)
SETTINGS = {"phases": ude.Adam(1e-2, 4), "holdout": 0.25, "report_every": 2, "progress": False}


def decay(start=3.0, rate=0.7):
    return xr.Dataset({"x": ("time", start * np.exp(-rate * TIMES))}, {"time": TIMES})


@pytest.fixture(scope="module")
def base():
    net = ude.nn.MLP(1, 1, (3,))
    model = ude.ODE(lambda t, s, p, net: {"x": -p.k * s.x + 0.1 * net.f(s.x)}, ["x"], {"k": 0.5}, {"f": net})
    return ude.fit(model, decay(), seeds=2, **SETTINGS)


@pytest.fixture(scope="module")
def sweep(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    return ude.transfer_sweep(base, decay(3.5, 0.5), ["single", "pairs"], checkpoints=folder, **SETTINGS), folder


def test_members_are_layers_pairs_and_baselines(base, sweep):
    data = sweep[0].dataset
    both = "f.layer_1 + f.layer_2"
    assert data["retrained"].values.tolist() == ["f.layer_1", "f.layer_2", both, "full", "scratch", "none"]
    assert data["weights"].values.tolist() == [6, 4, 10, 11, 11, 0]
    assert data["score"].dims == ("retrained", "fraction", "seed", "metric")
    assert data["metric"].values.tolist() == ["RMSE of x"] and np.isfinite(data["score"]).all()
    assert (data["status"] == "finished").all()
    ranked = sweep[0].ranked()
    assert (np.diff(ranked.values) >= 0).all() and set(ranked["retrained"].values) == {"f.layer_1", "f.layer_2", both}


def test_members_are_what_transfer_and_fit_give_alone(base, sweep):
    fits = sweep[0].fits
    alone = base.transfer(decay(3.5, 0.5), ["f.layer_2"], **SETTINGS)
    np.testing.assert_array_equal(fits["f.layer_2", 1.0].theta, alone.theta)
    np.testing.assert_array_equal(fits["none", 1.0].record.theta[:, :-1], base.record.chosen_theta[:, :-1])
    anew = ude.fit(base.record.model, decay(3.5, 0.5), seeds=2, **SETTINGS)
    np.testing.assert_array_equal(fits["scratch", 1.0].theta, anew.theta)
    # The fit as it is, on what is held out: its own prediction from the new data's start.
    late = decay(3.5, 0.5).isel(time=slice(7, None))
    predicted = base.predict(TIMES, {"x": 3.5}, seed=0)["x"].sel(time=late.time)
    error = float(np.sqrt(((predicted - late.x) ** 2).mean()))
    assert sweep[0].dataset["score"].sel(retrained="none", seed=0).item() == pytest.approx(error, rel=1e-4)


def test_finished_members_are_not_trained_again(base, sweep, monkeypatch):
    done, folder = sweep
    (folder / "f.layer_1@1.nc").unlink()
    runs = []
    monkeypatch.setattr(
        Trainer, "run", lambda self, record, *a, run=Trainer.run: runs.append(1) or run(self, record, *a)
    )
    again = ude.transfer_sweep(base, decay(3.5, 0.5), ["single", "pairs"], checkpoints=folder, **SETTINGS)
    assert len(runs) == 1
    xr.testing.assert_equal(again.dataset.drop_vars("seconds"), done.dataset.drop_vars("seconds"))


def test_an_interrupted_sweep_goes_on_from_its_checkpoint(base, tmp_path):
    def stop(report):
        raise KeyboardInterrupt

    settings = {**SETTINGS, "phases": ude.Adam(1e-2, 6), "checkpoints": tmp_path, "baselines": []}
    with pytest.raises(KeyboardInterrupt, match=r"f\.layer_2. The same call goes on"):
        ude.transfer_sweep(base, decay(3.5, 0.5), ["f.layer_2"], callback=stop, **settings)
    half = ude.Fit.load(tmp_path / "f.layer_2@1.nc").record
    assert 0 < half.history.iterations < 6
    whole = ude.transfer_sweep(base, decay(3.5, 0.5), ["f.layer_2"], **settings).fits["f.layer_2", 1.0]
    assert whole.record.history.iterations == 6
    np.testing.assert_array_equal(
        whole.record.history.joined(2)["total"][:, : half.history.iterations], half.history.joined(2)["total"]
    )


def test_fractions_are_the_first_times_and_scores_may_be_several(base, tmp_path):
    seen = []

    def score(fit, seed):
        seen.append(fit.record.observations.dataset.sizes["time"])
        return {"a": float(seed), "b": 2.0}

    settings = {**SETTINGS, "phases": ude.Adam(1e-2, 1)}
    made = ude.transfer_sweep(
        base, decay(3.5), ["f.layer_1"], score=score, fractions=[0.5, 1.0], baselines="none", **settings
    )
    assert sorted(set(seen)) == [5, 9]
    assert made.dataset["score"].sel(metric="a").values.tolist() == [[[0.0, 1.0]] * 2] * 2
    made.plot(tmp_path / "sweep.png")
    assert (tmp_path / "sweep.png").stat().st_size > 10_000
    with pytest.raises(OptionError, match="Unknown metric `c`"):
        made.ranked("c")
    with pytest.raises(OptionError, match=r"Unknown fraction `0.3`"):
        made.ranked("a", 0.3)


@pytest.mark.parametrize(
    ("more", "kind", "words"),
    [
        ({"over": "f.layer_3"}, ModelError, "Did you mean `f.layer_2`"),
        ({"over": "singles"}, ModelError, "`singles`"),
        ({"over": []}, OptionError, "`over`"),
        ({"over": [3]}, OptionError, "`over`"),
        ({"over": [[3]]}, OptionError, "`over`"),
        ({"fractions": [1.0, 0.5]}, OptionError, "`fractions`"),
        ({"fractions": [0.0]}, OptionError, "`fractions`"),
        ({"fractions": [2.0]}, OptionError, "`fractions`"),
        ({"fractions": [0.1], "score": lambda fit, seed: 1.0}, DataError, "leave one to train on"),
        ({"fractions": [0.5, 1.0]}, OptionError, "give `score=lambda fit, seed: ...`"),
        ({"baselines": ["best"]}, OptionError, "`best`"),
        ({"score": 3}, OptionError, "`score`"),
        ({"score": lambda fit, seed: "good", "over": "f.layer_1"}, OptionError, "gives a number"),
        ({"train": "all"}, OptionError, "takes no `train`"),
        ({"data": None}, DataError, "needs the data"),
        ({"checkpoints": 5}, OptionError, "`checkpoints`"),
        ({"checkpoint": "a.nc"}, OptionError, "takes no `checkpoint`"),
    ],
)  # fmt: skip
def test_sweeps_that_cant_be_are_told(base, more, kind, words):
    given = {"data": decay(3.5), **SETTINGS, **more}
    with pytest.raises(kind, match=words):
        ude.transfer_sweep(**{"fit": base, **given})
