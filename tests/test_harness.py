"""The benchmark harness: resumable studies, interleaved timings, one JSON file."""

import ast
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import unideq
from unideq.errors import FileFormatError, OptionError
from unideq.harness import Elsewhere, Study, find_benchmark, find_benchmarks, markdown_table, ratio, time_interleaved
from unideq.harness.resume import plain, write_json

TINY_STUDY = '''
"""Squares of a few numbers.

More about it that no list shows.
"""
import time
from pathlib import Path
from unideq.harness import Study

study = Study.from_command_line(
    __file__, __doc__,
    quick={"seeds": 2, "power": 2, "pause": 0.05},
    full={"seeds": 5, "power": 2, "pause": 0.05},
)
log = Path(__file__).with_suffix(".log")
for unit in study.units(number=[1, 2, 3], seed=range(study.seeds)):
    time.sleep(study.settings["pause"])
    with log.open("a") as file:
        file.write(f"{unit['number']}.{unit['seed']}\\n")
    study.record(square=unit["number"] ** study.settings["power"])
if path := study.figure_path("squares.txt"):
    path.write_text("a picture")
study.finish(headline={"largest": max(row["square"] for row in study.rows)})
'''.lstrip()

SOURCES = Path(unideq.__file__).parents[1]
HOW_TO = Path(__file__).parents[1] / "docs" / "how-to" / "benchmarks.md"


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "tiny.py"
    path.write_text(TINY_STUDY)
    return path


def start(script, *options, **settings):
    environment = os.environ | {"PYTHONPATH": str(SOURCES)}
    command = [sys.executable, str(script), *options]
    return subprocess.Popen(command, cwd=script.parent, env=environment, text=True, **settings)


