"""Groups that the files of all fits have: logs, weights, the optimiser's state, and the way back from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import xarray as xr

from .. import versions
from ..errors import FileFormatError, damaged
from ..model import ODE, Layout
from ..model.file import check_format
from ..model.values import Valued
from ..residual import ResidualProblem
from ..training.record import History, Record

__all__ = [
    "FORMAT",
    "common_values",
    "described",
    "given_description",
    "history_from",
    "kind_of",
    "optimizer_group",
    "reading",
    "root_attributes",
    "stored_layout",
    "stored_weights",
    "training_group",
    "weights_group",
]

FORMAT = 2
"""Version of the file layout; files with a higher one can't be read."""


def root_attributes(record: Record, kind: str, **described: Any) -> dict[str, Any]:
    """Attributes of `/`: who wrote it, how, how far it came. `described` is stored as JSON."""
    return {
        "unideq_format": FORMAT,
        "unideq_kind": kind,
        "unideq_version": versions.unideq_version(),
        "versions": json.dumps(versions.numerical_versions()),
        **{name: json.dumps(value) for name, value in described.items()},
        "settings": json.dumps(record.settings.to_json()),
        "layout": json.dumps(record.layout.to_json()),
        "engine": json.dumps(record.engine),
        "events": json.dumps(record.events),
        "status": record.status,
        "created": record.created,
        "seconds": record.seconds,
        "stage": record.stage,
        "iteration": record.iteration,
        "fingerprint": record.fingerprint,
    }


def described(given: ODE | ResidualProblem, trained: Valued, name: str) -> dict[str, Any]:
    """Root attributes of a fit's model: as it is trained (`name`), and the values that it had before (`given`)."""
    if given not in _described:
        _described[given] = given.to_json()
    return {name: {**_described[given], **trained.values_to_json()}, "given": given.values_to_json()}


_described: WeakKeyDictionary[Valued, dict[str, Any]] = WeakKeyDictionary()
"""Models as they were given: checkpoints write them again and again."""


def given_description(attrs: Mapping[Any, Any], name: str) -> dict[str, Any]:
    """The description of the model as it was given to `fit`; files of before format 2 hold no other."""
    return {**json.loads(attrs[name]), **json.loads(attrs.get("given", "{}"))}


def training_group(record: Record, judged_by: str = "windows that mini-batches are judged by") -> xr.Dataset:
    """`/training`: totals, terms, gradient norms, learning rates; held-out and judged totals at reports.

    Parameters
    ----------
    judged_by
        What the judged totals are of, in words.
    """
    seeds = list(record.settings.seeds)
    logs = record.history.joined(len(seeds))
    dims = ("seed", "iteration")
    names = list(logs["terms"])
    terms = np.stack([logs["terms"][n] for n in names], axis=-1) if names else np.zeros((*logs["total"].shape, 0))
    dataset = xr.Dataset(
        {
            "total": (dims, logs["total"], {"long_name": "total loss"}),
            "term_value": ((*dims, "term"), terms, {"long_name": "unweighted term"}),
            "gradient_norm": (dims, logs["gradient_norm"], {"long_name": "gradient norm"}),
            "learning_rate": (dims, logs["learning_rate"], {"long_name": "learning rate"}),
            "rejected": (dims, logs["rejected"].astype(np.int8), {"long_name": "rejected step (1: yes)"}),
            "stage_number": (("iteration",), logs["stage"], {"labels": [s.label for s in record.settings.stages()]}),
            "held_out_total": (("seed", "report"), logs["held_total"], {"long_name": "held-out loss"}),
        },
        coords={
            "seed": seeds,
            "iteration": np.arange(logs["total"].shape[1]),
            "term": np.array(names, dtype=str) if names else np.zeros(0, dtype="U1"),
            "report": ("report", logs["held_iteration"], {"long_name": "iteration"}),
        },
    )
    if not logs["judged_total"].shape[1]:
        return dataset
    words = {"long_name": f"loss of the fixed {judged_by}"}
    coords = {"judgement": ("judgement", logs["judged_iteration"], {"long_name": "iteration"})}
    return dataset.assign(judged_total=(("seed", "judgement"), logs["judged_total"], words)).assign_coords(coords)


def weights_group(record: Record, **more: Any) -> xr.Dataset:
    """`/weights`: θ as reported, best and last."""
    dims = ("seed", "weight")
    return xr.Dataset(
        {
            "theta": (dims, record.chosen_theta, {"long_name": "reported parameters, unconstrained"}),
            "theta_best": (dims, record.best_theta, {"long_name": "lowest total of the current stage"}),
            "theta_last": (dims, record.theta, {"long_name": "where the optimiser stands"}),
            "best_total": (("seed",), record.best_total),
            **more,
        },
        coords={"seed": list(record.settings.seeds), "weight": np.array(record.layout.labels, dtype=str)},
    )


