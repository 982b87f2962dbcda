"""I14: what was decided is written down once, and told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.observer.happenings import Change, meta, part
from tests.observer.world import World

ONCE = frozenset(
    {"RunStarted", "PhaseStarted", "PhasePassed", "PhaseSkipped", "Promoting", "Promoted"}
)
"""What can happen only once in a run (to one phase)."""


def journal_has_each_decision_once(change: Change, _world: World) -> Iterator[str]:
    """I14: the journal of a run has no beginning, no pass and no end twice."""
    if change.kind != "Rollout" or not change.by_operator or change.after is None:
        return
    for place in ("run", "lastRun"):
        history = part(change.after, "status", place, "history") or []
        if history == part(change.before, "status", place, "history"):
            continue
        marks = Counter((e.get("what"), e.get("reason")) for e in history)
        for (what, reason), number in marks.items():
            if reason in ONCE and number > 1:
                yield f"the journal of the run has {what} {reason} {number} times"


def a_phase_follows_its_entry(change: Change, _world: World) -> Iterator[str]:
    """I14: a phase, a promotion and the end of a run are never entered without an entry."""
    if change.kind != "Rollout" or not change.by_operator or not change.step:
        return
    run = part(change.after, "status", "run") or {}
    phase = part(change.after, "status", "phase", "name")
    entered = phase != part(change.before, "status", "phase", "name")
    if phase and entered and run.get("stage") == "Phase":
        known = {(e.get("what"), e.get("reason")) for e in run.get("history") or ()}
        if (phase, "PhaseStarted") not in known:
            yield f"phase {phase} is on and the journal does not say so"
    last, was = (part(b, "status", "lastRun") or {} for b in (change.after, change.before))
    if last.get("number") != was.get("number") and not last.get("history"):
        yield f"run {last.get('number')} is over ({last.get('outcome')}) and has no journal"


def decisions_are_told(now_s: float, world: World) -> Iterator[str]:
    """I14: for each entry of a journal, and each share that was given, there is an Event.

    Asked some seconds later, for events are posted beside the loop. Not asked when the operator
    died meanwhile or an event was refused: it may be lost rather than delay a release.
    """
    for due in world.memory.tellings_due(now_s):
        told = {note.reason for note in world.memory.notes[due.uid] if due.near(note.at_s)}
        if due.reason not in told:
            heard = ", ".join(sorted(told)) or "none"
            yield f"{'/'.join(due.key)}: no event {due.reason} about {due.what} (events: {heard})"


def events_name_their_rollout(change: Change, _world: World) -> Iterator[str]:
    """I14: an event has a reason, a note, and is about a Rollout of its own namespace."""
    if change.kind != "Event" or not change.by_operator or change.after is None:
        return
    body = change.after
    if not body.get("reason") or not body.get("note"):
        yield f"event {change.key[1]} has no reason or no note"
    about = body.get("regarding") or {}
    if about.get("namespace") != meta(body).get("namespace") or about.get("kind") != "Rollout":
        yield f"event {change.key[1]} is about {about.get('kind')} {about.get('namespace')}"
