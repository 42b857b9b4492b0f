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
from ..model import Layout
from ..model.file import check_format
from ..model.values import Valued
from ..training.record import History, Record
from ..training.transferred import Transferred

__all__ = [
    "FORMAT",
    "common_values",
    "described",
    "file_word",
    "given_description",
    "optimizer_group",
    "reading",
    "root_attributes",
    "snapshots_group",
    "stored_layout",
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
        **({} if record.transferred is None else {"transferred": json.dumps(record.transferred.to_json())}),
    }


def described(given: Any, trained: Valued, name: str) -> dict[str, Any]:
    """Root attributes of a fit's model: as it is trained (`name`), and the values that it had before (`given`)."""
    if given not in _described:
        _described[given] = given.to_json()
    return {name: {**_described[given], **trained.values_to_json()}, "given": given.values_to_json()}


_described: WeakKeyDictionary[Valued, dict[str, Any]] = WeakKeyDictionary()
"""Models as they were given: checkpoints write them again and again."""


def given_description(attrs: Mapping[Any, Any], name: str) -> dict[str, Any]:
    """The description of the model as it was given to `fit`; files of before format 2 hold no other."""
    return {**json.loads(attrs[name]), **json.loads(attrs.get("given", "{}"))}


def training_group(record: Record, judged_by: str) -> xr.Dataset:
    """`/training`: totals, terms, gradient norms, learning rates; weights where they move; totals at reports.

    Parameters
    ----------
    judged_by
        What the judged totals are of, in words.
    """
    seeds = list(record.settings.seeds)
    logs = record.history.joined(len(seeds))
    dims = ("seed", "iteration")
    names = [n for n in logs["terms"] if not n.startswith(CAUSAL)]
    terms = np.stack([logs["terms"][n] for n in names], axis=-1) if names else np.zeros((*logs["total"].shape, 0))
    dataset = xr.Dataset(
        {
            "total": (dims, logs["total"], {"long_name": "total loss"}),
            "term_value": ((*dims, "term"), terms, {"long_name": "unweighted term"}),
            "gradient_norm": (dims, logs["gradient_norm"], {"long_name": "gradient norm"}),
            "learning_rate": (dims, logs["learning_rate"], {"long_name": "learning rate"}),
            "rejected": (dims, logs["rejected"].astype(np.int8), {"long_name": "rejected step (1: yes)"}),
            "stage_number": (("iteration",), logs["stage"], {"labels": [s.label for s in record.settings.stages()]}),
        },
        coords={
            "seed": seeds,
            "iteration": np.arange(logs["total"].shape[1]),
            "term": np.array(names, dtype=str) if names else np.zeros(0, dtype="U1"),
        },
    )
    if record.held_theta is not None:
        dataset["held_out_total"] = (("seed", "report"), logs["held_total"], {"long_name": "held-out loss"})
        dataset = dataset.assign_coords(report=("report", logs["held_iteration"], {"long_name": "iteration"}))
    if logs["judged_total"].shape[1]:
        words = {"long_name": f"loss of the fixed {judged_by}"}
        dataset["judged_total"] = (("seed", "judgement"), logs["judged_total"], words)
        at = ("judgement", logs["judged_iteration"], {"long_name": "iteration"})
        dataset = dataset.assign_coords(judgement=at)
    if logs["weights"]:
        nothing = np.full(logs["total"].shape, np.nan)
        weights = np.stack([logs["weights"].get(n, nothing) for n in names], axis=-1)
        dataset["weight"] = ((*dims, "term"), weights, {"long_name": "weight of the term in the total"})
    return _with_causal(dataset, logs)


CAUSAL = "causal."
"""What the causal weights of a term are logged as, slice by slice: `causal.TERM.NUMBER`."""


def _with_causal(dataset: xr.Dataset, logs: dict[str, Any]) -> xr.Dataset:
    """The causal weights apart from the terms."""
    causal: dict[str, list[np.ndarray]] = {}
    for name, values in logs["terms"].items():
        if name.startswith(CAUSAL):
            causal.setdefault(name.removeprefix(CAUSAL).rpartition(".")[0], []).append(values)
    if not causal:
        return dataset
    longest = max(len(slices) for slices in causal.values())
    stacked = np.full((*logs["total"].shape, len(causal), longest), np.nan)
    for k, slices in enumerate(causal.values()):
        stacked[:, :, k, : len(slices)] = np.stack(slices, axis=-1)
    dims = ("seed", "iteration", "causal_term", "chunk")
    dataset["causal_weight"] = (dims, stacked, {"long_name": "weight of a slice of time"})
    return dataset.assign_coords(causal_term=np.array(list(causal), dtype=str), chunk=np.arange(longest))


def snapshots_group(record: Record) -> xr.Dataset:
    """`/snapshots`: θ on the way."""
    h, words = record.history, {"long_name": "parameters on the way, unconstrained"}
    return xr.Dataset(
        {"theta": (("snapshot", "seed", "weight"), np.stack(h.snapshot_theta), words)},
        coords={
            "snapshot": ("snapshot", np.array(h.snapshot_iteration, dtype=int), {"long_name": "iteration"}),
            "seed": list(record.settings.seeds),
        },
    )


