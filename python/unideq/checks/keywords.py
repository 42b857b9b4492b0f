"""Keyword arguments that nobody takes: the closest one, or what can't be done and what to do instead."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..errors import OptionError, unknown

__all__ = ["known_arguments", "unknown_argument"]

Function = TypeVar("Function", bound=Callable[..., Any])

_PAGE = "The page `What Unideq can't do, and what to do instead` shows how."
_EVENTS = (
    'Events belong to an ODE, `ude.ODE(..., events=[ude.Dose("gut", "dose", at="dose_time"), ude.Event(...)])`, and '
    "tables of theirs to the data. Solvers stop there."
)
_NOISE = (
    "Its solutions are deterministic. Noise in the dynamics is a model of its own, `ude.SDE(drift, diffusion, ...)`; "
    "`loss=ude.Gaussian()` is noise of the measurement."
)
_DELAYS = f"There are no delays. A chain of compartments is one. {_PAGE}"
_ALGEBRAIC = (
    f"There are no algebraic equations: each state has a derivative. Solve for the variable, or relax it. {_PAGE}"
)
_GROUPS = (
    "All trajectories share parameters; what is known of each is a `ude.Condition()`. Runs side by side in one array "
    f"state share none. {_PAGE}"
)
_DEVICE = "Everything runs on processors. Leave it out."
_PRECISION = (
    'Phases and rollouts have it: `ude.Adam(1e-3, 1000, precision="float32")`, '
    '`stepper.rollout(..., precision="float32")`.'
)
_SOLVERS = "It is a setting of the solver: `solver=ude.Tsit5(rtol=1e-8)`, `solver=ude.RK4(dt=0.01)`."
_PATIENCE = "What is held out says when to stop: `holdout=ude.Holdout(0.25, patience=100)`."
_ABSENT = {
    **dict.fromkeys(("rtol", "atol", "dt", "max_steps", "adjoint"), _SOLVERS),
    **dict.fromkeys(("early_stopping", "patience"), _PATIENCE),
    **dict.fromkeys(("events", "event", "doses", "dosing", "callbacks", "tstops", "stop_at"), _EVENTS),
    **dict.fromkeys(("diffusion", "noise", "sde", "process_noise"), _NOISE),
    **dict.fromkeys(("delays", "delay", "lags", "lag", "history"), _DELAYS),
    **dict.fromkeys(("mass_matrix", "algebraic", "constraints"), _ALGEBRAIC),
    **dict.fromkeys(("per", "groups", "random_effects"), _GROUPS),
    **dict.fromkeys(("device", "devices"), _DEVICE),
    **dict.fromkeys(("precision", "dtype"), _PRECISION),
}


def unknown_argument(called: str, name: str, names: Iterable[str]) -> OptionError:
    """Make (not raise) the error for a keyword that a function doesn't take."""
    if name in _ABSENT:
        return OptionError(f"`{called}` takes no `{name}`. {_ABSENT[name]}")
    return unknown(f"argument of `{called}`", name, names)  # type: ignore[return-value]


def known_arguments(function: Function) -> Function:
    """Decorate a public function or class: keywords that it doesn't take are told, with what there is instead."""
    if isinstance(function, type):
        function.__init__ = known_arguments(function.__init__)
        return function  # type: ignore[return-value]
    signature = inspect.signature(function)
    parameters = signature.parameters
    if any(p.kind == p.VAR_KEYWORD for p in parameters.values()):
        raise TypeError(f"{function.__qualname__} takes any keyword")
    names = [n for n, p in parameters.items() if n != "self" and p.kind != p.POSITIONAL_ONLY]
    owner, _, last = function.__qualname__.rpartition(".")
    called = owner.rpartition(".")[2] if last == "__init__" else last

    @functools.wraps(function)
    def checked(*args: Any, **given: Any) -> Any:
        for name in given:
            if name not in parameters:
                raise unknown_argument(called, name, names)
        try:
            signature.bind(*args, **given)
        except TypeError as error:  # one is missing, twice there, or too many
            raise OptionError(f"`{called}({', '.join(names)})`: {error}.") from None
        return function(*args, **given)

    return checked  # type: ignore[return-value]