def optimizer_group(record: Record) -> xr.Dataset:
    """`/optimizer`: the arrays that it goes on from."""
    variables = {}
    for k, (key, array) in enumerate(record.state.items()):
        array = np.asarray(array)
        dims = tuple(f"array_{k}_{i}" for i in range(array.ndim))
        stored = array.astype(np.int8) if array.dtype == bool else array
        variables[f"array_{k}"] = (dims, stored, {"key": key, "dtype": array.dtype.str})
    if record.finished is not None:
        variables["finished"] = (("seed",), np.asarray(record.finished))
    return xr.Dataset(variables)


def kind_of(tree: xr.DataTree, source: str) -> str:
    """`fit`, `residual_fit` or `solution`, after a check that the file is ours and not too new."""
    attrs = tree.attrs
    if "unideq_format" not in attrs:
        raise FileFormatError(f"`{source}` isn't a Unideq file: it lacks the attribute `unideq_format`.")
    check_format(attrs["unideq_format"], FORMAT, f"`{source}`", attrs.get("unideq_version"))
    return str(attrs.get("unideq_kind", "fit"))


def common_values(tree: xr.DataTree) -> dict[str, Any]:
    """What a record of any kind holds, by the names of its fields; without model, settings and layout."""
    attrs = tree.attrs
    weights = stored_weights(tree)
    optimizer = tree["/optimizer"].to_dataset()
    state = {
        v.attrs["key"]: np.asarray(v.values).astype(np.dtype(v.attrs["dtype"]))
        for n, v in optimizer.data_vars.items()
        if n != "finished"
    }
    return {
        "theta": weights["theta_last"],
        "best_theta": weights["theta_best"],
        "best_total": weights["best_total"],
        "engine": json.loads(attrs["engine"]),
        "history": history_from(tree["/training"].to_dataset()),
        "stage": int(attrs["stage"]),
        "iteration": int(attrs["iteration"]),
        "state": state,
        "status": str(attrs["status"]),
        "events": json.loads(attrs["events"]),
        "created": str(attrs["created"]),
        "seconds": float(attrs["seconds"]),
        "finished": np.asarray(optimizer["finished"].values) if "finished" in optimizer else None,
        "fingerprint": str(attrs["fingerprint"]),
    }


def reading(source: str) -> AbstractContextManager[None]:
    """Whatever goes wrong while a fit is read from a tree says that the file is damaged."""
    return damaged(f"`{source}`", "Use another checkpoint or train anew.")


def stored_layout(tree: xr.DataTree, seeds: int) -> Layout:
    """The layout of θ; raises a `ValueError` where the stored θ is another's."""
    layout = Layout.from_json(json.loads(tree.attrs["layout"]))
    shape = tree["/weights"]["theta"].shape
    if shape != (seeds, layout.size):
        raise ValueError(f"θ has shape {shape}, not {(seeds, layout.size)}")
    return layout


def stored_weights(tree: xr.DataTree) -> dict[str, np.ndarray]:
    """The arrays of `/weights`."""
    return {str(n): np.asarray(v.values) for n, v in tree["/weights"].to_dataset().data_vars.items()}


def history_from(data: xr.Dataset) -> History:
    """The logs of `/training`, as one chunk."""
    total = np.asarray(data["total"].values)
    if not total.shape[1]:
        return History()
    terms = {str(n): np.asarray(data["term_value"].sel(term=n).values) for n in data["term"].values}
    held = np.asarray(data["held_out_total"].values) if "held_out_total" in data else np.zeros((len(total), 0))
    judged = np.asarray(data["judged_total"].values) if "judged_total" in data else np.zeros((len(total), 0))
    return History(
        [total],
        [terms],
        [np.asarray(data["gradient_norm"].values)],
        [np.asarray(data["learning_rate"].values)],
        [np.asarray(data["rejected"].values).astype(bool)],
        [np.asarray(data["stage_number"].values)],
        [int(i) for i in data["report"].values] if "report" in data else [],
        [held[:, k] for k in range(held.shape[1])],
        [int(i) for i in data["judgement"].values] if "judged_total" in data else [],
        [judged[:, k] for k in range(judged.shape[1])],
        [_weights_from(data)],
    )


def _weights_from(data: xr.Dataset) -> dict[str, np.ndarray]:
    if "weight" not in data:
        return {}
    return {str(n): np.asarray(data["weight"].sel(term=n).values) for n in data["term"].values}
