"""Rollouts to try, and the ways in which a cluster can be slow: values for hypothesis to choose."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.properties.loop import Operator
from tests.properties.watch import Watch
from tests.properties.world import Depth, Proxy, Setting, Span, World
from tidegate.api.blind import Blind
from tidegate.api.checks import Gate, Guard, Metric
from tidegate.api.matching import Buckets, HttpMatch, StringMatch
from tidegate.api.mirroring import Mirror
from tidegate.api.phases import Phase
from tidegate.api.rollout import Bake, Drain, RolloutSpec
from tidegate.api.selector import LabelSelector
from tidegate.api.status import Stage
from tidegate.api.sticky import Sticky
from tidegate.api.traffic import DestinationRuleRef, IstioTraffic, Traffic, VirtualServiceRef
from tidegate.api.variants import VariantWeight

ERRORS = Metric(name="errors", template="istio-error-rate", window_s=10.0)
DEPLOYED_S = 40.0
"""By then the first revision stands and is at rest."""
RELEASE_S = 60.0
"""When the template changes from A to B."""
LONG_S = 1500.0
"""Enough for every run to end under fair conditions."""


EXAMPLES_PART = {"": 1, "1": 4, "2": 8}
"""By TIDEGATE_QUICK: one example of so many. 1 is for inner runs, 2 for `make check`."""
POINTS_PART = {"": 1, "1": 1, "2": 6}
"""By TIDEGATE_QUICK: one moment (of a crash, a pause, a stall) of so many, others each day."""
QUICK = os.environ.get("TIDEGATE_QUICK", "")

_Item = TypeVar("_Item")


def examples(usual: int) -> settings:
    """How many examples a test tries: its own, or what TIDEGATE_EXAMPLES asks for.

    TIDEGATE_QUICK takes a part of them; `make test` takes all.
    """
    usual = max(1, usual // EXAMPLES_PART[QUICK])
    return settings(max_examples=int(os.environ.get("TIDEGATE_EXAMPLES", usual)))


def some_of(points: Sequence[_Item]) -> Sequence[_Item]:
    """All of them; under TIDEGATE_QUICK=2 a part that changes with the day (TIDEGATE_SEED)."""
    part = min(POINTS_PART[QUICK], len(points))
    return points[int(os.environ["TIDEGATE_SEED"]) % part :: part]


def guard(
    *, breaches: int = 1, of: int = 1, then: Literal["revert", "pause", "hold"] = "revert"
) -> Guard:
    """A guard on the error rate."""
    return Guard(metric="errors", max=0.01, interval_s=2.0, breaches=breaches, of=of, then=then)


def gate(*, for_s: float | None = None) -> Gate:
    """A gate on the error rate."""
    return Gate(metric="errors", max=0.005, interval_s=2.0, for_s=for_s)


def phase(
    name: str,
    weight: int,
    *,
    hold_s: float = 5.0,
    replicas: int | str | None = None,
    gates: tuple[Gate, ...] = (),
    guards: tuple[Guard, ...] = (),
    match: tuple[HttpMatch, ...] = (),
    mirror: int | None = None,
    **shares: int,
) -> Phase:
    """A phase by its numbers; what is left are the shares of variants."""
    return Phase(
        name=name,
        weight=weight,
        hold_s=hold_s,
        replicas=replicas,
        gates=gates,
        guards=guards,
        match=match,
        mirror=Mirror(percent=mirror) if mirror else None,
        variants=tuple(VariantWeight(name=n, weight=w) for n, w in shares.items()),
    )


BETA = (HttpMatch(headers={"x-group": StringMatch(exact="beta")}),)
PHONES = (HttpMatch(headers={"x-device": StringMatch(exact="phone")}),)
TENTH, HALF = (
    (HttpMatch(buckets=Buckets(header="x-user", percent=percent, encoding="decimal")),)
    for percent in (10, 50)
)
STICKY = Sticky(cookie="shop")


TWO_PHASES = (phase("ten", 10, gates=(gate(),)), phase("half", 50, gates=(gate(for_s=4.0),)))


def rollout_spec(
    *,
    replicas: int = 4,
    phases: tuple[Phase, ...] = TWO_PHASES,
    guards: tuple[Guard, ...] = (guard(),),
    virtual_services: tuple[str, ...] = ("shop",),
    settle_s: float = 5.0,
    sticky: Sticky | None = None,
) -> RolloutSpec:
    """A spec with two subsets of one host."""
    return RolloutSpec(
        replicas=replicas,
        selector=LabelSelector(match_labels={"app": "shop"}),
        template={},
        traffic=Traffic(
            istio=IstioTraffic(
                virtual_services=tuple(VirtualServiceRef(name=name) for name in virtual_services),
                destination_rule=DestinationRuleRef(name="shop"),
            ),
            settle_s=settle_s,
            sticky=sticky,
        ),
        progress_deadline_s=60.0,
        drain=Drain(max_s=300.0),
        metrics=(ERRORS,),
        guards=guards,
        phases=phases,
        blind=Blind(after_s=60.0),
    )


def deployed(setting: Setting, spec: RolloutSpec, *, foreign: bool = False) -> Operator:
    """An operator whose first revision A stands and is at rest; failures count from here."""
    operator = Operator(World(setting), spec, watch=Watch(foreign=foreign))
    operator.run(DEPLOYED_S)
    assert operator.status.stable_revision == "A", operator.status.message
    operator.world.failed = 0.0
    operator.world.failures.clear()
    operator.writes = 0
    operator.effects.clear()
    operator.notes.clear()
    return operator


def release(operator: Operator, revision: str = "B", *, at_s: float = RELEASE_S) -> None:
    """Change the template at that second."""
    operator.at(at_s, lambda op: retarget(op, revision))


def retarget(operator: Operator, revision: str) -> None:
    """Change the template now."""
    operator.world.target = revision
    operator.edit()


def quiet(operator: Operator) -> bool:
    """Whether no run is on, all is at rest and nothing is left to drain."""
    status, world = operator.status, operator.world
    destinations = {world.routes.stable, world.routes.canary}
    if world.setting.switch == "active":  # there is no other
        destinations = {world.routes.stable}
    at_home = destinations | set(world.routes.variants.values()) == {status.stable_revision}
    busy = [name for name in world.sets if world.pods(name) and name != status.stable_revision]
    waits = world.target not in (status.stable_revision, status.reverted_revision)
    return (
        status.run is None
        and at_home
        and not any(world.routes.weights)
        and not world.routes.matched
        and not world.routes.sent
        and not busy
        and not waits
        and not world.actions
    )


def finish(operator: Operator, *, until_s: float = LONG_S) -> None:
    """Live through what is to come, then on until all is quiet; fail if it never is."""
    operator.run(operator.last_event_s + 0.5)
    operator.run(until_s, stop=quiet)
    assert quiet(operator), f"not at rest after {until_s}s: {operator.status.message}"


# ---------------------------------------------------------------- strategies

LAGS_S = st.sampled_from([0.1, 0.5, 1.0, 2.0, 4.0])


@st.composite
def proxies(draw: DrawFn, stalls: SearchStrategy[tuple[Span, ...]]) -> tuple[Proxy, ...]:
    """Two or three proxies; the first may stall. Endpoints come no later than routes."""
    found = []
    for place in range(draw(st.integers(2, 3))):
        lags = sorted((draw(LAGS_S), draw(LAGS_S)))
        found.append(Proxy(lags[0], lags[1], draw(stalls) if place == 0 else ()))
    return tuple(found)


NO_STALL: SearchStrategy[tuple[Span, ...]] = st.just(())
STALLS: SearchStrategy[tuple[Span, ...]] = st.floats(RELEASE_S - 5, RELEASE_S + 90).map(
    lambda start: ((round(start, 1), round(start, 1) + 90.0),)
)


@st.composite
def settings_of(
    draw: DrawFn,
    *,
    stalls: SearchStrategy[tuple[Span, ...]] = NO_STALL,
    depths: tuple[Depth, ...] = ("revision", "subset", "none"),
) -> Setting:
    """A cluster: one or two VirtualServices, some lag, some depth of telemetry."""
    return Setting(
        proxies=draw(proxies(stalls)),
        virtual_services=draw(st.sampled_from([("shop",), ("shop", "shop-internal")])),
        rate_rps=draw(st.sampled_from([20.0, 100.0, 400.0])),
        window_s=draw(st.sampled_from([2.0, 5.0, 15.0])),
        depth=draw(st.sampled_from(depths)),
        startup_s=draw(st.sampled_from([0.5, 3.0, 12.0])),
        matched=draw(st.sampled_from([5.0, 40.0])),
    )


@st.composite
def phase_lists(draw: DrawFn) -> tuple[Phase, ...]:
    """No phase to three, dark ones and full ones among them."""
    count = draw(st.integers(0, 3))
    found = []
    for place in range(count):
        weight = draw(st.sampled_from([0, 1, 10, 50, 100]))
        gates = draw(st.sampled_from([(), (gate(),), (gate(for_s=4.0),)])) if weight else ()
        replicas = draw(st.sampled_from([None, "100%", 2]))
        hold_s = draw(st.sampled_from([0.0, 3.0, 20.0]))
        match = draw(st.sampled_from([(), (), BETA, PHONES, TENTH, HALF]))
        mirror = draw(st.sampled_from([None, None, 20, 100])) if weight == 0 else None
        guards = draw(st.sampled_from([(), (), (guard(),), (guard(breaches=2, of=3),)]))
        found.append(
            phase(
                f"p{place}",
                weight,
                hold_s=hold_s,
                replicas=replicas,
                gates=gates,
                guards=guards,
                match=match,
                mirror=mirror,
            )
        )
    return tuple(found)


@st.composite
def rollouts(draw: DrawFn) -> RolloutSpec:
    """A spec with some phases, guards and settle time."""
    return rollout_spec(
        replicas=draw(st.sampled_from([1, 4, 7])),
        phases=draw(phase_lists()),
        guards=draw(st.sampled_from([(guard(),), (guard(breaches=2, of=3),)])),
        settle_s=draw(st.sampled_from([5.0, 8.0])),
        sticky=draw(st.sampled_from([None, None, STICKY])),
    )


def baked(spec: RolloutSpec, duration_s: float = 60.0) -> RolloutSpec:
    """The same spec with a bake."""
    return spec.model_copy(update={"bake": Bake(duration_s=duration_s)})


def baking(operator: Operator) -> bool:
    """Whether the run is promoted and baking."""
    run = operator.status.run
    return run is not None and run.stage is Stage.BAKING


def matching(setting: Setting, spec: RolloutSpec) -> RolloutSpec:
    """The spec with the cluster's VirtualServices."""
    assert spec.traffic is not None
    named = rollout_spec(virtual_services=setting.virtual_services).traffic
    assert named is not None
    traffic = spec.traffic.model_copy(update={"istio": named.istio})
    return spec.model_copy(update={"traffic": traffic})


def with_bad(setting: Setting, *revisions: str) -> Setting:
    """The same cluster, in which those revisions answer with errors."""
    return replace(setting, bad=frozenset(revisions))


def goes_bad(operator: Operator, revision: str = "B") -> None:
    """From now on the revision answers with errors."""
    operator.world.setting = with_bad(operator.world.setting, revision)


def went_back(operator: Operator) -> None:
    """It ends with A serving, B sent back, and no request lost."""
    status, world = operator.status, operator.world
    assert (status.state, status.stable_revision) == ("Reverted", "A"), status.message
    assert status.reverted_revision == "B"
    last = status.last_run
    assert last is not None
    assert (last.outcome, last.reason) == ("Promoted", "Undone")
    assert world.pods("B") == 0
    assert world.failed == 0, world.failures[:3]
