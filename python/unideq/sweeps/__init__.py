"""Many fits as one labelled result: every combination of settings and seeds, on one machine or a cluster."""

from .sweep import sweep
from .swept import Sweep

__all__ = ["Sweep", "sweep"]
