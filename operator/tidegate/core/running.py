"""A run, from its pre-flight and the first canary pod to the last phase."""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.api.limits import MAX_PHASES
from tidegate.api.phases import Phase
from tidegate.api.status import PhaseStatus, Stage
from tidegate.api.variants import and_variants
from tidegate.core import (
    deadlines,
    entering,
    experimenting,
    freezing,
    hooks,
    observing,
    preflight,
    reasons,
    shifting,
    variants,
)
from tidegate.core.approvals import past
from tidegate.core.cohorts import and_matched
from tidegate.core.convergence import Arm, Seen, idle, realised_at, share, some
from tidegate.core.decision import Note
from tidegate.core.journal import note_run
from tidegate.core.measuring import obstacle_to_pass, unanswered
from tidegate.core.picks import kept_share, picks_of
from tidegate.core.scene import Scene, Step, changed
from tidegate.core.steering import (
    arms_away,
    canary_alive,
    canary_pointed,
    canary_ready,
    canary_size_up,
    may_stay,
    not_paused,
    weight_down,
    weight_to,
)
from tidegate.core.waiting import telemetry_trouble


def step(scene: Scene) -> Step:
    """The next move of the run's stage before promotion."""
    assert scene.run is not None, "called only while a run is on"
    if scene.run.stage is Stage.PREFLIGHT:
        return preflight.step(scene)
    if scene.run.stage is Stage.PREPARING:
        return _prepare(scene)
    return deadlines.reminded(scene, _hold_phase(scene))


def _prepare(scene: Scene) -> Step:
    return (
        canary_size_up(scene)
        or weight_to(scene, 0)
        or canary_ready(scene)
        or _answered(scene)
        or not_paused(scene)
        or canary_pointed(scene)
        or _begin(scene)
    )


def _begin(scene: Scene) -> Step:
    first = 0 if _to_be_tried(scene) else len(scene.spec.phases)
    return entering.obstacle(scene, first) or enter(scene, first)


def _to_be_tried(scene: Scene) -> bool:
    """Whether there are pods to try, and nobody said to leave the phases out."""
    return scene.full > 0 and scene.run is not None and not scene.run.skip_to_end


def _hold_phase(scene: Scene) -> Step:
    skipped = _skipped(scene)
    if skipped is not None:
        return skipped
    phase = scene.phase
    if phase is None:
        return arms_away(scene) or canary_alive(scene) or _phase_gone(scene)
    return (
        canary_size_up(scene)
        or canary_alive(scene)
        or canary_pointed(scene)
        or shifting.back(scene, phase.weight)
        or weight_down(scene, phase.weight, *may_stay(scene, phase))
        or canary_ready(scene)
        or variants.prepared(scene)
        or hooks.before_weight(scene)
        or _weight_up(scene, phase)
        or _realised(scene)
        or shifting.shrunk(scene, phase.weight)
        or experimenting.told(scene)
        or _held(scene)
        or _measured(scene)
        or experimenting.obstacle(scene)
        or _advance(scene)
    )


def _phase_gone(scene: Scene) -> Step:
    name = scene.status.phase.name if scene.status.phase else ""
    return Step(
        scene.status,
        reason=reasons.INVALID_SPEC,
        message=f"phase {name!r} of this run is gone from spec; put it back, abort or promote",
    )


def _answered(scene: Scene) -> Step | None:
    obstacle = unanswered(scene)
    if not obstacle:
        return None
    return Step(scene.status, reason=reasons.WAITING_FOR_METRICS, message=obstacle)


def enter(scene: Scene, index: int) -> Step:
    """Move to that phase, or to promotion after the last one; what it was like is not asked."""
    run = scene.run
    assert run is not None, "called only while a run is on"
    run = past(run.model_copy(update={"reached": _reached(scene)}))
    if index >= len(scene.spec.phases):
        message = f"all phases are over; promoting revision {run.to_revision}"
        moved = changed(
            scene.status, run=run.model_copy(update={"stage": Stage.PROMOTING}), phase=None
        )
        moved = note_run(moved, scene.now, "promotion", reasons.PROMOTING, message)
        return Step(moved, notes=(Note(reasons.PROMOTING, message),), reason=reasons.PROMOTING)
    phase = scene.spec.phases[index]
    picks = picks_of(scene.spec, phase)
    share = f"{phase.weight} % of traffic{and_matched(picks)}{and_variants(phase.shares)}"
    message = f"phase {phase.name}: {share}, hold {phase.hold_s:g}s"
    status = changed(
        scene.status,
        run=run.model_copy(update={"stage": Stage.PHASE}),
        phase=PhaseStatus(index=index, name=phase.name, entered_at=scene.now),
        deadline_since=None if phase.deadline_s is None or scene.paused else scene.now,
    )
    status = note_run(status, scene.now, phase.name, reasons.PHASE_STARTED, message)
    return Step(status, notes=(Note(reasons.PHASE_STARTED, message),), reason=reasons.PHASE_STARTED)


def _reached(scene: Scene) -> tuple[datetime, ...]:
    """When the weights of this run's phases were there, with that of the phase that is left."""
    run, left = scene.run, scene.status.phase
    assert run is not None, "called only while a run is on"
    if left is None or left.reached_at is None or left.reached_at in run.reached:
        return run.reached
    return (*run.reached, left.reached_at)[-MAX_PHASES:]


