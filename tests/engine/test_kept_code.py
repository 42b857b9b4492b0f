"""Compiled code on disk: a second process compiles nothing, damage costs a compilation, `unideq doctor` clears it."""

import json
import os
import subprocess
import sys

import pytest

from unideq.cli import main

SCRIPT = """
import json, warnings
import numpy as np, xarray as xr
import jax
import unideq as ude

warnings.simplefilter("ignore")
found = {"hits": 0, "requests": 0}
def count(event, **more):
    for word, name in (("cache_hits", "hits"), ("compile_requests_use_cache", "requests")):
        found[name] += event.endswith(word)
jax.monitoring.register_event_listener(count)
jax.jit(lambda x: x + 1)(1.0)  # a program of somebody else, compiled before the engine starts
times = np.linspace(0, 2, 9)
data = xr.Dataset({"x": ("time", np.exp(-times))}, {"time": times})
model = ude.ODE(lambda t, s, p, net: {"x": -net.rate(s.x) * s.x}, ["x"], networks={"rate": ude.nn.MLP(1, 1, (6, 6))})
fit = ude.fit(model, data, phases=ude.Adam(1e-2, 5), engine="jax", progress=False)
print(json.dumps({**found, "total": float(fit.record.best_total[0]), "place": jax.config.jax_compilation_cache_dir}))
"""


def run(folder, **more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_COMP", "JAX_PERS"))}
    environment |= {"UNIDEQ_CACHE": str(folder), "PYTHONPATH": os.pathsep.join(sys.path), **more}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_code_is_kept_and_damage_costs_a_compilation(tmp_path, monkeypatch, capsys):
    pytest.importorskip("filelock")
    pytest.importorskip("diffrax")
    first = run(tmp_path)
    assert first["hits"] == 0
    again = run(tmp_path)
    assert again["hits"] >= 1
    assert again["total"] == first["total"]
    entries = sorted(tmp_path.glob("code-jax-*/*-cache"))
    assert len(entries) >= 1
    for entry in entries:
        entry.write_bytes(entry.read_bytes()[:100])
    damaged = run(tmp_path)
    assert (damaged["hits"], damaged["total"]) == (0, first["total"])
    for entry in entries:  # what a process leaves that is killed while it writes
        entry.with_name(entry.name.replace("-cache", "-atime")).unlink()
    run(tmp_path)
    assert run(tmp_path)["hits"] >= 1

    monkeypatch.setenv("UNIDEQ_CACHE", str(tmp_path))
    main(["doctor"])
    assert f"{tmp_path}: " in capsys.readouterr().out
    assert main(["doctor", "--clear-cache"]) == 0
    assert "removed" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_folder_of_the_users_own_stays(tmp_path):
    pytest.importorskip("diffrax")
    own = str(tmp_path / "own")
    assert run(tmp_path / "ours", JAX_COMPILATION_CACHE_DIR=own)["place"] == own
    assert not (tmp_path / "ours").exists()
