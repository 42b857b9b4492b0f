"""A model at given values as a standalone Julia script: readable, without Python or Unideq."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import OptionError
from ..graph import Expression, Graph, variable
from ..graph.julia_names import Names
from ..graph.julia_source import JuliaSource, julia_array, julia_number
from ..solvers import SolverSettings, counterpart
from .equations import Equations, readable
from .views import call_network

if TYPE_CHECKING:
    from .model import Model

__all__ = ["Setup", "julia_script"]


@dataclass(frozen=True)
class Setup:
    """What a script solves.

    Attributes
    ----------
    theta
        Values of the model's parameters and weights (P,).
    u0
        Initial state (n,).
    start
        Start time.
    times
        Output times (K,), increasing.
    solver
        How; a solver that Julia has.
    vector_field, origin
        The named vector field in time since `origin`, where that isn't the model's own in its own time.
    stops, jumps
        Times since `origin` at which steps must end, and those at which the vector field jumps.
    """

    theta: np.ndarray
    u0: np.ndarray
    start: float
    times: np.ndarray
    solver: SolverSettings
    vector_field: Graph | None = None
    origin: float = 0.0
    stops: np.ndarray = field(default_factory=lambda: np.zeros(0))
    jumps: np.ndarray = field(default_factory=lambda: np.zeros(0))


class _Script:
    """The parts of a script, and the names in it."""

    def __init__(self, model: Model, setup: Setup) -> None:
        self.model, self.setup = model, setup
        self.names = Names()
        self.values = model.layout.unpack(setup.theta)
        self.known: dict[Expression, str] = {variable("t"): "t"}
        self.states = {s.name: self.names.new(s.name) for s in model.states}
        for name, value in model.values.items():
            self.known[value] = self.names.new(_short(name))
        self.known |= {variable(s.name, s.shape): self.states[s.name] for s in model.states}
        self.calls = {name: self.names.new(name) for name in model.networks}
        self.source = JuliaSource(self.names, self.known, self._network)
        self._functions: dict[tuple[str, tuple[tuple[int, ...], ...]], str] = {}
        self.networks: dict[str, list[list[str]]] = {name: [] for name in model.networks}

    def _network(self, call: Expression) -> str:
        """The function of a network for arguments of these shapes, written when it is first called."""
        name, shapes = call.attributes["network"], tuple(a.shape for a in call.inputs[1:])
        if (name, shapes) not in self._functions:
            function = self.names.new(name) if self.networks[name] else self.calls[name]
            self._functions[name, shapes] = function
            network = self.model.networks[name]
            weights = {w: self.model.values[f"{name}.{w}"] for w in network.weight_shapes()}
            arguments = tuple(variable(f"{function}.{k}", shape) for k, shape in enumerate(shapes))
            local = self.names.scope()
            names = [local.numbered("z") for _ in arguments]
            self.source.known |= dict(zip(arguments, names, strict=True))
            output = call_network(name, network, weights, arguments).inputs[0]
            statements, (result,) = self.source.write([output])
            body = [*statements, f"return {result}"]
            self.networks[name].append([f"function {function}({', '.join(names)})", *_indented(body), "end"])
        return self._functions[name, shapes]

    # ---- parts ------------------------------------------------------------------------------------------------

    def parameters(self) -> Iterator[str]:
        for name, parameter in self.model.parameters.items():
            words = [parameter.units and f"[{parameter.units}]", parameter.description]
            words += [] if parameter.free else ["fixed"]
            comment = ", ".join(word for word in words if word)
            line = f"const {self.known[self.model.values[name]]} = {julia_array(self.values[name])}"
            yield f"{line}  # {comment}" if comment and "\n" not in line else line

    def network(self, name: str) -> list[str]:
        """Weights and functions of a network."""
        lines = [f"# The network `{name}`: {self.model.networks[name]!r}"]
        for weight in self.model.networks[name].weight_shapes():
            full = f"{name}.{weight}"
            lines.append(f"const {self.known[self.model.values[full]]} = {julia_array(self.values[full])}")
        for function in self.networks[name]:
            lines += ["", *function]
        return lines

    def _unpacked(self, used: str) -> Iterator[str]:
        """The states that the text uses, read from u."""
        for state in self.model.states:
            name, window = self.states[state.name], self.model.states.windows[state.name]
            if name not in _words(used):
                continue
            whole = f"u[{window.start + 1}:{window.stop}]"
            if not state.shape:
                yield f"{name} = u[{window.start + 1}]"
            elif len(state.shape) == 1:
                yield f"{name} = {whole}"
            else:
                shape = ", ".join(map(str, state.shape))
                yield f"{name} = {self.source.call('reshape_rows', whole, shape).text}"

    def vector_field(self) -> list[str]:
        outputs, _ = readable(self.model, self.setup.vector_field or self.model.named_vector_field)
        parts = self.model.states.split(outputs["du"])
        statements, texts = self.source.write(list(parts.values()))
        lines = []
        for state, text in zip(self.model.states, texts, strict=True):
            window = self.model.states.windows[state.name]
            target = f"du[{window.start + 1}:{window.stop}]"
            if not state.shape:
                lines.append(f"du[{window.start + 1}] = {text}")
            elif len(state.shape) == 1:
                lines.append(f"{target} .= {text}")
            else:
                lines.append(f"{target} .= {self.source.call('flat_rows', text).text}")
        body = [*self._unpacked("\n".join([*statements, *lines])), *statements, *lines, "return nothing"]
        return ["function vector_field!(du, u, p, t)", *_indented(body), "end"]

    def observables(self) -> tuple[list[str], list[str]]:
        """A function for what is measured besides the states, and the columns that it fills."""
        outputs, names = readable(self.model, self.model.named_observation)
        more = {n: e for n, e in outputs.items() if names.get(e) != n}
        if not more:
            return [], []
        statements, texts = self.source.write(list(more.values()))
        flat = [
            text if e.ndim < 1 else f"{text}..." if e.ndim == 1 else f"{self.source.call('flat_rows', text).text}..."
            for text, e in zip(texts, more.values(), strict=True)
        ]
        body = [*self._unpacked("\n".join([*statements, *flat])), *statements, f"return [{', '.join(flat)}]"]
        columns = [c for n, e in more.items() for c in _columns(n, e.shape)]
        return ["function observables(u, t)", *_indented(body), "end"], columns

    def times(self) -> str:
        times = self.setup.times - self.setup.origin
        if len(times) > 4 and np.array_equal(times, np.linspace(times[0], times[-1], len(times))):
            ends = ", ".join(julia_number(t).text for t in times[[0, -1]])
            return f"range({ends}; length = {len(times)})"
        return julia_array(times)

    def solving(self) -> list[str]:
        setup, settings = self.setup, self.setup.solver
        if settings.fixed:
            steps = f"dt = {julia_number(settings.dt).text}, adaptive = false"
        else:
            several = isinstance(settings.atol, tuple)
            atol = julia_array(np.array(settings.atol)) if several else julia_number(settings.atol).text
            steps = f"reltol = {julia_number(settings.rtol).text}, abstol = {atol}"
        start, end = (julia_number(t - setup.origin).text for t in (setup.start, setup.times[-1]))
        lines, where = [], ""
        if setup.origin:
            lines.append(f"time_origin = {julia_number(setup.origin).text}  # what the solver's time counts from")
        if len(setup.stops):
            lines.append(f"stops = {julia_array(setup.stops)}  # steps end here, and see the forcings' kinks and jumps")
            where += ", tstops = stops"
        if len(setup.jumps):
            lines.append(f"jumps = prevfloat.({julia_array(setup.jumps)})  # the last times before the forcings jump")
            where += ", d_discontinuities = jumps"
        return [
            *lines,
            f"initial_state = {julia_array(setup.u0)}  # {', '.join(s.name for s in self.model.states)}",
            f"time_span = ({start}, {end})",
            f"times = {self.times()}",
            "",
            "problem = ODEProblem(vector_field!, initial_state, time_span)",
            f"sol = solve(problem, {_algorithm(settings)[1]}(); {steps}, saveat = times{where}, "
            f"maxiters = {settings.max_steps})",
        ]


def julia_script(model: Model, setup: Setup) -> str:
    """The script's text.

    Raises
    ------
    OptionError
        If the solver is given by its coefficients.
    ModelError
        If the model holds an operation that can't be written as Julia source.
    """
    from ..versions import unideq_version

    package, _ = _algorithm(setup.solver)
    script = _Script(model, setup)
    field = script.vector_field()
    observed, columns = script.observables()
    states = [c for s in model.states for c in _columns(s.name, s.shape)]
    source, helpers = script.source, script.source.definitions()
    parts: list[list[str]] = [
        [
            f"# A model exported by Unideq {unideq_version()}. It needs Julia and the package {package}:",
            f"#     julia -e 'import Pkg; Pkg.add(\"{package}\")'",
            "#     julia THIS_FILE [TABLE.csv]",
            "# `include` it to go on with `sol`, `problem` and `vector_field!`.",
            "#",
            *(f"# {line}" for line in str(Equations.of_model(model)).splitlines()),
        ],
        [f"using {package}"],
        ["# Functions with NumPy's semantics", *helpers] if helpers else [],
        ["# Parameters", *script.parameters()] if model.parameters else [],
        [f"const {name} = {text}" for name, text in source.constants.items()],
        [f"{name}{text}" for name, text in source.defined.items()],
        *(script.network(name) for name in model.networks),
        field,
        observed,
        script.solving(),
        _table(states, columns, bool(setup.origin)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _algorithm(settings: SolverSettings) -> tuple[str, str]:
    """Julia's package and algorithm, of the nearest solver where Julia lacks this one."""
    name = counterpart(settings, "julia").entry.engines["julia"]
    if not isinstance(name, str):
        raise OptionError("A script names its solver, and this one is given by its coefficients. Choose one by name.")
    package, _, algorithm = name.partition(".")
    return package, algorithm


