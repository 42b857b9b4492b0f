"""`Latent`: equations of states that nobody measures, which an encoder reads off a series and a decoder shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ..checks import flag, instance, known_arguments, mapping, number, shown
from ..errors import ModelError
from ..graph import Expression, Graph, apply, substitute, variable
from ..nn import Network
from ..stored import from_json
from .declared import Rhs
from .encoder import Encoder, RecurrentEncoder
from .further import with_further
from .names import check_dimensions, normal_keys
from .ode import ODE
from .parameter import Parameter
from .reading import Reading
from .state import State
from .views import NetworkView

if TYPE_CHECKING:
    from ..result.solution import Solution

__all__ = ["Latent"]


class Latent(ODE):
    """Dynamics behind measurements: an encoder says where each series begins, a decoder what is seen of its states.

    Parameters
    ----------
    encoder
        `RecurrentEncoder()` or `SetEncoder()`: reads the measurements of a series, at whatever times, NaN where there
        are none.
    dynamics
        An `ODE` of the latent states, known, learned or both. Initial values that it gives as numbers are kept; all
        other states begin where the encoder says. A linear map is one with `p.rates @ state.z`.
    decoder
        What is measured: a function `g(t, state, p, net)` → dict observable → value, in NumPy; or a dict observable →
        network of all states, side by side. None: what the dynamics observe.
    networks, parameters
        That the decoder calls and reads, besides those of the dynamics.
    variational
        Whether the encoder gives a distribution of each begin, normal and independent, and the negative evidence lower
        bound is minimised: a likelihood as `loss`, and the divergence from the standard normal distribution. Begins
        are drawn anew in every iteration; predictions start at means.
    context
        The encoder reads measurements up to this time after each series' start, in time units: it then learns to
        forecast. None: all of them.
    prior_weight
        Of the divergence, 1 in the bound.
    step
        Time of a step, in time units, where the dynamics are a map u⁺ = u + `step` · f(u), as a recurrent network is:
        `fit` then takes Euler's method with that step. None: they are a differential equation.

    Notes
    -----
    Begins are of size one: a state's `scale` multiplies them, and those of positive states go through a softplus.
    What the encoder says of the fit's own series is in its `parameters`, as `initial.STATE`; of others,
    `fit.predict(data=...)` encodes them first.

    Raises
    ------
    ModelError, OptionError
        If the parts don't fit each other; names the remedy.

    Examples
    --------
    >>> import unideq as ude
    >>> motion = ude.ODE(
    ...     lambda t, state, p: {"angle": state.speed, "speed": -p.stiffness * state.angle},
    ...     ["angle", "speed"],
    ...     {"stiffness": ude.Parameter(1.0, positive=True)},
    ... )
    >>> decoder = lambda t, state: {"brightness": 1.0 / (1.0 + state.angle**2)}
    >>> model = ude.Latent(ude.RecurrentEncoder(8), motion, decoder)
    >>> list(model.observables), list(model.networks)
    (['brightness'], ['encoder_cell', 'encoder_head'])

    References
    ----------
    Chen, Rubanova, Bettencourt and Duvenaud, "Neural Ordinary Differential Equations", NeurIPS 2018, arXiv:1806.07366,
    section 5; Rubanova, Chen and Duvenaud (2019), arXiv:1907.03907.
    """

    _parts: ClassVar[tuple[str, ...]] = (
        *ODE._parts, "encoder", "variational", "context", "prior_weight", "step", "reading",
    )  # fmt: skip

    @known_arguments
    def __init__(
        self,
        encoder: Encoder,
        dynamics: ODE,
        decoder: Rhs | Mapping[str, Network] | None = None,
        networks: Mapping[str, Network] | None = None,
        parameters: Mapping[str, Any] | None = None,
        variational: bool = False,
        context: float | None = None,
        prior_weight: float = 1.0,
        step: float | None = None,
    ) -> None:
        needs = "an encoder, e.g. `ude.RecurrentEncoder(32)`"
        self.encoder = instance(encoder, Encoder, "encoder", "Latent", needs=needs, error=ModelError)
        self.variational = flag(variational, "variational", "Latent", error=ModelError)
        self.context = number(context, "context", "Latent", above=0, none=True, error=ModelError)
        self.prior_weight = float(number(prior_weight, "prior_weight", "Latent", least=0, error=ModelError))
        self.step = number(step, "step", "Latent", above=0, none=True, error=ModelError)
        _check_dynamics(dynamics)
        for name in ODE._parts:
            setattr(self, name, getattr(dynamics, name))
        decoders = {} if decoder is None or callable(decoder) else _decoders(decoder, self.size)
        shows = decoder if callable(decoder) else _shown_by(decoders)
        own = {f"decoder_{n}": network for n, network in decoders.items()}
        self._join(with_further(dynamics, parameters, {**normal_keys(networks), **own}))
        named = {key: self._named(graph.outputs) for key, graph in dynamics.named.items()}
        if decoder is not None:
            named["observation"] = self._traced_observation(shows)
        self._set_equations(named)
        self.initial = {
            s.name: self.initial.get(s.name, Parameter(np.full(s.shape, s.positive * (s.scale or 1.0)), free=False))
            for s in self.states
        }
        self.reading = Reading.of(self.observables)
        outputs = self.encoded * (2 if self.variational else 1)
        self._join(with_further(self, None, self.encoder.networks(self.reading.features, outputs)))
        self._set_equations({key: self._named(graph.outputs) for key, graph in named.items()})
        check_dimensions(self)

    def _join(self, further: Mapping[str, Any]) -> None:
        for name, value in further.items():
            setattr(self, name, value)

    # ---- what is encoded --------------------------------------------------------------------------------------

    @property
    def begun(self) -> tuple[State, ...]:
        """States that begin where the encoder says."""
        return tuple(s for s in self.states if isinstance(self.initial[s.name], Parameter))

    @property
    def encoded(self) -> int:
        """How many numbers the encoder gives of a begin."""
        return sum(s.size for s in self.begun)

    def begin(self, code: Any) -> dict[str, Any]:
        """State → where it begins (B, size), of codes (B, encoded), expressions."""
        found, at = {}, 0
        for s in self.begun:
            part = code[:, at : at + s.size]
            found[s.name] = (apply("softplus", part) if s.positive else part) * (s.scale or 1.0)
            at += s.size
        return found

    def of_theta(self, outputs: Mapping[str, Expression], *inputs: Expression) -> Graph:
        """A graph of these inputs and θ, of expressions in them and in named values."""
        theta = self.layout.variable()
        views = {value: self.layout.view(theta, name) for name, value in self.values.items()}
        return substitute(Graph((*inputs, *self.values.values()), outputs), views, (*inputs, theta))

    def code(self, said: Any) -> dict[str, Any]:
        """What the head of an encoder says, as the mean and, where there is one, log deviation of the code."""
        count = self.encoded
        return {"mean": said[:count], "log_deviation": said[count:]} if self.variational else {"mean": said}

    @property
    def memory(self) -> tuple[Graph, Graph]:
        """Of a recurrent encoder: a step of its memory `u`, given a row `w`, and what is said of the memory."""
        encoder, net = self.encoder, self.network_view
        assert isinstance(encoder, RecurrentEncoder)
        u = variable("u", (self.networks["encoder_cell"].outputs,))
        row = variable("w", (self.reading.features,))
        step = self.of_theta({"u": encoder.step(net["encoder_cell"], u, row)}, u, row)
        return step, self.of_theta(self.code(encoder.read(net["encoder_head"], u)), u)

    def set_graph(self, count: int) -> Graph:
        """Of an encoder of sets: what is said of so many rows `w`."""
        rows = variable("w", (count, self.reading.features))
        encoder: Any = self.encoder
        return self.of_theta(self.code(encoder.read(self.network_view, rows)), rows)

    @property
    def network_view(self) -> NetworkView:
        """The networks, to be called on expressions."""
        return self._arguments()["net"]

    def reading_like(self, series: Sequence[Any]) -> Self:
        """The same model, whose encoder measures values and times by these series; where it doesn't already."""
        return self if self.reading.settled else self._copy(reading=self.reading.scaled(series, self.context))

    def rows_read(self, train: Sequence[Any], everything: Sequence[Any]) -> np.ndarray:
        """What the encoder reads of each series, (series, rows, features): what training sees of it, or all where that
        is nothing."""
        read = [
            mine if any(np.isfinite(v).any() for v in mine.values.values()) else whole
            for mine, whole in zip(train, everything, strict=True)
        ]
        return self.reading.rows(read, self.context)

    # ---- solutions --------------------------------------------------------------------------------------------

    def solve(
        self, times: Any, initial: Mapping[str, Any] | None = None, parameters: Any = None, **settings: Any
    ) -> Solution:
        """As `ODE.solve`, from a begin that is given: of measurements, `fit.predict(data=...)` finds one."""
        given = normal_keys(mapping(initial, "initial", none=True, error=ModelError))
        missing = [s.name for s in self.begun if s.name not in given]
        if missing:
            raise ModelError(
                f"Where `{missing[0]}` begins is what the encoder says of a series. Train the model and take "
                f'`fit.predict(data=series)`, or say where: `initial={{"{missing[0]}": ...}}`.'
            )
        return super().solve(times, initial, parameters, **settings)

    # ---- JSON -------------------------------------------------------------------------------------------------

    def _more_to_json(self) -> dict[str, Any]:
        return {
            "latent": {
                "encoder": self.encoder.to_json(),
                "variational": self.variational,
                "context": self.context,
                "prior_weight": self.prior_weight,
                "step": self.step,
                "reading": self.reading.to_json(),
            }
        }

    def _read_more(self, data: Mapping[str, Any]) -> None:
        found = dict(data["latent"])
        self.encoder, self.reading = from_json(Encoder, found["encoder"]), Reading.from_json(found["reading"])
        self.variational, self.context = found["variational"], found["context"]
        self.prior_weight, self.step = found["prior_weight"], found["step"]


