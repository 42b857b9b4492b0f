"""How it is minimised: `fit`, phases, schedules, checkpoints, progress, interruption."""

from .fit import fit, resume
from .phase import (
    BFGS,
    LBFGS,
    SOAP,
    Adam,
    AdamW,
    GaussNewton,
    Phase,
)
from .record import History, Record, Training
from .residual_record import ResidualTraining
from .residual_settings import ResidualSettings
from .schedule import CosineDecay, ExponentialDecay, PiecewiseConstant, Schedule, Warmup
from .settings import FitSettings
from .stage import Stage

__all__ = [
    "BFGS",
    "LBFGS",
    "SOAP",
    "Adam",
    "AdamW",
    "CosineDecay",
    "ExponentialDecay",
    "FitSettings",
    "GaussNewton",
    "History",
    "Phase",
    "PiecewiseConstant",
    "Record",
    "ResidualSettings",
    "ResidualTraining",
    "Schedule",
    "Stage",
    "Training",
    "Warmup",
    "fit",
    "resume",
]
