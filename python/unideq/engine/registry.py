"""Which engines exist, which is used, and why: `engine=` > `set_engine()` > `UNIDEQ_ENGINE` > Julia if found > JAX."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..checks import choice
from ..errors import EngineMissing
from ..graph.location import warn_user
from ..julia_location import julia_candidates, usable_julia
from .forked import leave_behind
from .protocol import Engine

__all__ = ["available", "checked_engine", "chosen_name", "engine_for", "get_engine", "set_engine"]


@dataclass(frozen=True)
class _Entry:
    """One engine: the module with its `make()`, and what it lacks here (in words; empty where nothing)."""

    module: str
    lacks: Callable[[], str]


def _julia_lacks() -> str:
    if usable_julia() is not None:
        return ""
    places = "; ".join(f"{c.source}: {c.missing}" for c in julia_candidates())
    return f"a Julia that is set up ({places}). Type `unideq setup`; `unideq doctor` tells more."


def _jax_lacks() -> str:
    missing = [name for name in ("jax", "diffrax") if importlib.util.find_spec(name) is None]
    return f'{", ".join(f"`{name}`" for name in missing)}. Type `pip install "unideq[jax]"`.' if missing else ""


_ENGINES = {  # in order of preference
    "julia": _Entry("unideq.engine.julia", _julia_lacks),
    "jax": _Entry("unideq.engine.jax", _jax_lacks),
}
_made: dict[str, Engine] = {}
_chosen: str | None = None
leave_behind(_made)


def available() -> list[str]:
    """Names of the engines that can be used here, in order of preference. Starts none of them."""
    return [name for name, entry in _ENGINES.items() if name in _made or not entry.lacks()]


def set_engine(name: str | None) -> None:
    """Choose the engine for everything that gets no `engine=`; None returns to the automatic choice."""
    global _chosen
    if name is not None:
        choice(name, "engine", _ENGINES)
    _chosen = name


def checked_engine(given: Any) -> Any:
    """What `engine=` was given, if it is one: None, a name, or an engine. Starts nothing.

    Raises
    ------
    OptionError
        If it isn't.
    """
    if given is not None and not all(hasattr(given, verb) for verb in ("integrate", "minimise")):
        choice(given, "engine", _ENGINES)
    return given


def chosen_name(name: str | None = None) -> str | None:
    """Name of the engine that `get_engine(name)` would give, or None where none can be used. Starts nothing."""
    return name if name is not None else _chosen or os.environ.get("UNIDEQ_ENGINE") or _first_available()


def engine_for(trained_on: str, asked: str | Engine | None, call: str, keep: bool = False) -> Engine:
    """The engine for what another process has trained, started if need be.

    The one that is asked for; else the one that was chosen by `set_engine` or `UNIDEQ_ENGINE`; else the one that it was
    trained on; where that is missing, another one with a warning.

    Parameters
    ----------
    trained_on
        Name of an engine.
    asked
        `engine=`, where the user said it.
    call
        What to type to ask for an engine, with `NAME` in its place.
    keep
        Whether to prefer the engine that it was trained on to the chosen one, as long as it is there.

    Raises
    ------
    EngineMissing
        If the engine asked for or chosen is missing, or all are.
    """
    chosen = asked or _chosen or os.environ.get("UNIDEQ_ENGINE")
    entry = _ENGINES.get(trained_on)
    lacks = "a newer version of Unideq, which knows it" if entry is None else entry.lacks()
    here = trained_on in _made or not lacks
    if here and ((keep and asked is None) or not chosen):
        return get_engine(trained_on)
    if chosen:
        return get_engine(chosen)
    other = _first_available()
    if other is None:
        raise EngineMissing(
            f"This was trained on engine `{trained_on}`, which needs {lacks} No other engine is installed either; "
            'the one that comes from PyPI alone: `pip install "unideq[jax]"`.'
        )
    warn_user(
        f"This was trained on engine `{trained_on}`, which isn't here: engine `{other}` computes instead. Say so to "
        f"choose it: `{call.replace('NAME', other)}`, or `unideq.set_engine({other!r})`. (Engine `{trained_on}` needs "
        f"{lacks})"
    )
    return get_engine(other)


def _first_available() -> str | None:
    return next((name for name, entry in _ENGINES.items() if name in _made or not entry.lacks()), None)


def get_engine(name: str | Engine | None = None) -> Engine:
    """The engine of that name, started if need be; without a name, the chosen or first usable one.

    Raises
    ------
    OptionError
        If the name is unknown.
    EngineMissing
        If what it runs on isn't installed, or no engine is.
    """
    checked_engine(name)
    if name is not None and not isinstance(name, str):
        return name
    wanted = chosen_name(name)
    if wanted is None:
        raise EngineMissing(
            'No engine is installed. Type `unideq setup` for Julia, or `pip install "unideq[jax]"`; '
            "`unideq doctor` tells more."
        )
    entry = _ENGINES[choice(wanted, "engine", _ENGINES)]
    if wanted not in _made:
        lacks = entry.lacks()
        if lacks:
            raise EngineMissing(f"Engine `{wanted}` needs {lacks}")
        _made[wanted] = importlib.import_module(entry.module).make()
    return _made[wanted]
