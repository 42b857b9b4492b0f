"""What `fit.audit` is given, checked before anything is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from ..checks import function, instance, known_keys, mapping, number, sequence, whole
from ..errors import DataError
from ..model import ODE
from ..result import Fit
from .states import initial_states

__all__ = ["check_parts", "checked_counts", "checked_refined", "checked_spacing"]

_COUNTS = {"radius": 0, "seed": 0}
_OPTIONAL = ("steps", "first")


def checked_counts(**given: Any) -> list[Any]:
    """Whole numbers, 1 or 0 at least."""
    return [whole(v, n, "audit", least=_COUNTS.get(n, 1), none=n in _OPTIONAL) for n, v in given.items()]


def checked_spacing(spacing: Any) -> dict[str, float] | None:
    """Axis → spacing > 0, or None."""
    if spacing is None:
        return None
    given = mapping(spacing, "spacing", "audit", needs="a dict axis → number")
    return {n: number(v, f"spacing: {n}", "audit", above=0) for n, v in given.items()}


def checked_refined(refined: Any) -> list[Fit] | None:
    """Fits on other grids as a list, or None."""
    if refined is None:
        return None
    needs = "a fit, or a list of them"
    listed = (refined,) if isinstance(refined, Fit) else sequence(refined, "refined", "audit", needs=needs)
    return [instance(other, Fit, "refined", "audit", needs=needs) for other in listed]


def check_parts(fit: Fit, *, new: Any, network: Any, candidates: Any, models: Mapping[str, Any]) -> None:
    """The network is the model's, further terms are functions, models are models, new states fit the model.

    Raises
    ------
    OptionError, DataError, ModelError
        If something isn't.
    """
    if network is not None:
        known_keys((network,), fit.model.networks, "network")
    needs = "a function of (fields, derivative)"
    for text, term in mapping(candidates, "candidates", "audit", needs=f"a dict text → {needs}", none=True).items():
        function(term, f"candidates: {text}", "audit", needs=needs)
    for name, model in models.items():
        instance(model, ODE, name, "audit", needs="a model", none=True)
    if new is not None:
        needs = "a Dataset, or a dict state → array"
        instance(new, (xr.Dataset, Mapping), "new", "audit", needs=needs, error=DataError)
        initial_states(fit.model, new)
