"""kopf's part: start, stop, watch our two kinds. Handlers only pass keys on.

Its change handlers, timers, daemons, finalizers and annotations stay unused: they act on edges
and keep state on objects, and this operator acts on levels and keeps its state in `.status`.
"""

from __future__ import annotations

from typing import Any

import kopf

from tidegate.adapters.kubernetes.resources import ROLLOUT_ACTIONS, ROLLOUTS
from tidegate.controller.operator import Operator, StartError

REQUEST_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 3.0
WATCH_S = 600  # whole seconds: the API server refuses 600.0
WATCH_GRACE_S = 30
PAGE_OBJECTS = 500
ERROR_DELAYS_S = (1, 2, 5, 10)


def configure(settings: kopf.OperatorSettings) -> None:
    """Time-outs and back-offs that fit an operator whose job is to revert fast."""
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.networking.request_timeout = REQUEST_TIMEOUT_S
    settings.networking.connect_timeout = CONNECT_TIMEOUT_S
    settings.networking.enforce_retry_after = True
    settings.watching.server_timeout = WATCH_S
    settings.watching.client_timeout = WATCH_S + WATCH_GRACE_S
    settings.watching.connect_timeout = CONNECT_TIMEOUT_S
    settings.watching.chunk_size = PAGE_OBJECTS
    settings.queueing.error_delays = ERROR_DELAYS_S


def registry_for(operator: Operator) -> kopf.OperatorRegistry:
    """Kopf's registry with this operator's handlers."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        # In a pod without the client library, which costs memory; outside with it, since it
        # knows every way to log in that a kubeconfig may ask for.
        return kopf.login_with_service_account(**kwargs) or kopf.login_via_client(**kwargs)

    # Tried once: what a first try began is not undone, so that a second needs a new process.
    @kopf.on.startup(registry=registry, errors=kopf.ErrorsMode.PERMANENT)
    async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
        configure(settings)
        try:
            await operator.start()
        except StartError as error:
            raise kopf.PermanentError(str(error)) from error

    @kopf.on.cleanup(registry=registry)
    async def stop(**_: Any) -> None:
        await operator.stop()

    @kopf.on.event(ROLLOUTS.group, ROLLOUTS.version, ROLLOUTS.plural, registry=registry)
    async def rollout_seen(event: kopf.RawEvent, **_: Any) -> None:
        operator.seen(ROLLOUTS, event["type"], event["object"])

    @kopf.on.event(
        ROLLOUT_ACTIONS.group, ROLLOUT_ACTIONS.version, ROLLOUT_ACTIONS.plural, registry=registry
    )
    async def action_seen(event: kopf.RawEvent, **_: Any) -> None:
        operator.seen(ROLLOUT_ACTIONS, event["type"], event["object"])

    return registry
