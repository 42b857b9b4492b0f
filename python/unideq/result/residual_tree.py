"""The layout of a residual problem's fit as one `xarray.DataTree`, and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from ..errors import FileFormatError
from ..residual import Residual, ResidualProblem
from ..training.record import Record
from ..training.residual_record import ResidualTraining
from ..training.residual_settings import FIRST_ORDER, ResidualSettings
from ..training.stage_points import StagePoints
from .groups import (
    common_values,
    described,
    given_description,
    kind_of,
    optimizer_group,
    reading,
    root_attributes,
    stored_layout,
    stored_weights,
    training_group,
    weights_group,
)

__all__ = ["RESIDUAL", "residual_from_tree", "residual_groups"]

RESIDUAL = "residual_fit"
"""`unideq_kind` of these files."""
CAUSAL = "causal."


def residual_groups(record: ResidualTraining) -> dict[str, xr.Dataset]:
    """Groups that resume needs: `/training`, `/parameters`, `/weights`, `/snapshots`, `/points/TERM`, `/optimizer`."""
    trained = record.problem.with_theta(record.chosen_theta[record.best_seed])
    return {
        "/": xr.Dataset(attrs=root_attributes(record, RESIDUAL, **described(record.problem, trained, "problem"))),
        "/training": _training(record),
        "/parameters": _parameters(record),
        "/weights": _weights(record),
        "/snapshots": _snapshots(record),
        **{f"/points/{name}": dataset for name, dataset in _points(record).items()},
        "/optimizer": optimizer_group(record),
    }


def _training(record: ResidualTraining) -> xr.Dataset:
    """As of any fit, with the terms' weights and the causal ones apart."""
    dataset = training_group(record, "validation points, with the terms' own weights").drop_vars(
        ["held_out_total", "report"]
    )
    logs = record.history.joined(len(record.theta))
    own = [n for n in logs["terms"] if not n.startswith(CAUSAL)]
    dataset = dataset.sel(term=own)
    dims = ("seed", "iteration")
    if logs["weights"]:
        nothing = np.full(logs["total"].shape, np.nan)
        weights = np.stack([logs["weights"].get(n, nothing) for n in own], axis=-1)
        dataset = dataset.assign(weight=((*dims, "term"), weights, {"long_name": "weight of the term in the total"}))
    causal: dict[str, list[np.ndarray]] = {}
    for name, values in logs["terms"].items():
        if name.startswith(CAUSAL):
            causal.setdefault(name.removeprefix(CAUSAL).rpartition(".")[0], []).append(values)
    if causal:
        longest = max(len(slices) for slices in causal.values())
        stacked = np.full((*logs["total"].shape, len(causal), longest), np.nan)
        for k, slices in enumerate(causal.values()):
            stacked[:, :, k, : len(slices)] = np.stack(slices, axis=-1)
        dataset = dataset.assign(
            causal_weight=((*dims, "causal_term", "chunk"), stacked, {"long_name": "weight of a slice of time"})
        ).assign_coords(causal_term=np.array(list(causal), dtype=str), chunk=np.arange(longest))
    return dataset


def _parameters(record: ResidualTraining) -> xr.Dataset:
    variables: dict[str, Any] = {}
    for name, values in record.layout.unpack(record.chosen_theta).items():
        entry = record.layout[name]
        if entry.kind == "network":
            continue
        dims = ("seed", *(f"{name}_{k}" for k in range(values.ndim - 1)))
        attrs: dict[str, Any] = {k: v for k, v in (("units", entry.units), ("long_name", entry.description)) if v}
        variables[name] = (dims, values, {**attrs, "free": int(entry.free)})
    return xr.Dataset(variables, coords={"seed": list(record.settings.seeds)})


def _weights(record: ResidualTraining) -> xr.Dataset:
    if not record.weights:
        return weights_group(record)
    values = np.stack(list(record.weights.values()), axis=1)
    words = {"long_name": "weight of the term where the stage began"}
    dataset = weights_group(record, term_weight=(("seed", "term"), values, words))
    return dataset.assign_coords(term=np.array(list(record.weights), dtype=str))


def _snapshots(record: ResidualTraining) -> xr.Dataset:
    h = record.history
    return xr.Dataset(
        {
            "theta": (
                ("snapshot", "seed", "weight"),
                np.stack(h.snapshot_theta),
                {"long_name": "parameters on the way, unconstrained"},
            )
        },
        coords={
            "snapshot": ("snapshot", np.array(h.snapshot_iteration, dtype=int), {"long_name": "iteration"}),
            "seed": list(record.settings.seeds),
        },
    )


def _points(record: ResidualTraining) -> dict[str, xr.Dataset]:
    """The points that every term used last."""
    stages = record.settings.stages()
    number = min(record.stage, len(stages) - 1)
    # Between two stages the one before was the last that used any.
    iteration = stages[number].iterations if number < record.stage else record.iteration
    if not isinstance(stages[number].phase, FIRST_ORDER):
        iteration = 0
    objective = stages[number].objective
    assert isinstance(objective, Residual)
    points = StagePoints(objective, record.problem, number, dict(record.points))
    found = {}
    for name in record.problem.residuals:
        columns = points.of(name, max(iteration - 1, 0))
        found[name] = xr.Dataset(
            {n: ("point", np.asarray(v), {"long_name": f"{n} of the points used last"}) for n, v in columns.items()},
            attrs={"adaptive": int(name in record.points)},
        )
    return found


def residual_from_tree(tree: xr.DataTree, source: str) -> ResidualTraining:
    """Inverse of `residual_groups`."""
    if kind_of(tree, source) != RESIDUAL:
        raise FileFormatError(f"`{source}` doesn't hold the fit of a residual problem.")
    with reading(source):
        return _read(tree)


def _read(tree: xr.DataTree) -> ResidualTraining:
    attrs = tree.attrs
    problem = ResidualProblem.from_json(given_description(attrs, "problem"))
    settings = ResidualSettings.from_json(json.loads(attrs["settings"]))
    layout, weights = stored_layout(tree, len(settings.seeds)), stored_weights(tree)
    group = tree["/weights"].to_dataset()
    names = [str(n) for n in group["term"].values] if "term_weight" in group else []
    record = ResidualTraining(
        problem=problem,
        settings=settings,
        layout=layout,
        weights={n: weights["term_weight"][:, k].copy() for k, n in enumerate(names)},
        points={
            str(name): {str(n): np.asarray(v.values) for n, v in node.data_vars.items()}
            for name, node in tree["/points"].children.items()
            if node.attrs["adaptive"]
        },
        **common_values(tree),
    )
    _complete_history(record, tree)
    return record


def _complete_history(record: Record, tree: xr.DataTree) -> None:
    """Causal weights back among the terms, and the snapshots."""
    training, snapshots = tree["/training"].to_dataset(), tree["/snapshots"].to_dataset()
    if "causal_weight" in training:
        values = training["causal_weight"]
        for k, name in enumerate(training["causal_term"].values):
            for j in range(values.sizes["chunk"]):
                record.history.terms[0][f"{CAUSAL}{name}.{j}"] = np.asarray(values.values[:, :, k, j])
    record.history.snapshot_iteration = [int(i) for i in snapshots["snapshot"].values]
    record.history.snapshot_theta = list(np.asarray(snapshots["theta"].values))
