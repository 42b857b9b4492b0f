"""What comes back: solutions, fits, their files, plots and reports."""

from .fit import Fit
from .ranking_sweep import RankingSweep, ranking_sweep
from .rollout_metrics import plot_rollout_metrics, rollout_metrics
from .solution import Solution, solve

__all__ = ["Fit", "RankingSweep", "Solution", "plot_rollout_metrics", "ranking_sweep", "rollout_metrics", "solve"]
