"""Sending the traffic back: the shortest path there is, and everything that can start it.

The route write needs no query, no wait and no status; it leads, and the record follows. If the
process dies between the two, the trouble is still there to be seen: an abort is an object that
has no answer yet, a breach is in the metrics, and no weight rises again before its guards were
read anew (`checks.may_raise`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypeGuard

from tidegate.api.status import LastRun, RolloutStatus
from tidegate.api.variants import Shares
from tidegate.core import (
    blindness,
    capacity,
    deadlines,
    going_back,
    observing,
    reasons,
    variants,
)
from tidegate.core.breaches import alarms, breach_text, breaches
from tidegate.core.decision import Effect, Note, ScaleReplicaSet, SetWeight, SwitchService
from tidegate.core.hook_places import after_revert
from tidegate.core.journal import noted
from tidegate.core.measuring import refused
from tidegate.core.observation import Observed, RouteWeight
from tidegate.core.picks import Picks, matches, within, without_copies
from tidegate.core.scene import Scene, Step, changed

OUTCOME_PROMOTED = "Promoted"
OUTCOME_REVERTED = "Reverted"
OUTCOME_SUPERSEDED = "Superseded"


def weight_to_leave(scene: Scene, weight: int) -> int:
    """The share in percent that has to stay on the canary for want of ready stable pods."""
    left = capacity.weight_left_on_canary(
        weight,
        stable_ready=scene.stable.ready if scene.stable else 0,
        canary_ready=scene.canary.ready if scene.canary else _other_ready(scene),
        full=scene.full,
    )
    return weight if left and scene.switches else left  # all or nothing


def _other_ready(scene: Scene) -> int:
    """Ready pods of whatever the canary destination selects when no run is on."""
    view = scene.observed.revision(scene.routes.canary) if scene.routes else None
    return view.ready if view else 0


def away(scene: Scene) -> SetWeight | None:
    """The next route write that takes traffic off the canary and the variants; None at its end."""
    for route in scene.routes.weights if scene.routes else ():
        keep = weight_to_leave(scene, route.weight)
        arms = variants.kept_back(variants.alive(scene, route), _not_carried(scene) - keep)
        left = _left(scene, route, keep, arms)
        same = (left, arms) == (route.match, route.variants)
        if route.weight > keep or not route.even or not same:
            return SetWeight(route.virtual_service, keep, left, arms)
    return None


def _not_carried(scene: Scene) -> int:
    """The share in percent that stable's ready pods cannot carry; 0 where it has no traffic."""
    stable = scene.stable.ready if scene.stable else 0
    others = sum(view.ready for view in scene.observed.revisions) - stable
    return capacity.weight_left_on_canary(
        capacity.PERCENT, stable_ready=stable, canary_ready=others, full=scene.full
    )


def _left(scene: Scene, route: RouteWeight, keep: int, arms: Shares) -> Picks | None:
    """The header routes that stay, None for whatever there is.

    How many requests matches bring is not known: they stay until stable can carry all. A share that
    users keep would hold back what leaves: without it the weight alone says who goes where. Nobody
    waits for the answer to a copy: those go at once.
    """
    if not weight_to_leave(scene, capacity.PERCENT):
        return ()
    if route.match is None:
        return None
    same = (keep, arms) == (route.weight, route.variants)
    return without_copies(route.match) if same else matches(route.match)


def takes_away(effect: Effect | None, observed: Observed) -> TypeGuard[Effect]:
    """Whether that write only gives the canary less: safe in any state, whoever wrote before."""
    if isinstance(effect, SwitchService):
        return effect.back
    if not isinstance(effect, SetWeight) or observed.routes is None:
        return False
    routes = observed.routes.weights
    return any(_lessens(r, effect) for r in routes if r.virtual_service == effect.virtual_service)


def _lessens(route: RouteWeight, effect: SetWeight) -> bool:
    """Whether that write takes weight, header routes or variants away, and adds none of them."""
    stays = effect.match is None or effect.match == route.match
    if effect.weight > route.weight or not (stays or within(effect.match, route.match)):
        return False
    if variants.adds(effect.variants, route.variants):
        return False
    fewer = effect.variants != route.variants
    return effect.weight < route.weight or fewer or not stays


def end_run(scene: Scene, outcome: str, reason: str, message: str) -> RolloutStatus:
    """The status once the run is over; its phase and journal stay readable as the last run."""
    run = scene.run
    assert run is not None, "end_run is called only while a run is on"
    if outcome != OUTCOME_PROMOTED:
        run = noted(run, scene.now, "run", reason, message)
    last = LastRun(
        number=run.number,
        from_revision=run.from_revision,
        to_revision=run.to_revision,
        outcome=outcome,
        reason=reason,
        message=observing.summed_up(scene, message),
        started_at=run.started_at,
        finished_at=scene.now,
        kept_replicas=run.min_replicas if scene.spec.replicas < run.min_replicas else None,
        history=run.history,
    )
    ended = changed(
        scene.status,
        run=None,
        phase=None,
        canary_revision=None,
        last_run=last,
        last_run_number=run.number,
        pause=None,
        waiting_since=None,
        waiting_ready=None,
        deadline_since=None,
        blind_since=None,
    )
    return after_revert(scene, ended) if outcome == OUTCOME_REVERTED else ended


