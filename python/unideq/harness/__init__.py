"""The one harness that every study and benchmark runs in: options, progress, resumable rows, timings, JSON.

A study is a script in `benchmarks/studies/` or `benchmarks/performance/`::

    '''What is measured, in one line: `unideq bench` lists it.'''
    from unideq.harness import Study

    study = Study.from_command_line(
        __file__, __doc__,
        quick={"seeds": 2, "noise": [0.01]},
        full={"seeds": 20, "noise": [0.001, 0.01, 0.05]},
    )
    for unit in study.units(noise=study.settings["noise"], seed=range(study.seeds)):
        study.record(error=run_once(unit["noise"], unit["seed"], engine=study.engine))
    study.finish(headline={"median_error": median(row["error"] for row in study.rows)})
"""

from .catalogue import Benchmark, find_benchmark, find_benchmarks
from .machine import describe_machine
from .markdown import markdown_table
from .study import Study
from .timing import Elsewhere, Ratio, Timing, ratio, time_interleaved

__all__ = [
    "Benchmark",
    "Elsewhere",
    "Ratio",
    "Study",
    "Timing",
    "describe_machine",
    "find_benchmark",
    "find_benchmarks",
    "markdown_table",
    "ratio",
    "time_interleaved",
]
