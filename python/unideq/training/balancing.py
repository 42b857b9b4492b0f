"""What `balance=` of a fit means: fixed weights of terms, a rule that moves them, and causal weights in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..checks import instance, mapping, number
from ..errors import FileFormatError, OptionError, unknown
from ..objective.balance import Balance, Causal

__all__ = ["BalanceSettings"]


@dataclass(frozen=True)
class BalanceSettings:
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

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "weights": dict(self.weights),
            "rule": None if self.rule is None else {"kind": type(self.rule).__name__, **_plain(self.rule)},
            "causal": None if self.causal is None else _plain(self.causal),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BalanceSettings:
        """Inverse of `to_json`."""
        rule = None
        if data["rule"] is not None:
            values = {n: tuple(v) if isinstance(v, list) else v for n, v in data["rule"].items()}
            kind = values.pop("kind")
            kinds = {c.__name__: c for c in Balance.__subclasses__()}
            if kind not in kinds:
                raise unknown("balancing rule", kind, kinds, FileFormatError)
            rule = kinds[kind](**values)
        causal: Any = data["causal"]
        if causal is not None:
            terms = causal["terms"]
            causal = Causal(**{**causal, "terms": None if terms is None else tuple(terms)})
        return cls(dict(data["weights"]), rule, causal)


_KINDS: dict[str, type] = {"weights": Mapping, "rule": Balance, "causal": Causal}
_NEEDS = "a dict term → weight, a rule such as `ude.LearningRateAnnealing()`, `ude.Causal()`, or a list of these"
_WORDS = {"weights": "dict of weights", "rule": "rule", "causal": "`Causal`"}


def _plain(settings: Any) -> dict[str, Any]:
    return {n: list(v) if isinstance(v, tuple) else v for n, v in asdict(settings).items()}