INSTEAD = {
    "Stepper": "Give the ODE that it steps, and its scheme as the solver: `ude.fit(..., solver=ude.RK4(dt=0.1))`. A "
    "map u⁺ = u + dt·f(u) of your own is the ODE du/dt = f(u) with `step=dt`.",
    "PDE": 'Write its fields as states with a shape, e.g. `{"u": (64,)}`.',
    "SDE": "Begins are drawn (`variational=True`), paths aren't. Give its drift as an ODE.",
}
"""Kind of model that dynamics can't be → what to do."""


def _check_dynamics(dynamics: Any) -> None:
    """Refuse what can't be begun by an encoder."""
    if type(dynamics) is not ODE:
        kind = next((c.__name__ for c in type(dynamics).__mro__ if c.__name__ in INSTEAD), "")
        usual = 'E.g. `ude.ODE(lambda t, state, p, net: {"z": net.f(state.z)}, {"z": 4}, ...)`.'
        raise ModelError(
            "`Latent` needs an `ODE` of the latent states as `dynamics`, not "
            f"{f'a `{kind}`' if kind else shown(dynamics)}. {INSTEAD.get(kind, usual)}"
        )
    for names, what, remedy in (
        (dynamics.inputs, "a forcing of a trajectory's own", "Give one forcing for all, or a `ude.Condition`"),
        ([t.name for t in dynamics.triggers], "an event", "Fit the dynamics themselves"),
        (dynamics.states.algebraic, "an algebraic state", "Solve for it in the right-hand side"),
        (dynamics.grouped, "one value a group", "Make it a state whose derivative is 0: the encoder finds its value"),
        (
            [n for n, v in dynamics.initial.items() if not isinstance(v, np.ndarray)],
            "not begun by the encoder",
            "Leave out its initial value, or give a number",
        ),
    ):
        for name in names:
            raise ModelError(f"`{name}` of the dynamics is {what}, which a `Latent` can't have. {remedy}.")
    if len(dynamics.initial) == len(dynamics.states.names):
        raise ModelError(
            "The dynamics say where all states begin, and nothing is left for the encoder. Leave out their `initial`, "
            "or fit them without `Latent`."
        )


