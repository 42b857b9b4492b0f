"""SOAP's new bases, which follow its turn: one seed at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from ...optimise.soap import squares
from .eigenbasis import first_basis, next_basis
from .first_order import Beside

__all__ = ["NewBases"]

State = dict[str, Any]
NAMES = ("mean", "square", "bases.left_basis", "bases.right_basis")


class NewBases(Beside):
    """Bases begin at the first gradient and are renewed every so many iterations; a refused gradient leaves them."""

    def shared(self, states: State) -> dict[str, Any]:
        """Whether bases begin, and are renewed, for any seed: within their mapping both branches would run."""
        iteration, waiting = jnp.max(states["iteration"]), (states["accepted"] == 0) & (states["finished"] == 0)
        due = (iteration > 0) & (iteration % self.phase.precondition_every == 0)  # type: ignore[attr-defined]
        return {"begin": jnp.any(waiting), "renew": due}

    def after(self, old: State, new: State, data: Mapping[str, Any]) -> State:
        """The bases, and the moments in them."""
        if not self.phase.matrices:
            return {}
        used = new["accepted"] > old["accepted"]
        first, later = used & (old["accepted"] == 0), used & (old["accepted"] > 0)
        kept = {name: new[name] for name in NAMES}
        for due, whose, change in ((data["begin"], first, self._begun), (data["renew"], later, self._renewed)):
            kept = lax.cond(
                due, lambda k, w=whose, c=change: _chosen(w, {**k, **c({**new, **k})}, k), lambda k: k, kept
            )
        return kept

    def _begun(self, state: State) -> State:
        lefts, rights = self._squares(state, "left", "right")
        return _joined([first_basis(m) for m in lefts], [first_basis(m) for m in rights])

    def _renewed(self, state: State) -> State:
        """New bases; the first moment goes along, the second one keeps its entries, sorted as the basis is."""
        bases = self._squares(state, "left_basis", "right_basis")
        found = [
            [next_basis(m, q) for m, q in zip(matrices, old, strict=True)]
            for matrices, old in zip(self._squares(state, "left", "right"), bases, strict=True)
        ]
        lefts, rights = found
        mean, square = state["mean"], state["square"]
        for m, q, r, (new_q, rows), (new_r, columns) in zip(self.phase.matrices, *bases, lefts, rights, strict=True):
            where = slice(m.offset, m.end)
            own = q @ mean[where].reshape(m.rows, m.columns) @ r.T
            mean = mean.at[where].set((new_q.T @ own @ new_r).ravel())
            square = square.at[where].set(square[where].reshape(m.rows, m.columns)[rows][:, columns].ravel())
        return {"mean": mean, "square": square, **_joined([q for q, _ in lefts], [q for q, _ in rights])}

    def _squares(self, state: State, left: str, right: str) -> tuple[list[Array], list[Array]]:
        rows, columns = [m.rows for m in self.phase.matrices], [m.columns for m in self.phase.matrices]
        return squares(state[f"bases.{left}"], rows), squares(state[f"bases.{right}"], columns)


def _joined(lefts: list[Array], rights: list[Array]) -> State:
    pairs = {"bases.left_basis": lefts, "bases.right_basis": rights}
    return {name: jnp.concatenate([m.ravel() for m in several]) for name, several in pairs.items()}


def _chosen(wanted: Array, new: State, old: State) -> State:
    return {name: jnp.where(wanted, new[name], old[name]) for name in old}
