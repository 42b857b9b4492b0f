"""Files of models: one JSON file holds all there is to a model, without the Python function that it was traced from."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from ..checks import is_whole, writable
from ..checks import path as file_name
from ..errors import FileFormatError, OptionError

__all__ = ["Filed", "check_format", "read_model", "save_model"]

FORMAT = 2
"""Version of the file layout; files with a higher one can't be read."""


class Filed:
    """What says all there is to it as plain data, and has files: models, residual and backward problems."""

    to_json: Callable[[], dict[str, Any]]
    from_json: ClassVar[Callable[[Mapping[str, Any]], Any]]

    def __reduce__(self) -> Any:
        """Pickled as the file would be: the graphs travel, not the Python functions."""
        return type(self).from_json, (self.to_json(),)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a JSON file; `load` of its class reads it back, without the Python functions."""
        save_model(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Any:
        """Read what was written by `save`."""
        return cls.from_json(read_model(path))


def save_model(model: Filed, path: str | os.PathLike[str]) -> None:
    """Write a model, whole or not at all.

    Raises
    ------
    OptionError
        If the file can't be written.
    """
    from ..versions import unideq_version

    target = writable(path)
    content = {"unideq_format": FORMAT, "unideq_version": unideq_version(), "model": model.to_json()}
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:32]}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise OptionError(f"`{target}` can't be written: {error.strerror or error}.") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # temporary files are private; this one takes the place of an ordinary one
        os.replace(name, target)
    finally:
        if os.path.exists(name):
            os.unlink(name)


def read_model(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a model's `to_json` gave to `save_model`.

    Raises
    ------
    FileFormatError
        If there is no such file, or it isn't a model, is damaged, or was written by a newer version.
    """
    source = file_name(path)
    if source.is_dir():
        raise FileFormatError(f"`{source}` is a folder. Give the name of a file in it.")
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileFormatError(f"There is no file `{source}`.") from None
    except UnicodeDecodeError:
        advice = " Read a fit with `ude.Fit.load`: what it trained is its `model`." if _is_netcdf(source) else ""
        raise FileFormatError(f"`{source}` isn't a model file: those are JSON.{advice}") from None
    except (OSError, ValueError) as error:
        raise FileFormatError(f"`{source}` can't be read as a model: {error}.") from error
    if not isinstance(content, dict) or "unideq_format" not in content or "model" not in content:
        raise FileFormatError(f"`{source}` isn't a model file of Unideq: it lacks `unideq_format` or `model`.")
    check_format(content["unideq_format"], FORMAT, f"`{source}`", content.get("unideq_version"))
    return content["model"]


def check_format(given: Any, newest: int, what: str, version: Any) -> None:
    """Make sure that we can read a format of files.

    Parameters
    ----------
    given
        The version of the format, as the file has it.
    newest
        The newest one that we read.
    what
        The file, for messages.
    version
        Of the Unideq that wrote it, where it says so.

    Raises
    ------
    FileFormatError
        If it is newer, or no whole number.
    """
    if not is_whole(given, 1):
        raise FileFormatError(f"{what} is damaged: its `unideq_format` is {given!r}, not a whole number.")
    if given > newest:
        raise FileFormatError(
            f"{what} has file format {given} (written by unideq {version or '?'}); this version reads up to {newest}. "
            "Type `pip install --upgrade unideq`."
        )


def _is_netcdf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x89HDF"
