"""The one vocabulary for settings: each word checks what a user gave, and returns it as a plain Python value.

A word raises an error that names the class, the setting, what it needs, what was given, and what to write instead:
`whole(value, "iterations", "Adam", least=1)`. A dataclass checks its fields by `settle(self, whole, "iterations")`.
"""

from .files import path, writable
from .keywords import known_arguments, unknown_argument
from .numbers import array, is_number, is_whole, number, whole
from .refusal import refused, shown
from .words import (
    PRECISIONS,
    checked_names,
    choice,
    flag,
    function,
    instance,
    known_keys,
    mapping,
    sequence,
    settle,
    text,
)

__all__ = [
    "PRECISIONS",
    "array",
    "checked_names",
    "choice",
    "flag",
    "function",
    "instance",
    "is_number",
    "is_whole",
    "known_arguments",
    "known_keys",
    "mapping",
    "number",
    "path",
    "refused",
    "sequence",
    "settle",
    "shown",
    "text",
    "unknown_argument",
    "whole",
    "writable",
]
