"""`Koopman`: states that networks carry into coordinates in which they move linearly, and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from ..checks import array, choice, known_arguments, number, refused, whole
from ..errors import DataError, ModelError, unknown
from ..graph import Expression, Graph, batched, rebuild, substitute, topological, variable
from ..nn import GridNetwork, Network
from .equations import Equations
from .model import Model
from .names import named_items
from .parameter import Parameter
from .state import StateTable

if TYPE_CHECKING:
    from ..engine import Engine
    from ..result.solution import Solution

__all__ = ["DYNAMICS", "Koopman"]

DYNAMICS = ("matrix", "generator", "parametrised")


class Koopman(Model):
    """An autoencoder whose latent coordinates y = φ(x) move linearly, and x = φ⁻¹(y).

    Trained by `ude.Linearity` on windows of snapshots (Lusch, Kutz & Brunton 2018). Forecasts encode once, move in the
    latent coordinates and decode.

    Parameters
    ----------
    states
        List of names (scalars), or dict name → shape or `State`; together n values.
    dt
        Time that one step takes, in units of the data's time: snapshots lie whole numbers of steps apart.
    encoder
        Network with n inputs and as many outputs as there are latent coordinates, m: the eigenfunctions.
    decoder
        Network with m inputs and n outputs. A linear one, `ude.nn.MLP(m, n, ())`, gives modes as DMD has them.
    dynamics
        `generator`: y' = L y, with blocks [[μ, −ω], [ω, μ]] for `pairs` of coordinates and a rate λ for each of the
        others; exact for any step. `matrix`: y(t + dt) = K y(t) with a free matrix. `parametrised`: as `generator`, but
        μ and ω depend on where in latent space y is (a continuous spectrum), by the `auxiliary` network.
    pairs
        Pairs of coordinates with complex eigenvalues; default: as many as there are. Parametrised models have no
        others.
    auxiliary
        Network of the pairs' squared radii, y₁² + y₂² each. With 2·pairs outputs those are all μ, then all ω; with as
        many outputs as pairs ω alone: nothing grows or decays. Of rates: per time, whatever `dt`.
    parameters
        Where training begins: `growth` μ (pairs,), `frequency` ω (pairs,), `rate` λ (m − 2·pairs,) or `matrix` (m, m),
        each an array or a `Parameter`; default: slow ones, all different; a matrix begins as the identity.

    Attributes
    ----------
    latent
        Number m of latent coordinates.
    step
        Graph (t, u, θ) → `u`: encoded, one step, decoded.

    Raises
    ------
    ModelError
        If networks don't fit to the states or each other, or the latent coordinates aren't pairs.

    References
    ----------
    Lusch, Kutz and Brunton, "Deep learning for universal linear embeddings of nonlinear dynamics", Nature
    Communications 9 (2018), doi:10.1038/s41467-018-07210-0.

    Examples
    --------
    >>> import unideq as ude
    >>> networks = {"encoder": ude.nn.MLP(2, 3), "decoder": ude.nn.MLP(3, 2)}
    >>> model = ude.Koopman(["x", "y"], 0.1, **networks, parameters={"frequency": [2.0], "growth": [0.0]})
    >>> model.spectrum()["frequency"].values.round(3)
    array([ 2., -2.,  0.])
    """

    continuous_in_time = False
    starts_at_measurements = True
    has_step_graph: ClassVar[bool] = True
    substeps: ClassVar[int] = 1
    grid: ClassVar[None] = None
    required: ClassVar[tuple[str, ...]] = ("koopman", "observation")
    _parts: ClassVar[tuple[str, ...]] = (*Model._parts, "dt", "dynamics", "pairs")

    @known_arguments
    def __init__(
        self,
        states: Any,
        dt: float,
        encoder: Network,
        decoder: Network,
        dynamics: str = "generator",
        pairs: int | None = None,
        auxiliary: Network | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        self.dt = float(number(dt, "dt", above=0))
        self.dynamics = choice(dynamics, "dynamics", DYNAMICS)
        table = StateTable(states)
        latent = _checked_networks(table, encoder, decoder)
        self.pairs = self._checked_pairs(pairs, latent)
        networks = {"encoder": encoder, "decoder": decoder}
        if self.dynamics == "parametrised":
            networks["auxiliary"] = _checked_auxiliary(auxiliary, self.pairs)
        elif auxiliary is not None:
            raise ModelError(f'`auxiliary` is for `dynamics="parametrised"`, and this is `dynamics="{dynamics}"`.')
        self._declare(table, self._own_parameters(parameters, latent), networks, None, None)
        net = self._arguments()["net"]
        y = _called(net.encoder, encoder, self._u)
        found = {"latent": y, **self._rates(net, y)}
        after = self._moved(y, found, 1)[0]
        found |= {"next": after, "state": _called(net.decoder, decoder, y)}
        self._set_equations({"koopman": self._named(found), "observation": self._traced_observation(None)})

    def _checked_pairs(self, pairs: Any, latent: int) -> int:
        if self.dynamics == "matrix":
            if pairs is not None:
                raise ModelError("`pairs` are those of a generator; a matrix has its own. Leave it out.")
            return 0
        most = latent // 2
        count = most if pairs is None else whole(pairs, "pairs", least=0, most=most, error=ModelError)
        if self.dynamics == "parametrised" and 2 * count != latent:
            raise ModelError(
                f"Parametrised eigenvalues turn pairs of latent coordinates, and the encoder has {latent} outputs"
                + (f" for {count} pairs" if latent % 2 == 0 else "")
                + f". Give it {2 * max(count, 1)}, and the decoder as many inputs."
            )
        return count

    def _own_parameters(self, given: Any, latent: int) -> dict[str, Parameter]:
        single = latent - 2 * self.pairs
        if self.dynamics == "matrix":
            begin: dict[str, Any] = {"matrix": np.eye(latent)}
        elif self.dynamics == "parametrised":
            begin = {}
        else:  # a turn, or an e-folding, in some fifty steps; all different, so that no two coordinates are one
            slow = 1.0 / (50.0 * self.dt)
            begin = {
                "growth": np.zeros(self.pairs),
                "frequency": slow * np.arange(1.0, self.pairs + 1),
                "rate": -slow * np.arange(single),
            }
            begin = {n: v for n, v in begin.items() if v.size}
        made = {n: Parameter(v) for n, v in begin.items()}
        for name, value in named_items("parameters", "Parameter", given):
            if name not in made:
                raise unknown("parameter", name, made, ModelError)
            one = value if isinstance(value, Parameter) else Parameter(value)
            if one.array.shape != begin[name].shape or one.per is not None:
                raise ModelError(f"`{name}` needs shape {begin[name].shape}, one for all, not {one.array.shape}.")
            made[name] = one
        return made

    # ---- equations --------------------------------------------------------------------------------------------

    def _rates(self, net: Any, y: Any) -> dict[str, Expression]:
        """What moves the coordinates, per time."""
        if self.dynamics != "parametrised":
            return {n: self.values[n] for n in self.parameters if n != "matrix"}
        network: Network = self.networks["auxiliary"]
        pairs = y.reshape(self.pairs, 2)
        found = _called(net.auxiliary, network, np.sum(pairs * pairs, axis=1))
        if network.outputs == self.pairs:
            return {"frequency": found}
        return {"growth": found[: self.pairs], "frequency": found[self.pairs :]}

    def _moved(self, y: Any, rates: Mapping[str, Any], count: int, every: int = 1) -> Any:
        """Coordinates (count, m) after every, 2·every, … steps at the same rates."""
        size = y.shape[0]
        if self.dynamics == "matrix":
            once: Any = self.values["matrix"]
            power = once
            for _ in range(every - 1):
                power = power @ once
            powers = [power]
            for _ in range(count - 1):
                powers.append(power @ powers[-1])
            return (np.concatenate(powers, axis=0) @ y).reshape(count, size)
        times = self.dt * every * np.arange(1.0, count + 1)[:, None]
        parts: list[Any] = []
        if self.pairs:
            turned = rates["frequency"] * times
            cos, sin = np.cos(turned), np.sin(turned)
            if "growth" in rates:
                grown = np.exp(rates["growth"] * times)
                cos, sin = grown * cos, grown * sin
            split = y[: 2 * self.pairs].reshape(self.pairs, 2)
            first, second = split[:, 0], split[:, 1]
            both = np.stack([cos * first - sin * second, sin * first + cos * second], axis=-1)
            parts.append(both.reshape(count, 2 * self.pairs))
        if "rate" in rates:
            parts.append(np.exp(rates["rate"] * times) * y[2 * self.pairs :])
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def _set_equations(self, named: Mapping[str, Graph]) -> None:
        self.named = dict(named)
        for key in ("learned", "step"):
            self.__dict__.pop(key, None)
        self.observation = self.bound(self.named_observation)
        found = self.named["koopman"].outputs
        self.lift = self.bound(self._named({"latent": found["latent"]}))
        self.lower = self._of_latent({"state": found["state"]})
        self.advance = self._of_latent({"u": found["next"]})

    def _of_latent(self, outputs: Mapping[str, Expression]) -> Graph:
        """A graph of the coordinates, `u` (m,), and θ, of functions of u that are those of φ(u)."""
        y = self._y
        made = rebuild(list(outputs.values()), {self.named["koopman"].outputs["latent"]: y})
        if any(n.operation == "input" and n.name == "u" and n is not y for n in topological(made)):
            raise ModelError("The decoder and what moves the coordinates need to be functions of these alone.")
        return self._bound_latent(dict(zip(outputs, made, strict=True)))

    def _bound_latent(self, outputs: Mapping[str, Expression]) -> Graph:
        theta = self.layout.variable()
        views = {value: self.layout.view(theta, name) for name, value in self.values.items()}
        return substitute(Graph((self._y, *self.values.values()), outputs), views, (self._y, theta))

    @property
    def latent(self) -> int:
        """Number m of latent coordinates."""
        return self.named["koopman"].outputs["latent"].size

    @property
    def _y(self) -> Expression:
        return variable("u", (self.latent,))

    @cached_property
    def step(self) -> Graph:
        """u⁺ = φ⁻¹(K φ(u)): inputs t, u, θ; output `u`."""
        found = self.named["koopman"].outputs
        return self.bound(self._named({"u": rebuild([found["state"]], {found["latent"]: found["next"]})[0]}))

    def orbit(self, count: int, every: int = 1) -> Graph:
        """Graph (u (m,), θ) → `u` (count, m): latent coordinates after every, 2·every, … steps."""
        found, y = self.named["koopman"].outputs, self._y
        names = [n for n in ("growth", "frequency", "rate") if n in found]
        rates = dict(zip(names, rebuild([found[n] for n in names], {found["latent"]: y}), strict=True))
        if not (self.dynamics == "parametrised" and "growth" in rates):  # else radii, and so the rates, change
            return self._bound_latent({"u": self._moved(y, rates, count, every)})
        rows: Any = []
        now: Any = y
        for k in range(1, count * every + 1):
            (now,) = rebuild([found["next"]], {found["latent"]: now})
            if k % every == 0:
                rows.append(now)
        stacked: Any = np.stack(rows)
        return self._bound_latent({"u": stacked})

    # ---- values -----------------------------------------------------------------------------------------------

    def __call__(self, t: float, state: Mapping[str, Any], parameters: Any = None) -> dict[str, np.ndarray]:
        """The state one `dt` later, evaluated with NumPy; arguments as of `Stepper`."""
        values = {"t": number(t, "t", error=DataError), "u": self.states.join(state)}
        return self.states.split(self.step.evaluate({**values, "theta": self.resolve_theta(parameters)})["u"])

    def encode(self, states: Any, parameters: Any = None) -> np.ndarray:
        """Latent coordinates (…, m) of state vectors (…, n), or of a dict or Dataset state → values (…, *shape)."""
        u = states
        if isinstance(states, (Mapping, xr.Dataset)):
            known = {str(n): array(v, str(n), "state", finite=False, error=DataError) for n, v in states.items()}
            lead = next((v.shape[: v.ndim - len(self.states[n].shape)] for n, v in known.items()), ())
            u = self.states.join(known, lead)
        return self._at(self.lift, u, self.size, parameters, "states")["latent"]

    def decode(self, coordinates: Any, parameters: Any = None) -> dict[str, np.ndarray]:
        """State → values (…, *shape) at latent coordinates (…, m)."""
        return self.states.split(self._at(self.lower, coordinates, self.latent, parameters, "coordinates")["state"])

    def rates(self, coordinates: Any, parameters: Any = None) -> dict[str, np.ndarray]:
        """What moves latent coordinates (…, m), per time: `growth`, `frequency` (…, pairs), `rate` (…, others)."""
        found = self.named["koopman"].outputs
        graph = self._of_latent({n: found[n] for n in ("growth", "frequency", "rate") if n in found})
        return self._at(graph, coordinates, self.latent, parameters, "coordinates")

    def _at(self, graph: Graph, given: Any, size: int, parameters: Any, what: str) -> dict[str, np.ndarray]:
        u = array(given, what, finite=False, error=DataError)
        if not u.ndim or u.shape[-1] != size:
            raise DataError(f"`{what}` needs {size} values in the last axis, not shape {u.shape}.")
        lead, rows = u.shape[:-1], u.reshape(-1, size)
        if not len(rows):
            return {n: np.zeros((*lead, e.size)) for n, e in graph.outputs.items()}
        values = {"u": rows, "t": 0.0, "theta": self.resolve_theta(parameters)}
        found = batched(graph, ("u",), len(rows)).evaluate(values)
        return {n: v.reshape(*lead, -1) for n, v in found.items()}

    def checked_theta(self, parameters: Any = None) -> np.ndarray:
        """θ as `resolve_theta` gives it."""
        return self.resolve_theta(parameters)

    def check_stability(self, *_: Any) -> None:
        """No step is too long: there is no scheme."""

    def spectrum(self, parameters: Any = None, states: Any = None) -> xr.Dataset:
        """Eigenvalues; see `unideq.result.koopman.spectrum`."""
        from ..result.koopman import spectrum

        return spectrum(self, parameters, states)

    def eigenfunctions(self, states: Any, parameters: Any = None) -> xr.Dataset:
        """Eigenfunctions at states; see `unideq.result.koopman.eigenfunctions`."""
        from ..result.koopman import eigenfunctions

        return eigenfunctions(self, states, parameters)

    def modes(self, parameters: Any = None, at: Any = None) -> xr.Dataset:
        """What each eigenfunction adds to the states; see `unideq.result.koopman.modes`."""
        from ..result.koopman import modes

        return modes(self, parameters, at)

    def rollout(
        self,
        initial: Mapping[str, Any] | None,
        steps: int,
        parameters: Any = None,
        every: int = 1,
        engine: str | Engine | None = None,
        start: float = 0.0,
        precision: str = "float64",
    ) -> xr.Dataset:
        """States after every step (or each `every`-th), the initial one included; arguments as of `Stepper.rollout`."""
        from ..result.rollout import rollout

        return rollout(self, initial, steps, parameters, every, None, engine, start, precision)

    def solve(
        self, times: Any, initial: Mapping[str, Any] | None = None, parameters: Any = None, **settings: Any
    ) -> Solution:
        """Move through these times, whole numbers of steps apart; see `unideq.result.rollout.solve_by_steps`."""
        from ..result.rollout import solve_by_steps

        return solve_by_steps(self, times, initial, parameters, **settings)

    # ---- reading ----------------------------------------------------------------------------------------------

    def continuous(self, doing: str) -> Graph:
        """Not for these models, which know where a state will be, not how fast it moves."""
        raise ModelError(
            f"{doing[0].upper()}{doing[1:]} integrates a vector field, and a `Koopman` model has none. Train it with "
            "`ude.Linearity`, and ask it by `predict`, `rollout` or `solve`."
        )

    @property
    def compiled(self) -> tuple[str, Graph]:
        return "encoded, moved, decoded", self.step

    @property
    def scheme_text(self) -> str:
        """What moves the coordinates, in a word."""
        return {"matrix": "Koopman matrix", "generator": "Koopman generator"}.get(
            self.dynamics, "parametrised Koopman generator"
        )

    def equations(self) -> Equations:
        """How the coordinates come from the states, how they move, and how the states come back."""
        return Equations.of_koopman(self)

    def printed(self) -> dict[str, Expression]:
        return {}

    def __repr__(self) -> str:
        return (
            f"Koopman(states={list(self.states.names)}, dt={self.dt:g}, latent={self.latent}, "
            f"dynamics={self.dynamics!r}, pairs={self.pairs})"
        )

    def export_julia(self, *_: Any, **__: Any) -> None:
        raise ModelError(
            "A `Koopman` model has no vector field to write a script of. Its file holds all of it: `model.save(...)`."
        )

    # ---- JSON -------------------------------------------------------------------------------------------------

    def _more_to_json(self) -> dict[str, Any]:
        return {"dt": self.dt, "dynamics": self.dynamics, "pairs": self.pairs}

    def _read_more(self, data: Mapping[str, Any]) -> None:
        self.dt = float(number(data["dt"], "dt", above=0))
        self.dynamics, self.pairs = choice(data["dynamics"], "dynamics", DYNAMICS), int(data["pairs"])


def _called(call: Any, network: Network, x: Any) -> Any:
    """A network's output (outputs,) at x (inputs,)."""
    if network.inputs > 1:
        return call(x)
    return call(x[0]).reshape(network.outputs)


