"""One Rollout's cluster: what core observes, and its effects as single conditional requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from tidegate.adapters.kubernetes import revisions, routing
from tidegate.adapters.kubernetes.api import MERGE_PATCH, Api, patched
from tidegate.adapters.kubernetes.arms import arms_of
from tidegate.adapters.kubernetes.claims import claim_of, conflicts
from tidegate.adapters.kubernetes.content import Contents
from tidegate.adapters.kubernetes.freshness import Grounds
from tidegate.adapters.kubernetes.holding import Holder
from tidegate.adapters.kubernetes.hook_runner import HookRunner
from tidegate.adapters.kubernetes.lost_sets import LostSets
from tidegate.adapters.kubernetes.own_routes import OwnRouteWriter
from tidegate.adapters.kubernetes.policies import PolicyBook
from tidegate.adapters.kubernetes.replica_set_writes import ReplicaSetWriter
from tidegate.adapters.kubernetes.replica_sets import owned_by, revision_of_set, view_of
from tidegate.adapters.kubernetes.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    DESTINATION_RULES,
    HTTP_ROUTES,
    REPLICA_SETS,
    ROLLOUT_ACTIONS,
    ROLLOUTS,
    SERVICES,
    VIRTUAL_SERVICES,
    Body,
    Key,
    key_of,
    uid_of,
    version_of,
)
from tidegate.adapters.kubernetes.routing_reader import RoutingReader
from tidegate.adapters.kubernetes.sight import Sight
from tidegate.adapters.kubernetes.stamping import Stamper
from tidegate.adapters.kubernetes.store import Store, newer
from tidegate.adapters.kubernetes.templates import TemplateTrials
from tidegate.adapters.kubernetes.watched import Watched
from tidegate.adapters.kubernetes.workloads import Workloads
from tidegate.api.actions import Action
from tidegate.api.constants import LABEL_ROLLOUT
from tidegate.api.policy_checks import problems_of
from tidegate.api.problems import SpecError
from tidegate.api.rollout import Rollout
from tidegate.api.scalars import format_timestamp
from tidegate.api.status import RolloutStatus
from tidegate.api.support import unsupported
from tidegate.core import reasons
from tidegate.core.decision import (
    AlignRoute,
    AnswerAction,
    CreateReplicaSet,
    DeleteReplicaSet,
    Effect,
    GiveBackDestination,
    HoldRollout,
    MakeDestinations,
    MakeRoute,
    PointDestination,
    ReleaseRollout,
    ScaleReplicaSet,
    ScaleWorkload,
    SetWeight,
    StartHook,
    StopHook,
    SwitchService,
)
from tidegate.core.observation import Observed, Problem
from tidegate.ports.cluster import Conflict, Gone
from tidegate.ports.hooks import Caller
from tidegate.ports.metrics import Arms

USERS_KINDS = (
    VIRTUAL_SERVICES,
    DESTINATION_RULES,
    HTTP_ROUTES,
    SERVICES,
    DEPLOYMENTS,
    CONFIG_MAPS,
)
"""Watched once a Rollout refers to one."""
GONE_KEPT = 1000
"""Uids of deleted Rollouts that are remembered; a late answer must not revive one."""
ANSWERED_KEPT = 1000
"""Uids of answered actions that are remembered, against events that come late."""


class KubernetesCluster:
    """ports.Cluster over the real API server.

    `rollouts` and `actions` are filled by whoever watches them (the kopf handlers); `touched` is
    called with the key of a Rollout whenever something it depends on has changed.
    """

    def __init__(
        self,
        api: Api,
        namespaces: Sequence[str],
        touched: Callable[[Key], None],
        caller: Caller | None = None,
    ) -> None:
        self._api = api
        self._touched = touched
        self.rollouts: dict[Key, Body] = {}
        self.policies = PolicyBook(api, self._policies_changed)
        self.actions: dict[Key, Body] = {}
        self._answered: deque[str] = deque(maxlen=ANSWERED_KEPT)
        self._gone: deque[str] = deque(maxlen=GONE_KEPT)
        self.replica_sets = Store(
            api,
            REPLICA_SETS,
            namespaces=namespaces,
            selector=LABEL_ROLLOUT,
            changed=self._replica_set_changed,
        )
        self._watched = {
            resource: Watched(api, resource, namespaces, touched) for resource in USERS_KINDS
        }
        self._workloads = Workloads(api, self._watched[DEPLOYMENTS])
        self._contents = Contents(api, self._watched[CONFIG_MAPS], touched)
        self._reader = RoutingReader(self._watched)
        self._sights: dict[Key, Sight] = {}
        self._lost = LostSets()
        self._templates = TemplateTrials(api)
        self._sets = ReplicaSetWriter(api, self.replica_sets, self._templates, self)
        self._grounds = Grounds(api, self.replica_sets, self._watched, self)
        self._hooks = HookRunner(api, namespaces, touched, self._watched[SERVICES], self, caller)
        self._holder = Holder(api, self)
        self._own_routes = OwnRouteWriter(api, self._watched)
        self._stamper = Stamper(api, self.replica_sets, self._watched)

    def _policies_changed(self, namespace: str) -> None:
        for key in tuple(self.rollouts):
            if namespace in ("", key[0]):
                self._touched(key)

    def close(self) -> None:
        """Stop watching users' objects."""
        self._contents.close()
        self._hooks.close()
        self.policies.close()
        for watched in self._watched.values():
            watched.close()

    def forget(self, key: Key) -> None:
        """A Rollout is gone."""
        self._sights.pop(key, None)
        self._lost.forget(key)
        self._templates.forget(key)
        self._contents.forget(key)
        self._hooks.forget(key)
        for watched in self._watched.values():
            watched.forget(key)

    def _replica_set_changed(self, body: Body) -> None:
        for reference in body["metadata"].get("ownerReferences") or ():
            if reference.get("kind") == ROLLOUTS.kind:
                key = (key_of(body)[0], str(reference["name"]))
                if self.replica_sets.get(key_of(body)) is None:
                    self._lost.remember(self.rollouts.get(key), key, body)
                self._touched(key)

    # ------------------------------------------------------------------ seeing

    async def observe(self, rollout: Rollout) -> Observed:
        """The world without metrics; what cannot be read becomes a problem, never an exception."""
        key = (rollout.namespace, rollout.name)
        routing = await self._reader.read(rollout)
        owned = tuple(body for body in self.replica_sets if owned_by(body, rollout.uid))
        workload = await self._workloads.read(rollout)
        content = await self._contents.read(rollout)
        self._sights[key] = Sight(routing, owned, workload, content)
        views = [view for view in map(view_of, owned) if view is not None]
        written = revisions.written(rollout, workload, content)
        target = revisions.target(written, content, owned, self._stable(key))
        problems = [*self._spec_problems(rollout), *self._conflicts(key)]
        problems += [*routing.problems, *workload.problems, *content.problems]
        actions = self._pending_actions(key)
        if all(view.name != target for view in views):
            if not problems and not actions:
                # Never in the way of what a person asks for; who waits for a webhook waits alone.
                problems += await self._templates.problems(written, target)
            alive = (body for body in owned if view_of(body) is not None)
            target = self._templates.twin(written, target, alive) or target
        lost = self._lost.of(key, rollout.uid)
        return Observed(
            target=target,
            revisions=tuple(sorted(views, key=lambda view: (view.created_at, view.name))),
            routes=routing.view,
            service=routing.service,
            problems=tuple(problems),
            actions=actions,
            revivable=revision_of_set(lost) if lost else None,
            workload=workload.view,
            workload_missing=workload.missing,
            own_routes=tuple(routing.own),
            hooks=await self._hooks.read(rollout),
            variants={} if content.problems else revisions.of_variants(written),
        )

    def _stable(self, key: Key) -> str:
        return str((self.rollouts.get(key, {}).get("status") or {}).get("stableRevision") or "")

    def _spec_problems(self, rollout: Rollout) -> list[Problem]:
        found = [Problem(reasons.INVALID_SPEC, str(p)) for p in problems_of(rollout)]
        missing = [Problem(reasons.NOT_BUILT_YET, str(p)) for p in unsupported(rollout.spec)]
        return found + missing

    def _conflicts(self, key: Key) -> tuple[Problem, ...]:
        mine = self.rollouts.get(key)
        if mine is None:
            return ()
        others = [body for other, body in self.rollouts.items() if other[0] == key[0] != ""]
        claims = [claim_of(body) for body in others if key_of(body) != key]
        return conflicts(claim_of(mine), claims)

    def _pending_actions(self, key: Key) -> tuple[Action, ...]:
        found = []
        for body in self._actions_for(key):
            try:
                action = Action.parse(body)
            except SpecError:
                continue  # stored before the schema refused it; nobody can act on it
            if not action.done:
                found.append(action)
        return tuple(found)

    def _actions_for(self, key: Key) -> list[Body]:
        return [
            body
            for body in self.actions.values()
            if body["metadata"].get("namespace") == key[0]
            and (body.get("spec") or {}).get("rollout") == key[1]
        ]

    async def refuse_orphans(self, key: Key, now: datetime) -> None:
        """Answer the actions that name a Rollout which does not exist.

        The API server is asked first: the two kinds come by two watches, in any order.
        """
        if not self._actions_for(key):
            return
        with suppress(Gone):
            self.put_rollout(await self._api.request("GET", ROLLOUTS.path(*key)))
            self._touched(key)
            return
        message = f"there is no Rollout {key[0]}/{key[1]}"
        for body in self._actions_for(key):
            name, uid = str(body["metadata"]["name"]), uid_of(body)
            await self._answer(key[0], AnswerAction(name, uid, "Refused", message, now))

    def arms(self, rollout: Rollout, status: RolloutStatus) -> Arms | None:
        """Who the metrics questions are about, or None while the routes cannot be read."""
        key = (rollout.namespace, rollout.name)
        return arms_of(key, self._sights.get(key), status)

    # ------------------------------------------------------------------ doing

    @property
    def epoch(self) -> int:
        """The epoch under which this process writes; 0 where no Lease is used."""
        return self._api.epoch

    async def claim(self, rollout: Rollout) -> None:
        """Touch what an earlier leader may be about to write, so that its write fails.

        The Rollout itself is touched last, by the status that names the new epoch: until then
        another leader does all of this again.
        """
        await self._stamper.stamp(rollout)

    async def release(self, key: Key) -> None:
        """Take our finalizer off a Rollout. Raises Conflict when it changed meanwhile."""
        await self._holder.release(key)

    async def apply(self, rollout: Rollout, effect: Effect) -> None:
        """One request with a precondition; the answer goes into the store at once.

        What cannot be taken back is written only if the grounds for it are found unchanged by
        a read from the API server itself.
        """
        sight = self._sights.get((rollout.namespace, rollout.name), Sight())
        read = sight.routing
        await self._grounds.confirm(rollout, effect, sight)
        match effect:
            case CreateReplicaSet():
                lost = self._lost.of((rollout.namespace, rollout.name), rollout.uid)
                written = revisions.written(rollout, sight.workload, sight.content)
                await self._sets.create(revisions.as_variant(written, effect.variant), effect, lost)
            case ScaleReplicaSet():
                await self._sets.scale(effect, sight.set_named(effect.replica_set))
            case DeleteReplicaSet():
                await self._sets.delete(effect, sight.set_named(effect.replica_set))
            case SetWeight():
                await self._change(routing.weight_change(rollout.namespace, read, effect))
            case PointDestination() | SwitchService():
                destination = "stable" if isinstance(effect, SwitchService) else effect.destination
                change = routing.destination_change(rollout, read, destination, effect.revision)
                await self._change(change)
            case ScaleWorkload():
                await self._workloads.scale(effect, sight.workload.body)
            case GiveBackDestination():
                await self._change(routing.way_back(rollout, read, effect))
            case MakeDestinations() | MakeRoute() | AlignRoute():
                await self._own_routes.apply(rollout, effect, read.own_body)
            case AnswerAction():
                await self._answer(rollout.namespace, effect)
            case StartHook() | StopHook():
                await self._hooks.apply(rollout, effect)
            case HoldRollout() | ReleaseRollout():
                await self._holder.apply((rollout.namespace, rollout.name), effect)

    async def _change(self, change: routing.Change) -> None:
        watched = self._watched[change.resource]
        path = change.resource.path(*change.key)
        watched.put(await patched(self._api, path, change.patch, watched.learn))

    async def _answer(self, namespace: str, effect: AnswerAction) -> None:
        """Write the answer to the very action that was read; a changed one is looked at again."""
        key = (namespace, effect.name)
        status = {
            "result": effect.result,
            "message": effect.message,
            "handledAt": format_timestamp(effect.at),
        }
        meta = {"uid": effect.uid}
        known = self.actions.get(key)
        if known is not None and uid_of(known) == effect.uid:
            meta["resourceVersion"] = version_of(known)
        body = {"metadata": meta, "status": status}
        path = ROLLOUT_ACTIONS.path(*key, "status")
        with suppress(Gone):  # nobody to answer
            await self._api.request("PATCH", path, body=body, media_type=MERGE_PATCH)
        self.drop_action(key, effect.uid)
        self._answered.append(effect.uid)

    def put_action(self, body: Body) -> bool:
        """Take over a pending action; one that was answered may come back from a lagging watch."""
        if uid_of(body) in self._answered:
            return False
        self.actions[key_of(body)] = body
        return True

    async def write_status(self, key: Key, version: str, status: RolloutStatus) -> str:
        """Store the status if the Rollout is still the one that was decided on.

        `version` is its resourceVersion at the decision. Raises Conflict when it has moved on, and
        Gone when the Rollout is not there any more, which is then forgotten.
        """
        known = self.rollouts.get(key)
        if known is None:
            raise Gone(f"Rollout {key[0]}/{key[1]} is gone")
        if version_of(known) != version:
            raise Conflict(f"Rollout {key[0]}/{key[1]} changed since it was read")
        body = {**known, "status": status.model_dump(mode="json", by_alias=True, exclude_none=True)}
        try:
            answer = await self._api.request("PUT", ROLLOUTS.path(*key, "status"), body=body)
        except Conflict:
            self.put_rollout(await self._api.request("GET", ROLLOUTS.path(*key)))
            raise
        except Gone:
            self.drop_rollout(key, uid_of(known))
            raise
        self.put_rollout(answer)
        return version_of(answer)

    def drop_rollout(self, key: Key, uid: str) -> None:
        """Forget a Rollout that is gone, unless a namesake came since; late answers, too."""
        self._gone.append(uid)
        known = self.rollouts.get(key)
        if known is not None and uid_of(known) == uid:
            del self.rollouts[key]

    def drop_action(self, key: Key, uid: str) -> None:
        """Forget an action that is done or gone, unless a namesake came since."""
        known = self.actions.get(key)
        if known is not None and uid_of(known) == uid:
            del self.actions[key]

    def put_rollout(self, body: Body) -> bool:
        """Take over a Rollout as the API server has it, unless it is older than what we have."""
        if uid_of(body) in self._gone or not newer(self.rollouts.get(key_of(body)), body):
            return False
        meta = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
        self.rollouts[key_of(body)] = {**body, "metadata": meta}
        return True
