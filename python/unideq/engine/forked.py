"""Engines after `fork`: a child process has their memory but not their threads, and would wait for those for ever."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..errors import EngineError

__all__ = ["leave_behind"]


class Behind:
    """What an engine becomes in a forked child: whatever is asked of it, it says what to do instead."""

    name: str

    def __getattr__(self, attribute: str) -> Any:
        raise EngineError(
            f"Engine `{self.__dict__['name']}` had started before this process was forked, and its threads didn't come "
            'along: it would hang here for ever. Start processes afresh: `multiprocessing.get_context("spawn")`, or '
            "joblib, which does so by itself; fits and models can be pickled and sent there. (Forking before an engine "
            "starts works, too.)"
        )


def leave_behind(engines: Mapping[str, Any]) -> None:
    """From now on, forked children find these engines changed to `Behind`, wherever they are kept."""

    def after_fork() -> None:
        for name, engine in engines.items():
            engine.__dict__["name"] = name
            engine.__class__ = Behind

    if hasattr(os, "register_at_fork"):  # elsewhere there is no fork
        os.register_at_fork(after_in_child=after_fork)
