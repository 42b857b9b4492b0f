"""`Ranking`: what is known about effects of interventions: which is larger, their sign, how they grow with a dose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..checks import choice, function, instance, known_arguments, mapping, number, refused, sequence, settle
from ..errors import FileFormatError, ModelError, OptionError, unknown
from ..graph import Graph, from_json, to_json, variable
from ..model import Model
from ..model.names import normal, normal_keys
from .groups import label_of
from .intervention import Intervention
from .series import Series

__all__ = ["Ranking", "coordinates_of", "label_in", "rankings_of"]

OVER = ("times", "end")
TAKES = "the name of a state or observable, or a function of (t, state, p, net, forcing)"
TIERS = 'interventions from the least to the greatest effect, e.g. `[{}, {"x": 1.0}]`'


@known_arguments
@dataclass(frozen=True)
class Ranking:
    """Interventions in the order of their effects: knowledge that a model is trained to agree with.

    In each trajectory the model is solved under every intervention. The effect is the mean of `of` over the
    trajectory's times, and the logit sharpness · effect / scale. The loss is minus the log-probability (Plackett–Luce)
    of choosing each alternative from itself and all that shall have less effect, averaged over these choices: for one
    alternative above the others, the cross-entropy between softmax(logits) and which is the largest.

    Parameters
    ----------
    of
        What has effects: the name of a state or observable, or a function of (t, state, p, net, forcing), traced from
        NumPy as right-hand sides are; arrays are averaged.
    increasing
        From the least effect to the greatest: interventions, or lists of those that have no known order among
        themselves. A dict is what is added, `{"x": 1.0}`; `{}` is nothing done. `[{}, {"x": 1.0}]` is a sign,
        `[[b, c], a]` says which is the largest, `[{}, {"x": 1.0}, {"x": 2.0}]` is a dose-response.
    weight
        Factor in the total, beside the misfits' 1; 0: not trained on, only reported. A loss
        (1 − α) · misfit + α · ranking has the weight α / (1 − α).
    sharpness
        β: how large a logit is for an effect of one `scale`. The larger it is, the more the order alone counts, and not
        by how much effects differ.
    over
        `times`: the mean over a trajectory's times; `end`: the value at its last.
    where
        Coordinate along `trajectory` → label or list of labels: the trajectories that it is known for; `trajectory`
        itself is one. Default: all.
    scale
        Size of an effect; default: of a measured variable the one that its residuals are divided by, of a state its
        size, of a function 1.

    Raises
    ------
    OptionError
        If there is nothing to order, or an intervention stands twice.

    Examples
    --------
    >>> import unideq as ude
    >>> ude.Ranking("level", [{}, {"feed": 1.0}]).weight
    1.0
    >>> more = ude.Intervention(add={"feed": 1.0}, during=(2.0, 4.0))
    >>> ude.Ranking(lambda t, state: state.level**2, [{}, more], weight=0.1, where={"site": ["north", "south"]})
    Ranking(nothing done < feed + 1 during 2 … 4)
    """

    of: str | Callable[..., Any] | None
    increasing: Sequence[Any]
    weight: float = 1.0
    sharpness: float = 1000.0
    over: str = "times"
    where: Mapping[str, Any] = field(default_factory=dict)
    scale: float | None = None
    graph: Graph | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        own = "Ranking"
        settle(self, number, "weight", least=0)
        settle(self, number, "sharpness", above=0)
        settle(self, choice, "over", choices=OVER)
        settle(self, number, "scale", above=0, none=True)
        if self.graph is None and not (isinstance(self.of, str) and self.of):
            object.__setattr__(self, "of", function(self.of, "of", own, needs=TAKES))
        object.__setattr__(self, "of", normal(self.of))
        tiers = sequence(self.increasing, "increasing", own, needs=TIERS, each=_tier)
        if len(tiers) < 2:
            raise refused(self.increasing, "increasing", own, f"two entries at least: {TIERS}")
        alternatives = [one for tier in tiers for one in tier]
        keys = [one.key for one in alternatives]
        twice = next((one for one in alternatives if keys.count(one.key) > 1), None)
        if twice is not None:
            raise OptionError(f"`{twice}` stands twice in `increasing` of `Ranking`. Each intervention has one place.")
        object.__setattr__(self, "increasing", tiers)
        where = mapping(self.where, "where", own, needs="a dict coordinate → label, or a list of labels", none=True)
        object.__setattr__(self, "where", {n: _labels(v, n) for n, v in normal_keys(where).items()})

    @property
    def alternatives(self) -> tuple[Intervention, ...]:
        """All interventions, from the least to the greatest effect."""
        return tuple(one for tier in self.increasing for one in tier)

    @property
    def tiers(self) -> np.ndarray:
        """(k,): the tier of each alternative, 0 that of the least effect."""
        return np.repeat(np.arange(len(self.increasing)), [len(tier) for tier in self.increasing])

    def violated(self, effects: np.ndarray) -> np.ndarray:
        """Which rows of effects (…, k) aren't in order: some alternative has no more effect than one below it. NaN
        where an effect isn't known."""
        tiers = self.tiers
        above, below = np.nonzero(tiers[:, None] > tiers[None, :])
        wrong = (effects[..., above] <= effects[..., below]).any(axis=-1)
        return np.where(np.isfinite(effects).all(axis=-1), wrong.astype(float), np.nan)

    def applies(self, s: Series) -> bool:
        """Whether it is known for a trajectory."""
        return all(label_in(s, name) in labels for name, labels in self.where.items())

    def traced(self, model: Model, name: str = "ranking") -> Ranking:
        """The same with its graph (t, u, θ) → `value`, the interventions checked against a model's inputs."""
        for one in self.alternatives:
            one.check(model, f"the ranking `{name}`")
        if self.graph is not None:
            return self
        if callable(self.of):
            return replace(self, of=None, graph=model.trace(self.of, name))
        observation = model.observation
        if self.of in observation.outputs:
            return replace(self, graph=Graph(observation.inputs, {"value": observation.outputs[str(self.of)]}))
        if self.of not in model.states.names:
            known = [*model.states.names, *observation.outputs]
            raise ModelError(f"{unknown('variable', self.of, known)} The ranking `{name}` is of it.")
        u = variable("u", (model.size,))
        return replace(self, graph=Graph((u,), {"value": model.states.split(u)[str(self.of)]}))

    def to_json(self) -> dict[str, Any]:
        """Settings and traced graph; see `rankings_of`."""
        if self.graph is None:
            raise OptionError("Only a traced ranking can be written: call `ranking.traced(model)` first.")
        return {
            "of": self.of if isinstance(self.of, str) else None,
            "increasing": [[one.to_json() for one in tier] for tier in self.increasing],
            "weight": self.weight,
            "sharpness": self.sharpness,
            "over": self.over,
            "where": {name: list(labels) for name, labels in self.where.items()},
            "scale": self.scale,
            "graph": to_json(self.graph),
        }

    def __str__(self) -> str:
        parts = [str(tier[0]) if len(tier) == 1 else "{" + "; ".join(map(str, tier)) + "}" for tier in self.increasing]
        return " < ".join(parts)

    def __repr__(self) -> str:
        return f"Ranking({self})"


