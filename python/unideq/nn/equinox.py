"""Any Equinox module as a network: runs on the JAX engine alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..checks import known_arguments, settle, whole
from ..errors import FileFormatError
from ..graph import Expression, apply, constant
from ..graph.operations.network import set_evaluator
from ..stored import from_json, stored
from .network import Network

__all__ = ["Equinox"]

Structure = tuple[tuple[str, tuple[int, ...]], ...]


@stored
@known_arguments
@dataclass(frozen=True, repr=False, eq=False)
class Equinox(Network):
    """A module of the JAX library Equinox, for layers that Unideq has no graph operations for; on JAX.

    Parameters
    ----------
    module
        An `equinox.Module` that maps one sample (inputs,) to (outputs,), such as `eqx.nn.MLP(2, 1, 16, 2, key=key)`;
        its own weights are then every seed's first ones. Or a function that makes one of a key, `lambda key:
        eqx.nn.MLP(2, 1, 16, 2, key=key)`: every seed draws its own.
    inputs
        Number of features. May be left out where the module says (`in_size`, `in_features`).
    outputs, structure
        Number of outputs; names and shapes of the weights, as a file stores them. Left out, the module is asked.

    Notes
    -----
    Weights are the module's floating-point arrays, named by where they lie in it (`layers.0.weight`), in float64;
    everything else stays as it is. Layers are in inference mode: dropout does nothing. Layers with a state, or that
    need a key, don't fit.

    Files hold weights and structure, but not the module's code: it is told apart by what it computes. A file is read
    without it; to compute with the model, give it back once in the process: `ude.nn.Equinox(module)`.

    JAX differentiates it. It has no second derivatives, can't be read as formulas by Unideq, and Julia can't run it.

    Examples
    --------
    ```python
    import equinox as eqx

    network = ude.nn.Equinox(lambda key: eqx.nn.MLP(2, 1, width_size=8, depth=2, key=key))
    ```

    Raises
    ------
    OptionError
        If it is no module, doesn't say its number of inputs, or can't be called with one sample alone; with JAX's
        message.
    """

    kind: ClassVar[str] = "Equinox"
    module: Any
    inputs: int = 0
    outputs: int = 0
    structure: Structure | None = None

    def __post_init__(self) -> None:
        settle(self, whole, "inputs", "outputs", least=0)
        if isinstance(self.module, str):  # of a file
            object.__setattr__(self, "structure", _read_structure(self.structure))
        else:
            from . import equinox_modules

            found = equinox_modules.described(self.module, self.inputs)
            for label in ("inputs", "outputs", "structure"):
                object.__setattr__(self, label, getattr(found, label))
            object.__setattr__(self, "_key", found.key)
        set_evaluator(_evaluate, "module")

    @property
    def key(self) -> str:
        """A fingerprint of what the module computes, the same in every process."""
        return self.module if isinstance(self.module, str) else self.__dict__["_key"]

    def __repr__(self) -> str:
        return f"Equinox({self.key!r}, inputs={self.inputs}, outputs={self.outputs})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equinox) and self.to_json() == other.to_json()

    def __reduce__(self) -> Any:
        return from_json, (Network, self.to_json())  # modules with functions in them can't be pickled

    def __hash__(self) -> int:
        return hash(self.key)

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        return dict(self.structure or ())

    def draw(self, generator: np.random.Generator) -> dict[str, np.ndarray]:
        from . import equinox_modules

        seed = int(generator.integers(2**32))
        return equinox_modules.drawn(self.module, self.key, seed)

    def expand(self, weights: Mapping[str, Expression], x: Expression) -> Expression:
        flat = [weights[name].reshape(-1) for name in self.weight_shapes()]
        whole_vector: Any = np.concatenate(flat) if flat else constant(np.zeros(0))  # type: ignore[arg-type]
        given = {"source": self.key, "inputs": self.inputs, "outputs": self.outputs, "structure": self.structure}
        return apply("module", x, whole_vector, library="Equinox", **given)

    def stored_values(self) -> dict[str, Any]:
        structure = tuple(self.weight_shapes().items())
        return {**super().stored_values(), "module": self.key, "structure": structure}


def _read_structure(stored: Any) -> Structure:
    try:
        return tuple((str(name), tuple(int(n) for n in shape)) for name, shape in stored)
    except (TypeError, ValueError):
        raise FileFormatError(f"The structure of an `Equinox` network is damaged: {stored!r}.") from None


def _evaluate(operation: str, arrays: tuple[np.ndarray, ...], attributes: dict[str, Any]) -> np.ndarray:
    """One operation of a graph that NumPy evaluates, computed by JAX."""
    from . import equinox_modules

    return equinox_modules.evaluate(operation, arrays, attributes)
