"""The entries that one change of a Rollout added to the journal of its run."""

from __future__ import annotations

from tests.observer.happenings import Body, Change, part


def new_entries(change: Change) -> list[Body]:
    """What the run's history has more than before; empty where the two are not of one run."""
    old = part(change.before, "status", "run") or {}
    new = _run_after(change, old)
    if new is None:
        return []
    known = [_mark(entry) for entry in old.get("history") or ()]
    fresh = []
    for entry in new.get("history") or ():
        if _mark(entry) in known:
            known.remove(_mark(entry))
        else:
            fresh.append(entry)
    return fresh


def _run_after(change: Change, old: Body) -> Body | None:
    """The run as it is after the change, also when it is over by then."""
    run: Body | None = part(change.after, "status", "run")
    if run is not None and run.get("number") == old.get("number", run.get("number")):
        return run
    last: Body | None = part(change.after, "status", "lastRun")
    if last is not None and old and last.get("number") == old.get("number"):
        return last
    return run if not old else None


def _mark(entry: Body) -> tuple[str, str, str]:
    return str(entry.get("at")), str(entry.get("what")), str(entry.get("reason"))
