"""The small cluster where routes are the Rollout's own: not there before, and sometimes deleted.

While the route is missing, requests go to all pods behind the Service, half to each revision: so
it is as if somebody had set a weight of 50.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.properties.loop import Operator
from tests.properties.scenario import DEPLOYED_S
from tests.properties.watch import Watch
from tests.properties.world import WRITE_S, Setting, World
from tidegate.api.rollout import Rollout, RolloutSpec
from tidegate.core.decision import AlignRoute, Decision, Effect, MakeDestinations, MakeRoute
from tidegate.core.observation import Observed, OwnRoute, Reading, TrafficReading

RULE, ROUTE = "DestinationRule", "VirtualService"
NO_ROUTE_WEIGHT = 50


class Workshop(World):
    """A World whose routes are made by the operator."""

    def __init__(self, setting: Setting, target: str = "A") -> None:
        super().__init__(setting, target)
        self.unmade = [RULE, ROUTE]
        self.outdated = False
        self.weight_before = 0

    def observe(
        self, readings: Mapping[str, tuple[Reading, ...]], traffic: TrafficReading | None
    ) -> Observed:
        """Everything the operator can see now: of what is missing, the destinations first."""
        seen = super().observe(readings, traffic)
        if self.unmade:
            return replace(seen, routes=None, own_routes=(OwnRoute(self.unmade[0], "shop"),))
        late = (OwnRoute(ROUTE, "shop", missing=False),) if self.outdated else ()
        return replace(seen, own_routes=late)

    def lose(self, *kinds: str) -> None:
        """Somebody deletes objects of the Rollout's own."""
        if ROUTE in kinds and ROUTE not in self.unmade:
            self.weight_before = self.routes.weights[0]
            self.set_weight("shop", NO_ROUTE_WEIGHT)
            self.put_match("shop", ())
        self.unmade = sorted({*self.unmade, *kinds})

    def apply(self, effect: Effect) -> None:
        """Do one write of the operator."""
        match effect:
            case MakeDestinations(_, stable, canary):
                assert self.unmade.pop(0) == RULE, "made twice, or too early"
                self.point("stable", stable)
                self.point("canary", canary)
            case MakeRoute(_, name, weight):
                assert self.unmade.pop(0) == ROUTE, "made twice, or too early"
                self.set_weight(name, weight)
            case AlignRoute():
                assert self.outdated, "a write that changes nothing"
                self.outdated = False
            case _:
                assert not self.unmade or not hasattr(effect, "destination"), "it is not there"
                super().apply(effect)
                return
        self.advance(self.now_s + WRITE_S)


@dataclass
class Maker(Watch):
    """Checks what is made, beside all other writes."""

    def effect(self, world: World, rollout: Rollout, decision: Decision) -> None:
        """Check one write just before it is done."""
        effect, status = decision.effect, decision.status
        assert isinstance(world, Workshop)
        match effect:
            case MakeDestinations(_, stable, canary):
                assert world.ready(stable) > 0, "made for no ready pod"
                there = {world.routes.stable, world.routes.canary} - {None}
                assert not there or {stable, canary} <= there, "made for somebody else"
            case MakeRoute(_, _, weight):
                assert world.ready(world.routes.stable) > 0, "made for no ready pod"
                assert weight in {0, world.weight_before}, "made at a weight that nobody asked for"
                assert not weight or status.run is not None, "a weight with no run on"
                assert not weight or world.ready(world.routes.canary) > 0
            case _:
                super().effect(world, rollout, decision)


def workshop(setting: Setting, spec: RolloutSpec) -> Operator:
    """An operator that has nothing yet."""
    return Operator(Workshop(setting), spec, watch=Maker())


def settled(setting: Setting, spec: RolloutSpec) -> Operator:
    """An operator whose first revision A stands behind a route of its own."""
    operator = workshop(setting, spec)
    operator.run(DEPLOYED_S)
    assert operator.status.stable_revision == "A", operator.status.message
    operator.world.failed = 0.0
    operator.world.failures.clear()
    operator.writes = 0
    operator.effects.clear()
    return operator


def lose(operator: Operator, at_s: float, *kinds: str) -> None:
    """Delete them at that second."""

    def deleted(later: Operator) -> None:
        assert isinstance(later.world, Workshop)
        later.world.lose(*kinds)

    operator.at(at_s, deleted)


def edit_hosts(operator: Operator, at_s: float) -> None:
    """Change the hosts in the spec at that second."""

    def edited(later: Operator) -> None:
        assert isinstance(later.world, Workshop)
        later.world.outdated = True
        later.edit()

    operator.at(at_s, edited)
