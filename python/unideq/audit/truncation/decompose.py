"""Decompose a closure: least squares on physical terms and on the leading errors of the schemes, field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DataError, OptionError
from .decomposition import Decomposition
from .modified_equation import ModifiedEquation
from .physical_terms import PhysicalTerm, physical_terms
from .regression import Regression, Samples, blocks_of, regress, select_columns
from .scheme_terms import SchemeTerm, on_grid_of, scheme_terms
from .uniform_grid import UniformGrid

if TYPE_CHECKING:
    from .truncation import Truncation

__all__ = ["decompose"]

_GOOD = 0.95
_GAIN = 0.01
"""What a physical term must add to R² (unless it halves what is left) where the schemes' leading errors are known. The
rest is mostly their next order then, which a term like it would imitate; else that order is itself a candidate."""


def decompose(
    host: ModifiedEquation,
    data: ModifiedEquation | None,
    times: np.ndarray,
    flat: np.ndarray,
    learned: np.ndarray,
    lengths: Sequence[int],
    settings: Truncation,
    only: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Decomposition]:
    """Decompose a closure (M, n) at states (M, n) of trajectories with these lengths; see `Truncation.explain`."""
    model, space = host.model, host.space
    fields = model.states.split(flat)
    for name, values in fields.items():
        if values.ndim - 1 < space.ndim:
            raise OptionError(
                f"State `{name}` has shape {values.shape[1:]}, which lacks the grid's axes {space.names}: "
                "leave `truncation` out of `checks`."
            )
    kept = _resolved(space, fields, settings.resolution)
    finite = np.isfinite(learned).all(axis=1)
    kept &= finite
    if not kept.any():
        raise DataError("The closure is finite at no state of the data: train the model first.")
    sizes = {name: float(np.sqrt(np.mean(v[kept] ** 2))) for name, v in model.states.split(learned).items()}
    largest = max(sizes.values())
    results = {}
    for name, target in model.states.split(learned).items():
        if sizes[name] > 1e-9 * largest:
            chosen = {n: v[kept] for n, v in fields.items()}
            blocks = _blocks(lengths, kept, target.shape[1:])
            count = (int(kept.sum()), len(kept))
            results[name] = _of_field(
                host, data, name, times[kept], flat[kept], chosen, target[kept], blocks, settings, count,
                (only or {}).get(name),
            )  # fmt: skip
    return results


def _resolved(space: UniformGrid, fields: Mapping[str, np.ndarray], resolution: float) -> np.ndarray:
    """Which states the grid resolves; the better half where hardly any do (noise, say)."""
    share = np.max([space.unresolved(v) for v in fields.values()], axis=0)
    kept = share <= resolution
    return kept if kept.mean() >= 0.2 else share <= np.median(share)


def _blocks(lengths: Sequence[int], kept: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Block of every sample of the states kept, (kept, *shape)."""
    parts, start, first = [], 0, 0
    for length in lengths:
        inside = kept[start : start + length]
        if inside.any():
            part = blocks_of(int(inside.sum()), shape) + first
            first = int(part.max()) + 1
            parts.append(part)
        start += length
    return np.concatenate(parts)


