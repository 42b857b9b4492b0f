"""Where Unideq keeps what would take long to make again: developed fields, compiled code."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
from pathlib import Path

__all__ = ["cache_folder", "clear_cache", "code_folder", "kept_files"]

CODE = "code-jax-"
DEVELOPED = "developed-"


def cache_folder() -> Path | None:
    """`UNIDEQ_CACHE`, or `unideq` in the user's folder for caches; None where that is `off`."""
    chosen = os.environ.get("UNIDEQ_CACHE", "")
    if chosen:
        return None if chosen.lower() == "off" else Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "unideq" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "unideq"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unideq"


def code_folder() -> Path | None:
    """The part for code that JAX compiled for processors like this one; machines that differ may share the rest."""
    place = cache_folder()
    return None if place is None else place / f"{CODE}{hashlib.sha256(_processor().encode()).hexdigest()[:12]}"


def _processor() -> str:
    """What decides which instructions compiled code may have."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    told = [line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))]
    return " ".join([platform.machine(), platform.processor(), *dict.fromkeys(told)])


def kept_files() -> list[Path]:
    """All that lies there."""
    place = cache_folder()
    if place is None or not place.is_dir():
        return []
    inner = [f for folder in place.glob(f"{CODE}*") if folder.is_dir() for f in folder.iterdir()]
    return [f for f in (*place.glob(f"{DEVELOPED}*.nc"), *inner) if f.is_file()]


def clear_cache() -> tuple[int, int]:
    """Remove it; how many files, and bytes, there were."""
    files = kept_files()
    size = sum(f.stat().st_size for f in files)
    for file in files:
        file.unlink(missing_ok=True)
    for folder in (cache_folder() or Path()).glob(f"{CODE}*"):
        shutil.rmtree(folder, ignore_errors=True)
    return len(files), size
