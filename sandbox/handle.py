"""A sandbox in the hands of a test, the demo or the command line."""

import json
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sandbox import binaries, definitions, images, leftovers, machine, processes, state
from sandbox.cluster import Cluster
from sandbox.errors import SandboxError
from sandbox.launch import START_DEADLINE_S, Launch
from sandbox.ownership import sole_owner
from sandbox.paths import Layout
from sandbox.state import Level, State
from sandbox.waiting import holds_within

STOP_DEADLINE_S = 90
_REQUEST_DEADLINE_S = 90


def prepare(level: Level) -> None:
    """Build or find every binary of a level; SandboxError when the machine lacks something."""
    if level == "traffic":
        lacking = machine.traffic_missing()
        if lacking:
            raise SandboxError("this machine cannot run the level traffic: " + "; ".join(lacking))
        binaries.envoy()
        for program in ("pause", "app", "load"):
            binaries.own_program(program)
    binaries.own_program("certs")
    binaries.ensure(binaries.TRAFFIC_BINARIES if level == "traffic" else binaries.API_BINARIES)
    definitions.ensure(*definitions.ALL)


def _starting(layout: Layout) -> bool:
    found = state.read(layout.state_file)
    return found is not None and found.phase == "starting" and found.alive()


@dataclass(frozen=True)
class Sandbox(Cluster):
    """A running sandbox. Properties read the record afresh: they are true after restarts too."""

    name: str = "default"

    @classmethod
    def up(
        cls,
        level: Level = "api",
        name: str = "default",
        *,
        owner_pid: int | None = None,
        progress: bool = True,
    ) -> Self:
        """Start a sandbox and return when all of it is ready; it may be up already.

        With `owner_pid` it stops by itself when that process is gone. SandboxError says which
        server failed, and its last words.
        """
        layout = Layout.of(name)
        holds_within(lambda: not _starting(layout), START_DEADLINE_S)
        running = state.read(layout.state_file)
        if running and running.alive() and running.phase == "ready":
            if running.level != level:
                raise SandboxError(
                    f"sandbox {name} is up with level {running.level}: take it down first"
                )
            return cls(name)
        prepare(level)
        Launch(layout, level, owner_pid).follow(progress=progress)
        return cls(name)

    @property
    def layout(self) -> Layout:
        """The files of this sandbox."""
        return Layout.of(self.name)

    def state(self) -> State:
        """Return what is recorded; SandboxError when there never was such a sandbox."""
        found = state.read(self.layout.state_file)
        if found is None:
            raise SandboxError(
                f"there is no sandbox {self.name}: python -m sandbox up --name {self.name}"
            )
        return found

    def endpoint(self, name: str) -> str:
        """Return a URL or file: api, kubeconfig, kubectl, gateway, envoy_admin, prometheus."""
        found = self.state()
        if not found.alive():
            raise SandboxError(f"sandbox {self.name} is not up")
        if name not in found.endpoints:
            raise SandboxError(
                f"sandbox {self.name} (level {found.level}, {found.phase}) has no {name}"
            )
        return found.endpoints[name]

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return Path(self.endpoint("kubeconfig"))

    def kubeconfig_of(self, user: str) -> Path:
        """Return another user's kubeconfig: viewer, anna, … (see credentials.USERS)."""
        return self.layout.kubeconfig(user)

    @property
    def kubectl_path(self) -> Path:
        """The kubectl that fits this API server."""
        return Path(self.endpoint("kubectl"))

    @property
    def api_url(self) -> str:
        """The API server."""
        return self.endpoint("api")

    @property
    def envoy_admin_url(self) -> str:
        """The gateway's admin interface (level traffic)."""
        return self.endpoint("envoy_admin")

    @property
    def audit_log(self) -> Path:
        """The audit log: a JSON object a line; everybody's writes, people's reads."""
        return self.layout.audit_log

    def environment(self) -> dict[str, str]:
        """Return the variables that point programs to this sandbox; PATH puts our kubectl first."""
        found = super().environment() | {"TIDEGATE_SANDBOX": self.name}
        if "envoy_admin" in self.state().endpoints:
            found["ENVOY_ADMIN_URL"] = self.envoy_admin_url
        return found

    def pid(self, server: str) -> int:
        """Return a server's process id."""
        servers = self.state().servers
        if server not in servers:
            raise SandboxError(f"no server {server}; there are: {', '.join(sorted(servers))}")
        return servers[server].process.pid

    def stop_server(self, server: str) -> None:
        """Stop one server, e.g. prometheus; the sandbox goes on without it."""
        self._request({"do": "stop", "server": server})

    def start_server(self, server: str) -> None:
        """Start a stopped server again: same port, same data. Returns when it is ready."""
        self._request({"do": "start", "server": server})

    def signal(self, server: str, number: int) -> None:
        """Send a server a signal, e.g. SIGSTOP and later SIGCONT to istiod."""
        self._request({"do": "signal", "server": server, "signal": str(int(number))})

    def load_image(self, tar: Path) -> str:
        """Import an image tar, for pods with `imagePullPolicy: Never` (level traffic)."""
        if self.state().level != "traffic":
            raise SandboxError("images are of use at level traffic only")
        return images.load(self.layout.containerd_socket, tar)

    def _request(self, request: dict[str, str]) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_REQUEST_DEADLINE_S)
            try:
                connection.connect(str(self.layout.control_socket))
                connection.sendall(json.dumps(request).encode())
                answer = json.loads(connection.recv(100_000))
            except (OSError, ValueError) as error:
                raise SandboxError(f"sandbox {self.name} does not answer: {error!r}") from error
        if answer["error"]:
            raise SandboxError(answer["error"])

    def down(self) -> None:
        """Stop everything; fine when nothing runs. Clears what a killed supervisor left behind."""
        layout = self.layout
        found = state.read(layout.state_file)
        if found is None:
            return
        if found.supervisor and processes.send_signal(found.supervisor, signal.SIGTERM):
            supervisor = found.supervisor
            if not holds_within(lambda: not processes.is_alive(supervisor), STOP_DEADLINE_S):
                raise SandboxError(
                    f"the supervisor did not stop in {STOP_DEADLINE_S} s:"
                    f" see {layout.supervisor_log}"
                )
        with sole_owner(layout):
            leftovers.clear(layout)
            found = state.read(layout.state_file)
            if found is not None and found.supervisor is not None:
                leftovers.remove_data(layout)
                state.write(layout.state_file, state.ended(found))
