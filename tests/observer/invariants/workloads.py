"""I2 and I3 for a Deployment that is taken over: its pods go for ours, and ours for its own."""

from __future__ import annotations

from collections.abc import Iterator

from tests.observer.happenings import Body, Change, Key, key_of, part
from tests.observer.routes import DESTINATIONS, PODS, claim_of
from tests.observer.world import World, full_size


def taken_by(world: World, key: Key) -> list[Body]:
    """The Rollouts that name that Deployment."""
    return [
        rollout
        for rollout in world.within(key[0], "Rollout")
        if (key_of(rollout)[0], part(rollout, "spec", "workloadRef", "name")) == key
    ]


def its_pods_go_for_ours(change: Change, world: World) -> Iterator[str]:
    """I3: the operator takes pods from a Deployment only while the stable destination selects as
    many ready pods of a revision as the Rollout wants, and never while it is being deleted.
    """
    if change.kind != "Deployment" or not (change.by_operator and change.step):
        return
    before, after = (_size(body) for body in (change.before, change.after))
    for rollout in taken_by(world, change.key) if after < before else ():
        if part(rollout, "metadata", "deletionTimestamp"):
            yield f"Deployment {change.key[1]} goes to {after} pods while it is given back"
        claim = claim_of(rollout)
        if claim is None:
            continue
        known = world.revisions_known_at(claim, "stable")
        ready = max((world.ready_lately(rollout, r, change.at_s) for r in known), default=0)
        if ready < min(before, full_size(rollout)):
            yield f"Deployment {change.key[1]} goes to {after} pods with {ready} ready ones of ours"


def its_pods_serve_before_ours_go(change: Change, world: World) -> Iterator[str]:
    """I2: no destination is pointed at the pods of a Deployment that has none ready."""
    if change.kind not in DESTINATIONS or not (change.by_operator and change.step):
        return
    new = _labels(change.after) - _labels(change.before)
    for rollout, _ in world.claims_on(change.kind, change.key) if new else ():
        name = str(part(rollout, "spec", "workloadRef", "name"))
        workload = world.get("Deployment", (change.key[0], name))
        if not part(workload, "status", "readyReplicas"):
            yield f"a destination selects the pods of Deployment {name}, of which none is ready"


def _labels(body: Body | None) -> set[str]:
    """What tells a Deployment's pods, in whatever selector of the object."""
    selectors = [part(body, "spec", "selector") or {}]
    selectors += [subset.get("labels") or {} for subset in part(body, "spec", "subsets") or ()]
    return {str(selector[PODS]) for selector in selectors if PODS in selector}


def _size(body: Body | None) -> int:
    found = part(body, "spec", "replicas")
    return 1 if found is None else int(found)
