"""The parts of the operator put together, and how watch events reach its queue."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Mapping
from typing import Any

from tidegate.adapters.kubernetes.api import Api, connect
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.resources import (
    ROLLOUT_ACTIONS,
    ROLLOUTS,
    Resource,
    key_of,
    uid_of,
)
from tidegate.adapters.kubernetes.runs import RunJournal
from tidegate.adapters.prometheus.provider import PrometheusMetrics
from tidegate.controller.clock import SystemClock
from tidegate.controller.loop import Loop
from tidegate.controller.posting import Poster
from tidegate.controller.queue import Lane
from tidegate.controller.recording import Recorder
from tidegate.controller.settings import Settings
from tidegate.ports.cluster import ApiRefused, ApiUnavailable

PAGE_OBJECTS = 500
FIRST_LIST_S = 30.0
SWEEP_S = 300.0
LIST_AGAIN_MIN_S = 0.5
LIST_AGAIN_MAX_S = 5.0

logger = logging.getLogger(__name__)


class StartError(Exception):
    """The operator cannot start; the message says what is missing."""


class Operator:
    """One process' worth of Tidegate: started once, stopped once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._tasks: list[asyncio.Task[None]] = []
        self._api: Api | None = None
        self._cluster: KubernetesCluster | None = None
        self._metrics: PrometheusMetrics | None = None
        self._loop: Loop | None = None

    async def start(self) -> None:
        """Connect, list everything once, and only then let the first pass run."""
        settings = self._settings
        api = self._api = await connect()
        self._cluster = cluster = KubernetesCluster(api, settings.namespaces, self._touched)
        self._metrics = metrics = PrometheusMetrics(
            settings.providers, settings.telemetry, self._clock
        )
        poster = Poster(api, self._clock, socket.gethostname())
        recorder = Recorder(RunJournal(api))
        interval_s = settings.telemetry.interval_s
        self._loop = loop = Loop(cluster, metrics, self._clock, poster, recorder, interval_s)
        for resource in (ROLLOUTS, ROLLOUT_ACTIONS):
            for body in await self._list_patiently(api, resource):
                self.seen(resource, "ADDED", body)
        self._spawn("watch replicasets", cluster.replica_sets.run())
        if not await cluster.replica_sets.synced(FIRST_LIST_S):
            trouble = cluster.replica_sets.trouble or "no answer"
            raise StartError(f"ReplicaSets could not be listed: {trouble}")
        self._spawn("events", poster.run())
        self._spawn("runs", recorder.run())
        self._spawn("sweep", self._sweep(api, cluster, loop))
        self._spawn("loop", loop.run())

    async def stop(self) -> None:
        """Stop everything; what was in the middle is found again from the status."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._cluster is not None:
            self._cluster.close()
        if self._metrics is not None:
            await self._metrics.close()
        if self._api is not None:
            await self._api.close()

    def _spawn(self, name: str, work: Any) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_die_with)
        self._tasks.append(task)

    async def _list_patiently(self, api: Api, resource: Resource) -> list[dict[str, Any]]:
        """As `_list`, for as long as the API server is away: it may start after us."""
        wait_s = LIST_AGAIN_MIN_S
        while True:
            try:
                return await self._list(api, resource)
            except ApiUnavailable as error:
                logger.warning("%s; trying again in %g s", error, wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(LIST_AGAIN_MAX_S, wait_s * 2)

    async def _list(self, api: Api, resource: Resource) -> list[dict[str, Any]]:
        bodies: list[dict[str, Any]] = []
        for namespace in self._settings.namespaces or (None,):
            query = {"limit": str(PAGE_OBJECTS)}
            while True:
                page = await api.request("GET", resource.path(namespace), query=query)
                bodies += [
                    {**item, "apiVersion": resource.api_version, "kind": resource.kind}
                    for item in page.get("items", ())
                ]
                if not page.get("metadata", {}).get("continue"):
                    break
                query["continue"] = page["metadata"]["continue"]
        return bodies

    def _touched(self, key: tuple[str, str]) -> None:
        if self._loop is not None:
            self._loop.queue.add(key, Lane.PROGRESS)

    def seen(self, resource: Resource, kind: str | None, body: Mapping[str, Any]) -> None:
        """A watch event of a Rollout or a RolloutAction; kind None is the first listing."""
        if self._cluster is None or self._loop is None:
            return
        if resource is ROLLOUTS:
            self._rollout_seen(self._cluster, self._loop, kind, body)
        else:
            self._action_seen(self._cluster, self._loop, kind, body)

    def _rollout_seen(
        self, cluster: KubernetesCluster, loop: Loop, kind: str | None, body: Mapping[str, Any]
    ) -> None:
        key = key_of(body)
        known = cluster.rollouts.get(key)
        if kind == "DELETED":
            if known is not None and uid_of(known) == uid_of(body):  # else a namesake came since
                self._rollout_gone(cluster, loop, key)
            return
        same = known is not None and (
            known["metadata"].get("resourceVersion") == body["metadata"].get("resourceVersion")
        )
        if cluster.put_rollout(body) and not same:
            loop.queue.add(key, Lane.PROGRESS)

    def _rollout_gone(self, cluster: KubernetesCluster, loop: Loop, gone: tuple[str, str]) -> None:
        """Forget it; it may have held what another one waits for."""
        cluster.rollouts.pop(gone, None)
        loop.queue.add(gone, Lane.STATUS)
        for key in cluster.rollouts:
            if key[0] == gone[0]:
                loop.queue.add(key, Lane.STATUS)

    async def _sweep(self, api: Api, cluster: KubernetesCluster, loop: Loop) -> None:
        """Compare with a list now and then.

        kopf lists anew after a lost watch without saying what has vanished, and a Rollout that
        is gone must not go on holding its routes.
        """
        while True:
            await asyncio.sleep(SWEEP_S)
            known = {key: uid_of(body) for key, body in cluster.rollouts.items()}
            try:
                found = await self._list(api, ROLLOUTS)
            except (ApiUnavailable, ApiRefused) as error:
                logger.warning("%s; comparing again in %g s", error, SWEEP_S)
                continue
            there = {uid_of(body) for body in found}
            for key, uid in known.items():
                body = cluster.rollouts.get(key)
                if uid not in there and body is not None and uid_of(body) == uid:
                    logger.warning("%s/%s is gone; its deletion was not seen", *key)
                    self._rollout_gone(cluster, loop, key)
            for body in found:
                self.seen(ROLLOUTS, "ADDED", body)

    def _action_seen(
        self, cluster: KubernetesCluster, loop: Loop, kind: str | None, body: Mapping[str, Any]
    ) -> None:
        key, spec = key_of(body), body.get("spec") or {}
        done = bool((body.get("status") or {}).get("result"))
        if kind == "DELETED" or done:
            cluster.actions.pop(key, None)
            return
        if not cluster.put_action(body):
            return
        lane = Lane.ABORT if spec.get("verb") == "abort" else Lane.PROGRESS
        loop.queue.add((key[0], str(spec.get("rollout", ""))), lane)


def _die_with(task: asyncio.Task[None]) -> None:
    """A part that ends by itself leaves an operator that only looks alive: end the process."""
    if task.cancelled():
        return
    error = task.exception()
    logger.critical("%s ended: %r; stopping", task.get_name(), error)
    asyncio.get_running_loop().stop()
