"""Models with formulas in a network's place, and their refits by the training machinery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...model import ODE, Parameter
from ...objective import Trajectory
from ...optimise import BFGS
from ...result import Fit
from ...training.trainer import Trainer
from .library import Library, LibraryTerm
from .samples import formula_arguments

__all__ = ["chosen_model", "library_model", "trained_model"]

REFIT_ITERATIONS = 300


def library_model(
    model: ODE, network: str, library: Library, terms: list[LibraryTerm], outputs: int
) -> tuple[ODE, str, str]:
    """The model with the whole library in a network's place: Σ coefficient · term / size.

    Returns the model and the names of two parameters: the coefficients (outputs, terms) and the sizes (terms,).
    """
    coefficients, sizes = _free_name(model, f"{network}_coefficients"), _free_name(model, f"{network}_sizes")

    def formula(p: Any, *arguments: Any) -> Any:
        columns = library.columns(terms, formula_arguments(model, network, arguments))
        result = []
        for i in range(outputs):
            total: Any = 0.0
            for k, column in enumerate(columns):
                total = total + (p[coefficients][i, k] / p[sizes][k]) * column
            result.append(total)
        return tuple(result) if outputs > 1 else result[0]

    parameters = {
        coefficients: Parameter(np.zeros((outputs, len(terms)))),
        sizes: Parameter(np.ones(len(terms)), free=False),
    }
    return model.replace(network, formula, parameters), coefficients, sizes


def chosen_model(
    fit: Fit,
    network: str,
    library: Library,
    formulas: list[list[tuple[LibraryTerm, float]]],
    values: Mapping[str, np.ndarray],
) -> tuple[ODE, list[list[str]]]:
    """The model with formulas in a network's place, and the names of their coefficients, output by output."""
    model = fit.model
    parameters: dict[str, Parameter] = {}
    names: list[list[str]] = []
    for i, formula in enumerate(formulas):
        row = []
        for term, value in formula:
            stem = f"{network}_{term.key}" if len(formulas) == 1 else f"{network}_{i}_{term.key}"
            name = _free_name(model, stem)
            parameters[name] = Parameter(value, description=f"coefficient of {term.text} in {network}")
            row.append(name)
        names.append(row)

    def replacement(p: Any, *arguments: Any) -> Any:
        inner = formula_arguments(model, network, arguments)
        result = []
        for formula, row in zip(formulas, names, strict=True):
            total: Any = inner[0] * 0.0
            for column, name in zip(library.columns([t for t, _ in formula], inner), row, strict=True):
                total = total + p[name] * column
            result.append(total)
        return tuple(result) if len(result) > 1 else result[0]

    return model.replace(network, replacement, parameters).with_values(values), names


def trained_model(fit: Fit, network: str, model: ODE, initial: Mapping[str, np.ndarray]) -> Fit:
    """Refit with the fit's own data, loss, hold-out and solver, from the model's parameters and these initial values.

    Other networks' weights start where the fit left them. Costs are left out: they may speak of the network that
    is gone.
    """
    record = fit.record
    settings = replace(
        record.settings,
        objective=Trajectory(),
        phases=(BFGS(REFIT_ITERATIONS),),
        seeds=(fit.best_seed,),
        costs={},
        regulariser=record.settings.regulariser if model.networks else None,
        holdout=replace(held, patience=None) if (held := record.settings.holdout) else None,
    )
    trainer = Trainer(model, record.observations, settings, fit.engine)
    start = trainer.start()
    old = record.layout.unpack(fit.theta)
    values = {n: v for n, v in old.items() if n in start.layout and start.layout[n].kind in ("network", "noise")}
    values.update({n: v for n, v in initial.items() if n in start.layout})
    start.theta = start.layout.pack(values, start.theta[0])[None]
    start.best_theta, start.held_theta = start.theta.copy(), start.theta.copy()
    trainer.run(start, progress=False)
    return Fit(start, fit.engine)


def _free_name(model: ODE, stem: str) -> str:
    taken = {*model.parameters, *model.states.names, *model.forcing_names}
    while stem in taken:
        stem += "_"
    return stem
