"""Closures: what of a flow a coarse grid doesn't see, from filtered data on."""

from .closure import Closure
from .coarsen import coarsen

__all__ = ["Closure", "coarsen"]
