"""What every sampler offers: points of the unit cube, the same for the same seed and draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

import numpy as np

from ...checks import known_arguments, settle, whole
from ...errors import FileFormatError, OptionError, unknown

__all__ = ["Sampler", "register_sampler", "sampler_from_json"]

_KINDS: dict[str, type[Sampler]] = {}
Kind = TypeVar("Kind", bound="type[Sampler]")


@known_arguments
@dataclass(frozen=True)
class Sampler:
    """Base of all samplers.

    Parameters
    ----------
    redraw
        Iterations for which the same points serve; 1: new ones in every iteration; None: fixed, drawn once.

    Raises
    ------
    OptionError
        If `redraw` isn't a whole number >= 1 or None.
    """

    kind: ClassVar[str] = ""
    redraw: int | None = 1

    def __post_init__(self) -> None:
        settle(self, whole, "redraw", least=1, none=True)

    def draw(self, count: int, dimensions: int, generator: np.random.Generator) -> np.ndarray:
        """Points (count, dimensions) of the unit cube."""
        raise NotImplementedError

    def number(self, iteration: int) -> int:
        """Which draw an iteration uses."""
        return 0 if self.redraw is None else iteration // self.redraw

    def to_json(self) -> dict[str, Any]:
        """Plain settings, `kind` included; see `sampler_from_json`."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"kind": self.kind, **{n: v.to_json() if isinstance(v, Sampler) else v for n, v in values.items()}}


def register_sampler(cls: Kind) -> Kind:
    """Class decorator: makes a kind of sampler readable from files."""
    _KINDS[cls.kind] = cls
    return cls


def sampler_from_json(settings: Mapping[str, Any]) -> Sampler:
    """The sampler that `to_json` described."""
    values: dict[str, Any] = {n: sampler_from_json(v) if isinstance(v, Mapping) else v for n, v in settings.items()}
    kind = values.pop("kind", None)
    if kind not in _KINDS:
        raise unknown("sampler", kind, _KINDS, FileFormatError)
    try:
        return _KINDS[kind](**values)
    except (OptionError, TypeError) as error:
        raise FileFormatError(f"The description of a `{kind}` sampler is damaged: {error}.") from None
