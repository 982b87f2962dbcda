"""The control groups under which one sandbox's pods run, for cgroup v1 and v2."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from sandbox.waiting import holds_within

_MOUNTS = Path("/proc/self/mountinfo")
_KILL_DEADLINE_S = 10


def _hierarchies() -> Iterator[tuple[Path, bool]]:
    """Yield each cgroup mount and whether it is version 2."""
    for line in _MOUNTS.read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind = after.split()[0]
        if kind in {"cgroup", "cgroup2"}:
            yield Path(before.split()[4]), kind == "cgroup2"


def create(name: str) -> None:
    """Make the group in every hierarchy, so that the kubelet finds it."""
    for mount, version_2 in _hierarchies():
        group = mount / name
        group.mkdir(exist_ok=True)
        if version_2:
            _delegate(mount, group)
        for setting in ("cpuset.cpus", "cpuset.mems"):
            # An empty cpuset (version 1) admits no process: take over the parent's.
            if not version_2 and (group / setting).exists():
                (group / setting).write_text((mount / setting).read_text())


def _delegate(mount: Path, group: Path) -> None:
    for controller in (mount / "cgroup.controllers").read_text().split():
        for place in (mount, group):
            with contextlib.suppress(OSError):
                (place / "cgroup.subtree_control").write_text(f"+{controller}")


def _groups(name: str) -> list[Path]:
    """Return the group and all below it in every hierarchy, the deepest first."""
    found: list[Path] = []
    for mount, _ in _hierarchies():
        for folder, _, _ in os.walk(mount / name, topdown=False):
            found.append(Path(folder))
    return found


def _members(name: str) -> set[int]:
    pids: set[int] = set()
    for group in _groups(name):
        with contextlib.suppress(OSError):
            pids |= {int(pid) for pid in (group / "cgroup.procs").read_text().split()}
    return pids - {0}


def _kill_members(name: str) -> bool:
    """Kill what runs in the group; tell whether nothing did."""
    members = _members(name)
    for pid in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return not members


def remove(name: str) -> None:
    """Kill every process of the group (only the sandbox's containers are in it) and remove it."""
    holds_within(lambda: _kill_members(name), _KILL_DEADLINE_S)
    for group in _groups(name):
        with contextlib.suppress(OSError):
            group.rmdir()
