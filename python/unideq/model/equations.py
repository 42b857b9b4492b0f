"""The traced equations of a model, as text, LaTeX and a Jupyter display."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph import Expression, Graph, constant, latex, rebuild, text, topological, variable
from ..graph.printing import identifier
from .delays import past_input
from .field_names import differentiated

if TYPE_CHECKING:
    from .declared import Declared
    from .koopman import Koopman
    from .model import Model
    from .sde import SDE
    from .stepper import Stepper

__all__ = ["Equations", "readable"]

Line = tuple[str, str, str, str]
"""Left- and right-hand side as text, then as LaTeX."""


def readable(model: Declared, graph: Graph) -> tuple[dict[str, Expression], dict[Expression, str]]:
    """The outputs of a graph with one variable a state, and the names that print all its variables.

    The graph is one in named values (`model.named_vector_field`, `model.learned[...].named`). One in θ works too, but
    where simplification merged a stored value's scale into a number, θ itself is printed.

    Elements and slices of array states print under the array's name that way (`x[0]`), however the graph reaches into
    u.
    """
    own = {s.name: variable(s.name, s.shape) for s in model.states}
    joined: Any = np.concatenate([e.reshape(e.size) for e in own.values()])
    replaced = {graph.input("u"): joined}
    if "c" in graph.input_names:
        c = graph.input("c")
        replaced |= {c[k]: value for k, value in enumerate(model.known_values.values())}
    if "theta" in graph.input_names:
        replaced |= {model.layout.view(graph.input("theta"), n): value for n, value in model.values.items()}
    before: dict[Expression, str] = {}
    for k, delay in enumerate(model.delays):
        then = {n: variable(f"{n}.past.{k}", e.shape) for n, e in own.items()}
        before |= {e: f"{n}(t - {delay:g})" for n, e in then.items()}
        past: Any = np.concatenate([e.reshape(e.size) for e in then.values()])
        replaced[past_input(k, model.states.size)] = past
    outputs = rebuild(list(graph.outputs.values()), replaced)
    named = (*own.items(), *model.values.items(), *model.known_values.items())
    names: dict[Expression, str] = {e: n for n, e in named}
    names |= {e: f"{n}(t)" for n, e in model.input_values.items()} | before
    return dict(zip(graph.outputs, outputs, strict=True)), names


@dataclass(frozen=True)
class Equations:
    """Equations by left-hand side.

    Attributes
    ----------
    text
        One line an equation, e.g. `d hare/dt = growth·hare - interaction(hare, lynx)[0]`, then one an observable that
        isn't a state of the same name, e.g. `total = hare + lynx`. Derivatives on a grid are written `u_x`, `u_xx`;
        lines below say by which scheme they are taken, and what holds at walls.
    latex
        An `aligned` environment.
    """

    text: str
    latex: str

    @classmethod
    def of_model(cls, model: Model) -> Equations:
        """Print a model's right-hand sides; networks print as calls."""
        return cls._of(*_derivatives(model), more=_observables(model))

    @classmethod
    def of_stepper(cls, stepper: Stepper) -> Equations:
        """Print the right-hand sides of the model that is stepped, then the step with its correction."""
        known = stepper.solver is None and stepper.coupling != "prediction"
        own, notes = _derivatives(stepper) if known else ([], [])
        return cls._of(own, notes, more=[*_steps(stepper), *_observables(stepper)])

    @classmethod
    def of_koopman(cls, model: Koopman) -> Equations:
        """Print the networks as calls, and how the coordinates y move between them."""
        x, x_tex = ", ".join(model.states.names), ", ".join(map(identifier, model.states.names))
        lines = [("y", f"encoder({x})", "y", rf"\mathrm{{encoder}}({x_tex})"), *_moves(model)]
        left, left_tex = (x, x_tex) if len(model.states) == 1 else (f"({x})", f"({x_tex})")
        return cls._of(lines, [], more=[(left, "decoder(y)", left_tex, r"\mathrm{decoder}(y)")])

    @classmethod
    def of_sde(cls, model: SDE) -> Equations:
        """Print what each state moves by: its drift, and what the Brownian motions do to it."""
        own, notes = _derivatives(model)
        return cls._of([_noisy(model, n, line) for n, line in zip(model.states.names, own, strict=True)], notes,
                       more=_observables(model))  # fmt: skip

    @classmethod
    def _of(cls, lines: list[Line], notes: list[str], more: list[Line]) -> Equations:
        lines = [*lines, *more]
        body = " \\\\\n".join(f"{left} &= {right}" for _, _, left, right in lines)
        plain = "\n".join([*(f"{left} = {right}" for left, right, _, _ in lines), *(f"  {note}" for note in notes)])
        return cls(plain, f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"


def _derivatives(model: Model) -> tuple[list[Line], list[str]]:
    """One line a state, `0 = …` for algebraic ones, and what a reader should know about the derivatives in them."""
    outputs, names = readable(model, Graph(_inputs(model, model.printed()), model.printed()))
    shown = differentiated(outputs, names, getattr(model, "grid", None))
    lines = []
    for n, e in shown.outputs.items():
        left, left_tex = f"d {n}/dt", rf"\frac{{\mathrm{{d}} {identifier(n)}}}{{\mathrm{{d}} t}}"
        if model.states[n].algebraic:
            left = left_tex = "0"
        lines.append((left, text(e, shown.names), left_tex, latex(e, shown.latex_names)))
    return lines, shown.notes


def _noisy(model: SDE, name: str, line: Line) -> Line:
    """`d x = (drift) dt + (diffusion) dW`, with ∘ for Stratonovich's integral."""
    found, names = readable(model, model.named["diffusion"])
    rows: Any = found["diffusion"][model.states.windows[name]]
    shape = model.states[name].shape
    if model.noise == "diagonal":
        parts = {"": rows.reshape(shape)}
    else:
        parts = {
            f"_{k + 1}" * (model.brownian > 1): found[f"motion.{k}"][model.states.windows[name]].reshape(shape)
            for k in range(model.brownian)
        }
    kept = {k: e for k, e in parts.items() if not (e.is_constant and not np.any(e.value))}
    ring, tex_ring = ("∘ ", r"\circ ") if model.calculus == "stratonovich" else ("", "")
    plain = "".join(f" + ({text(e, names)}) {ring}dW{k}" for k, e in kept.items())
    tex = "".join(rf" + \left({latex(e, names)}\right) {tex_ring}\mathrm{{d}} W{k}" for k, e in kept.items())
    return (
        f"d {name}",
        f"({line[1]}) dt{plain}",
        rf"\mathrm{{d}} {identifier(name)}",
        rf"\left({line[3]}\right) \mathrm{{d}} t{tex}",
    )


def _observables(model: Model) -> list[Line]:
    observed, names = readable(model, model.named_observation)
    shown = {n: e for n, e in observed.items() if names.get(e) != n}
    return [(n, text(e, names), identifier(n), latex(e, names)) for n, e in shown.items()]


def _moves(model: Koopman) -> list[Line]:
    """How latent coordinates move: a matrix a step, or turning and growing pairs and rates of the others."""
    if model.dynamics == "matrix":
        dt = f"{model.dt:g}"
        return [(f"y(t + {dt})", "matrix @ y", f"y(t + {latex(constant(model.dt))})", r"\mathrm{matrix} \, y")]
    lines: list[Line] = []
    if model.pairs:
        rates = "growth, frequency" if "growth" in model.parameters else "μ, ω"
        if model.dynamics == "parametrised":
            own = model.networks["auxiliary"].outputs == model.pairs
            rates = f"{'0, ω' if own else 'μ, ω'} = auxiliary(|z|²)"
        plain = f"(μ + i ω) z,  z = y₁ + i y₂ of each pair  [{rates}]"
        lines.append(("d z/dt", plain, r"\dot z", r"(\mu + i \omega) z"))
    if "rate" in model.parameters:
        lines.append(("d y/dt", "rate·y  of the others", r"\dot y", r"\mathrm{rate} \, y"))
    return lines


def _steps(stepper: Stepper) -> list[Line]:
    """`u(t + dt)`: the solver S, and what the correction makes of it."""
    lines = []
    corrected = stepper.named.get("correction")
    found, names = ({}, {}) if corrected is None else readable(stepper, corrected)
    dt, latex_dt = f"{stepper.dt:g}", latex(constant(stepper.dt))
    solver = f"S: {stepper.scheme_text}" + (f", {stepper.substeps} substeps" if stepper.substeps > 1 else "")
    for n in stepper.states.names:
        plain, tex = f"S({n})", rf"S({identifier(n)})"
        if n in found:
            c, c_tex = text(found[n], names), latex(found[n], names)
            if stepper.coupling == "parallel":
                plain, tex = f"{plain} + {dt}·({c})", rf"{tex} + {latex_dt} \left({c_tex}\right)"
            else:
                plain, tex = c, c_tex
            if stepper.coupling == "sequential":
                states = ", ".join(stepper.states.names)
                plain += f"  at {states} = S({states})"
        if stepper.coupling != "prediction" and n == stepper.states.names[-1]:
            plain += f"  [{solver}]"
        lines.append((f"{n}(t + {dt})", plain, rf"{identifier(n)}(t + {latex_dt})", tex))
    return lines


def _inputs(model: Model, outputs: Mapping[str, Expression]) -> list[Expression]:
    return [n for n in topological(outputs.values()) if n.operation == "input" and n is not model._u] + [model._u]
