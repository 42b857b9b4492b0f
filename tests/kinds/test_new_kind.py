"""A kind of model from outside, the one of the page on extending: `fit` and all that comes after it ask it alone."""

import re
from pathlib import Path

import numpy as np
import pytest

import unideq as ude
from unideq.result.info import describe_file
from unideq.training.kind import kind_of

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "extend.md"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """What the page's example makes."""
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index("## Add a kind of model") :]
    source = re.search(r"```python\n(.*?)```", section, re.DOTALL).group(1)
    made = {"__name__": "page"}
    folder = tmp_path_factory.mktemp("page")
    exec(compile(source.replace('"curve.nc"', repr(str(folder / "curve.nc"))), str(PAGE), "exec"), made)
    return made, folder / "curve.nc"


def test_it_trains_and_its_file_gives_back_all_of_it(page):
    made, path = page
    fit, again = made["fit"], ude.Fit.load(path)
    assert fit.status == "finished"
    assert float(again.parameters["size"]) == pytest.approx(2.0, rel=1e-6)
    assert float(again.parameters["rate"]) == pytest.approx(3.0, rel=1e-6)
    np.testing.assert_allclose(again.predict([0.5])["y"], 2.0 * np.exp(-1.5), rtol=1e-6)
    assert again.tree.identical(fit.tree)
    assert set(fit.tree.children) == {"training", "parameters", "weights", "optimizer", "solution"}


def test_a_run_that_was_interrupted_goes_on_to_the_same_end(page, tmp_path):
    made, _ = page
    phases = [ude.Adam(1e-2, 20, objective=None)]
    whole = ude.fit(made["curve"], phases=phases, report_every=5, progress=False)
    stopped = []

    def twice(report):
        stopped.append(report.iteration)
        if len(stopped) == 2:
            raise KeyboardInterrupt

    path = tmp_path / "part.nc"
    part = ude.fit(made["curve"], phases=phases, report_every=5, progress=False, checkpoint=path, callback=twice)
    assert part.status.startswith("interrupted: after 10")
    np.testing.assert_array_equal(ude.resume(path, progress=False).theta, whole.theta)


def test_it_is_shown_reported_and_told_of(page, tmp_path):
    made, path = page
    fit = made["fit"]
    assert "status      finished" in repr(fit)
    assert "rate" in fit._repr_html_()
    fit.report(tmp_path / "curve.html")
    fit.plot(tmp_path / "curve.png")
    told = describe_file(path)
    assert "a fit" in told
    assert "BFGS on LeastSquares, 100 iterations" in told


@pytest.mark.parametrize("method", ["recover", "residuals", "check_gradient", "rollout_metrics"])
def test_what_it_has_not_is_refused_by_name(page, method):
    with pytest.raises(ude.OptionError, match=f"`{method}` isn't for curves"):
        getattr(page[0]["fit"], method)()


def test_arguments_of_other_kinds_and_unknown_models_are_refused(page):
    with pytest.raises(ude.OptionError, match="Unknown argument of `fit` `loss`"):
        ude.fit(page[0]["curve"], loss="huber")
    with pytest.raises(ude.ModelError, match="`fit` needs a model"):
        kind_of(object())


def test_every_kind_refuses_what_the_others_take():
    for model, name in ((ude.ODE, "balance"), (ude.Stepper, "solver"), (ude.ResidualProblem, "loss")):
        kind = kind_of(object.__new__(model))
        with pytest.raises(ude.OptionError, match=f"`{name}"):
            kind.check_arguments({name: "x"})
