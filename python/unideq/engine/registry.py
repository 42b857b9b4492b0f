"""Which engines exist, which is used, and why: `engine=` > `set_engine()` > `UNIDEQ_ENGINE` > first one installed."""

from __future__ import annotations

import importlib
import importlib.util
import os

from ..errors import EngineMissing, unknown
from .protocol import Engine

__all__ = ["available", "chosen_name", "get_engine", "set_engine"]

# name -> (module with a `make()` function, modules that must be importable, what installs them), in order of preference
_ENGINES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "jax": ("unideq.engine.jax", ("jax", "diffrax"), 'pip install "unideq[jax]"'),
}
_made: dict[str, Engine] = {}
_chosen: str | None = None


def available() -> list[str]:
    """Names of the engines whose packages are installed, in order of preference. Imports none of them."""
    return [name for name, (_, needs, _) in _ENGINES.items() if all(importlib.util.find_spec(n) for n in needs)]


def set_engine(name: str | None) -> None:
    """Choose the engine for everything that gets no `engine=`; None returns to the automatic choice."""
    global _chosen
    if name is not None:
        _check(name)
    _chosen = name


def _check(name: str) -> str:
    if name not in _ENGINES:
        raise unknown("engine", name, _ENGINES)
    return name


def chosen_name(name: str | None = None) -> str | None:
    """Name of the engine that `get_engine(name)` would give, or None where none is installed. Starts nothing."""
    return name or _chosen or os.environ.get("UNIDEQ_ENGINE") or next(iter(available()), None)


def get_engine(name: str | Engine | None = None) -> Engine:
    """The engine of that name, started if need be; without a name, the chosen or first installed one.

    Raises
    ------
    OptionError
        If the name is unknown.
    EngineMissing
        If its packages aren't installed, or none is.
    """
    if name is not None and not isinstance(name, str):
        return name
    wanted = chosen_name(name)
    if wanted is None:
        raise EngineMissing('No engine is installed. Type `pip install "unideq[jax]"`; `unideq doctor` tells more.')
    module, needs, command = _ENGINES[_check(wanted)]
    if wanted not in _made:
        missing = [n for n in needs if importlib.util.find_spec(n) is None]
        if missing:
            raise EngineMissing(f"Engine `{wanted}` needs {', '.join(f'`{m}`' for m in missing)}. Type `{command}`.")
        _made[wanted] = importlib.import_module(module).make()
    return _made[wanted]
