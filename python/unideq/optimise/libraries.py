"""Doors to libraries of optimisers: any transformation of optax on JAX, any rule of Optimisers.jl on Julia.

The library makes a direction of each gradient, with a state of its own that the engine keeps beside the turn (`rule`).
Everything around it is as for Adam: seeds, rejected steps, balancing, batches, checkpoints.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from ..checks import is_number, known_arguments, mapping, number, refused, settle, text
from ..errors import OptionError
from ..objective.objective import Objective
from .first_order import FirstOrder
from .state import Arrays

__all__ = ["Optax", "Optimisers"]


class _Foreign(FirstOrder):
    """Base of both: the direction is the library's, and Unideq remembers the last one."""

    later: ClassVar[Mapping[str, Any]] = {"precision": "float64"}
    learning_rate = 1.0

    def memory(self, size: int) -> Arrays:
        """The direction last taken; the library's own state lies beside."""
        return {"update": np.zeros(size)}

    def remember(self, state: Mapping[str, Any], gradient: Any) -> dict[str, Any]:
        """Nothing: the library has seen the gradient."""
        return {}

    def direction(self, state: Mapping[str, Any], age: Any) -> Any:
        """What the library made of the last good gradient."""
        return state["update"]


@known_arguments
@dataclass(frozen=True)
class Optax(_Foreign):
    """Any gradient transformation of optax; on JAX.

    Parameters
    ----------
    transformation
        An `optax.GradientTransformation`, such as `optax.lion(1e-3)` or a chain of several. It sees all of θ as one
        vector (P,) of float64: parameters without bounds, then the networks' weights. A schedule is the
        transformation's own.
    iterations
        Number of updates.
    objective
        Objective of this phase; default: the one given to `fit`.
    precision
        As in `Adam`.

    Notes
    -----
    A rejected step goes back to the last good point and takes the update before it, halved; the learning rate that is
    logged is that factor, 1 where nothing was rejected. Line searches (`optax.lbfgs`) evaluate the loss themselves and
    don't fit: use `ude.LBFGS` or `ude.BFGS`.

    Files hold the state of a transformation, but not its code. `fit` with the same `checkpoint` and the same
    transformation goes on bit for bit; `ude.resume` can't.

    Examples
    --------
    ```python
    import optax

    phases = [ude.Optax(optax.chain(optax.clip_by_global_norm(1.0), optax.lion(1e-3)), 500), ude.BFGS(100)]
    ```

    Raises
    ------
    OptionError
        If it isn't a transformation, or can't be called with a gradient alone.
    """

    kind: ClassVar[str] = "optax"
    engines: ClassVar[tuple[str, ...]] = ("jax",)
    transformation: Any
    iterations: int = 1000
    objective: Objective | None = None
    precision: str = "float64"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.transformation, str):  # of a file
            return
        parts = [getattr(self.transformation, name, None) for name in ("init", "update")]
        if isinstance(self.transformation, type) or not all(callable(part) for part in parts):
            needs = "a gradient transformation such as `optax.lion(1e-3)`"
            raise refused(self.transformation, "transformation", "Optax", needs)
        _description(self.transformation)

    def stored_values(self) -> dict[str, Any]:
        """The settings, with a fingerprint in place of the transformation."""
        given = self.transformation
        return {**super().stored_values(), "transformation": given if isinstance(given, str) else _description(given)}

    def loaded(self) -> Any:
        """The transformation.

        Raises
        ------
        OptionError
            If the phase comes from a file.
        """
        if isinstance(self.transformation, str):
            raise OptionError(
                "A file can't hold the transformation of `Optax`. Call `ude.fit` again as before, with "
                "`ude.Optax(transformation, ...)` and the same `checkpoint`: it goes on from there."
            )
        return self.transformation


@lru_cache(maxsize=64)
def _description(transformation: Any) -> str:
    """A fingerprint of what a transformation computes."""
    import jax
    import optax

    def update(gradient: Any, theta: Any) -> Any:
        state = transformation.init(theta)
        extended = optax.with_extra_args_support(transformation)
        return extended.update(gradient, state, theta, value=gradient[0], grad=gradient), state

    try:
        with jax.enable_x64(True):
            program = jax.make_jaxpr(update)(np.ones(3), np.ones(3))
    except Exception as error:
        raise OptionError(
            f"`Optax` can't use this transformation: {str(error).splitlines()[0]}. It is called with a gradient, its "
            "state, θ (3,) and the loss as `value`. Line searches need more: use `ude.LBFGS(...)` or `ude.BFGS(...)`."
        ) from None
    constants = [np.asarray(c).tobytes() for c in program.consts]
    described = re.sub(r"0x[0-9a-f]+", "", str(program)).encode()  # without addresses
    return hashlib.sha256(described + b"".join(constants)).hexdigest()[:16]


@known_arguments
@dataclass(frozen=True)
class Optimisers(_Foreign):
    """Any rule of the Julia library Optimisers.jl, by name; on Julia.

    Parameters
    ----------
    rule
        Its name: `"Lion"`, `"RAdam"`, `"NAdam"`, `"AdaBelief"`, …
    iterations
        Number of updates.
    options
        The rule's own settings, by their names in Julia: `{"eta": 1e-3, "beta": (0.9, 0.99)}`; default: the rule's.
    objective
        Objective of this phase; default: the one given to `fit`.
    precision
        As in `Adam`.

    Notes
    -----
    The rule sees all of θ as one vector. Rejected steps are as for `Optax`. Files hold all of it: runs resume.

    Examples
    --------
    ```python
    phases = [ude.Optimisers("Lion", 500, {"eta": 1e-3}), ude.BFGS(100)]
    ```

    Raises
    ------
    OptionError
        If an option isn't a number or a few; when the run begins, if Julia knows no such rule or option, with those
        that there are.
    """

    kind: ClassVar[str] = "optimisers"
    engines: ClassVar[tuple[str, ...]] = ("julia",)
    rule: str
    iterations: int = 1000
    options: Mapping[str, Any] = field(default_factory=dict)
    objective: Objective | None = None
    precision: str = "float64"

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, text, "rule")
        given = mapping(self.options, "options", "Optimisers", needs='a dict such as `{"eta": 1e-3}`')
        object.__setattr__(self, "options", {str(name): _option(value, str(name)) for name, value in given.items()})

    @property
    def structure(self) -> tuple[Any, ...]:
        """What compiled code is made for; see `Phase.structure`."""
        return (type(self), self.rule, self.precision, *self.options.items())


def _option(value: Any, name: str) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, (tuple, list)) and value and all(is_number(v) for v in value):
        return tuple(float(v) for v in value)
    return float(number(value, f"options[{name!r}]", "Optimisers"))