def weights_group(record: Record) -> xr.Dataset:
    """`/weights`: θ as reported, best, last, with the lowest held-out loss; weights of the terms as the stage began."""
    dims = ("seed", "weight")
    dataset = xr.Dataset(
        {
            "theta": (dims, record.chosen_theta, {"long_name": "reported parameters, unconstrained"}),
            "theta_best": (dims, record.best_theta, {"long_name": "lowest total of the current stage"}),
            "theta_last": (dims, record.theta, {"long_name": "where the optimiser stands"}),
            "best_total": (("seed",), record.best_total),
        },
        coords={"seed": list(record.settings.seeds), "weight": np.array(record.layout.labels, dtype=str)},
    )
    if record.held_theta is not None:
        dataset["theta_held_out"] = (dims, record.held_theta, {"long_name": "lowest held-out loss"})
        dataset["best_held_out_total"] = (("seed",), record.held_best)
    if record.transferred is not None:
        words = {"long_name": "where the transfer began"}
        dataset["theta_transferred"] = (dims, record.transferred.start, words)
    if record.weights:
        values, words = np.stack(list(record.weights.values()), axis=1), "weight of the term where the stage began"
        dataset["term_weight"] = (("seed", "term"), values, {"long_name": words})
        dataset = dataset.assign_coords(term=np.array(list(record.weights), dtype=str))
    return dataset


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


def file_word(tree: xr.DataTree, source: str) -> str:
    """`fit`, `residual_fit` or `solution`, after a check that the file is ours and not too new."""
    attrs = tree.attrs
    if "unideq_format" not in attrs:
        raise FileFormatError(f"`{source}` isn't a Unideq file: it lacks the attribute `unideq_format`.")
    check_format(attrs["unideq_format"], FORMAT, f"`{source}`", attrs.get("unideq_version"))
    return str(attrs.get("unideq_kind", "fit"))


def common_values(tree: xr.DataTree) -> dict[str, Any]:
    """What a record of any kind holds, by the names of its fields; without model, settings and layout."""
    attrs = tree.attrs
    group = tree["/weights"].to_dataset()
    weights = {str(n): np.asarray(v.values) for n, v in group.data_vars.items()}
    terms = [str(n) for n in group["term"].values] if "term_weight" in group else []
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
        "held_theta": weights.get("theta_held_out"),
        "held_best": weights.get("best_held_out_total"),
        "weights": {n: weights["term_weight"][:, k].copy() for k, n in enumerate(terms)},
        "engine": json.loads(attrs["engine"]),
        "history": _history(tree),
        "stage": int(attrs["stage"]),
        "iteration": int(attrs["iteration"]),
        "state": state,
        "status": str(attrs["status"]),
        "events": json.loads(attrs["events"]),
        "created": str(attrs["created"]),
        "seconds": float(attrs["seconds"]),
        "finished": np.asarray(optimizer["finished"].values) if "finished" in optimizer else None,
        "fingerprint": str(attrs["fingerprint"]),
        "transferred": Transferred.read(attrs["transferred"], weights["theta_transferred"])
        if "transferred" in attrs
        else None,
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


def _history(tree: xr.DataTree) -> History:
    """The logs of `/training`, as one chunk, and the snapshots."""
    data = tree["/training"].to_dataset()
    total = np.asarray(data["total"].values)
    history = History()
    if "snapshots" in tree.children:
        snapshots = tree["/snapshots"].to_dataset()
        history.snapshot_iteration = [int(i) for i in snapshots["snapshot"].values]
        history.snapshot_theta = list(np.asarray(snapshots["theta"].values))
    if not total.shape[1]:
        return history
    history.total, history.terms, history.weights = [total], [_terms_from(data)], [_weights_from(data)]
    for name in ("gradient_norm", "learning_rate"):
        setattr(history, name, [np.asarray(data[name].values)])
    history.stage = [np.asarray(data["stage_number"].values)]
    history.rejected = [np.asarray(data["rejected"].values).astype(bool)]
    for name, variable, at in (("held", "held_out_total", "report"), ("judged", "judged_total", "judgement")):
        if variable in data:
            setattr(history, f"{name}_iteration", [int(i) for i in data[at].values])
            setattr(history, f"{name}_total", list(np.moveaxis(np.asarray(data[variable].values), 1, 0)))
    return history


def _terms_from(data: xr.Dataset) -> dict[str, np.ndarray]:
    """The terms, and the causal weights of their slices among them."""
    terms = {str(n): np.asarray(data["term_value"].sel(term=n).values) for n in data["term"].values}
    if "causal_weight" in data:
        values = data["causal_weight"]
        for k, name in enumerate(data["causal_term"].values):
            for j in range(values.sizes["chunk"]):
                terms[f"{CAUSAL}{name}.{j}"] = np.asarray(values.values[:, :, k, j])
    return terms


def _weights_from(data: xr.Dataset) -> dict[str, np.ndarray]:
    if "weight" not in data:
        return {}
    return {str(n): np.asarray(data["weight"].sel(term=n).values) for n in data["term"].values}
