from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.cli.fake_api import FakeApi, serving, write_kubeconfig
from tidegate.cli.main import app

Run = Callable[..., Result]


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    with serving() as fake:
        monkeypatch.setenv("KUBECONFIG", "")
        write_kubeconfig(tmp_path / "config", fake.url)
        yield fake


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def invoke(*words: str) -> Result:
        config = ["--kubeconfig", str(tmp_path / "config")]
        options = [] if words[0] in ("version", "operator") or "--kubeconfig" in words else config
        return CliRunner().invoke(app, [*words, *options])

    return invoke