def rankings_of(value: Any) -> dict[str, Ranking]:
    """None, a `Ranking`, or a dict name → `Ranking`; or their JSON."""
    if value is None:
        return {}
    if isinstance(value, Ranking):
        return {"ranking": value}
    needs = "a `ude.Ranking(...)`, or a dict name → `ude.Ranking(...)`"
    found = {}
    for name, item in mapping(value, "rankings", needs=needs).items():
        if isinstance(item, Mapping) and "graph" in item:
            found[name] = _from_json(name, item)
        else:
            found[name] = instance(item, Ranking, f"rankings: {name}", needs=needs)
    return found


def coordinates_of(rankings: Mapping[str, Ranking]) -> dict[str, str]:
    """Coordinate whose labels say which trajectories a ranking is known for → that ranking."""
    return {c: name for name, ranking in rankings.items() for c in ranking.where if c != "trajectory"}


def _from_json(name: str, data: Mapping[str, Any]) -> Ranking:
    try:
        tiers = [[Intervention(**one) for one in tier] for tier in data["increasing"]]
        rest = {n: data[n] for n in ("weight", "sharpness", "over", "where", "scale")}
        return Ranking(data["of"], tiers, **rest, graph=from_json(data["graph"]))
    except (KeyError, TypeError) as error:
        raise FileFormatError(f"The description of the ranking `{name}` is damaged.") from error


def _tier(value: Any) -> tuple[Intervention, ...]:
    name, own = "increasing", "Ranking"
    if isinstance(value, (Mapping, Intervention)):
        return (Intervention.of(value, name, own),)
    return sequence(value, name, own, needs=TIERS, each=lambda one: Intervention.of(one, name, own), least=1)


def _labels(value: Any, name: str) -> tuple[Any, ...]:
    if isinstance(value, (str, int, float, np.generic)) or np.ndim(value) == 0:
        value = [value]
    found = sequence(value, f"where: {name}", "Ranking", needs="a label, or a list of labels", least=1)
    return tuple(v.item() if isinstance(v, np.generic) else v for v in found)


def label_in(s: Series, name: str) -> Any:
    """What a coordinate says of a trajectory; None where it has no such label."""
    if name == "trajectory" or name in s.groups:
        return label_of(s, name)
    value = s.extra.get(name)
    return None if value is None or np.ndim(value) else value.item()
