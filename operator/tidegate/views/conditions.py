"""The status as conditions, so that kstatus, Flux, Argo CD and `kubectl wait` read it right.

Ready, Reconciling and Stalled follow kstatus: the last two are absent rather than False, and never
stand side by side. What is known not to be there is Ready=False, what is still being found out is
Ready=Unknown; both are "in progress" to Flux, and only Stalled=True fails a Kustomization.

Healthy with pods missing is Ready=False and Reconciling, because kstatus reads a Deployment so:
fewer available pods than wanted are in progress, never failed. It is not Stalled after
`progressDeadline` either: that deadline is about a release, and none is on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from tidegate.api.check_status import CheckStatus, Verdict
from tidegate.api.policy import policy_of_id
from tidegate.api.rollout import Rollout
from tidegate.api.status import Condition, RolloutStatus, Stage, State
from tidegate.api.takeover import WorkloadDrift
from tidegate.core import reasons
from tidegate.core.cohorts import and_told
from tidegate.core.drift import DRIFT_WINDOW_S, DRIFTS_MANY, keeps_coming_until
from tidegate.views.approvals import awaiting

READY: Final = "Ready"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
TRAFFIC_CONVERGED: Final = "TrafficConverged"
METRICS_AVAILABLE: Final = "MetricsAvailable"
POLICIES_APPLIED: Final = "PoliciesApplied"
WAITING: Final = "Waiting"
PAUSED: Final = "Paused"
AWAITING_APPROVAL: Final = "AwaitingApproval"
TRAFFIC_DRIFT: Final = "TrafficDrift"
SAMPLE_RATIO_MISMATCH: Final = "SampleRatioMismatch"
WORKLOAD_DRIFT: Final = "WorkloadDrift"

NO_NEWS: Final = frozenset({"", reasons.ACTION_REFUSED, reasons.ACTION_DONE})
"""Reasons of a pass that says nothing about the Rollout itself, such as one write of many."""

WAITING_FOR_PROXIES: Final = frozenset(
    {reasons.WAITING_FOR_TRAFFIC, reasons.WAITING_FOR_IDLE, reasons.SETTLING}
)

Truth = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition before it has its times; an empty reason or message keeps the previous one."""

    type: str
    status: Truth
    reason: str
    message: str = ""
    fallback: str = ""


def conditions(
    rollout: Rollout, status: RolloutStatus, reason: str, now: datetime
) -> tuple[Condition, ...]:
    """The conditions of the status; those in it are the previous ones.

    `reason` is the decision's. A transition time changes only when the condition's status does.
    """
    findings = (
        *_kstatus(rollout, status, reason, now),
        *_traffic_converged(status, reason),
        *_metrics_available(status),
        *_policies(status),
        *_waiting(status),
        *_paused(rollout, status),
        *_awaiting(rollout, status, now),
        *_drifting(status, now),
        *_mismatch(status),
        *_workload_drift(status),
    )
    return _dated(findings, status.conditions, rollout.generation, now)


def unreadable(
    status: RolloutStatus, generation: int, message: str, now: datetime
) -> tuple[Condition, ...]:
    """The conditions of a Rollout whose spec cannot even be parsed."""
    findings = (
        Finding(READY, "False", reasons.INVALID_SPEC, message),
        Finding(STALLED, "True", reasons.INVALID_SPEC, message),
    )
    return _dated(findings, status.conditions, generation, now)


def _kstatus(
    rollout: Rollout, status: RolloutStatus, reason: str, now: datetime
) -> tuple[Finding, ...]:
    match status.state:
        case State.HEALTHY:
            return _healthy(status)
        case State.REVERTED:
            return _failed(reasons.REVERTED, status.message)
        case State.INVALID:
            why = reasons.INVALID_SPEC if reason in NO_NEWS else reason
            return _failed(why, status.message)
        case State.INITIALIZING if _too_late(rollout, status, now):
            return _failed(reasons.PROGRESS_DEADLINE_EXCEEDED, status.message)
        case State.REVERTING:
            return _working("False", reasons.REVERTED, status.message)
        case State.PAUSED:
            return _working("Unknown", reasons.PAUSED, status.message)
        case State.AWAITING_APPROVAL:
            said = reason if reason == reasons.WAITING_FOR_WINNER else reasons.AWAITING_APPROVAL
            return _working("Unknown", said, status.message)
        case State.PROGRESSING if (
            status.phase is not None and status.phase.timed_out_at is not None
        ):
            return _failed(reasons.PHASE_DEADLINE_EXCEEDED, status.message)
        case State.PROGRESSING if reason == reasons.HOOK_FAILED:
            return _failed(reason, status.message)
        case State.INITIALIZING | State.PROGRESSING | State.BAKING:
            said = "" if reason in NO_NEWS else reason
            return _working("Unknown", said, status.message, _working_reason(status))


