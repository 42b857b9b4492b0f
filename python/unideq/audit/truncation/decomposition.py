"""`Decomposition`: one field's closure written as a sum of physical terms and of truncation errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from .regression import Regression
from .scheme_terms import SchemeTerm

__all__ = ["Decomposition"]


@dataclass(frozen=True)
class Decomposition:
    """One field's closure in terms.

    Attributes
    ----------
    field
        Whose equation.
    regression
        closure ≈ Σ coefficient · term, on the selected candidates.
    scheme
        PhysicalTerm's text → what is known of it, for those that a scheme's error makes.
    whole
        The same physics with the schemes' whole error in place of its leading term; None where the data's is unknown.
    closure, fitted
        (samples, *grid): what was explained, and by what.
    kept
        Number of states used, and of those there are.
    """

    field: str
    regression: Regression
    scheme: Mapping[str, SchemeTerm]
    whole: Regression | None
    closure: np.ndarray
    fitted: np.ndarray
    kept: tuple[int, int]

    def dataset(self) -> xr.Dataset:
        """Evidence: one row a term."""
        r = self.regression
        known = [self.scheme.get(n) for n in r.names]
        variables: dict[str, Any] = {
            "coefficient": r.coefficients,
            "standard_error": r.standard_errors,
            "low": r.low,
            "high": r.high,
            "share": r.shares,
            "share_low": r.share_low,
            "share_high": r.share_high,
            "variance_inflation": r.inflation,
            "expected": np.array([k.expected if k else np.nan for k in known]),
            "power_of_dx": np.array([k.order if k else 0 for k in known]),
        }
        attrs: dict[str, Any] = {
            "field": self.field, "r_squared": r.r_squared, "states_used": self.kept[0], "states": self.kept[1],
        }  # fmt: skip
        if self.whole is not None:
            attrs |= {
                "whole_error_coefficient": float(self.whole.coefficients[-1]),
                "whole_error_low": float(self.whole.low[-1]),
                "whole_error_high": float(self.whole.high[-1]),
                "whole_error_share": float(self.whole.shares[-1]),
                "whole_error_r_squared": self.whole.r_squared,
                "whole_error_text": self.whole.text(),
            }
        text = np.array([k.scheme if k else "" for k in known], dtype=str)
        return xr.Dataset(
            {**{n: ("candidate", np.asarray(v)) for n, v in variables.items()}, "scheme": ("candidate", text)},
            coords={"candidate": np.array(r.names, dtype=str)},
            attrs=attrs,
        )
