"""Capacity that moves with the traffic: `spec.capacity.mode: shift`.

Stable shrinks after its traffic has left, and comes back before its traffic does. The pods it
must have are `Scene.stable_pods`, which counts the least share the canary has in any route;
`resting.stable_size_up` gives them back in every pass of a run, whoever took the traffic away from
the canary, and after a run the rest.
"""

from __future__ import annotations

from datetime import datetime

from tidegate.core import freezing, reasons
from tidegate.core.convergence import Arm, Seen, at_most
from tidegate.core.decision import Note, ScaleReplicaSet
from tidegate.core.measuring import obstacle_to_raise
from tidegate.core.scene import Scene, Step


def back(scene: Scene, weight: int) -> Step | None:
    """Ready pods of stable before a phase gives it traffic back.

    Only where a phase means to: a share that somebody else raised is taken back at once.
    """
    routes, stable, phase = scene.routes, scene.stable, scene.status.phase
    if not scene.shifts or routes is None or stable is None or phase is None:
        return None
    if routes.weight <= weight or scene.weight_since > phase.entered_at:
        return None
    if stable.ready >= scene.stable_pods:
        return None
    message = (
        f"{stable.ready} of {scene.stable_pods} pods of stable are ready; "
        f"the canary keeps its {routes.weight} % until they are"
    )
    return Step(scene.status, reason=reasons.WAITING_FOR_PODS, message=message)


def shrunk(scene: Scene, weight: int) -> Step | None:
    """Stable without the pods that its share no longer needs.

    Asked once the phase's clock runs. With few requests, a share that is off by much still counts
    as realised; so what was counted at stable since then must fit the pods that stay, too. What
    was counted while a hand had pointed its destination elsewhere tells nothing. Not in a pause or
    a freeze, nor while a guard speaks against the canary: what may go back soon keeps its pods.
    """
    routes, stable = scene.routes, scene.stable
    if not scene.shifts or routes is None or stable is None or scene.paused:
        return None
    if any(r.weight != weight or not r.even or r.match != () for r in routes.weights):
        return None  # how much header routes bring is not known: stable keeps what it has
    fewer = scene.stable_pods
    since = _written_since(scene)
    if stable.replicas <= fewer or scene.now < since + scene.settle:
        return None
    if freezing.current(scene) is not None:
        return None
    if obstacle_to_raise(scene) or not _fits(scene, fewer, since):
        return None
    message = f"stable keeps {fewer} of {stable.replicas} pods for its {100 - weight} %"
    effect = ScaleReplicaSet(stable.name, stable.replica_set, stable.uid, fewer)
    note = Note(reasons.STABLE_SHRUNK, message)
    return Step(scene.status, effect, (note,), reasons.SCALING, message)


def _written_since(scene: Scene) -> datetime:
    """Since when the routes have given stable its share, and the share was stable's."""
    traffic = scene.status.traffic
    pointed = traffic.stable_since if traffic else None
    return max(scene.weight_since, pointed or scene.now)


def _fits(scene: Scene, fewer: int, since: datetime) -> bool:
    most = fewer / scene.full
    arm = Arm("stable", scene.status.stable_revision)
    seen = at_most(scene.observed.traffic, arm, most, since)
    return seen in (Seen.YES, Seen.SILENT)
