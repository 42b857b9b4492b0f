"""Transfer: a fit's layers (or networks, parameters) trained on other data, everything else as it is, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import shown
from ..errors import DataError, OptionError
from ..objective import Observations
from ..objective.scale import scale_of
from .further import names, train_further
from .kind import Kind, kind_of
from .record import Record
from .transferred import Transferred

if TYPE_CHECKING:
    from ..result.fit import Fit

__all__ = ["baseline", "transfer"]


def transfer(fit: Fit, data: Any, train: str | Sequence[str], phases: Any = None, **settings: Any) -> Fit:
    """See `Fit.transfer`."""
    model, kind = fit.record.model, kind_of(fit.record.model)
    _check(kind, model, data, settings)
    wholes = (*model.networks, *model.parameters)
    chosen = _chosen(model, train)

    def noted(freed: Any, observations: Observations | None, own: Any) -> Transferred:
        for name in chosen:
            if not any(e.free for e in freed.layout.within(name)):
                raise OptionError(f"Training may not change `{name}`: its values are fixed by the network's kind.")
        assert observations is not None
        return Transferred(chosen, _origin(fit.record), _scales(fit.record, observations, own))

    kept = tuple(n for n in wholes if n not in chosen)
    return train_further(fit, phases, data, freeze=kept, thaw=chosen, noted=noted, **settings)


def baseline(fit: Fit, data: Any, start: str, phases: Any = None, **settings: Any) -> Fit:
    """What transfers are compared with: the same model and data, trained `anew`, or not at all (`only`)."""
    model = fit.record.model
    _check(kind_of(model), model, data, settings)
    return train_further(fit, phases, data, thaw=_chosen(model, "all"), start=start, **settings)


def _check(kind: Kind, model: Any, data: Any, settings: Mapping[str, Any]) -> None:
    if "transfer" in kind.instead:
        raise OptionError(f"`transfer` isn't for {kind.words}. {kind.instead['transfer']}")
    if model.grouped:
        raise OptionError(
            f"`transfer` isn't for models with parameters by group (`{next(iter(model.grouped))}`), whose values "
            "belong to their trajectories. Use `fit.adapted(data)`, which finds those of the new ones, or "
            "`fit.train(data=data, freeze=[...])`."
        )
    for name in ("freeze", "thaw"):
        if name in settings:
            raise OptionError(f"`transfer` takes no `{name}`: what `train` doesn't name keeps its values.")
    if data is None:
        raise DataError("`transfer` needs the data to train on: `fit.transfer(dataset, train=[...])`.")


def _chosen(model: Any, train: Any) -> tuple[str, ...]:
    """The names to train, checked against the model."""
    every = (*model.networks, *(n for n, p in model.parameters.items() if p.free))
    given = every if isinstance(train, str) and train == "all" else tuple(dict.fromkeys(names(train, "train")))
    if not given:
        raise OptionError(
            f"Nothing is left to train: `train={shown(train)}` names nothing"
            f"{'' if every else ' in a model without networks and free parameters'}. Name layers, networks or "
            'parameters, `train=["closure.layer_1"]`, or `train="all"`; a fit that isn\'t retrained predicts as it is.'
        )
    model.thawed(*given)  # refuses names that aren't there, with the closest
    return given


def _origin(record: Record) -> dict[str, Any]:
    """What tells the fit that a transfer began at."""
    before = record.transferred
    return {
        "created": record.created,
        "fingerprint": record.fingerprint,
        "iterations": record.history.iterations,
        "total": record.best_total.tolist(),
        **({} if before is None else {"transferred": before.to_json()}),
    }


def _scales(record: Record, observations: Observations, settings: Any) -> dict[str, tuple[float, float]]:
    """Variable → how many times as much it varies as in the fit's data, and its mean's shift in their deviations.

    Raises
    ------
    DataError
        If one doesn't vary at all.
    """
    target, _ = observations.split(settings.holdout)
    base, _ = record.observations.split(record.settings.holdout)
    found = {}
    for name in target.names:
        values = _finite(target, name)
        if not values.size or np.ptp(values) <= 1e-9 * np.abs(values).max():
            constant = f"is {values[0]:g} throughout" if values.size else "has no measurement"
            raise DataError(
                f"`{name}` {constant} in the data to transfer to: nothing can be learned from it. Leave it out, "
                f"`data.drop_vars({name!r})`, or give data in which it varies."
            )
        if name in base.names:
            before = _finite(base, name)
            size = scale_of(before)
            found[name] = (scale_of(values) / size, float(values.mean() - before.mean()) / size)
    return found


def _finite(observations: Observations, name: str) -> np.ndarray:
    values = observations.pooled(name)
    return values[np.isfinite(values)]
