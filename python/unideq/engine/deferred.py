"""`Deferred`: the engine of what was read from a file or a pickle, which needs none before something is computed."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from .protocol import Engine
from .registry import engine_for

__all__ = ["Deferred", "asked_name"]


class Deferred:
    """An engine that is chosen and started when it is first used; see `unideq.engine.registry.engine_for`.

    Parameters
    ----------
    trained_on
        Name of the engine that the fit was trained on.
    asked
        The engine that the user asked for, if any.
    """

    def __init__(self, trained_on: str, asked: str | Engine | None = None) -> None:
        self._trained_on, self._asked = trained_on, asked

    @cached_property
    def started(self) -> Engine:
        """The engine itself."""
        return engine_for(self._trained_on, self._asked, 'Fit.load(path, engine="NAME")')

    def __reduce__(self) -> Any:
        return Deferred, (self._trained_on, asked_name(self))

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return getattr(self.started, attribute)


def asked_name(engine: Engine | Deferred, trained_on: str = "") -> str | None:
    """Name of the engine that was asked for; None where it is the one of training. Starts none."""
    if isinstance(engine, Deferred):
        asked = engine._asked
        return asked if isinstance(asked, str) else getattr(asked, "name", None)
    return None if engine.name == trained_on else engine.name
