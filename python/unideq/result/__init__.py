"""What comes back: solutions, fits, their files, plots and reports."""

from .fit import Fit
from .solution import Solution, solve

__all__ = ["Fit", "Solution", "solve"]
