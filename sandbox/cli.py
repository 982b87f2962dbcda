"""The command line: python -m sandbox up, down, status, env, stop, start and so on."""

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from sandbox import external, guard, handle, machine, processes
from sandbox.cluster import Cluster
from sandbox.errors import SandboxError
from sandbox.handle import Sandbox
from sandbox.paths import Layout
from sandbox.state import ServerRecord, State
from sandbox.supervisor import Supervisor

_LEVELS = ["api", "traffic"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A real cluster on one machine."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text)
        made.add_argument("--name", default="default", help="which sandbox (default: default)")
        return made

    up = verb("up", "start a sandbox, or say that it is up")
    up.add_argument("--level", choices=_LEVELS, default="api")
    up.add_argument("--foreground", action="store_true", help="supervise here, until Ctrl-C")
    up.add_argument("--owner-pid", type=int, help="stop when this process is gone")
    verb("down", "stop a sandbox")
    for name, text in (("status", "show servers and their health"), ("env", "print shell exports")):
        verb(name, text).add_argument("--json", action="store_true")
    for name in ("stop", "start"):
        verb(name, f"{name} one server of a running sandbox").add_argument("server")
    verb("load-image", "import an image tar into the node").add_argument("tar", type=Path)
    verb("build", "build or find the binaries only").add_argument(
        "--level", choices=_LEVELS, default="api"
    )
    verb("install", "install the Debian packages of the level traffic")
    verb("guard", "used by the supervisor itself: clear up after it, should it be killed")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough; say nothing more, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace) -> int:
    match options.verb:
        case "install":
            machine.install()
        case "build":
            handle.prepare(options.level)
        case "guard":
            guard.watch(Layout.of(options.name))
        case _ if os.environ.get("CLUSTER"):
            return _run_external(options, os.environ["CLUSTER"])
        case "up":
            return _up(options)
        case _:
            return _run_sandbox(options, Sandbox(options.name))
    return 0


def _run_sandbox(options: argparse.Namespace, sandbox: Sandbox) -> int:
    match options.verb:
        case "down":
            sandbox.down()
        case "status":
            return _status(sandbox.state(), as_json=options.json)
        case "env":
            _env(sandbox, as_json=options.json)
        case "stop":
            sandbox.stop_server(options.server)
        case "start":
            sandbox.start_server(options.server)
        case "load-image":
            print(sandbox.load_image(options.tar), end="")
        case verb:
            raise SandboxError(f"unknown command {verb}")
    return 0


def _run_external(options: argparse.Namespace, choice: str) -> int:
    match options.verb:
        case "up":
            external.up(choice, options.name)
        case "down":
            external.find(choice, options.name).down()
        case "env":
            _env(external.find(choice, options.name), as_json=options.json)
        case verb:
            raise SandboxError(f"{verb} is for sandboxes; CLUSTER={choice} knows up, down and env")
    return 0


def _up(options: argparse.Namespace) -> int:
    if options.foreground:
        return _supervise(options)
    # An `up` that is told to end takes the half-started sandbox with it, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Sandbox.up(options.level, options.name, owner_pid=options.owner_pid)
    print(f'ready: eval "$(python -m sandbox env --name {options.name})"')
    return 0


def _supervise(options: argparse.Namespace) -> int:
    owner = None
    if options.owner_pid is not None:
        owner = processes.identify(options.owner_pid)
        if owner is None:
            raise SandboxError(f"--owner-pid {options.owner_pid}: no such process")
    handle.prepare(options.level)
    return Supervisor(Layout.of(options.name), options.level, owner).run()


def _env(cluster: Cluster, *, as_json: bool) -> None:
    variables = cluster.environment()
    if as_json:
        print(json.dumps(variables, indent=1))
        return
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


def _health(server: ServerRecord) -> str:
    if server.running():
        return "paused" if processes.is_paused(server.process) else "running"
    return server.state if server.exit_code is None else f"{server.state} ({server.exit_code})"


def _status(found: State, *, as_json: bool) -> int:
    alive = found.alive()
    healthy = (
        alive
        and found.phase == "ready"
        and all(server.running() for server in found.servers.values())
    )
    if as_json:
        servers = {
            name: {**asdict(one), "health": _health(one)} for name, one in found.servers.items()
        }
        print(
            json.dumps(
                {**asdict(found), "servers": servers, "alive": alive, "healthy": healthy}, indent=1
            )
        )
        return 0 if healthy else 1
    supervisor = (
        f"supervisor {found.supervisor.pid}" if alive and found.supervisor else "no supervisor"
    )
    print(f"sandbox {found.name}: level {found.level}, {found.phase}, {supervisor}")
    for name, server in found.servers.items():
        health = _health(server)
        ports = " ".join(f"{purpose}={port}" for purpose, port in server.ports.items())
        print(f"  {name:24} {health:14} pid {server.process.pid:<8} {ports}")
    for name, value in found.endpoints.items():
        print(f"  {name:24} {value}")
    if found.error:
        print(found.error)
    return 0 if healthy else 1
