"""What scenarios look at: weights, pods by revision, selectors, and how runs were recorded."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from demo.manifests import App, Object, Shop
from demo.stage import ROLLOUTS, Stage
from sandbox.waiting import wait_until
from tidegate.api.constants import LABEL_REVISION

RECORD_S = 60.0
"""A RolloutRun is written beside the loop: so long it may take."""

NEVER = {"sandbox.tidegate.io/ready": "never"}
SLOW = {"sandbox.tidegate.io/ready-delay": "3s"}
"""What a simulated pod is told by its annotations."""


def weights(stage: Stage, shop: Shop, name: str = "") -> list[int]:
    """Stable's and the canary's weight in the managed route of that VirtualService."""
    found = stage.cluster.get("virtualservice", name or shop.name, "-n", shop.namespace)
    managed = [r for r in found["spec"]["http"] if r.get("name", "primary") == "primary"]
    return [entry.get("weight", 0) for entry in managed[0]["route"]]


def sizes(stage: Stage, shop: Shop) -> dict[str, tuple[int, int]]:
    """Pods wanted and pods ready, by revision; a ReplicaSet that wants none is left out."""
    found: dict[str, tuple[int, int]] = {}
    for body in stage.cluster.get("replicasets", "-n", shop.namespace)["items"]:
        wanted = body["spec"]["replicas"]
        if wanted:
            ready = body.get("status", {}).get("readyReplicas", 0)
            found[body["metadata"]["labels"][LABEL_REVISION]] = (wanted, ready)
    return found


def revisions(stage: Stage, shop: Shop) -> set[str]:
    """Every revision that has a ReplicaSet, empty ones included."""
    found = stage.cluster.get("replicasets", "-n", shop.namespace)["items"]
    return {body["metadata"]["labels"][LABEL_REVISION] for body in found}


def pods_of(stage: Stage, shop: Shop, revision: str) -> list[str]:
    """Names of the pods of a revision that are not on their way out."""
    label = f"{LABEL_REVISION}={revision}"
    found = stage.cluster.get("pods", "-n", shop.namespace, "-l", label)["items"]
    return [p["metadata"]["name"] for p in found if "deletionTimestamp" not in p["metadata"]]


def selected(stage: Stage, shop: Shop, name: str) -> str | None:
    """The revision that a Service selects, or None when it selects any."""
    selector = stage.cluster.get("service", name, "-n", shop.namespace)["spec"]["selector"]
    found: str | None = selector.get(LABEL_REVISION)
    return found


def annotated(shop: Shop, version: str, annotations: dict[str, str]) -> Object:
    """The Rollout of that version, with these annotations on its pods."""
    body = shop.rollout(App(version))
    body["spec"]["template"]["metadata"]["annotations"] |= annotations
    return body


def patched(stage: Stage, shop: Shop, spec: dict[str, Any]) -> None:
    """A merge patch of the Rollout's spec, as `kubectl patch` sends it."""
    place = (ROLLOUTS, shop.name, "-n", shop.namespace)
    stage.cluster.kubectl("patch", *place, "--type=merge", "-p", json.dumps({"spec": spec}))


def recorded(stage: Stage, shop: Shop, number: int, outcome: str, reason: str) -> Object:
    """The RolloutRun of that number once it says how it ended, with its beginning and its end."""
    run: Object = {}

    def ended() -> bool:
        nonlocal run
        found = stage.cluster.get("rolloutruns", "-n", shop.namespace)["items"]
        name = f"{shop.name}-{number}"
        run = next((body for body in found if body["metadata"]["name"] == name), {})
        return "finishedAt" in run.get("status", {})

    wait_until(ended, RECORD_S, f"the record of run {number}")
    assert (run["status"]["outcome"], run["status"]["reason"]) == (outcome, reason)
    began, ended_at = run["spec"]["startedAt"], run["status"]["finishedAt"]
    assert datetime.fromisoformat(began) <= datetime.fromisoformat(ended_at)
    assert run["status"]["history"][0]["reason"] == "RunStarted"
    return run


def answer_to(stage: Stage, shop: Shop, verb: str, number: int = 1) -> dict[str, Any]:
    """The newest answer to an action with that verb, once so many of them have one."""
    answers: list[dict[str, Any]] = []

    def answered() -> bool:
        nonlocal answers
        found = stage.cluster.get("rolloutactions", "-n", shop.namespace)["items"]
        mine = [body.get("status", {}) for body in found if body["spec"]["verb"] == verb]
        answers = [status for status in mine if status.get("result")]
        return len(answers) >= number

    wait_until(answered, RECORD_S, f"answer {number} to {verb}")
    return max(answers, key=lambda status: str(status["handledAt"]))