def _healthy(status: RolloutStatus) -> tuple[Finding, ...]:
    if status.waiting_since is not None:
        message = f"{status.ready} pods of the stable revision are ready."
        return _working("False", reasons.WAITING_FOR_PODS, message)
    message = f"Revision {status.stable_revision} serves all traffic."
    return (Finding(READY, "True", reasons.HEALTHY, message),)


def _working(ready: Truth, reason: str, message: str, fallback: str = "") -> tuple[Finding, ...]:
    return (
        Finding(READY, ready, reason, message, fallback),
        Finding(RECONCILING, "True", reason, message, fallback),
    )


def _failed(reason: str, message: str) -> tuple[Finding, ...]:
    return (
        Finding(READY, "False", reason, message),
        Finding(STALLED, "True", reason, message),
    )


def _too_late(rollout: Rollout, status: RolloutStatus, now: datetime) -> bool:
    """Whether the first deployment missed its deadline: from facts, not from one pass's word."""
    limit = timedelta(seconds=rollout.spec.progress_deadline_s)
    return status.waiting_since is not None and now - status.waiting_since >= limit


def _working_reason(status: RolloutStatus) -> str:
    """A reason for a pass that gave none and follows no other."""
    if status.run is None:
        return reasons.INITIALIZING if status.state is State.INITIALIZING else reasons.SETTLING
    match status.run.stage:
        case Stage.PREFLIGHT:
            return reasons.WAITING_FOR_GATES
        case Stage.PREPARING:
            return reasons.WAITING_FOR_PODS
        case Stage.PHASE:
            return reasons.PHASE_STARTED
        case Stage.PROMOTING:
            return reasons.PROMOTING
        case Stage.BAKING:
            return reasons.BAKING


def _traffic_converged(status: RolloutStatus, reason: str) -> tuple[Finding, ...]:
    """Whether anything waits for proxies; left out until routes were seen."""
    traffic = status.traffic
    if traffic is None:
        return ()
    if reason in WAITING_FOR_PROXIES:
        return (Finding(TRAFFIC_CONVERGED, "False", reason, status.message),)
    in_phase = status.run is not None and status.run.stage is Stage.PHASE
    if in_phase and status.phase is not None and status.phase.started_at is None:
        message = "Waiting until the proxies send the share that the routes ask for."
        return (Finding(TRAFFIC_CONVERGED, "False", reasons.WAITING_FOR_TRAFFIC, message),)
    if status.draining:
        old = ", ".join(entry.revision for entry in status.draining)
        message = f"Old pods stay until no request is seen to reach them: {old}."
        return (Finding(TRAFFIC_CONVERGED, "False", reasons.WAITING_FOR_IDLE, message),)
    previous = {condition.type: condition for condition in status.conditions}
    known = previous.get(TRAFFIC_CONVERGED)
    if reason in NO_NEWS and known is not None:
        return (Finding(TRAFFIC_CONVERGED, known.status, known.reason, known.message),)
    matched = and_told(traffic.match, traffic.sticky, traffic.mirror)
    arms = f", variants {traffic.variants}" if traffic.variants else ""
    given = f"the routes give the canary {traffic.weight} %{matched}{arms}"
    message = f"Nothing waits for proxies; {given}."
    return (Finding(TRAFFIC_CONVERGED, "True", reasons.TRAFFIC_SHIFTED, message),)


def _metrics_available(status: RolloutStatus) -> tuple[Finding, ...]:
    """Whether the guards can see; left out while no run is on, for then nobody looks."""
    guards = [check for check in status.checks if check.kind == "guard"]
    if status.run is None or not guards:
        return ()
    ignored = [check for check in guards if check.ignored]
    broken = [c for c in guards if c.verdict is Verdict.ERROR and not c.ignored]
    empty = [c for c in guards if c.verdict is Verdict.NODATA and not c.ignored]
    times = [status.blind_since, *(check.blind_since for check in guards)]
    blind = any((*times, *(policy.blind_since for policy in status.policies)))
    if broken:
        return (_blind(broken[0], "cannot be measured"),)
    if empty and blind:
        return (_blind(empty[0], "has no data"),)
    if empty:
        name = check_name(empty[0])
        message = f"Guard {name} has no data yet; before the first traffic it needs none."
        return (Finding(METRICS_AVAILABLE, "Unknown", reasons.WAITING_FOR_METRICS, message),)
    if ignored:
        message = f"Guard {check_name(ignored[0])} has no value, and the spec says to ignore that."
        return (Finding(METRICS_AVAILABLE, "Unknown", reasons.WAITING_FOR_METRICS, message),)
    message = "All guards can be measured."
    return (Finding(METRICS_AVAILABLE, "True", reasons.HEALTHY, message),)


def check_name(check: CheckStatus) -> str:
    """The metric of a check as people know it: a policy's with the policy's name before it."""
    name = "/".join(filter(None, (policy_of_id(check.id), check.metric)))
    return f"{name} of variant {check.variant}" if check.variant else name


