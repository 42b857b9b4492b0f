"""Seconds to trace, differentiate and serialise graphs of growing size; bar: 1000 operations under a second."""

from typing import Any

import numpy as np

import unideq as ude
from unideq.graph import vjp
from unideq.graph.serialise import to_json
from unideq.harness import Study, time_interleaved


def chain(length: int) -> Any:
    """A right-hand side of about `length` scalar operations, none of them alike."""

    def rhs(t: Any, state: Any, p: Any) -> Any:
        x = state.x
        for k in range(length // 3):
            x = np.sin(x) * p.a + (k + 1.0)
        return {"x": x}

    return rhs


study = Study.from_command_line(
    __file__, __doc__, quick={"lengths": [300, 1000], "rounds": 5}, full={"lengths": [300, 1000, 3000], "rounds": 15}
)
for unit in study.units(length=study.settings["lengths"]):
    rhs = chain(unit["length"])
    model = ude.ODE(rhs, ["x"], {"a": 0.3})
    timings = time_interleaved(
        {
            "trace": lambda rhs=rhs: ude.ODE(rhs, ["x"], {"a": 0.3}),
            "vjp": lambda model=model: vjp(model.vector_field, ["u", "theta"]),
            "json": lambda model=model: to_json(model.vector_field),
        },
        rounds=study.settings["rounds"],
        sample_seconds=0,
    )
    study.record(
        operations=model.vector_field.operation_count,
        vjp_operations=vjp(model.vector_field, ["u", "theta"]).operation_count,
        trace_s=timings["trace"].median,
        vjp_s=timings["vjp"].median,
        json_s=timings["json"].median,
    )
largest = next(row for row in study.rows if row["length"] == 1000)
seconds = largest["trace_s"] + largest["vjp_s"]
study.finish(headline={"trace_and_vjp_1000_s": seconds, "bar_s": 1.0, "bar_met": seconds < 1.0})