def _skipped(scene: Scene) -> Step | None:
    """A person asked to promote: the remaining phases are left out, the guards are not.

    In a freeze the phase that is on goes on as it is.
    """
    if scene.run is None or not scene.run.skip_to_end or freezing.current(scene) is not None:
        return None
    return enter(scene, len(scene.spec.phases))


def _weight_up(scene: Scene, asked: Phase) -> Step | None:
    """The phase's weight and header routes; if they were there before, that hold ends first.

    Its end is stored first, or a crash right after the write would leave a hold that looks
    unbroken, though the canary had less than its share. More than its share it loses at once: that
    tried it no less.
    """
    picks, phase = picks_of(scene.spec, asked), scene.status.phase
    step = weight_to(scene, asked.weight, picks, asked.shares)
    if step is None or step.effect is None or phase is None or phase.started_at is None:
        return step
    share = f"{asked.weight} %{and_matched(picks)}{and_variants(asked.shares)}"
    message = f"phase {phase.name} lost its weight of {share}; its hold begins anew"
    stopped = changed(scene.status, phase=phase.model_copy(update={"started_at": None}))
    return Step(stopped, reason=reasons.WAITING_FOR_TRAFFIC, message=message)


def _realised(scene: Scene) -> Step | None:
    """Start the phase's clock when the proxies send what the routes say."""
    status = scene.status
    if status.phase is None:
        return None
    started = status.phase.started_at
    if started is not None and started >= scene.weight_since:
        return None  # a weight that changed since then starts the clock anew
    started = _realised_since(scene)
    if started is None:
        converged = changed(status, traffic=_converged(scene, converged=False))
        return Step(
            converged,
            reason=reasons.WAITING_FOR_TRAFFIC,
            message="waiting until the proxies send the share that the routes ask for"
            + telemetry_trouble(scene),
            wake_at=scene.at(scene.weight_since + scene.settle),
        )
    phase = status.phase.model_copy(update={"started_at": started})
    return Step(
        changed(status, phase=phase, traffic=_converged(scene, converged=True)),
        reason=reasons.WAITING_FOR_HOLD,
    )


def _converged(scene: Scene, *, converged: bool) -> object:
    traffic = scene.status.traffic
    return traffic.model_copy(update={"converged": converged}) if traffic else None


def _realised_since(scene: Scene) -> datetime | None:
    phase, run, traffic = scene.phase, scene.run, scene.observed.traffic
    assert phase is not None, "called only inside a phase"
    assert run is not None, "called only while a run is on"
    entered = scene.status.phase.entered_at if scene.status.phase else scene.now
    since = scene.weight_since
    if scene.switches:
        seen = Seen.SILENT  # no proxy has to take up anything; old connections end with the pods
    elif phase.weight == 100:  # noqa: PLR2004 — all of it: nothing may reach stable any more
        seen = idle(traffic, Arm("stable", scene.status.stable_revision), since)
    elif kept_share(scene.spec, phase.weight, phase.shares):
        # Users are shared out, requests are counted.
        seen = some(traffic, run.to_revision, since) if phase.weight else Seen.YES
        seen = variants.together(seen, variants.reached(scene, traffic, since))
    else:
        written = scene.routes.written(phase.weight) if scene.routes else None
        matched = bool(phase.match or phase.mirror)
        seen = share(
            traffic, run.to_revision, phase.weight, since, written=written, at_least=matched
        )
        seen = variants.together(seen, variants.realised(scene, traffic, since))
    settled, picks = since + scene.settle, picks_of(scene.spec, phase)
    if picks and scene.now < settled:
        return None  # who has which headers nobody counts: time has to stand in for that part
    if seen is Seen.YES and traffic is not None and not picks:
        realised = realised_at(traffic, since)
    elif seen in (Seen.YES, Seen.SILENT) and scene.now >= settled:
        realised = settled
    else:
        return None
    # A phase that left the weight as it was begins when its pods are there too: now.
    return realised if since >= entered else scene.now


def _held(scene: Scene) -> Step | None:
    status, phase = scene.status, scene.phase
    assert phase is not None, "called only inside a phase"
    if status.phase is None or status.phase.started_at is None:
        return None
    until = status.phase.started_at + timedelta(seconds=phase.hold_s)
    if scene.now >= until or experimenting.ended_early(scene):
        return None
    message = f"phase {phase.name}: holding {phase.weight} % until {until:%H:%M:%S} UTC"
    return Step(status, reason=reasons.WAITING_FOR_HOLD, message=message, wake_at=until)


def _measured(scene: Scene) -> Step | None:
    name = scene.phase.name if scene.phase else ""
    obstacle = obstacle_to_pass(scene)
    if obstacle:
        message = f"phase {name} waits: {obstacle}"
        return Step(scene.status, reason=reasons.WAITING_FOR_GATES, message=message)
    told = obstacle_to_pass(scene, told=True)
    return (observing.phase_waits(scene, name, told) if told else None) or not_paused(scene)


def _advance(scene: Scene) -> Step:
    status, phase = scene.status, scene.phase
    assert status.phase is not None, "called only inside a phase"
    assert phase is not None, "called only inside a phase"
    index = scene.spec.phases.index(phase) + 1
    obstacle = entering.obstacle(scene, index)
    if obstacle is not None:
        return obstacle
    message = f"phase {phase.name} passed at {phase.weight} %"
    passed = note_run(status, scene.now, phase.name, reasons.PHASE_PASSED, message)
    after = enter(Scene(scene.rollout, passed, scene.observed, scene.now), index)
    return Step(
        after.status, notes=(Note(reasons.PHASE_PASSED, message), *after.notes), reason=after.reason
    )
