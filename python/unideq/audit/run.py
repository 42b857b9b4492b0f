"""`fit.audit`: what did the network learn, will its rollouts hold, and where do they leave what it knows?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import xarray as xr

from ..checks import checked_names, known_arguments, number
from ..errors import DataError, ExtraMissing, ModelError
from ..model import ODE
from ..result import Fit
from ..result.horizon import FURTHEST
from .finding import Finding
from .report import Audit
from .rollout.flow_map import flow_map
from .rollout.shift import shift
from .settings import check_parts, checked_counts, checked_refined, checked_spacing
from .states import States, data_states, states_of
from .truncation.refinement import Refinement, refinement
from .truncation.space import Space
from .truncation.truncation import RESOLVED, Truncation, generator_of, truncation

__all__ = ["CHECKS", "audit"]

CHECKS = ("truncation", "flow_map", "shift")
_NO_NETWORK = (
    "the model has no network that enters its equations, so nothing was learned that an audit could look at: "
    "parameters are judged by `fit.tree['diagnostics']` and by their spread over data and starts."
)


@known_arguments
def audit(
    fit: Fit,
    data: xr.Dataset | None = None,
    new: xr.Dataset | Mapping[str, Any] | None = None,
    truth: ODE | None = None,
    checks: Sequence[str] = CHECKS,
    *,
    data_model: ODE | None = None,
    refined: Fit | Sequence[Fit] | None = None,
    network: str | None = None,
    candidates: Mapping[str, Callable[..., Any]] | None = None,
    spacing: Mapping[str, float] | None = None,
    steps: int | None = None,
    first: int | None = None,
    conditions: int = 8,
    resolution: float = RESOLVED,
    max_terms: int = 4,
    radius: int = 2,
    seed: int = 0,
) -> Audit:
    """Examine a trained closure.

    `truncation` splits it into physics and truncation error of the schemes; `flow_map` looks at the eigenvalues of the
    flow map's Jacobians and says which conditions will be unstable; `shift` measures how far rollouts leave the
    training distribution.

    Parameters
    ----------
    fit
        A trained model: a `PDE`, a `Stepper`, or an ODE with array states.
    data
        Complete states to look at; default: those that the fit was trained on (its own trajectories where not all
        states were measured, which a note says). They are always compared with the training data. An attribute
        `unideq_model` (the JSON text of the generating model, `json.dumps(model.to_json())`) tells the scheme that made
        them.
    new
        Further initial conditions: a Dataset over `trajectory`, or state → array with or without a leading axis.
    truth
        The true model on the fit's grid; default: the model in `unideq_model`, where its states fit.
    checks
        Which of `truncation`, `flow_map`, `shift`.
    data_model
        The model whose scheme made the data; default: the one in `unideq_model`.
    refined
        The same model fitted on other grids: singles out what depends on the spacing.
    network
        Which network; default: all together (`shift`: one by one).
    candidates
        Further physical terms for the closure: text → function of (fields, derivative), e.g.
        `{"u³": lambda f, d: f["u"] ** 3, "(u²)_x": lambda f, d: d(f["u"] ** 2, 1)}`.
    spacing
        Axis name → spacing, for models without a grid (periodic axes are assumed).
    steps
        Horizon of the rollouts in data intervals; default: the longest trajectory's. A note tells one that is much
        longer than anything trained on.
    first
        Steps that the verdict on stability looks at; default: a fifth of the horizon.
    conditions
        Largest number of conditions looked at, training and new each.
    resolution
        Largest share of variance in the shortest third of the waves of states that the truncation check uses.
    max_terms
        Largest number of physical terms that explain the closure.
    radius
        Of the patches that `shift` looks at, for networks that act on a grid.
    seed
        Of resamplings.

    Returns
    -------
    Audit
        Also stored in the fit's tree under `/diagnostics/audit_…`, and so in its file.

    Raises
    ------
    OptionError, DataError
        For unknown checks and data without complete states. A check that can't be made for this model is a note.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> grid = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 24))
    >>> heat = ude.PDE(lambda t, state: 0.1 * grid.laplacian(state.u), grid, ["u"])
    >>> data = heat.solve(np.linspace(0, 1, 11), {"u": np.sin(grid.coordinates("x")) ** 3}).dataset
    >>> def learned(t, state, p, net):
    ...     return net.closure(grid.laplacian(state.u))
    >>> model = ude.PDE(learned, grid, ["u"], networks={"closure": ude.nn.MLP(1, 1, ())})
    >>> fit = ude.fit(model, data, phases=ude.BFGS(30), progress=False)
    >>> fit.audit(checks=["truncation"], data_model=heat).findings[0].severity
    'ok'
    """
    wanted = checked_names(checks, "checks", CHECKS)
    counts = checked_counts(
        conditions=conditions, steps=steps, first=first, radius=radius, max_terms=max_terms, seed=seed
    )
    conditions, steps, first, radius, max_terms, seed = counts
    resolution, spacing = number(resolution, "resolution", "audit", above=0, most=1), checked_spacing(spacing)
    check_parts(fit, new=new, network=network, candidates=candidates, models={"truth": truth, "data_model": data_model})
    refined = checked_refined(refined)
    if not fit.model.learned:
        return _stored(fit, Audit((Finding("closure", "note", _NO_NETWORK, xr.Dataset()),)))
    trained = data_states(fit)
    looked = trained if data is None else states_of(fit.model, data, fit.record.observations.clock)
    states = looked.thinned()
    dataset = fit.record.observations.dataset if data is None else data
    generator = generator_of(dataset)
    made_by = generator if data_model is None else data_model
    reference = truth if truth is not None else _fitting(generator, fit.model)
    settings: dict[str, Any] = {
        "network": network, "candidates": candidates, "resolution": resolution, "max_terms": max_terms, "seed": seed,
    }  # fmt: skip
    results: dict[str, Any] = {}
    findings: list[Finding] = [*_about_states(looked), *_about_horizon(trained, steps)]

    def run(name: str, check: Callable[[], Any]) -> None:
        try:
            results[name] = check()
            findings.extend(results[name].findings)
        except (ModelError, DataError, ExtraMissing) as error:
            findings.append(Finding(name, "note", f"not checked: {error}", xr.Dataset()))

    if "truncation" in wanted:
        run("truncation", lambda: _truncation(fit, states, made_by, spacing, settings))
        if refined is not None and "truncation" in results:
            run("refinement", lambda: _refinement(fit, refined, results["truncation"], spacing, settings))
    if "flow_map" in wanted:
        run(
            "flow_map",
            lambda: flow_map(
                fit, looked, kind="training" if data is None else "given", new=new, truth=reference, steps=steps,
                first=first, conditions=conditions,
            ),
        )  # fmt: skip
    if "shift" in wanted:
        run(
            "shift",
            lambda: shift(
                fit, looked, training=None if data is None else trained, new=new, steps=steps, network=network,
                radius=radius, conditions=conditions, seed=seed,
            ),
        )  # fmt: skip
    return _stored(fit, Audit(tuple(findings), **results))


def _stored(fit: Fit, made: Audit) -> Audit:
    for name, group in made.groups().items():
        fit.add_group(f"/diagnostics/audit_{name}", group)
    return made


def _about_states(states: States) -> list[Finding]:
    """That the fit's own trajectories stand for what wasn't measured."""
    if not states.guessed:
        return []
    listing = ", ".join(f"`{n}`" for n in states.guessed)
    statement = (
        f"{listing} {'are' if len(states.guessed) > 1 else 'is'} not measured completely: everything below is looked "
        "at along the fit's own trajectories, at the training's times, and is as right as those are."
    )
    advice = "Give complete states, `data=`, where there are any."
    return [Finding("states", "note", statement, xr.Dataset(), advice)]


def _about_horizon(trained: States, steps: int | None) -> list[Finding]:
    """That a horizon is much longer than anything that was trained on."""
    record = max(len(t) for t in trained.times) - 1
    if steps is None or steps <= FURTHEST * max(record, 1):
        return []
    statement = (
        f"the horizon of {steps} steps is {steps / max(record, 1):.3g} times as long as the longest trajectory that "
        f"was trained on ({record} steps): nothing measured says what happens there."
    )
    return [Finding("horizon", "note", statement, xr.Dataset(), "Compare with measurements of that length.")]


def _space(fit: Fit, spacing: Mapping[str, float] | None) -> Space:
    space = Space.of(fit.model, spacing)
    if space is None:
        raise ModelError("The model has no grid, so nothing is known of its stencils. Give `spacing={'x': dx}`.")
    return space


def _truncation(
    fit: Fit, states: States, made_by: ODE | None, spacing: Mapping[str, float] | None, settings: dict[str, Any]
) -> Truncation:
    return truncation(fit, states, _space(fit, spacing), data_model=made_by, spacing=spacing, **settings)


def _refinement(
    fit: Fit,
    others: Sequence[Fit],
    own: Truncation,
    spacing: Mapping[str, float] | None,
    settings: dict[str, Any],
) -> Refinement:
    """The other fits regressed on the terms that were selected for this one."""
    only = {name: d.regression.names for name, d in own.fields.items()}
    results, spacings = [own], [_space(fit, spacing).spacings[0]]
    for other in others:
        space = _space(other, None)
        made_by = generator_of(other.record.observations.dataset)
        results.append(
            truncation(other, data_states(other).thinned(), space, data_model=made_by, only=only, **settings)
        )
        spacings.append(space.spacings[0])
    return refinement(results, spacings)


def _fitting(generator: ODE | None, model: ODE) -> ODE | None:
    """The generator as a truth for the flow map, if it lives on the model's grid."""
    if generator is None:
        return None
    own = {s.name: s.shape for s in model.states}
    return generator if {s.name: s.shape for s in generator.states} == own else None
