"""The traced equations of a model, as text, LaTeX and a Jupyter display."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph import Expression, Graph, as_expression, latex, rebuild, text, variable
from ..graph.printing import identifier

if TYPE_CHECKING:
    from .ode import ODE

__all__ = ["Equations", "readable"]


def readable(model: ODE, graph: Graph) -> tuple[dict[str, Expression], dict[Expression, str]]:
    """The outputs of a graph (t, u, θ) written in one variable a state and a parameter, and the names that print them.

    Elements and slices of array states and parameters print under the array's name that way (`k[0]`), however the graph
    reaches into u and θ.
    """
    t, u, theta = graph.inputs
    own = {s.name: variable(s.name, s.shape) for s in model.states}
    names: dict[Expression, str] = {t: "t", **{e: n for n, e in own.items()}}
    # θ's entries keep their stored form; what prints as the parameter's name is its constrained value.
    stored = {e.name: variable(f"stored {e.name}", e.shape) for e in model.layout.entries}
    for name in model.parameters:
        names[model.layout[name].constrain(stored[name])] = name
    replaced = {u: _joined(list(own.values())), theta: _joined(list(stored.values()))}
    outputs = rebuild(list(graph.outputs.values()), replaced)
    return dict(zip(graph.outputs, outputs, strict=True)), names


def _joined(parts: list[Expression]) -> Expression:
    if not parts:
        return as_expression(np.zeros(0))
    flat: Any = np.concatenate([p.reshape(p.size) for p in parts])
    return flat


@dataclass(frozen=True)
class Equations:
    """Equations by left-hand side.

    Attributes
    ----------
    text
        One line an equation, e.g. `d hare/dt = growth·hare - interaction(hare, lynx)[0]`, then one line an observable that
        isn't a state of the same name, e.g. `total = hare + lynx`.
    latex
        An `aligned` environment.
    """

    text: str
    latex: str

    @classmethod
    def of_model(cls, model: ODE) -> Equations:
        """Print a model's right-hand sides; networks print as calls."""
        outputs, names = readable(model, model.vector_field)
        lines, rows = [], []
        for name, e in model.states.split(outputs["du"]).items():
            lines.append(f"d {name}/dt = {text(e, names)}")
            rows.append(rf"\frac{{\mathrm{{d}} {identifier(name)}}}{{\mathrm{{d}} t}} &= {latex(e, names)}")
        observed, names = readable(model, model.observation)
        for name, e in observed.items():
            if names.get(e) != name:
                lines.append(f"{name} = {text(e, names)}")
                rows.append(rf"{identifier(name)} &= {latex(e, names)}")
        body = " \\\\\n".join(rows)
        return cls("\n".join(lines), f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"
