"""How it is minimised: `fit`, stages, checkpoints, progress, interruption."""

from .fit import fit, resume
from .kind import Kind, kind_of, register_kind
from .record import History, Record
from .settings import FitSettings
from .stage import Stage
from .task import Course, Task
from .trainer import Trainer
from .transferred import Transferred

__all__ = [
    "Course",
    "FitSettings",
    "History",
    "Kind",
    "Record",
    "Stage",
    "Task",
    "Trainer",
    "Transferred",
    "fit",
    "kind_of",
    "register_kind",
    "resume",
]
