"""`ByVariable`: for each measured variable a loss of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ...checks import known_keys
from ...errors import OptionError
from ...stored import from_json, stored
from .loss import Loss

__all__ = ["ByVariable"]


@stored
@dataclass(frozen=True)
class ByVariable(Loss):
    """What `loss={"cases": "poisson", "temperature": ude.Huber()}` stands for: variable → loss.

    Where one of them is a likelihood, every value has one voice; else every variable.
    """

    kind: ClassVar[str] = "by_variable"
    losses: Mapping[str, Loss]

    def __post_init__(self) -> None:
        for name, loss in self.losses.items():
            if isinstance(loss, ByVariable):
                raise OptionError(f"The loss of `{name}` is a dict itself. Give each variable one loss.")

    @property
    def scale(self) -> dict[str, float]:  # type: ignore[override]
        """Variable → size, from its own loss."""
        return self._settings("scale")

    @property
    def weights(self) -> dict[str, float]:  # type: ignore[override]
        """Variable → factor, from its own loss."""
        return self._settings("weights")

    def _settings(self, label: str) -> dict[str, float]:
        return {n: getattr(loss, label)[n] for n, loss in self.losses.items() if n in getattr(loss, label)}

    @property
    def beside(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for loss in self.losses.values():
            for aside, names in loss.beside.items():
                found[aside] = (*found.get(aside, ()), *names)
        return found

    @property
    def limited(self) -> bool:
        return any(loss.limited for loss in self.losses.values())

    @property
    def whole(self) -> bool:
        return any(loss.whole for loss in self.losses.values())

    def traced(self, shapes: Mapping[str, Sequence[tuple[int, ...]]]) -> ByVariable:
        return ByVariable({n: loss.traced({n: shapes[n]}) if n in shapes else loss for n, loss in self.losses.items()})

    @property
    def is_likelihood(self) -> bool:
        return any(loss.is_likelihood for loss in self.losses.values())

    def of_variable(self, variable: str) -> Loss:
        return self.losses[variable]

    def check(self, names: tuple[str, ...]) -> None:
        known_keys(self.losses, names, "data variable in `loss`")
        missing = [n for n in names if n not in self.losses]
        if missing:
            raise OptionError(
                f"`loss` says nothing about {', '.join(f'`{n}`' for n in missing)}. Name every measured variable, e.g. "
                f'`"{missing[0]}": "squared_error"`.'
            )
        for name, loss in self.losses.items():
            loss.check((name,))

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> ByVariable:
        return cls({n: from_json(Loss, v) for n, v in values["losses"].items()})
