"""The layout of a fit as one `xarray.DataTree`, and back: see the page on files for every group and variable."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from ..engine import Engine
from ..errors import FileFormatError
from ..model import ODE
from ..objective import Observations
from ..objective.own_times import time_dim
from ..training.record import Training
from ..training.settings import FitSettings
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
from .sampling import labelled, learned_dataset, predict, result_times
from .score import scores
from .trained_model import trained_model

__all__ = ["result_groups", "training_from_tree", "training_groups"]


def training_groups(record: Training) -> dict[str, xr.Dataset]:
    """Groups that resume needs: `/`, `/observations`, `/training`, `/parameters`, `/weights`, `/optimizer`."""
    seeds = list(record.settings.seeds)
    model = described(record.model, trained_model(record), "model")
    return {
        "/": xr.Dataset(attrs=root_attributes(record, "fit", **model)),
        "/observations": _observations(record),
        "/training": training_group(record),
        "/parameters": _parameters(record, seeds),
        "/weights": _weights(record),
        "/optimizer": optimizer_group(record),
    }


def result_groups(record: Training, engine: Engine) -> dict[str, xr.Dataset]:
    """Groups that are computed from the trained model: `/solution`, `/learned_term`, `/diagnostics`."""
    times = result_times(record.observations)
    theta = record.chosen_theta
    prediction = predict(record, engine, times, theta)
    groups = {"/solution": prediction.solution}
    if record.model.learned:
        groups["/learned_term"] = learned_dataset(record, engine, times, prediction.states, theta)
    groups["/diagnostics"] = scores(record, prediction)
    return groups


def _observations(record: Training) -> xr.Dataset:
    dataset = record.observations.dataset.copy()
    if record.observations.stream is not None:
        dataset.attrs["stream"] = json.dumps(record.observations.stream.reference)
    _, held = record.observations.split(record.settings.holdout)
    if held is not None:
        times = dataset["time"].values
        rows = np.broadcast_to(times, (dataset.sizes["trajectory"], times.shape[-1]))
        out = np.zeros(rows.shape, dtype=bool)
        for row, own, s in zip(out, rows, held.series, strict=True):
            row[np.searchsorted(own, s.times)] = True  # NaN, behind a row's end, is sorted last
        dataset = dataset.assign_coords(held_out=(("trajectory", time_dim(times)), out))
    return dataset


def _parameters(record: Training, seeds: list[int]) -> xr.Dataset:
    labels = [s.label for s in record.observations.series]
    variables: dict[str, Any] = {}
    for name, values in record.layout.unpack(record.chosen_theta).items():
        entry = record.layout[name]
        if entry.kind == "network":
            continue
        lead = {"initial": "trajectory", "segment": "segment"}.get(entry.kind)
        extra = record.model.dims(name, values.shape[1 + bool(lead) :])
        attrs: dict[str, Any] = {k: v for k, v in (("units", entry.units), ("long_name", entry.description)) if v}
        attrs["free"] = int(entry.free)
        variables[name] = (("seed", *((lead,) if lead else ()), *extra), values, attrs)
    used = {dim for dims, *_ in variables.values() for dim in dims}
    space = {dim: points for dim, points in record.model.coordinates.items() if dim in used}
    return labelled(xr.Dataset(variables, coords={"seed": seeds, "trajectory": labels, **space}), record)


def _weights(record: Training) -> xr.Dataset:
    return weights_group(
        record,
        theta_held_out=(("seed", "weight"), record.held_theta, {"long_name": "lowest held-out loss"}),
        best_held_out_total=(("seed",), record.held_best),
    )


def training_from_tree(tree: xr.DataTree, source: str) -> Training:
    """Inverse of `training_groups`."""
    if kind_of(tree, source) != "fit":
        raise FileFormatError(f"`{source}` holds a solution, not a fit. Read it with `unideq.Solution.load`.")
    with reading(source):
        return _read(tree)


def _read(tree: xr.DataTree) -> Training:
    attrs = tree.attrs
    model = ODE.from_json(given_description(attrs, "model"))
    settings = FitSettings.from_json(json.loads(attrs["settings"]))
    observed = tree["/observations"].to_dataset().drop_vars("held_out", errors="ignore").load()
    layout, weights = stored_layout(tree, len(settings.seeds)), stored_weights(tree)
    return Training(
        model=model,
        observations=_observed(observed, model),
        settings=settings,
        layout=layout,
        held_theta=weights["theta_held_out"],
        held_best=weights["best_held_out_total"],
        **common_values(tree),
    )


def _observed(dataset: xr.Dataset, model: ODE) -> Observations:
    """The measurements, or the excerpt and the reference of those that were read in pieces."""
    reference = dataset.attrs.pop("stream", None)
    found = Observations.of(dataset, model)
    return found if reference is None else found.with_stream(model, json.loads(reference))
