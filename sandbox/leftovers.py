"""What containers and killed supervisors leave behind: found by the state folder, then cleared."""

import ctypes
import ipaddress
import os
import shutil
import signal
from pathlib import Path

from sandbox import cgroups, processes, state
from sandbox.errors import SandboxError
from sandbox.network import PodNetwork
from sandbox.paths import Layout
from sandbox.state import State

_LAZY_UNMOUNT = 2
_UNMOUNT_PASSES = 3
_SERVER_GRACE_S = 5
_LIBC = ctypes.CDLL(None, use_errno=True)
_RUNC_STATE = Path("/run/containerd/runc/k8s.io")
_SHIM_SOCKETS = Path("/run/containerd/s")
_CONTAINER_LOGS = Path("/var/log/containers")


def clear(layout: Layout) -> None:
    """Stop and remove whatever of this sandbox is still there; nothing of anybody else's.

    Call it when its supervisor is gone, or at the end of that supervisor's life.
    """
    found = state.read(layout.state_file)
    if found is None:
        return
    _stop_servers(found)
    _stop_shims(layout)
    if os.geteuid() == 0 and found.traces:
        cgroups.remove(found.traces["cgroup"])
        _remove_runtime_files(layout)
        _unmount(layout)
        PodNetwork(found.traces["bridge"], ipaddress.IPv4Network(found.traces["subnet"])).remove()
        _remove_log_links(layout)


def remove_data(layout: Layout) -> None:
    """Remove what the servers stored; the record, the logs and the audit log stay to be read."""
    kept = {layout.state_file, layout.lock_file, layout.logs, layout.audit_log}
    _remove_all_but(layout, kept)


def remove_files(layout: Layout) -> None:
    """Remove everything, for a fresh start, but the lock that is held and the supervisor's log."""
    _remove_all_but(layout, {layout.lock_file, layout.logs})
    for log in layout.folder("logs").iterdir():
        if log != layout.supervisor_log:
            log.unlink()


def _remove_all_but(layout: Layout, kept: set[Path]) -> None:
    mounted = mounts_below(layout.root)
    if mounted:
        # Deleting through a mount could delete what is not ours.
        raise SandboxError(f"still mounted inside {layout.root}: {', '.join(mounted)}")
    for path in layout.root.iterdir():
        if path in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _stop_servers(found: State) -> None:
    for server in reversed(found.servers.values()):
        processes.stop(server.process, _SERVER_GRACE_S)


def _stop_shims(layout: Layout) -> None:
    """A containerd shim outlives containerd; its command line names our socket."""
    socket = str(layout.containerd_socket)
    for pid in processes.all_pids():
        identity = processes.identify(pid)
        arguments = processes.command_line(pid)
        if identity and arguments and "containerd-shim" in arguments[0] and socket in arguments:
            processes.send_signal(identity, signal.SIGKILL)


def _remove_runtime_files(layout: Layout) -> None:
    """Remove what runc and the shims keep outside our folder, for the containers that are ours."""
    bundles = layout.root / "containerd/state/io.containerd.runtime.v2.task/k8s.io"
    for bundle in bundles.iterdir() if bundles.is_dir() else []:
        shutil.rmtree(_RUNC_STATE / bundle.name, ignore_errors=True)
        address = bundle / "address"
        if address.is_file():
            shim_socket = Path(address.read_text().strip().removeprefix("unix://"))
            if shim_socket.parent == _SHIM_SOCKETS:
                shim_socket.unlink(missing_ok=True)


def mounts_below(folder: Path) -> list[str]:
    """Return the mount points inside a folder, the deepest first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    decoded = [point.replace("\\040", " ") for point in points]
    return sorted(
        (point for point in decoded if point.startswith(f"{folder}/")), key=len, reverse=True
    )


def _unmount(layout: Layout) -> None:
    # More than once: a mount may hide another at the same place.
    for _ in range(_UNMOUNT_PASSES):
        for point in mounts_below(layout.root):
            _LIBC.umount2(os.fsencode(point), _LAZY_UNMOUNT)


def _remove_log_links(layout: Layout) -> None:
    """The kubelet links every container's log into one folder of the machine."""
    if not _CONTAINER_LOGS.is_dir():
        return
    for link in _CONTAINER_LOGS.iterdir():
        if link.is_symlink() and str(link.readlink()).startswith(f"{layout.root}/"):
            link.unlink()