def _table(states: Sequence[str], observables: Sequence[str], moved: bool) -> list[str]:
    columns = ", ".join(f'"{name}"' for name in ("time", *states, *observables))
    more = "; observables(u, t)" if observables else ""
    times = "time_origin .+ sol.t" if moved else "sol.t"
    return [
        f"columns = [{columns}]",
        f"table = reduce(vcat, ([t; u{more}]' for (t, u) in zip({times}, sol.u)))",
        "",
        "function write_csv(output)",
        '    println(output, join(columns, ","))',
        '    foreach(row -> println(output, join(row, ",")), eachrow(table))',
        "end",
        "",
        "if abspath(PROGRAM_FILE) == @__FILE__",
        '    isempty(ARGS) ? write_csv(stdout) : open(write_csv, ARGS[1], "w")',
        "end",
    ]


def _columns(name: str, shape: tuple[int, ...]) -> list[str]:
    """`u` for a scalar, `u[1]`, `u[2]`, … for a vector, `u[1 2]` for an array of two axes."""
    return [f"{name}[{' '.join(str(i + 1) for i in index)}]" if index else name for index in np.ndindex(shape)]


def _short(name: str) -> str:
    """`interaction.layer_1.weight` → `interaction_W1`."""
    network, _, weight = name.partition(".")
    layer, _, kind = weight.partition(".")
    letter: Any = {"weight": "W", "bias": "b"}.get(kind)
    return f"{network}_{letter}{layer.removeprefix('layer_')}" if letter and layer.startswith("layer_") else name


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]