def run(script, *options):
    process = start(script, *options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return output


def read(path):
    return json.loads(path.read_text())


def study_in(folder, **settings):
    return Study("tiny", settings, folder / "tiny.json")


def test_a_script_writes_settings_versions_machine_rows_and_headline(script):
    output = run(script, "--json", "out.json", "--engine", "jax", "--seeds", "3", "--figures", "pictures")
    result = read(script.parent / "out.json")
    assert result["settings"] == {"mode": "quick", "engine": "jax", "seeds": 3, "power": 2, "pause": 0.05}
    assert result["headline"] == {"largest": 9}
    assert result["rows"][:2] == [{"number": 1, "seed": 0, "square": 1}, {"number": 1, "seed": 1, "square": 1}]
    assert len(result["rows"]) == 9
    assert result["versions"]["numpy"] == np.__version__
    assert result["machine"]["cores"] >= 1
    assert result["command"] == "unideq bench tiny --json out.json --engine jax --seeds 3 --figures pictures"
    assert result["summary"] == "Squares of a few numbers."
    assert (script.parent / "pictures" / "squares.txt").exists()
    assert "| largest" in output


def test_the_script_in_the_documentation_measures_what_it_says(tmp_path):
    code = HOW_TO.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    script = tmp_path / "trapezoid.py"
    script.write_text(code)
    run(script, "--json", "out.json")
    assert read(tmp_path / "out.json")["headline"]["order"] == pytest.approx(2, abs=0.01)


def test_full_mode_has_its_own_settings_and_file(script):
    run(script, "--full", "--seeds", "1")
    result = read(script.parent / "unideq-benchmarks" / "tiny.full.json")
    assert result["settings"]["mode"] == "full"
    assert len(result["rows"]) == 3


def test_a_study_killed_at_any_moment_resumes_without_repeating_finished_units(script):
    log = script.with_suffix(".log")
    process = start(script, "--json", "out.json", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (log.exists() and len(log.read_text().splitlines()) >= 3):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (script.parent / "out.json").exists()
    (resume_file,) = script.parent.glob("out.*.resume.json")
    finished = len(read(resume_file)["finished"])
    assert finished >= 2

    output = run(script, "--json", "out.json")
    assert f"{finished} units were finished before" in output
    done = log.read_text().splitlines()
    assert len(set(done)) == 6
    assert len(done) <= 6 + 1  # only the unit under work at the kill is done again
    result = read(script.parent / "out.json")
    assert [(row["number"], row["seed"]) for row in result["rows"]] == [(n, s) for n in (1, 2, 3) for s in (0, 1)]
    assert not list(script.parent.glob("*.resume.json"))


def test_other_settings_and_finished_runs_share_no_rows(script):
    run(script, "--json", "out.json", "--seeds", "1")
    run(script, "--json", "out.json", "--seeds", "1")
    run(script, "--json", "out.json", "--seeds", "2")
    assert len(script.with_suffix(".log").read_text().splitlines()) == 3 + 3 + 6


def test_an_unknown_engine_is_told_before_the_work(script):
    process = start(script, "--engine", "jaxx", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Did you mean `jax`?" in error
    assert "Traceback" not in error


def test_a_unit_left_by_an_exception_is_not_finished(tmp_path):
    study = study_in(tmp_path)
    with pytest.raises(ZeroDivisionError):
        for unit in study.units(x=[2, 1, 0]):
            study.record(inverse=1 / unit["x"])
    again = study_in(tmp_path)
    visited = []
    for unit in again.units(x=[2, 1, 0]):
        visited.append(unit["x"])
    assert visited == [0]
    assert again.rows == [{"x": 2, "inverse": 0.5}, {"x": 1, "inverse": 1.0}]


def test_fresh_forgets_finished_units(tmp_path):
    list(study_in(tmp_path).units(x=[1, 2]))
    again = Study("tiny", {}, tmp_path / "tiny.json", fresh=True)
    assert [unit["x"] for unit in again.units(x=[1, 2])] == [1, 2]


def test_units_combine_cases_with_axes_and_hold_several_rows(tmp_path):
    study = study_in(tmp_path)
    for unit in study.units([{"case": "a", "size": 1}, {"case": "b", "size": 2}], seed=[0, 1]):
        study.record(method="ours", cost=unit["size"])
        study.record(method="peer", cost=np.float64(2 * unit["size"]))
    assert len(study.rows) == 8
    assert [row["cost"] for row in study.rows_where(case="b", method="peer")] == [4.0, 4.0]


def test_equal_units_are_refused(tmp_path):
    study = study_in(tmp_path)
    list(study.units(x=[1]))
    with pytest.raises(ValueError, match="comes twice"):
        list(study.units(x=[1]))


def test_record_outside_a_unit_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="inside a loop"):
        study_in(tmp_path).record(x=1)


def test_modes_must_name_the_same_settings():
    with pytest.raises(ValueError, match="noise"):
        Study.from_command_line("tiny.py", "Tiny.", quick={"noise": 1}, full={}, arguments=[])


def test_an_unwritable_result_is_told_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="--json"):
        Study("tiny", {}, tmp_path / "file" / "out.json")


def test_a_damaged_resume_file_is_told_with_the_way_out(tmp_path):
    study = study_in(tmp_path)
    (resume_file,) = tmp_path.glob("*.resume.json")
    resume_file.write_text("{")
    with pytest.raises(FileFormatError, match="--fresh"):
        study_in(tmp_path)
    assert study.rows == []


def test_json_values_are_plain_and_what_is_not_finite_is_none():
    value = {"a": np.float32(0.5), 2: np.array([1.0, np.nan]), "c": (np.int64(3), np.bool_(True)), "d": float("inf")}
    assert plain(value) == {"a": 0.5, "2": [1.0, None], "c": [3, True], "d": None}
    with pytest.raises(TypeError, match="object"):
        plain(object())


def test_json_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_interleaved_timings_tell_fast_from_slow_and_keep_the_first_call_apart():
    calls = []

    def slow():
        time.sleep(0.05 if not calls else 0.004)
        calls.append(1)

    timings = time_interleaved({"slow": slow, "fast": lambda: time.sleep(0.001)}, rounds=5, sample_seconds=0.01)
    assert timings["slow"].first > 0.05
    assert 0.004 < timings["slow"].median < 0.02
    assert timings["slow"].low <= timings["slow"].median <= timings["slow"].high
    assert timings["slow"].samples.shape == (5,)
    compared = ratio(timings, "slow", "fast")
    assert 1.5 < compared.low <= compared.median <= compared.high


def test_a_competitor_elsewhere_times_itself():
    asked = []
    elsewhere = Elsewhere(lambda calls: asked.append(calls) or 0.002)
    timings = time_interleaved({"here": lambda: time.sleep(0.001), "there": elsewhere}, rounds=3, sample_seconds=0.01)
    assert timings["there"].median == 0.002
    assert timings["there"].first == 0.002
    assert asked == [1, 1, 1, 5, 5, 5]


def test_timing_refuses_nothing_to_time():
    with pytest.raises(ValueError, match="nothing to time"):
        time_interleaved({})
    with pytest.raises(ValueError, match="at least 1"):
        time_interleaved({"a": int}, rounds=0)


def test_tables_align_numbers_right_and_leave_missing_cells_empty():
    table = markdown_table([{"name": "a|b", "error": 0.123456}, {"name": "c", "error": None}])
    assert table.splitlines() == [
        "| name |  error |",
        "|------|-------:|",
        "| a\\|b | 0.1235 |",
        "| c    |        |",
    ]
    assert markdown_table([]) == ""


def test_every_shipped_script_says_in_a_line_what_it_measures():
    benchmarks = find_benchmarks()
    assert "import_time" in [entry.name for entry in benchmarks]
    for entry in benchmarks:
        assert 20 < len(entry.summary) <= 120, entry.name


def test_scripts_are_found_by_name_and_parts_of_scripts_are_not_listed(tmp_path):
    for kind, name in (("studies", "waves"), ("performance", "waves"), ("studies", "_peer"), ("studies", "heat")):
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / f"{name}.py").write_text(f'"""About {name}."""')
    assert [entry.name for entry in find_benchmarks(tmp_path)] == ["heat", "waves", "waves"]
    assert find_benchmark("heat", tmp_path).summary == "About heat."
    assert find_benchmark("performance/waves", tmp_path).kind == "performance"
    with pytest.raises(OptionError, match="studies/waves"):
        find_benchmark("waves", tmp_path)
    with pytest.raises(OptionError, match="Did you mean `heat`"):
        find_benchmark("haet", tmp_path)


