"""Random Fourier features in front of a network, against its bias towards low frequencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import flag, known_arguments, settle, shown, whole
from ..errors import OptionError
from ..graph import Expression, apply
from ..stored import stored
from .network import Network
from .settings import Scale, scaling

__all__ = ["FourierFeatures"]


@stored
@known_arguments
@dataclass(frozen=True)
class FourierFeatures(Network):
    """A network of random Fourier features [cos Bx, sin Bx] of the input, B_ij ~ N(0, scale_j²).

    Parameters
    ----------
    network
        Takes the features: half of its inputs are cosines and half are sines, so it needs an even number of them.
    inputs
        Number of input features.
    scale
        Standard deviation of the frequencies, in radians a unit of the input: one number, or one an input. It sets
        which frequencies are learned first; choose those of the solution, 1 to 10 for a coordinate of size 1.
    trainable
        Whether training changes B. Default False: B is drawn with the seed, differs between seeds and stays.

    Notes
    -----
    B is stored among the weights as `frequencies` (features, inputs). So it is in every file and every seed has its
    own; where `trainable` is False it is marked as fixed, as a `Parameter(..., free=False)` is.

    The source has 2πBx; `scale` here is 2π times the one there, and the same as in its successors' codes for
    differential equations.

    Examples
    --------
    >>> import unideq as ude
    >>> network = ude.nn.FourierFeatures(ude.nn.MLP(64, 1, hidden=(50, 50)), inputs=2, scale=(1.0, 5.0))
    >>> network.features, network.weight_shapes()["frequencies"]
    (32, (32, 2))

    Raises
    ------
    OptionError
        If the network doesn't act on points, has an odd number of inputs or Fourier features of its own, or a scale
        can't be used.

    References
    ----------
    Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains", NeurIPS
    2020, arXiv:2006.10739; for differential equations: Wang, Wang and Perdikaris, CMAME 384, 113938 (2021).
    """

    kind: ClassVar[str] = "FourierFeatures"
    network: Network
    inputs: int
    scale: Scale = 1.0
    trainable: bool = False

    @classmethod
    def parts(cls) -> dict[str, type[Network]]:
        return {"network": Network}

    def __post_init__(self) -> None:
        network = self.network
        if not isinstance(network, Network) or network.acts_on != "points" or isinstance(network, FourierFeatures):
            raise OptionError(
                f"`FourierFeatures` needs a network that acts on points, such as `MLP(64, 1)`, not {shown(network)}."
            )
        if network.inputs % 2:
            raise OptionError(
                f"`FourierFeatures` makes as many cosines as sines: give the network an even number of inputs, such as "
                f"{network.inputs + 1}, not {network.inputs}."
            )
        object.__setattr__(self, "network", network)
        settle(self, whole, "inputs", least=1)
        settle(self, flag, "trainable")
        settle(self, scaling, "scale", width=self.inputs)
        if np.any(np.asarray(self.scale) < 0):
            raise OptionError(f"`FourierFeatures` needs `scale` > 0, not {self.scale!r}.")

    @property
    def features(self) -> int:
        """Number of frequencies, half of the features that the network gets."""
        return self.network.inputs // 2

    @property
    def outputs(self) -> int:  # type: ignore[override]
        """The network's."""
        return self.network.outputs

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"frequencies": (self.features, self.inputs), **self.network.weight_shapes()}

    def fixed_weights(self) -> frozenset[str]:
        own = frozenset() if self.trainable else frozenset({"frequencies"})
        return own | self.network.fixed_weights()

    def draw(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        frequencies = generator.normal(size=(self.features, self.inputs)) * np.asarray(self.scale)
        return {"frequencies": frequencies, **self.network.draw(generator)}

    def expand(self, weights: Mapping[str, Expression], x: Expression) -> Expression:
        frequencies: Any = weights["frequencies"]
        phase: Any = frequencies @ x if x.ndim == 1 else apply("matmul", x, frequencies.T)
        embedded: Any = np.concatenate([np.cos(phase), np.sin(phase)], axis=-1)  # type: ignore[call-overload]
        return self.network.expand(weights, embedded)
