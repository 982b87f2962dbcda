"""Bodies of objects as the API server sends them."""

from __future__ import annotations

import copy
from typing import Any, TypeAlias

from tidegate.api.constants import LABEL_REVISION
from tidegate.api.rollout import Rollout

Object: TypeAlias = dict[str, Any]

ROLLOUTS = "/apis/tidegate.io/v1alpha1/namespaces/shop/rollouts"
RUNS = "/apis/tidegate.io/v1alpha1/namespaces/shop/rolloutruns"
ACTIONS = "/apis/tidegate.io/v1alpha1/namespaces/shop/rolloutactions"
SETS = "/apis/apps/v1/namespaces/shop/replicasets"

SPEC: Object = {
    "replicas": 4,
    "selector": {"matchLabels": {"app": "web"}},
    "template": {
        "metadata": {"labels": {"app": "web", "team": "a"}, "annotations": {"note": "kept"}},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    },
    "traffic": {
        "istio": {
            "virtualServices": [{"name": "web", "routes": ["primary"]}],
            "destinationRule": {"name": "web"},
        }
    },
}


def rollout_body(
    name: str = "web",
    *,
    uid: str = "u1",
    version: str = "1",
    created: str = "2026-01-01T00:00:00Z",
    **spec: Any,
) -> Object:
    """A Rollout's body."""
    return {
        "apiVersion": "tidegate.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": uid,
            "resourceVersion": version,
            "generation": 1,
            "creationTimestamp": created,
        },
        "spec": {**copy.deepcopy(SPEC), **spec},
    }


def rollout(**fields: Any) -> Rollout:
    """A Rollout as the controller reads it."""
    return Rollout.parse(rollout_body(**fields))


def replica_set(
    name: str = "web-abc",
    *,
    uid: str = "rs1",
    version: str = "5",
    owner: str = "u1",
    replicas: int = 3,
    ready: int = 3,
    **meta: Any,
) -> Object:
    """A ReplicaSet's body."""
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": uid,
            "resourceVersion": version,
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {LABEL_REVISION: name.rsplit("-", 1)[-1]},
            "ownerReferences": [
                {"kind": "Rollout", "name": "web", "uid": owner, "controller": True}
            ],
            **meta,
        },
        "spec": {"replicas": replicas},
        "status": {"readyReplicas": ready, "observedGeneration": 1},
    }
