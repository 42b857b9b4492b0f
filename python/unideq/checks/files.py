"""Words for files: the name of one, and one that can be written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..errors import OptionError
from .refusal import Error, refused

__all__ = ["path", "writable"]


def path(value: Any, name: str = "path", of: str = "", *, error: Error = OptionError) -> Path:
    """The name of a file as a `Path`: from text, or from anything with `__fspath__`."""
    needs = "the name of a file, as text or a `pathlib.Path`"
    try:
        given = os.fspath(value)
    except TypeError:
        given = None
    if not isinstance(given, str) or not given or "\0" in given:
        raise refused(value, name, of, needs, error=error)
    if len(os.fsencode(os.path.basename(given))) > 255:
        raise refused(value, name, of, f"{needs}, of up to 255 bytes", error=error)
    return Path(given)


def writable(value: Any, name: str = "path", of: str = "", *, what: str = "") -> Path:
    """The name of a file that can be written, or replaced, as a `Path`.

    Parameters
    ----------
    value, name, of
        As for `path`.
    what
        What is written, for messages: `The report`.

    Raises
    ------
    OptionError
        If it isn't a name, is a folder, or lies where nothing can be written.
    """
    target = path(value, name, of)
    folder, subject = target.parent, f"{what} `{target}`".lstrip()
    if target.is_dir():
        raise OptionError(f"{subject} can't be written: that is a folder. Give the name of a file in it.")
    if not folder.is_dir():
        raise OptionError(f"{subject} can't be written: there is no folder `{folder}`. Make it, or choose another.")
    if not os.access(target if target.exists() else folder, os.W_OK):
        raise OptionError(f"{subject} can't be written: you have no permission there. Choose another folder.")
    return target
