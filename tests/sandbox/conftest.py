"""Where these tests keep sandboxes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def state_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An XDG_STATE_HOME of its own; a short one, for Unix sockets have short paths."""
    with tempfile.TemporaryDirectory(prefix="tg-") as folder:
        monkeypatch.setenv("XDG_STATE_HOME", folder)
        yield Path(folder)
