"""Our own recipes for the three problems: small plain networks, many fixed points, Gauss–Newton."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from _allen_cahn import problem as allen_cahn
from _cavity import problem as cavity
from _helmholtz import problem as helmholtz

import unideq as ude

__all__ = ["RECIPES", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """A problem with its network, the points of its terms, and the number of Gauss–Newton iterations."""

    words: str
    pose: Callable[[Any], ude.ResidualProblem]
    inputs: int
    outputs: int
    points: dict[str, int]
    iterations: int
    hidden: tuple[int, ...] = (20, 20, 20)

    def fit(self, seed: int, engine: str | None, effort: float) -> Any:
        """Train; `effort` shrinks the number of iterations."""
        network = ude.nn.MLP(self.inputs, self.outputs, hidden=self.hidden, initializer="glorot_normal")
        return ude.fit(
            self.pose(network), objective=ude.Residual(points=self.points, sampler=ude.samplers.Sobol(redraw=None)),
            phases=[ude.GaussNewton(max(5, round(effort * self.iterations)))], seeds=[seed], engine=engine,
            progress=False,
        )  # fmt: skip


RECIPES = {
    "helmholtz": Recipe(
        "MLP 3 × 20, boundary weight 100", lambda network: helmholtz(network, walls=100.0),
        2, 1, {"residual": 2000, "walls": 400}, 150,
    ),
    "cavity": Recipe(
        "MLP 3 × 24, boundary weight 2", lambda network: cavity(network),
        2, 2, {"momentum": 4000, "walls": 1200}, 200, (24, 24, 24),
    ),
    "allen_cahn": Recipe(
        "MLP 3 × 20 of (cos πx, sin πx, t), weight of the start 100", lambda network: allen_cahn(network, start=100.0),
        3, 1, {"residual": 3000, "start": 400}, 150,
    ),
}  # fmt: skip
