"""Truncation contamination: how much of a learned closure is physics, and how much the error of a finite difference.

A closure trained inside a host scheme H on data made by a scheme D learns what the host lacks: the missing physics,
plus the truncation error of D, minus that of H. The errors' leading terms are known from the traced graphs
(`modified_equation`), so least squares on physical candidates and these terms tells the parts apart.

The data says what made it: the attribute `unideq_model` of a data set holds, as text, the JSON of the PDE (or Stepper)
that generated it, on its own grid and with its own scheme:

    data.attrs["unideq_model"] = json.dumps(generator.to_json())

`unideq.restrict` and slicing keep it. `data_model=` does the same. Where neither is there, the errors that coarser
differences of the host's own derivatives would make are candidates instead.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from ...errors import DataError, OptionError
from ...model import ODE
from ...result import Fit
from ..finding import Finding
from ..states import States, closure
from .decomposition import Decomposition
from .modified_equation import ModifiedEquation, modified_equation
from .physical_terms import Term, physical_terms
from .regression import Regression, Samples, blocks_of, regress, select_columns
from .scheme_terms import SchemeTerm, on_grid_of, scheme_terms
from .space import Space
from .verdict import truncation_finding

__all__ = ["Truncation", "generator_of", "truncation"]

RESOLVED = 1e-5
"""States with a larger share of variance in the shortest third of their waves aren't resolved by the grid."""
_GOOD = 0.95
_GAIN = 0.01
"""What a physical term must add to R² (unless it halves what is left) where the schemes' leading errors are known. The
rest is mostly their next order then, which a term like it would imitate; else that order is itself a candidate."""


@dataclass(frozen=True)
class Settings:
    """How `truncation` works; see its arguments."""

    candidates: Mapping[str, Callable[..., Any]] = dataclasses.field(default_factory=dict)
    resolution: float = RESOLVED
    max_terms: int = 4
    only: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Truncation:
    """Result of the check: findings, and a decomposition a field."""

    findings: tuple[Finding, ...]
    fields: Mapping[str, Decomposition]

    def groups(self) -> dict[str, xr.Dataset]:
        """What is stored under `/diagnostics`."""
        return {f"truncation_{name}": d.dataset() for name, d in self.fields.items()}


def generator_of(data: xr.Dataset) -> ODE | None:
    """The model that made a data set, from its attribute `unideq_model`; None where it doesn't say."""
    source = data.attrs.get("unideq_model")
    if source is None:
        return None
    try:
        return ODE.from_json(json.loads(source))
    except (TypeError, ValueError) as error:
        raise DataError(f"The data's attribute `unideq_model` can't be read: {error}") from error


def truncation(
    fit: Fit,
    states: States,
    space: Space,
    *,
    data_model: ODE | None = None,
    network: str | None = None,
    candidates: Mapping[str, Callable[..., Any]] | None = None,
    resolution: float = RESOLVED,
    max_terms: int = 4,
    spacing: Mapping[str, float] | None = None,
    only: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
) -> Truncation:
    """Regress a closure on physical candidates and on the schemes' modified-equation terms.

    Parameters
    ----------
    fit
        A trained model.
    states
        Where the closure is read.
    space
        The host's grid.
    data_model
        The model that made the data; None where it isn't known.
    network
        Whose contribution; None for all networks'.
    candidates
        Further physical terms: text → function of (fields, derivative).
    resolution
        Largest share of variance in the shortest third of the waves of a state that is used: derivatives of what the
        grid doesn't resolve mean nothing.
    max_terms
        Largest number of selected terms besides the schemes' own.
    spacing
        Of the data's grid, where `data_model` has none of its own.
    only
        Field → texts of the terms to regress on, without selection.
    seed
        Of the resampling.
    """
    if not 0 < resolution <= 1:
        raise OptionError(f"`resolution` needs a share between 0 and 1, not {resolution!r}.")
    theta = fit.theta[: fit.model.layout.size]
    host = modified_equation(fit.model, space, theta)
    data = None
    if data_model is not None:
        data_space = Space.of(data_model, spacing) or space
        data = modified_equation(data_model, data_space)
    times, flat = np.concatenate(states.times), np.concatenate(states.states)
    learned = closure(fit, states, network)
    settings = Settings(candidates or {}, resolution, max_terms, only or {}, seed)
    return decompose(host, data, times, flat, learned, [len(t) for t in states.times], settings)


def decompose(
    host: ModifiedEquation,
    data: ModifiedEquation | None,
    times: np.ndarray,
    flat: np.ndarray,
    learned: np.ndarray,
    lengths: Sequence[int],
    settings: Settings | None = None,
) -> Truncation:
    """`truncation` on arrays: a closure (M, n) at states (M, n) of trajectories with these lengths."""
    settings = settings or Settings()
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
                host, data, name, times[kept], flat[kept], chosen, target[kept], blocks, settings, count
            )
    return Truncation(tuple(truncation_finding(d, data is not None) for d in results.values()), results)


def _resolved(space: Space, fields: Mapping[str, np.ndarray], resolution: float) -> np.ndarray:
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
    settings: Settings,
    kept: tuple[int, int],
) -> Decomposition:
    space = host.space
    inside = np.broadcast_to(space.interior(target.shape[1:], host.margin), target.shape)
    y, where = target[inside], blocks[inside]
    scheme = scheme_terms(host, data, field, times, flat)

    def columns(level: int) -> tuple[list[str], np.ndarray, list[int], dict[str, SchemeTerm]]:
        physical = physical_terms(space, field, tuple(fields), level, settings.candidates)
        return _columns(physical, scheme, fields, inside, data is not None)

    names, matrix, forced, known = columns(1)
    fixed = settings.only.get(field)
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
    settings: Settings,
    known_data: bool,
) -> tuple[list[int], Regression]:
    samples = Samples.make(names, matrix, y, where)
    chosen = select_columns(samples, forced, settings.max_terms, _GAIN if known_data else 0.0)
    return chosen, regress(samples.of(chosen), seed=settings.seed)


def scheme_error(host: ModifiedEquation, data: ModifiedEquation, t: float, state: np.ndarray) -> np.ndarray:
    """The data's whole truncation error minus the host's, (n,), at a state of the host's."""
    return on_grid_of(data, host, state, lambda u: data.whole_error(t, u)) - host.whole_error(t, state)


def _columns(
    physical: Sequence[Term],
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
