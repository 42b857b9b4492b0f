"""Where residuals are evaluated: how the points of a term are drawn, and when they are drawn anew."""

from .sampler import Sampler
from .uniform import Uniform

__all__ = ["Sampler", "Uniform"]
