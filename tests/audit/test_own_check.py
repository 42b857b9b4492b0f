"""A check that a user wrote: in the text, the picture, the report and the file; refused where it means nothing."""

from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.audit import Check, Finding, Outcome, ResidualSubject, StatesSubject
from unideq.checks import number, settle
from unideq.errors import ModelError, OptionError

TIMES = np.linspace(0.0, 2.0, 9)


@dataclass(frozen=True)
class Largest(Check):
    """Does any parameter of the fit exceed a limit?"""

    name = "largest"
    limit: float = 10.0

    def __post_init__(self):
        settle(self, number, "limit", above=0)

    def examine(self, subject):
        values = xr.Dataset({"theta": ("entry", subject.fit.theta)})
        largest = float(np.abs(subject.fit.theta).max())
        severity = "ok" if largest <= self.limit else "warning"
        finding = Finding(self.name, severity, f"|θ| reaches {largest:.3g} of {self.limit:g}.", values, "Regularise.")
        return Outcome(
            [finding], {"largest": values}, {"largest": lambda figure: figure.subplots().plot(values["theta"])}
        )


@pytest.fixture(scope="module")
def plain():
    """No network: a parameter alone."""
    model = ude.ODE(lambda t, s, p: {"x": -p.k * s.x}, ["x"], {"k": 0.4})
    data = xr.Dataset({"x": ("time", np.exp(-0.5 * TIMES))}, {"time": TIMES})
    phases = ude.Adam(1e-3, 1)
    return ude.fit(model, data, objective=ude.Collocation(), phases=phases, solver=ude.RK4(dt=0.25), progress=False)


@pytest.fixture(scope="module")
def residual():
    terms = {"ends": ude.Boundary(lambda at, field: field.u - 1.0)}
    problem = ude.ResidualProblem({"x": (0.0, 1.0)}, {"u": ude.nn.MLP(1, 1, (3,))}, terms)
    return ude.fit(problem, phases=ude.Adam(1e-3, 2), progress=False)


@pytest.mark.parametrize("kind", ["plain", "residual"])
def test_an_own_check_is_in_the_text_the_picture_the_report_and_the_file(kind, request, tmp_path):
    fit = request.getfixturevalue(kind)
    audit = fit.audit(Largest(limit=1e-3))
    (found,) = audit.findings
    assert found.severity == audit.severity == "warning"
    assert found.statement in str(audit) and "→ Regularise." in str(audit)
    (line,) = audit.plot().axes[0].lines
    np.testing.assert_array_equal(line.get_ydata(), fit.theta)
    fit.report(tmp_path / "report.html")
    assert found.statement in (tmp_path / "report.html").read_text(encoding="utf-8")
    fit.save(tmp_path / "fit.nc")
    stored = ude.Fit.load(tmp_path / "fit.nc").tree["/diagnostics"]
    np.testing.assert_array_equal(stored["audit_largest"]["theta"], fit.theta)
    assert stored["audit_findings"]["check"].values.tolist() == ["largest"]
    assert audit["largest"].findings == audit.findings
    assert fit.audit(Largest(limit=1e3)).passed


def test_own_checks_stand_beside_built_in_ones(plain, residual):
    audit = residual.audit(["progress", Largest()])
    assert [f.check for f in audit.findings] == ["progress", "largest"]
    assert len(audit.plot().subfigs) == 3
    # Without a network the built-in ones have nothing to look at, and the own one has.
    assert [f.check for f in plain.audit(["flow_map", Largest()]).findings] == ["closure", "largest"]


def test_a_check_for_another_kind_of_fit_is_refused_with_those_that_suit(plain, residual):
    @dataclass(frozen=True)
    class OfStates(Largest):
        name = "of_states"
        needs = StatesSubject

    @dataclass(frozen=True)
    class OfResiduals(Largest):
        name = "of_residuals"
        needs = ResidualSubject

    assert plain.audit(OfStates()).passed and residual.audit(OfResiduals()).passed
    with pytest.raises(OptionError, match=r"`of_residuals` looks at a fit of a residual problem.*`flow_map`, `shift`"):
        plain.audit(OfResiduals())
    with pytest.raises(OptionError, match=r"`of_states` looks at a fit to states over time.*`balance`"):
        residual.audit(OfStates())


def test_what_a_check_cannot_look_at_is_a_note_and_the_others_go_on(plain):
    class Gridded(Largest):
        name = "gridded"

        def examine(self, subject):
            raise ModelError("The model has no grid.")

    audit = plain.audit([Gridded(), Largest()])
    assert [(f.check, f.severity) for f in audit.findings] == [("gridded", "note"), ("largest", "ok")]
    assert "not checked: The model has no grid." in audit.findings[0].statement
    with pytest.raises(OptionError, match=r"`gridded`.*Possible: `largest`"):
        audit["gridded"]


def test_checks_that_are_not_whole_are_told(plain):
    class Nameless(Largest):
        name = ""

    class Silent(Largest):
        name = "silent"

        def examine(self, subject):
            return None

    class Copy(Largest):
        name = "copy"

        def examine(self, subject):
            return Outcome(groups={"largest": xr.Dataset({"theta": 0.0})})

    class Greedy(Largest):
        name = "greedy"

        def examine(self, subject):
            return Outcome(groups={"findings": xr.Dataset()})

    for checks, words in (
        (Nameless(), "`Nameless` needs `name`"),
        (Silent(), r"`silent` needs an outcome from `examine`, `ude.audit.Outcome\(...\)`, not None"),
        ([Largest(), Largest(limit=5.0)], "two checks `largest`"),
        ([Largest(), Copy()], "`copy` writes the group `largest`"),
        (Greedy(), "`greedy` writes the group `findings`"),
        (Largest, r"`Largest\(\)`"),
        ({"largest": 1}, "`checks`"),
    ):
        with pytest.raises(OptionError, match=words):
            plain.audit(checks)
