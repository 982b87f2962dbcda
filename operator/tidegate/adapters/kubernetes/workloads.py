"""The Deployments that Rollouts take over: read through a watched copy, sized by one patch.

The watch begins with the first Rollout that names a Deployment, and keeps only those that are
named: a cluster without any pays nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tidegate.adapters.kubernetes.api import Api, patched
from tidegate.adapters.kubernetes.replica_sets import owned_by, revision_of, revision_of_set
from tidegate.adapters.kubernetes.resources import (
    DEPLOYMENTS,
    REPLICA_SETS,
    Body,
    key_of,
    uid_of,
    version_of,
)
from tidegate.adapters.kubernetes.spreading import unspread
from tidegate.adapters.kubernetes.watched import Watched
from tidegate.api.constants import (
    ANNOTATION_CONTENT,
    LABEL_CANONICAL_REVISION,
    LABEL_POD_TEMPLATE_HASH,
    LABEL_REVISION,
    LABEL_ROLLOUT,
)
from tidegate.api.rollout import Rollout
from tidegate.api.validation import selects, template_labels
from tidegate.core import reasons
from tidegate.core.decision import ScaleWorkload
from tidegate.core.observation import Problem, WorkloadView
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Gone

ADDED_LABELS = (
    LABEL_ROLLOUT,
    LABEL_REVISION,
    LABEL_CANONICAL_REVISION,
    LABEL_POD_TEMPLATE_HASH,
)
"""Labels that we, or the Deployment's controller, add to a template in a ReplicaSet."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The Deployment that one Rollout names, as it was read; all empty where it names none."""

    body: Body | None = None
    view: WorkloadView | None = None
    missing: bool = False
    problems: tuple[Problem, ...] = ()


class Workloads:
    """Reads and sizes Deployments."""

    def __init__(self, api: Api, watched: Watched) -> None:
        self._api = api
        self._watched = watched

    async def read(self, rollout: Rollout) -> Workload:
        """What the Rollout's `workloadRef` names, or the problem with it.

        Raises ApiUnavailable and ApiRefused when a Deployment that is given back has pods that
        cannot be told apart now.
        """
        ref = rollout.spec.workload_ref
        if ref is None or ref.kind != DEPLOYMENTS.kind:
            return Workload()
        name = f"Deployment {rollout.namespace}/{ref.name}"
        try:
            user = (rollout.namespace, rollout.name)
            body = await self._watched.get((rollout.namespace, ref.name), user)
        except (ApiUnavailable, ApiRefused, Gone) as error:
            problem = Problem(reasons.WORKLOAD_NOT_FOUND, f"{name} cannot be read: {error}")
            return Workload(problems=(problem,))
        if body is None or body["metadata"].get("deletionTimestamp"):
            message = (
                f"spec.workloadRef: {name} not found; create it again, or delete the Rollout. "
                "Until then pods and traffic stay as they are"
            )
            problem = Problem(reasons.WORKLOAD_NOT_FOUND, message)
            return Workload(missing=True, problems=(problem,))
        view = _view_of(body)
        if rollout.deleting:
            view = await self._told_apart(body, view)
        return Workload(body, view, problems=_selector_problems(rollout, body))

    async def _told_apart(self, body: Body, view: WorkloadView) -> WorkloadView:
        """The view with the label that only the Deployment's present pods carry."""
        labels = (body["spec"].get("selector") or {}).get("matchLabels") or {}
        query = {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())}
        path, bare = REPLICA_SETS.path(key_of(body)[0]), _bare(template_of(body))
        page = await self._api.request("GET", path, query=query if labels else {})
        for found in page.get("items", ()):
            if owned_by(found, uid_of(body)) and _bare(template_of(found)) == bare:
                label = (found["metadata"].get("labels") or {}).get(LABEL_POD_TEMPLATE_HASH, "")
                return replace(view, pods_label=str(label), labelled_ready=_ready(found))
        return view

    async def scale(self, effect: ScaleWorkload, known: Body | None) -> None:
        """Set its size, if it is as it was read. Raises Gone when there was none."""
        if known is None:
            raise Gone(f"Deployment {effect.name} was not read")
        patch: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": version_of(known)},
            {"op": "test", "path": "/metadata/uid", "value": effect.uid},
            {"op": "add", "path": "/spec/replicas", "value": effect.replicas},
        ]
        path = DEPLOYMENTS.path(*key_of(known))
        self._watched.put(await patched(self._api, path, patch, self._watched.learn))


def with_template(rollout: Rollout, workload: Workload) -> Rollout:
    """The Rollout with the Deployment's template as its own; itself where it has one."""
    if workload.body is None:
        return rollout
    spec = rollout.spec.model_copy(update={"template": template_of(workload.body)})
    return replace(rollout, spec=spec)


def template_of(body: Body) -> dict[str, Any]:
    """The pod template of a Deployment or ReplicaSet, without what is there but empty."""
    template = dict(body["spec"].get("template") or {})
    meta = dict(template.get("metadata") or {})
    template["metadata"] = {key: value for key, value in meta.items() if value is not None}
    return template


def target_of(template: Mapping[str, Any], owned: Iterable[Body]) -> str:
    """The revision of a Deployment's template.

    An API server that is upgraded may fill in fields that it did not know before, in Deployments
    and ReplicaSets alike. So the template is compared first with those of our ReplicaSets as the
    same API server gives them: an upgrade must start no release.
    """
    bare = _bare(template)
    same = {revision_of_set(known) for known in owned if _bare(template_of(known)) == bare}
    hashed = revision_of(template)
    return min(same - {""}, key=lambda name: (name != hashed, name), default=hashed)


def same_pods(template: Mapping[str, Any], body: Body) -> bool:
    """Whether a ReplicaSet has that template, whatever content was digested beside it."""
    return _without_content(_bare(template)) == _without_content(_bare(template_of(body)))


def _without_content(bare: Mapping[str, Any]) -> dict[str, Any]:
    notes = bare["metadata"].get("annotations") or {}
    rest = {key: value for key, value in notes.items() if key != ANNOTATION_CONTENT}
    meta = {key: value for key, value in bare["metadata"].items() if key != "annotations"}
    return {**bare, "metadata": {**meta, **({"annotations": rest} if rest else {})}}


def _bare(template: Mapping[str, Any]) -> dict[str, Any]:
    """A template as its author wrote it, whoever made a ReplicaSet of it."""
    template = unspread(template)
    meta: dict[str, Any] = dict(template["metadata"])
    labels = meta.pop("labels", None) or {}
    meta["labels"] = {key: value for key, value in labels.items() if key not in ADDED_LABELS}
    return {**template, "metadata": meta}


def _view_of(body: Body) -> WorkloadView:
    replicas = int(body["spec"].get("replicas", 1))
    return WorkloadView(str(body["metadata"]["name"]), uid_of(body), replicas)


def _ready(body: Body) -> int:
    """Ready pods; those that are surplus by its present size are about to go."""
    ready = int((body.get("status") or {}).get("readyReplicas") or 0)
    return min(ready, int(body["spec"].get("replicas", 1)))


def _selector_problems(rollout: Rollout, body: Body) -> tuple[Problem, ...]:
    if selects(rollout.spec.selector, template_labels(template_of(body))):
        return ()
    message = (
        f"spec.selector: must match the labels of the pod template of Deployment "
        f"{body['metadata']['name']}, or no pod would be found"
    )
    return (Problem(reasons.INVALID_SPEC, message),)
