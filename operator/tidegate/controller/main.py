"""Starting the operator as a process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import kopf

from tidegate.controller.handlers import registry_for
from tidegate.controller.leading import Election
from tidegate.controller.operator import Operator
from tidegate.controller.settings import load


def run(
    *,
    config_path: Path | None = None,
    namespaces: Sequence[str] = (),
    election: Election | None = None,
    health_port: int | None = 8080,
    log_json: bool = False,
    verbose: bool = False,
) -> None:
    """Run until stopped; without an election nobody else may run beside it.

    Raises SettingsError when the configuration cannot be used.
    """
    settings = load(config_path)
    scope = tuple(namespaces) or settings.namespaces
    log_format = kopf.LogFormat.JSON if log_json else kopf.LogFormat.FULL
    kopf.configure(verbose=verbose, log_format=log_format)
    if not verbose:
        logging.getLogger("kopf").setLevel(logging.WARNING)
    operator = Operator(settings.within(scope), election=election, health_port=health_port)
    asyncio.run(
        kopf.operator(
            registry=registry_for(operator),
            standalone=True,
            clusterwide=not scope,
            namespaces=scope,
        )
    )
