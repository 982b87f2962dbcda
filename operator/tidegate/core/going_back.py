"""The way back to a revision that was stable before: how it begins, and what may be sent there.

It is a run without phases that waits for no metrics: whoever asks for it knows already that the
present revision is the wrong one. Pods before traffic, and traffic away before pods, stay.
"""

from __future__ import annotations

from tidegate.api.status import RolloutStatus, RunStatus, Stage
from tidegate.core import beginning, capacity, reasons
from tidegate.core.decision import Note, SetWeight
from tidegate.core.scene import Scene

ALL = 100


def begun(scene: Scene, status: RolloutStatus, to: str, why: str) -> RolloutStatus:
    """The status with a run from stable to that revision; `why` is kept as its reason."""
    number = status.last_run_number + 1
    run = RunStatus(
        number=number,
        from_revision=status.stable_revision,
        to_revision=to,
        started_at=scene.now,
        stage=Stage.PROMOTING,
        min_replicas=scene.full,
        undo=why,
    )
    return beginning.begun(scene, status, run, sentence(run))


def sentence(run: RunStatus) -> str:
    """What such a run does, for people."""
    return f"run {run.number}: back from revision {run.from_revision} to {run.to_revision}"


def note_of(status: RolloutStatus) -> tuple[Note, ...]:
    """The event of its beginning."""
    return (Note(reasons.RUN_STARTED, sentence(status.run)),) if status.run else ()


def carried(scene: Scene) -> int:
    """The share in percent that the old revision's ready pods can take from the present one.

    As in a revert: half of them take everything, and below that traffic follows the ready pods.
    """
    ready = scene.canary.ready if scene.canary else 0
    if not scene.full:
        return ALL
    if ready == 0:
        return 0
    share = ALL - capacity.weight_left_on_canary(
        ALL,
        stable_ready=ready,
        canary_ready=scene.stable.ready if scene.stable else 0,
        full=scene.full,
    )
    return 0 if scene.switches and share < ALL else share  # all or nothing


def write(scene: Scene) -> SetWeight | None:
    """The next route write towards that share, or None: the destination must select it already."""
    routes, share = scene.routes, carried(scene)
    if routes is None or routes.canary != scene.canary_revision or not scene.full:
        return None
    unknown = scene.now < scene.canary_known_at
    for route in routes.weights:
        if route.weight == 0 and unknown:
            continue  # its first pods are ready, but proxies need not know them yet
        stray = route.matched and share == ALL  # what others made would keep stable from going
        if route.weight < share or (route.weight == share > 0 and (stray or not route.even)):
            return SetWeight(route.virtual_service, share)
    return None


def shift_note(scene: Scene, effect: SetWeight | None) -> tuple[Note, ...]:
    """The event of a route write of the way back; none where there is no write."""
    routes = scene.routes
    if effect is None or routes is None:
        return ()
    route = next(r for r in routes.weights if r.virtual_service == effect.virtual_service)
    said = f"canary {route.weight} -> {effect.weight} % in {route.title}"
    return (Note(reasons.TRAFFIC_SHIFTED, said),)


def lead(scene: Scene) -> SetWeight | None:
    """The route write that may go ahead of its record: everything, to pods that carry it."""
    return write(scene) if carried(scene) == ALL else None


def is_back(scene: Scene) -> bool:
    """Whether, in a bake, all traffic of some route goes to the old revision.

    Only this engine, or a person who means it, sends it there. So it is the record of a way back
    whose status was lost: taking it for drift would send everything to a bad revision once more.
    """
    routes = scene.routes
    return (
        scene.baking
        and scene.canary_revision is not None
        and routes is not None
        and routes.canary == scene.canary_revision
        and any(route.weight == ALL for route in routes.weights)
    )
