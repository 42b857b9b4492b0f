"""What is known to go wrong with closures of flows: terms that transfer nothing, wrong small scales, unstable runs."""

from .closure_spectrum import ClosureSpectrum
from .coupled import Coupled
from .gradient_model import GradientModel

__all__ = ["ClosureSpectrum", "Coupled", "GradientModel"]
