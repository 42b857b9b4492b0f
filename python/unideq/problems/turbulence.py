"""What turbulent problems share: spectra and budgets of their invariants, and fields that are turbulent already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from ..checks import flag, instance, number
from ..closure.coarsen import tendencies
from ..engine import checked_engine
from ..errors import DataError
from ..grid import Axis, Grid
from ..grid.spectrum import Shells
from ..model.condition import condition_values
from .random_fields import checked_draw
from .ready import ReadyProblem

if TYPE_CHECKING:
    from ..engine import Engine

__all__ = ["Turbulence"]


class Turbulence(ReadyProblem):
    """Base of the turbulent problems, of one field: what their flow keeps where nothing drives or brakes it.

    Attributes
    ----------
    field
        Its name.
    invariants
        Name → the power of |k| that weighs |q_k|² in it: ½ Σ |k|^power |q_k|².
    cascade
        The invariant that goes to small scales, the exponent of its spectrum on the way, and that of its spectrum where
        it can't leave the grid and all waves share it.
    """

    field: ClassVar[str] = ""
    invariants: ClassVar[dict[str, float]] = {}
    cascade: ClassVar[tuple[str, float, float]] = ("", 0.0, 0.0)

    # ---- what each says of itself -----------------------------------------------------------------------------

    @property
    def driven(self) -> float | None:
        """The largest wavenumber that is forced; None where the flow decays."""
        raise NotImplementedError

    def terms(self, q: np.ndarray, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The terms of ∂q/∂t by name: of states (N, *grid), with `time` and the conditions (N,)."""
        raise NotImplementedError

    def velocities(self, q: np.ndarray) -> tuple[np.ndarray, ...]:
        """The velocity along each axis, (N, *grid)."""
        raise NotImplementedError

    def dissipative(self, q: np.ndarray, given: Mapping[str, np.ndarray]) -> float:
        """The wavenumber where viscosity ends the cascade, from states (N, *grid)."""
        raise NotImplementedError

    def _later(self, given: Mapping[str, np.ndarray], time: float) -> Mapping[str, np.ndarray]:
        """The conditions with which time 0 is what `time` was."""
        return given

    # ---- what follows from it ---------------------------------------------------------------------------------

    def spectra(self, data: xr.Dataset) -> xr.Dataset:
        """The spectra of the invariants: each sums to the invariant's mean over space.

        Parameters
        ----------
        data
            The field over (trajectory, time,) and space, on the problem's grid or a coarser one.

        Returns
        -------
        xarray.Dataset
            `energy_spectrum`, … over (trajectory, time,) `wavenumber`.

        Raises
        ------
        DataError
            If the field is missing or lies on another grid.
        """
        grid, q = self._read(data)
        shells = Shells(grid.shape, [a.length for a in grid.axes])
        lead = [d for d in q.dims if d not in grid.dims]
        found = {}
        for name, power in self.invariants.items():
            values = 0.5 * shells.product(q.values, q.values, power)
            found[f"{name}_spectrum"] = ((*lead, "wavenumber"), values, {"long_name": f"{name} per wavenumber"})
        return xr.Dataset(found, coords={**_without(q, grid), "wavenumber": shells.wavenumbers})

    def budget(self, data: xr.Dataset) -> xr.Dataset:
        """What each term of the equation does to each invariant, snapshot by snapshot.

        Parameters
        ----------
        data
            The field over (trajectory, time,) and space, on the problem's own grid, with its conditions.

        Returns
        -------
        xarray.Dataset
            For each invariant `energy` (mean over space), `energy_budget` over `term`, and `energy_tendency`: dE/dt by
            the model itself, which is their sum to rounding.

        Raises
        ------
        DataError
            If the field is missing or lies on another grid.

        Examples
        --------
        >>> import unideq as ude
        >>> flow = ude.problems.KolmogorovFlow(points=32)
        >>> budget = flow.budget(flow.data(steps=10))
        >>> budget.term.values.tolist()
        ['force', 'viscosity', 'drag', 'advection']
        >>> bool(abs(budget.energy_budget.sum("term") - budget.energy_tendency).max() < 1e-12)
        True
        """
        grid, q = self._read(data)
        if grid.shape != self.grid().shape:
            raise DataError(f"A budget is made on the problem's own grid of {self._points}, and the data's has others.")
        lead = [str(d) for d in q.dims if d not in grid.dims]
        shape = tuple(q.sizes[d] for d in lead)
        model = self.model()
        flat = q.values.reshape(-1, *grid.shape)
        like = xr.DataArray(np.zeros(shape), dims=lead)
        stated = {n: data[n] if n in data else xr.DataArray(c.typical) for n, c in model.conditions.items()}
        stated["time"] = data["time"] if "time" in data.coords else xr.DataArray(0.0)
        given = {n: (v + like).transpose(*lead).values.ravel() for n, v in stated.items()}
        parts = self.terms(flat, given)
        whole = tendencies(model, q.to_dataset().assign_coords(stated), grid.dims)[self.field].values
        found: dict[str, Any] = {}
        space = tuple(range(1, flat.ndim))
        shells = Shells(grid.shape, [a.length for a in grid.axes])
        for name, power in self.invariants.items():
            weighted = shells.scaled(flat, power)
            rows = [(weighted * part).mean(space).reshape(shape) for part in parts.values()]
            rate = (weighted * whole.reshape(flat.shape)).mean(space).reshape(shape)
            found[name] = (lead, 0.5 * (weighted * flat).mean(space).reshape(shape), {"long_name": name})
            found[f"{name}_budget"] = (("term", *lead), np.stack(rows), {"long_name": f"change of {name} by each term"})
            found[f"{name}_tendency"] = (lead, rate, {"long_name": f"change of {name}"})
        return xr.Dataset(found, coords={**_without(q, grid), "term": list(parts)})

    def developed(
        self,
        trajectories: int = 1,
        seed: int = 0,
        *,
        conditions: Mapping[str, Any] | None = None,
        longest: float | None = None,
        engine: str | Engine | None = None,
        cache: bool = True,
    ) -> xr.Dataset:
        """Fields that are turbulent already, and the evidence: what data begin with (`data(warmup="developed")`).

        A driven flow runs until its invariants are stationary: their means over the second and the last third of the
        time differ by less than they fluctuate, or than 5 %. A decaying one runs until its friction has passed its
        maximum and fallen to three quarters of it.

        Parameters
        ----------
        trajectories, seed
            How many, from which initial states.
        conditions
            Condition → number or (trajectories,).
        longest
            Time after which to give up; default: 200 turnovers of the initial state.
        engine
            Who computes.
        cache
            Whether the result is kept on disk, and taken from there: in the folder `UNIDEQ_CACHE`, by default the
            user's folder for such files (`~/.cache/unideq`), in which 1 GiB of the last used are kept.

        Returns
        -------
        xarray.Dataset
            The field (trajectory, *grid); `energy`, … over (trajectory, `elapsed`) on the way there; their spectra over
            `wavenumber`, averaged over trajectories and, in driven flow, the last third of the time; their budgets over
            (term, trajectory) at the end. `slope`: the exponent of the energy's spectrum, fitted between the
            wavenumbers in its attributes, NaN where the scales are too few. `tail_slope`: that of the cascading
            invariant at the grid's end. `courant`: Courant number of a step.

        Raises
        ------
        SolveError
            If the flow isn't stationary in time, becomes infinite, or isn't resolved: what cascades piles up at the
            grid's end.
        UnideqWarning
            If it is resolved barely, or steps are long.
        """
        from .development import check, develop
        from .kept import kept

        trajectories, seed = checked_draw(trajectories, seed)
        longest = number(longest, "longest", "developed", above=0, none=True)
        flag(cache, "cache", "developed")
        used = checked_engine(engine)
        given = self._drawn(trajectories, seed, conditions)
        model = self.model()
        given = condition_values(model.conditions, given or None, trajectories)
        key = {"trajectories": trajectories, "seed": seed, "longest": longest, "conditions": given, "engine": used}
        found = kept(self, key, lambda: develop(self, trajectories, seed, given, longest, engine), cache)
        check(self, found)
        return found

    @property
    def _points(self) -> str:
        return " × ".join(map(str, self.grid().shape)) + " points"

    def _read(self, data: xr.Dataset) -> tuple[Grid, xr.DataArray]:
        """The data's grid and field, its dimensions last."""
        own = self.grid()
        instance(data, xr.Dataset, "data", needs=f"an xarray Dataset with `{self.field}`", error=DataError)
        if self.field not in data.data_vars or not set(own.dims) <= set(data[self.field].dims):
            raise DataError(f"The data have no `{self.field}` over {', '.join(own.dims)}: {', '.join(map(str, data))}.")
        q = data[self.field].transpose(..., *own.dims)
        axes = []
        for axis in own.axes:
            x = np.asarray(q[axis.name].values, dtype=float)
            n = len(x)
            if n > axis.points or not np.allclose(x, axis.start + axis.length / n * np.arange(n), atol=1e-4 / n):
                raise DataError(f"The data's `{axis.name}` isn't that of the problem: {self._points} or fewer.")
            axes.append(Axis(axis.name, axis.start, axis.stop, n))
        if not np.isfinite(q.values).all():
            raise DataError(f"`{self.field}` holds NaN or infinite values.")
        return Grid(*axes, scheme=own.scheme), q.astype(float)


def _without(q: xr.DataArray, grid: Grid) -> dict[str, Any]:
    """The coordinates that aren't of space."""
    return {str(n): c for n, c in q.coords.items() if not set(c.dims) & set(grid.dims)}
