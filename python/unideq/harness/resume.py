"""The file that an interrupted study resumes from: whole after a kill at any moment."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileFormatError, OptionError

__all__ = ["ResumeFile", "plain", "write_json"]


class ResumeFile:
    """Finished units of one study, kept next to its result file and keyed by what could change the numbers.

    Parameters
    ----------
    output : the result file; the resume file lies beside it as `STEM.KEY.resume.json`.
    key : settings and versions; runs that differ in any of it never share rows.
    fresh : start anew even where a file is there.

    Raises
    ------
    FileFormatError : the file is there but damaged.
    OptionError : the folder can't be written to.
    """

    def __init__(self, output: Path, key: Mapping[str, Any], fresh: bool = False):
        digest = hashlib.sha256(json.dumps(plain(key), sort_keys=True).encode()).hexdigest()[:12]
        self.path = output.with_name(f"{output.stem}.{digest}.resume.json")
        self.finished: list[dict[str, Any]] = []
        if self.path.is_file() and not fresh:
            try:
                self.finished = json.loads(self.path.read_text(encoding="utf-8"))["finished"]
            except (ValueError, KeyError, TypeError) as error:
                raise FileFormatError(f"`{self.path}` is damaged ({error}); start anew with `--fresh`.") from error
        self._write()  # so that an unwritable place is found before hours of work, not after

    def rows_of(self, unit: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        """Rows of a finished unit, or None where it isn't finished."""
        return next((entry["rows"] for entry in self.finished if entry["unit"] == unit), None)

    def add(self, unit: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], seconds: float) -> None:
        """Mark a unit as finished."""
        self.finished.append({"unit": dict(unit), "rows": list(rows), "seconds": seconds})
        self._write()

    @property
    def seconds(self) -> float:
        """Time spent on all finished units, over all interruptions."""
        return sum(entry["seconds"] for entry in self.finished)

    def remove(self) -> None:
        """Delete the file: the study has ended and its result is written."""
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        try:
            write_json(self.path, {"finished": self.finished})
        except OSError as error:
            raise OptionError(f"Can't write `{self.path}`: {error}. Choose another file with `--json`.") from error


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole or not at all; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def plain(value: Any) -> Any:
    """Value as JSON holds it: NumPy numbers and arrays become Python's, and what isn't finite becomes None.

    Raises
    ------
    TypeError : the value has no JSON form.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if hasattr(value, "__array__"):  # arrays of engines and of xarray
        return plain(np.asarray(value))
    raise TypeError(f"a {type(value).__name__} can't be written to JSON: {value!r}")
