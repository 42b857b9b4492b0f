"""`loss_landscape`: the loss around trained weights, along directions that are normalised filter by filter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from ...checks import instance, number, sequence, text, whole
from ...errors import OptionError
from ...model import Layout
from ...result import Fit
from ...training.trainer import Trainer

__all__ = ["loss_landscape"]

AT_ONCE = 16
"""Points that are evaluated together."""


def loss_landscape(
    fit: Any,
    *,
    within: str | list[str] | None = None,
    points: int = 21,
    span: float = 1.0,
    directions: int = 2,
    seed: int | None = None,
    draw: int = 0,
) -> xr.Dataset:
    """The loss that was trained, L(θ + a δ + b η), along filter-normalised random directions δ and η.

    Each direction is drawn from a normal distribution and scaled so that every filter (the weights of one output
    channel; of one output of a dense layer) is as long as the trained one; biases and all else stay. Widths of minima
    of different networks, or before and after a transfer, are comparable then.

    Parameters
    ----------
    fit
        A fit whose model has a network.
    within
        Networks and layers whose weights move; default: all networks.
    points
        Along each direction, an odd number, so that the trained weights are among them.
    span
        Largest |a| and |b|: 1 moves every filter by its own length.
    directions
        1 or 2.
    seed
        A seed of the fit; default: the best.
    draw
        Seed of the directions.

    Returns
    -------
    xarray.Dataset
        `loss` (a, b), or (a): of the fit's last stage, on its training data (with mini-batches, on the windows that
        they are judged by); NaN or infinite where solutions fail.

    Raises
    ------
    OptionError
        If there is no such layer or seed, or nothing moves.

    References
    ----------
    Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets", NeurIPS 2018.
    """
    by = "loss_landscape"
    instance(fit, Fit, "fit", by, needs="a fit, e.g. of `ude.fit(...)`")
    count, reach = whole(points, "points", by, least=3), number(span, "span", by, above=0)
    if count % 2 == 0:
        raise OptionError(f"`{by}` needs an odd number of `points`, of which one is the trained weights, not {count}.")
    axes = ("a", "b")[: whole(directions, "directions", by, least=1, most=2)]
    theta, layout = fit.theta_of(seed), fit.record.layout
    entries = _moving(layout, within)
    generator = np.random.default_rng(whole(draw, "draw", by, least=0))
    along = np.stack([_direction(layout, theta, entries, generator) for _ in axes])
    steps = reach * np.linspace(-1.0, 1.0, count)
    steps[count // 2] = 0.0
    mesh = np.stack(np.meshgrid(*[steps] * len(axes), indexing="ij"), axis=-1).reshape(-1, len(axes))
    total, (name, kind) = _loss(fit)
    rows = theta + mesh @ along
    padded = np.concatenate([rows, np.tile(theta, (-len(rows) % AT_ONCE, 1))])  # one shape, compiled once
    found = np.concatenate([total(padded[k : k + AT_ONCE]) for k in range(0, len(padded), AT_ONCE)])[: len(rows)]
    words = {"long_name": "step in units of the filters' norms"}
    return xr.Dataset(
        {"loss": (axes, found.reshape([count] * len(axes)), {"long_name": f"{kind}, {name}"})},
        {n: (n, steps, words) for n in axes},
        {"seed": fit.member(seed), "within": ", ".join(dict.fromkeys(e.rpartition(".")[0] for e in entries))},
    )


def _moving(layout: Layout, within: Any) -> list[str]:
    """Weights of networks that have filters."""
    given = (within,) if isinstance(within, str) else within
    names = None
    if given is not None:
        needs = 'names of networks and layers, e.g. `["closure.layer_1"]`'
        listed = sequence(given, "within", "loss_landscape", needs=needs, least=1, each=lambda n: text(n, "within"))
        names = {e.name for n in listed for e in layout.within(n)}
    found = [
        e.name
        for e in layout.of_kind("network")
        if len(e.shape) >= 2 and e.name.endswith(".weight") and (names is None or e.name in names)
    ]
    if not found:
        raise OptionError(
            "Nothing moves: `loss_landscape` needs weights of networks."
            if names is None
            else f"Nothing moves: `within={within!r}` has no weights of networks."
        )
    return found


def _direction(layout: Layout, theta: np.ndarray, entries: list[str], generator: np.random.Generator) -> np.ndarray:
    """(P,) whose filters are as long as θ's."""
    made = np.zeros(layout.size)
    for name in entries:
        window, rows = layout.window(name), layout[name].shape[0]
        own = theta[window].reshape(rows, -1)
        drawn = generator.normal(size=own.shape)
        lengths = np.linalg.norm(own, axis=1, keepdims=True) / np.linalg.norm(drawn, axis=1, keepdims=True)
        made[window] = (drawn * lengths).ravel()
    return made


def _loss(fit: Fit) -> tuple[Callable[[np.ndarray], np.ndarray], tuple[str, str]]:
    """θ (S, P) → totals (S,) of the last stage, and what they are."""
    record = fit.record
    trainer = Trainer(record.model, record.observations, record.settings, fit.engine)
    trainer.task.prepare(record)
    stage = trainer.stages[min(record.stage, len(trainer.stages) - 1)]
    problem, name = trainer.task.problem, type(stage.objective).__name__
    if record.observations is not None and stage.objective.batches(problem, fit.engine.evaluate, 0) is not None:
        return trainer.task.judge_of_batches(stage), (name, "loss of the windows that batches are judged by")  # type: ignore[attr-defined]
    program = stage.objective.build(problem)
    return lambda theta: np.asarray(fit.engine.value(program, theta).total), (name, "total loss")
