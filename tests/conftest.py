"""What all tests share."""

import gc
import os
import signal
import threading

import pytest
from hypothesis import settings

settings.register_profile("quick", derandomize=True, deadline=None)
settings.register_profile("long", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# Two thirds of the time was XLA compiling programs that most tests run a few times: here it optimises less than for
# users. Flags that the caller gives stand behind, and count.
QUICKLY_COMPILED = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
os.environ["XLA_FLAGS"] = " ".join([QUICKLY_COMPILED, os.environ.get("XLA_FLAGS", "")]).strip()

os.environ.setdefault("UNIDEQ_CACHE", "off")  # tests find nothing in a user's folder, and leave nothing there

gc.set_threshold(10_000, 20, 50)  # of the millions of objects that programs are made of, few are garbage

if threading.current_thread() is threading.main_thread():
    # A shell's background jobs ignore Ctrl-C, and so would the processes that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Workers take whole files, whose tests share what they compile; pages of the documentation one by one."""
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path, _, _ = nodeid.partition("::")
            return nodeid if path.endswith("test_docs.py") else path

    config.option.loadscopereorder = False
    return Files(config, log) if config.getoption("dist") == "load" else None


def pytest_collection_modifyitems(items):
    """Long ones first, so that no worker is left with one when the other is done."""
    items.sort(key=lambda item: not (item.path.name == "test_docs.py" or item.get_closest_marker("slow")))


@pytest.fixture(scope="session", autouse=True)
def engine_of_the_tests():
    """The embedded engine, unless the caller chose another: tests of the Julia engine ask for it by name."""
    if "UNIDEQ_ENGINE" in os.environ:
        yield
        return
    os.environ["UNIDEQ_ENGINE"] = "jax"
    yield
    del os.environ["UNIDEQ_ENGINE"]


@pytest.fixture(autouse=True)
def registries_of_the_package():
    """What a test or an example registers is gone after it; what modules of the package registered meanwhile stays."""
    from unideq.graph.operation import OPERATIONS, UFUNCS
    from unideq.solvers.entries import SOLVERS
    from unideq.stored import _MEMBERS
    from unideq.training.kind import _KINDS

    def tables():
        return {"operations": OPERATIONS, "ufuncs": UFUNCS, "solvers": SOLVERS, "kinds": _KINDS, **_MEMBERS}

    before = {name: dict(table) for name, table in tables().items()}
    yield
    for name, table in tables().items():
        complete = name in ("operations", "ufuncs")
        own = {} if complete else {n: entry for n, entry in table.items() if _is_of_the_package(entry)}
        table.clear()
        table.update({**own, **before.get(name, {})})


def _is_of_the_package(entry):
    return (entry if isinstance(entry, type) else type(entry)).__module__.startswith("unideq.")


@pytest.fixture
def double_precision():
    """JAX's own functions compute in float64, as the engine's programs do: for tests that compare with them."""
    import jax

    with jax.enable_x64(True):
        yield
