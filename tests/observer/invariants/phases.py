"""I7 and I11: a run takes its phases one by one, and what was decided about a revision stays."""

from __future__ import annotations

from collections.abc import Iterator

from tests.observer.happenings import Body, Change, part, uid_of
from tests.observer.memory import template_of
from tests.observer.world import World


def phases_one_by_one(change: Change, _world: World) -> Iterator[str]:
    """I7: a run begins with the first phase, goes to the next one, and never out of range.

    Phases are told by their names: an edit of `spec.phases` may move them. Those between that a
    person left out are in the journal. Leaving for the promotion is no step; that it may happen is
    `only_passes_promote`.
    """
    if change.kind != "Rollout" or not change.by_operator or not change.step:
        return
    before, after = _run(change.before), _run(change.after)
    names = [str(entry.get("name")) for entry in part(change.after, "spec", "phases") or ()]
    new = _phase(change.after)
    if after is None or new is None:
        return
    told = part(change.after, "status", "observedGeneration")
    fresh = told == part(change.after, "metadata", "generation")
    if fresh and new.get("name") in names and new.get("index", 0) >= len(names):
        yield f"phase {new.get('name')} has index {new.get('index')} of {len(names)} phases"
    if before is None or before.get("number") != after.get("number"):
        yield f"run {after.get('number')} was first seen inside phase {new.get('name')}"
        return
    old = _phase(change.before)
    skipped = {
        str(entry.get("what"))
        for entry in after.get("history") or ()
        if entry.get("reason") == "PhaseSkipped"
    }
    yield from _stepped(old, new, names, skipped)


def _stepped(old: Body | None, new: Body, names: list[str], skipped: set[str]) -> Iterator[str]:
    if old is None:
        if names and new.get("name") in names and names.index(new["name"]) != 0:
            yield f"the run began with phase {new.get('name')}, the first one is {names[0]}"
        return
    if old.get("name") == new.get("name") or not {old.get("name"), new.get("name")} <= set(names):
        return
    was, is_now = names.index(str(old["name"])), names.index(str(new["name"]))
    if is_now <= was or not set(names[was + 1 : is_now]) <= skipped:
        yield f"phase {old.get('name')} -> {new.get('name')}, the order is {', '.join(names)}"


def runs_are_counted(change: Change, _world: World) -> Iterator[str]:
    """I7: the number of a run goes up by one with each run, and never down."""
    if change.kind != "Rollout" or not change.step:
        return
    before, after = (_number(body) for body in (change.before, change.after))
    if not before <= after <= before + 1:
        yield f"the number of the newest run went from {before} to {after}"


def ended_stays_ended(change: Change, world: World) -> Iterator[str]:
    """I11: a revision that was sent back is not tried again, and stable is not tried at all.

    Until its template changes, or a person asks `retry`.
    """
    if change.kind != "Rollout" or not change.step:
        return
    assert change.after is not None, "a step has both sides"
    before, after = _run(change.before), _run(change.after)
    if after is None or (before is not None and before.get("number") == after.get("number")):
        return
    revision = after.get("to")
    known = world.memory.reverted.get(uid_of(change.after))
    if known and known.revision == revision and known.template == template_of(change.after):
        yield f"revision {revision} was sent back, and run {after.get('number')} tries it again"
    if revision == part(change.before, "status", "stableRevision"):
        yield f"run {after.get('number')} tries revision {revision}, which is stable"


def _run(body: Body | None) -> Body | None:
    found: Body | None = part(body, "status", "run")
    return found


def _phase(body: Body | None) -> Body | None:
    """The phase that is on; while pods are made it only says which one comes first."""
    stage = part(body, "status", "run", "stage")
    found: Body | None = part(body, "status", "phase")
    return found if stage == "Phase" else None


def _number(body: Body | None) -> int:
    run = part(body, "status", "run", "number") or 0
    return max(int(run), int(part(body, "status", "lastRunNumber") or 0))