PERFORMANCE = SOURCES.parent / "benchmarks" / "performance"


def test_every_benchmark_and_its_parts_parse():
    scripts = [*PERFORMANCE.glob("*.py"), *(PERFORMANCE.parent / "studies").glob("*.py")]
    assert len(scripts) > 15
    for script in scripts:
        ast.parse(script.read_text(encoding="utf-8"))


@pytest.fixture
def performance(monkeypatch):
    """Parts of the benchmark scripts, imported as the scripts import them."""
    monkeypatch.syspath_prepend(str(PERFORMANCE))
    yield importlib.import_module
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or ".").parent == PERFORMANCE:
            del sys.modules[name]


def test_a_peer_in_its_own_process_is_prepared_timed_and_told_apart(performance, tmp_path):
    peers = performance("_peers")
    script = tmp_path / "peer.py"
    script.write_text(
        f"import sys, time; sys.path.insert(0, {str(PERFORMANCE)!r})\n"
        "from _serve import serve\n"
        "def prepare(problem):\n"
        "    print('noise, which is no answer')\n"
        "    yield 'sleeper', lambda: (lambda: time.sleep(problem['pause']), {'loss': 2.5})\n"
        "    yield 'broken', lambda: 1 / 0\n"
        "serve(prepare)\n"
    )
    peer = peers.Peer([sys.executable, str(script)])
    field = peers.Field()
    field.enter("here", lambda: lambda: time.sleep(0.002), lambda _: {"loss": 2.5})
    field.enter_peer(peer, {"pause": 0.004}, "there")
    assert field.entrants["there: sleeper"].facts["loss"] == 2.5
    assert "ZeroDivisionError" in field.absent["there: broken"]
    rows = field.race(3, "here", sample_seconds=0.01)
    assert rows["there: sleeper"]["median_ms"] >= 4.0
    assert rows["here"]["ratio"] == 1.0 and rows["there: sleeper"]["ratio"] > 0.0
    peer.close()


def test_a_peer_that_is_missing_or_dies_leaves_a_note(performance):
    peers = performance("_peers")
    field = peers.Field()
    field.enter_peer(peers.PeerMissing("no Julia was found"), {}, "native")
    field.enter_peer(peers.Peer([sys.executable, "-c", "import sys; sys.exit('no such package')"]), {}, "dead")
    assert field.absent["native"] == "no Julia was found"
    assert "no such package" in field.absent["dead"]
    assert field.entrants == {}


def test_a_peer_that_dies_in_the_race_leaves_it(performance, tmp_path):
    peers = performance("_peers")
    script = tmp_path / "peer.py"
    script.write_text(
        f"import os, sys; sys.path.insert(0, {str(PERFORMANCE)!r})\n"
        "from _serve import serve\n"
        "serve(lambda problem: iter([('mortal', lambda: (lambda: os._exit(7), {}))]))\n"
    )
    field = peers.Field()
    field.enter("here", lambda: lambda: None, lambda _: {})
    field.enter_peer(peers.Peer([sys.executable, str(script)]), {}, "there")
    rows = field.race(2, "here", sample_seconds=0.001)
    assert list(rows) == ["here"]
    assert "code 7" in field.absent["there: mortal"]


def test_documentation_tables_come_from_result_files(performance, tmp_path, monkeypatch, capsys):
    study = Study("stiff", {"mode": "quick"}, tmp_path / "stiff.quick.json", summary="Stiff problems.", command="x")
    for _ in study.units(case=["hires"]):
        study.record(peer="unideq/julia", median_ms=1.25, low_ms=1.0, high_ms=1.5, ratio=1.0, note=None)
        study.record(peer="diffrax", note="no diffrax")
    study.finish(headline={"goal": 10})
    monkeypatch.setattr(sys, "argv", ["_table.py", str(tmp_path)])
    capsys.readouterr()
    performance("_table").main()
    printed = capsys.readouterr().out
    assert "| hires | unideq/julia | 1.25 (1–1.5) |" in printed
    assert "- hires, diffrax: no diffrax" in printed
