"""Revisions as ReplicaSets: their names, bodies and what they say of their pods."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tidegate.adapters.kubernetes.resources import REPLICA_SETS, ROLLOUTS, Body, uid_of
from tidegate.adapters.kubernetes.spreading import spread, unspread
from tidegate.api.constants import (
    ANNOTATION_EPOCH,
    ANNOTATION_VARIANT,
    LABEL_CANONICAL_REVISION,
    LABEL_REVISION,
    LABEL_ROLLOUT,
)
from tidegate.api.rollout import Rollout
from tidegate.core.observation import RevisionView

REVISION_CHARS = 10
LABEL_VALUE_CHARS_MAX = 63
LABELS_ADDED = frozenset({LABEL_ROLLOUT, LABEL_REVISION, LABEL_CANONICAL_REVISION})
"""What is added to a user's template, and nothing else but what `spec.antiAffinity` asks for."""


def revision_of(template: Mapping[str, Any]) -> str:
    """The revision's name: the first 10 hex digits of SHA-256 over the template's canonical JSON.

    The template is taken as the API server stored it, keys sorted, no spaces: two spellings of
    one document are one revision, and no upgrade of ours or of a client library makes another.
    """
    return _digest(template)[:REVISION_CHARS]


def _digest(template: Mapping[str, Any]) -> str:
    canonical = json.dumps(template, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def spelling_of_set(body: Body) -> str:
    """A digest of a ReplicaSet's template as the API server tells it, without what we added.

    Two that are equal make the same pods, however their Rollouts were written; "" without any.
    """
    template = unspread(body.get("spec", {}).get("template") or {})
    if not template:
        return ""
    meta = template.get("metadata") or {}
    labels = {k: v for k, v in (meta.get("labels") or {}).items() if k not in LABELS_ADDED}
    return _digest({**template, "metadata": {**meta, "labels": labels}})


def rollout_label(rollout: Rollout) -> str:
    """The Rollout's name as a label value."""
    return label_of_rollout(rollout.name)


def label_of_rollout(name: str) -> str:
    """A Rollout's name as a label value, cut where Kubernetes wants it cut."""
    return name[:LABEL_VALUE_CHARS_MAX].rstrip("-.")


def owner_reference(rollout: Rollout) -> dict[str, Any]:
    """The ownerReference that makes an object go with its Rollout."""
    return {
        "apiVersion": ROLLOUTS.api_version,
        "kind": ROLLOUTS.kind,
        "name": rollout.name,
        "uid": rollout.uid,
        "controller": True,
    }


def replica_set_body(
    rollout: Rollout, revision: str, replicas: int, epoch: int = 0, variant: str = ""
) -> dict[str, Any]:
    """The ReplicaSet of the Rollout's present template, noted as a variant's if it is for one.

    Labels are added to the user's template, and a term of anti-affinity where the spec says so.
    """
    template = dict(rollout.spec.template or {})
    meta = dict(template.get("metadata") or {})
    ours = {
        LABEL_ROLLOUT: rollout_label(rollout),
        LABEL_REVISION: revision,
        LABEL_CANONICAL_REVISION: revision,
    }
    meta["labels"] = {**(meta.get("labels") or {}), **ours}
    template = spread({**template, "metadata": meta}, rollout.spec.anti_affinity)
    selector = rollout.spec.selector
    match: dict[str, Any] = {"matchLabels": {**selector.match_labels, LABEL_REVISION: revision}}
    if selector.match_expressions:
        match["matchExpressions"] = [
            expression.model_dump(mode="json", by_alias=True, exclude_none=True)
            for expression in selector.match_expressions
        ]
    epochs = {ANNOTATION_EPOCH: f"{epoch}"} if epoch else {}
    notes = epochs | ({ANNOTATION_VARIANT: variant} if variant else {})
    return {
        "apiVersion": REPLICA_SETS.api_version,
        "kind": REPLICA_SETS.kind,
        "metadata": {
            "name": f"{rollout.name}-{revision}",
            "namespace": rollout.namespace,
            "labels": meta["labels"],
            "ownerReferences": [owner_reference(rollout)],
            **({"annotations": notes} if notes else {}),
        },
        "spec": {"replicas": replicas, "selector": match, "template": template},
    }


def owned_by(body: Body, uid: str) -> bool:
    """Whether that Rollout controls the object."""
    references = body["metadata"].get("ownerReferences") or ()
    return any(ref.get("uid") == uid and ref.get("controller") for ref in references)


def revision_of_set(body: Body) -> str:
    """The revision that a ReplicaSet is of, or ""."""
    return str((body["metadata"].get("labels") or {}).get(LABEL_REVISION, ""))


def view_of(body: Body) -> RevisionView | None:
    """A ReplicaSet as core reads it; None while it is being deleted or is not of a revision.

    Until its controller has seen the present spec, its numbers speak of an older one; pods that
    are surplus by then are not counted as ready.
    """
    meta, spec = body["metadata"], body.get("spec", {})
    revision = revision_of_set(body)
    if not revision or meta.get("deletionTimestamp"):
        return None
    status = body.get("status") or {}
    replicas = int(spec.get("replicas", 1))
    ready = int(status.get("readyReplicas") or 0)  # what Services and meshes send to
    if status.get("observedGeneration", 0) < meta.get("generation", 0):
        ready = min(ready, replicas)
    return RevisionView(
        name=revision,
        replica_set=str(meta["name"]),
        uid=uid_of(body),
        replicas=replicas,
        ready=ready,
        created_at=datetime.fromisoformat(meta["creationTimestamp"]),
        variant=str((meta.get("annotations") or {}).get(ANNOTATION_VARIANT, "")),
    )
