"""What the tests of engines share."""

from __future__ import annotations

import numpy as np
import pytest

from unideq.engine import loop


@pytest.fixture
def only_full_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reports in between on a slow machine, for tests that count them."""
    monkeypatch.setattr(loop, "SILENCE", np.inf)
