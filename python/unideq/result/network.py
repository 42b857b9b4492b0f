"""`TrainedNetwork`: a learned function of a fit as a Python function, with its picture against a known one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import array
from ..errors import DataError, unknown
from ..graph import Graph, constant, variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .fit import Fit

__all__ = ["TrainedNetwork"]


class TrainedNetwork:
    """A trained network, called as in the equations; made by `Fit.network`. Evaluated with NumPy, without an engine.

    Attributes
    ----------
    name
        Of the network.
    seeds
        The ensemble's members that it stands for.
    """

    def __init__(self, fit: Fit, name: str, seed: Any = None) -> None:
        if name not in fit.model.networks:
            raise unknown("network", name, fit.model.networks)
        self.fit, self.name, self.seeds = fit, name, fit.members(seed)
        self._every = isinstance(seed, str)
        self._network = fit.model.networks[name]
        self._space = getattr(self._network, "dimensions", 0) if self._network.acts_on == "grid" else 0

    def __call__(self, *arguments: Any) -> np.ndarray:
        """Values at arguments, in the equations' own units.

        Parameters
        ----------
        *arguments
            As many numbers or arrays as the network has inputs, of shapes that broadcast; or one array (…, inputs).
            Of a network on grids, which sees neighbours: as many fields (…, *space).

        Returns
        -------
        numpy.ndarray
            The arguments' shape; with a last axis of outputs where there are several (of a network on grids: an axis
            before space); with a leading axis of seeds for `seed="all"`.

        Raises
        ------
        DataError
            If there are more or fewer arguments than inputs, or they don't broadcast.
        """
        x = self._stacked(arguments)
        values = np.stack([self._values(x, s) for s in self.seeds])
        axis = values.ndim - 1 - self._space
        if self._network.outputs == 1:
            values = values.squeeze(axis)
        return values if self._every else values[0]

    def _stacked(self, arguments: tuple[Any, ...]) -> np.ndarray:
        """(…, inputs, *space)."""
        count, name = self._network.inputs, self.name
        given = [array(a, f"argument {i}", name, finite=False, error=DataError) for i, a in enumerate(arguments)]
        if len(given) == 1 and count > 1 and not self._space and given[0].shape[-1:] == (count,):
            return given[0]
        if len(given) != count:
            raise DataError(f"Network `{name}` has {count} inputs, and was called with {len(given)} arguments.")
        try:
            given = list(np.broadcast_arrays(*given))
        except ValueError:
            shapes = ", ".join(str(a.shape) for a in given)
            raise DataError(f"The arguments of network `{name}` have shapes {shapes}, which don't broadcast.") from None
        if given[0].ndim < self._space:
            raise DataError(f"Network `{name}` acts on fields of {self._space} axes, not on shape {given[0].shape}.")
        return np.stack(given, axis=given[0].ndim - self._space)

    def _values(self, x: np.ndarray, seed: int) -> np.ndarray:
        """(…, outputs, *space)."""
        values = self.fit.record.layout.unpack(self.fit.theta_of(seed))
        weights = {w: constant(values[f"{self.name}.{w}"]) for w in self._network.weight_shapes()}
        rows = x if self._space else x.reshape(-1, x.shape[-1])
        given = variable("x", rows.shape)
        found = Graph((given,), {"y": self._network.expand(weights, given)}).evaluate({"x": rows})["y"]
        return np.asarray(found) if self._space else np.reshape(found, (*x.shape[:-1], -1))

    def plot(self, known: Callable[..., Any] | None = None, ax: Axes | None = None) -> Axes:
        """The learned function where the solutions went; with a `known` one, both.

        With one argument two curves over it; with more the learned against the known values at the visited arguments,
        which lie on the diagonal where they agree. The title says the relative error there.

        Parameters
        ----------
        known
            NumPy function of the network's arguments; None: see `unideq.result.plot.plot_learned`.
        ax
            Where to draw; default: a new figure.
        """
        from .plot import plot_learned
        from .plot.against import plot_against

        if known is None:
            return plot_learned(self.fit, self.name, ax=ax)
        return plot_against(self, known, ax)

    def __repr__(self) -> str:
        return f"TrainedNetwork({self.name!r}, {self._network!r}, seed {', '.join(map(str, self.seeds))})"
