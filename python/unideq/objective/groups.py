"""Groups of trajectories: whose values a parameter by group has, and how a program picks each trajectory's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import DataError
from ..graph import Expression, Graph, variable
from ..graph.location import warn_user
from ..graph.transform import substitute
from ..model import Layout, Model
from ..model.grouped import listing, unknown_group
from .series import Series

__all__ = [
    "Groups",
    "group_values",
    "groups_of",
    "label_of",
    "picked",
    "selection_rows",
    "slopes_of",
    "starting_groups",
    "stored_as",
    "trained_groups",
    "values_of",
]


@dataclass(frozen=True)
class Groups:
    """The groups of one parameter.

    Attributes
    ----------
    per
        What labels them: `trajectory`, or a coordinate along it.
    labels
        In the order of their first trajectories.
    index
        Trajectory → its group, (T,).
    """

    per: str
    labels: tuple[Any, ...]
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def without(self, series: Sequence[Series]) -> list[Any]:
        """Labels of the groups in which nothing is measured."""
        known = {int(self.index[i]) for i, s in enumerate(series) if len(s.times)}
        return [label for k, label in enumerate(self.labels) if k not in known]

    def at(self, name: str, labels: Any) -> Groups:
        """The same groups, trajectories with other ones: those of a label, or of one label a trajectory.

        Raises
        ------
        DataError
            If there is no such group, or there aren't as many labels as trajectories.
        """
        found = np.asarray(labels)
        if found.shape not in ((), self.index.shape):
            raise DataError(f"`{self.per}` needs one label, or one of each of {len(self.index)} trajectories.")
        for label in found.reshape(-1).tolist():
            if label not in self.labels:
                raise unknown_group(name, self.per, label, self.labels)
        index = np.reshape([self.labels.index(label) for label in found.reshape(-1).tolist()], found.shape)
        return replace(self, index=np.array(np.broadcast_to(index, self.index.shape), dtype=int))


def label_of(s: Series, per: str) -> Any:
    """The label of a trajectory's group."""
    return s.label if per == "trajectory" else s.groups[per]


def groups_of(model: Model, series: Sequence[Series]) -> dict[str, Groups]:
    """Parameter by group → its groups in these trajectories."""
    found = {}
    for name, condition in model.grouped.items():
        own = [label_of(s, condition.per) for s in series]
        labels = tuple(dict.fromkeys(own))
        place = {label: k for k, label in enumerate(labels)}
        found[name] = Groups(condition.per, labels, np.array([place[label] for label in own], dtype=int))
    return found


def starting_groups(model: Model, series: Sequence[Series]) -> Model:
    """The model to train: where it brings values of groups, others start at its guess, which is told."""
    changed = {}
    for name, groups in groups_of(model, series).items():
        condition = model.grouped[name]
        new = [label for label in groups.labels if label not in condition.known]
        if not new or not condition.known or condition.default is not None:
            continue
        warn_user(
            f"`{name}` has trained values of {listing(condition.known)}, and none of {groups.per} {listing(new)}: "
            f"there it starts at its guess, {float(condition.parameter.array):g}."
        )
        changed[name] = {**condition.known, **dict.fromkeys(new, float(condition.parameter.array))}
    return model.with_groups(changed) if changed else model


def values_of(name: str, model: Model, layout: Layout, theta: Expression) -> Expression:
    """The values of a parameter's groups (groups,)."""
    spread = model.grouped[name].parameter.spread
    if spread is None:
        return layout.view(theta, name)
    return spread.value(*_parts(name, layout, theta))


def slopes_of(name: str, model: Model, layout: Layout, theta: Expression) -> Expression:
    """Their derivatives in the groups' deviations (groups,)."""
    spread = model.grouped[name].parameter.spread
    assert spread is not None
    return spread.slope(*_parts(name, layout, theta))


def _parts(name: str, layout: Layout, theta: Expression) -> tuple[Expression, ...]:
    return tuple(layout.view(theta, f"{part}.{name}") for part in ("typical", "spread", "deviation"))


def stored_as(name: str, layout: Layout) -> str | None:
    """The entry of θ with one number a group; None where a layout doesn't have the parameter."""
    return next((n for n in (name, f"deviation.{name}") if n in layout), None)


def group_values(
    model: Model, groups: Mapping[str, Groups], layout: Layout, theta: np.ndarray
) -> dict[str, np.ndarray]:
    """Parameter by group → its values (groups,), or (S, groups), at θ (P,) or (S, P)."""
    symbol = layout.variable()
    known = [n for n in groups if stored_as(n, layout) is not None]
    graph = Graph((symbol,), {n: values_of(n, model, layout, symbol) for n in known})
    rows = [graph.evaluate({"theta": row}) for row in np.atleast_2d(theta)]
    return {n: np.stack([row[n] for row in rows]).reshape(*np.shape(theta)[:-1], -1) for n in known}


def trained_groups(model: Model, series: Sequence[Series], layout: Layout, theta: np.ndarray) -> Model:
    """The model that knows the values that θ has for the groups of these trajectories."""
    groups = groups_of(model, series)
    values = group_values(model, groups, layout, theta)
    if not values:
        return model
    parts = layout.unpack(theta)
    inside = {n: layout[n].inside(v) if n in layout else v for n, v in values.items()}
    known = {n: dict(zip(groups[n].labels, v.tolist(), strict=True)) for n, v in inside.items()}
    typical = {n: (float(parts[f"typical.{n}"]), float(parts[f"spread.{n}"])) for n in known if n not in layout}
    return model.with_groups(known, typical)


# ---- programs whose `c` is data: steps, points ----------------------------------------------------------------------


def selection_rows(rows: np.ndarray | None, groups: Mapping[str, Groups]) -> np.ndarray | None:
    """What a step or point reads as data: a trajectory's constants, then for each parameter a one in its group's place.

    `rows`: what the model reads as `c`, (T, q).
    """
    if rows is None or not groups:
        return rows
    return np.concatenate([rows, *(np.eye(len(g))[g.index] for g in groups.values())], axis=1)


def picked(graph: Graph, model: Model, groups: Mapping[str, Groups], values: Mapping[str, Expression]) -> Graph:
    """A graph of the model's `c` as one of `selection_rows`, which picks each parameter's value out of those of θ.

    `values`: parameter → the values of its groups.
    """
    if not groups or "c" not in graph.input_names:
        return graph
    own = graph.input("c")
    size = own.shape[0]
    c = variable("c", (size + sum(len(g) for g in groups.values()),))
    places = {name: k for k, name in enumerate(model.conditions)}
    count = len(places)
    columns: list[Any] = [*(c[k : k + 1] for k in range(count)), *([c[count:size]] if size > count else [])]
    at = size
    for name, one in groups.items():
        columns[places[name]] = np.sum(c[at : at + len(one)] * values[name]).reshape(1)  # type: ignore[union-attr]
        at += len(one)
    joined: Any = np.concatenate(columns)
    return substitute(graph, {own: joined}, tuple(c if i is own else i for i in graph.inputs))