def _of_field(
    host: ModifiedEquation,
    data: ModifiedEquation | None,
    field: str,
    times: np.ndarray,
    flat: np.ndarray,
    fields: Mapping[str, np.ndarray],
    target: np.ndarray,
    blocks: np.ndarray,
    settings: Truncation,
    kept: tuple[int, int],
    fixed: Sequence[str] | None,
) -> Decomposition:
    space = host.space
    inside = np.broadcast_to(space.interior(target.shape[1:], host.margin), target.shape)
    y, where = target[inside], blocks[inside]
    scheme = scheme_terms(host, data, field, times, flat)

    def columns(level: int) -> tuple[list[str], np.ndarray, list[int], dict[str, SchemeTerm]]:
        physical = physical_terms(space, field, tuple(fields), level, settings.candidates)
        return _columns(physical, scheme, fields, inside, data is not None)

    names, matrix, forced, known = columns(1)
    if fixed is not None:
        if not set(fixed) <= set(names):
            names, matrix, forced, known = columns(2)
        chosen = [names.index(n) for n in fixed if n in names]
        regression = regress(Samples.make(names, matrix, y, where).of(chosen), seed=settings.seed)
    else:
        chosen, regression = _selected(names, matrix, forced, y, where, settings, data is not None)
        if regression.r_squared < _GOOD:
            more = columns(2)
            picked, second = _selected(*more[:3], y, where, settings, data is not None)
            if second.r_squared > regression.r_squared + 0.02:
                names, matrix, known = more[0], more[1], more[3]
                chosen, regression = picked, second
    fitted = np.full(target.shape, np.nan)
    fitted[inside] = matrix[:, chosen] @ regression.coefficients
    whole = None
    if data is not None:
        error = np.stack([scheme_error(host, data, t, u) for t, u in zip(times, flat, strict=True)])
        column = host.model.states.split(error)[field][inside]
        if np.sqrt(np.mean(column**2)) > 1e-9 * np.sqrt(np.mean(y**2)):
            physical = [i for i in chosen if names[i] not in known]
            stacked = np.concatenate([matrix[:, physical], column[:, None]], axis=1)
            labels = [*(names[i] for i in physical), "E"]
            whole = regress(Samples.make(labels, stacked, y, where), seed=settings.seed)
    return Decomposition(field, regression, known, whole, target, fitted, kept)


def _selected(
    names: list[str],
    matrix: np.ndarray,
    forced: list[int],
    y: np.ndarray,
    where: np.ndarray,
    settings: Truncation,
    known_data: bool,
) -> tuple[list[int], Regression]:
    samples = Samples.make(names, matrix, y, where)
    chosen = select_columns(samples, forced, settings.max_terms, _GAIN if known_data else 0.0)
    return chosen, regress(samples.of(chosen), seed=settings.seed)


def scheme_error(host: ModifiedEquation, data: ModifiedEquation, t: float, state: np.ndarray) -> np.ndarray:
    """The data's whole truncation error minus the host's, (n,), at a state of the host's."""
    return on_grid_of(data, host, state, lambda u: data.whole_error(t, u)) - host.whole_error(t, state)


def _columns(
    physical: Sequence[PhysicalTerm],
    scheme: Sequence[tuple[SchemeTerm, np.ndarray]],
    fields: Mapping[str, np.ndarray],
    inside: np.ndarray,
    known_data: bool,
) -> tuple[list[str], np.ndarray, list[int], dict[str, SchemeTerm]]:
    """All candidates; columns that are one and the same stand once, under the physical name, marked as both."""
    names, columns, forced, known = [], [], [], {}
    for term in physical:
        names.append(term.text)
        columns.append(np.broadcast_to(term.values(fields), inside.shape)[inside])
    for term, values in scheme:
        column = values[inside]
        size = float(np.sqrt(np.mean(column**2)))
        if not size > 0:
            continue
        twin, factor = _twin(column, columns)
        if twin is None:
            label = term.label if term.label not in names else f"{term.label} ({term.scheme})"
            forced += [len(names)] * known_data
            known[label] = replace(term, label=label)
            names.append(label)
            columns.append(column)
        elif names[twin] in known:
            before = known[names[twin]]
            known[names[twin]] = before.joined(term, factor)
        else:
            known[names[twin]] = replace(term.scaled(factor), ambiguous=True)
    return names, np.stack(columns, axis=1), forced, known


def _twin(column: np.ndarray, columns: Sequence[np.ndarray]) -> tuple[int | None, float]:
    """A column that this one is a multiple of, and the multiple."""
    for index, other in enumerate(columns):
        square = float(other @ other)
        factor = float(column @ other) / square if square else 0.0
        if np.linalg.norm(column - factor * other) < 1e-3 * np.linalg.norm(column):
            return index, factor
    return None, 0.0