def send_back(scene: Scene, reason: str, message: str, *, warning: bool = True) -> Step:
    """End the run as reverted; the route write that does it comes with the same step."""
    run = scene.run
    assert run is not None, "send_back is called only while a run is on"
    if scene.baking:
        return _to_the_old(scene, reason, message, warning=warning)
    if scene.routes is None:
        message += "; the routes cannot be read now, so traffic follows as soon as they can"
    status = changed(
        end_run(scene, OUTCOME_REVERTED, reason, message),
        reverted_revision=None
        if run.undo or run.to_revision == scene.status.stable_revision
        else run.to_revision,
    )
    note = Note(
        reasons.REVERTED,
        f"run {run.number}: revision {run.to_revision} sent back to {run.from_revision}: {message}",
        warning=warning,
    )
    return Step(status, away(scene), (note,), reason, message)


def _to_the_old(scene: Scene, reason: str, message: str, *, warning: bool) -> Step:
    """Send back what is promoted already: the run ends, and the way back is a run of its own.

    The route write leads as in any revert, where the canary destination selects the old revision
    already and its pods carry everything; otherwise the intent is stored first.
    """
    run = scene.run
    assert run is not None, "called only in a bake"
    assert run.from_revision is not None, "a bake keeps an old revision"
    ended = end_run(scene, OUTCOME_REVERTED, reason, message)
    status = going_back.begun(scene, ended, run.from_revision, message)
    sentence = (
        f"run {run.number}: revision {run.to_revision} sent back to {run.from_revision}: {message}"
    )
    effect = going_back.lead(scene)
    notes = (Note(reasons.REVERTED, sentence, warning=warning), *going_back.note_of(status))
    return Step(status, effect, notes + going_back.shift_note(scene, effect), reason, message)


def can_go_back(scene: Scene) -> bool:
    """Whether what a bake would send traffic back to is still there."""
    return not scene.baking or scene.canary is not None


def found_back(scene: Scene) -> Step | None:
    """A way back whose record was lost: the routes tell."""
    if not going_back.is_back(scene):
        return None
    message = f"the routes send all traffic to revision {scene.canary_revision}"
    return send_back(scene, reasons.UNDONE, message)


def unfinished(scene: Scene) -> Step | None:
    """The rest of a revert's route writes: before anything else, even before it is answered.

    With no run on, a canary destination that selects anything but stable has no claim to traffic.
    """
    routes, stable = scene.routes, scene.status.stable_revision
    if scene.run is not None or routes is None or stable is None:
        return None
    if routes.stable != stable or (routes.canary == stable and not routes.shares):
        return None
    effect = away(scene) or _pods_back(scene)
    if effect is None:
        return None
    return Step(scene.status, effect, reason=reasons.REVERTED, message="traffic goes to stable")


def _pods_back(scene: Scene) -> ScaleReplicaSet | None:
    """All of stable's pods again, where it was shrunk: the rest of its traffic waits for them."""
    stable = scene.stable
    if stable is None or scene.routes is None or scene.routes.idle:
        return None
    if stable.replicas >= scene.full:
        return None
    return ScaleReplicaSet(stable.name, stable.replica_set, stable.uid, scene.full)


def on_trouble(scene: Scene) -> Step | None:
    """Send the run back if a guard, a deadline or blindness says so."""
    if scene.run is None or not can_go_back(scene):
        return None
    if scene.undo:
        return _on_deadline(scene)
    late = _on_deadline(scene) or _on_timeout(scene)
    return _on_breach(scene) or late or _on_blindness(scene)


def _on_breach(scene: Scene) -> Step | None:
    for check, guard, readings in breaches(scene):
        if guard.then == "revert":
            message = breach_text(scene, check, guard, readings[-1])
            return send_back(scene, reasons.GUARD_BREACHED, message, warning=alarms(guard))
    return None


def _on_deadline(scene: Scene) -> Step | None:
    since = scene.status.waiting_since
    limit = timedelta(seconds=scene.spec.progress_deadline_s)
    if since is None or scene.now - since < limit or scene.baking:
        return None
    if scene.undo and scene.routes is not None and scene.routes.weight > 0:
        return None  # it serves already, and there is no better place to send to
    ready, missing = scene.canary.ready if scene.canary else 0, variants.pods_missing(scene)
    if ready >= scene.canary_pods > 0 and not missing:
        return None  # they came in time, and proxies get to know them
    if ready < scene.canary_pods or not missing:
        missing = f"{ready} of {scene.canary_pods} pods of the new revision"
    message = (
        f"{missing} were ready after "
        f"progressDeadline {scene.spec.progress_deadline_s:g}s; look at the pods' events"
    )
    return send_back(scene, reasons.PROGRESS_DEADLINE_EXCEEDED, message)


def _on_timeout(scene: Scene) -> Step | None:
    """The phase's own deadline; while something must be mended first, that is said instead.

    A policy that is not understood is nothing of the Rollout's: it holds back no revert.
    """
    if scene.phase is None or scene.phase.on_timeout != "revert":
        return None
    message = deadlines.overdue(scene)
    if not message or scene.observed.problems or refused(scene):
        return None
    return send_back(scene, reasons.PHASE_DEADLINE_EXCEEDED, message)


def _on_blindness(scene: Scene) -> Step | None:
    for _, then, why, alarm in blindness.too_long(scene, told=False):
        if then == "revert":
            return send_back(scene, reasons.METRICS_BLIND, why, warning=alarm)
    return None
