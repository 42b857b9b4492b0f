"""Compiled code on disk: JAX's own persistent cache, in Unideq's folder, so that a second process compiles nothing.

Its keys hold the program, the versions and XLA's settings, the folder's name the processor. Locks keep processes apart,
and the least recently used entries leave first. A damaged entry is a warning of JAX and a compilation.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import jax

from ...cache_folder import code_folder

__all__ = ["keep_compiled_code"]

LARGEST = 2**30
"""Bytes of all entries together."""
LEAST = 0.2
"""Seconds of compilation from which an entry is worth its file."""


def keep_compiled_code() -> None:
    """Turn it on for this process, unless its user has chosen a folder (`JAX_COMPILATION_CACHE_DIR`) or `off`."""
    place = code_folder()
    if place is None or jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        return
    if importlib.util.find_spec("filelock") is None:  # JAX bounds the size by its help alone
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / ".writable").touch()
    except OSError:
        return
    _remove_halves(place)
    jax.config.update("jax_compilation_cache_dir", str(place))
    jax.config.update("jax_compilation_cache_max_size", LARGEST)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", LEAST)
    _forget_that_there_was_none()


def _remove_halves(place: Path) -> None:
    """Entries of processes that were killed while they wrote them lack their second file, the time of their use."""
    for entry in place.glob("*-cache"):
        if not entry.with_name(entry.name.removesuffix("-cache") + "-atime").exists():
            entry.unlink(missing_ok=True)


def _forget_that_there_was_none() -> None:
    """JAX looks once for a folder, at a process's first compilation."""
    try:
        from jax.experimental.compilation_cache.compilation_cache import reset_cache
    except ImportError:
        return
    reset_cache()
