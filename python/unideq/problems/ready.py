"""What all ready problems share: from settings to a model, a stepper, initial states and a documented data set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from ..checks import array, choice, flag, instance, mapping, number, refused, sequence, settle, whole
from ..engine import checked_engine
from ..errors import OptionError
from ..grid import Grid, restrict
from ..grid.schemes import Scheme
from ..model import PDE, Stepper
from ..model.steppers import SCHEMES
from ..versions import unideq_version
from .random_fields import checked_draw

_POSITIVE = ("dt", "length", "height", "reynolds", "penalisation", "growth", "diffusivity", "amplitude", "correlation")
_SCHEME = {"kinds": Scheme, "needs": "a scheme such as `ude.schemes.Central(4)`", "none": True}
_SETTINGS: dict[str, tuple[Any, dict[str, Any]]] = {
    **dict.fromkeys(_POSITIVE, (number, {"above": 0})),
    **dict.fromkeys(("viscosity", "drag"), (number, {"least": 0})),
    **dict.fromkeys(("mean", "speed", "rate", "beta"), (number, {})),
    **dict.fromkeys(("substeps", "power", "modes"), (whole, {"least": 1})),
    "forcing": (whole, {"least": 1, "none": True}),
    **dict.fromkeys(
        ("scheme", "advection", "diffusion"),
        (instance, {"kinds": Scheme, "needs": "a scheme of `ude.schemes`", "none": True}),
    ),
    "points": (whole, {"least": 2}),
    "dealias": (flag, {}),
}
"""Setting of some problem → the word that checks it, and its limits."""


def _two(value: Any, name: str, of: str, **limits: Any) -> tuple[int, int]:
    """Two numbers of points."""
    needs = "two numbers of points, such as `(192, 96)`"
    found = sequence(value, name, of, needs=needs, each=lambda n: whole(n, name, of, least=2))
    if len(found) != 2:
        raise refused(value, name, of, needs)
    return found[0], found[1]


if TYPE_CHECKING:
    from ..engine import Engine

__all__ = ["ReadyProblem"]


class ReadyProblem:
    """Base of the ready problems: frozen settings with good defaults.

    Attributes
    ----------
    equation
        In Unicode.
    source
        Where the equation, or these settings, come from.
    """

    title: ClassVar[str] = ""
    equation: ClassVar[str] = ""
    source: ClassVar[str] = ""

    dt: float
    substeps: int

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            word, limits = _SETTINGS[field.name]
            if field.name == "scheme" and isinstance(field.default, str):
                word, limits = choice, {"choices": SCHEMES}
            if field.name == "points" and isinstance(field.default, tuple):
                word, limits = _two, {}
            settle(self, word, field.name, error=OptionError, **limits)

    def grid(self) -> Grid:
        """Where the fields live."""
        raise NotImplementedError

    def model(self) -> PDE:
        """The equation, all of it known."""
        raise NotImplementedError

    def stepper(self) -> Stepper:
        """How the reference data are stepped through time: `dt` between two states."""
        raise NotImplementedError

    def initial(self, trajectories: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
        """Initial states, field → (trajectories, *grid), drawn from a generator with this seed."""
        raise NotImplementedError

    def data(
        self,
        trajectories: int = 1,
        steps: int = 100,
        *,
        every: int = 1,
        warmup: int | str = 0,
        seed: int = 0,
        initial: Mapping[str, Any] | None = None,
        conditions: Mapping[str, Any] | None = None,
        on: Grid | None = None,
        engine: str | Engine | None = None,
    ) -> xr.Dataset:
        """Reference data by rolling the problem's stepper out.

        Parameters
        ----------
        trajectories
            Number of trajectories (that of `initial` where it is given).
        steps
            Steps of `dt` after the warm-up; a multiple of `every`.
        every
            Steps between two snapshots.
        warmup
            Steps before time 0, left out: the transient from the initial state. `"developed"`: until turbulence is
            there, where the problem has `developed`.
        seed
            Of the initial states.
        initial
            Field → (trajectories, *grid) or (*grid), instead of drawn ones.
        conditions
            Condition → number or (trajectories,), where the model has some.
        on
            A coarser grid of the same domain to bring the data to.
        engine
            Who computes.

        Returns
        -------
        xarray.Dataset
            Fields over (trajectory, time, *space) with units; the generating model is in `attrs["unideq_model"]`.

        Raises
        ------
        OptionError
            If a number of steps makes no sense.
        SolveError
            If the solution doesn't stay finite.
        """
        steps, every = whole(steps, "steps", least=1), whole(every, "every", least=1)
        if warmup != "developed":
            warmup = whole(warmup, "warmup", least=0, hint='Turbulent problems know `"developed"`, too.')
        trajectories, seed = checked_draw(trajectories, seed)
        instance(on, Grid, "on", needs="a grid", none=True)
        checked_engine(engine)
        mapping(initial, "initial", needs="a dict field → array", none=True)
        if steps % every:
            raise OptionError(f"`steps` ({steps}) must be a multiple of `every` ({every}).")
        stepper = self.stepper()
        shape = tuple(stepper.grid.shape)
        if isinstance(warmup, str):
            if initial is not None:
                raise OptionError('`warmup="developed"` begins with drawn states: leave out `initial`, or give steps.')
            ready = self.developed(trajectories, seed, conditions=conditions, engine=engine)
            start = {n: ready[n].values for n in stepper.fields}
            conditions = {n: ready[n].values for n in stepper.conditions}
        else:
            given: Mapping[str, Any] = self.initial(trajectories, seed) if initial is None else dict(initial)
            arrays = {n: array(v, n, "initial") for n, v in given.items()}
            start = {n: v[None] if v.shape == shape else v for n, v in arrays.items()}
            conditions = self._drawn(max((len(v) for v in start.values() if v.ndim), default=1), seed, conditions)
            if warmup:
                settled = stepper.rollout(
                    start, warmup, every=warmup, conditions=conditions, engine=engine, start=-warmup * stepper.dt
                )
                start = {n: settled[n].isel(time=-1).values for n in stepper.fields}
        data = stepper.rollout(start, steps, every=every, conditions=conditions, engine=engine)
        if on is not None:
            data = restrict(data, on)
        return self._documented(data, stepper, warmup, None if initial is not None else seed)

    def developed(self, trajectories: int = 1, seed: int = 0, **settings: Any) -> xr.Dataset:
        """Fields that are turbulent already: of the turbulent problems, see there."""
        raise OptionError(
            f"`{type(self).__name__}` isn't one of the turbulent problems, which know when they are developed. Give "
            "steps, e.g. `warmup=100`."
        )

    def _drawn(self, trajectories: int, seed: int, conditions: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The conditions as given, with those that are drawn for each trajectory."""
        return conditions

    def _documented(self, data: xr.Dataset, stepper: Stepper, warmup: int | str, seed: int | None) -> xr.Dataset:
        settings = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))  # type: ignore[arg-type]
        points = " x ".join(map(str, stepper.grid.shape))
        start = "given initial states" if seed is None else f"initial states of seed {seed}"
        data.attrs = {
            "title": self.title,
            "equation": self.equation,
            "source": self.source,
            "provenance": (
                f"Computed by unideq {unideq_version()}: {type(self).__name__}({settings}), {start}, {points} points, "
                f"`{stepper.scheme.name}` with {stepper.substeps} substep(s) of {stepper.dt / stepper.substeps:g}, "
                + (f"{warmup} warm-up steps." if isinstance(warmup, int) else "run until it was developed.")
            ),
            "unideq_model": json.dumps(self.model().to_json()),
        }
        if "time" in data.coords:
            data["time"].attrs.setdefault("long_name", "time")
        return data
