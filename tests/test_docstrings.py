"""The `>>>` examples in docstrings give what they show."""

import doctest
import importlib
import importlib.util
import os
import pkgutil
from pathlib import Path

import pytest

import unideq

PACKAGE = Path(unideq.__file__).parent


def modules():
    """Names of all modules with an example."""
    found = pkgutil.walk_packages([str(PACKAGE)], "unideq.")
    return [
        info.name
        for info in found
        if info.name != "unideq.__main__" and not info.name.startswith("unideq._") and ">>>" in source(info)
    ]


def source(info):
    path = PACKAGE.joinpath(*info.name.split(".")[1:])
    file = path / "__init__.py" if info.ispkg else path.with_suffix(".py")
    return file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", modules())
def test_the_examples_of_a_module_give_what_they_show(name, tmp_path, monkeypatch):
    if not importlib.util.find_spec("diffrax"):
        pytest.skip("examples may need an engine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "MPLBACKEND", "Agg")
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.attempted
    assert not result.failed
