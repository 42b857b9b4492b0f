"""Training that goes on from a fit: other phases, more data, parts frozen; every seed from where it stands."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import sequence, text
from ..engine import Engine, Report, checked_engine, get_engine
from ..errors import DataError, OptionError
from ..model import Layout
from ..model.layout import Entry
from ..objective import Observations
from ..objective.groups import groups_of
from ..optimise import Laplace
from .fit import checked_run, trained
from .kind import kind_of
from .record import Record
from .stage import checked_phases

if TYPE_CHECKING:
    from ..result.fit import Fit
    from .transferred import Transferred

__all__ = ["adapt", "names", "train_further"]


def train_further(
    fit: Fit,
    phases: Any = None,
    data: Any = None,
    *,
    objective: Any = None,
    freeze: str | Sequence[str] = (),
    thaw: str | Sequence[str] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    engine: str | Engine | None = None,
    progress: bool = True,
    report_every: int | None = None,
    callback: Callable[[Report], Any] | None = None,
    settled: bool = False,
    noted: Callable[..., Transferred] | None = None,
    start: str = "there",
    **options: Any,
) -> Fit:
    """See `Fit.train`. `settled`: nothing but the values of groups, and initial values, may change.

    `noted`: what the fit remembers of where it comes from, of the freed model, its data and its settings. `start`:
    `there`, from where the fit stands; `anew`, as if there were no fit; `only`, there, and nothing is trained.
    """
    record = fit.record
    if "seeds" in options:
        raise OptionError("`train` goes on with the seeds of the fit. Other seeds begin anew: `ude.fit(…, seeds=…)`.")
    path = checked_run(checkpoint, progress, callback)
    model = _freed(record.model, names(freeze, "freeze"), names(thaw, "thaw"))
    model = model.settled() if settled else model.without_weights() if start == "anew" else model
    kind, before = kind_of(model), record.settings
    kind.check_arguments(options)
    if data is None:
        data = record.observations
    elif record.observations is not None:
        options.setdefault("clock", record.observations.clock)
    model, observations, settings = kind.settle(
        model,
        data,
        before.lasting_objective if objective is None else objective,
        before.phases if phases is None else phases,
        before.seeds,
        before.report_every if report_every is None else report_every,
        **{**before.options(), **options},
    )
    chosen = fit.engine if engine is None else get_engine(checked_engine(engine))
    beginning = None if start == "anew" else record.chosen_theta.tolist()

    def begin(layout: Layout, theta: np.ndarray) -> np.ndarray:
        return _carried(record, observations, layout, theta)

    transferred = None if noted is None else noted(model, observations, settings)
    more = () if transferred is None else (transferred.to_json(),)
    return trained(
        model, observations, settings, chosen, path, progress, callback,
        None if start == "anew" else begin, beginning, *more, transferred=transferred, iterate=start != "only",
    )  # fmt: skip


def adapt(fit: Fit, data: Any, phases: Any, **settings: Any) -> Fit:
    """See `Fit.adapted`."""
    if not getattr(fit.record.model, "grouped", {}):
        raise OptionError(
            "`adapted` finds what groups have of their own, and this model has no parameter by group. Give it one, "
            '`ude.Parameter(..., per="trajectory")`, or train on with other data: `fit.train(data=...)`.'
        )
    if data is None:
        raise DataError("`adapted` needs measurements of other trajectories: `fit.adapted(dataset)`.")
    if any(isinstance(phase, Laplace) for phase in checked_phases(phases)):
        raise OptionError(
            "`Laplace` finds what a population has in common, which `adapted` keeps. Use `ude.BFGS(100)`."
        )
    return train_further(fit, phases, data, settled=True, **{"holdout": None, **settings})


def _freed(model: Any, freeze: tuple[str, ...], thaw: tuple[str, ...]) -> Any:
    """The model with parts frozen and thawed; of a network and its layer, the layer's word counts."""
    both = set(freeze) & set(thaw)
    if both:
        raise OptionError(f"`freeze` and `thaw` both name `{min(both)}`. Leave it out of one of them.")
    for name in sorted((*freeze, *thaw), key=lambda n: n.count(".")):
        model = model.frozen(name) if name in freeze else model.thawed(name)
    return model


def names(given: Any, what: str) -> tuple[str, ...]:
    """A name or several."""
    if isinstance(given, str):
        return (given,)
    return sequence(
        given, what, needs='names of parameters, networks and layers, e.g. `["uptake"]`', each=lambda n: text(n, what)
    )


def _carried(record: Record, observations: Observations | None, layout: Layout, theta: np.ndarray) -> np.ndarray:
    """A start θ (S, P) with all that the record has trained, in so far as it means the same there.

    Initial values, starts of segments and multipliers belong to the trajectories that they were trained on; values of
    groups to their labels.
    """
    same = observations is record.observations
    before = groups_of(record.model, record.observations.series) if record.observations is not None else {}
    after = groups_of(record.model, observations.series) if observations is not None else {}
    rows = []
    for own, row in zip(record.chosen_theta, theta, strict=True):
        known, values, kept = record.layout.unpack(own), layout.unpack(row), []
        for entry in layout.entries:
            name = entry.name.removeprefix("deviation.")
            if entry.kind in ("group", "deviation") and name in before and entry.name in known:
                old = dict(zip(before[name].labels, known[entry.name], strict=True))
                now = dict(zip(after[name].labels, values[entry.name], strict=True))
                values[entry.name] = entry.inside(np.array([old.get(label, v) for label, v in now.items()]))
                continue
            lasting = same or entry.kind not in ("initial", "segment", "multiplier", "penalty")
            if lasting and entry.name in record.layout and _stored_alike(entry, record.layout[entry.name]):
                kept.append(entry.name)
            elif lasting and entry.name in known and known[entry.name].shape == entry.shape:
                values[entry.name] = entry.inside(known[entry.name])
        packed = layout.pack(values)
        for name in kept:  # bit for bit
            packed[layout.window(name)] = own[record.layout.window(name)]
        rows.append(packed)
    return np.stack(rows)


def _stored_alike(one: Entry, other: Entry) -> bool:
    """Whether the same stored numbers mean the same."""
    return all(getattr(one, n) == getattr(other, n) for n in ("kind", "shape", "lower", "upper", "scale"))
