"""Two addresses for probes: /healthz (does the loop get on?) and /readyz (leader, or warm standby).

Neither asks the API server: a cluster in trouble must not lose its operators to their own probes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

SHUTDOWN_S = 1.0


@dataclass(frozen=True, slots=True)
class Health:
    """What the operator says of itself; `complaint` is "" while it is alive."""

    role: str
    epoch: int
    ready: bool
    complaint: str
    queued: int


async def serve(port: int, look: Callable[[], Health]) -> web.AppRunner:
    """Serve both addresses until the runner is cleaned up. Raises OSError if the port is taken."""

    def body(health: Health, *, good: bool) -> web.Response:
        told = {
            "role": health.role,
            "epoch": health.epoch,
            "queued": health.queued,
            "complaint": health.complaint,
        }
        return web.json_response(told, status=200 if good else 503)

    async def alive(_request: web.Request) -> web.Response:
        health = look()
        return body(health, good=not health.complaint)

    async def ready(_request: web.Request) -> web.Response:
        health = look()
        return body(health, good=health.ready and not health.complaint)

    application = web.Application()
    application.router.add_get("/healthz", alive)
    application.router.add_get("/readyz", ready)
    runner = web.AppRunner(application, shutdown_timeout=SHUTDOWN_S, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
