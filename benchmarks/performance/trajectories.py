"""Loss and gradient of 64 trajectories, and of 8 seeds, on two threads of Julia against one; goal: 1.8 times."""

from __future__ import annotations

import sys
from typing import Any

from _peers import HERE, Field, Peer

from unideq.harness import Study

GOAL = 1.8
WORK = {"1 trajectory": (1, 1), "64 trajectories": (64, 1), "8 seeds": (1, 8), "8 seeds of 64 trajectories": (64, 8)}
"""Trajectories and seeds."""


def main() -> None:
    study = Study.from_command_line(
        __file__, __doc__, quick={"rounds": 15, "threads": [1, 2]}, full={"rounds": 60, "threads": [1, 2]}
    )
    peers = {
        threads: Peer([sys.executable, str(HERE / "_threads_peer.py")], {"UNIDEQ_THREADS": str(threads)})
        for threads in study.settings["threads"]
    }
    for unit in study.units(case=["lotka_volterra", "spiral"], work=list(WORK)):
        trajectories, seeds = WORK[unit["work"]]
        field = Field()
        for threads, peer in peers.items():
            problem = {"case": unit["case"], "trajectories": trajectories, "seeds": seeds}
            # The answer's names would be equal: both are prefixed with the number of threads.
            field.enter_peer(peer, problem, f"threads {threads}")
        for name, row in field.race(study.settings["rounds"], "threads 1: gradient").items():
            facts = field.entrants[name].facts
            study.record(threads=facts["threads"], **row, loss=facts["loss"][0], note=None)
        for name, why in field.absent.items():
            study.record(threads=name, note=why)
    headline: dict[str, Any] = {}
    for case in ("lotka_volterra", "spiral"):
        for name in list(WORK)[1:]:
            rows = study.rows_where(case=case, work=name, threads=2)
            if rows and rows[0].get("ratio"):
                headline[f"{case}, {name}: speed on 2 threads"] = 1.0 / rows[0]["ratio"]
        ones = {row["work"]: row.get("median_ms") for row in study.rows_where(case=case, threads=1)}
        if ones.get("64 trajectories") and ones.get("1 trajectory"):
            headline[f"{case}: 64 trajectories over one"] = ones["64 trajectories"] / ones["1 trajectory"]
    study.finish(headline={**headline, "goal": GOAL})


if __name__ == "__main__":
    main()