def _checked_networks(states: StateTable, encoder: Any, decoder: Any) -> int:
    """The number of latent coordinates."""
    for name, network in (("encoder", encoder), ("decoder", decoder)):
        _of_points(name, network)
    n, m = states.size, encoder.outputs
    if encoder.inputs != n:
        raise ModelError(
            f"`encoder` takes {encoder.inputs} inputs, and the states have {n} values: `ude.nn.MLP({n}, {m})`."
        )
    if (decoder.inputs, decoder.outputs) != (m, n):
        raise ModelError(
            f"`decoder` goes from {decoder.inputs} to {decoder.outputs} values, and has to go back from the encoder's "
            f"{m} latent coordinates to the states' {n}: `ude.nn.MLP({m}, {n})`."
        )
    return m


def _checked_auxiliary(network: Any, pairs: int) -> Network:
    if network is None:
        raise ModelError(
            '`dynamics="parametrised"` needs a network that gives μ and ω: '
            f"`auxiliary=ude.nn.MLP({pairs}, {2 * pairs}, (16, 16))`."
        )
    _of_points("auxiliary", network)
    if network.inputs != pairs or network.outputs not in (pairs, 2 * pairs):
        raise ModelError(
            f"`auxiliary` goes from {network.inputs} to {network.outputs} values, and has to go from {pairs} squared "
            f"radi{'us' if pairs == 1 else 'i'} to {2 * pairs} rates (μ, then ω) or to {pairs} (ω alone)."
        )
    return network


def _of_points(name: str, network: Any) -> None:
    if not isinstance(network, Network) or isinstance(network, GridNetwork):
        needs = "a network of a state's values, e.g. `ude.nn.MLP(2, 2)`"
        raise refused(network, name, "Koopman", needs, error=ModelError)
