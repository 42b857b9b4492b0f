"""Who executes: the protocol every engine follows, the registry that picks one, and the engines themselves."""

from .minimisation import Minimisation
from .pieces import evaluated
from .protocol import STATUS, Engine, Integrated, Minimised, Report, Value
from .registry import available, checked_engine, get_engine, set_engine

__all__ = [
    "STATUS",
    "Engine",
    "Integrated",
    "Minimisation",
    "Minimised",
    "Report",
    "Value",
    "available",
    "checked_engine",
    "evaluated",
    "get_engine",
    "set_engine",
]
