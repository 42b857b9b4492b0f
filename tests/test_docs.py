"""The pages: every Python example runs as it stands, every link leads somewhere, and the notebooks run."""

import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))

PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s]+)\)")
DEFINITION = re.compile(r"^\[([^\]]+)\]:\s+(\S+)$", re.MULTILINE)


def named(page):
    return page.relative_to(ROOT).as_posix()


def python_blocks(page):
    """(first line's number, source) of each Python example."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, m.start(2)) + 1, m.group(2)) for m in FENCE.finditer(text) if m.group(1) == "python"]


def prose(page):
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page):
    """The ids that headings get."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", re.sub(r"[`*]", "", heading)).strip().lower() for heading in headings]
    return {re.sub(r"[\s]+", "-", heading) for heading in plain}


@pytest.mark.parametrize("page", [page for page in PAGES if python_blocks(page)], ids=named)
def test_the_examples_of_a_page_run_one_after_the_other(page, tmp_path, monkeypatch):
    pytest.importorskip("diffrax")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "example.py")])
    namespace = {"__name__": "__main__", "__file__": str(tmp_path / "example.py")}
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    for line, source in python_blocks(page):
        padded = "\n" * (line - 1) + source  # so that a traceback shows the page's line
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # What others do to themselves isn't an error of the page.
            for theirs in ("jax", "diffrax", "optax", "equinox", "pysindy", "sklearn", "tqdm", "matplotlib", "xarray"):
                warnings.filterwarnings("default", module=rf"{theirs}(\..*)?")
            warnings.simplefilter("default", FutureWarning)
            exec(compile(padded, str(page), "exec"), namespace)
    pyplot.close("all")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_between_pages_lead_to_a_file_and_a_heading(page):
    targets = [*LINK.findall(prose(page)), *(t for _, t in DEFINITION.findall(prose(page)) if "://" not in t)]
    broken = []
    for target in targets:
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert not broken


def test_the_front_page_defines_every_link_of_the_readme_that_it_includes():
    readme = dict(DEFINITION.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    front = dict(DEFINITION.findall((DOCS / "index.md").read_text(encoding="utf-8")))
    assert front == {name: target.removeprefix("docs/") for name, target in readme.items()}


def test_the_navigation_lists_every_page_once():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"^ +- .*: (\S+\.md)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_the_reference_lists_every_public_name():
    listed = set()
    for page in (DOCS / "reference").glob("*.md"):
        listed |= {
            name.rsplit(".", 1)[-1]
            for name in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        }
    import unideq
    from unideq import errors as errors_module

    modules = {"audit", "closures", "datasets", "nn", "problems"}  # described name by name
    errors = {name for name in unideq.__all__ if name in errors_module.__all__}  # described as a module
    missing = set(unideq.__all__) - listed - modules - errors - {"__version__", "available_engines"}
    assert not missing
    assert {"available", "errors"} <= listed


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_without_an_error(notebook, tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    sources = os.pathsep.join(path for path in (str(ROOT / "python"), os.environ.get("PYTHONPATH")) if path)
    monkeypatch.setenv("PYTHONPATH", sources)  # tests also run in a checkout that isn't installed
    book = nbformat.read(notebook, as_version=4)
    written = [cell.source for cell in book.cells if cell.cell_type == "code"]
    nbclient.NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    ran = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.source for cell in ran] == written
    assert all(cell.execution_count for cell in ran)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_stored_notebook_is_executed_small_and_tells_nothing_of_the_machine(notebook):
    text = notebook.read_text(encoding="utf-8")
    assert len(text) < 300_000
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert outputs
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not re.findall(r"/(?:home|root|work|tmp|usr|Users|opt)/", json.dumps(outputs))


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings_handlers.python")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert (tmp_path / "site" / "index.html").exists()
