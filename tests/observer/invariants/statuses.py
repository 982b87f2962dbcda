"""I17 and I20: the status agrees with the world, and nothing grows without a bound."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.observer.happenings import Body, Change, part
from tests.observer.routes import claim_of
from tests.observer.world import LOOK_BACK_S, World

STATUS_BYTES_MAX = 128 * 1024
HISTORY_MAX = 64
WRITES_PER_PHASE = 12
WRITES_BESIDE = 60
"""Start, promotion, the way home, draining, events and the RolloutRun, with room for drift."""
WRITES_PER_S = 3.0
"""While a run lasts: numbers are refreshed every 10 s, what flips is written at once."""


def status_speaks_of_the_present(change: Change, world: World) -> Iterator[str]:
    """I17: `observedGeneration` is never ahead; `Healthy` is said only when the routes are at rest:
    the canary's weight is 0 and both destinations select stable.
    """
    if change.kind != "Rollout" or change.after is None:
        return
    told = part(change.after, "status", "observedGeneration") or 0
    if told > (part(change.after, "metadata", "generation") or 0):
        yield f"observedGeneration {told} is ahead of the generation"
    if not change.by_operator or part(change.before, "status") == part(change.after, "status"):
        return
    if part(change.after, "status", "state") == "Healthy":
        yield from _not_at_rest(change.after, change.at_s, world)


def _not_at_rest(rollout: Body, now_s: float, world: World) -> Iterator[str]:
    claim = claim_of(rollout)
    if claim is None:
        return
    if world.memory.touched_s.get(claim.namespace, 0.0) > now_s - LOOK_BACK_S:
        return  # somebody else changed routes or destinations a moment ago
    stable = part(rollout, "status", "stableRevision")
    for revision, share in world.carried(claim).items():
        if revision != stable:
            yield f"Healthy is said while revision {revision} carries {share} %"
    canary = world.revision_at(claim, "canary")
    if canary != stable:
        yield f"Healthy is said while the canary destination selects {canary}"


def statuses_stay_small(change: Change, _world: World) -> Iterator[str]:
    """I20: a status has at most STATUS_BYTES_MAX bytes, a journal HISTORY_MAX entries."""
    if change.kind not in ("Rollout", "RolloutRun") or change.after is None:
        return
    status = change.after.get("status")
    size = len(json.dumps(status)) if status else 0
    if size > STATUS_BYTES_MAX:
        yield f"the status has {size} bytes"
    for holder in ("run", "lastRun"):
        entries = part(change.after, "status", holder, "history") or ()
        if len(entries) > HISTORY_MAX:
            yield f"the journal has {len(entries)} entries"


def writes_are_bounded(change: Change, world: World) -> Iterator[str]:
    """I20: a run costs a bounded number of writes in its namespace, by phases and by time.

    Asked when a run ends. What others write there is paid for, too: each may need an answer.
    """
    if change.kind != "Rollout" or not change.step:
        return
    old, new = (part(body, "status", "run", "number") for body in (change.before, change.after))
    spent = world.memory.spent.get(change.key[0])
    if old is None or old == new or spent is None:
        return
    phases = len(part(change.after, "spec", "phases") or ())
    rollouts = len(world.within(change.key[0], "Rollout"))
    lasted_s = change.at_s - spent.since_s
    allowed = rollouts * (WRITES_PER_PHASE * (phases + 2) + WRITES_BESIDE)
    allowed += int(lasted_s * WRITES_PER_S) + WRITES_PER_PHASE * spent.foreign
    if spent.writes > allowed:
        yield f"run {old} took {spent.writes} writes in {lasted_s:.0f} s, {allowed} are allowed"
