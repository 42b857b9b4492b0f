"""Build hook: in the wheel, juliapkg.json points at the Julia package that lies next to it, not at the checkout's."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class JuliaRequirementsHook(BuildHookInterface):
    """Writes the wheel's juliapkg.json; an editable install uses the checkout's as it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds a wheel."""
        if version == "editable":
            return
        source = Path(self.root) / "python" / "unideq" / "juliapkg.json"
        requirements = json.loads(source.read_text(encoding="utf-8"))
        requirements["packages"]["Unideq"]["path"] = "_julia"
        self.folder = tempfile.TemporaryDirectory()
        target = Path(self.folder.name) / "juliapkg.json"
        target.write_text(json.dumps(requirements, indent=4) + "\n", encoding="utf-8")
        build_data["force_include"][str(target)] = "unideq/juliapkg.json"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called by hatchling after it."""
        if version != "editable":
            self.folder.cleanup()
