"""One Rollout's cluster: what core observes, and its effects as single conditional requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
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
    version_of,
)
from tidegate.adapters.kubernetes.runs import RunJournal
from tidegate.adapters.kubernetes.store import Store, newer
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
from tidegate.ports.cluster import ApiRefused, Conflict, Gone
from tidegate.ports.metrics import Arms, Subject


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
        self._tried_templates: dict[Key, tuple[str, Problem | None]] = {}
        self._journal = RunJournal(api)

    def close(self) -> None:
        """Stop watching users' objects."""
        for watched in self._watched.values():
            watched.close()

    def forget(self, key: Key) -> None:
        """A Rollout is gone."""
        self._routing.pop(key, None)
        self._tried_templates.pop(key, None)
        self._journal.forget(key)
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
        if not problems and all(view.name != target for view in views):
            problems += await self._template_problems(rollout, target)
        return Observed(
            target=target,
            revisions=tuple(sorted(views, key=lambda view: (view.created_at, view.name))),
            routes=routing.view,
            problems=tuple(problems),
            actions=self._pending_actions(rollout),
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

    async def _template_problems(self, rollout: Rollout, target: str) -> list[Problem]:
        """What the API server says of the template, asked by a dry run, once a revision."""
        key = (rollout.namespace, rollout.name)
        tried = self._tried_templates.get(key)
        if tried is None or tried[0] != target:
            tried = (target, await self._try_template(rollout, target))
            self._tried_templates[key] = tried
        return [tried[1]] if tried[1] is not None else []

    async def _try_template(self, rollout: Rollout, target: str) -> Problem | None:
        body = replica_set_body(rollout, target, 0)
        try:
            await self._api.request(
                "POST", REPLICA_SETS.path(rollout.namespace), query={"dryRun": "All"}, body=body
            )
        except ApiRefused as error:
            return Problem(reasons.TEMPLATE_REFUSED, f"spec.template is refused: {error}")
        except (Conflict, Gone):
            return None  # it exists already, or the namespace is going away
        return None

    def _pending_actions(self, rollout: Rollout) -> tuple[Action, ...]:
        found = []
        for body in self.actions.values():
            if body["metadata"].get("namespace") != rollout.namespace:
                continue
            try:
                action = Action.parse(body)
            except SpecError:
                continue  # stored before the schema refused it; nobody can act on it
            if action.rollout == rollout.name and not action.done:
                found.append(action)
        return tuple(found)

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
                await self._answer(rollout, effect)

    async def _create(self, rollout: Rollout, effect: CreateReplicaSet) -> None:
        body = replica_set_body(rollout, effect.revision, effect.replicas)
        try:
            answer = await self._api.request(
                "POST", REPLICA_SETS.path(rollout.namespace), body=body
            )
        except Conflict:
            # Its creation was not seen yet (a lost answer, a lagging watch): take it as it is.
            path = REPLICA_SETS.path(rollout.namespace, body["metadata"]["name"])
            answer = await self._api.request("GET", path)
            if not owned_by(answer, rollout.uid):
                name = body["metadata"]["name"]
                raise ApiRefused(
                    f"ReplicaSet {rollout.namespace}/{name} exists and is not this Rollout's; "
                    "delete it, or rename the Rollout"
                ) from None
        self.replica_sets.put(answer)

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
        answer = await self._patch(path, patch, version_of(known), self.replica_sets.put)
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
        watched.put(await self._patch(path, change.patch, version, watched.put))

    async def _patch(
        self,
        path: str,
        patch: list[dict[str, Any]],
        version: str,
        put: Callable[[Body], None],
    ) -> dict[str, Any]:
        """Send a JSON Patch; a failed `test` is told from a refusal by reading the object anew.

        The API server answers 422 to both; only if the version moved on is it a conflict.
        """
        try:
            return await self._api.request("PATCH", path, body=patch, content_type=JSON_PATCH)
        except (ApiRefused, Conflict) as refusal:
            fresh = await self._api.request("GET", path)
            put(fresh)
            if isinstance(refusal, Conflict) or version_of(fresh) != version:
                raise Conflict(str(refusal)) from refusal
            raise

    async def _answer(self, rollout: Rollout, effect: AnswerAction) -> None:
        key = (rollout.namespace, effect.name)
        known = self.actions.get(key)
        status = {
            "result": effect.result,
            "message": effect.message,
            "handledAt": format_timestamp(effect.at),
        }
        if known is None:
            return
        body = {"metadata": {"uid": effect.uid, "resourceVersion": version_of(known)}}
        path = ROLLOUT_ACTIONS.path(*key, "status")
        try:
            answer = await self._api.request(
                "PATCH", path, body={**body, "status": status}, content_type=MERGE_PATCH
            )
        except Gone:
            self.actions.pop(key, None)
            return
        self.actions[key] = answer

    async def write_status(self, key: Key, status: RolloutStatus) -> str:
        """Store the status if the Rollout is still the one that was decided on."""
        known = self.rollouts.get(key)
        if known is None:
            raise Gone(f"Rollout {key[0]}/{key[1]} is gone")
        body = {**known, "status": status.model_dump(mode="json", by_alias=True, exclude_none=True)}
        try:
            answer = await self._api.request("PUT", ROLLOUTS.path(*key, "status"), body=body)
        except Conflict:
            fresh = await self._api.request("GET", ROLLOUTS.path(*key))
            self.put_rollout(fresh)
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

    async def write_run(self, rollout: Rollout, status: RolloutStatus) -> None:
        """Bring the journal up to date; see `runs`."""
        await self._journal.write(rollout, status)
