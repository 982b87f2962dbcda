"""Where the sandbox keeps things: binaries in the user's cache, one state folder a sandbox."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError

SOURCE = Path(__file__).resolve().parent

# A unix socket's address holds 107 bytes; these are the longest in the folder, by level.
_LONGEST_SOCKET = "containerd.sock.ttrpc"
_LONGEST_TRAFFIC_SOCKET = "kubelet/pod-resources/kubelet.sock"
_SOCKET_LIMIT_BYTES = 107


def _xdg(variable: str, default: str) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / default


def cache_root() -> Path:
    """Return the folder under which each set of built binaries has its own, keyed folder."""
    return _xdg("XDG_CACHE_HOME", ".cache") / "tidegate" / "sandbox"


def state_root() -> Path:
    """Return the folder that holds one state folder a sandbox."""
    return _xdg("XDG_STATE_HOME", ".local/state") / "tidegate" / "sandbox"


def python_environment() -> dict[str, str]:
    """Return the environment in which another Python finds this package."""
    search = filter(None, [str(SOURCE.parent), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(search)}


@dataclass(frozen=True)
class Layout:
    """The files of one sandbox."""

    name: str
    root: Path

    @classmethod
    def of(cls, name: str) -> "Layout":
        """Return the layout of the sandbox of this name; SandboxError when the name is unfit."""
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", name):
            message = f"sandbox name {name!r}: use up to 32 lower-case letters, digits and dashes"
            raise SandboxError(message)
        root = state_root() / name
        layout = cls(name, root)
        layout.check_socket(_LONGEST_SOCKET)
        return layout

    def check_socket(self, name: str = _LONGEST_TRAFFIC_SOCKET) -> None:
        """Raise SandboxError when the folder's path is too long for this socket in it."""
        if len(os.fsencode(self.root / name)) > _SOCKET_LIMIT_BYTES:
            message = f"{self.root} is too long a path for unix sockets: set XDG_STATE_HOME"
            raise SandboxError(message)

    @property
    def state_file(self) -> Path:
        """The record of what runs (JSON)."""
        return self.root / "state.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the supervisor while it lives."""
        return self.root / "lock"

    @property
    def control_socket(self) -> Path:
        """Where the supervisor takes requests."""
        return self.root / "control.sock"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens (level traffic); its shims' command lines name it."""
        return self.root / "containerd.sock"

    @property
    def logs(self) -> Path:
        """One log a server, and the supervisor's own."""
        return self.root / "logs"

    @property
    def supervisor_log(self) -> Path:
        """Progress of the start, and what went wrong."""
        return self.logs / "supervisor.log"

    @property
    def audit_log(self) -> Path:
        """Requests seen by the API server, one JSON object a line."""
        return self.root / "audit.log"

    def kubeconfig(self, user: str = "admin") -> Path:
        """Return the kubeconfig file of a user."""
        return self.root / "kubeconfigs" / f"{user}.json"

    def folder(self, name: str) -> Path:
        """Return a private folder inside the state folder, making it when missing."""
        path = self.root / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path
