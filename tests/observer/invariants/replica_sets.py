"""I3 and I12: pods stay while they carry traffic, and a revision has one ReplicaSet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from tests.observer.durations import duration_of
from tests.observer.happenings import Body, Change, key_of, meta, part, uid_of
from tests.observer.routes import ALL, REVISION, claim_of
from tests.observer.world import World, full_size, owner_of

DRAIN_MIN = timedelta(seconds=10)
"""What `drain.min` is where it is left out, at least."""
CLOCKS = timedelta(seconds=0.3)
"""The operator counts from when it saw a thing, the observer from when it was told."""
BESIDE_HISTORY = 3
"""ReplicaSets beside the history: stable, canary, and one that is about to be removed."""


def pods_stay_while_they_carry(change: Change, world: World) -> Iterator[str]:
    """I3: the operator takes no pods from a revision that carries traffic, nor too soon after.

    A revision with weight w keeps `ceil(w * replicas / 100)` pods and its ReplicaSet; one that had
    weight keeps its ready pods for `drain.min` after it lost the last of it. In a bake the old
    revision keeps all of them.
    """
    if change.kind != "ReplicaSet" or not change.by_operator or change.before is None:
        return
    if change.gap:
        return
    rollout = _rollout_of(change.before, world)
    before, after = _size(change.before), _size(change.after)
    if rollout is None or after >= before:
        return
    claim, revision = claim_of(rollout), _revision(change.before)
    if claim is None:
        return
    share = world.carried(claim).get(revision, 0)
    need = -(-share * full_size(rollout) // ALL)
    if share and (after < need or change.after is None):
        yield f"revision {revision} goes to {after} pods and carries {share} % ({need} needed)"
    run = part(rollout, "status", "run") or {}
    if run.get("stage") == "Baking" and run.get("from") == revision:
        yield f"revision {revision} goes to {after} pods in a bake that keeps it warm"
    yield from _too_soon(change, rollout, revision, world)


def _too_soon(change: Change, rollout: Body, revision: str, world: World) -> Iterator[str]:
    since = world.memory.let_go.get((uid_of(rollout), revision))
    if since is None or _size(change.after) or not world.ready(rollout, revision):
        return
    text = part(rollout, "spec", "drain", "min")
    least = DRAIN_MIN if text is None else duration_of(str(text))
    waited = timedelta(seconds=change.at_s - since)
    if waited < least - CLOCKS:
        yield f"revision {revision} loses its pods {waited} after its traffic, drain.min is {least}"


def one_set_a_revision(change: Change, world: World) -> Iterator[str]:
    """I12: a revision of a Rollout has one ReplicaSet, which the Rollout controls; none too many.

    The history may have `revisionHistoryLimit` empty ones; beside them are stable, canary, those
    that drain, and one that waits to be removed.
    """
    if change.kind != "ReplicaSet" or change.before is not None or change.after is None:
        return
    owner, revision = owner_of(change.after), _revision(change.after)
    if not owner:
        if change.by_operator:
            yield f"ReplicaSet {change.key[1]} has no Rollout that controls it"
        return
    others = [
        body
        for body in world.sets_of(change.key[0], owner)
        if not meta(body).get("deletionTimestamp")
    ]
    twins = [key_of(b)[1] for b in others if _revision(b) == revision]
    if twins:
        yield f"ReplicaSet {change.key[1]} is a second one of revision {revision}: {twins}"
    rollout = _rollout_of(change.after, world)
    if rollout is None:
        return
    limit = part(rollout, "spec", "revisionHistoryLimit")
    draining = len(part(rollout, "status", "draining") or ())
    most = (5 if limit is None else int(limit)) + BESIDE_HISTORY + draining
    if len(others) + 1 > most:
        yield f"{len(others) + 1} ReplicaSets, at most {most} may be"


def _rollout_of(body: Body, world: World) -> Body | None:
    owner = owner_of(body)
    there = world.within(key_of(body)[0], "Rollout") if owner else ()
    return next((r for r in there if uid_of(r) == owner), None)


def _size(body: Body | None) -> int:
    if body is None:
        return 0
    found = part(body, "spec", "replicas")
    return 1 if found is None else int(found)


def _revision(body: Body) -> str:
    return str((meta(body).get("labels") or {}).get(REVISION, ""))
