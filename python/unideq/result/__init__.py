"""What comes back: solutions, fits, their files, plots and reports."""

from .fit import Fit
from .residual_fit import ResidualFit
from .rollout_metrics import plot_rollout_metrics, rollout_metrics
from .solution import Solution, solve

__all__ = ["Fit", "ResidualFit", "Solution", "plot_rollout_metrics", "rollout_metrics", "solve"]
