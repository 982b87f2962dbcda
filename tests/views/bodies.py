"""Rollouts and statuses for the tests of views and of the command line."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate.api.rollout import Rollout
from tidegate.api.scalars import format_timestamp

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
GENERATION = 4


def ago(seconds: float) -> str:
    """A time that many seconds before NOW, as the API server holds it."""
    return format_timestamp(NOW - timedelta(seconds=seconds))


def body(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A Rollout with two guards and three phases, in generation 4."""
    return {
        "apiVersion": "tidegate.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "uid-1",
            "generation": GENERATION,
            "resourceVersion": "100",
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}},
            "metrics": [
                {"name": "error-rate", "template": "istio-error-rate"},
                {"name": "latency", "query": "up", "unit": "seconds"},
            ],
            "guards": [{"metric": "error-rate", "max": 0.05, "interval": "1s"}],
            "phases": [
                {"name": "canary-10", "weight": 10, "hold": "30s"},
                {
                    "name": "half",
                    "weight": 50,
                    "hold": "1m",
                    "gates": [
                        {"metric": "error-rate", "max": 0.01, "for": "20s", "minSamples": 100},
                        {"metric": "latency", "max": 0.25},
                    ],
                },
                {"name": "all", "weight": 100, "hold": "15s"},
            ],
        }
        | spec,
        "status": {"observedGeneration": GENERATION} | (status or {}),
    }


def rollout(**spec: Any) -> Rollout:
    """The same, parsed."""
    return Rollout.parse(body(**spec))


RUN: dict[str, Any] = {
    "number": 3,
    "from": "7d4f9c",
    "to": "a91c02",
    "startedAt": ago(72),
    "stage": "Phase",
    "history": [
        {"at": ago(100 - i), "what": "half", "reason": "PhaseStarted", "message": f"entry {i}"}
        for i in range(7)
    ],
}

IN_PHASE: dict[str, Any] = {
    "state": "Progressing",
    "message": "phase half: holding 50 % until 12:00:42 UTC",
    "stableRevision": "7d4f9c",
    "canaryRevision": "a91c02",
    "weight": 50,
    "ready": "4/4",
    "gatesSummary": "2/3",
    "phase": {"index": 1, "name": "half", "enteredAt": ago(20), "startedAt": ago(18)},
    "run": RUN,
    "lastRun": {
        "number": 2,
        "from": "7d4f9c",
        "to": "bad001",
        "outcome": "Reverted",
        "reason": "GuardBreached",
        "message": "guard error-rate is 0.31",
        "startedAt": ago(5000),
        "finishedAt": ago(4900),
        "history": [],
    },
    "checks": [
        {
            "id": "guard/0",
            "kind": "guard",
            "metric": "error-rate",
            "verdict": "pass",
            "value": 0.0012,
            "bound": "<= 0.05",
            "samples": 8400,
            "measuredAt": ago(1),
            "passingSince": ago(60),
        },
        {
            "id": "gate/1/0",
            "kind": "gate",
            "metric": "error-rate",
            "verdict": "undecided",
            "value": 0.0012,
            "bound": "<= 0.01",
            "samples": 40,
            "measuredAt": ago(1),
        },
        {
            "id": "gate/1/1",
            "kind": "gate",
            "metric": "latency",
            "verdict": "pass",
            "value": 0.21337,
            "bound": "<= 0.25",
            "measuredAt": ago(4),
        },
    ],
    "traffic": {
        "weight": 50,
        "weightSince": ago(20),
        "stable": "7d4f9c",
        "canary": "a91c02",
        "converged": True,
    },
    "conditions": [
        {
            "type": "Ready",
            "status": "Unknown",
            "reason": "WaitingForHold",
            "lastTransitionTime": ago(72),
        }
    ],
}

AT_REST: dict[str, Any] = {
    "state": "Healthy",
    "message": "revision 7d4f9c serves all traffic",
    "stableRevision": "7d4f9c",
    "ready": "4/4",
    "traffic": {
        "weight": 0,
        "weightSince": ago(500),
        "stable": "7d4f9c",
        "canary": "7d4f9c",
    },
}

REVERTED: dict[str, Any] = AT_REST | {
    "state": "Reverted",
    "message": "revision a91c02 was sent back: guard error-rate is 0.31, must be <= 0.05",
    "revertedRevision": "a91c02",
}
