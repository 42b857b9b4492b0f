"""Whole fits on the Julia engine: interrupted in the middle, and many in one process."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import unideq as ude

ROOT = Path(__file__).parents[3]
STATM = Path("/proc/self/statm")


def decay():
    """A model with one unknown rate, and data of it."""
    times = np.linspace(0, 2, 9)
    data = xr.Dataset({"x": ("time", 3 * np.exp(-0.7 * times))}, coords={"time": times})
    rate = ude.Parameter(2.0, positive=True)
    return ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": rate}), data


def megabytes():
    """Memory that this process holds."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def live_megabytes():
    """Memory that Julia's objects hold once all others are gone."""
    from juliacall import Main

    gc.collect()
    Main.GC.gc()
    Main.GC.gc()
    return Main.Base.gc_live_bytes() / 1e6


@pytest.mark.parametrize("threads", ["1", "2"])
def test_ctrl_c_in_the_middle_of_a_fit_returns_the_best_so_far(threads):
    code = """
        import numpy as np, xarray as xr, unideq as ude
        times = np.linspace(0, 2, 9)
        data = xr.Dataset({"x": ("time", 3 * np.exp(-0.7 * times))}, coords={"time": times})
        model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": ude.Parameter(2.0)})
        told = []
        def tell(report):
            if not told:
                told.append(print("running", flush=True))
        fit = ude.fit(model, data, phases=[ude.Adam(1e-3, 50_000_000)], progress=False, callback=tell, engine="julia")
        print(fit.status)
        print(float(fit.parameters["rate"]) < 2.0, np.isfinite(fit.record.best_total).all())
    """
    sources = os.pathsep.join(filter(None, [str(ROOT / "python"), os.environ.get("PYTHONPATH", "")]))
    own = {name: value for name, value in os.environ.items() if name != "PYTHON_JULIACALL_HANDLE_SIGNALS"}
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**own, "PYTHONPATH": sources, "UNIDEQ_THREADS": threads},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    status, rest = said.splitlines()
    assert status.startswith("interrupted: after ")
    assert rest == "True True"
    assert process.returncode == 0


@pytest.mark.skipif(not STATM.exists(), reason="reads the memory in use from /proc")
@pytest.mark.parametrize("fits", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_fits_in_one_process_leave_no_memory_behind(julia, fits):
    model, data = decay()

    def fit():
        return ude.fit(model, data, phases=[ude.Adam(1e-2, 10), ude.BFGS(10)], progress=False, engine=julia)

    for _ in range(50):  # until all is compiled
        fit()
    before, live = megabytes(), live_megabytes()
    for _ in range(fits):
        found = fit()
    assert abs(float(found.parameters["rate"]) - 0.7) < 1e-3
    assert live_megabytes() - live < 0.1 + 0.0005 * fits
    assert megabytes() - before < 60  # the collector lets Julia's heap grow by so much before it settles


def test_models_that_come_and_go_are_dropped_by_the_cache(julia):
    _, data = decay()
    julia.clear()

    def shifted(shift):
        return ude.ODE(lambda t, state, p: {"x": -(p.rate + shift) * state.x}, ["x"], {"rate": 1.0})

    for shift in range(3):
        model = shifted(shift)
        ude.fit(model, data, phases=[ude.Adam(1e-2, 2)], progress=False, engine=julia)
    gc.collect()
    assert 3 <= len(julia._cache) <= julia._cache.capacity
    assert len(julia._keys) <= 3
