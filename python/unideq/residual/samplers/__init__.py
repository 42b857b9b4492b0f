"""Where residuals are evaluated: how the points of a term are drawn, and when they are drawn anew."""

from .grid import Grid
from .latin_hypercube import LatinHypercube
from .residual_adaptive import ResidualAdaptive
from .sampler import Sampler
from .sobol import Sobol
from .uniform import Uniform

__all__ = [
    "Grid",
    "LatinHypercube",
    "ResidualAdaptive",
    "Sampler",
    "Sobol",
    "Uniform",
]
