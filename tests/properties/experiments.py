"""What must hold of the variants of an experiment, checked against the world as it really is."""

from __future__ import annotations

from collections.abc import Iterator

from tests.properties.world import World
from tidegate.api.checks import Bound
from tidegate.api.phases import Phase
from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus, Stage
from tidegate.api.variants import DESTINATION, Shares
from tidegate.core.decision import PointDestination, SetWeight
from tidegate.core.picks import picked_arms


def shares(rollout: Rollout, status: RolloutStatus) -> Shares:
    """What the phase that is on gives to variants."""
    name = status.phase.name if status.phase else ""
    phase = next((p for p in rollout.spec.phases if p.name == name), None)
    return phase.shares if phase is not None else ()


def tried(world: World, canary: str, check_id: str) -> str:
    """The revision that a check, or a claim of an experiment, is about."""
    name = check_id.partition("@")[2].partition("/")[0]
    return world.arm(name) if name else canary


def more_to_variants(
    world: World, rollout: Rollout, status: RolloutStatus, effect: SetWeight
) -> None:
    """A variant gets more only in its phase, on pods of its own that all proxies know."""
    place = world.setting.virtual_services.index(effect.virtual_service)
    assert picked_arms(effect.match) <= {name for name, _ in effect.variants}, "users of no arm"
    had = dict(world.routes.shares[place])
    for name, share in effect.variants:
        if share <= had.get(name, 0):
            continue
        assert status.run is not None, "a variant gets requests with no run on"
        assert status.run.stage is Stage.PHASE, "a variant gets requests outside of a phase"
        asked = dict(shares(rollout, status)).get(name, 0)
        assert share <= asked, "a variant gets more than its phase says"
        selected = world.routes.variants[name]
        assert selected == world.arm(name), "a variant gets requests on another revision"
        assert had.get(name) or world.known(selected), "a variant's pods are known to nobody"
        paused = status.pause is not None or rollout.spec.paused
        assert not paused, "a variant gets requests in a pause"


def pointed(world: World, effect: PointDestination) -> bool:
    """Check a write to a variant's subset; whether it must have been seen idle before."""
    name = effect.destination.removeprefix(DESTINATION)
    selected = world.routes.variants[name]
    assert selected != effect.revision, "pointed at what it selects"
    assert name not in world.routes.sent, "a variant re-pointed while it has weight"
    assert world.ready(effect.revision) > 0, "a variant pointed at no ready pod"
    return selected is not None and world.ready(selected) > 0


def sent_until(world: World, effect: PointDestination) -> float:
    """The second at which a variant's last weight was taken away."""
    name = effect.destination.removeprefix(DESTINATION)
    since = world.past[0][0]
    for (_, before), (at_s, after) in zip(world.past, world.past[1:], strict=False):
        if name in before.sent and name not in after.sent:
            since = at_s
    return since


def checks_of_variants(rollout: Rollout, phase: Phase) -> Iterator[tuple[str, Bound]]:
    """Each guard and gate of an experiment, about each of its variants."""
    place, own = rollout.spec.phases.index(phase), {guard.metric for guard in phase.guards}
    for name, _ in phase.shares:
        for i, guard in enumerate(rollout.spec.guards):
            if guard.metric not in own:
                yield f"guard/{i}@{name}", guard
        for i, guard in enumerate(phase.guards):
            yield f"guard/{place}/{i}@{name}", guard
        for i, gate in enumerate(phase.gates):
            yield f"gate/{place}/{i}@{name}", gate
