"""Julia in a Python process: how it starts, what it does to signals and threads, and how its failures arrive."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unideq.errors import EngineError, EngineUnsupported, ModelError, OptionError
from unideq.julia_location import usable_julia
from unideq.julia_packages import bundled_package, bundled_version

from ..problems import least_squares, rosenbrock, ude_objective

ROOT = Path(__file__).parents[3]
NOWHERE = "http://127.0.0.1:9"
GRADIENT = """
    import numpy as np
    from unideq.engine import get_engine
    from engine.problems import rosenbrock
    def gradient(name):
        return get_engine(name).value_and_gradient(rosenbrock(), np.array([0.3, -0.2])).gradient
"""


def environment(**variables):
    """This process's variables, with the sources and the tests' helpers to import."""
    paths = [str(ROOT / "python"), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **variables}


def python(code, **variables):
    """Standard output of a Python process of its own."""
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(GRADIENT) + textwrap.dedent(code)],
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


# ---- start ---------------------------------------------------------------------------------------------------------


def test_the_bundled_package_is_the_one_that_runs(julia):
    assert Path(str(julia.julia.base.pkgdir(julia.julia.package))).samefile(bundled_package())
    assert julia.julia.versions["Unideq.jl"] == bundled_version()
    described = julia.describe()
    assert described["versions"]["OrdinaryDiffEqTsit5"].startswith("2.")
    assert described["threads"] == julia.julia.threads >= 1
    assert {"tsit5", "rodas5p"} <= set(described["solvers"])
    assert "adam" in described["optimizers"]


def test_starting_leaves_no_environment_variables_behind():
    said = python("""
        import os
        before = dict(os.environ)
        gradient("julia")
        print({name for name in os.environ if "JULIA" in name and os.environ[name] != before.get(name)})
    """)
    assert set(eval(said)) <= {"JULIA_PYTHONCALL_EXE"}  # juliacall's own


def test_a_new_process_starts_without_network():
    said = python(
        "print(gradient('julia').shape)",
        JULIA_PKG_SERVER=NOWHERE,
        http_proxy=NOWHERE,
        https_proxy=NOWHERE,
        PYTHON_JULIAPKG_OFFLINE="yes",
    )
    assert said == "(2,)\n"


@pytest.mark.parametrize("order", [("jax", "julia"), ("julia", "jax")], ids="-".join)
def test_both_engines_work_in_one_process_whichever_comes_first(order):
    pytest.importorskip("diffrax")
    said = python(f"print(*[gradient(name).tolist() for name in {order}], sep='\\n')")
    first, second = (np.array(eval(line)) for line in said.splitlines())
    np.testing.assert_allclose(first, second, rtol=1e-12)


def test_a_julia_that_the_user_started_is_used():
    said = python("""
        import juliacall
        juliacall.Main.seval("mine = 42")
        print(gradient("julia").shape, juliacall.Main.mine)
    """)
    assert said == "(2,) 42\n"


def test_another_unideq_in_the_way_is_refused(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "Unideq.jl").write_text("module Unideq end")
    uuid, found = "6f0d7a1e-52c4-4a0b-9d5e-3c1b8f2a7e64", usable_julia()
    assert found is not None and found.project is not None
    if uuid in (Path(found.project) / "Project.toml").read_text():
        pytest.skip("the engine's own project has Unideq.jl, and nothing comes before that")
    (tmp_path / "Project.toml").write_text(f'name = "Unideq"\nuuid = "{uuid}"\nversion = "9.9.9"\n')
    said = python(
        """
        from unideq.errors import EngineError
        try:
            get_engine("julia")
        except EngineError as error:
            print(error)
        """,
        JULIA_LOAD_PATH=os.pathsep.join(["@", str(tmp_path), "@stdlib"]),
        JULIA_DEPOT_PATH=os.pathsep.join([str(tmp_path / "depot"), os.environ.get("JULIA_DEPOT_PATH", "")]),
    )
    assert said.startswith(f"Julia loaded Unideq.jl 9.9.9 from `{tmp_path}`")
    assert str(bundled_package()) in said


# ---- threads and signals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", ["1", "2"])
def test_ctrl_c_reaches_python_between_calls_with_any_number_of_threads(threads):
    code = """
        import time
        gradient("julia")
        began = time.monotonic()
        try:
            print("threads", get_engine("julia").julia.threads, flush=True)  # the signal may come before this ends
            while time.monotonic() - began < 60:
                gradient("julia")
        except KeyboardInterrupt:
            print("interrupted, and goes on:", gradient("julia").shape, flush=True)
    """
    own = {name: value for name, value in environment().items() if name != "PYTHON_JULIACALL_HANDLE_SIGNALS"}
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(GRADIENT) + textwrap.dedent(code)],
        env={**own, "UNIDEQ_THREADS": threads},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == f"threads {threads}\n"
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert said == "interrupted, and goes on: (2,)\n"
    assert process.returncode == 0


def test_a_senseless_number_of_threads_is_told():
    said = python(
        """
        from unideq.errors import OptionError
        try:
            get_engine("julia")
        except OptionError as error:
            print(error)
        """,
        UNIDEQ_THREADS="many",
    )
    assert said == "`UNIDEQ_THREADS` needs a whole number >= 1 or `auto`, not `many`.\n"


def test_a_call_from_another_python_thread_is_refused(julia):
    caught = []

    def call():
        try:
            julia.value(rosenbrock(), np.zeros(2))
        except EngineError as error:
            caught.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert "the Python thread that started it" in caught[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_call_from_a_forked_process_is_refused():
    said = python("""
        import os
        from unideq.errors import EngineError
        gradient("julia")
        if os.fork() == 0:
            try:
                gradient("julia")
            except EngineError as error:
                print(error, flush=True)
            os._exit(0)
        os.wait()
    """)
    assert "before this process was forked" in said


# ---- results and errors --------------------------------------------------------------------------------------------


def test_results_are_owned_writable_and_double(julia):
    found = julia.value_and_gradient(rosenbrock(), np.zeros((2, 2)))
    for array in (found.total, found.gradient, *found.terms.values()):
        assert array.dtype == np.float64
        assert array.flags.owndata
        array += 1.0
    alone = julia.value_and_gradient(rosenbrock(), np.zeros(2))
    assert alone.total.shape == ()
    assert alone.gradient.shape == (2,)
    assert alone.gradient.flags.owndata


def test_data_and_weights_change_without_compiling_again(julia):
    objective, theta = ude_objective()
    (source,) = objective.sources
    julia.clear()
    first = julia.value(objective, theta)
    other = least_squares(source, np.zeros((1, 8, 2)))
    found = julia.value(other, theta)
    before = len(julia._cache)
    heavy = replace(objective, weights={"fit": 3.0, "ridge": 0.0})
    moved = replace(objective, sources=(replace(source, times=0.5 * source.times),))
    np.testing.assert_allclose(julia.value(heavy, theta).total, 3 * first.terms["fit"], rtol=1e-14)
    assert julia.value(moved, theta).total != first.total
    assert julia.value(objective, theta).total == first.total
    assert julia.value(other, theta).total == found.total
    assert len(julia._cache) == before


def test_theta_of_another_length_is_refused_before_julia_reads_it(julia):
    with pytest.raises(ModelError, match=r"θ needs shape \(2,\) or \(S, 2\), not \(3,\)"):
        julia.value_and_gradient(rosenbrock(), np.zeros(3))
    objective, theta = ude_objective()
    with pytest.raises(ModelError, match="θ needs shape"):
        julia.integrate(objective.sources[0], theta[:-1])
    with pytest.raises(ModelError, match="`tangent` needs shape"):
        julia.jacobian_vector(objective, theta, theta[:-1])


def test_unknown_names_and_what_another_engine_has_are_told(julia):
    with pytest.raises(OptionError, match=r"Unknown solver `tsit4`\. Did you mean `tsit5`"):
        julia.value(*ude_objective(name="tsit4"))
    with pytest.raises(EngineUnsupported, match="lacks the adjoint `checkpointed`; engine `jax` has it"):
        julia.value_and_gradient(*ude_objective(adjoint="checkpointed"))
    with pytest.raises(EngineUnsupported, match="lacks the solver `dopri8`; engine `jax` has it"):
        julia.value(*ude_objective(name="dopri8"))
    with pytest.raises(OptionError, match="give it a positive `dt`"):
        julia.value(*ude_objective(name="rk4"))


def test_a_julia_exception_arrives_as_ours_with_julias_text_kept(julia):
    with pytest.raises(EngineError) as caught:
        julia.bridge.call("prepare_objective", "compiling the objective", "{")
    assert "compiling the objective" in str(caught.value)
    assert "Stacktrace" not in str(caught.value)
    assert "Stacktrace" in caught.value.julia
    assert type(caught.value.__cause__).__name__ == "JuliaError"
