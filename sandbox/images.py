"""Container images without a registry: one static program, one layer, one tar."""

import hashlib
import io
import json
import platform
import subprocess
import tarfile
from pathlib import Path

from sandbox import binaries
from sandbox.errors import SandboxError

PAUSE = "docker.io/local/pause:1"
DEMO_APP = "docker.io/local/demo-app:1"
_IMPORT_TIMEOUT_S = 120
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def pack(program: Path, name: str) -> bytes:
    """Return a docker-archive tar whose image runs this static program as user 65532."""
    layer_file = io.BytesIO()
    with tarfile.open(fileobj=layer_file, mode="w") as layer_tar:
        _add(layer_tar, program.name, program.read_bytes(), 0o755)
    layer = layer_file.getvalue()
    layer_digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Entrypoint": [f"/{program.name}"], "User": "65532:65532"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    layer_name = f"{layer_digest}/layer.tar"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": [layer_name]}]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        _add(tar, config_name, config)
        _add(tar, layer_name, layer)
        _add(tar, "manifest.json", json.dumps(manifest).encode())
    return archive.getvalue()


def load(socket: Path, tar: Path) -> str:
    """Import an image tar into the sandbox's containerd; return what ctr says."""
    command = [
        "ctr",
        "--address",
        str(socket),
        "-n",
        "k8s.io",
        "images",
        "import",
        "--snapshotter",
        "native",
        str(tar),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_IMPORT_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise SandboxError(f"importing {tar} failed: {done.stderr.strip()}")
    return done.stdout


def load_own(socket: Path, folder: Path) -> None:
    """Pack and import the images that every sandbox has: pause and the demo app."""
    for program, name in (("pause", PAUSE), ("app", DEMO_APP)):
        tar = folder / f"{program}.tar"
        tar.write_bytes(pack(binaries.own_program(program), name))
        load(socket, tar)
        tar.unlink()
