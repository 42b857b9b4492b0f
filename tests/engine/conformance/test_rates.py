"""Learning rates by name, on every engine: a factor for every entry of θ, in turns that are compiled once."""

import numpy as np
import pytest

from unideq.engine import Minimisation
from unideq.errors import FileFormatError, OptionError
from unideq.model import Layout
from unideq.model.layout import Entry
from unideq.optimise import SOAP, Adam, AdamW, Phase
from unideq.stored import from_json

from ..problems import quadratic
from ..runs import Recorder

pytestmark = pytest.mark.usefixtures("only_full_reports", "double_precision")

LAYOUT = Layout([Entry("k", ()), Entry("f.layer_1.weight", (2, 1)), Entry("f.layer_1.bias", ())])
RATES = {"f": 0.5, "f.layer_1.bias": 2.0}
FACTORS = np.array([1.0, 0.5, 0.5, 2.0])


START = np.array([[0.3, -0.2, 0.5, 0.1], [1.0, 2.0, -1.0, 0.7]])


def steps(engine, phase, **more):
    recorder = Recorder(more.pop("stop_after", None))
    asked = Minimisation(quadratic()[0], START, phase.paced(LAYOUT), **more)
    return engine.minimise(asked, recorder).last, recorder


@pytest.mark.parametrize("kind", [Adam, AdamW, SOAP])
def test_steps_are_the_plain_ones_times_the_factors(engine, kind):
    plain, _ = steps(engine, kind(0.01, 1))
    paced, log = steps(engine, kind(0.01, 1, rates=RATES))
    assert (plain.theta != START).all()
    np.testing.assert_allclose(paced.theta - START, FACTORS * (plain.theta - START), rtol=1e-12)
    assert (log.log("learning_rate") == 0.01).all()


def test_factors_of_one_change_no_bit_and_runs_resume(engine):
    plain, _ = steps(engine, Adam(0.05, 20))
    ones, _ = steps(engine, Adam(0.05, 20, rates={"f": 1.0}))
    np.testing.assert_array_equal(ones.theta, plain.theta)
    phase = Adam(0.05, 20, rates=RATES)
    unbroken, _ = steps(engine, phase)
    first, _ = steps(engine, phase, report_every=5, stop_after=1)
    second, _ = steps(engine, from_json(Phase, phase.to_json()), report_every=5, state=first.state)
    assert first.iteration == 5
    np.testing.assert_array_equal(second.theta, unbroken.theta)


def test_files_without_rates_are_as_ever_and_names_are_checked():
    assert "rates" not in Adam().to_json()
    assert from_json(Phase, AdamW(rates=RATES).to_json()) == AdamW(rates=RATES)
    assert Adam(rates={"f": 0.1}).structure == Adam(rates={"f": 0.2}).structure
    with pytest.raises(OptionError, match=r"Unknown.*`f.layer_2`. Did you mean `f.layer_1`"):
        Adam(rates={"f.layer_2": 0.1}).paced(LAYOUT)
    with pytest.raises(OptionError, match=r"`phase.paced\(layout\)`"):
        Adam(rates=RATES).begin(np.zeros((1, 4)), 1)
    with pytest.raises(FileFormatError):
        from_json(Phase, {"optimizer": "bfgs", "rates": {"f": 0.1}})
