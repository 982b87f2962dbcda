"""Runs the hooks of Rollouts and tells how they go.

What a Job does is read from the Job, which is found again by its name after any restart. What a
call answered is remembered here alone: when the process dies it is sent again under the same id.
Whatever is wrong with a hook is that hook's failure, never an error of the pass.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from pydantic import ValidationError

from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.hook_jobs import facts_of, finished, job_body, view_of_job
from tidegate.adapters.kubernetes.replica_set_writes import RolloutBook
from tidegate.adapters.kubernetes.replica_sets import owned_by
from tidegate.adapters.kubernetes.resources import CRON_JOBS, JOBS, PODS, Body, Key, uid_of
from tidegate.adapters.kubernetes.watched import Watched
from tidegate.api.constants import LABEL_HOOK
from tidegate.api.hook_status import HookResult, HookStatus
from tidegate.api.hooks import PATH_USUAL, PORT_USUAL, HookWork
from tidegate.api.rollout import Rollout
from tidegate.core.decision import StartHook, StopHook
from tidegate.core.hook_places import view_key
from tidegate.core.observation import HookSight, HookView
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone
from tidegate.ports.hooks import Caller, HookCall

PODS_MAX = 10
"""Pods of one Job whose last words are looked at."""
EXTERNAL_NAME = "ExternalName"
HEADLESS = "None"

logger = logging.getLogger(__name__)


class HookRunner:
    """`touched` is called with the key of a Rollout when something about its hooks has changed."""

    def __init__(
        self,
        api: Api,
        namespaces: Sequence[str],
        touched: Callable[[Key], None],
        services: Watched,
        book: RolloutBook,
        caller: Caller | None,
    ) -> None:
        self._api = api
        self._touched = touched
        self._services = services
        self._book = book
        self._caller = caller
        self._jobs = Watched(api, JOBS, namespaces, touched, selector=LABEL_HOOK)
        self._known: dict[Key, dict[str, HookView]] = {}
        self._calls: dict[tuple[Key, str], asyncio.Task[None]] = {}
        self._words: dict[str, HookView] = {}
        self._watching: set[Key] = set()

    def close(self) -> None:
        """Stop watching, and drop calls that are under way."""
        self._jobs.close()
        for task in self._calls.values():
            task.cancel()

    def forget(self, key: Key) -> None:
        """A Rollout is gone; its Jobs go with it."""
        self._known.pop(key, None)
        self._watching.discard(key)
        self._jobs.forget(key)
        for owner, tried in tuple(self._calls):
            if owner == key:
                self._calls.pop((owner, tried)).cancel()

    # ------------------------------------------------------------------ seeing

    async def read(self, rollout: Rollout) -> dict[str, HookView]:
        """How the tries go that are under way in the stored status; one not made has no view."""
        key = (rollout.namespace, rollout.name)
        running = {view_key(entry): entry for entry in self._running(key)}
        known = {k: v for k, v in self._known.get(key, {}).items() if k in running}
        self._known[key] = known
        views = dict(known)
        for tried, entry in running.items():
            if tried in views or not entry.job:
                continue
            view = await self._job(rollout, entry)
            if view is not None:
                views[tried] = view
        if not running:
            self._known.pop(key, None)
            if key in self._watching:  # the next try has a Job of another name
                self._watching.discard(key)
                self._jobs.forget(key)
        return views

    def _running(self, key: Key) -> Iterator[HookStatus]:
        status = self._book.rollouts.get(key, {}).get("status") or {}
        for raw in status.get("hooks") or ():
            with suppress(ValidationError):  # an entry that somebody else wrote is none
                entry = HookStatus.model_validate(raw)
                if entry.result is HookResult.RUNNING:
                    yield entry

    async def _job(self, rollout: Rollout, entry: HookStatus) -> HookView | None:
        key = (rollout.namespace, rollout.name)
        self._watching.add(key)
        try:
            job = await self._jobs.get((rollout.namespace, entry.job), key)
        except (ApiUnavailable, ApiRefused, Gone) as error:
            if entry.sent_at is None:
                return None  # making it finds it, if it is there
            said = f"its Job cannot be read: {error}"
            return HookView(HookSight.RUNNING, said, since=entry.sent_at)
        if job is None or not owned_by(job, rollout.uid):
            gone = HookView(HookSight.FAILED, "its Job was deleted before it ended")
            return None if entry.sent_at is None else gone
        return await self._last_words(job) if finished(job) else view_of_job(job)

    async def _last_words(self, job: Body) -> HookView:
        """The end of a Job with what its container said, if its pods may be looked at."""
        known = self._words.get(uid_of(job))
        if known is not None:
            return known
        query = {
            "labelSelector": f"batch.kubernetes.io/job-name={job['metadata']['name']}",
            "limit": str(PODS_MAX),
        }
        try:
            path = PODS.path(job["metadata"]["namespace"])
            page = await self._api.request("GET", path, query=query)
            pods = page.get("items") or ()
        except (ApiRefused, ApiUnavailable, Gone) as error:
            logger.info("Job %s: its pods cannot be read: %s", job["metadata"]["name"], error)
            pods = ()
        self._words = {uid_of(job): view_of_job(job, pods)}  # read once; the status keeps it
        return self._words[uid_of(job)]

    # ------------------------------------------------------------------ doing

    async def apply(self, rollout: Rollout, effect: StartHook | StopHook) -> None:
        """Start or stop one try. Raises ApiUnavailable only: all else is a hook that failed."""
        match effect:
            case StartHook(entry, hook) if entry.job:
                await self._make(rollout, entry, hook)
            case StartHook(entry, hook):
                await self._send(rollout, entry, hook)
            case StopHook(entry):
                await self._stop(rollout, entry)

    async def _make(self, rollout: Rollout, entry: HookStatus, hook: HookWork) -> None:
        namespace, name = rollout.namespace, hook.cron_job or ""
        try:
            cron_job = await self._api.request("GET", CRON_JOBS.path(namespace, name))
            body = job_body(rollout, hook, entry, cron_job)
            try:
                made: Body = await self._api.request("POST", JOBS.path(namespace), body=body)
            except Conflict:
                made = await self._found(rollout, entry)
        except Gone:
            self._failed(rollout, entry, f"there is no CronJob {name} in namespace {namespace}")
        except ValueError as error:
            self._failed(rollout, entry, f"CronJob {name} {error}")
        except ApiRefused as error:
            self._failed(rollout, entry, f"its Job was refused: {error}")
        else:
            self._jobs.put(made)

    async def _found(self, rollout: Rollout, entry: HookStatus) -> Body:
        """The Job that is there already: made before a crash, or a lost answer."""
        made = await self._api.request("GET", JOBS.path(rollout.namespace, entry.job))
        if not owned_by(made, rollout.uid):
            raise ApiRefused(f"Job {entry.job} exists and is not this Rollout's; delete it")
        return made

    async def _send(self, rollout: Rollout, entry: HookStatus, hook: HookWork) -> None:
        key, tried = (rollout.namespace, rollout.name), view_key(entry)
        if (key, tried) in self._calls:
            return
        try:
            address = await self._address_of(rollout, hook)
        except ValueError as obstacle:
            self._failed(rollout, entry, str(obstacle))
            return
        if self._caller is None:
            self._failed(rollout, entry, "this operator sends no calls")
            return
        call_id = f"{rollout.uid}/{tried}"
        service, port, path = hook.service or "", hook.port or PORT_USUAL, hook.path or PATH_USUAL
        told = {**facts_of(rollout, entry), "try": entry.attempt, "id": call_id}
        call = HookCall(
            namespace=rollout.namespace,
            service=service,
            port=port,
            path=path,
            timeout_s=hook.timeout_s,
            call_id=call_id,
            told=told | {"service": service, "port": port, "path": path},
            address=address,
        )
        self._keep(key, tried, HookView(HookSight.RUNNING))
        task = asyncio.create_task(self._answered(self._caller, call, key, tried))
        self._calls[(key, tried)] = task
        task.add_done_callback(partial(self._over, (key, tried)))

    async def _address_of(self, rollout: Rollout, hook: HookWork) -> str:
        """The cluster IP of the Service. Raises ValueError, with why, where it is not to be called.

        A name for somewhere else, or endpoints that somebody wrote by hand, would let a Rollout's
        author reach what only the operator can.
        """
        name, port = hook.service or "", hook.port or PORT_USUAL
        key = (rollout.namespace, name)
        try:
            body = await self._services.get(key, (rollout.namespace, rollout.name))
        except (ApiRefused, Gone) as error:
            raise ValueError(f"Service {name} cannot be read: {error}") from error
        if body is None:
            raise ValueError(f"there is no Service {name} in namespace {rollout.namespace}")
        spec = body.get("spec") or {}
        if spec.get("type") == EXTERNAL_NAME:
            raise ValueError(f"Service {name} is an ExternalName, which leads out of the namespace")
        ports = [one.get("port") for one in spec.get("ports") or ()]
        if port not in ports:
            has = ", ".join(map(str, ports))
            raise ValueError(f"Service {name} has no port {port}; it has {has}")
        address = str(spec.get("clusterIP") or "")
        if not spec.get("selector") or address in ("", HEADLESS):
            raise ValueError(
                f"Service {name} has no selector or no cluster IP of its own; call one that "
                "selects pods of the namespace"
            )
        return address

    async def _answered(self, caller: Caller, call: HookCall, key: Key, tried: str) -> None:
        self._keep(key, tried, await caller.call(call))
        self._touched(key)

    def _over(self, call: tuple[Key, str], task: asyncio.Task[None]) -> None:
        self._calls.pop(call, None)
        if not task.cancelled() and task.exception() is not None:
            logger.error("%s/%s: a call failed in the operator: %r", *call[0], task.exception())
            self._keep(*call, HookView(HookSight.FAILED, "the operator could not send it"))
            self._touched(call[0])

    async def _stop(self, rollout: Rollout, entry: HookStatus) -> None:
        task = self._calls.get(((rollout.namespace, rollout.name), view_key(entry)))
        if task is not None:
            task.cancel()
        if not entry.job:
            return
        path = JOBS.path(rollout.namespace, entry.job)
        try:
            job = await self._api.request("GET", path)
            if not owned_by(job, rollout.uid):
                return
            options: dict[str, Any] = {
                "kind": "DeleteOptions",
                "apiVersion": "v1",
                "propagationPolicy": "Background",
                "preconditions": {"uid": uid_of(job)},
            }
            await self._api.request("DELETE", path, body=options)
        except (Gone, Conflict):
            return  # it is gone, or another one came in its place
        except ApiRefused as error:
            logger.warning("Job %s/%s stays: %s", rollout.namespace, entry.job, error)

    def _failed(self, rollout: Rollout, entry: HookStatus, why: str) -> None:
        self._keep(
            (rollout.namespace, rollout.name), view_key(entry), HookView(HookSight.FAILED, why)
        )

    def _keep(self, key: Key, tried: str, view: HookView) -> None:
        self._known.setdefault(key, {})[tried] = view
