"""I18: the operator stays where it is asked to be, and no Secret comes out."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.observer.happenings import WRITES, Change, Write
from tests.observer.world import World

OWN_NAMESPACE = "tidegate-system"
WRITTEN = frozenset(
    {"rollouts", "rolloutruns", "rolloutactions", "virtualservices", "destinationrules"}
    | {"httproutes"}
    | {"services", "replicasets", "deployments", "leases", "events"}
)
OF_THE_CLUSTER = frozenset({("rolloutpolicies", "status")})
"""What it writes that belongs to no namespace, with the only part that it may write of it."""
OF_HOOKS = frozenset({("jobs", "create"), ("jobs", "delete")})
"""What it does with the Jobs of hooks; it changes none."""
STRANGER = "no Rollout is or was in that namespace"
"""What is said of a write; it falls when a watch that lags behind the audit log tells of one."""
REVIEWS = frozenset({"selfsubjectaccessreviews", "selfsubjectrulesreviews"})
"""Questions about one's own rights, which are sent as creations and store nothing."""


def writes_stay_in_scope(write: Write, world: World) -> Iterator[str]:
    """I18: the operator writes only kinds that are its business, in namespaces that have a Rollout
    (its Lease in its own), and of policies the status; of Secrets it gets those that a Rollout
    names, one by one, and asks for no other, in whatever way, granted or not.
    """
    if not write.by_operator:
        return
    named = (write.namespace, write.name) in world.memory.named_secrets
    if write.plural == "secrets" and not (write.verb == "get" and named):
        yield f"{write.verb} {write.target} was asked for (HTTP {write.code})"
    if write.verb not in WRITES or write.plural in REVIEWS:
        return
    if (write.plural, write.subresource) in OF_THE_CLUSTER:
        return
    if write.plural not in WRITTEN and (write.plural, write.verb) not in OF_HOOKS:
        yield f"{write.verb} {write.target}: this kind is not the operator's business"
    at_home = write.plural == "leases" and write.namespace == OWN_NAMESPACE
    if not at_home and write.namespace not in world.memory.namespaces:
        yield f"{write.verb} {write.target}: {STRANGER}"


def no_secret_comes_out(change: Change, world: World) -> Iterator[str]:
    """I18: no value of a Secret stands in a status, an Event or a record that was written."""
    if change.kind not in ("Rollout", "RolloutRun", "RolloutAction", "Event"):
        return
    if not change.by_operator or change.after is None:
        return
    shown = {k: v for k, v in change.after.items() if k not in ("spec", "metadata")}
    text = json.dumps(shown)
    for key, values in world.memory.secrets.items():
        if any(value in text for value in values):
            yield f"{change.kind} {'/'.join(change.key)} shows a value of Secret {'/'.join(key)}"
