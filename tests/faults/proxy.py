"""A proxy between one operator and its API server that can be told to misbehave.

It listens on loopback (plain HTTP), forwards with the client's own credentials, numbers every
request, and runs in a thread of its own:

    with ChaosProxy(cluster) as proxy:
        proxy.rules.add(Rule(Refuse(503), kind="rollouts", writes=True, nth=2))
        operator.start(server_url=proxy.url)
        proxy.hold("replicasets")
        ...
        proxy.heal()
        proxy.log.writes()
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import yaml
from aiohttp import web

from sandbox import Cluster
from tests.faults.calls import Call, RequestLog
from tests.faults.forwarding import Forwarder
from tests.faults.lists import Lists
from tests.faults.rules import DropBefore, Hang, Rule, Rules
from tests.faults.watches import End, Watches

START_S = 10.0
CALL_S = 10.0
"""Seconds that one order to the proxy may take."""

_Result = TypeVar("_Result")


class ChaosProxy:
    """One operator's way to the API server."""

    def __init__(self, cluster: Cluster) -> None:
        self.log = RequestLog()
        self.rules = Rules()
        self.lists = Lists()
        self.watches = Watches()
        self.url = ""
        self._kubeconfig = yaml.safe_load(cluster.kubeconfig.read_text())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="chaos proxy", daemon=True)
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._partition: Rule | None = None

    # ------------------------------------------------------------------ start and stop

    def start(self) -> Self:
        """Listen; returns once `url` can be used."""
        self._thread.start()
        if not self._ready.wait(START_S) or not self.url:
            raise RuntimeError("the proxy did not start")
        return self

    def stop(self) -> None:
        """Drop everybody and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(START_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def kubeconfig(self, file: Path, token: str) -> Path:
        """Write a kubeconfig that leads through this proxy with that token."""
        user = {"name": "operator", "user": {"token": token}}
        context = {"name": "proxy", "context": {"cluster": "proxy", "user": "operator"}}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "proxy", "cluster": {"server": self.url}}],
            "users": [user],
            "contexts": [context],
            "current-context": "proxy",
        }
        file.write_text(yaml.safe_dump(content))
        file.chmod(0o600)
        return file

    # ------------------------------------------------------------------ what tests ask for

    def hold(self, kind: str = "") -> None:
        """Keep back the watch events of that kind ("" for all) until `release`."""
        self._order(self.watches.treat(kind, held=True))

    def release(self, kind: str = "") -> None:
        """Let them come through, in their order."""
        self._order(self.watches.treat(kind, held=False))

    def silence(self, kind: str = "") -> None:
        """Swallow events and bookmarks; the connection stays open, as a half-open one does."""
        self._order(self.watches.treat(kind, silent=True))

    def swallowed(self, text: str) -> int:
        """How many events with this text in them were lost to silence."""
        return sum(text.encode() in line for line in tuple(self.watches.unsaid))

    def double(self, kind: str = "") -> None:
        """Send each event twice."""
        self._order(self.watches.treat(kind, doubled=True))

    def lag(self, kind: str, seconds: float) -> None:
        """Delay each event; with one delay a kind this reorders across kinds."""
        self._order(self.watches.treat(kind, lag_s=seconds))

    def fail_watches(self, kind: str = "", code: int = 410) -> int:
        """Put an ERROR event into each open watch; returns into how many."""
        return self._order(self.watches.fail(kind, code))

    def end_watches(self, kind: str = "", how: End = End.TORN) -> int:
        """End each open watch; returns how many."""
        return self._order(self.watches.end(kind, how))

    def watch_count(self, kind: str = "") -> int:
        """How many watches of that kind are open now."""
        return self._order(self.watches.count(kind))

    def partition(self, *, silent: bool = False) -> None:
        """Cut the operator off until `heal`: refused at once, or (silent) never answered."""
        action = Hang() if silent else DropBefore()
        self._partition = self.rules.add(Rule(action, times=None))
        if silent:
            self.silence()
        else:
            self.end_watches()

    def heal(self) -> None:
        """End every fault: no rules, true lists, all that was held comes through."""
        self.rules.clear()
        self.lists.thaw()
        self._order(self.watches.heal())

    def live_in_the_past(self, *kinds: str) -> None:
        """Show these kinds, in lists and watches, as they are now, whatever happens to them."""
        for kind in kinds:
            self.lists.freeze(kind)
            self.hold(kind)

    def _order(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_S)

    # ------------------------------------------------------------------ its thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._ready.set()
            self._loop.run_until_complete(_all_ended())
            self._loop.run_until_complete(_all_closed(self._loop))
            self._loop.close()

    async def _serve(self) -> None:
        server, context = _upstream(self._kubeconfig)
        connector = aiohttp.TCPConnector(limit=0, ssl=context)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
            forwarder = Forwarder(
                session, server, self._noted, self.rules, self.lists, self.watches
            )
            app = web.Application(client_max_size=64 * 2**20)
            app.router.add_route("*", "/{path:.*}", forwarder.handle)
            runner = web.AppRunner(
                app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
            )
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            self.url = f"http://{host}:{port}"
            self._ready.set()
            await self._stop.wait()
            await runner.cleanup()
            await _all_ended()

    def _noted(self, request: web.BaseRequest, body: bytes) -> Call:
        agent = request.headers.get("User-Agent", "")
        return self.log.add(request.method, request.path, request.query_string, agent, body)


async def _all_closed(loop: asyncio.AbstractEventLoop) -> None:
    """Close what a torn connection left open: the loop knows its transports, and nobody else."""
    transports: dict[int, asyncio.BaseTransport] = getattr(loop, "_transports", {})
    for transport in list(transports.values()):
        transport.close()
    await asyncio.sleep(0)


async def _all_ended() -> None:
    """End what is still on its way, such as a request whose client is gone."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()


def _upstream(kubeconfig: dict[str, Any]) -> tuple[str, ssl.SSLContext]:
    """Address and TLS of the API server that a kubeconfig names."""
    cluster = kubeconfig["clusters"][0]["cluster"]
    context = ssl.create_default_context(cafile=cluster.get("certificate-authority"))
    return str(cluster["server"]).rstrip("/"), context
