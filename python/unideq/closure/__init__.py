"""Closures: what of a flow a coarse grid doesn't see, from filtered data on."""

from .closure import Closure
from .coarsen import coarsen
from .eddy_viscosity import DynamicLeith, DynamicSmagorinsky, Leith, Smagorinsky
from .learned import Learned
from .nonlinear_gradient import NonlinearGradient

__all__ = [
    "Closure",
    "DynamicLeith",
    "DynamicSmagorinsky",
    "Learned",
    "Leith",
    "NonlinearGradient",
    "Smagorinsky",
    "coarsen",
]
