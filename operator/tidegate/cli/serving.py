"""`tidegate operator`: from options and the pod's surroundings to a running operator."""

import os
import socket
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from tidegate.cli.errors import CommandError

DEFAULT_CONFIG: Final = Path("/etc/tidegate/config.yaml")
POD_NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
DEFAULT_LEASE: Final = "tidegate"


class LogFormat(StrEnum):
    """How the operator logs."""

    TEXT = "text"
    JSON = "json"


def operator(
    *,
    config: Annotated[
        Path | None,
        typer.Option("--config", help=f"Settings file; left out, {DEFAULT_CONFIG} if it exists."),
    ] = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option("--namespace", "-n", help="Namespace to serve; repeat it; left out, all."),
    ] = None,
    lease: Annotated[
        bool,
        typer.Option(
            "--lease/--no-lease",
            help="Work only while holding a Lease, so that several operators can stand by; "
            "without it nobody else may run.",
        ),
    ] = True,
    lease_namespace: Annotated[
        str,
        typer.Option("--lease-namespace", help="Where the Lease is; left out, the pod's own."),
    ] = "",
    lease_name: Annotated[
        str, typer.Option("--lease-name", help="Operators that share it replace each other.")
    ] = DEFAULT_LEASE,
    identity: Annotated[
        str,
        typer.Option("--identity", help="Name in the Lease; left out, $POD_NAME or the host's."),
    ] = "",
    health_port: Annotated[
        int, typer.Option("--health-port", min=1, max=65535, help="Port of /healthz and /readyz.")
    ] = 8080,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="Lines for people or for programs.")
    ] = LogFormat.TEXT,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every decision.")] = False,
) -> None:
    """Run the operator in this process."""
    # The operator's libraries load only here, so that the other commands start at once.
    from tidegate.controller.leading import Election  # noqa: PLC0415 — see above
    from tidegate.controller.main import run  # noqa: PLC0415 — see above
    from tidegate.controller.settings import SettingsError  # noqa: PLC0415 — see above

    if config is not None and not config.is_file():
        raise CommandError(f"--config {config} is not a file; mount it or name another one")
    election = None
    if lease:
        election = Election(_lease_namespace(lease_namespace), lease_name, _identity(identity))
    try:
        run(
            config_path=config or (DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None),
            namespaces=tuple(namespace or ()),
            election=election,
            health_port=health_port,
            log_json=log_format is LogFormat.JSON,
            verbose=verbose,
        )
    except SettingsError as error:
        raise CommandError(f"the operator cannot start: {error}") from error


def _lease_namespace(said: str) -> str:
    try:
        found = said or os.environ.get("POD_NAMESPACE") or POD_NAMESPACE_FILE.read_text().strip()
    except OSError:
        found = ""
    if not found:
        raise CommandError(
            "outside a pod, say where the Lease is: --lease-namespace NAME; or --no-lease if no "
            "other operator runs"
        )
    return found


def _identity(said: str) -> str:
    """A pod's name is that of one container at a time; outside a pod, of one process."""
    return said or os.environ.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}"
