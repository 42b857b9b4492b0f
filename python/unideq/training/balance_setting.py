"""What `balance=` of a fit means: fixed weights of terms, a rule that moves them, and causal weights in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..checks import instance, mapping, number
from ..errors import OptionError, unknown
from ..objective.weighting_rules import Balance, Causal
from ..stored import Stored, stored

__all__ = ["BalanceSettings"]


@stored
@dataclass(frozen=True)
class BalanceSettings(Stored):
    """`balance=`, taken apart.

    Attributes
    ----------
    weights
        Term → its weight instead of its own, at the start of a rule or throughout.
    rule
        How the weights move, if they do.
    causal
        Weights in time, if any.
    """

    family: ClassVar[str] = "balance"
    tag: ClassVar[str] = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    rule: Balance | None = None
    causal: Causal | None = None

    @classmethod
    def of(cls, given: Any) -> BalanceSettings:
        """Check and sort what a user gave: None, a dict, a rule, `Causal()`, or a list of these."""
        parts = [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]
        found: dict[str, Any] = {}
        for part in parts:
            instance(part, tuple(_KINDS.values()), "balance", needs=_NEEDS)
            name = next(n for n, kind in _KINDS.items() if isinstance(part, kind))
            if name in found:
                raise OptionError(f"`balance` takes one {_WORDS[name]}, not two: {found[name]!r} and {part!r}.")
            found[name] = part
        if "weights" in found:
            given = mapping(found["weights"], "balance", needs="a dict term → weight")
            found["weights"] = {n: float(number(w, n, "balance", least=0)) for n, w in given.items()}
        return cls(**found)

    def fixed(self, terms: Iterable[str]) -> dict[str, float]:
        """The given weights by an objective's terms; `TERM` stands for all `TERM.KEY`."""
        names = list(terms)
        found: dict[str, float] = {}
        for given, weight in self.weights.items():
            mine = [n for n in names if n == given or n.startswith(f"{given}.")]
            if not mine:
                raise unknown("term in `balance`", given, names)
            found.update(dict.fromkeys(mine, weight))
        return found

    @property
    def text(self) -> str:
        """In words, for headers and tables; empty where there is no balance."""
        fixed = ", ".join(f"{n} × {w:g}" for n, w in self.weights.items())
        parts = [fixed] + [type(part).__name__ for part in (self.rule, self.causal) if part is not None]
        return " and ".join(part for part in parts if part)

    @classmethod
    def parts(cls) -> Mapping[str, type[Stored]]:
        """A rule, and causal weights."""
        return {"rule": Balance, "causal": Causal}


_KINDS: dict[str, type] = {"weights": Mapping, "rule": Balance, "causal": Causal}
_NEEDS = "a dict term → weight, a rule such as `ude.LearningRateAnnealing()`, `ude.Causal()`, or a list of these"
_WORDS = {"weights": "dict of weights", "rule": "rule", "causal": "`Causal`"}
