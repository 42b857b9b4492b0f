"""How it is minimised: `fit`, phases, schedules, checkpoints, progress, interruption."""

from .fit import fit, resume
from .kind import Kind, kind_of, register_kind
from .phase import (
    BFGS,
    LBFGS,
    SOAP,
    Adam,
    AdamW,
    GaussNewton,
    Phase,
)
from .record import History, Record
from .schedule import CosineDecay, ExponentialDecay, PiecewiseConstant, Schedule, Warmup
from .settings import FitSettings
from .stage import Stage
from .task import Course, Task
from .trainer import Trainer

__all__ = [
    "BFGS",
    "LBFGS",
    "SOAP",
    "Adam",
    "AdamW",
    "CosineDecay",
    "Course",
    "ExponentialDecay",
    "FitSettings",
    "GaussNewton",
    "History",
    "Kind",
    "Phase",
    "PiecewiseConstant",
    "Record",
    "Schedule",
    "Stage",
    "Task",
    "Trainer",
    "Warmup",
    "fit",
    "kind_of",
    "register_kind",
    "resume",
]
