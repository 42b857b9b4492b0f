"""`unideq demo` as a new user runs it, with fewer iterations."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import unideq as ude
from unideq.demo import hare_and_lynx, lotka_volterra, run


def test_without_departures_the_demo_model_is_lotka_and_volterras() -> None:
    """The universal model holds the mechanistic one: a silent network leaves constant rates of predation."""
    universal, mechanistic = hare_and_lynx(), lotka_volterra()
    weights = {name: 0.0 for name in universal.layout.names if name.startswith("interaction.")}
    rate = 0.03 * np.log(2.0)  # output_scale · softplus(0)
    state = {"hare": 40.0, "lynx": 20.0}
    here = universal(0.0, state, weights)
    there = mechanistic(0.0, state, {"eaten": rate, "born": rate})
    for name in ("hare", "lynx"):
        np.testing.assert_allclose(here[name], there[name], rtol=1e-12)


@pytest.mark.slow
def test_the_demo_prints_tables_and_writes_a_figure_and_a_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "unideq.cli", "demo", "--quick", "--output", str(tmp_path / "out")]
    source = str(Path(ude.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": source, "MPLBACKEND": "Agg"}
    environment.pop("XLA_FLAGS", None)  # compiled as for users
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=environment)
    assert done.returncode == 0, done.stderr
    assert "d hare/dt = growth·hare - interaction(hare, lynx)[0]·hare·lynx" in done.stdout
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line and line[0] != " "}
    for label in ("universal", "mechanistic", "neural"):
        assert len(rows[label]) == 4 and all(float(v) > 0 for v in rows[label]), rows[label]
    growth = [float(v) for v in rows["growth"][1:]]
    assert len(growth) == 2 and all(0.05 < v < 5.0 for v in growth)
    assert "100%" in done.stderr and "jax" in done.stderr
    assert (tmp_path / "out" / "hudson_bay.png").stat().st_size > 20_000
    fit = ude.Fit.load(tmp_path / "out" / "hudson_bay.nc")
    assert fit.seeds == (0, 1) and fit.status == "finished"
    assert bool(fit.tree["observations"]["held_out"].sel(time=1916.0).all())
    assert not bool(fit.tree["observations"]["held_out"].sel(time=1915.0).any())


def test_a_folder_that_cannot_be_made_is_an_error_without_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ude.OptionError, match="be made"):
        run(tmp_path / "file" / "out", progress=False)
