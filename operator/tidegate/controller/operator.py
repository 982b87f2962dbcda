"""The parts of the operator put together, and how watch events reach its queue.

A standby does all that reads: it watches, and its copies are warm. Once it leads, it lists what
matters anew, and only then does the loop that writes begin.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Mapping
from typing import Any

from aiohttp.web import AppRunner

from tidegate.adapters.hooks.caller import HttpCaller
from tidegate.adapters.kubernetes.api import Api, connect
from tidegate.adapters.kubernetes.cluster import KubernetesCluster
from tidegate.adapters.kubernetes.fence import Fence
from tidegate.adapters.kubernetes.job_metrics import JobMetrics
from tidegate.adapters.kubernetes.leases import LeaseLock
from tidegate.adapters.kubernetes.resources import (
    ROLLOUT_ACTIONS,
    ROLLOUTS,
    Resource,
    key_of,
    uid_of,
)
from tidegate.adapters.kubernetes.runs import RunJournal
from tidegate.adapters.pods.provider import PodMetrics
from tidegate.adapters.prometheus.provider import PrometheusMetrics
from tidegate.adapters.sources import Sources
from tidegate.controller.clock import SKEW_S_MAX, SteadyClock
from tidegate.controller.health import Health, serve
from tidegate.controller.leading import Election, Elector
from tidegate.controller.loop import Loop
from tidegate.controller.patience import REFUSED_S_MAX, patiently
from tidegate.controller.policy_reports import PolicyReporter
from tidegate.controller.posting import Poster
from tidegate.controller.queue import Lane
from tidegate.controller.recording import Recorder
from tidegate.controller.settings import Settings
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Gone

PAGE_OBJECTS = 500
FIRST_LIST_S = 30.0
SWEEP_S = 300.0
SENDING_BACK = frozenset({"abort", "reject"})
"""Verbs that no other work may keep waiting."""
TIME_AGAIN_S = 0.5

logger = logging.getLogger(__name__)


class StartError(Exception):
    """The operator cannot start; the message says what is missing."""


class Operator:
    """One process' worth of Tidegate: started once, stopped once."""

    def __init__(
        self,
        settings: Settings,
        *,
        election: Election | None = None,
        health_port: int | None = None,
    ) -> None:
        self._settings = settings
        self._election = election
        self._health_port = health_port
        self._clock = SteadyClock()
        self._fence = Fence()
        self._tasks: list[asyncio.Task[None]] = []
        self._api: Api | None = None
        self._cluster: KubernetesCluster | None = None
        self._metrics: Sources | None = None
        self._caller = HttpCaller(settings.hooks, self._clock)
        self._loop: Loop | None = None
        self._elector: Elector | None = None
        self._health: AppRunner | None = None
        self._warm = False
        self._leads = False

    async def start(self) -> None:
        """Connect, list everything once, and then lead or stand by."""
        settings = self._settings
        if self._health_port is not None:
            self._health = await serve(self._health_port, self.health)
        api = self._api = await connect(self._fence)
        if self._election is not None:
            lock = LeaseLock(
                api, self._election.namespace, self._election.name, self._election.identity
            )
            self._elector = Elector(lock, self._fence, self._clock, self._highest_epoch)
        self._cluster = cluster = KubernetesCluster(
            api, settings.namespaces, self._touched, self._caller
        )
        prometheus = PrometheusMetrics(settings.providers, settings.telemetry, self._clock)
        jobs = JobMetrics(api, settings.namespaces, self._clock, cluster.rollouts)
        self._metrics = metrics = Sources(prometheus, PodMetrics(api, self._clock), jobs)
        poster = Poster(api, self._clock, socket.gethostname())
        recorder = Recorder(RunJournal(api))
        interval_s = settings.telemetry.interval_s
        self._loop = Loop(cluster, metrics, self._clock, poster, recorder, interval_s)
        await self._list_rollouts()
        self._spawn("watch replicasets", cluster.replica_sets.run())
        if not await cluster.replica_sets.synced(FIRST_LIST_S):
            trouble = cluster.replica_sets.trouble or "no answer"
            raise StartError(f"ReplicaSets could not be listed: {trouble}")
        await self._read_policies(cluster)
        self._spawn("sweep", self._sweep(api, cluster))
        self._warm = True
        self._spawn("leadership", self._campaign(self._elector, poster, recorder))

    async def _read_policies(self, cluster: KubernetesCluster) -> None:
        """No traffic may move without their guards, so they are read first.

        Where this operator serves some namespaces only it may lack the right to see objects of the
        whole cluster: then there are no policies for it.
        """
        wait_s = 0.0 if self._settings.namespaces else REFUSED_S_MAX
        trouble = await cluster.policies.start(FIRST_LIST_S, refused_s=wait_s)
        if not trouble:
            return
        if not self._settings.namespaces:
            raise StartError(f"RolloutPolicies could not be listed: {trouble}")
        logger.warning(
            "RolloutPolicies could not be listed, so none holds for the namespaces served here; "
            "give the service account the right to list and watch them if some should: %s",
            trouble,
        )

    async def _campaign(self, elector: Elector | None, poster: Poster, recorder: Recorder) -> None:
        """Wait until this process leads, then work for as long as it does."""
        assert self._loop is not None, "made in start"
        if elector is not None:
            await elector.acquire()
        async with asyncio.TaskGroup() as group:
            if elector is not None:
                group.create_task(elector.renew(), name="lease")
            await self._begin(fresh=elector is not None)
            group.create_task(poster.run(), name="events")
            group.create_task(recorder.run(), name="runs")
            if not self._settings.namespaces:
                group.create_task(self._reporter().run(), name="policies")
            group.create_task(self._loop.run(), name="loop")

    def _reporter(self) -> PolicyReporter:
        assert self._api is not None, "made in start"
        assert self._cluster is not None, "made in start"
        return PolicyReporter(self._api, self._cluster, self._clock)

    async def _begin(self, *, fresh: bool) -> None:
        """See what happened while somebody else led, and queue everything once."""
        assert self._api is not None, "made in start"
        assert self._cluster is not None, "made in start"
        await self._agree_on_time(self._api)
        if fresh:
            await self._list_rollouts()
            await patiently(self._cluster.policies.look_again)
        self._leads = True
        for key, body in self._cluster.rollouts.items():
            in_a_run = bool((body.get("status") or {}).get("run"))
            self._wake(key, Lane.BREACH if in_a_run else Lane.STATUS)
        for body in tuple(self._cluster.actions.values()):
            self._wake(*_asked_by(body))

    async def _agree_on_time(self, api: Api) -> None:
        """Holds are counted by one clock, whoever leads: this machine's if it is right."""
        path = ROLLOUTS.path().rsplit("/", 1)[0]
        while True:
            try:
                await api.request("GET", path)
                break
            except (ApiUnavailable, ApiRefused, Gone) as error:
                logger.warning("%s; trying again in %g s", error, TIME_AGAIN_S)
            await asyncio.sleep(TIME_AGAIN_S)
        if api.server_time is None:
            return
        ahead_s = self._clock.agree_with(api.server_time)
        if abs(ahead_s) > SKEW_S_MAX:
            logger.warning(
                "this machine's clock is %.0f s off the API server's, which is used instead",
                ahead_s,
            )

    async def _highest_epoch(self) -> int:
        """The highest epoch that any Rollout has been written under."""
        assert self._api is not None, "made in start"
        bodies = await self._list(self._api, ROLLOUTS)
        return max((int((b.get("status") or {}).get("epoch") or 0) for b in bodies), default=0)

    async def _list_rollouts(self) -> None:
        """Rollouts and actions as they are now; what has vanished is forgotten."""
        assert self._api is not None, "made in start"
        assert self._cluster is not None, "made in start"
        api = self._api
        known = {key: uid_of(body) for key, body in self._cluster.rollouts.items()}
        bodies = await patiently(lambda: self._list(api, ROLLOUTS))
        self._compared(self._cluster, known, bodies)
        pending = {key: uid_of(body) for key, body in self._cluster.actions.items()}
        found = await patiently(lambda: self._list(api, ROLLOUT_ACTIONS))
        self._compared_actions(self._cluster, pending, found)

    def _compared_actions(
        self,
        cluster: KubernetesCluster,
        known: Mapping[tuple[str, str], str],
        found: list[dict[str, Any]],
    ) -> None:
        """As `_compared`: what was answered and deleted unseen must not be carried out later."""
        there = {uid_of(body) for body in found}
        for key, uid in known.items():
            if uid not in there:
                cluster.drop_action(key, uid)
        for body in found:
            self.seen(ROLLOUT_ACTIONS, "ADDED", body)

    def health(self) -> Health:
        """What probes are told."""
        loop = self._loop
        role = "leader" if self._leads else "standby" if self._warm else "starting"
        complaint = loop.progress.complaint(loop.queue.oldest_wait_s()) if loop else ""
        return Health(
            role=role,
            epoch=self._fence.epoch,
            ready=self._warm,
            complaint=complaint if self._leads else "",
            queued=len(loop.queue) if loop else 0,
        )

    async def stop(self) -> None:
        """Stop everything; what was in the middle is found again from the status."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._elector is not None:
            await self._elector.release()
        if self._cluster is not None:
            self._cluster.close()
        if self._metrics is not None:
            await self._metrics.close()
        await self._caller.close()
        if self._health is not None:
            await self._health.cleanup()
        if self._api is not None:
            await self._api.close()

    def _spawn(self, name: str, work: Any) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_die_with)
        self._tasks.append(task)

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
        self._wake(key, Lane.PROGRESS)

    def _wake(self, key: tuple[str, str], lane: Lane) -> None:
        """Queue a pass; a standby has none."""
        if self._leads and self._loop is not None:
            self._loop.queue.add(key, lane)

    def seen(self, resource: Resource, kind: str | None, body: Mapping[str, Any]) -> None:
        """A watch event of a Rollout or a RolloutAction; kind None is the first listing."""
        if self._cluster is None:
            return
        if resource is ROLLOUTS:
            self._rollout_seen(self._cluster, kind, body)
        else:
            self._action_seen(self._cluster, kind, body)

    def _rollout_seen(
        self, cluster: KubernetesCluster, kind: str | None, body: Mapping[str, Any]
    ) -> None:
        key = key_of(body)
        known = cluster.rollouts.get(key)
        if kind == "DELETED":
            if known is not None and uid_of(known) == uid_of(body):  # else a namesake came since
                self._rollout_gone(cluster, key)
            return
        same = known is not None and (
            known["metadata"].get("resourceVersion") == body["metadata"].get("resourceVersion")
        )
        if cluster.put_rollout(body) and not same:
            self._wake(key, Lane.PROGRESS)

    def _rollout_gone(self, cluster: KubernetesCluster, gone: tuple[str, str]) -> None:
        """Forget it; it may have held what another one waits for."""
        known = cluster.rollouts.get(gone)
        if known is not None:
            cluster.drop_rollout(gone, uid_of(known))
        self._wake(gone, Lane.STATUS)
        for key in cluster.rollouts:
            if key[0] == gone[0]:
                self._wake(key, Lane.STATUS)

    async def _sweep(self, api: Api, cluster: KubernetesCluster) -> None:
        """Compare with a list now and then.

        kopf lists anew after a lost watch without saying what has vanished, and a Rollout that
        is gone must not go on holding its routes.
        """
        while True:
            await asyncio.sleep(SWEEP_S)
            known = {key: uid_of(body) for key, body in cluster.rollouts.items()}
            pending = {key: uid_of(body) for key, body in cluster.actions.items()}
            try:
                found = await self._list(api, ROLLOUTS)
                asked = await self._list(api, ROLLOUT_ACTIONS)
            except (ApiUnavailable, ApiRefused, Gone) as error:
                logger.warning("%s; comparing again in %g s", error, SWEEP_S)
                continue
            self._compared(cluster, known, found)
            self._compared_actions(cluster, pending, asked)

    def _compared(
        self,
        cluster: KubernetesCluster,
        known: Mapping[tuple[str, str], str],
        found: list[dict[str, Any]],
    ) -> None:
        """Take over a list; `known` is what there was, by uid, before it was asked for."""
        there = {uid_of(body) for body in found}
        for key, uid in known.items():
            body = cluster.rollouts.get(key)
            if uid not in there and body is not None and uid_of(body) == uid:
                logger.warning("%s/%s is gone; its deletion was not seen", *key)
                self._rollout_gone(cluster, key)
        for body in found:
            self.seen(ROLLOUTS, "ADDED", body)

    def _action_seen(
        self, cluster: KubernetesCluster, kind: str | None, body: Mapping[str, Any]
    ) -> None:
        done = bool((body.get("status") or {}).get("result"))
        if kind == "DELETED" or done:
            cluster.drop_action(key_of(body), uid_of(body))
        elif cluster.put_action(body):
            self._wake(*_asked_by(body))


def _asked_by(body: Mapping[str, Any]) -> tuple[tuple[str, str], Lane]:
    """The Rollout that an action is about, and how urgent it is."""
    spec = body.get("spec") or {}
    lane = Lane.ABORT if spec.get("verb") in SENDING_BACK else Lane.PROGRESS
    return (key_of(body)[0], str(spec.get("rollout", ""))), lane


def _die_with(task: asyncio.Task[None]) -> None:
    """A part that ends by itself leaves an operator that only looks alive: end the process."""
    if task.cancelled():
        return
    error = task.exception()
    logger.critical("%s ended: %r; stopping", task.get_name(), error)
    asyncio.get_running_loop().stop()