def _blind(check: CheckStatus, trouble: str) -> Finding:
    detail = f": {check.detail}" if check.detail else ""
    message = f"Guard {check_name(check)} {trouble}{detail}"
    return Finding(METRICS_AVAILABLE, "False", reasons.METRICS_BLIND, message)


def _policies(status: RolloutStatus) -> tuple[Finding, ...]:
    """Whether the policies that hold are understood; left out where there are none."""
    odd = [policy for policy in status.policies if policy.mode == "invalid"]
    if odd:
        message = f"RolloutPolicy {odd[0].name} cannot be applied: {odd[0].message}"
        return (Finding(POLICIES_APPLIED, "False", reasons.POLICY_INVALID, message),)
    if not status.policies:
        return ()
    names = ", ".join(policy.name for policy in status.policies)
    message = f"Guards of policies are added to the Rollout's own: {names}."
    return (Finding(POLICIES_APPLIED, "True", reasons.POLICY_APPLIED, message),)


def _waiting(status: RolloutStatus) -> tuple[Finding, ...]:
    """What a policy makes the release wait for; there only while it does."""
    wait = status.wait
    return () if wait is None else (Finding(WAITING, "True", wait.reason, wait.message),)


def _paused(rollout: Rollout, status: RolloutStatus) -> tuple[Finding, ...]:
    """Who or what holds the release; at rest `spec.paused` keeps the next one from starting."""
    if status.pause is not None:
        why = f": {status.pause.reason}" if status.pause.reason else ""
        message = f"Paused by {status.pause.by}{why}"
    elif rollout.spec.paused:
        message = "Paused by spec.paused; set it to false where the Rollout is kept."
    else:
        return ()
    return (Finding(PAUSED, "True", reasons.PAUSED, message),)


def _awaiting(rollout: Rollout, status: RolloutStatus, now: datetime) -> tuple[Finding, ...]:
    """Which phase waits for approvals, and how many are there; only while one does."""
    message = awaiting(rollout.spec, status, now)
    if not message:
        return ()
    return (Finding(AWAITING_APPROVAL, "True", reasons.AWAITING_APPROVAL, message),)


def _drifting(status: RolloutStatus, now: datetime) -> tuple[Finding, ...]:
    """Whether others keep changing the weights; there only while they do."""
    until = keeps_coming_until(status)
    if until is None or now >= until or status.traffic is None:
        return ()
    message = (
        f"Somebody else changed the weights {DRIFTS_MANY} times and more within "
        f"{DRIFT_WINDOW_S / 60:g} minutes; look for a second controller, or a sync from Git that "
        "does not ignore them."
    )
    return (Finding(TRAFFIC_DRIFT, "True", reasons.TRAFFIC_DRIFT, message),)


def _mismatch(status: RolloutStatus) -> tuple[Finding, ...]:
    """Whether requests are shared out otherwise than asked; there only while they are."""
    traffic = status.traffic
    if status.run is None or traffic is None or traffic.mismatch_since is None:
        return ()
    message = (
        f"The canary does not get the {traffic.weight} % of the requests that the routes ask for; "
        "gates with a test wait. Look for sessions that stick to a pod, or clients that go round "
        "the mesh."
    )
    reason = reasons.SAMPLE_RATIO_MISMATCH
    return (Finding(SAMPLE_RATIO_MISMATCH, "True", reason, message),)


def _workload_drift(status: RolloutStatus) -> tuple[Finding, ...]:
    """That somebody gave the Deployment pods again; left out once it is put back."""
    taken = status.workload
    if taken is None or taken.drift is None or taken.drift is WorkloadDrift.PUT_BACK:
        return ()
    message = f"Deployment {taken.name} got pods again, which get no requests; "
    if taken.drift is WorkloadDrift.PUTTING_BACK:
        message += "it is put back to 0 once."
    else:
        message += (
            "it was put back before, so it is left alone: take `replicas` out of its manifest, "
            "point its autoscaler at the Rollout, and scale it to 0."
        )
    return (Finding(WORKLOAD_DRIFT, "True", reasons.WORKLOAD_DRIFT, message),)


def _dated(
    findings: tuple[Finding, ...],
    previous: tuple[Condition, ...],
    generation: int,
    now: datetime,
) -> tuple[Condition, ...]:
    known = {condition.type: condition for condition in previous}
    return tuple(_condition(found, known.get(found.type), generation, now) for found in findings)


def _condition(
    found: Finding, known: Condition | None, generation: int, now: datetime
) -> Condition:
    same = known if known is not None and known.status == found.status else None
    kept = same.reason if same and not found.reason else ""
    return Condition(
        type=found.type,
        status=found.status,
        reason=found.reason or kept or found.fallback,
        message=found.message,
        last_transition_time=same.last_transition_time if same else now,
        observed_generation=generation,
    )
