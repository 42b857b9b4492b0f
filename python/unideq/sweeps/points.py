"""`Point`: one combination of settings and a seed, its labels, and the name of its file."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..checks import is_number, mapping, refused, sequence
from ..checks.numbers import plain
from ..errors import OptionError

__all__ = ["GIVEN", "Point", "check_takes", "points_of", "settings_of"]

GIVEN = ("seeds", "checkpoint", "progress")
"""What a sweep hands over besides the settings; `ude.fit` takes them."""
LONGEST = 120
"""Characters of a file's name, which systems limit to 255 bytes."""


@dataclass(frozen=True)
class Point:
    """A member of a sweep.

    Attributes
    ----------
    values
        Setting → its value.
    labels
        Setting → how it is called in the result.
    place
        Its position along the sweep's dimensions, the seed's last.
    seed
        Of its fit.
    """

    values: Mapping[str, Any]
    labels: Mapping[str, Any]
    place: tuple[int, ...]
    seed: int

    @property
    def name(self) -> str:
        """In one line."""
        return ", ".join([*(f"{n}={v}" for n, v in self.labels.items()), f"seed={self.seed}"])

    @property
    def file(self) -> str:
        """The name of its file: different for different points."""
        plain = re.sub(r"[^\w.=,+-]+", "_", self.name.replace(", ", ","))
        if plain == self.name.replace(", ", ",") and len(plain) <= LONGEST:
            return f"{plain}.nc"
        return f"{plain[:LONGEST]}-{hashlib.sha256(self.name.encode()).hexdigest()[:8]}.nc"


def settings_of(over: Any) -> dict[str, dict[Any, Any]]:
    """Setting → label → value, checked."""
    needs = 'a dict setting → its values, e.g. `{"width": [4, 8]}`, or → a dict label → value'
    found: dict[str, dict[Any, Any]] = {}
    for name, given in mapping(over, "over", "sweep", needs=needs).items():
        if name in (*GIVEN, "seed"):
            raise OptionError(f"`over` of `sweep` can't have `{name}`: a sweep gives it by itself, see `seeds`.")
        if isinstance(given, Mapping):
            found[name] = {_label(label, name): value for label, value in given.items()}
        else:
            values = sequence(given, f'over["{name}"]', "sweep", needs=needs)
            found[name] = {_label(value, name): value for value in values}
            if len(found[name]) < len(values):
                raise OptionError(f'`over["{name}"]` of `sweep` has a value twice: {list(values)}.')
        if not found[name]:
            raise OptionError(f'`over["{name}"]` of `sweep` is empty: there is nothing to fit.')
        if len({isinstance(label, str) for label in found[name]}) > 1:
            raise OptionError(f'`over["{name}"]` of `sweep` mixes text and numbers: label all of them by text.')
    return found


def _label(value: Any, name: str) -> Any:
    """What a coordinate of the result can hold: text or a number."""
    found = plain(value)
    if isinstance(found, (str, bool)) or is_number(found):
        return found
    needs = 'numbers or text; of other values a dict label → value, e.g. `{"shooting": ude.MultipleShooting(5)}`'
    raise refused(value, f'over["{name}"]', "sweep", needs)


def points_of(settings: Mapping[str, Mapping[Any, Any]], seeds: Sequence[int]) -> list[Point]:
    """All combinations, the seed moving fastest."""
    found = []
    axes = [list(enumerate(values.items())) for values in settings.values()]
    for own, (k, seed) in itertools.product(itertools.product(*axes), enumerate(seeds)):
        labels = {n: label for n, (_, (label, _)) in zip(settings, own, strict=True)}
        values = {n: value for n, (_, (_, value)) in zip(settings, own, strict=True)}
        found.append(Point(values, labels, (*(i for i, _ in own), k), seed))
    return found


def check_takes(train: Callable[..., Any], names: Sequence[str]) -> None:
    """Raise where a function doesn't take the settings and what a sweep gives."""
    try:
        parameters = inspect.signature(train).parameters
    except (TypeError, ValueError):
        return  # of compiled code
    by_name = {n for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if any(p.kind == p.VAR_KEYWORD for p in parameters.values()):
        missing: list[str] = []
    else:
        missing = [n for n in (*names, *GIVEN) if n not in by_name]
    lacking = [n for n, p in parameters.items() if n in by_name and p.default is p.empty and n not in (*names, *GIVEN)]
    form = f"def train({', '.join([*names, '**run'])}): return ude.fit(model, data, ..., **run)"
    if missing:
        raise OptionError(
            f"The function of `sweep` doesn't take {', '.join(f'`{n}`' for n in missing)}. Write it as `{form}`: `run` "
            "has the seed, the checkpoint and the progress bar."
        )
    if lacking:
        raise OptionError(
            f"The function of `sweep` needs `{lacking[0]}`, which isn't among `over`: {', '.join(names) or 'nothing'}."
        )
