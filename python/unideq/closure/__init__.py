"""Closures: what of a flow a coarse grid doesn't see, from filtered data on."""

from .closure import Closure
from .coarsen import coarsen
from .learned import Learned

__all__ = ["Closure", "Learned", "coarsen"]
