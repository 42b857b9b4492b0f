"""What comes back: solutions, fits, their files, plots and reports."""

from .fit import Fit
from .rollout_metrics import plot_rollout_metrics, rollout_metrics
from .solution import Solution, solve

__all__ = ["Fit", "Solution", "plot_rollout_metrics", "rollout_metrics", "solve"]
