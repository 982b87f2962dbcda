"""I5 and I6: one writer at a time, and no write without a precondition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.observer.happenings import Write, part
from tests.observer.memory import fence_key
from tests.observer.world import World

EXEMPT_VERBS = frozenset({"create"})
"""A name is the precondition of a creation: an object that is there already is a 409."""
EXEMPT_KINDS = frozenset({"events"})
"""An Event is made once under a new name and never changed."""
EXEMPT_DELETES = frozenset({"rolloutruns"})
"""The record of a run is named by its number, which is never used twice; whoever deletes an old
one twice deletes nothing."""
TESTED = frozenset({"/metadata/resourceVersion", "/metadata/uid"})


def epochs_never_fall(write: Write, world: World) -> Iterator[str]:
    """I5: an accepted write of the operator has no lower epoch than those before it on its object.

    Compared per object in the order of its versions; a write without an epoch comes from an
    operator that was started without a Lease, and counts as epoch 0.
    """
    if not (write.by_operator and write.accepted):
        return
    known = world.memory.epochs.get(fence_key(write), 0)
    if write.epoch < known:
        yield f"{write.verb} {write.target}: epoch {write.epoch} wrote after epoch {known}"


def writes_have_preconditions(write: Write, _world: World) -> Iterator[str]:
    """I6: every accepted write of the operator tests a resourceVersion or a uid.

    An update carries it in its metadata, a merge patch too; a JSON Patch in a `test` operation; a
    deletion in its preconditions. Creations, Events and deletions of old RolloutRuns are exempt.
    """
    if not (write.by_operator and write.accepted):
        return
    if write.verb in EXEMPT_VERBS or write.plural in EXEMPT_KINDS:
        return
    if write.verb == "delete" and write.plural in EXEMPT_DELETES:
        return
    if write.request is None:
        yield f"{write.verb} {write.target}: the audit log has no body to find a precondition in"
    elif not _conditional(write.request):
        yield f"{write.verb} {write.target} has no precondition: {str(write.request)[:200]}"


def _conditional(request: Any) -> bool:
    if isinstance(request, list):
        return any(
            isinstance(op, Mapping) and op.get("op") == "test" and op.get("path") in TESTED
            for op in request
        )
    if not isinstance(request, Mapping):
        return False
    holders = (part(request, "metadata"), part(request, "preconditions"))
    return any(
        isinstance(holder, Mapping) and (holder.get("resourceVersion") or holder.get("uid"))
        for holder in holders
    )
