"""What made a data set: the model that its attribute `unideq_model` tells."""

from __future__ import annotations

import json

import xarray as xr

from ..errors import DataError
from .model import Model

__all__ = ["generator_of"]


def generator_of(data: xr.Dataset) -> Model | None:
    """The model that made a data set, from its attribute `unideq_model`; None where it doesn't say."""
    source = data.attrs.get("unideq_model")
    if source is None:
        return None
    try:
        return Model.from_json(json.loads(source))
    except (TypeError, ValueError) as error:
        raise DataError(f"The data's attribute `unideq_model` can't be read: {error}") from error
