"""The layout of a fit as one `xarray.DataTree`, and back: see the page on files for every group and variable."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from .. import versions
from ..engine import Engine
from ..errors import FileFormatError
from ..model import ODE, Layout
from ..objective import Observations
from ..training.record import History, Training
from ..training.settings import FitSettings
from .sampling import learned_dataset, predict, result_times
from .score import scores

__all__ = ["FORMAT", "kind_of", "result_groups", "training_from_tree", "training_groups"]

FORMAT = 1
"""Version of the file layout; files with a higher one can't be read."""


def training_groups(record: Training) -> dict[str, xr.Dataset]:
    """Groups that resume needs: `/`, `/observations`, `/training`, `/parameters`, `/weights`, `/optimizer`."""
    seeds = list(record.settings.seeds)
    return {
        "/": xr.Dataset(attrs=_root(record)),
        "/observations": _observations(record),
        "/training": _training(record, seeds),
        "/parameters": _parameters(record, seeds),
        "/weights": _weights(record, seeds),
        "/optimizer": _optimizer(record),
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


def _root(record: Training) -> dict[str, Any]:
    return {
        "unideq_format": FORMAT,
        "unideq_kind": "fit",
        "unideq_version": versions.unideq_version(),
        "versions": json.dumps(versions.numerical_versions()),
        "model": json.dumps(record.model.to_json()),
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


def _observations(record: Training) -> xr.Dataset:
    dataset = record.observations.dataset.copy()
    if record.observations.stream is not None:
        dataset.attrs["stream"] = json.dumps(record.observations.stream.reference)
    _, held = record.observations.split(record.settings.holdout)
    if held is not None:
        times = dataset["time"].values
        out = np.zeros((dataset.sizes["trajectory"], len(times)), dtype=bool)
        for i, s in enumerate(held.series):
            out[i, np.searchsorted(times, s.times)] = True
        dataset = dataset.assign_coords(held_out=(("trajectory", "time"), out))
    return dataset


def _training(record: Training, seeds: list[int]) -> xr.Dataset:
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
    words = {"long_name": "loss of the fixed windows that mini-batches are judged by"}
    coords = {"judgement": ("judgement", logs["judged_iteration"], {"long_name": "iteration"})}
    return dataset.assign(judged_total=(("seed", "judgement"), logs["judged_total"], words)).assign_coords(coords)


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
    return xr.Dataset(variables, coords={"seed": seeds, "trajectory": labels, **space})


def _weights(record: Training, seeds: list[int]) -> xr.Dataset:
    dims = ("seed", "weight")
    return xr.Dataset(
        {
            "theta": (dims, record.chosen_theta, {"long_name": "reported parameters, unconstrained"}),
            "theta_best": (dims, record.best_theta, {"long_name": "lowest total of the current stage"}),
            "theta_last": (dims, record.theta, {"long_name": "where the optimiser stands"}),
            "theta_held_out": (dims, record.held_theta, {"long_name": "lowest held-out loss"}),
            "best_total": (("seed",), record.best_total),
            "best_held_out_total": (("seed",), record.held_best),
        },
        coords={"seed": seeds, "weight": np.array(record.layout.labels, dtype=str)},
    )


def _optimizer(record: Training) -> xr.Dataset:
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
    """`fit` or `solution`, after a check that the file is ours and not too new."""
    attrs = tree.attrs
    if "unideq_format" not in attrs:
        raise FileFormatError(f"`{source}` isn't a Unideq file: it lacks the attribute `unideq_format`.")
    if int(attrs["unideq_format"]) > FORMAT:
        raise FileFormatError(
            f"`{source}` has file format {int(attrs['unideq_format'])} (written by unideq "
            f"{attrs.get('unideq_version', '?')}); this version reads up to {FORMAT}. "
            "Type `pip install --upgrade unideq`."
        )
    return str(attrs.get("unideq_kind", "fit"))


def training_from_tree(tree: xr.DataTree, source: str) -> Training:
    """Inverse of `training_groups`."""
    if kind_of(tree, source) != "fit":
        raise FileFormatError(f"`{source}` holds a solution, not a fit. Read it with `unideq.Solution.load`.")
    try:
        return _read(tree)
    except FileFormatError:
        raise
    except (KeyError, ValueError, TypeError, json.JSONDecodeError) as error:
        raise FileFormatError(f"`{source}` is damaged: {error!r}. Use another checkpoint or train anew.") from error


def _read(tree: xr.DataTree) -> Training:
    attrs = tree.attrs
    model = ODE.from_json(json.loads(attrs["model"]))
    settings = FitSettings.from_json(json.loads(attrs["settings"]))
    observed = tree["/observations"].to_dataset().drop_vars("held_out", errors="ignore").load()
    layout = Layout.from_json(json.loads(attrs["layout"]))
    weights = {n: np.asarray(v.values) for n, v in tree["/weights"].to_dataset().data_vars.items()}
    if weights["theta"].shape != (len(settings.seeds), layout.size):
        raise ValueError(f"θ has shape {weights['theta'].shape}, not {(len(settings.seeds), layout.size)}")
    optimizer = tree["/optimizer"].to_dataset()
    state = {
        v.attrs["key"]: np.asarray(v.values).astype(np.dtype(v.attrs["dtype"]))
        for n, v in optimizer.data_vars.items()
        if n != "finished"
    }
    record = Training(
        model,
        _observed(observed, model),
        settings,
        layout,
        weights["theta_last"],
        weights["theta_best"],
        weights["best_total"],
        weights["theta_held_out"],
        weights["best_held_out_total"],
        json.loads(attrs["engine"]),
        _history(tree["/training"].to_dataset()),
        int(attrs["stage"]),
        int(attrs["iteration"]),
        state,
        str(attrs["status"]),
        json.loads(attrs["events"]),
        str(attrs["created"]),
        float(attrs["seconds"]),
        np.asarray(optimizer["finished"].values) if "finished" in optimizer else None,
        str(attrs["fingerprint"]),
    )
    return record


def _observed(dataset: xr.Dataset, model: ODE) -> Observations:
    """The measurements, or the excerpt and the reference of those that were read in pieces."""
    reference = dataset.attrs.pop("stream", None)
    found = Observations.of(dataset, model)
    return found if reference is None else found.with_stream(model, json.loads(reference))


def _history(data: xr.Dataset) -> History:
    total = np.asarray(data["total"].values)
    if not total.shape[1]:
        return History()
    terms = {str(n): np.asarray(data["term_value"].sel(term=n).values) for n in data["term"].values}
    held = np.asarray(data["held_out_total"].values)
    judged = np.asarray(data["judged_total"].values) if "judged_total" in data else np.zeros((len(total), 0))
    return History(
        [total],
        [terms],
        [np.asarray(data["gradient_norm"].values)],
        [np.asarray(data["learning_rate"].values)],
        [np.asarray(data["rejected"].values).astype(bool)],
        [np.asarray(data["stage_number"].values)],
        [int(i) for i in data["report"].values],
        [held[:, k] for k in range(held.shape[1])],
        [int(i) for i in data["judgement"].values] if "judged_total" in data else [],
        [judged[:, k] for k in range(judged.shape[1])],
    )
