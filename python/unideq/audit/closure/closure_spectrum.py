"""Is a closure right at the scales where it works? Its spectrum at high wavenumbers, which a correlation hides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from ...checks import known_arguments, number, settle
from ...errors import DataError
from ...result.closure_scores.a_priori import term_scores, term_statistics
from ...result.closure_scores.flow import FLOOR, log_rmse
from ..finding import Finding
from .closed_field import GOOD, ClosedField, ClosureCheck
from .plot_closure import plot_spectra

__all__ = ["ClosureSpectrum"]


@known_arguments
@dataclass(frozen=True)
class ClosureSpectrum(ClosureCheck):
    """Are the high wavenumbers of a closure right? Its term's spectrum against the exact one's, above a wavenumber.

    Needs data with the exact term, `NAME_subgrid`. Its evidence holds both spectra.

    Attributes
    ----------
    factor
        By how much the spectrum may be off (root mean square of ln) before it is a warning.
    above
        Wavenumbers are high from this part on of those looked at, two thirds of the grid's (dealiased models carry
        nothing beyond).

    Raises
    ------
    OptionError
        For impossible settings.
    """

    name = "closure_spectrum"
    factor: float = 3.0
    above: float = 0.5

    def __post_init__(self) -> None:
        settle(self, number, "factor", above=1)
        settle(self, number, "above", least=0, below=1)

    def look(self, field: ClosedField) -> tuple[Finding, Any]:
        if not field.truth.exact:
            raise DataError(field.needs_exact)
        few, own = field.thinned
        flow, truth = few.truth.flow, few.truth
        expected = term_statistics(flow, truth.values, truth.term)
        scores = term_scores(flow, truth.values, own, truth.term, expected)
        spectrum, true = (s["subgrid_spectrum"][1].mean(0) for s in (scores, expected))
        waves = flow.shells.wavenumbers
        high = flow.carried & (waves >= self.above * waves[flow.carried].max())
        evidence = xr.Dataset(
            {
                "spectrum": ("wavenumber", spectrum),
                "spectrum_true": ("wavenumber", true),
                "correlation": float(np.nanmean(scores["correlation"][1])),
                "high": ("wavenumber", high.astype(int)),
            },
            {"wavenumber": waves},
        )
        return self._finding(truth.field, evidence), partial(plot_spectra, truth.field, evidence)

    def _finding(self, name: str, evidence: xr.Dataset) -> Finding:
        part = evidence.isel(wavenumber=np.flatnonzero(evidence["high"].values))
        spectrum, true = part["spectrum"].values, part["spectrum_true"].values
        counts = true > FLOOR * evidence["spectrum_true"].values.max()
        first, correlation = float(part["wavenumber"][0]), float(evidence["correlation"])
        if not counts.any():
            return Finding(self.name, "note", f"the exact term of `{name}` has nothing above {first:g}.", evidence)
        off = float(np.exp(log_rmse(spectrum[counts], true[counts])))
        ratio = float(np.sum(spectrum[counts]) / np.sum(true[counts]))
        size = (
            f"from wavenumber {first:g} on its spectrum holds {ratio:.3g} times as much as the exact term's, and is "
            f"off by a factor of {off:.3g} on average"
        )
        if off <= self.factor:
            statement = f"closure of `{name}`: {size} (warned from {self.factor:g}); correlation {correlation:.3f}."
            return Finding(self.name, "ok", statement, evidence)
        if correlation < GOOD:
            statement = f"closure of `{name}` isn't good at any scale: correlation {correlation:.3f}; {size}."
            return Finding(self.name, "note", statement, evidence, "Train longer, or with a larger network.")
        return Finding(
            self.name,
            "warning",
            f"closure of `{name}`: its high wavenumbers are wrong although its correlation is {correlation:.3f}: "
            f"{size}.",
            evidence,
            "Train on the spectrum too, `ude.APriori(spectral=…)`. Where these aren't the data that it was trained on: "
            "retrain a layer on some of them, `fit.transfer(data, train=[…])`.",
        )
