"""I4, I15 and I16: aborts reach the routes, releases end, and what is at rest is quiet."""

from __future__ import annotations

from collections.abc import Iterator

from tests.observer.happenings import Body, Change, key_of, part, uid_of
from tests.observer.invariants.raising import HEADROOM
from tests.observer.routes import REVISION, claim_of
from tests.observer.world import MATCHED, World, full_size

TAKEOVER_S = 20.0
"""Until another leader decides after one was killed: docs/design.md 5."""
TERMINAL = frozenset({"Healthy", "Reverted", "Paused", "AwaitingApproval", "Invalid"})
"""States that wait for nobody but a person."""


def aborts_reach_the_routes(change: Change, world: World) -> Iterator[str]:
    """I4: when an abort is answered Done, all traffic was sent back, and within the budget.

    The budget is `world.revert_budget_s` from when the action was first seen, and TAKEOVER_S more
    when another leader came in between. Not asked while stable has too few ready pods to take the
    traffic, nor of a bake, whose way back is a run of its own.
    """
    if change.kind != "RolloutAction" or not change.step:
        return
    done = [part(body, "status", "result") for body in (change.before, change.after)]
    if part(change.after, "spec", "verb") != "abort" or done != [None, "Done"]:
        return
    for rollout in world.within(change.key[0], "Rollout"):
        place = (change.key[0], part(change.after, "spec", "rollout"))
        back = part(rollout, "status", "run", "undo")
        if key_of(rollout) == place and _can_carry(rollout, world) and not back:
            asked_s = world.memory.seen_s.get(uid_of(change.body), change.at_s)
            yield from _in_time(world, rollout, asked_s)


def _can_carry(rollout: Body, world: World) -> bool:
    ready = world.ready(rollout, part(rollout, "status", "stableRevision"))
    return ready * HEADROOM >= full_size(rollout)


def _in_time(world: World, rollout: Body, asked_s: float) -> Iterator[str]:
    places = (uid_of(rollout), uid_of(rollout) + MATCHED)
    zeros = [world.memory.zero_since(place, asked_s) for place in places]
    zero_s = None if None in zeros else max(zero for zero in zeros if zero is not None)
    if zero_s is None:
        yield "the abort is answered and the canary still has traffic"
        return
    late = TAKEOVER_S if world.memory.takeover_since(asked_s) else 0.0
    took_s, budget_s = zero_s - asked_s, world.revert_budget_s + late
    if took_s > budget_s:
        yield f"the abort took {took_s:.1f} s, {budget_s:g} s are allowed"


def releases_end(world: World) -> Iterator[str]:
    """I15: every Rollout is in a state that waits for nobody but a person, with a reason."""
    for rollout in world.all("Rollout"):
        status = rollout.get("status") or {}
        state, name = status.get("state", "no state"), "/".join(key_of(rollout))
        if state not in TERMINAL and not status.get("pause"):
            yield f"Rollout {name} is {state}: {status.get('message', '')}"
        elif status.get("observedGeneration") != part(rollout, "metadata", "generation"):
            yield f"Rollout {name} was changed, and its status speaks of what was before"
        elif status.get("draining"):
            yield f"Rollout {name} still drains {status['draining'][0].get('revision')}"
        elif not status.get("message"):
            yield f"Rollout {name} is {state} and says no reason"


def rest_is_at_home(world: World) -> Iterator[str]:
    """I16, and the end of I1 to I3: a Rollout that is Healthy or Reverted has its traffic home,
    the record of its last run says how it ended, and no other revision has pods.
    """
    for rollout in world.all("Rollout"):
        claim = claim_of(rollout)
        if claim is None or part(rollout, "status", "state") not in ("Healthy", "Reverted"):
            continue
        stable, name = part(rollout, "status", "stableRevision"), "/".join(key_of(rollout))
        yield from _left_over(world, rollout, name)
        if world.matched(claim):
            yield f"Rollout {name} is at rest and still has header routes"
        for revision, share in world.carried(claim).items():
            if revision != stable:
                yield f"Rollout {name} is at rest and revision {revision} carries {share} %"


def _left_over(world: World, rollout: Body, name: str) -> Iterator[str]:
    last = part(rollout, "status", "lastRun") or {}
    key = (key_of(rollout)[0], f"{key_of(rollout)[1]}-{last.get('number')}")
    told = part(world.get("RolloutRun", key), "status", "outcome")
    if last and told != last.get("outcome"):
        yield f"run {key[1]} is recorded as {told}, it ended {last.get('outcome')}"
    stable = part(rollout, "status", "stableRevision")
    for body in world.sets_of(key_of(rollout)[0], uid_of(rollout)):
        revision = part(body, "metadata", "labels", REVISION)
        if revision != stable and part(body, "spec", "replicas"):
            yield f"Rollout {name} is at rest and revision {revision} still has pods"
