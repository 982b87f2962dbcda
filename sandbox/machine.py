"""What the level traffic needs of this machine, and how to get it."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.progress import say

_CNI_PLUGINS = Path("/usr/lib/cni")
_POLICY = Path("/usr/sbin/policy-rc.d")
_APT_TIMEOUT_S = 900
# Debian package by the command that shows it is there.
_PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "prometheus": "prometheus",
    "ip": "iproute2",
    "iptables": "iptables",
}


def missing_packages() -> list[str]:
    """Return the Debian packages that the level traffic needs and this machine lacks."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    lacking = [
        package
        for command, package in _PACKAGES.items()
        if shutil.which(command, path=path) is None
    ]
    if not all((_CNI_PLUGINS / plugin).exists() for plugin in ("bridge", "host-local", "loopback")):
        lacking.append("containernetworking-plugins")
    return lacking


def traffic_missing() -> list[str]:
    """Return in plain words what keeps this machine from the level traffic; empty: nothing."""
    if sys.platform != "linux":
        return ["it needs Linux"]
    lacking = [] if os.geteuid() == 0 else ["it needs root, for containers and their network"]
    packages = missing_packages()
    if packages:
        lacking.append(
            f"packages missing: {' '.join(packages)}"
            " (on Debian or Ubuntu: python -m sandbox install)"
        )
    return lacking


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Keep Debian from starting services of the packages it installs: the sandbox runs its own."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


def install() -> None:
    """Install the missing packages; nothing to do when all are there."""
    packages = missing_packages()
    if not packages:
        say("every package that the level traffic needs is installed")
        return
    if shutil.which("apt-get") is None:
        raise SandboxError(f"no apt-get here: install these yourself: {' '.join(packages)}")
    if os.geteuid() != 0:
        raise SandboxError(
            "installing needs root: sudo apt-get install --no-install-recommends"
            f" {' '.join(packages)}"
        )
    say(f"installing {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _no_services():
        for arguments in (
            ["update", "-qq"],
            ["install", "-y", "-qq", "--no-install-recommends", *packages],
        ):
            command = ["apt-get", *arguments]
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=_APT_TIMEOUT_S,
                check=False,
                env=environment,
            )
            if done.returncode != 0:
                raise SandboxError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    still = missing_packages()
    if still:
        raise SandboxError(f"still missing after the installation: {' '.join(still)}")
