"""How derivatives are approximated on a grid: one family of schemes a module, every scheme a plain setting."""

from .base import Scheme
from .central import Central
from .compact import Compact
from .drp import DRP
from .fourier import Fourier
from .tvd import TVD
from .upwind import Backward, Forward, Upwind
from .weno import WENO

__all__ = [
    "DRP",
    "TVD",
    "WENO",
    "Backward",
    "Central",
    "Compact",
    "Forward",
    "Fourier",
    "Scheme",
    "Upwind",
]
