"""Julia's threads and signals: with one thread Python keeps all signals, with more they are shared.

Julia stops its threads for garbage collection by a signal (SIGSEGV) that it must handle itself, so several threads need
`PYTHON_JULIACALL_HANDLE_SIGNALS=yes`. Julia then also waits for SIGINT, SIGTERM and SIGQUIT, and blocks them everywhere
else; unblocked again in Python's main thread they go where they went before.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from typing import Any

from ...errors import OptionError, UnideqWarning

__all__ = ["keep_python_signals", "signals_of_python", "thread_settings"]

_KEPT = ("SIGINT", "SIGTERM", "SIGQUIT")


def thread_settings() -> dict[str, str]:
    """juliacall's variables for threads and signals.

    The number of threads is `UNIDEQ_THREADS`, else what the user told juliacall or Julia, else 1; `auto` means one a
    processor.
    """
    threads = os.environ.get("UNIDEQ_THREADS")
    if threads is not None and threads != "auto" and not (threads.isdecimal() and int(threads) >= 1):
        raise OptionError(f"`UNIDEQ_THREADS` needs a whole number >= 1 or `auto`, not `{threads}`.")
    count = threads or _option("threads") or os.environ.get("JULIA_NUM_THREADS") or "1"
    handling = _option("handle-signals")
    if handling is None:
        handling = "no" if count == "1" else "yes"
    elif handling == "no" and count != "1":
        warnings.warn(
            f"Julia starts with {count} threads and PYTHON_JULIACALL_HANDLE_SIGNALS=no: it crashes at its first "
            "garbage collection in a thread. Leave that variable unset, or use one thread.",
            UnideqWarning,
            stacklevel=2,
        )
    return {"PYTHON_JULIACALL_THREADS": count, "PYTHON_JULIACALL_HANDLE_SIGNALS": handling}


def _option(name: str) -> str | None:
    """What the user told juliacall, as `-X juliacall-NAME=…` or as PYTHON_JULIACALL_NAME."""
    given = sys._xoptions.get(f"juliacall-{name}")
    return given if isinstance(given, str) else os.environ.get(f"PYTHON_JULIACALL_{name.upper().replace('-', '_')}")


def signals_of_python() -> dict[int, Any]:
    """Python's signal handlers before Julia starts."""
    numbers = [getattr(signal, name) for name in _KEPT if hasattr(signal, name)]
    return {number: signal.getsignal(number) for number in numbers}


def keep_python_signals(handlers: dict[int, Any]) -> None:
    """Give Python back what Julia took: call it in the main thread, where alone Python handles signals."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number, handler in handlers.items():
        if handler is not None:
            signal.signal(number, handler)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, handlers)
