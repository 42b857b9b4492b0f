"""Pairs of an engine and a name, for tests of what both have and of what one has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from unideq.solvers import SOLVERS, solvers_of

__all__ = ["each", "ours"]

MARKS: dict[str, Any] = {"jax": (), "julia": pytest.mark.julia}


def each(names: Callable[[str], Iterable[str]]) -> pytest.MarkDecorator:
    """Run a test of (engine, name) for the names that a function gives of every engine's name."""
    cases = [pytest.param(e, n, marks=MARKS[e], id=f"{e}-{n}") for e in MARKS for n in names(e)]
    return pytest.mark.parametrize(("engine", "name"), cases, indirect=["engine"])


def ours(*names: str, fixed: bool | None = None) -> Callable[[str], list[str]]:
    """The solvers that an engine has, of these names, of fixed steps or without."""
    return lambda engine: [
        n for n in solvers_of(engine) if n in (names or SOLVERS) and fixed in (None, SOLVERS[n].fixed)
    ]
