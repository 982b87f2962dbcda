"""Sample-ratio mismatch: requests that are shared out otherwise than the routes ask for.

It is looked for once the phase's clock runs, so after the share was seen as asked. Who is compared
then may be other people than by lot (sessions that stick, a proxy that was left out), and what a
test says of them may be about that. So a gate with a test gives no verdict while it lasts and
gathers nothing, nor takes its single look; guards go on, for a suspicion that the release is bad
needs no fair comparison. Header routes have no share of requests to compare with, nor have users
who stay where they are: one who asks a lot may be in either arm.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tidegate.api.status import RolloutStatus, Stage
from tidegate.api.traffic_status import TrafficStatus
from tidegate.core import reasons, variants
from tidegate.core.convergence import Seen, share
from tidegate.core.decision import Note
from tidegate.core.observation import Reading
from tidegate.core.picks import picks_of
from tidegate.core.scene import Scene
from tidegate.core.switching import ALL
from tidegate.core.testing import ends

SUSPECT = "the canary does not get the share that the routes ask for, so nothing is concluded"


def mismatched(scene: Scene) -> bool:
    """Whether the shares differ now by more than chance; as before while nobody can tell."""
    began = _counted_from(scene)
    if began is None:
        return False
    seen = _seen(scene, began)
    known = scene.status.traffic.mismatch_since if scene.status.traffic else None
    return seen is Seen.NO or (seen is not Seen.YES and known is not None and known >= began)


def _counted_from(scene: Scene) -> datetime | None:
    """From when on the shares have to be as asked; None where there is nothing to share out."""
    run, phase, started = scene.run, scene.phase, scene.status.phase
    if run is None or run.stage is not Stage.PHASE or phase is None or started is None:
        return None
    if started.started_at is None or started.started_at < scene.weight_since or scene.switches:
        return None
    routes = scene.routes.weights if scene.routes else ()
    asked = (phase.weight, phase.shares)
    as_asked = routes and all(one.even and (one.weight, one.variants) == asked for one in routes)
    shared = 0 < phase.weight < ALL or bool(phase.shares)
    if picks_of(scene.spec, phase) or not as_asked or not shared:
        return None  # routes that are not as asked are a drift, and told as such
    return started.started_at


def _seen(scene: Scene, began: datetime) -> Seen:
    traffic, run, phase = scene.observed.traffic, scene.run, scene.phase
    if traffic is None or run is None or phase is None:
        return Seen.UNKNOWN
    if traffic.at - timedelta(seconds=traffic.window_s) < began:
        return Seen.UNKNOWN
    written = scene.routes.written(phase.weight) if scene.routes else None
    seen = share(traffic, run.to_revision, phase.weight, began, written=written)
    return variants.together(seen, variants.realised(scene, traffic, began))


def dated(scene: Scene, traffic: TrafficStatus | None) -> TrafficStatus | None:
    """What is known of the routes, with since when their shares are not seen; None while they are.

    `traffic` is what this pass has found, the scene's status what was known before.
    """
    if traffic is None:
        return None
    known = scene.status.traffic
    began, ended = (known.mismatch_since, known.mismatch_until) if known else (None, None)
    since = (began or scene.now) if mismatched(scene) else None
    if began is not None and since is None:
        ended = scene.now
    if (since, ended) == (traffic.mismatch_since, traffic.mismatch_until):
        return traffic
    return traffic.model_copy(update={"mismatch_since": since, "mismatch_until": ended})


def right_since(scene: Scene) -> datetime | None:
    """When the last mismatch ended, which may be found in this pass; None where there was none."""
    known = scene.status.traffic
    if known is None:
        return None
    ends_now = known.mismatch_since is not None and not mismatched(scene)
    return scene.now if ends_now else known.mismatch_until


def comparable(scene: Scene, readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """The readings of a gate with a test whose windows were over before the shares went wrong.

    All of them while the shares are right: `right_since` then says from when they count.
    """
    if not mismatched(scene):
        return readings
    known = scene.status.traffic.mismatch_since if scene.status.traffic else None
    return tuple(one for one in readings if ends(one) <= (known or scene.now))


def note(scene: Scene, before: RolloutStatus) -> tuple[Note, ...]:
    """The word about a mismatch that this pass has found; `before` is the status at its start."""
    known, traffic = before.traffic, scene.status.traffic
    new = traffic is not None and traffic.mismatch_since is not None
    if not new or (known is not None and known.mismatch_since is not None):
        return ()
    return (Note(reasons.SAMPLE_RATIO_MISMATCH, _found(scene), warning=True),)


def _found(scene: Scene) -> str:
    counts, run = scene.observed.traffic, scene.run
    by, key = (
        (counts.by_subset, "canary")
        if counts and counts.by_subset is not None
        else (counts.by_revision if counts else None, run.to_revision if run else "")
    )
    total = sum((by or {}).values())
    weight = scene.phase.weight if scene.phase else 0
    arms = scene.phase.shares if scene.phase else ()
    others = "".join(
        f", variant {name} {variants.counted(scene, name):.0f} for {asked} %"
        for name, asked in arms
    )
    return (
        f"the canary got {(by or {}).get(key, 0.0):.0f} of {total:.0f} requests, "
        f"{weight} % are asked for{others}: gates with a test wait until the shares are right"
    )
