"""Which approvals count: of this run, of the phase as it is now, and not too old.

They are kept in the run (`status.run.approvals`), so another run or another revision never sees
them. Each names the phase and a digest of it: who changes a phase has it approved anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

from tidegate.api.approvals import ApprovalGiven, RunApprovals
from tidegate.api.phases import Phase
from tidegate.api.rollout import RolloutSpec
from tidegate.api.scalars import format_duration
from tidegate.api.status import BEFORE_TRAFFIC, RolloutStatus, RunStatus, Stage
from tidegate.core.whereabouts import in_preflight, preflight_of

ABOUT_CHARS = 16
"""Hexadecimal digits of the digest: enough to tell the versions of one phase apart."""
NAMES_SHOWN = 3
"""More names than these are counted and not told; a message has an end."""


def about(phase: Phase) -> str:
    """A digest of the phase: its weight and checks, and who has to approve it."""
    # What is as ever is left out, so that a new version of the operator changes no digest.
    text = phase.model_dump_json(exclude_defaults=True)
    return sha256(text.encode()).hexdigest()[:ABOUT_CHARS]


def kept(run: RunStatus) -> RunApprovals:
    """What was approved in the run, whether it counts or not."""
    return run.approvals or RunApprovals()


def counting(run: RunStatus, phase: Phase, now: datetime) -> tuple[ApprovalGiven, ...]:
    """The approvals of the phase that count now, one a person, oldest first."""
    if phase.approval is None:
        return ()
    digest, expiry_s = about(phase), phase.approval.expiry_s
    found: dict[str, ApprovalGiven] = {}
    for one in kept(run).given:
        if not one.by or (one.phase, one.about) != (phase.name, digest):
            continue
        if expiry_s is None or now - one.at < timedelta(seconds=expiry_s):
            found.setdefault(one.by, one)
    return tuple(found.values())


def missing(run: RunStatus, phase: Phase, now: datetime) -> int:
    """How many persons have yet to approve the phase."""
    if phase.approval is None:
        return 0
    return max(0, phase.approval.required - len(counting(run, phase, now)))


def ahead(spec: RolloutSpec, status: RolloutStatus) -> tuple[Phase, ...]:
    """The phases of the run that have not begun and need an approval, in their order.

    The pre-flight is first among them until it is over.
    """
    run = status.run
    if run is None or run.undo or run.skip_to_end:
        return ()
    if run.stage not in (*BEFORE_TRAFFIC, Stage.PHASE):
        return ()
    phases = spec.phases[_next(spec, status) :]
    if in_preflight(status):
        phases = preflight_of(spec) + phases
    return tuple(phase for phase in phases if phase.approval)


def awaited(spec: RolloutSpec, status: RolloutStatus, now: datetime) -> Phase | None:
    """The phase that could begin but for its approvals, or None."""
    run = status.run
    if run is None or not kept(run).awaiting:
        return None
    named = (one for one in ahead(spec, status) if one.name == kept(run).awaiting)
    phase = next(named, None)
    return phase if phase is not None and missing(run, phase, now) else None


def past(run: RunStatus) -> RunStatus:
    """The run once it waits for no approval any more."""
    if not kept(run).awaiting:
        return run
    return run.model_copy(update={"approvals": kept(run).model_copy(update={"awaiting": ""})})


def expires_at(run: RunStatus, phase: Phase, now: datetime) -> datetime | None:
    """When the first of the approvals that count is too old; None where none ever is."""
    if phase.approval is None or phase.approval.expiry_s is None:
        return None
    length = timedelta(seconds=phase.approval.expiry_s)
    return min((one.at + length for one in counting(run, phase, now)), default=None)


def tally(run: RunStatus, phase: Phase, now: datetime) -> str:
    """How many of the approvals are there, and by whom."""
    given = counting(run, phase, now)
    required = phase.approval.required if phase.approval else 0
    by = f" (by {_listed([one.by for one in given])})" if given else ""
    return f"{len(given)} of {required} {'approval' if required == 1 else 'approvals'} given{by}"


def whose(phase: Phase) -> str:
    """Who may approve the phase."""
    groups = phase.approval.groups if phase.approval else ()
    if not groups:
        return "whoever has the right rollouts/approve"
    return f"members of {_listed(groups)}"


def lost(run: RunStatus, phase: Phase, now: datetime) -> str:
    """That some were given and count no more, for the end of a sentence; "" where none were."""
    counted = {one.by for one in counting(run, phase, now)}
    void = {one.by for one in kept(run).given if one.phase == phase.name} - counted
    if not void:
        return ""
    length = phase.approval.expiry_s if phase.approval else None
    old = f"older than {format_duration(length)}, or " if length is not None else ""
    return f"; of {_listed(sorted(void))} none counts any more: {old}the phase was changed since"


def _next(spec: RolloutSpec, status: RolloutStatus) -> int:
    """The place in spec.phases of the first that has not begun.

    Of a phase that is gone from the spec only its old place is known: what is there now counts as
    not begun.
    """
    if status.run is None or status.run.stage in BEFORE_TRAFFIC or status.phase is None:
        return 0
    names = [phase.name for phase in spec.phases]
    if status.phase.name not in names:
        return min(status.phase.index, len(names))
    return names.index(status.phase.name) + 1


def _listed(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
