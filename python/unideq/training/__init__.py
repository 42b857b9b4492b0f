"""How it is minimised: `fit`, phases, schedules, checkpoints, progress, interruption."""

from .fit import fit, resume
from .phase import (
    BFGS,
    LBFGS,
    SOAP,
    Adam,
    AdamW,
    CosineDecay,
    ExponentialDecay,
    GaussNewton,
    Phase,
    PiecewiseConstant,
    Schedule,
    Warmup,
)
from .record import History, Training
from .settings import FitSettings, Stage

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
    "Schedule",
    "Stage",
    "Training",
    "Warmup",
    "fit",
    "resume",
]
