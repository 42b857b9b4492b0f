"""The layout of a fit as one `xarray.DataTree`, and back: see the page on files for every group and variable."""

from __future__ import annotations

import json
from typing import Any

import xarray as xr

from ..training.kind import kind_of, kind_of_file
from ..training.record import Record
from .fit_groups import (
    common_values,
    described,
    file_word,
    given_description,
    optimizer_group,
    reading,
    root_attributes,
    snapshots_group,
    stored_layout,
    training_group,
    weights_group,
)
from .sampling import labelled

__all__ = ["record_from_tree", "training_groups"]


def training_groups(record: Record) -> dict[str, xr.Dataset]:
    """Groups that resume needs: `/`, `/training`, `/parameters`, `/weights`, `/optimizer`, and those of the kind."""
    kind = record.kind
    trained = kind.trained(record, record.chosen_theta[record.best_seed])
    model = described(record.model, trained, kind.described_as)
    return {
        "/": xr.Dataset(attrs=root_attributes(record, kind.file, **model)),
        "/training": training_group(record, kind.judged_by),
        "/parameters": _parameters(record),
        "/weights": weights_group(record),
        **({"/snapshots": snapshots_group(record)} if record.history.snapshot_theta else {}),
        **kind.groups(record),
        "/optimizer": optimizer_group(record),
    }


def _parameters(record: Record) -> xr.Dataset:
    kind, model = record.kind, record.model
    variables: dict[str, Any] = {}
    groups = kind.group_values(record)
    for name, (dim, _, values) in groups.items():
        about = record.model.grouped[name]
        attrs = {k: v for k, v in (("units", about.units), ("long_name", about.description)) if v}
        attrs["free"] = int(about.parameter.free)
        variables[name] = (("seed", dim), values, attrs)
    for name, values in record.layout.unpack(record.chosen_theta).items():
        entry = record.layout[name]
        if entry.kind in ("network", "group", "penalty"):
            continue
        own = groups[name.partition(".")[2]][0] if entry.kind == "deviation" else None
        lead = own or {"initial": "trajectory", "multiplier": "trajectory", "segment": "segment"}.get(entry.kind)
        extra = kind.dims(model, name, values.shape[1 + bool(lead) :])
        attrs: dict[str, Any] = {k: v for k, v in (("units", entry.units), ("long_name", entry.description)) if v}
        attrs["free"] = int(entry.free)
        variables[name] = (("seed", *((lead,) if lead else ()), *extra), values, attrs)
    found = xr.Dataset(
        variables, coords={"seed": list(record.settings.seeds), **{d: labels for d, labels, _ in groups.values()}}
    )
    if record.observations is None:
        return found
    used = {dim for dims, *_ in variables.values() for dim in dims}
    space = {dim: points for dim, points in model.coordinates.items() if dim in used}
    return labelled(found.assign_coords(trajectory=[s.label for s in record.observations.series], **space), record)


def record_from_tree(tree: xr.DataTree, source: str) -> Record:
    """Inverse of `training_groups`."""
    stored = kind_of_file(file_word(tree, source), source)
    with reading(source):
        model = stored.model_from_json(given_description(tree.attrs, stored.described_as))
        kind = kind_of(model)
        settings = kind.settings.from_json(json.loads(tree.attrs["settings"]))
        return Record(
            model=model,
            settings=settings,
            layout=stored_layout(tree, len(settings.seeds)),
            **common_values(tree),
            **kind.read(tree, model, settings),
        )
