"""What a user gives as `loss=` as a `Loss`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...checks import instance, shown
from ...errors import OptionError, unknown
from ...stored import members
from .by_variable import ByVariable
from .custom import CustomLoss
from .loss import Loss
from .misfit import SquaredError
from .series import SeriesLoss

__all__ = ["loss_of"]


def loss_of(value: Any) -> Loss:
    """None (squared error), a name, a `Loss`, a function of (predicted, observed), or one of these by variable."""
    if value is None:
        return SquaredError()
    if isinstance(value, Loss):
        return value
    if isinstance(value, str):
        known = {n: kind for n, kind in members(Loss).items() if kind not in (CustomLoss, ByVariable, SeriesLoss)}
        if value not in known:
            raise unknown("loss", value, known)
        return known[value]()
    if isinstance(value, Mapping):
        if not value:
            raise OptionError(f"`loss` is an empty dict, {shown(value)}. Name a loss for every measured variable.")
        return ByVariable({str(n): loss_of(v) for n, v in value.items()})
    needs = "a name, a loss such as `ude.Huber()`, a function of (predicted, observed), or a dict variable → loss"
    if isinstance(value, type) or not callable(value):
        instance(value, Loss, "loss", needs=needs)
    return CustomLoss.of(value)
