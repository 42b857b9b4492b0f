"""What a curriculum is given as: a list of stages, each a tuple of numbers, that grow more difficult."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from ..checks import refused, sequence
from ..errors import OptionError
from ..times import in_numbers

__all__ = ["stages"]


def stages(
    value: Any, name: str, of: str, *, words: tuple[Callable[[Any], Any], ...], needs: str, least: int = 0
) -> tuple[tuple[Any, ...], ...]:
    """The stages as tuples of plain numbers, whose first never falls.

    Parameters
    ----------
    value, name, of
        As for the words of `unideq.checks`.
    words
        A word for each number of a stage.
    needs
        In words, with an example.
    least
        Number of stages at least.

    Raises
    ------
    OptionError
        If they aren't.
    """
    try:
        listed = [sequence(stage, name) for stage in sequence(value, name, least=least)]
        found = tuple(tuple(word(v) for word, v in zip(words, stage, strict=True)) for stage in listed)
    except (OptionError, ValueError):
        raise refused(value, name, of, needs, hint=_in_numbers(value)) from None
    if any(b[0] < a[0] for a, b in pairwise(found)):
        raise refused(value, name, of, f"{needs}, growing")
    return found


def _in_numbers(value: Any) -> str:
    """The remedy for time spans among the numbers."""
    listed = value if isinstance(value, (list, tuple)) else []
    return next((h for stage in listed if isinstance(stage, (list, tuple)) for v in stage if (h := in_numbers(v))), "")