def _decoders(decoder: Any, size: int) -> dict[str, Network]:
    needs = "a function, or a dict observable → network of all states"
    given = normal_keys(mapping(decoder, "decoder", "Latent", needs=needs, error=ModelError))
    for name, network in given.items():
        if not isinstance(network, Network):
            raise ModelError(f"The decoder of `{name}` needs e.g. `ude.nn.MLP({size}, 1)`, not {shown(network)}.")
        if network.inputs != size:
            raise ModelError(
                f"The decoder of `{name}` takes {network.inputs} inputs, and the dynamics have {size} states in all. "
                f"Give it `inputs={size}`, or write a function of those that it sees."
            )
    if not given:
        raise ModelError(f'The decoder shows nothing. Name an observable, e.g. `{{"x": ude.nn.MLP({size}, 1)}}`.')
    return given


def _shown_by(decoders: Mapping[str, Network]) -> Rhs:
    """The function of a dict of networks."""

    def observe(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
        parts = [np.ravel(value) for value in state]
        u: Any = np.concatenate(parts) if len(parts) > 1 else parts[0]
        found = {}
        for name, network in decoders.items():
            call = net[f"decoder_{name}"]
            shown = call(u) if network.inputs > 1 else call(u[0])
            alone = network.outputs == 1 and network.inputs > 1
            found[name] = shown[0] if alone else shown
        return found

    return observe
