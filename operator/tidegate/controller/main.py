"""Starting the operator as a process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import kopf

from tidegate.controller.handlers import registry_for
from tidegate.controller.operator import Operator
from tidegate.controller.settings import load


def run(
    *,
    config_path: Path | None = None,
    namespaces: Sequence[str] = (),
    liveness_port: int | None = 8080,
    log_json: bool = False,
    verbose: bool = False,
) -> None:
    """Run until stopped. Raises SettingsError when the configuration cannot be used."""
    settings = load(config_path)
    scope = tuple(namespaces) or settings.namespaces
    log_format = kopf.LogFormat.JSON if log_json else kopf.LogFormat.FULL
    kopf.configure(verbose=verbose, log_format=log_format)
    if not verbose:
        logging.getLogger("kopf").setLevel(logging.WARNING)
    operator = Operator(settings.within(scope))
    endpoint = f"http://0.0.0.0:{liveness_port}/healthz" if liveness_port is not None else None
    asyncio.run(
        kopf.operator(
            registry=registry_for(operator),
            standalone=True,
            clusterwide=not scope,
            namespaces=scope,
            liveness_endpoint=endpoint,
        )
    )
