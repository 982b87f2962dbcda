"""One Rollout's cluster: what core observes, and its effects as single conditional requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from tidegate.adapters.kubernetes import routing as routes
from tidegate.adapters.kubernetes.api import JSON_PATCH, MERGE_PATCH, Api
from tidegate.adapters.kubernetes.claims import claim_of, conflicts
from tidegate.adapters.kubernetes.replica_sets import (
    owned_by,
    replica_set_body,
    revision_of,
    view_of,
)
from tidegate.adapters.kubernetes.resources import (
    DESTINATION_RULES,
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
from tidegate.adapters.kubernetes.store import Store, newer
from tidegate.adapters.kubernetes.templates import TemplateTrials
from tidegate.adapters.kubernetes.watched import Watched
from tidegate.api.actions import Action
from tidegate.api.constants import LABEL_ROLLOUT
from tidegate.api.problems import SpecError
from tidegate.api.rollout import Rollout
from tidegate.api.scalars import format_timestamp
from tidegate.api.status import RolloutStatus
from tidegate.api.support import unsupported
from tidegate.api.validation import problems as spec_problems
from tidegate.core import reasons
from tidegate.core.decision import (
    AnswerAction,
    CreateReplicaSet,
    DeleteReplicaSet,
    Effect,
    PointDestination,
    ScaleReplicaSet,
    SetWeight,
)
from tidegate.core.observation import Observed, Problem
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Conflict, Gone
from tidegate.ports.metrics import Arms, Subject

ANSWERED_KEPT = 1000
"""Uids of answered actions that are remembered, against events that come late."""


class KubernetesCluster:
    """ports.Cluster over the real API server.

    `rollouts` and `actions` are filled by whoever watches them (the kopf handlers); `touched` is
    called with the key of a Rollout whenever something it depends on has changed.
    """

    def __init__(self, api: Api, namespaces: Sequence[str], touched: Callable[[Key], None]) -> None:
        self._api = api
        self._touched = touched
        self.rollouts: dict[Key, Body] = {}
        self.actions: dict[Key, Body] = {}
        self._answered: deque[str] = deque(maxlen=ANSWERED_KEPT)
        self.replica_sets = Store(
            api,
            REPLICA_SETS,
            namespaces=namespaces,
            selector=LABEL_ROLLOUT,
            changed=self._replica_set_changed,
        )
        self._watched = {
            resource: Watched(api, resource, namespaces, touched)
            for resource in (VIRTUAL_SERVICES, DESTINATION_RULES, SERVICES)
        }
        self._reader = routes.RoutingReader(self._watched)
        self._routing: dict[Key, routes.Routing] = {}
        self._templates = TemplateTrials(api)

    def close(self) -> None:
        """Stop watching users' objects."""
        for watched in self._watched.values():
            watched.close()

    def forget(self, key: Key) -> None:
        """A Rollout is gone."""
        self._routing.pop(key, None)
        self._templates.forget(key)
        for watched in self._watched.values():
            watched.forget(key)

    def _replica_set_changed(self, body: Body) -> None:
        for reference in body["metadata"].get("ownerReferences") or ():
            if reference.get("kind") == ROLLOUTS.kind:
                self._touched((key_of(body)[0], str(reference["name"])))

    # ------------------------------------------------------------------ seeing

    async def observe(self, rollout: Rollout) -> Observed:
        """The world without metrics; what cannot be read becomes a problem, never an exception."""
        key = (rollout.namespace, rollout.name)
        routing = await self._reader.read(rollout)
        self._routing[key] = routing
        owned = [body for body in self.replica_sets if owned_by(body, rollout.uid)]
        views = [view for view in map(view_of, owned) if view is not None]
        target = revision_of(rollout.spec.template or {})
        problems = [*self._spec_problems(rollout), *self._conflicts(key), *routing.problems]
        actions = self._pending_actions(key)
        if not problems and not actions and all(view.name != target for view in views):
            # Never in the way of what a person asks for; whoever waits for a webhook waits alone.
            problems += await self._templates.problems(rollout, target)
        return Observed(
            target=target,
            revisions=tuple(sorted(views, key=lambda view: (view.created_at, view.name))),
            routes=routing.view,
            problems=tuple(problems),
            actions=actions,
        )

    def _spec_problems(self, rollout: Rollout) -> list[Problem]:
        found = [Problem(reasons.INVALID_SPEC, str(p)) for p in spec_problems(rollout.spec)]
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
        routing = self._routing.get(key)
        if routing is None or routing.pair is None:
            return None
        traffic, run = status.traffic, status.run
        canary = run.to_revision if run else (traffic.canary if traffic else None)
        since = traffic.canary_since if traffic and run and traffic.canary == canary else None
        subjects = [
            Subject(*key, revision or "", target.host, target.subset, moment)
            for target, revision, moment in (
                (routing.pair.stable, status.stable_revision, None),
                (routing.pair.canary, canary, since),
            )
        ]
        owned = [view_of(body) for body in self.replica_sets if owned_by(body, rollout.uid)]
        names = tuple(sorted({view.name for view in owned if view is not None}))
        return Arms(*key, names, subjects[0], subjects[1])

    # ------------------------------------------------------------------ doing

    async def apply(self, rollout: Rollout, effect: Effect) -> None:
        """One request with a precondition; the answer goes into the store at once."""
        key = (rollout.namespace, rollout.name)
        match effect:
            case CreateReplicaSet():
                await self._create(rollout, effect)
            case ScaleReplicaSet():
                await self._scale(rollout, effect)
            case DeleteReplicaSet():
                await self._delete(rollout, effect)
            case SetWeight(virtual_service=name, weight=weight):
                await self._change(routes.weight_change(key[0], name, self._routing[key], weight))
            case PointDestination(destination=destination, revision=revision):
                change = routes.destination_change(
                    rollout, self._routing[key], destination, revision
                )
                await self._change(change)
            case AnswerAction():
                await self._answer(rollout.namespace, effect)

    async def _create(self, rollout: Rollout, effect: CreateReplicaSet) -> None:
        await self._still_there(rollout)
        body = replica_set_body(rollout, effect.revision, effect.replicas)
        try:
            answer: Body = await self._api.request(
                "POST", REPLICA_SETS.path(rollout.namespace), body=body
            )
        except ApiRefused as refusal:
            self._templates.refused(rollout, effect.revision, str(refusal))
            raise
        except Conflict:
            answer = await self._found(rollout, str(body["metadata"]["name"]))
        self.replica_sets.put(answer)

    async def _still_there(self, rollout: Rollout) -> None:
        """Ask the API server itself before pods are made: a watch may have lost the deletion.

        Without this, pods of a Rollout that is gone would be made and collected without end.
        """
        key = (rollout.namespace, rollout.name)
        try:
            body = await self._api.request("GET", ROLLOUTS.path(*key))
        except Gone:
            self.rollouts.pop(key, None)
            raise
        if uid_of(body) != rollout.uid:
            self.put_rollout(body)
            raise Conflict(f"Rollout {key[0]}/{key[1]} was made anew")

    async def _found(self, rollout: Rollout, name: str) -> Body:
        """The ReplicaSet that is there already: unseen so far (a lost answer, a lagging watch)."""
        path = REPLICA_SETS.path(rollout.namespace, name)
        answer = await self._api.request("GET", path)
        if answer["metadata"].get("deletionTimestamp"):
            raise ApiUnavailable(f"ReplicaSet {rollout.namespace}/{name} is being deleted", 2.0)
        if not owned_by(answer, rollout.uid):
            raise ApiRefused(
                f"ReplicaSet {rollout.namespace}/{name} exists and is not this Rollout's; "
                "delete it, or rename the Rollout"
            )
        return answer

    async def _scale(self, rollout: Rollout, effect: ScaleReplicaSet) -> None:
        key = (rollout.namespace, effect.replica_set)
        known = self.replica_sets.get(key)
        if known is None:
            raise Gone(f"ReplicaSet {key[0]}/{key[1]} is gone")
        patch: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": effect.uid},
            {"op": "test", "path": "/metadata/resourceVersion", "value": version_of(known)},
            {"op": "add", "path": "/spec/replicas", "value": effect.replicas},
        ]
        path = REPLICA_SETS.path(*key)
        answer = await self._patch(path, patch, version_of(known), self.replica_sets.learn)
        self.replica_sets.put(answer)

    async def _delete(self, rollout: Rollout, effect: DeleteReplicaSet) -> None:
        key = (rollout.namespace, effect.replica_set)
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": effect.uid},
            "propagationPolicy": "Background",
        }
        with suppress(Gone):  # what was wanted
            await self._api.request("DELETE", REPLICA_SETS.path(*key), body=body)
        self.replica_sets.drop(key)

    async def _change(self, change: routes.Change) -> None:
        watched = self._watched[change.resource]
        path = change.resource.path(*change.key)
        version = str(change.patch[0]["value"])
        watched.put(await self._patch(path, change.patch, version, watched.learn))

    async def _patch(
        self,
        path: str,
        patch: list[dict[str, Any]],
        version: str,
        learn: Callable[[Body], None],
    ) -> dict[str, Any]:
        """Send a JSON Patch; a failed `test` is told from a refusal by reading the object anew.

        The API server answers 422 to both; only if the version moved on is it a conflict.
        """
        try:
            return await self._api.request("PATCH", path, body=patch, content_type=JSON_PATCH)
        except (ApiRefused, Conflict) as refusal:
            fresh = await self._api.request("GET", path)
            learn(fresh)
            if isinstance(refusal, Conflict) or version_of(fresh) != version:
                raise Conflict(str(refusal)) from refusal
            raise

    async def _answer(self, namespace: str, effect: AnswerAction) -> None:
        """Write the answer; the uid is the precondition, for nobody else writes this status."""
        key = (namespace, effect.name)
        status = {
            "result": effect.result,
            "message": effect.message,
            "handledAt": format_timestamp(effect.at),
        }
        body = {"metadata": {"uid": effect.uid}, "status": status}
        path = ROLLOUT_ACTIONS.path(*key, "status")
        with suppress(Gone, Conflict):  # deleted, or another one of that name: nobody to answer
            await self._api.request("PATCH", path, body=body, content_type=MERGE_PATCH)
        self.actions.pop(key, None)
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
            self.rollouts.pop(key, None)
            raise
        self.put_rollout(answer)
        return version_of(answer)

    def put_rollout(self, body: Body) -> bool:
        """Take over a Rollout as the API server has it, unless it is older than what we have."""
        if not newer(self.rollouts.get(key_of(body)), body):
            return False
        meta = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
        self.rollouts[key_of(body)] = {**body, "metadata": meta}
        return True
