"""Where residuals are evaluated: how the points of a term are drawn, and when they are drawn anew."""

from .latin_hypercube import LatinHypercube
from .residual_adaptive import ResidualAdaptive
from .sampler import Sampler
from .sobol import Sobol
from .tensor_grid import TensorGrid
from .uniform import Uniform

__all__ = [
    "LatinHypercube",
    "ResidualAdaptive",
    "Sampler",
    "Sobol",
    "TensorGrid",
    "Uniform",
]
